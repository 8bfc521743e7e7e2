"""Engines do no I/O, and only the kit reads the clock or draws random numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services" / "pi5"
BANNED_NAMES = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "datetime.now",
    "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid4", "uuid.uuid1", "uuid4",
    "random.random", "random.Random", "random.randint", "random.choice", "os.urandom",
    "secrets.token_hex", "secrets.token_bytes", "secrets.token_urlsafe",
}  # fmt: skip
# Rooms that hold engines: pure modules beside each engine are listed with it.
ENGINES = sorted(
    path
    for name in ("data", "strategy", "risk", "execution", "portfolio")
    for path in (SERVICES / name).rglob("*.py")
    if path.name == "engine.py" or path.parent.name in {"checks", "sizing", "library"}
)
ENGINE_MAY_IMPORT = {
    "__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "decimal", "enum",
    "functools", "hashlib", "heapq", "importlib", "inspect", "itertools", "math", "operator",
    "pkgutil", "re", "statistics", "types", "typing", "numpy", "pi5_core", "datetime", "pi5",
    "traceback",
}  # fmt: skip


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def ours() -> list[Path]:
    return [
        path
        for folder in (SERVICES, ROOT / "web" / "pi5_web")
        for path in folder.rglob("*.py")
        if "api" not in path.relative_to(folder).parts[:1]
        and "kit" not in path.relative_to(folder).parts[:1]
    ]


@pytest.mark.parametrize("path", ours(), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_kit_reads_clock_and_random(path: Path) -> None:
    """Wall clock, random numbers and ids come from `pi5.kit.clock`, so tests can set them."""
    found = [
        f"{node.lineno}: {name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and any(
            (name := dotted(node.func)).endswith(banned)
            and (name == banned or name.endswith("." + banned))
            for banned in BANNED_NAMES
        )
    ]
    assert found == []


@pytest.mark.parametrize("path", ENGINES, ids=lambda p: str(p.relative_to(ROOT)))
def test_engines_import_only_pure_things(path: Path) -> None:
    """An engine imports the domain, the native core, its own room, and pure standard modules."""
    room = path.relative_to(SERVICES).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            assert name.split(".")[0] in ENGINE_MAY_IMPORT, f"{path.name} imports {name}"
            if name.startswith("pi5."):
                assert name.split(".")[1] in {"domain", room}, f"{path.name} imports {name}"
                assert name.rsplit(".", 1)[-1] not in {"server", "store", "main", "convert"}
            assert name not in {"importlib.resources", "asyncio"}
