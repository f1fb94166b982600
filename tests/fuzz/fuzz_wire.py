"""Hostile bytes on the wire give PeerError and nothing else.

    python tests/fuzz/fuzz_wire.py [SECONDS [SEED]]      a plain random loop
    python tests/fuzz/fuzz_wire.py --atheris [...]       coverage-guided, where atheris is installed

Every input is tried as a packet and as a message, from a page and from a room; what is accepted must also survive
being written again, and feeding an inlet. A failure prints the seed and how the input begins.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from unisono.core.inlet import CONCEALED_FRAMES_MAX, Inlet
from unisono.core.messages import decode_from_page, decode_from_room, encode
from unisono.core.wire import Packet, pack, unpack, unpack_from_page
from unisono.errors import PeerError
from unisono.units import Position

SPEC = Path(__file__).parents[2] / "spec" / "wire.json"
NOW = Position(48_000 * 3600)


def try_bytes(data: bytes) -> None:
    """One input through every door; raises only if one of them breaks."""
    for unpacker in (unpack, unpack_from_page):
        try:
            message = unpacker(data)
        except PeerError:
            continue
        assert unpack(pack(message)) == message
        if isinstance(message, Packet):
            try_inlet(message)
    for decoder in (decode_from_page, decode_from_room):
        try:
            told = decoder(data)
        except PeerError:
            continue
        assert decoder(encode(told)) == told


def try_inlet(packet: Packet) -> None:
    """A packet that could be read is placed, or refused, whatever it claims."""
    inlet = Inlet(hold_samples=4800)
    try:
        inlet.feed(packet, now=NOW)
    except PeerError:
        return
    inlet.tick(now=NOW)
    assert len(inlet.drain()) <= 2 * len(packet.frames) + CONCEALED_FRAMES_MAX


def seeds() -> list[bytes]:
    """Honest inputs to damage."""
    import json

    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    packets = [bytes.fromhex(vector["hex"]) for part in ("packets", "probes", "echoes") for vector in spec[part]]
    texts = [
        b'{"type":"hello","version":1,"token":"t","decodes":"opus","flag":{"country":"it"}}',
        b'{"type":"sent","performance":"p","epoch":0,"start":0,"stop":9007199254740991}',
        b'{"type":"levels","position":4,"levels":{"1":20}}',
        b'{"type":"pick","piece":null,"key":-6,"tempo_bpm":208}',
    ]
    return packets + texts


def damaged(data: bytes, weather: random.Random) -> bytes:
    """`data` with a few bytes changed, cut, doubled or put in."""
    for _ in range(weather.randint(0, 4)):
        at = weather.randrange(len(data) + 1)
        match weather.randrange(5):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + bytes((weather.randrange(256),)) + data[at + 1 :]
            case 2:
                data = data[:at] + weather.randbytes(weather.randint(1, 9)) + data[at:]
            case 3:
                data = data[:at] + data[max(0, at - 16) : at] * weather.randint(1, 300) + data[at:]
            case 4:
                data = data[:at] + weather.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * 8 + data[at + 8 :]
    return data


def run(seconds: float, seed: int) -> int:
    """Damage and try for so long; returns how many inputs were tried."""
    weather = random.Random(seed)
    honest = seeds()
    until = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < until:
        data = damaged(weather.choice(honest), weather)
        try:
            try_bytes(data)
        except Exception:
            sys.stderr.write(f"seed {seed}, input {tried}: {data[:200].hex()}\n")
            raise
        tried += 1
    return tried


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    if "--atheris" in arguments:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

        atheris.Setup([sys.argv[0], *(word for word in arguments if word != "--atheris")], try_bytes)
        atheris.Fuzz()
        return
    seconds = float(arguments[0]) if arguments else 10.0
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}: {run(seconds, seed)} inputs, none broke anything\n")


if __name__ == "__main__":
    main(sys.argv[1:])
