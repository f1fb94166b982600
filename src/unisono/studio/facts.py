"""What a step of the studio did to a sound, as a code with numbers: pages and reports make words of it."""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """`step` says who did it, `code` what, `numbers` how much, each named with its unit."""

    step: str
    code: str
    numbers: dict[str, float] = {}

    @property
    def name(self) -> str:
        """Both words, as a table of sentences knows it: `hum.taken_out`."""
        return f"{self.step}.{self.code}"


def fact(step: str, code: str, **numbers: float) -> Fact:
    """A Fact, its numbers rounded to what anybody reads."""
    return Fact(step=step, code=code, numbers={name: round(float(value), 2) for name, value in numbers.items()})
