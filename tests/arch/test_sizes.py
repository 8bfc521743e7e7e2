"""Modules and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 500
FUNCTION_LINES = 70
# Files that may be longer, with the reason. This list only ever shrinks.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def sources(*endings: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    generated = ("services/pi5/api/", "web/ui/src/api/schema.d.ts")
    return [
        ROOT / name
        for name in listed
        if name.endswith(endings) and not name.startswith(generated) and (ROOT / name).exists()
    ]


def test_modules_have_at_most_500_lines() -> None:
    """A module that grows beyond 500 lines has got a second job."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(".py", ".rs", ".ts", ".tsx")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MODULE_LINES
    }
    assert set(long) == set(LONG_MODULES), long


def test_functions_have_at_most_70_lines() -> None:
    """A function that grows beyond 70 lines wants to be several."""
    long = {}
    for path in sources(".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = size
    assert set(long) == set(LONG_FUNCTIONS), long


def test_every_module_says_why_it_exists() -> None:
    """Each Python module of ours begins with a docstring."""
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(".py")
        if path.read_text(encoding="utf-8").strip()
        and ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []


def test_every_test_says_what_it_holds() -> None:
    """Each test function has a one-sentence docstring that states the behaviour."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sources(".py")
        if path.name.startswith("test_")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []
