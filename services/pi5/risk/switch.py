"""The switch that stops trading: at once in memory, then in the file, then in the database.

Stopping must work when the database does not, so the file alone is waited for and the database
follows in the background. Starting again needs both.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from pi5.domain.decision import TradingMode
from pi5.domain.errors import Fault, Precondition, Unavailable
from pi5.kit.database import LOST
from pi5.kit.log import Logger
from pi5.risk import metrics
from pi5.risk.engine import ModeState
from pi5.risk.gate import Gate
from pi5.risk.mode_file import read_mode, stricter, write_mode

_DATABASE_TIMEOUT_S, _RETRY_S = 1.0, 1.0


class ModeSwitch:
    """Sets the trading mode and keeps it."""

    def __init__(self, gate: Gate, path: Path, log: Logger) -> None:
        self._gate = gate
        self._path = path
        self._log = log
        self._resuming, self._writing = asyncio.Lock(), asyncio.Lock()
        self._behind = asyncio.Event()
        self._saves: set[asyncio.Future[bool]] = set()
        self._stored_revision = self._filed_revision = 0
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
        self._behind.set()
        if not await self._to_file(state) and not await self._to_database(state):
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
        async with self._resuming:
            before = engine.mode
            now = self._gate.now_ns()
            state = ModeState(TradingMode.ACTIVE, reason, by, now, before.revision + 1)
            durable = await self._to_database(state) and await self._to_file(state)
            if engine.mode is not before:
                raise Precondition("MODE_CHANGED", "somebody changed the mode just now")
            if not durable:
                raise Unavailable(
                    "MODE_NOT_SAVED", "it could not be made durable; trading stays stopped"
                )
            engine.mode = state
            metrics.MODE.set(state.mode)
        return state

    async def keep(self) -> None:
        """Bring the database, and the file, up to date with what was set meanwhile."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._behind.wait(), _RETRY_S)
            self._behind.clear()
            state = self._gate.engine.mode
            if state.revision > self._stored_revision:
                await self._to_file(state)
                await self._to_database(state)

    async def _to_file(self, state: ModeState) -> bool:
        """Write the file unless a newer mode is in it."""
        async with self._writing:
            newest = self._gate.engine.mode
            if state.revision < self._filed_revision:
                return True
            if newest.mode > state.mode and newest.revision >= state.revision:
                return False  # somebody stopped trading while this waited to start it again
            try:
                await asyncio.to_thread(write_mode, self._path, state)
            except OSError as error:
                reason = str(error)
                self._log.warning("the mode file cannot be written", reason=reason)
                return False
            self._filed_revision = state.revision
        return True

    async def _to_database(self, state: ModeState) -> bool:
        """Write the database, waiting a second at most; a late write still counts for later."""
        saving = asyncio.ensure_future(self._save(state))
        self._saves.add(saving)
        saving.add_done_callback(self._saves.discard)
        done, _ = await asyncio.wait({saving}, timeout=_DATABASE_TIMEOUT_S)
        return bool(done) and saving.result()

    async def _save(self, state: ModeState) -> bool:
        try:
            await self._gate.store.save_mode(state)
        except (*LOST, Fault) as error:
            self._log.warning(
                "the mode is not in the database yet",
                reason=str(error) or type(error).__name__ or type(error).__name__,
            )
            return False
        self._stored_revision = max(self._stored_revision, state.revision)
        return True
