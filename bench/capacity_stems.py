"""Are the stems whole? Every frame that was sent must stand in its seat's file, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from bench.capacity_voices import VOICES, Score, first_stamp, lap_index
from unisono.store.stems import read_packets, stem_path
from unisono.units import FRAME_SAMPLES


@cache
def _frames(voice: int) -> list[bytes]:
    return Score(voice).frames


def incomplete(performances: Path, room: dict[str, Any]) -> list[dict[str, Any]]:
    """The seats whose stem is not exactly what was sung, and what is wrong: frames that are missing, and wrong ones.

    What the leader sang on until it was told of its own stop need not be there.
    """
    folder = performances / room["performance"]
    first = room["room_number"] % VOICES
    bad = []
    for singer in room["singers"]:
        frames = _frames((singer["number"] + first) % VOICES)
        start = room["start"]
        sent = range(first_stamp(start), singer["sent_until"], FRAME_SAMPLES)
        waiting = {position for position in sent if position < room["stop"]}
        known: set[int] = set()
        wrong = 0
        for packet in read_packets(stem_path(folder, singer["seat"])):
            for position, frame in packet.positioned_frames():
                doubled = position not in sent or (position in known and not packet.repair)
                wrong += doubled or frame != frames[lap_index(position, start, singer["offset"])]
                known.add(position)
        missing = len(waiting - known)
        if missing or wrong:
            bad.append({"seat": singer["seat"], "missing_frames": missing, "wrong_frames": wrong})
    return bad
