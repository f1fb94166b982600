"""Takes: what the folder of a take holds, where the live server and the studio meet.

    takes/<take>/original.<ext>   as it was uploaded, never changed; original-<performance>.stem: sung in a courtyard
    takes/<take>/take.json        TakeFacts: who, and what they and the host decided; the live server writes it
    takes/<take>/placed.json      TakeReport: what the studio found and did; the studio writes it, last of all
    takes/<take>/voice.wav        the voice on the performance's axis (sample 0 is the performance's start): it is mixed
    takes/<take>/listen.m4a       the take as it came, from its own sample 0, for placing it by ear
    takes/<take>/*_<language>.svg pictures for the page, with their words in each language

Everything but the first two can be made again. In a mix a take is a voice like any stem, under its `seat`: a number
from FIRST_SEAT on, so that it never is that of a seat which sang live.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

TAKES_FOLDER = "takes"
TAKE_FILE, REPORT_FILE = "take.json", "placed.json"
VOICE_FILE, LISTEN_FILE = "voice.wav", "listen.m4a"
FIRST_SEAT = 50_001
_T = TypeVar("_T")
_WRITING = threading.Lock()
"""Two of a server's threads may write one file: when its take is begun, and when a mix begins."""
_ID = re.compile(r"[0-9a-f]{16}")


class TakeFacts(Struct, frozen=True, kw_only=True):
    """Whose take it is. `flag` is as on the wire; `part` the part they sang, or empty.

    picture: whether it may be decoded into a film. offset_samples: where its person placed sample 0 of the take on the
    performance's axis; None leaves it to the studio. in_mix: whether it is to sound; the studio mixes no other.
    sung: if the original is a stem, the span of its own axis that it was sung on, from the performance's start on.
    """

    take: str
    seat: int
    original: str
    name: str = ""
    place: str = ""
    flag: dict[str, object] | None = None
    part: str = ""
    picture: bool = False
    pan: float = 0.0
    offset_samples: float | None = None
    in_mix: bool = False
    sung: tuple[int, int] | None = None


class Said(Struct, frozen=True, kw_only=True):
    """A sentence about a take. `text` is in English; pages make it of `words`, a message with {facts} in braces.

    `words` are in every catalogue (web/take_words.py), so a page translates them without knowing the code.
    """

    code: str
    text: str
    words: str = ""
    facts: dict[str, float | str] = {}


class TakeReport(Struct, frozen=True, kw_only=True):
    """What was found out about a take and done to it.

    method, certain, confidence, offset_samples, drift_ppm: of its `Alignment` (alignment.py). samples: its length.
    pictures: what was drawn, by name (`picture_file`), each with a `Said` of what it shows. marks: as of stems.
    """

    method: str
    certain: bool
    confidence: float
    offset_samples: float
    drift_ppm: float
    samples: int
    said: tuple[Said, ...] = ()
    pictures: tuple[tuple[str, Said], ...] = ()
    marks: tuple[str, ...] = ()
    seconds: float = 0.0


def take_folder(performance: Path, take: str) -> Path:
    """Where a take's files are. Raises ValueError for what is no take's id: nothing from outside becomes a path."""
    if _ID.fullmatch(take) is None:
        raise ValueError(f"{take!r} is no take")
    return performance / TAKES_FOLDER / take


def picture_file(name: str, language: str) -> str:
    """What a picture with its words in one of i18n.LANGUAGES is called in its take's folder."""
    return f"{name}_{language}.svg"


def takes_of(performance: Path) -> list[TakeFacts]:
    """Every take whose facts can be read, by seat."""
    read = (read_take(file.parent) for file in performance.glob(f"{TAKES_FOLDER}/*/{TAKE_FILE}"))
    return sorted((facts for facts in read if facts is not None), key=lambda facts: facts.seat)


def read_take(folder: Path) -> TakeFacts | None:
    """The facts in a take's folder; None if they cannot be read."""
    return _read(folder / TAKE_FILE, TakeFacts)


def write_take(folder: Path, facts: TakeFacts) -> None:
    """Write `take.json`, whole or not at all."""
    _write(folder / TAKE_FILE, facts)


def read_placed(folder: Path) -> TakeReport | None:
    """What the studio found; None if it has not, or not to the end."""
    return _read(folder / REPORT_FILE, TakeReport)


def write_placed(folder: Path, report: TakeReport) -> None:
    """Write `placed.json`, whole or not at all."""
    _write(folder / REPORT_FILE, report)


def _read(path: Path, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, value: Struct) -> None:
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    part = path.with_name(f"{path.name}.part")
    with _WRITING:
        part.write_bytes(text)
        part.replace(path)
