"""Memory of a running system's processes, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def memory_kib(pid: int) -> tuple[int, int]:
    """Return resident and proportional memory of a process in KiB (0, 0 when it is gone)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0, 0
    figures = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return figures["Rss"], figures["Pss"]


def descendants(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [
            int(child)
            for task in tasks
            for child in (task / "children").read_text(encoding="ascii").split()
        ]
    except OSError:
        return []
    return [pid, *(below for child in children for below in descendants(child))]
