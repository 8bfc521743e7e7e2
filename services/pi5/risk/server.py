"""RiskService on the wire: takes requests to the engine and the store, holds no rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pi5.api.common.v1 import stream_pb2
from pi5.api.risk.v1 import risk_pb2, risk_service_pb2_grpc
from pi5.api.risk.v1 import risk_service_pb2 as pb
from pi5.domain.decision import Decision, TradingMode
from pi5.domain.errors import InvalidInput, Precondition
from pi5.domain.order import DEFAULT_ACCOUNT
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import reached
from pi5.kit.guard import ServicerContext, current_caller
from pi5.kit.latest import Latest
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.orders import decision_to
from pi5.kit.wire.times import from_datetime, time_ns, timestamp, to_datetime
from pi5.kit.wire.trading import signal_from, terms_from
from pi5.risk import convert, metrics
from pi5.risk.audit import AuditTrail
from pi5.risk.desk import LimitDesk, request_of
from pi5.risk.gate import Gate
from pi5.risk.state import snapshot
from pi5.risk.store import DecisionFilter
from pi5.risk.switch import ModeSwitch

HEARTBEAT_S = 4.0


class RiskServicer(risk_service_pb2_grpc.RiskServiceServicer):
    """Judges, and stops trading."""

    def __init__(
        self,
        gate: Gate,
        switch: ModeSwitch,
        desk: LimitDesk,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._switch = switch
        self._desk = desk
        self._audit = audit
        self._clock = clock
        self._epoch = new_id()
        self.states: Latest[risk_pb2.RiskState] = Latest()

    # ------------------------------------------------------------ judgement

    async def Evaluate(
        self, request: pb.EvaluateRequest, _context: ServicerContext
    ) -> pb.EvaluateResponse:
        """Judge one signal or order."""
        return self._evaluate(request)

    async def EvaluateStream(
        self, requests: AsyncIterator[pb.EvaluateStreamRequest], _context: ServicerContext
    ) -> AsyncIterator[pb.EvaluateStreamResponse]:
        """Judge signals and orders as they come, in that order."""
        async for request in requests:
            yield pb.EvaluateStreamResponse(evaluation=self._evaluate(request.evaluation))

    def _evaluate(self, request: pb.EvaluateRequest) -> pb.EvaluateResponse:
        self._gate.require_open()
        subject = request.WhichOneof("subject")
        client_order_id = request.client_order_id or request.order.client_order_id
        if subject is None or not client_order_id:
            raise InvalidInput(
                "MISSING_FIELD", "an evaluation needs a signal or an order, and client_order_id"
            )
        engine, now = self._gate.engine, self._gate.now_ns()
        started = self._clock.monotonic_ns()
        if subject == "signal":
            signal = signal_from(request.signal)
            account = request.account or DEFAULT_ACCOUNT
            decision = engine.evaluate_signal(signal, account, now, new_id(), client_order_id)
        else:
            terms = replace(terms_from(request.order), client_order_id=client_order_id)
            decision = engine.evaluate_order(terms, now, new_id())
        decision = self._measured(decision, started)
        if not decision.approved:
            metrics.BLOCKS.labels(decision.reject_code).inc()
        metrics.DECISIONS.labels("approved" if decision.approved else "refused").inc()
        return pb.EvaluateResponse(
            evaluation_id=request.evaluation_id, decision=decision_to(decision)
        )

    def _measured(self, decision: Decision, started_ns: int) -> Decision:
        taken_ns = self._clock.monotonic_ns() - started_ns
        metrics.DECISION_SECONDS.observe(taken_ns / 1e9)
        return replace(decision, duration_us=taken_ns // 1_000)

    async def CheckOrder(
        self, request: pb.CheckOrderRequest, _context: ServicerContext
    ) -> pb.CheckOrderResponse:
        """Say what the decision would be, without reserving or storing anything."""
        self._gate.require_open()
        terms = terms_from(request.order)
        started = self._clock.monotonic_ns()
        decision = self._gate.engine.evaluate_order(
            terms, self._gate.now_ns(), new_id(), reserve=False
        )
        return pb.CheckOrderResponse(decision=decision_to(self._measured(decision, started)))

    async def ListDecisions(
        self, request: pb.ListDecisionsRequest, _context: ServicerContext
    ) -> pb.ListDecisionsResponse:
        """Return decisions, newest first."""
        size, token = page_size(request.page_size), read_token(request.page_token, 2)
        before = time_ns(request.before)
        wanted = DecisionFilter(
            symbol=request.symbol,
            strategy_id=request.strategy_id,
            refused_only=request.refused_only,
            before=to_datetime(before) if before else None,
            after_row=(datetime.fromisoformat(token[0]).astimezone(UTC), token[1])
            if token
            else None,
        )
        with reached():
            rows = await self._gate.store.decisions(wanted, size + 1)
        page, more = rows[:size], len(rows) > size
        return pb.ListDecisionsResponse(
            decisions=[risk_pb2.Decision.FromString(content) for _, _, content in page],
            next_page_token=write_token([page[-1][0].isoformat(), page[-1][1]]) if more else "",
        )

    async def GetDecision(
        self, request: pb.GetDecisionRequest, _context: ServicerContext
    ) -> pb.GetDecisionResponse:
        """Return one decision."""
        with reached():
            content = await self._gate.store.decision(request.id)
        return pb.GetDecisionResponse(decision=risk_pb2.Decision.FromString(content))

    # ------------------------------------------------------------ limits

    async def ListLimits(
        self, _request: pb.ListLimitsRequest, _context: ServicerContext
    ) -> pb.ListLimitsResponse:
        """Return the limits of every scope, the widest first."""
        return pb.ListLimitsResponse(limits=self._desk.every_scope())

    async def UpdateLimits(
        self, request: pb.UpdateLimitsRequest, _context: ServicerContext
    ) -> pb.UpdateLimitsResponse:
        """Change the limits of a scope."""
        by = current_caller.get().subject
        with reached():
            response = await self._desk.update(request, by)
        scope = response.limits.scope
        where = scope.symbol or scope.strategy_id or scope.account or "everything"
        revision = str(response.limits.revision)
        self._audit.record(
            by, "risk.update_limits", where, {"reason": request.reason, "revision": revision}
        )
        self.publish()
        return response

    async def ListLimitChanges(
        self, request: pb.ListLimitChangesRequest, _context: ServicerContext
    ) -> pb.ListLimitChangesResponse:
        """Return changes of limits, newest first."""
        size, token = page_size(request.page_size), read_token(request.page_token, 1)
        with reached():
            after = int(token[0]) if token else None
            rows = await self._gate.store.limit_changes(after, size + 1)
        page, more = rows[:size], len(rows) > size
        return pb.ListLimitChangesResponse(
            changes=[
                risk_pb2.LimitChange(
                    scope=convert.scope_to(row.scope),
                    before=convert.limits_to(row.before) if row.before else None,
                    after=convert.limits_to(row.after),
                    changed_by=row.changed_by,
                    changed_at=timestamp(from_datetime(row.changed_at)),
                    reason=row.reason,
                )
                for row in page
            ],
            next_page_token=write_token([page[-1].id]) if more else "",
        )

    # ------------------------------------------------------------ state and mode

    def state(self) -> risk_pb2.RiskState:
        """Return the present state."""
        return convert.state_to(snapshot(self._gate.engine, DEFAULT_ACCOUNT, self._gate.now_ns()))

    def publish(self) -> None:
        """Tell all who follow the state."""
        self.states.set(self.state())

    async def GetRiskState(
        self, _request: pb.GetRiskStateRequest, _context: ServicerContext
    ) -> pb.GetRiskStateResponse:
        """Return trading mode, use of the limits and protections."""
        return pb.GetRiskStateResponse(state=self.state())

    async def StreamRiskState(
        self, _request: pb.StreamRiskStateRequest, context: ServicerContext
    ) -> AsyncIterator[pb.StreamRiskStateResponse]:
        """Yield the state now and at every change."""
        seen = self.states.version
        yield pb.StreamRiskStateResponse(state=self.state())
        while not context.cancelled():
            if await self.states.newer(seen, HEARTBEAT_S):
                seen = self.states.version
                yield pb.StreamRiskStateResponse(state=self.states.value)
            else:
                heartbeat = stream_pb2.Heartbeat(
                    last_sequence=self.states.version,
                    epoch=self._epoch,
                    server_time=timestamp(self._gate.now_ns()),
                )
                yield pb.StreamRiskStateResponse(heartbeat=heartbeat)

    async def Halt(self, request: pb.HaltRequest, _context: ServicerContext) -> pb.HaltResponse:
        """Stop all trading at once."""
        await self._restrict(TradingMode.HALTED, "risk.halt", request.reason)
        return pb.HaltResponse(state=self.state())

    async def Reduce(
        self, request: pb.ReduceRequest, _context: ServicerContext
    ) -> pb.ReduceResponse:
        """Allow exits only."""
        await self._restrict(TradingMode.REDUCING, "risk.reduce", request.reason)
        return pb.ReduceResponse(state=self.state())

    async def _restrict(self, mode: TradingMode, action: str, reason: str) -> None:
        by = current_caller.get().subject
        setting = asyncio.ensure_future(self._switch.restrict(mode, reason, by))
        outcome = "failed"
        try:
            # A caller who hangs up must not keep the halt from becoming durable.
            await asyncio.shield(setting)
            outcome = "ok"
        except Precondition:
            outcome = "refused"
            raise
        finally:
            self.publish()
            self._audit.record(by, action, "trading", {"reason": reason}, outcome)

    async def Resume(
        self, request: pb.ResumeRequest, _context: ServicerContext
    ) -> pb.ResumeResponse:
        """Allow trading again; a repeated request_id has no second effect."""
        by, call = current_caller.get().subject, request_of(request, "Resume")
        with reached():
            stored = await self._gate.store.answer(call)
        if stored is not None:
            return pb.ResumeResponse.FromString(stored)
        await self._switch.resume(request.reason, by)
        response = pb.ResumeResponse(state=self.state())
        with reached():
            await self._gate.store.save_answer(call, response.SerializeToString())
        self._audit.record(by, "risk.resume", "trading", {"reason": request.reason})
        self.publish()
        return response


def same_state(one: risk_pb2.RiskState | None, other: risk_pb2.RiskState) -> bool:
    """Tell whether two states differ in figures only, not in what may be traded."""
    if one is None:
        return False
    keys: tuple[Any, ...] = (one.mode, one.revision, list(one.blocks), len(one.protections))
    return keys == (other.mode, other.revision, list(other.blocks), len(other.protections))
