"""Wires the risk service: the gate behind a server; what feeds it goes on in the background."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pi5.api.risk.v1 import risk_service_pb2, risk_service_pb2_grpc
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer
from pi5.risk.audit import AuditTrail
from pi5.risk.desk import LimitDesk
from pi5.risk.gate import Gate
from pi5.risk.server import RiskServicer, same_state
from pi5.risk.store import Saved
from pi5.risk.switch import ModeSwitch

NAME = risk_service_pb2.DESCRIPTOR.services_by_name["RiskService"].full_name
MODE_FILE = "mode.json"
_TICK_S = 0.25
_FIGURES_EVERY = 4  # ticks between two states that differ in figures only


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Serve; halting works from the first moment, judging once the gate is open."""

    def on_loaded(saved: Saved) -> None:
        switch.on_loaded(saved.mode)
        desk.on_loaded(saved.limits)

    gate = Gate(context, on_loaded)
    switch = ModeSwitch(gate, context.home.root / MODE_FILE, context.log)
    desk = LimitDesk(gate)
    audit = AuditTrail(context.peer("system"), context.log)
    servicer = RiskServicer(gate, switch, desk, audit, context.clock)
    registration = (risk_service_pb2_grpc.add_RiskServiceServicer_to_server, servicer)
    async with context.serving([registration], [NAME]) as server:
        work = [*gate.work(), switch.keep(), audit.run(), _tick(context, gate, servicer, server)]
        tasks = [context.spawn(item, f"risk-{item.__name__.strip('_')}") for item in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _tick(context: Context, gate: Gate, servicer: RiskServicer, server: GrpcServer) -> None:
    """Let approvals lapse, publish the state, and say whether the gate is open."""
    ready, ticks = False, 0
    while True:
        await asyncio.sleep(_TICK_S)
        ticks += 1
        gate.expire()
        state = servicer.state()
        published = servicer.states.value
        due = ticks % _FIGURES_EVERY == 0 and state != published
        if due or not same_state(published, state):
            servicer.states.set(state)
        missing = gate.missing()
        if ready == bool(missing):
            ready = not missing
            await server.set_ready(ready)
            context.log.info("readiness changed", ready=ready, missing=missing)
