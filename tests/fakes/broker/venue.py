"""A venue outside the system: its own process, BrokerService over a socket, the truth in a file.

    python venue.py --address unix:/tmp/venue.sock --ledger /tmp/ledger --control /tmp/control.json

What really happened is appended to the ledger (JSON lines, flushed to disk) before anything is
answered. The control file, read at each call, makes the venue hostile; see `Control`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from pi5.api.common.v1 import stream_pb2, trading_pb2
from pi5.api.execution.v1 import broker_service_pb2 as pb
from pi5.api.execution.v1 import broker_service_pb2_grpc, execution_pb2

_WORKING = {execution_pb2.ORDER_STATUS_ACCEPTED, execution_pb2.ORDER_STATUS_PARTIALLY_FILLED}


@dataclass
class Control:
    """How the venue behaves; times in seconds."""

    deduplication: str = "FOREVER"
    lookup: bool = True
    max_in_flight_ms: int = 300
    fill: str = "all"  # all, half or none of each order
    reject: str = ""  # refuse orders with this code
    take_delay_s: float = 0.0  # the order arrives late
    ack_delay_s: float = 0.0  # the answer is late
    lose_ack: bool = False  # take the order and never answer
    drop: bool = False  # take the order and break the connection
    refuse_connection: bool = False  # UNAVAILABLE, the order is not taken
    internal_error: bool = False  # take the order and answer INTERNAL
    duplicate_reports: int = 1  # how often each report is sent
    silent_reports: bool = False  # send no reports at all
    report_before_ack: bool = False  # fills overtake the acknowledgement
    fail_queries: bool = False  # look-ups and lists answer UNAVAILABLE

    @classmethod
    def read(cls, path: Path) -> Control:
        known = {item.name for item in fields(cls)}
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{key: value for key, value in values.items() if key in known})
        return cls()


@dataclass
class VenueOrder:
    terms: trading_pb2.OrderTerms
    number: int
    status: Any = execution_pb2.ORDER_STATUS_ACCEPTED
    filled: Decimal = Decimal(0)
    executions: list[pb.BrokerExecution] = field(default_factory=list)

    def seen(self) -> pb.BrokerOrder:
        return pb.BrokerOrder(
            client_order_id=self.terms.client_order_id,
            broker_order_id=f"V{self.number}",
            symbol=self.terms.symbol,
            side=self.terms.side,
            status=self.status,
            qty=self.terms.qty,
            filled_qty=format(self.filled, "f"),
        )


class Venue(broker_service_pb2_grpc.BrokerServiceServicer):
    """The venue's books and what it tells of them."""

    def __init__(self, ledger: Path, control: Path) -> None:
        self._ledger = ledger.open("a", encoding="utf-8")
        self._control_path = control
        self._orders: dict[str, list[VenueOrder]] = {}
        self._number = 0
        self._listeners: set[asyncio.Queue[pb.BrokerReport]] = set()

    @property
    def control(self) -> Control:
        return Control.read(self._control_path)

    def _record(self, **entry: Any) -> None:
        self._ledger.write(json.dumps(entry) + "\n")
        self._ledger.flush()
        os.fsync(self._ledger.fileno())

    def _latest(self, client_order_id: str) -> VenueOrder | None:
        return (self._orders.get(client_order_id) or [None])[-1]

    async def DescribeBroker(self, request: Any, context: Any) -> Any:
        control = self.control
        number = execution_pb2.Deduplication.Value(f"DEDUPLICATION_{control.deduplication}")
        return pb.DescribeBrokerResponse(
            broker=execution_pb2.Broker(
                name="fake",
                deduplication=number,
                lookup_by_client_id=control.lookup,
                max_in_flight_ms=control.max_in_flight_ms,
                venues=["FAKE"],
            )
        )

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> Any:
        control = self.control
        terms = request.order
        if control.refuse_connection:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not taken")
        if control.reject:
            self._record(event="rejected", client_order_id=terms.client_order_id)
            order = VenueOrder(terms, 0, execution_pb2.ORDER_STATUS_REJECTED).seen()
            order.reject_code = control.reject
            return pb.PlaceOrderResponse(order=order)
        # Once it is on the wire it arrives, whether or not the caller still waits.
        order = await asyncio.shield(asyncio.ensure_future(self._take(terms, control)))
        if control.drop:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset")
        if control.internal_error:
            await context.abort(grpc.StatusCode.INTERNAL, "server error 502")
        if control.lose_ack:
            await asyncio.sleep(3_600)
        await asyncio.sleep(control.ack_delay_s)
        return pb.PlaceOrderResponse(order=order)

    async def _take(self, terms: trading_pb2.OrderTerms, control: Control) -> pb.BrokerOrder:
        await asyncio.sleep(control.take_delay_s)
        known = self._latest(terms.client_order_id)
        if known is not None and (
            control.deduplication == "FOREVER"
            or (control.deduplication == "OPEN_ORDERS" and known.status in _WORKING)
        ):
            return known.seen()
        self._number += 1
        order = VenueOrder(terms, self._number)
        self._orders.setdefault(terms.client_order_id, []).append(order)
        self._record(
            event="taken",
            client_order_id=terms.client_order_id,
            symbol=terms.symbol,
            side=terms.side,
            qty=terms.qty,
        )
        acknowledged = order.seen()
        if control.report_before_ack:
            self._fill(order, control)
        else:
            asyncio.get_running_loop().call_soon(self._fill, order, control)
        return acknowledged

    def _fill(self, order: VenueOrder, control: Control) -> None:
        qty = Decimal(order.terms.qty)
        parts = {"all": [qty], "half": [qty / 2], "none": []}[control.fill]
        for part in parts:
            order.filled += part
            done = order.filled >= qty
            order.status = (
                execution_pb2.ORDER_STATUS_FILLED
                if done
                else execution_pb2.ORDER_STATUS_PARTIALLY_FILLED
            )
            now = Timestamp()
            now.FromNanoseconds(time.time_ns())
            execution = pb.BrokerExecution(
                execution_id=f"V{order.number}-{len(order.executions) + 1}",
                client_order_id=order.terms.client_order_id,
                symbol=order.terms.symbol,
                side=order.terms.side,
                qty=format(part, "f"),
                price=order.terms.limit_price or "100",
                fee="0.01",
                currency="USD",
                time=now,
            )
            order.executions.append(execution)
            self._record(
                event="execution",
                execution_id=execution.execution_id,
                client_order_id=order.terms.client_order_id,
                qty=execution.qty,
            )
            self._tell(pb.BrokerReport(order=order.seen(), execution=execution), control)

    def _tell(self, report: pb.BrokerReport, control: Control) -> None:
        if control.silent_reports:
            return
        for listener in self._listeners:
            for _ in range(control.duplicate_reports):
                listener.put_nowait(report)

    async def CancelPlacedOrder(self, request: pb.CancelPlacedOrderRequest, context: Any) -> Any:
        order = self._latest(request.client_order_id)
        if order is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
            raise AssertionError
        if order.status in _WORKING:
            order.status = execution_pb2.ORDER_STATUS_CANCELED
            self._record(event="canceled", client_order_id=request.client_order_id)
            self._tell(pb.BrokerReport(order=order.seen()), self.control)
        return pb.CancelPlacedOrderResponse(order=order.seen())

    async def LookUpOrder(self, request: pb.LookUpOrderRequest, context: Any) -> Any:
        await self._query(context)
        order = self._latest(request.client_order_id)
        if order is None:
            return pb.LookUpOrderResponse(found=False)
        return pb.LookUpOrderResponse(found=True, order=order.seen(), executions=order.executions)

    async def ListOpenOrders(self, request: pb.ListOpenOrdersRequest, context: Any) -> Any:
        await self._query(context)
        working = [
            order.seen()
            for orders in self._orders.values()
            for order in orders
            if order.status in _WORKING
        ]
        return pb.ListOpenOrdersResponse(orders=working)

    async def ListExecutions(self, request: pb.ListExecutionsRequest, context: Any) -> Any:
        await self._query(context)
        since = request.since.ToNanoseconds()
        executions = [
            execution
            for orders in self._orders.values()
            for order in orders
            for execution in order.executions
            if execution.time.ToNanoseconds() >= since
        ]
        return pb.ListExecutionsResponse(executions=executions)

    async def GetBrokerAccount(self, request: pb.GetBrokerAccountRequest, context: Any) -> Any:
        await self._query(context)
        held: dict[str, Decimal] = {}
        for orders in self._orders.values():
            for order in orders:
                sign = 1 if order.terms.side == trading_pb2.SIDE_BUY else -1
                symbol = order.terms.symbol
                held[symbol] = held.get(symbol, Decimal(0)) + sign * order.filled
        positions = [pb.BrokerPosition(symbol=s, qty=format(q, "f")) for s, q in held.items()]
        return pb.GetBrokerAccountResponse(positions=positions)

    async def _query(self, context: Any) -> None:
        if self.control.fail_queries:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "server error 503")

    async def StreamReports(self, request: Any, context: Any) -> Any:
        reports: asyncio.Queue[pb.BrokerReport] = asyncio.Queue()
        self._listeners.add(reports)
        try:
            yield pb.StreamReportsResponse(heartbeat=stream_pb2.Heartbeat())
            while True:
                try:
                    report = await asyncio.wait_for(reports.get(), 2.0)
                except TimeoutError:
                    yield pb.StreamReportsResponse(heartbeat=stream_pb2.Heartbeat())
                else:
                    yield pb.StreamReportsResponse(report=report)
        finally:
            self._listeners.discard(reports)


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("address", "ledger", "control"):
        parser.add_argument(f"--{name}", required=True)
    chosen = parser.parse_args()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    venue = Venue(Path(chosen.ledger), Path(chosen.control))
    broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(venue, server)
    server.add_insecure_port(chosen.address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
