"""The contract is complete: roles, comments, numbers, paths, and what is derived from it."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import FieldDescriptor
from pi5.api.common.v1 import options_pb2, trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.api.risk.v1 import risk_pb2
from pi5.domain.decision import TradingMode, Verdict
from pi5.domain.instrument import AssetClass
from pi5.domain.limits import SizingMethod
from pi5.domain.market import Timeframe
from pi5.domain.order import OrderEventType, OrderStatus, OrderType, Side, TimeInForce
from pi5.kit.contract import method_rules
from pi5_web import contract_text, openapi
from pi5_web.routes import RouteTable, contract_routes, service_methods

ROOT = Path(__file__).resolve().parents[2]
TEXT = contract_text.load()
METHODS = list(service_methods())
ROUTES = contract_routes()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Side, trading_pb2.Side),
        (OrderType, trading_pb2.OrderType),
        (TimeInForce, trading_pb2.TimeInForce),
        (AssetClass, trading_pb2.AssetClass),
        (OrderStatus, execution_pb2.OrderStatus),
        (OrderEventType, execution_pb2.OrderEventType),
        (Verdict, risk_pb2.Verdict),
        (TradingMode, risk_pb2.TradingMode),
        (SizingMethod, risk_pb2.SizingMethod),
    ],
)
def test_the_domains_numbers_are_the_contracts(ours: type[IntEnum], theirs) -> None:
    """Each enum of the domain has the contract's names and numbers, and leaves none out."""
    prefix = contract_text.enum_prefix(theirs.DESCRIPTOR.name)
    wanted = {v.name.removeprefix(prefix): v.number for v in theirs.DESCRIPTOR.values if v.number}
    mine = {member.name: int(member) for member in ours}
    if ours is SizingMethod:  # methods that come later are in the contract already
        wanted = {name: number for name, number in wanted.items() if name in mine}
    assert mine == wanted


def test_timeframes_have_the_contracts_numbers() -> None:
    """A timeframe's name is turned around because Python names cannot begin with a digit."""
    values = trading_pb2.Timeframe.DESCRIPTOR.values
    wanted = {v.name.removeprefix("TIMEFRAME_"): v.number for v in values if v.number}
    assert {f"{t.name[1:]}{t.name[0]}": int(t) for t in Timeframe} == wanted


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.full_name.removeprefix("pi5.api."))
def test_every_method_names_a_role(method) -> None:
    """Nobody may call a method that says nothing of who may."""
    service = method.containing_service.full_name
    assert method_rules(f"/{service}/{method.name}").role != options_pb2.ROLE_UNSPECIFIED


def test_everything_has_a_comment() -> None:
    """Every service, method, message, field, enum and value says what it is."""
    silent = [name for name, comment in TEXT.comments.items() if not comment]
    silent += [m.proto.name for m in TEXT.methods if not m.comment]
    assert silent == []


def test_the_text_describes_the_stubs() -> None:
    """contract.binpb and the generated stubs come from the same files."""
    described = {f"{m.package}.{m.service.name}.{m.proto.name}" for m in TEXT.methods}
    assert described == {method.full_name for method in METHODS}


def test_no_two_methods_share_a_path() -> None:
    """Verb and path decide, whatever the variables are called."""
    shapes = [
        (route.verb, tuple("{}" if s.startswith("{") else s for s in route.segments))
        for route in ROUTES
    ]
    assert len(shapes) == len(set(shapes))


def test_every_route_is_found_under_its_own_path() -> None:
    """No route hides another: literals go before variables."""
    table = RouteTable(ROUTES)
    for route in ROUTES:
        path = "/".join("x-1" if s.startswith("{") else s for s in route.segments)
        found, variables = table.find(route.verb, path)
        assert found is route
        assert set(variables.values()) <= {"x-1"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.verb} {r.path}")
def test_routes_fit_their_messages(route) -> None:
    """Variables, bodies and queries name fields, of kinds that a path or query can carry."""
    fields = route.request.DESCRIPTOR.fields_by_name
    variables = contract_text.path_variables(route.path)
    assert route.path.startswith(("/api/v1/", "/auth/"))
    assert set(variables) <= set(fields)
    assert route.body in {"", "*"} or fields[route.body].message_type is not None
    if route.response_body:
        answer = route.response.DESCRIPTOR.fields_by_name[route.response_body]
        assert answer.message_type is not None
        assert not answer.is_repeated
    if route.body != "*":
        for name, field in fields.items():
            if name not in {*variables, route.body} and field.type == FieldDescriptor.TYPE_MESSAGE:
                assert field.message_type.full_name == "google.protobuf.Timestamp", name
    if route.verb == "GET":
        assert not route.body


def test_what_only_processes_may_call_has_no_path() -> None:
    """Calls between our own processes are not reachable over HTTP."""
    assert not [r.path for r in ROUTES if r.rules.role == options_pb2.ROLE_SERVICE]


def test_streams_have_no_path() -> None:
    """Server streams go over the WebSocket."""
    for method in METHODS:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        if method.server_streaming or method.client_streaming:
            assert not contract_text.bindings(rule), method.full_name


def test_messages_that_are_enums_of_json_do_not_collide() -> None:
    """Two messages or enums of one name would share a schema."""
    names = [name.rpartition(".")[2] for name in [*TEXT.messages, *TEXT.enums]]
    names = [name for name in names if not name.endswith("Entry") or name == "AuditEntry"]
    assert len(names) == len(set(names))


DOCUMENT = openapi.document(TEXT, "1.2.3")


def test_openapi_describes_every_route_and_nothing_else() -> None:
    """The document has an operation for each binding, and for what the bridge answers itself."""
    described = {
        (verb.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for verb in operations
    }
    own = {("GET", path) for path in openapi.OWN_PATHS}
    assert described == {(route.verb, route.path) for route in ROUTES} | own
    ids = [
        o["operationId"] for operations in DOCUMENT["paths"].values() for o in operations.values()
    ]
    assert len(ids) == len(set(ids))


def test_openapi_is_sound() -> None:
    """References lead somewhere, path parameters are declared, schemas have a type."""
    schemas = DOCUMENT["components"]["schemas"]

    def walk(node) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in schemas
            if "properties" in node and isinstance(node["properties"], dict):
                assert set(node.get("required", ())) <= set(node["properties"])
            for item in node.values():
                walk(item)

    walk(DOCUMENT)
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert declared == set(contract_text.path_variables(path))
            assert operation["summary"]
    for name, schema in schemas.items():
        assert schema["type"] in {"object", "string"}, name


def test_the_dashboards_copy_is_what_the_contract_makes() -> None:
    """web/ui/openapi.json is derived, never edited."""
    committed = json.loads((ROOT / "web" / "ui" / "openapi.json").read_text(encoding="utf-8"))
    version = committed["info"]["version"]
    assert committed == json.loads(openapi.write(openapi_source(), version))


def openapi_source() -> bytes:
    return (ROOT / "services" / "pi5" / "api" / "contract.binpb").read_bytes()


def test_what_lowers_risk_is_exempt_from_the_rate_limit() -> None:
    """Halting, reducing, canceling and stopping always pass."""
    exempt = {r.grpc_path.rpartition("/")[2] for r in ROUTES if r.rules.rate_limit_exempt}
    assert {"Halt", "Reduce", "CancelOrder", "CancelAllOrders", "FlattenAll", "StopStrategy"} <= (
        exempt
    )
