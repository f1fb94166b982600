"""Arrivals: which pictures of a performance are still on their way, and how long its film waits for them.

After the last note everybody's camera file sets out at once, and they come one after another. A film that began with
the first would begin anew with each; so it waits while others move, and a moment longer, but never past a limit: a
page that was closed in mid-way holds up nobody. No clock of its own: every moment is given, in seconds.
"""

from __future__ import annotations

from typing import Final

STILL_S: Final = 10.0
"""A file of which nothing came for so long is not waited for: its page is gone, or its line."""
TOGETHER_S: Final = 2.0
"""After one has come, another of the same song may be about to be announced."""
WAIT_S_MAX: Final = 60.0
"""So long after the last note's mix a film begins with whom it has."""


class Arrivals:
    """What is on its way, for all performances. Knows no file's content."""

    def __init__(self) -> None:
        self._moved_s: dict[tuple[str, int, str], float] = {}
        self._came_s: dict[str, float] = {}
        self._due_s: dict[str, float] = {}

    def moved(self, performance: str, seat: int, name: str, now_s: float) -> None:
        """A file was announced, or more of it came."""
        for one in [one for one, moved_s in self._moved_s.items() if now_s - moved_s > STILL_S]:
            del self._moved_s[one]
        self._moved_s[performance, seat, name] = now_s

    def came(self, performance: str, seat: int, name: str, now_s: float) -> None:
        """It is whole."""
        self._moved_s.pop((performance, seat, name), None)
        for one in [one for one, came_s in self._came_s.items() if now_s - came_s > TOGETHER_S]:
            del self._came_s[one]
        self._came_s[performance] = now_s

    def gone(self, performance: str, seat: int, name: str | None = None) -> None:
        """It will not come; nor will any of this seat, if no name is given."""
        for one in [one for one in self._moved_s if one[:2] == (performance, seat) and name in {None, one[2]}]:
            del self._moved_s[one]

    def due(self, performance: str, now_s: float) -> None:
        """A film is to be made. The limit counts from the first such word since one began."""
        self._due_s.setdefault(performance, now_s)

    def begun(self, performance: str) -> None:
        """The film begins, or is not wanted any more: the next one waits anew."""
        self._due_s.pop(performance, None)

    def wait_s(self, performance: str, now_s: float) -> float:
        """For how long nothing that happens by itself lets the film begin; 0 when it may."""
        moving_s = [moved_s + STILL_S for one, moved_s in self._moved_s.items() if one[0] == performance]
        until_s = max([*moving_s, self._came_s.get(performance, now_s - TOGETHER_S) + TOGETHER_S])
        return max(0.0, min(until_s, self._due_s.get(performance, now_s) + WAIT_S_MAX) - now_s)
