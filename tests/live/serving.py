"""A real `unisono serve` in a process of its own, which can be killed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """A server's process and its address."""

    process: Process
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        await self.process.wait()


async def serve(data: Path, *, port: int = 0) -> Served:
    """Start a server and wait until it says where it is."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "unisono", "serve", "--port", str(port), "--data", str(data)),
        stdout=PIPE,
        env=os.environ | {"UNISONO_FILMS": os.environ.get("UNISONO_FILMS", "no")},
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    found = re.search(r"http://\S+", line)
    assert found, f"the server said {line!r}"
    return Served(process=process, url=found.group())


@asynccontextmanager
async def served(data: Path) -> AsyncIterator[Served]:
    """A server for as long as this lasts."""
    server = await serve(data)
    try:
        yield server
    finally:
        server.process.terminate()
        await server.process.wait()
