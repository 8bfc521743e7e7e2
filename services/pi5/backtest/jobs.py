"""The queue of runs and the worker processes that play them."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field

from pi5.api.backtest.v1 import backtest_pb2
from pi5.backtest import metrics
from pi5.backtest.frames import LENGTH, LONGEST
from pi5.backtest.store import CANCELED, FAILED, QUEUED, RUNNING, SUCCEEDED, Run, Store
from pi5.domain.errors import Exhausted
from pi5.kit.clock import Clock
from pi5.kit.database import until_available
from pi5.kit.lifecycle import PARENT_VARIABLE
from pi5.kit.log import Logger

_NAMES = {SUCCEEDED: "succeeded", FAILED: "failed", CANCELED: "canceled"}
_STOP_WITHIN_S = 2.0


@dataclass(slots=True)
class Live:
    """A run that waits or runs, as far as it has come."""

    state: int = QUEUED
    progress: float = 0.0
    bars: int = 0
    started_ns: int = 0
    canceled: bool = False
    process: Process | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def notify(self) -> None:
        """Wake those who watch."""
        self.changed.set()
        self.changed = asyncio.Event()


class Jobs:
    """Plays queued runs, `workers` at a time, each in its own process.

    Args:
        store: where runs are kept.
        workers: how many run at once.
        most_queued: how many may wait.
        clock: wall clock.
        log: the service's logger.
    """

    def __init__(
        self, store: Store, workers: int, most_queued: int, clock: Clock, log: Logger
    ) -> None:
        self._store = store
        self._workers = workers
        self._most_queued = most_queued
        self._clock = clock
        self._log = log
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._live: dict[str, Live] = {}

    @property
    def waiting(self) -> int:
        """How many runs wait."""
        return self._queue.qsize()

    def admit(self) -> None:
        """Refuse another run when too many wait.

        Raises:
            Exhausted: BACKTEST_QUEUE_FULL.
        """
        if self._queue.qsize() >= self._most_queued:
            raise Exhausted(
                "BACKTEST_QUEUE_FULL",
                f"{self._queue.qsize()} backtests wait already (backtest.max_queued)",
                retry_after_s=10.0,
            )

    def enqueue(self, run_id: str) -> None:
        """Let a stored run wait for a worker."""
        self._live[run_id] = Live()
        self._queue.put_nowait(run_id)
        metrics.QUEUED.set(self._queue.qsize())

    def live(self, run_id: str) -> Live | None:
        """Return how far a run has come; None when it neither waits nor runs."""
        return self._live.get(run_id)

    def remaining_s(self, live: Live) -> float | None:
        """Return the seconds a run has left, going by its pace so far; None while unknown."""
        if not live.started_ns or live.progress <= 0.0:
            return None
        elapsed_s = (self._clock.monotonic_ns() - live.started_ns) / 1e9
        return elapsed_s * (1.0 - live.progress) / live.progress

    async def cancel(self, run_id: str) -> bool:
        """End a run; False when it has ended already."""
        live = self._live.get(run_id)
        if live is None:
            return False
        live.canceled = True
        if live.process is not None:
            live.process.terminate()
        elif live.state == QUEUED:
            await self._end(run_id, live, CANCELED)
        return True

    async def work(self) -> None:
        """Play runs for ever; call it once for each worker."""
        while True:
            run_id = await self._queue.get()
            metrics.QUEUED.set(self._queue.qsize())
            live = self._live.get(run_id)
            if live is not None and not live.canceled:
                await self._play(run_id, live)

    async def _play(self, run_id: str, live: Live) -> None:
        begun = await until_available(self._store.begin, run_id, self._clock.now_ns())
        if not begun:
            self._live.pop(run_id, None)
            return
        live.state, live.started_ns = RUNNING, self._clock.monotonic_ns()
        live.notify()
        run: Run = await until_available(self._store.get, run_id)
        try:
            last = await self._process(run, live)
        finally:
            await self._stop(live)
        metrics.SECONDS.observe((self._clock.monotonic_ns() - live.started_ns) / 1e9)
        metrics.BARS.inc(live.bars)
        if live.canceled:
            await self._end(run_id, live, CANCELED)
        elif last is None:
            code = live.process.returncode if live.process else None
            reason = f"its process ended unexpectedly with {code}; the log of backtest may say why"
            await self._end(run_id, live, FAILED, error=reason)
        elif last.state == backtest_pb2.RUN_STATE_FAILED:
            await self._end(run_id, live, FAILED, error=last.error)
        else:
            live.progress = 1.0
            result = last.result.SerializeToString()
            await self._end(run_id, live, SUCCEEDED, result=result)

    async def _process(self, run: Run, live: Live) -> backtest_pb2.Backtest | None:
        """Start the worker and take its messages; return the last one when it is an outcome."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pi5.backtest.worker",
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
        )
        live.process = process
        if live.canceled:
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(run.spec)
            await process.stdin.drain()
            process.stdin.close()
            while True:
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                if length > LONGEST:
                    return None
                body = await process.stdout.readexactly(length)
                message = backtest_pb2.Backtest.FromString(body)
                live.bars = message.bars or live.bars
                if message.state != backtest_pb2.RUN_STATE_RUNNING:
                    return message
                live.progress = message.progress
                live.notify()
        except (asyncio.IncompleteReadError, ConnectionError):
            await process.wait()
            return None

    async def _stop(self, live: Live) -> None:
        """Wait for the worker's end, and make it end when it does not."""
        process = live.process
        if process is None or process.returncode is not None:
            return
        try:
            await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
        except (TimeoutError, asyncio.CancelledError):
            process.kill()
            await process.wait()

    async def _end(
        self, run_id: str, live: Live, state: int, result: bytes | None = None, error: str = ""
    ) -> None:
        """Store how a run ended, then wake those who watch."""

        async def store() -> bool:
            return await self._store.end(
                run_id,
                state,
                self._clock.now_ns(),
                result=result,
                error=error,
                progress=live.progress,
                bars=live.bars,
            )

        await until_available(store, wait_s=300.0)
        live.state = state
        self._live.pop(run_id, None)
        metrics.RUNS.labels(_NAMES[state]).inc()
        self._log.info("backtest ended", backtest_id=run_id, state=_NAMES[state], reason=error)
        live.notify()
