"""Damage recordings by a seed and see what reading them ends in: `python -m tests.fuzz.takes SEED COUNT [FILES...]`.

A batch runs in one process with the decoder's own limits. What is printed is what should not be: an error that is no
UserError, or the process's death, with the number that repeats it.
"""

from __future__ import annotations

import io
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.ingest import CASES, Case, File, encode
from unisono.errors import UserError
from unisono.studio.decoder import Limits, give_up_the_rest
from unisono.studio.take import read_into

HEAD_BYTES = 600
SECONDS_MAX = 20.0


@cache
def specimens() -> tuple[bytes, ...]:
    """One recording of each kind of container."""
    kinds: dict[str, Case] = {}
    for case in CASES:
        kinds.setdefault(case.container, case)
    made = []
    for case in kinds.values():
        file = File(case)
        encode(case, file)
        made.append(file.getvalue())
    return tuple(made)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes flipped, blown up, doubled, left out or cut off, more often near the beginning."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 12))):
        if not data:
            break
        end = min(len(data), HEAD_BYTES) if rng.random() < 0.6 else len(data)
        at = int(rng.integers(end))
        match int(rng.integers(6)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"])
            case 2:
                data[at : at + 4] = rng.bytes(4)
            case 3:
                del data[at : at + int(rng.integers(1, 64))]
            case 4:
                data[at:at] = data[at : at + int(rng.integers(1, 64))]
            case _ if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


def outcomes(seed: int, files: tuple[bytes, ...], *, count: int) -> list[str]:
    """What went wrong in a batch, in a process of its own; death by a signal is said with its number."""
    lengths = np.array([len(files), *map(len, files)], dtype="<u8").tobytes()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.takes", str(seed), str(count)],
        input=lengths + b"".join(files),
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode().splitlines()
    # A decoder that dies is told as TakeUnreadable by `confined.py`; only its own way out of Python is our mistake.
    return said + ([f"ended with {done.returncode}: {done.stderr.decode()[-400:]}"] if done.returncode > 0 else [])


def main(arguments: list[str]) -> int:
    """Read the batch from standard input, print what should not be."""
    seed, count = int(arguments[0]), int(arguments[1])
    given = [Path(name).read_bytes() for name in arguments[2:]] or _from_pipe(sys.stdin.buffer.read())
    give_up_the_rest(Limits(cpu_seconds=120))
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        content = damaged(given[int(rng.integers(len(given)))], rng)
        try:
            read_into(io.BytesIO(content), lambda block: None, seconds_max=SECONDS_MAX)
        except UserError:
            continue
        except Exception as error:
            print(f"seed {seed}, number {i}: {error!r}")  # noqa: T201
    return 0


def _from_pipe(data: bytes) -> list[bytes]:
    many = int.from_bytes(data[:8], "little")
    lengths = np.frombuffer(data, dtype="<u8", count=many, offset=8)
    stops = np.cumsum([8 * (many + 1), *lengths.tolist()])
    return [data[start:stop] for start, stop in pairwise(stops)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
