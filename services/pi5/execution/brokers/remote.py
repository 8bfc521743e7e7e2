"""A broker in another process, in any language: whoever speaks BrokerService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from pi5.api.execution.v1 import broker_service_pb2 as pb
from pi5.api.execution.v1.broker_service_pb2_grpc import BrokerServiceStub
from pi5.domain.broker import (
    BrokerAccount,
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
)
from pi5.domain.money import parse_decimal
from pi5.domain.order import OrderTerms, RiskApproved
from pi5.execution.convert import (
    broker_execution_from,
    broker_order_from,
    promises_from,
    report_from,
)
from pi5.kit import failpoints
from pi5.kit.client import Metadata, follow
from pi5.kit.log import Logger
from pi5.kit.settings import RemoteBrokerSettings
from pi5.kit.tokens import ServiceToken
from pi5.kit.wire.times import timestamp
from pi5.kit.wire.trading import terms_to

_PAGES_MOST = 1_000


class RemoteBroker:
    """A client of one BrokerService.

    The process's own token is shown over unix sockets only, where the other side is this machine's.
    """

    def __init__(
        self, settings: RemoteBrokerSettings, token: ServiceToken, timeout_s: float, log: Logger
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._token = token if settings.address.startswith("unix:") else None
        self._timeout_s = timeout_s
        self._log = log
        self._channel = grpc.aio.insecure_channel(
            settings.address,
            options=[
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 2_000),
            ],
        )
        self._stub = BrokerServiceStub(self._channel)

    def _call(self) -> dict[str, Any]:
        return {"metadata": self._metadata(), "timeout": self._timeout_s}

    def _metadata(self) -> Metadata:
        return (("authorization", self._token.header()),) if self._token else ()

    async def describe(self) -> BrokerPromises:
        """Return what it promises, under the name and for the venues of the configuration.

        It counts as live when either side says so.
        """
        answer = await self._stub.DescribeBroker(pb.DescribeBrokerRequest(), **self._call())
        promised = promises_from(answer.broker)
        return BrokerPromises(
            name=self.name,
            live=promised.live or self._settings.live,
            deduplication=promised.deduplication,
            lookup_by_client_id=promised.lookup_by_client_id,
            max_in_flight_ms=promised.max_in_flight_ms,
            venues=self._settings.venues or promised.venues,
        )

    async def place(self, approved: RiskApproved[OrderTerms]) -> BrokerOrder:
        """Place an order."""
        request = pb.PlaceOrderRequest(order=terms_to(approved.order))
        call = self._stub.PlaceOrder(request, **self._call())
        await failpoints.hit_after("after_send_before_ack", 0.05)
        return broker_order_from((await call).order)

    async def cancel(self, client_order_id: str) -> BrokerOrder | None:
        """Ask for a cancel; None when the broker does not know the order."""
        request = pb.CancelPlacedOrderRequest(client_order_id=client_order_id)
        try:
            answer = await self._stub.CancelPlacedOrder(request, **self._call())
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return broker_order_from(answer.order)

    async def look_up(self, client_order_id: str) -> BrokerLookUp:
        """Return an order and its executions."""
        request = pb.LookUpOrderRequest(client_order_id=client_order_id)
        answer = await self._stub.LookUpOrder(request, **self._call())
        if not answer.found:
            return BrokerLookUp(None)
        executions = tuple(broker_execution_from(item) for item in answer.executions)
        return BrokerLookUp(broker_order_from(answer.order), executions)

    async def open_orders(self) -> list[BrokerOrder]:
        """Return all working orders."""
        found: list[BrokerOrder] = []
        token = ""
        for _ in range(_PAGES_MOST):
            request = pb.ListOpenOrdersRequest(page_token=token)
            answer = await self._stub.ListOpenOrders(request, **self._call())
            found += [broker_order_from(item) for item in answer.orders]
            token = answer.next_page_token
            if not token:
                return found
        raise ValueError(f"{self.name} lists more than {_PAGES_MOST} pages of open orders")

    async def executions(self, since_ns: int) -> list[BrokerExecution]:
        """Return all executions at or after a time, oldest first."""
        found: list[BrokerExecution] = []
        token = ""
        for _ in range(_PAGES_MOST):
            request = pb.ListExecutionsRequest(since=timestamp(since_ns), page_token=token)
            answer = await self._stub.ListExecutions(request, **self._call())
            found += [broker_execution_from(item) for item in answer.executions]
            token = answer.next_page_token
            if not token:
                return found
        raise ValueError(f"{self.name} lists more than {_PAGES_MOST} pages of executions")

    async def account(self) -> BrokerAccount:
        """Return cash and positions."""
        answer = await self._stub.GetBrokerAccount(pb.GetBrokerAccountRequest(), **self._call())
        return BrokerAccount(
            cash={money.currency: parse_decimal(money.amount or "0") for money in answer.cash},
            positions={item.symbol: parse_decimal(item.qty or "0") for item in answer.positions},
        )

    async def reports(self) -> AsyncIterator[BrokerReport | None]:
        """Yield reports; None at each new connection, before which some may have been missed."""
        opened = 0

        def open_stream() -> Any:
            nonlocal opened
            opened += 1
            return self._stub.StreamReports(pb.StreamReportsRequest(), metadata=self._metadata())

        seen = 0
        async for message in follow(open_stream, self._log, f"reports of {self.name}"):
            if opened != seen:
                seen = opened
                yield None
            if message.WhichOneof("event") == "report":
                yield report_from(message.report)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
