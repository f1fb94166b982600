"""`python -m bench sockets`: what one message in and one out cost the server, by whoever speaks WebSocket for it.

A hundred lines in a process of its own, each sending a voice's packet every 20 ms; each packet is answered by one of a
mix's size (bench/sockets_server.py). Processor time, user and system, of the server per pair.

line_us      as Unisono does it (live/socket.py): read by aiohttp, handed on and written in the same turn of the loop.
aiohttp_us   aiohttp's own WebSocket: a queue and a task per line, a coroutine per message.
saved_us     the one less the other: what the line of our own is for (docs/decisions/0007-own-line.md).
"""

import base64
import os
import select
import socket
import subprocess
import sys
import time
from typing import Any

from bench.capacity_voices import client_frame
from bench.processes import cpu_seconds

_LINES = 100
_PACKETS_PER_SECOND = 50
_PACKET = client_frame(2, bytes(200), b"mask")
_SETTLE_S = 0.5


def run(long: bool) -> dict[str, Any]:
    """The bench; `--long` measures for longer."""
    seconds = 15.0 if long else 5.0
    loops = {
        loop: {kind: measure(kind, loop, seconds) for kind in ("line", "aiohttp")} for loop in ("uvloop", "asyncio")
    }
    ours, theirs = loops["uvloop"]["line"]["us"], loops["uvloop"]["aiohttp"]["us"]
    return {"line_us": ours, "aiohttp_us": theirs, "saved_us": round(theirs - ours, 1), **loops}


def measure(kind: str, loop: str, seconds: float) -> dict[str, float]:
    """One server's cost in microseconds a pair, and the share of packets that were answered."""
    command = [sys.executable, "-m", "bench.sockets_server", kind, loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [_line(int(port)) for port in [server.stdout.readline()] for _ in range(_LINES)]
        try:
            _talk(lines, _SETTLE_S)
            before = cpu_seconds(server.pid)
            sent, answered = _talk(lines, seconds)
            after = cpu_seconds(server.pid)
        finally:
            server.kill()
    user, system = (1e6 * (b - a) / sent for a, b in zip(before, after, strict=True))
    return {
        "us": round(user + system, 1),
        "user_us": round(user, 1),
        "system_us": round(system, 1),
        "answered": round(answered / sent, 4),
    }


def _line(port: int) -> socket.socket:
    """An open WebSocket."""
    line = socket.create_connection(("127.0.0.1", port), timeout=20)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    line.sendall(
        f"GET /live HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += line.recv(4096)
    if b" 101 " not in answer.split(b"\r\n")[0]:
        raise SystemExit(f"the server refused the socket: {answer[:200]!r}")
    line.setblocking(False)
    return line


def _talk(lines: list[socket.socket], seconds: float) -> tuple[int, float]:
    """(packets sent, packets answered), one line after the other, evenly spread over time."""
    from bench.sockets_server import ANSWER_FRAME

    epoll = select.epoll()
    by_descriptor = {line.fileno(): line for line in lines}
    for descriptor in by_descriptor:
        epoll.register(descriptor, select.EPOLLIN)
    sent = answered_bytes = 0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds + 0.1:
        while passed < seconds and sent < passed * _LINES * _PACKETS_PER_SECOND:
            lines[sent % _LINES].send(_PACKET)
            sent += 1
        for descriptor, _ in epoll.poll(0):
            answered_bytes += len(by_descriptor[descriptor].recv(1 << 18))
        time.sleep(0.001)
    epoll.close()
    return sent, answered_bytes / len(ANSWER_FRAME)
