"""The trading mode in a file, beside the database, so that halt works when the database does not.

The file is written and flushed to disk before a halt is answered. At start the stricter of file
and database holds; a file that cannot be read counts as halted, because it may have said so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pi5.domain.decision import TradingMode
from pi5.risk.engine import ModeState


def read_mode(path: Path) -> ModeState | None:
    """Return the stored mode; None when there never was one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        return ModeState(TradingMode.HALTED, f"{path} cannot be read: {error}", "risk")
    try:
        content = json.loads(text)
        return ModeState(
            TradingMode[content["mode"]],
            str(content["reason"]),
            str(content["changed_by"]),
            int(content["changed_at_ns"]),
            int(content["revision"]),
        )
    except (ValueError, KeyError, TypeError):
        return ModeState(TradingMode.HALTED, f"{path} is damaged", "risk")


def write_mode(path: Path, state: ModeState) -> None:
    """Replace the file, flushed to disk with its folder before this returns."""
    content = {
        "mode": state.mode.name,
        "reason": state.reason,
        "changed_by": state.changed_by,
        "changed_at_ns": state.changed_at_ns,
        "revision": state.revision,
    }
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def stricter(first: ModeState | None, second: ModeState | None) -> ModeState:
    """Return the stricter of two modes, the newer one of equals; active when there is none."""
    known = [state for state in (first, second) if state is not None]
    if not known:
        return ModeState()
    return max(known, key=lambda state: (state.mode, state.revision))
