"""REST calls reach the services as the contract says, and come back as JSON."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pi5.api.data.v1 import data_service_pb2 as data_pb
from pi5.api.data.v1 import data_service_pb2_grpc as data_rpc
from pi5.api.execution.v1 import execution_service_pb2 as pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as rpc
from pi5.api.strategy.v1 import strategy_service_pb2 as strategy_pb
from pi5.api.strategy.v1 import strategy_service_pb2_grpc as strategy_rpc
from pi5.domain.errors import Exhausted, NotFound
from pi5.kit.guard import current_caller


class Execution(rpc.ExecutionServiceServicer):
    def __init__(self) -> None:
        self.seen: list = []

    async def SubmitOrder(self, request, context):
        self.seen.append((request, dict(context.invocation_metadata())))
        return pb.SubmitOrderResponse(
            order={
                "id": "o1",
                "account": current_caller.get().subject,
                "symbol": request.order.symbol,
                "side": request.order.side,
                "type": request.order.type,
                "qty": request.order.qty,
                "created_at": Timestamp(seconds=1_500_000_000, nanos=5_000_000),
            }
        )

    async def ListOrders(self, request, context):
        self.seen.append((request, {}))
        return pb.ListOrdersResponse(next_page_token="more")

    async def GetOrder(self, request, context):
        raise NotFound("UNKNOWN_ORDER", f"there is no order {request.id}", details={"id": "o9"})

    async def ListBrokers(self, request, context):
        raise ZeroDivisionError("secret inside")

    async def ListFills(self, request, context):
        raise Exhausted("BUSY", "later", retry_after_s=1.2)

    async def Reconcile(self, request, context):
        self.seen.append((request, {}))
        return pb.ReconcileResponse(orders_compared=2**60, orders_settled=7)


class Data(data_rpc.MarketDataServiceServicer):
    async def GetInstrument(self, request, context):
        return data_pb.GetInstrumentResponse(instrument={"symbol": request.symbol})


class Strategy(strategy_rpc.StrategyServiceServicer):
    def __init__(self) -> None:
        self.seen: list = []

    async def UpdateStrategy(self, request, context):
        self.seen.append(request)
        return strategy_pb.UpdateStrategyResponse(strategy={"id": request.id})

    async def ListSignals(self, request, context):
        self.seen.append(request)
        return strategy_pb.ListSignalsResponse()


def services(execution=None, strategy=None):
    return {
        "execution": (rpc.add_ExecutionServiceServicer_to_server, execution or Execution()),
        "data": (data_rpc.add_MarketDataServiceServicer_to_server, Data()),
        "strategy": (
            strategy_rpc.add_StrategyServiceServicer_to_server,
            strategy or Strategy(),
        ),
    }


ORDER = {"symbol": "ACME", "side": "buy", "type": "stop_limit", "qty": "1.50"}


async def test_an_order_goes_in_and_comes_out_by_the_json_rule(running) -> None:
    """The body's field becomes the message; the answer is the named field, all fields written."""
    execution = Execution()
    async with running(services(execution)) as bridge:
        answer = await bridge.http.post(
            "/api/v1/orders",
            json=ORDER,
            headers=bridge.bearer() | {"x-request-id": "my-request"},
        )
    assert answer.status_code == 200
    order = answer.json()
    assert (order["side"], order["type"], order["qty"]) == ("buy", "stop_limit", "1.50")
    assert order["created_at"] == "2017-07-14T02:40:00.005Z"
    assert order["limit_price"] is None
    assert order["filled_at"] is None
    assert order["legs"] == []
    assert order["account"] == "ada"
    assert answer.headers["x-request-id"] == "my-request"
    assert execution.seen[0][1]["x-correlation-id"] == "my-request"
    assert answer.headers["cache-control"] == "no-store"


async def test_queries_fill_fields_lists_and_enums(running) -> None:
    """Repeated parameters and commas are lists; enums, times and numbers are read by type."""
    execution = Execution()
    async with running(services(execution)) as bridge:
        answer = await bridge.http.get(
            "/api/v1/orders?status=open&symbols=A,B&symbols=C&page_size=7&after=2026-01-31",
            headers=bridge.bearer("viewer"),
        )
    request = execution.seen[0][0]
    assert list(request.symbols) == ["A", "B", "C"]
    assert (request.status, request.page_size) == (pb.ORDER_FILTER_OPEN, 7)
    assert request.after.ToJsonString() == "2026-01-31T00:00:00Z"
    assert answer.json() == {"orders": [], "next_page_token": "more"}


async def test_a_symbol_with_a_slash_is_one_segment(running) -> None:
    """BTC%2FUSDT in a path is the symbol BTC/USDT."""
    async with running(services()) as bridge:
        answer = await bridge.http.get(
            "/api/v1/market-data/symbols/BTC%2FUSDT", headers=bridge.bearer()
        )
    assert answer.json()["symbol"] == "BTC/USDT"


async def test_path_wins_over_body_and_presence_is_kept(running) -> None:
    """A path variable fills its field; an optional flag that is not sent stays unset."""
    strategy = Strategy()
    async with running(services(strategy=strategy)) as bridge:
        await bridge.http.patch(
            "/api/v1/strategies/mine",
            json={"id": "theirs", "parameters": {"fast": "5"}},
            headers=bridge.bearer() | {"idempotency-key": "k-1"},
        )
        await bridge.http.patch(
            "/api/v1/strategies/mine", json={"enabled": False}, headers=bridge.bearer()
        )
    first, second = strategy.seen
    assert (first.id, dict(first.parameters), first.request_id) == ("mine", {"fast": "5"}, "k-1")
    assert not first.HasField("enabled")
    assert second.HasField("enabled")


async def test_an_additional_binding_is_a_route_too(running) -> None:
    """The signals of one strategy are the same method at another path."""
    strategy = Strategy()
    async with running(services(strategy=strategy)) as bridge:
        path = "/api/v1/strategies/mine/signals"
        assert (await bridge.http.get(path, headers=bridge.bearer())).status_code == 200
    assert strategy.seen[0].strategy_id == "mine"


async def test_wide_integers_are_numbers_only_where_they_fit(running) -> None:
    """Beyond 2^53 an integer is a string, so JavaScript does not round it."""
    async with running(services()) as bridge:
        path = "/api/v1/brokers/simulated/reconcile"
        body = (await bridge.http.post(path, headers=bridge.bearer())).json()
    assert (body["orders_compared"], body["orders_settled"]) == (str(2**60), 7)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b'{"symbol":"A"', "BAD_JSON", None),
        (b"\xff\xfe", "BAD_JSON", None),
        (b'{"qty":NaN}', "BAD_JSON", None),
        (b'{"symbol":"A","symbol":"B"}', "BAD_JSON", None),
        (b"[" * 100_000, "TOO_DEEP", None),
        (b"[]", "WRONG_TYPE", None),
        (b'{"quantity":"1"}', "UNKNOWN_FIELD", "quantity"),
        (b'{"side":"sideways"}', "UNKNOWN_ENUM_VALUE", "side"),
        (b'{"side":99}', "UNKNOWN_ENUM_VALUE", "side"),
        (b'{"symbol":7}', "WRONG_TYPE", "symbol"),
        (b'{"symbol":"a\\u0000b"}', "BAD_TEXT", "symbol"),
        (b'{"symbol":"\\ud800"}', "BAD_TEXT", "symbol"),
        (b'{"post_only":"yes"}', "WRONG_TYPE", "post_only"),
        (b'{"expires_at":"tomorrow"}', "WRONG_TYPE", "expires_at"),
        (b'{"algorithm":{"slices":-1}}', "WRONG_TYPE", "algorithm.slices"),
        (b'{"algorithm":{"nope":1}}', "UNKNOWN_FIELD", "algorithm.nope"),
        (b'{"qty":1e5}', "NOT_A_DECIMAL", "order.qty"),
        (b'{"qty":"NaN"}', "NOT_A_DECIMAL", "order.qty"),
    ],
)
async def test_bad_bodies_are_400_with_the_field(running, refusal, body, code, field) -> None:
    """Whatever is wrong with a body is named; nothing of it ends as a 500."""
    async with running(services()) as bridge:
        headers = bridge.bearer() | {"content-type": "application/json"}
        answer = await bridge.http.post("/api/v1/orders", content=body, headers=headers)
    assert refusal(answer) == (400, code)
    fields = [d["field"] for d in answer.json()["details"] if "field" in d]
    assert fields == ([field] if field else [])


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "NO_SUCH_PATH"),
        ("PUT", "/api/v1/orders", 405, "WRONG_METHOD"),
        ("GET", "/api/v1/orders?colour=red", 400, "UNKNOWN_FIELD"),
        ("GET", "/api/v1/orders?page_size=many", 400, "WRONG_TYPE"),
        ("GET", "/api/v1/orders?page_size=1&page_size=2", 400, "WRONG_TYPE"),
        ("GET", "/api/v1/orders?" + "&".join(["a=1"] * 300), 400, "BAD_QUERY"),
        ("GET", "/api/v1/orders?symbols=%ff", 400, "BAD_QUERY"),
        ("GET", "/api/v1/orders/o9", 404, "UNKNOWN_ORDER"),
        ("GET", "/api/v1/brokers", 500, "INTERNAL"),
        ("POST", "/api/v1/risk/flatten", 501, "PLANNED"),
        ("GET", "/api/v1/portfolio/summary", 503, "SERVICE_UNAVAILABLE"),
    ],
)
async def test_every_failure_has_its_status_and_code(
    running, refusal, verb, path, status, code
) -> None:
    """HTTP statuses follow the one table, and the code is the service's."""
    async with running(services()) as bridge:
        answer = await bridge.http.request(verb, path, headers=bridge.bearer())
    assert refusal(answer) == (status, code)
    assert "secret" not in answer.text


async def test_details_and_retry_after_come_through(running, refusal) -> None:
    """Figures of an error are details, and a wait is a header."""
    async with running(services()) as bridge:
        missing = await bridge.http.get("/api/v1/orders/o9", headers=bridge.bearer())
        busy = await bridge.http.get("/api/v1/orders/trades/history", headers=bridge.bearer())
    assert missing.json()["details"] == [{"name": "id", "value": "o9"}]
    assert refusal(busy) == (429, "BUSY")
    assert busy.headers["retry-after"] == "2"


async def test_large_and_foreign_bodies_are_refused(running, refusal) -> None:
    """A body has at most 4 MB and is JSON."""
    async with running(services()) as bridge:
        large = await bridge.http.post(
            "/api/v1/orders", content=b" " * (4 * 1024 * 1024 + 1), headers=bridge.bearer()
        )
        form = await bridge.http.post(
            "/api/v1/orders", data={"symbol": "ACME"}, headers=bridge.bearer()
        )
    assert refusal(large) == (413, "BODY_TOO_LARGE")
    assert refusal(form) == (415, "NOT_JSON")


async def test_head_is_answered_as_get(running) -> None:
    """HEAD comes with GET."""
    async with running(services()) as bridge:
        answer = await bridge.http.head("/api/v1/orders", headers=bridge.bearer())
    assert answer.status_code == 200
