"""Limits: how much of something is allowed, as a bucket that fills with time."""

from __future__ import annotations

from math import ceil

from unisono.units import SAMPLE_RATE


class Bucket:
    """Holds up to `burst` tokens and gains `per_second` of them; `now` is in samples and given by the caller."""

    __slots__ = ("_burst", "_per_sample", "_tokens", "_updated")

    def __init__(self, *, per_second: float, burst: float, now: int = 0) -> None:
        self._per_sample = per_second / SAMPLE_RATE
        self._burst = burst
        self._tokens = burst
        self._updated = now

    def samples_until(self, now: int, tokens: float = 1.0) -> int:
        """How long until that many tokens are there; 0 if they are."""
        gained = max(0, now - self._updated) * self._per_sample
        self._tokens = min(self._burst, self._tokens + gained)
        self._updated = max(now, self._updated)
        return ceil(max(0.0, tokens - self._tokens) / self._per_sample)

    def take(self, now: int, tokens: float = 1.0) -> bool:
        """Whether that many tokens were there; they are gone if so, and none is if not."""
        if self.samples_until(now, tokens) > 0:
            return False
        self._tokens -= tokens
        return True
