"""Live rooms work without PyAV, whose wheels bundle codecs under the GPL (NOTICE): only the studio needs it."""

from __future__ import annotations

import subprocess
import sys

_IMPORT_ALL_OF = """
import importlib, pkgutil, sys
sys.modules["av"] = None  # any import of it raises ImportError
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        importlib.import_module(module.name)
"""


def test_a_server_without_pyav_can_be_imported_whole() -> None:
    packages = ["unisono.core", "unisono.live", "unisono.store", "unisono.songbook", "unisono.cli"]
    packages += ["unisono.opus", "unisono.check"]
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL_OF, *packages], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
