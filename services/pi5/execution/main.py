"""Wires execution: risk, data, database, and one session as the sender after another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pi5.api.execution.v1 import execution_service_pb2_grpc as api
from pi5.domain.errors import Unavailable
from pi5.execution.eventlog import SenderLost, Tail
from pi5.execution.instruments import Instruments
from pi5.execution.risk_link import RiskLink
from pi5.execution.server import ExecutionServicer
from pi5.execution.session import Rooms, Session, run_session
from pi5.kit.database import LOST
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer

NAME = "pi5.api.execution.v1.ExecutionService"
_RETRY_S = 0.5


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Run execution around a block."""
    pool = await context.pool()
    settings = context.settings.execution
    data = context.peer("data")
    rooms = Rooms(
        context=context,
        pool=pool,
        risk=RiskLink(context.peer("risk"), settings.risk_timeout_ms / 1_000, context.log),
        data=data,
        instruments=Instruments(data, context.clock, context.log),
        tail=Tail(),
    )
    servicer = ExecutionServicer(pool, rooms.tail, context.clock, context.stopping)
    add = api.add_ExecutionServiceServicer_to_server
    async with context.serving([(add, servicer)], [NAME]) as server:
        context.spawn(rooms.risk.run_decisions(), "risk decisions")
        context.spawn(rooms.risk.run_state(), "risk state")
        context.spawn(_sessions(rooms, servicer, server), "sender")
        yield


async def _sessions(rooms: Rooms, servicer: ExecutionServicer, server: GrpcServer) -> None:
    """Be the sender again and again: a lost database ends a session, not the process."""
    log = rooms.context.log

    def opened(session: Session) -> None:
        servicer.session = session

    while True:
        try:
            await rooms.instruments.load()
            await run_session(rooms, opened, server.set_ready)
        except* (Unavailable, SenderLost, *LOST) as group:
            reasons = sorted({type(error).__name__ for error in group.exceptions})
            log.warning("the session as the sender ended", reasons=reasons)
        finally:
            servicer.session = None
            rooms.risk.on_mode = lambda _mode: None
            rooms.tail.restart()
            await server.set_ready(False)
        await asyncio.sleep(_RETRY_S)
