"""`pi5 status`: asks the processes themselves, so it works while web or system are down."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pi5.cli._here import Here
    from pi5.supervisor.state import ServiceState, SupervisorState

_KIB = 1024


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("status")
    def show(
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Show each service: does it answer, can it work, its memory. Exit 1 unless all is well."""
        from pi5.cli._here import here
        from pi5.cli._output import print_json

        report = asyncio.run(collect(here()))
        if json:
            print_json(report)
        else:
            _print(report)
        raise typer.Exit(0 if report["healthy"] else 1)


async def collect(here: Here) -> dict[str, Any]:
    """Return the report: totals, and a row for each service and the database."""
    from pi5.supervisor.addresses import dashboard_addresses
    from pi5.supervisor.state import read_state

    state = read_state(here.home)
    running = state is not None and is_alive(state.pid)
    rows = await _service_rows(here, state if running else None)
    rows.append(await _database_row(here, state if running else None))
    return {
        "healthy": all(row["health"] == "ready" for row in rows),
        "supervisor_pid": state.pid if state is not None and running else None,
        "started_at": state.started_at if state is not None and running else "",
        "environment": here.settings.system.environment,
        "home": str(here.home.root),
        "dashboard": dashboard_addresses(here.settings),
        "memory_bytes": sum(row["memory_bytes"] for row in rows),
        "services": rows,
    }


async def _service_rows(here: Here, state: SupervisorState | None) -> list[dict[str, Any]]:
    from pi5.kit.client import target_of
    from pi5.kit.settings import SERVICES
    from pi5.supervisor.health import probe, probe_grpc
    from pi5.supervisor.state import ServiceState

    async def row(name: str) -> dict[str, Any]:
        target = target_of(name, here.home, here.settings)
        remote = name != "web" and not target.startswith("unix:")
        asked = probe_grpc(target) if remote else probe(name, here.home, here.settings)
        health = await asked
        word = "ready" if health.ready else "not ready" if health.answers else "away"
        known = state.services.get(name) if state else None
        return _row(name, word, known or ServiceState(), target if remote else "")

    return list(await asyncio.gather(*(row(name) for name in SERVICES)))


def _row(name: str, health: str, state: ServiceState, where: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "health": health,
        "pid": state.pid,
        "restarts": state.restarts,
        "started_at": state.started_at,
        "memory_bytes": memory_bytes(state.pid) if state.pid else 0,
        "detail": where or state.last_exit,
    }


async def _database_row(here: Here, state: SupervisorState | None) -> dict[str, Any]:
    from pi5.cli._database import Database, ask
    from pi5.supervisor.state import PostgresState, ServiceState

    found: Database = await ask(here)
    postgres = (state.postgres if state else None) or PostgresState()
    row = _row(
        "database",
        "ready" if found.ready else "away",
        ServiceState(pid=postgres.pid, restarts=postgres.restarts, last_exit=found.detail),
    )
    if postgres.pid:
        row["memory_bytes"] += sum(map(memory_bytes, _children(postgres.pid)))
    return row


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def memory_bytes(pid: int) -> int:
    """Return a process's share of memory (PSS; resident where that is not told)."""
    for name, prefix in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            text = Path(f"/proc/{pid}/{name}").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(prefix):
                return int(line.split()[1]) * _KIB
    return 0


def is_alive(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _print(report: dict[str, Any]) -> None:
    from pi5.cli._output import print_table

    if report["supervisor_pid"] is None:
        print(f"Nothing runs in {report['home']}. Start with `pi5 up`.\n")
    print_table(
        ("Service", "Health", "#Process", "#Restarts", "#Memory", "Since", "Detail"),
        (
            (
                row["name"],
                row["health"],
                str(row["pid"] or ""),
                str(row["restarts"]),
                f"{row['memory_bytes'] / _KIB / _KIB:.0f} MB" if row["memory_bytes"] else "",
                row["started_at"][:19].replace("T", " "),
                row["detail"],
            )
            for row in report["services"]
        ),
        "",
    )
    print(
        f"\n{report['environment']} trading, {report['memory_bytes'] / _KIB / _KIB:.0f} MB in all, "
        f"dashboard {report['dashboard'][0]}"
    )
