"""What execution answers on the wire; no rules here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pi5.api.common.v1 import stream_pb2
from pi5.api.execution.v1 import execution_pb2, execution_service_pb2_grpc
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.domain.errors import Fault, InvalidInput, NotFound, OutOfRange
from pi5.domain.order import DEFAULT_ACCOUNT
from pi5.execution import store
from pi5.execution.convert import discrepancy_to, refuse_unsupported
from pi5.execution.courier import Line
from pi5.execution.desk import session_over
from pi5.execution.eventlog import Tail
from pi5.execution.session import Session
from pi5.kit import paging
from pi5.kit.clock import Clock
from pi5.kit.database import LOST, Pool
from pi5.kit.wire.orders import fill_to, order_to
from pi5.kit.wire.times import time_ns, timestamp
from pi5.kit.wire.trading import signal_from, terms_from

SIGNALS_MOST = 64
_BATCH_MOST = 200
_POLL_S = 1.0
_HEARTBEAT_NS = 4_000_000_000
_FILTER = {pb.ORDER_FILTER_OPEN: True, pb.ORDER_FILTER_CLOSED: False}


class ExecutionServicer(execution_service_pb2_grpc.ExecutionServiceServicer):
    """ExecutionService. Lists and the log are read from the database whoever is the sender."""

    def __init__(self, pool: Pool[Any], tail: Tail, clock: Clock, stopping: asyncio.Event) -> None:
        self._pool = pool
        self._tail = tail
        self._clock = clock
        self._stopping = stopping
        self.session: Session | None = None

    def _sender(self) -> Session:
        if self.session is None:
            raise session_over()
        return self.session

    async def SubmitOrder(self, request: pb.SubmitOrderRequest, context: Any) -> Any:
        """Take an order."""
        refuse_unsupported(request.order)
        order = await self._sender().desk.submit_order(terms_from(request.order))
        return pb.SubmitOrderResponse(order=order_to(order))

    async def SubmitSignals(
        self, requests: AsyncIterator[pb.SubmitSignalsRequest], context: Any
    ) -> AsyncIterator[pb.SubmitSignalsResponse]:
        """Take signals, many at once, and answer each as soon as it is judged."""
        answers: asyncio.Queue[pb.SubmitSignalsResponse | None] = asyncio.Queue(SIGNALS_MOST)
        room = asyncio.Semaphore(SIGNALS_MOST)
        working: set[asyncio.Task[None]] = set()

        async def one(request: pb.SubmitSignalsRequest) -> None:
            try:
                await answers.put(await self._judge(request))
            finally:
                room.release()

        async def read() -> None:
            async for request in requests:
                await room.acquire()
                task = asyncio.get_running_loop().create_task(one(request))
                working.add(task)
                task.add_done_callback(working.discard)
            await asyncio.gather(*working)
            await answers.put(None)

        reader = asyncio.get_running_loop().create_task(read())
        try:
            while (answer := await answers.get()) is not None:
                yield answer
        finally:
            for task in (reader, *working):
                task.cancel()

    async def _judge(self, request: pb.SubmitSignalsRequest) -> pb.SubmitSignalsResponse:
        """Answer one signal; what could not be judged is an answer too."""
        answer = pb.SubmitSignalsResponse(signal_id=request.signal.id)
        try:
            signal = signal_from(request.signal)
            account = request.account or DEFAULT_ACCOUNT
            outcome = await self._sender().desk.submit_signal(signal, account)
        except Fault as fault:
            answer.failed = True
            answer.reject_code, answer.reject_reason = fault.code, fault.message
            return answer
        except LOST as error:
            answer.failed = True
            answer.reject_code = "DATABASE_LOST"
            answer.reject_reason = f"the database was lost ({type(error).__name__})"
            return answer
        if outcome.order is not None:
            answer.order.CopyFrom(order_to(outcome.order))
            answer.decision_id = outcome.order.decision_id
        elif outcome.decision is not None:
            answer.decision_id = outcome.decision.id
            answer.reject_code = outcome.decision.reject_code
            answer.reject_reason = outcome.decision.reject_reason
        return answer

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> Any:
        """Ask for a cancel of one order."""
        order = await self._sender().desk.cancel(request.id)
        return pb.CancelOrderResponse(order=order_to(order))

    async def CancelAllOrders(self, request: pb.CancelAllOrdersRequest, context: Any) -> Any:
        """Ask for a cancel of all working orders."""
        desk = self._sender().desk
        orders = await desk.cancel_all("request", request.symbol, request.strategy_id)
        return pb.CancelAllOrdersResponse(orders=[order_to(order) for order in orders])

    # ------------------------------------------------------------ lists

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> Any:
        """List orders, newest first."""
        most = paging.page_size(request.page_size, 50)
        query = store.OrderQuery(
            working=_FILTER.get(request.status),
            symbols=tuple(request.symbols),
            side=request.side,
            strategy_id=request.strategy_id,
            after_ns=time_ns(request.after),
            until_ns=time_ns(request.until),
        )
        before = _key(request.page_token, 2, id_at=1)
        orders = await store.list_orders(self._pool, query, before, most)
        answer = pb.ListOrdersResponse(orders=orders)
        if len(orders) == most:
            last = orders[-1]
            answer.next_page_token = paging.write_token([time_ns(last.created_at), last.id])
        return answer

    async def ListFills(self, request: pb.ListFillsRequest, context: Any) -> Any:
        """List fills, newest first."""
        if request.order_id and not store.is_uuid(request.order_id):
            raise InvalidInput("BAD_ID", "order_id is not an order's id", field="order_id")
        most = paging.page_size(request.page_size)
        fills = await store.list_fills(
            self._pool, request.order_id, request.symbol, request.strategy_id,
            _key(request.page_token, 3), most,
        )  # fmt: skip
        answer = pb.ListFillsResponse(fills=[fill_to(fill) for fill in fills])
        if len(fills) == most:
            last = fills[-1]
            key = [last.time_ns, last.account, last.execution_id]
            answer.next_page_token = paging.write_token(key)
        return answer

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> Any:
        """Return one order by its id or its client order id."""
        return pb.GetOrderResponse(order=await self._find(request.id))

    async def ListOrderEvents(self, request: pb.ListOrderEventsRequest, context: Any) -> Any:
        """Return the life of one order, oldest first."""
        order = await self._find(request.id)
        return pb.ListOrderEventsResponse(events=await store.events_of_order(self._pool, order.id))

    async def _find(self, any_id: str) -> execution_pb2.Order:
        order = await store.find_order(self._pool, any_id)
        if order is None:
            raise NotFound("UNKNOWN_ORDER", f"there is no order {any_id}")
        return order

    # ------------------------------------------------------------ the log

    async def StreamOrderEvents(
        self, request: pb.StreamOrderEventsRequest, context: Any
    ) -> AsyncIterator[pb.StreamOrderEventsResponse]:
        """Stream the log after a sequence, without gaps, then as it grows."""
        newest = await store.head_sequence(self._pool)
        cursor = request.resume.after_sequence if request.HasField("resume") else newest
        if cursor > newest:
            raise OutOfRange(
                "SEQUENCE_AHEAD",
                f"the log ends at {newest}, before {cursor}; it may have been restored",
                details={"newest_sequence": str(newest)},
            )
        yield self._heartbeat(newest)
        said_ns = self._clock.monotonic_ns()
        while not self._stopping.is_set():
            changed = self._tail.changed()
            events = self._tail.after(cursor, _BATCH_MOST)
            if events is None:
                events = await store.events_after(self._pool, cursor, _BATCH_MOST)
            if events:
                if events[0].sequence != cursor + 1:
                    raise Fault("LOG_DAMAGED", f"the order log has a hole after {cursor}")
                cursor = events[-1].sequence
                yield pb.StreamOrderEventsResponse(batch=pb.OrderEventBatch(events=events))
                said_ns = self._clock.monotonic_ns()
                continue
            try:
                await asyncio.wait_for(changed.wait(), _POLL_S)
            except TimeoutError:
                if self._clock.monotonic_ns() - said_ns >= _HEARTBEAT_NS:
                    yield self._heartbeat(cursor)
                    said_ns = self._clock.monotonic_ns()

    def _heartbeat(self, sequence: int) -> pb.StreamOrderEventsResponse:
        return pb.StreamOrderEventsResponse(
            heartbeat=stream_pb2.Heartbeat(
                last_sequence=sequence, server_time=timestamp(self._clock.now_ns())
            )
        )

    # ------------------------------------------------------------ brokers

    async def ListBrokers(self, request: pb.ListBrokersRequest, context: Any) -> Any:
        """List the brokers and how they are."""
        lines = self._sender().lines
        return pb.ListBrokersResponse(brokers=[_broker_to(lines[name]) for name in sorted(lines)])

    async def Reconcile(self, request: pb.ReconcileRequest, context: Any) -> Any:
        """Compare with a broker now."""
        reconciler = self._sender().reconciler
        outcome = await reconciler.reconcile(reconciler.line(request.broker))
        return pb.ReconcileResponse(
            orders_compared=outcome.orders_compared,
            orders_settled=outcome.orders_settled,
            discrepancies=[discrepancy_to(found) for found in outcome.discrepancies],
        )

    async def ListDiscrepancies(self, request: pb.ListDiscrepanciesRequest, context: Any) -> Any:
        """List differences, newest first."""
        most = paging.page_size(request.page_size)
        before = _key(request.page_token, 2, id_at=1)
        found = await store.list_discrepancies(self._pool, before, most)
        answer = pb.ListDiscrepanciesResponse(discrepancies=[discrepancy_to(d) for d in found])
        if len(found) == most:
            answer.next_page_token = paging.write_token([found[-1].found_at_ns, found[-1].id])
        return answer


def _broker_to(line: Line) -> execution_pb2.Broker:
    promises = line.promises
    message = execution_pb2.Broker(
        name=line.broker.name,
        connected=line.connected,
        breaker=execution_pb2.BreakerState.ValueType(line.breaker.state),
        reconciled_at=timestamp(line.reconciled_at_ns),
    )
    if promises is not None:
        message.live = promises.live
        message.deduplication = execution_pb2.Deduplication.ValueType(promises.deduplication)
        message.lookup_by_client_id = promises.lookup_by_client_id
        message.max_in_flight_ms = promises.max_in_flight_ms
        message.venues.extend(promises.venues)
    return message


def _key(token: str, length: int, id_at: int | None = None) -> list[Any] | None:
    """Read the key of a page's last row: a time in ns first, an id where it says so."""
    key = paging.read_token(token, length)
    if key is None:
        return None
    sound = isinstance(key[0], int) and 0 <= key[0] < 2**63
    if not sound or (id_at is not None and not store.is_uuid(str(key[id_at]))):
        raise InvalidInput(
            "BAD_PAGE_TOKEN", "page_token is not one that this list gave", field="page_token"
        )
    return key
