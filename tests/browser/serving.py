"""`unisono serve` as people start it: a process of its own, on a free port, with data of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.browser.program import Closing, end_group

READY_TIMEOUT_S = 30.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(Closing):
    """A running server: `url` ends without a slash, `data` is its folder. Its log is kept beside the data."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.data = folder / "data"
        self.port = port or free_port()
        # localhost is a secure context for browsers, 127.0.0.1 would do as well.
        self.url = f"http://localhost:{self.port}"
        self._log = folder / f"server-{self.port}.log"
        self.data.mkdir(parents=True, exist_ok=True)
        self._process = self._start()
        self._wait_until_ready()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "unisono", "serve",
                   "--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data)]
        source = str(Path(__file__).parents[2] / "src")
        path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
        with self._log.open("ab") as log:
            environ = {**os.environ, "UNISONO_FILMS": "no", "PYTHONPATH": path}
            return subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.close()
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.1)  # between two questions, until the deadline

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def get(self, path: str) -> bytes:
        """What a GET of `path` answers."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return bytes(answer.read())

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        """What the API answers to a POST."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def log(self) -> str:
        """What the server said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> None:
        """Ask the server to end, and see that it does."""
        end_group(self._process, ask=os.kill)
