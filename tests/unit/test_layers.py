"""The core is pure: it imports no other layer, and nothing that reads a clock, a file, a socket or a random number."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "unisono"
CORE = sorted((SOURCE / "core").rglob("*.py"))

IMPURE_NAMES = """
    asyncio contextvars concurrent datetime io logging multiprocessing os pathlib queue random secrets select shutil
    signal socket ssl subprocess sys tempfile threading time uuid aiohttp sqlalchemy obstore av cffi
"""
IMPURE = frozenset(IMPURE_NAMES.split())
OWN_BELOW_CORE = ("unisono.core", "unisono.units", "unisono.errors")
BARE_CALLS = frozenset({"open", "print", "input", "eval", "exec", "__import__"})


def imported(tree: ast.AST) -> list[str]:
    """The dotted names of all modules a tree imports, wherever in it; `from . import x` counts as its package."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("unisono.core" if node.level == 1 else node.module if node.module and not node.level else "..")
    return names


def breaches(source: str) -> list[str]:
    """What in `source` the core may not do."""
    tree = ast.parse(source)
    found = [name for name in imported(tree) if name.split(".")[0] in IMPURE or name == ".."]
    found += [
        name
        for name in imported(tree)
        if name.split(".")[0] == "unisono"
        and not any(name == own or name.startswith(own + ".") for own in OWN_BELOW_CORE)
    ]
    found += [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BARE_CALLS
    ]
    found += [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"np.random", "numpy.random"}
    ]
    return found


def test_there_is_a_core() -> None:
    assert {"wire.py", "messages.py", "clock.py", "inlet.py", "timeline.py", "rows.py", "mix.py"} <= {
        path.name for path in CORE
    }


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_is_pure(path: Path) -> None:
    assert breaches(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["units.py", "errors.py"])
def test_what_lies_below_the_core_is_pure_too(name: str) -> None:
    assert breaches((SOURCE / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from os import path",
        "import unisono.live.app",
        "from unisono.store import stems",
        "from unisono import config",
        "from ..live import app",
        "def f():\n    import random",
        "open('x')",
        "import numpy as np\nnp.random.default_rng()",
    ],
)
def test_the_guard_sees_what_is_forbidden(source: str) -> None:
    assert breaches(source)


def test_the_guard_lets_the_core_use_itself() -> None:
    assert (
        breaches("from unisono.core.wire import Packet\nfrom unisono.units import Position\nimport numpy as np") == []
    )
