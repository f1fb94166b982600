"""A server as a user starts it, `unisono serve` in a process of its own: for benches that talk to it and kill it."""

import asyncio
import re
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import closing
from pathlib import Path

_START_S = 30.0


class Server:
    """One data folder, one port, one process after the other."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self._process: Process | None = None
        self._log = data.parent / f"{data.name}.log"

    async def start(self) -> None:
        """Start it, on the port it had before if it ran already, and wait until it says that it serves."""
        port = self.url.rpartition(":")[2] or "0"
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "unisono", "serve", "--port", port, "--data", str(self.data),
                stdin=DEVNULL, stdout=PIPE, stderr=log,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(_START_S):
            line = (await self._process.stdout.readline()).decode()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line!r} {self.complaints()}")
        self.url = found.group()

    async def kill(self) -> None:
        """As kill -9 does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def reboot(self, *, wall_clock_off_s: float) -> None:
        """While it is dead: its machine was started anew, and the wall clock is wrong by so much now."""
        with closing(sqlite3.connect(self.data / "unisono.db")) as ledger, ledger:
            ledger.execute("UPDATE rooms SET boot_id = 'before', wall_ns = wall_ns + ?", (int(wall_clock_off_s * 1e9),))

    async def stop(self) -> None:
        """As Ctrl-C does."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def complaints(self) -> list[str]:
        """What it logged as an error or with a traceback, all its processes."""
        if not self._log.is_file():
            return []
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if " ERROR " in line or line.startswith("Traceback")]
