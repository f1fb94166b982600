"""Crowd: in how many courtyards of this server people are about to sing together, and whether these are many.

One thread cannot give twenty courtyards all that it gives one. Of those who are there before the first of them begins,
it is known what is to come: their songs have fewer rows and packets, begin each mixed frame earlier and encode it more
cheaply (core/rows.py, live/desk.py), so that no sound comes late.
"""

from __future__ import annotations

from typing import Final

ROOMS_MANY: Final = 6
"""With more courtyards in company the server is crowded."""

_COMPANY: Final = 2
"""Whoever sings alone is mixed for nobody."""


class Crowd:
    """The rooms of a server in which there is company."""

    def __init__(self) -> None:
        self._rooms: set[int] = set()

    def count(self, room: int, singers: int) -> None:
        """In this room so many are present who have had their sound check; nobody when it is put away."""
        if singers >= _COMPANY:
            self._rooms.add(room)
        else:
            self._rooms.discard(room)

    @property
    def crowded(self) -> bool:
        """Whether a song that begins now must do with less."""
        return len(self._rooms) > ROOMS_MANY
