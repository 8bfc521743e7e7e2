"""The examinations of `pi5 doctor`. Each looks at one thing, starts nothing, and never raises."""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pi5.cli._database import ask
from pi5.cli._here import Here
from pi5.domain.errors import Fault

Level = Literal["ok", "warn", "fail"]
_GIB = 1 << 30
_FSYNC_ROUNDS = 20
_FSYNC_SLOW_MS = 20.0
_TIME_ERROR = 5  # what adjtimex returns for a clock that nothing disciplines
_TIMEX_BYTES = 512  # more than struct timex has anywhere
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one examination found; `fix` says what to do about a warn or fail."""

    subject: str
    level: Level
    text: str
    fix: str = ""


def examine_all(here: Here) -> list[Finding]:
    """Return the findings of all examinations."""
    here.home.create()
    examinations: list[Callable[[Here], Finding]] = [
        python,
        native_core,
        disk,
        fsync_latency,
        memory,
        memory_control,
        clock,
        power,
        ports,
        database,
    ]
    return [examination(here) for examination in examinations]


def python(_: Here) -> Finding:
    """The interpreter; an older one than 3.11 does not get here."""
    return Finding("Python", "ok", f"{platform.python_version()}, {platform.machine()}")


def native_core(_: Here) -> Finding:
    """The native module can be loaded on this machine."""
    try:
        import pi5_core
    except ImportError as error:
        return Finding(
            "native core",
            "fail",
            str(error),
            "install it for this machine: make setup, or pip install pi5-trading-core",
        )
    return Finding("native core", "ok", getattr(pi5_core, "__version__", "loads"))


def disk(here: Here) -> Finding:
    """Space on the disk with PI5_HOME."""
    usage = shutil.disk_usage(here.home.root)
    share = usage.free / usage.total
    text = f"{usage.free / _GIB:.1f} GB of {usage.total / _GIB:.1f} GB free ({share:.0%})"
    fix = f"make room on the disk with {here.home.root}"
    if share < 0.05:
        return Finding("disk", "fail", f"{text}; below 5 % nothing is opened", fix)
    return Finding("disk", "warn", text, fix) if share < 0.20 else Finding("disk", "ok", text)


def fsync_latency(here: Here) -> Finding:
    """Time to make 8 kB safe: what every order waits for."""
    path = here.home.run / "doctor.fsync"
    times_ms = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(_FSYNC_ROUNDS):
                file.write(b"\0" * 8_192)
                begin = time.perf_counter()
                os.fdatasync(file.fileno())
                times_ms.append((time.perf_counter() - begin) * 1_000)
    except OSError as error:
        return Finding("fsync", "fail", str(error), f"make {here.home.run} writable")
    finally:
        path.unlink(missing_ok=True)
    text = f"median {statistics.median(times_ms):.1f} ms, worst {max(times_ms):.1f} ms"
    if statistics.median(times_ms) > _FSYNC_SLOW_MS:
        return Finding("fsync", "warn", text, "put PI5_HOME on an SSD; orders wait for the disk")
    return Finding("fsync", "ok", text)


def memory(_: Here) -> Finding:
    """Memory of the machine and what is available of it."""
    values = _meminfo()
    total, available = values.get("MemTotal", 0), values.get("MemAvailable", 0)
    text = f"{available / _GIB:.1f} GB of {total / _GIB:.1f} GB available"
    if total < 1.8 * _GIB:
        return Finding("memory", "fail", text, "use a machine with 4 GB or more")
    if available < _GIB:
        return Finding("memory", "warn", text, "end other programs; the system needs about 1 GB")
    return Finding("memory", "ok", text)


def _meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def memory_control(_: Here) -> Finding:
    """Whether limits on memory (compose, systemd) have any effect; Pi firmware switches it off."""
    fix = (
        "limits on memory are ignored; add cgroup_enable=memory to the line in "
        "/boot/firmware/cmdline.txt and restart the machine"
    )
    try:
        controllers = Path("/sys/fs/cgroup/cgroup.controllers")
        if controllers.exists():
            there = "memory" in controllers.read_text(encoding="ascii").split()
        else:
            rows = Path("/proc/cgroups").read_text(encoding="ascii").splitlines()
            there = any(row.split()[0] == "memory" and row.split()[3] == "1" for row in rows)
    except (OSError, IndexError) as error:
        return Finding("memory limits", "warn", f"cannot be told: {error}")
    if there:
        return Finding("memory limits", "ok", "the kernel enforces them")
    return Finding("memory limits", "warn", "the kernel does not enforce them", fix)


def clock(_: Here) -> Finding:
    """Whether something keeps the clock right."""
    fix = "switch time synchronisation on: sudo timedatectl set-ntp true"
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(
            ctypes.create_string_buffer(_TIMEX_BYTES)
        )
    except (OSError, AttributeError) as error:
        return Finding("clock", "warn", f"cannot be told: {error}", fix)
    if state in (-1, _TIME_ERROR):
        return Finding("clock", "warn", "is not synchronised; positions are not opened then", fix)
    return Finding("clock", "ok", "is synchronised")


def power(_: Here) -> Finding:
    """Under-voltage and throttling, which a Pi tells."""
    try:
        bits = int(_THROTTLED.read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return Finding("power", "ok", "not a Raspberry Pi, or it does not tell")
    troubles = {0: "under-voltage now", 2: "throttled now", 16: "under-voltage since the start"}
    found = [text for bit, text in troubles.items() if bits >> bit & 1]
    if not found:
        return Finding("power", "ok", "no under-voltage, no throttling")
    return Finding("power", "warn", ", ".join(found), "use the official 27 W supply and a cooler")


def ports(here: Here) -> Finding:
    """Whether the ports are free, or ours."""
    from pi5.cli.status import is_alive
    from pi5.supervisor.addresses import is_free, needed_ports
    from pi5.supervisor.state import read_state

    state = read_state(here.home)
    if state is not None and is_alive(state.pid):
        return Finding("ports", "ok", "in use by this system, which is running")
    taken = [
        f"{port} ({setting})"
        for setting, host, port in needed_ports(here.settings)
        if not is_free(host, port)
    ]
    if taken:
        fix = "stop the program that listens there, or change the setting in pi5.yaml"
        return Finding("ports", "fail", f"taken: {', '.join(taken)}", fix)
    return Finding("ports", "ok", "free")


def database(here: Here) -> Finding:
    """Whether the database answers, or could be started."""
    found = asyncio.run(ask(here))
    if found.ready:
        return Finding("database", "ok", f"answers, {found.detail}")
    if here.settings.database.url:
        return Finding("database", "fail", found.detail, "check database.url or PI5_DATABASE_URL")
    try:
        return Finding("database", "ok", f"embedded PostgreSQL {_embedded(here)}, starts with up")
    except Fault as fault:
        return Finding("database", "fail", fault.message)


def _embedded(here: Here) -> int:
    from pi5.kit.postgres_place import find_place

    folder = here.settings.database.bin_folder
    return find_place(here.home, Path(folder) if folder else None).major
