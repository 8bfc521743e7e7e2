"""The switch that stops trading: at once in memory, then in the file, then in the database.

Stopping must work when the database does not; starting again must not, so resuming needs it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from pi5.domain.decision import TradingMode
from pi5.domain.errors import Fault, Precondition, Unavailable
from pi5.kit.database import LOST
from pi5.kit.log import Logger
from pi5.risk import metrics
from pi5.risk.engine import ModeState
from pi5.risk.gate import Gate
from pi5.risk.mode_file import read_mode, stricter, write_mode

_DATABASE_TIMEOUT_S = 1.0


class ModeSwitch:
    """Sets the trading mode and keeps it."""

    def __init__(self, gate: Gate, path: Path, log: Logger) -> None:
        self._gate = gate
        self._path = path
        self._log = log
        self._changing = asyncio.Lock()
        self._stored_revision = 0
        gate.engine.mode = stricter(read_mode(path), None)
        metrics.MODE.set(gate.engine.mode.mode)

    def on_loaded(self, stored: ModeState | None) -> None:
        """Take the stricter of what the database has and what holds now."""
        self._stored_revision = stored.revision if stored else 0
        engine = self._gate.engine
        chosen, newest = (
            stricter(engine.mode, stored),
            max(engine.mode.revision, self._stored_revision),
        )
        if chosen.revision < newest:
            # Written anew, so that file and database agree from now on.
            reason, by, at = chosen.reason, chosen.changed_by, chosen.changed_at_ns
            chosen = ModeState(chosen.mode, reason, by, at, newest + 1)
        engine.mode = chosen
        metrics.MODE.set(chosen.mode)

    async def restrict(self, mode: TradingMode, reason: str, by: str) -> ModeState:
        """Halt, or allow exits only. Holds for the next decision, before anything is written.

        Raises:
            Precondition: HALTED, when reducing would loosen a halt.
            Unavailable: MODE_NOT_SAVED, when it holds but would not survive a restart.
        """
        engine = self._gate.engine
        if mode < engine.mode.mode:
            raise Precondition(
                "HALTED", "trading is halted, which is stricter; an administrator may resume"
            )
        state = engine.set_mode(mode, reason, by, self._gate.now_ns())
        metrics.MODE.set(mode)
        async with self._changing:
            in_file = await self._to_file(state)
            in_database = await self._to_database(state)
        if not in_file and not in_database:
            raise Unavailable(
                "MODE_NOT_SAVED",
                f"trading is {mode.name.lower()} now, but neither the file nor the database took "
                "it; it would be forgotten at a restart",
            )
        return state

    async def resume(self, reason: str, by: str) -> ModeState:
        """Allow trading again; durable in both places before it holds.

        Raises:
            Unavailable: MODE_NOT_SAVED; trading stays as it was.
            Precondition: MODE_CHANGED, when somebody stopped trading meanwhile.
        """
        engine = self._gate.engine
        async with self._changing:
            before = engine.mode
            now = self._gate.now_ns()
            state = ModeState(TradingMode.ACTIVE, reason, by, now, before.revision + 1)
            if not await self._to_database(state) or not await self._to_file(state):
                raise Unavailable(
                    "MODE_NOT_SAVED", "it could not be made durable; trading stays stopped"
                )
            if engine.mode is not before:
                await self._to_file(engine.mode)
                raise Precondition("MODE_CHANGED", "somebody stopped trading just now")
            engine.mode = state
            metrics.MODE.set(state.mode)
        return state

    async def keep(self) -> None:
        """Bring the database up to date with what was set while it was away."""
        while True:
            await asyncio.sleep(1.0)
            async with self._changing:
                state = self._gate.engine.mode
                if state.revision > self._stored_revision and await self._to_file(state):
                    await self._to_database(state)

    async def _to_file(self, state: ModeState) -> bool:
        try:
            await asyncio.to_thread(write_mode, self._path, state)
        except OSError as error:
            self._log.error("the mode file cannot be written", reason=str(error))
            return False
        return True

    async def _to_database(self, state: ModeState) -> bool:
        try:
            await asyncio.wait_for(self._gate.store.save_mode(state), _DATABASE_TIMEOUT_S)
        except (*LOST, Fault) as error:
            self._log.warning("the mode is not in the database yet", reason=str(error))
            return False
        self._stored_revision = max(self._stored_revision, state.revision)
        return True
