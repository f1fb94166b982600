"""Foreign: open a stranger's recording so that it can lead nowhere else, and see what is in it.

FFmpeg reads from an open file and may open nothing by itself: no other file, no address. Playlists, lists of files,
still pictures and texts are no recordings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, NoReturn

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from unisono.errors import TakeTooCostly, TakeUnreadable

_NO_RECORDINGS: Final = frozenset(
    (
        *("avisynth", "concat", "dash", "ffmetadata", "hls", "image2", "image2pipe", "imf", "lavfi", "rtp", "rtsp"),
        *("sap", "sdp", "tty", "vapoursynth", "webm_dash_manifest"),
    )
)
_CLOCKLESS: Final = frozenset({"mp3"})
"""Containers whose first timestamp is what was skipped: their sound begins at their first sample."""
_OWN_CLOCK_S: Final = 60.0
"""A file that begins later than this by its own clock is the middle of something, not a recording of silence."""
_TS_DISCONT: Final = 0x0200


@contextmanager
def opened(file: BinaryIO) -> Iterator[InputContainer]:
    """FFmpeg's view of an open file. Raises TakeUnreadable, TakeTooCostly."""
    try:
        file.seek(0)
        container = av.open(
            file,
            "r",
            io_open=_refuse,
            container_options={"protocol_whitelist": "none"},
            metadata_errors="replace",
        )
    except (MemoryError, av.MemoryError) as error:
        raise TakeTooCostly(what="memory") from error
    except av.InvalidDataError as error:
        raise TakeUnreadable(reason="it is neither sound nor film, or only a piece of its file came") from error
    except (av.FFmpegError, OSError, ValueError, UnicodeError) as error:
        raise TakeUnreadable(reason=in_words(error)) from error
    with container:
        names = container.format.name.split(",")
        if any(name in _NO_RECORDINGS or name.endswith("_pipe") for name in names):
            raise TakeUnreadable(reason="files of this kind are not taken in")
        yield container


def _refuse(url: str, flags: int, options: object) -> NoReturn:
    raise PermissionError(f"a recording may not open other files ({flags}, {options}): {url[:80]}")


def in_words(error: Exception) -> str:
    """FFmpeg's own words, without numbers and names of files."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words)[:200]


def best_sound(container: InputContainer) -> AudioStream | None:
    """The stream of sound that a player would choose, of those that can be decoded."""
    known = [stream for stream in container.streams.audio if _decodes(stream)]
    best = container.streams.best("audio")
    return best if isinstance(best, AudioStream) and best in known else next(iter(known), None)


def best_picture(container: InputContainer) -> VideoStream | None:
    """The moving picture that a player would choose; the cover of a record is none."""
    known = [
        stream
        for stream in container.streams.video
        if _decodes(stream) and not stream.disposition & av.stream.Disposition.attached_pic
    ]
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in known else next(iter(known), None)


def _decodes(stream: AudioStream | VideoStream) -> bool:
    # PyAV leaves the context out where FFmpeg has no decoder, whatever its type says.
    context: object = stream.codec_context
    return context is not None


def presentation_zero_s(container: InputContainer) -> float:
    """Which of the container's timestamps is presentation time 0, in seconds.

    Containers made for broadcasting run on a clock that begins anywhere: theirs is the first timestamp of all. Others
    begin at 0, and what begins later is late.
    """
    start_s = (container.start_time or 0) / av.time_base
    broadcast = bool(container.format.flags & _TS_DISCONT)
    return start_s if broadcast or container.format.name in _CLOCKLESS or start_s > _OWN_CLOCK_S else 0.0


def writer(container: InputContainer) -> str:
    """Everything the file says about who made it, in one line."""
    said = [value for key, value in container.metadata.items() if _is_about_writer(key)]
    said += [
        value
        for stream in container.streams
        for key, value in stream.metadata.items()
        if _is_about_writer(key) or key.lower() == "handler_name"
    ]
    return "; ".join(dict.fromkeys(said))[:500]


def _is_about_writer(key: str) -> bool:
    lowered = key.lower()
    return lowered in {"encoder", "major_brand", "writing_application", "make", "model"} or lowered.startswith(
        ("com.apple.quicktime.software", "com.apple.quicktime.ma", "com.apple.quicktime.mo", "com.android.")
    )
