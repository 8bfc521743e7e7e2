"""Execution's side of risk: one long-lived stream for decisions, another for the trading mode.

Fails safe: without an answer in time there is no decision, and without risk's state nothing may be
sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from pi5.api.risk.v1.risk_service_pb2 import (
    EvaluateRequest,
    EvaluateStreamRequest,
    HaltRequest,
    StreamRiskStateRequest,
)
from pi5.api.risk.v1.risk_service_pb2_grpc import RiskServiceStub
from pi5.domain.decision import Decision, TradingMode
from pi5.domain.errors import Unavailable
from pi5.domain.order import OrderTerms
from pi5.domain.signal import Signal
from pi5.execution.store import is_uuid
from pi5.kit.client import Peer, follow
from pi5.kit.clock import new_id
from pi5.kit.log import Logger
from pi5.kit.wire.orders import decision_from
from pi5.kit.wire.trading import signal_to, terms_to

PENDING_MOST = 1_000


class RiskLink:
    """Asks risk, and knows the trading mode.

    `mode` is None while risk's state is not known. `on_mode` is called at each change.
    """

    def __init__(self, risk: Peer, timeout_s: float, log: Logger) -> None:
        self._risk = risk
        self._stub = RiskServiceStub(risk.channel)
        self._timeout_s = timeout_s
        self._log = log
        self._call: Any = None
        self._writing = asyncio.Lock()
        self._pending: dict[str, asyncio.Future[Decision]] = {}
        self.mode: TradingMode | None = None
        self.on_mode: Callable[[TradingMode | None], None] = lambda _mode: None

    async def evaluate(
        self, subject: OrderTerms | Signal, account: str, client_order_id: str
    ) -> Decision:
        """Return risk's decision on a signal or an order.

        Raises:
            Unavailable: RISK_UNAVAILABLE; nothing may be sent.
        """
        request = EvaluateRequest(
            evaluation_id=new_id(), account=account, client_order_id=client_order_id
        )
        if isinstance(subject, Signal):
            request.signal.CopyFrom(signal_to(subject))
        else:
            request.order.CopyFrom(terms_to(subject))
        if self._call is None or len(self._pending) >= PENDING_MOST:
            raise _unavailable("the stream to risk is not open")
        answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._pending[request.evaluation_id] = answer
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._writing:
                    await self._call.write(EvaluateStreamRequest(evaluation=request))
                return await answer
        except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            raise _unavailable(f"risk did not answer ({type(error).__name__})") from error
        finally:
            del self._pending[request.evaluation_id]

    async def halt(self, reason: str) -> None:
        """Ask risk to stop all trading; a failure is logged, the caller stops by itself too."""
        try:
            request = HaltRequest(request_id=new_id(), reason=reason)
            await self._stub.Halt(request, metadata=self._risk.metadata(), timeout=2.0)
        except grpc.aio.AioRpcError as error:
            self._log.error("risk did not take the halt", reason=reason, code=error.code().name)

    async def run_decisions(self) -> None:
        """Keep the stream of decisions open, for ever."""
        while True:
            why = "it ended"
            call: Any = self._stub.EvaluateStream(metadata=self._risk.metadata())
            try:
                await call.wait_for_connection()
                self._call = call
                while (answer := await call.read()) is not grpc.aio.EOF:
                    self._take(answer.evaluation)
            except grpc.aio.AioRpcError as error:
                why = f"{error.code().name}: {error.details()}"
                self._log.info("the stream to risk broke", why=why)
            finally:
                self._call = None
                call.cancel()
                self._fail_pending(why)
            await asyncio.sleep(0.2)

    async def run_state(self) -> None:
        """Follow risk's state, for ever; while the stream is broken the mode is not known."""

        def opened() -> Any:
            self._set_mode(None)
            return self._stub.StreamRiskState(
                StreamRiskStateRequest(), metadata=self._risk.metadata()
            )

        async for message in follow(opened, self._log, "risk state"):
            if message.WhichOneof("event") == "state":
                self._set_mode(TradingMode(message.state.mode))

    def _take(self, evaluation: Any) -> None:
        waiting = self._pending.get(evaluation.evaluation_id)
        if waiting is None or waiting.done():
            return
        if is_uuid(evaluation.decision.id):
            waiting.set_result(decision_from(evaluation.decision))
        else:
            waiting.set_exception(_unavailable("risk's decision has no proper id"))

    def _fail_pending(self, why: str) -> None:
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(_unavailable(f"the stream to risk broke ({why})"))

    def _set_mode(self, mode: TradingMode | None) -> None:
        if mode is not self.mode:
            self.mode = mode
            self.on_mode(mode)


def _unavailable(why: str) -> Unavailable:
    return Unavailable("RISK_UNAVAILABLE", f"{why}; nothing was sent", retry_after_s=1.0)
