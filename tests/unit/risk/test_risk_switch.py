"""The switch: stopping works without a database, starting again does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pi5.domain.decision import TradingMode
from pi5.domain.errors import Precondition, Unavailable
from pi5.kit.log import get_logger
from pi5.risk.engine import ModeState, RiskEngine
from pi5.risk.mode_file import read_mode
from pi5.risk.switch import ModeSwitch

ACTIVE, REDUCING, HALTED = TradingMode.ACTIVE, TradingMode.REDUCING, TradingMode.HALTED


class Database:
    """Keeps the mode; away or silent on request."""

    def __init__(self) -> None:
        self.mode: ModeState | None = None
        self.away = self.silent = False

    async def save_mode(self, state: ModeState) -> None:
        if self.silent:
            await asyncio.sleep(3_600)
        if self.away:
            raise ConnectionRefusedError
        self.mode = state


class Surroundings:
    """What the switch needs of the gate: the engine, the store, the time."""

    def __init__(self, store: Database) -> None:
        self.engine = RiskEngine()
        self.store = store

    def now_ns(self) -> int:
        return 7


def started(path: Path, database: Database) -> tuple[Surroundings, ModeSwitch]:
    around = Surroundings(database)
    switch = ModeSwitch(around, path / "mode.json", get_logger("test"))
    switch.on_loaded(database.mode)
    return around, switch


async def test_halt_holds_and_lasts_with_the_database_away(tmp_path: Path) -> None:
    """Without a database a halt holds at once, and a restart finds it in the file."""
    database = Database()
    database.away = True
    around, switch = started(tmp_path, database)
    await switch.restrict(HALTED, "loss", "ada")
    assert around.engine.mode.mode is HALTED
    again, _ = started(tmp_path, database)
    assert (again.engine.mode.mode, again.engine.mode.reason) == (HALTED, "loss")


async def test_resume_needs_file_and_database(tmp_path: Path) -> None:
    """Trading stays stopped when the database cannot be told; then it starts and stays started."""
    database = Database()
    around, switch = started(tmp_path, database)
    await switch.restrict(HALTED, "loss", "ada")
    for fault in ("away", "silent"):
        setattr(database, fault, True)
        with pytest.raises(Unavailable) as caught:
            await switch.resume("fine", "ada")
        assert caught.value.code == "MODE_NOT_SAVED"
        assert around.engine.mode.mode is HALTED
        assert started(tmp_path, database)[0].engine.mode.mode is HALTED
        setattr(database, fault, False)
    await switch.resume("fine", "ada")
    assert around.engine.mode.mode is ACTIVE
    assert started(tmp_path, database)[0].engine.mode.mode is ACTIVE


async def test_the_database_hears_of_a_halt_when_it_is_back(tmp_path: Path) -> None:
    """What was set while it was away is brought up to date in the background."""
    database = Database()
    database.away = True
    _, switch = started(tmp_path, database)
    keeping = asyncio.ensure_future(switch.keep())
    await switch.restrict(HALTED, "loss", "ada")
    await asyncio.sleep(0.05)
    assert database.mode is None
    database.away = False
    await switch.restrict(HALTED, "more loss", "ada")
    await asyncio.sleep(0.05)
    keeping.cancel()
    assert database.mode is not None
    assert (database.mode.mode, database.mode.reason) == (HALTED, "more loss")


async def test_reducing_does_not_loosen_a_halt(tmp_path: Path) -> None:
    """Only an administrator's resume ends a halt."""
    around, switch = started(tmp_path, Database())
    await switch.restrict(HALTED, "loss", "ada")
    with pytest.raises(Precondition) as caught:
        await switch.restrict(REDUCING, "less", "ada")
    assert caught.value.code == "HALTED"
    assert around.engine.mode.mode is HALTED


async def test_a_halt_during_a_resume_wins(tmp_path: Path) -> None:
    """Whoever stops trading while it is being started again has the last word."""
    around, switch = started(tmp_path, Database())
    await switch.restrict(REDUCING, "care", "ada")
    resuming = asyncio.ensure_future(switch.resume("fine", "bob"))
    await asyncio.sleep(0)
    await switch.restrict(HALTED, "no", "eve")
    with pytest.raises(Precondition) as caught:
        await resuming
    assert caught.value.code == "MODE_CHANGED"
    assert around.engine.mode.mode is HALTED
    stored = read_mode(tmp_path / "mode.json")
    assert stored is not None
    assert stored.mode is HALTED


async def test_a_halt_that_cannot_be_kept_says_so_but_holds(tmp_path: Path) -> None:
    """With neither file nor database it holds in memory, and the caller is told."""
    database = Database()
    database.away = True
    around = Surroundings(database)
    switch = ModeSwitch(around, tmp_path / "gone" / "mode.json", get_logger("test"))
    with pytest.raises(Unavailable) as caught:
        await switch.restrict(HALTED, "loss", "ada")
    assert caught.value.code == "MODE_NOT_SAVED"
    assert around.engine.mode.mode is HALTED


async def test_a_database_with_an_older_halt_keeps_trading_stopped(tmp_path: Path) -> None:
    """A restored database that says halted is believed, and the file is brought in line."""
    database = Database()
    database.mode = ModeState(HALTED, "restored", "backup", 1, 9)
    around, _ = started(tmp_path, database)
    assert around.engine.mode.mode is HALTED
