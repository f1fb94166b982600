"""A Python library of Unisono's public protocol: everything a page can do in a courtyard, without a page.

    import asyncio
    from unisono.client import Courtyard, CardSpec, messages

    async def main() -> None:
        async with Courtyard.join("http://localhost:8000/courtyard#token", name="Ada", flag="it") as courtyard:
            await courtyard.check(CardSpec(latency_ms=60.0))
            async for event in courtyard:
                if isinstance(event, messages.SongChanged) and event.state == "count_in":
                    await courtyard.sing(voice)          # float32 at 48 kHz; sample 0 belongs at the song's start
                    await courtyard.until_written()

    asyncio.run(main())

A voice is placed by what its singer heard: `Courtyard.sing` plays and records through a simulated card (`CardSpec`: its
round trip and its clock's drift) and stamps as pages do. `Courtyard.hearing` gives what was heard, by position.
`open_courtyard` makes a room; `pieces`, `performances`, `performance` and `download` read what is there. `sing_along`
makes a room for singing along to a performance, and `keep` adds what was sung there to it.
"""

from unisono.client.api import (
    Links,
    Refused,
    download,
    keep,
    open_courtyard,
    performance,
    performances,
    pieces,
    sing_along,
)
from unisono.client.device import CardSpec
from unisono.client.guest import Event, Guest, Lost, SeatLost
from unisono.client.link import Link, parse_link
from unisono.client.session import Courtyard
from unisono.client.singing import Source, echo, recording
from unisono.client.tape import Tape
from unisono.client.weather import WeatherSpec
from unisono.core import messages

__all__ = [
    "CardSpec",
    "Courtyard",
    "Event",
    "Guest",
    "Link",
    "Links",
    "Lost",
    "Refused",
    "SeatLost",
    "Source",
    "Tape",
    "WeatherSpec",
    "download",
    "echo",
    "keep",
    "messages",
    "open_courtyard",
    "parse_link",
    "performance",
    "performances",
    "pieces",
    "recording",
    "sing_along",
]
