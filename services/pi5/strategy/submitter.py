"""Sends signals to execution over one long-lived stream and learns what became of each.

A signal is sent once or not at all. When the stream breaks, or no answer comes in time, the signal
ends as failed with EXECUTION_UNAVAILABLE and is not sent again: by the time the stream is back the
price it was given on is history. If execution had taken it all the same, the order log says so, and
that evidence overrides the failure (`SignalStore.set_outcomes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from pi5.api.execution.v1 import execution_service_pb2
from pi5.api.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from pi5.domain.signal import Signal
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.log import Logger
from pi5.kit.wire.trading import signal_to
from pi5.strategy import metrics
from pi5.strategy.convert import outcome_of_answer
from pi5.strategy.signals import FAILED, UNAVAILABLE, Outcome

_MOST_IN_FLIGHT = 1_000
_ANSWER_WITHIN_S = 5.0
_FIRST_DELAY_S, _LAST_DELAY_S = 0.05, 2.0
Report = Callable[[list[Outcome]], Awaitable[None]]


class Submitter:
    """The stream of signals to execution.

    Args:
        peer: execution.
        report: told what became of signals.
        clock: for measuring how long answers take.
        log: for breaks of the stream.
    """

    def __init__(self, peer: Peer, report: Report, clock: Clock, log: Logger) -> None:
        self._peer = peer
        self._stub = ExecutionServiceStub(peer.channel)
        self._report = report
        self._clock = clock
        self._log = log
        self._call: Any = None
        self._sent_ns: dict[str, int] = {}

    @property
    def connected(self) -> bool:
        """Tell whether signals can be sent."""
        return self._call is not None

    async def send(self, signals: list[Signal]) -> None:
        """Send fresh signals, or report at once that they could not be."""
        for position, signal in enumerate(signals):
            call = self._call
            if call is None or len(self._sent_ns) >= _MOST_IN_FLIGHT:
                await self._fail(
                    [s.id for s in signals[position:]],
                    "execution could not be reached when the signal was given; nothing was sent",
                )
                return
            self._sent_ns[signal.id] = self._clock.monotonic_ns()
            try:
                await call.write(
                    execution_service_pb2.SubmitSignalsRequest(signal=signal_to(signal))
                )
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                self._call = None  # the reader reports what was on its way

    async def run(self) -> None:
        """Keep the stream open for ever."""
        delay = _FIRST_DELAY_S
        while True:
            call = self._stub.SubmitSignals(metadata=self._peer.metadata())
            try:
                await call.wait_for_connection()
                self._call = call
                delay = _FIRST_DELAY_S
                await self._read(call)
            except grpc.aio.AioRpcError as error:
                self._log.info(
                    "stream to execution broke, opening it again",
                    code=error.code().name,
                    details=error.details(),
                )
            finally:
                self._call = None
                call.cancel()
            await self._fail(
                list(self._sent_ns),
                "the stream to execution broke before an answer came; it is not sent again",
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_DELAY_S)

    async def _read(self, call: Any) -> None:
        """Take answers until the stream ends; give up on those that are overdue."""
        reading = asyncio.ensure_future(call.read())
        try:
            while True:
                done, _ = await asyncio.wait({reading}, timeout=1.0)
                if not done:
                    await self._give_up_overdue()
                    continue
                answer = reading.result()
                if answer is grpc.aio.EOF:
                    return
                reading = asyncio.ensure_future(call.read())
                sent_ns = self._sent_ns.pop(answer.signal_id, None)
                if sent_ns is not None:
                    elapsed_ns = self._clock.monotonic_ns() - sent_ns
                    metrics.ANSWER_SECONDS.observe(elapsed_ns / 1e9)
                await self._report([outcome_of_answer(answer)])
        finally:
            reading.cancel()

    async def _give_up_overdue(self) -> None:
        limit_ns = self._clock.monotonic_ns() - int(_ANSWER_WITHIN_S * 1e9)
        overdue = [key for key, sent_ns in self._sent_ns.items() if sent_ns < limit_ns]
        await self._fail(overdue, f"execution did not answer within {_ANSWER_WITHIN_S:g} s")

    async def _fail(self, signal_ids: list[str], reason: str) -> None:
        if not signal_ids:
            return
        for signal_id in signal_ids:
            self._sent_ns.pop(signal_id, None)
        await self._report(
            [
                Outcome(signal_id, FAILED, reject_code=UNAVAILABLE, reject_reason=reason)
                for signal_id in signal_ids
            ]
        )
