"""Outcome: what became of each clip and of the whole, as `report.json` has it; `report.py` has the words."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from unisono.studio.clean import CleanSettings
from unisono.studio.clip import Clip, ClipReport
from unisono.studio.crew import QUIET_SECONDS_MAX
from unisono.studio.guides import GuideFacts
from unisono.studio.mixdown import MixSettings
from unisono.studio.performance import FileReport
from unisono.studio.steps import write_whole

REPORT_FILE: Final = "report.json"

OutcomeState = Literal["mixed", "unsure", "silent", "same", "broken"]
"""`unsure`: a person is to place it; `silent`: nothing is heard in it; `same`: the recording of another clip."""


class ProduceSettings(Struct, frozen=True, kw_only=True):
    """What can be chosen. All of it is in the report.

    clean, mix: which steps run and how far they go. keep_guide: the guide lies under the voices. include_unsure: clips
    whose place is not certain are mixed where they were guessed. free_tempo: clips were not sung to the guide's own
    time. key, tempo_bpm: of a guide from the songbook. hands: worker processes, 0 for one a core. quiet_seconds_max:
    a worker that tells nothing for so long is ended, and its clip with it.
    """

    clean: CleanSettings = field(default_factory=CleanSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    keep_guide: bool = False
    include_unsure: bool = False
    free_tempo: bool = False
    key: int = 0
    tempo_bpm: int = 0
    hands: int = 0
    quiet_seconds_max: float = QUIET_SECONDS_MAX


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one clip. `part` is what somebody said, or what was found; `problem` is an error's code.

    gain_db, pan: how it is mixed. files: its stem. path, town, flag: for the film, of which the clip is the picture.
    """

    key: str
    file: str
    name: str
    part: str
    state: OutcomeState
    lead: bool = False
    problem: str = ""
    facts: dict[str, str] = {}
    report: ClipReport | None = None
    gain_db: float = 0.0
    pan: float = 0.0
    files: tuple[FileReport, ...] = ()
    path: str = ""
    town: str = ""
    flag: str = ""


class Production(Struct, frozen=True, kw_only=True):
    """What was made of all. `files` is empty when there was nothing to mix; `shape` and `guide_shape` are for pictures.

    samples: the mix's length. axis_samples: that of each voice, which may be longer.
    seconds: wall time of the clips and of the whole, and of each step the work of all processes together.
    """

    guide: GuideFacts
    settings: ProduceSettings
    clips: tuple[Outcome, ...]
    samples: int
    axis_samples: int
    lufs: float | None
    limiter_db: float
    files: tuple[FileReport, ...]
    shape: tuple[int, ...]
    guide_shape: tuple[int, ...]
    seconds: dict[str, float] = {}

    def those(self, *states: OutcomeState) -> list[Outcome]:
        """The clips of which that became."""
        return [clip for clip in self.clips if clip.state in states]


def outcome_of(
    clip: Clip,
    state: OutcomeState,
    *,
    report: ClipReport | None = None,
    problem: str = "",
    facts: dict[str, str] | None = None,
) -> Outcome:
    """An outcome from what is known of a clip."""
    return Outcome(
        key=clip.key,
        file=Path(clip.path).name,
        name=clip.name or clip.key,
        part=clip.part or (report.part if report else ""),
        state=state,
        lead=clip.lead,
        problem=problem,
        facts=facts or {},
        report=report,
        path=str(Path(clip.path).absolute()),
        town=clip.town,
        flag=clip.flag,
    )


def state_of(report: ClipReport, *, include_unsure: bool = False) -> OutcomeState:
    """What becomes of a clip that went through all steps."""
    if report.take.sound is None or report.quiet:
        return "silent"
    if not report.alignment.certain and (report.alignment.method == "none" or not include_unsure):
        return "unsure"
    return "mixed" if report.heard is not None else "silent"


def write_report(folder: Path, production: Production) -> None:
    """Write `report.json`, whole or not at all. Raises DiskTrouble."""
    write_whole(folder / REPORT_FILE, msgspec.json.format(msgspec.json.encode(production), indent=1))


def read_report(folder: Path) -> Production | None:
    """The last report, if there is one that can be read."""
    try:
        return msgspec.json.decode((folder / REPORT_FILE).read_bytes(), type=Production)
    except (OSError, msgspec.MsgspecError):
        return None
