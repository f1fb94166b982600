"""AAC: at which rate its core runs, by what a file says of it (ISO/IEC 14496-3).

In HE-AAC the core runs at half the rate at which the sound comes out; what lies above is made from it. Only the file's
setup, or a frame's own header, tells the core's rate: the decoder tells what comes out.
"""

from __future__ import annotations

from typing import Final

_RATES_HZ: Final = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)
_OBJECT_BITS, _RATE_BITS, _LONG_RATE_BITS = 5, 4, 24
_LONG_OBJECT, _LONG_OBJECT_BITS = 31, 6
_ADTS_SYNC: Final = 0xFFF


def core_rate_hz(setup: bytes, frame: bytes) -> int:
    """The core's rate, 0 where nothing says it.

    setup: the stream's AudioSpecificConfig, empty where it has none. frame: its first packet, which has a header of its
    own in ADTS.
    """
    if len(setup) >= 2:
        return _by_setup(setup)
    if len(frame) >= 7 and int.from_bytes(frame[:2]) >> 4 == _ADTS_SYNC:
        return _rate_of(frame[2] >> 2 & 15)
    return 0


def _by_setup(setup: bytes) -> int:
    """The first rate in an AudioSpecificConfig is the core's, whatever is said of extensions behind it."""
    bits = int.from_bytes(setup[:8].ljust(8, b"\0"))
    at = 64 - _OBJECT_BITS
    if bits >> at & 31 == _LONG_OBJECT:
        at -= _LONG_OBJECT_BITS
    at -= _RATE_BITS
    index = bits >> at & 15
    return bits >> (at - _LONG_RATE_BITS) & (1 << _LONG_RATE_BITS) - 1 if index == 15 else _rate_of(index)


def _rate_of(index: int) -> int:
    return _RATES_HZ[index] if index < len(_RATES_HZ) else 0
