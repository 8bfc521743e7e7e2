"""Wires the portfolio service: books behind a server; the work goes on in the background."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from pi5.api.portfolio.v1 import portfolio_service_pb2, portfolio_service_pb2_grpc
from pi5.kit.lifecycle import Context
from pi5.portfolio.assessment import Calendars
from pi5.portfolio.bookkeeper import Bookkeeper
from pi5.portfolio.server import PortfolioServicer

NAME = portfolio_service_pb2.DESCRIPTOR.services_by_name["PortfolioService"].full_name


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Serve; ready once the books are loaded and have caught up with the order log."""
    keeper = Bookkeeper(context)
    servicer = PortfolioServicer(
        keeper,
        context.settings.portfolio.day_starts_at_utc_hour,
        Calendars(context.peer("data")),
    )
    registration = (portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server, servicer)
    async with context.serving([registration], [NAME]) as server:
        keeper.start(server)
        try:
            yield
        finally:
            await keeper.stop()
