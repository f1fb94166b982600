"""What a person can do besides making sound: one method for each message of docs/wire.md that needs no measuring."""

from __future__ import annotations

from abc import ABC, abstractmethod

from unisono.core import messages
from unisono.core.messages import FromPage


class Commands(ABC):
    """The plain commands of a seat; whoever may not do something gets a `problem` event back."""

    @abstractmethod
    def send(self, message: FromPage) -> bool:
        """Send any message of docs/wire.md; whether there was a connection."""

    def write(self, text: str) -> None:
        """Write a line for everybody."""
        self.send(messages.Write(text=text))

    def wave(self) -> None:
        """Wave from the balcony."""
        self.send(messages.Wave())

    def hand(self, *, up: bool) -> None:
        """Raise or lower a hand."""
        self.send(messages.Hand(up=up))

    def look(self, *, name: str, flag: messages.Flag | None = None, place: str = "") -> None:
        """Change how the balcony looks, or step onto it after watching."""
        self.send(messages.Who(name=name, flag=flag, place=place))

    def part(self, part: str, *, seat: int | None = None) -> None:
        """Say what one sings (`alto`; empty: nothing in particular), or, as the host, what another seat sings."""
        self.send(messages.Part(part=part, seat=seat))

    def pick(self, piece: str | None, *, key: int = 0, tempo_bpm: int = 0) -> None:
        """Choose what is sung next; None is free singing. For the leader and the host."""
        self.send(messages.Pick(piece=piece, key=key, tempo_bpm=tempo_bpm))

    def lead(self, seat: int) -> None:
        """Give the lead to a seat. For the host."""
        self.send(messages.Lead(seat=seat))

    def note(self) -> None:
        """Sound the starting note everywhere. For the leader and the host."""
        self.send(messages.Note())

    def start(self) -> None:
        """Begin the song. For the leader and the host."""
        self.send(messages.Start())

    def again(self) -> None:
        """Discard the song under way and begin anew. For the leader and the host."""
        self.send(messages.Again())

    def discard(self, performance: str) -> None:
        """Delete a performance that is done. For the leader and the host."""
        self.send(messages.Discard(performance=performance))
