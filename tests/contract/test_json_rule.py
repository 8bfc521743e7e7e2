"""The JSON rule holds for every message of the contract, in both directions."""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil

import msgspec
import pi5.api
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_pb2
from pi5.domain.errors import InvalidInput
from pi5_web import codec, json_text
from pi5_web.live.quotes import QuoteBoard

_F = FieldDescriptor
BOUNDS = {
    _F.TYPE_INT32: (-(2**31), 2**31 - 1),
    _F.TYPE_SINT32: (-(2**31), 2**31 - 1),
    _F.TYPE_UINT32: (0, 2**32 - 1),
    _F.TYPE_INT64: (-(2**63), 2**63 - 1),
    _F.TYPE_SINT64: (-(2**63), 2**63 - 1),
    _F.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    _F.TYPE_UINT64: (0, 2**64 - 1),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DECIMALS = st.decimals(-(10**15), 10**15, places=6).map(lambda d: format(d, "f"))


def messages() -> list[Descriptor]:
    found = []
    for module in pkgutil.walk_packages(pi5.api.__path__, "pi5.api."):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(module.name).DESCRIPTOR
            found += file.message_types_by_name.values()
    return sorted(found, key=lambda d: d.full_name)


ALL = messages()


def value(field: FieldDescriptor, depth: int) -> st.SearchStrategy:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            seconds = st.integers(-62135596800, 253402300799)
            return st.builds(
                field.message_type._concrete_class,
                seconds=seconds,
                nanos=st.integers(0, 10**9 - 1),
            )
        return message(field.message_type, depth + 1)
    if field.enum_type is not None:
        return st.sampled_from([v.number for v in field.enum_type.values])
    if field.type in BOUNDS:
        return st.integers(*BOUNDS[field.type])
    if field.type == _F.TYPE_DOUBLE:
        return st.floats(allow_nan=False, allow_infinity=False)
    if field.type == _F.TYPE_BOOL:
        return st.booleans()
    assert field.type == _F.TYPE_STRING, f"{field.full_name}: the rule does not know this type yet"
    return DECIMALS if codec.is_decimal(field) else TEXTS


def field_value(field: FieldDescriptor, depth: int) -> st.SearchStrategy:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, item = (field.message_type.fields_by_name[n] for n in ("key", "value"))
        assert key.type == _F.TYPE_STRING, f"{field.full_name}: maps are keyed by text"
        return st.dictionaries(TEXTS, value(item, depth), max_size=2)
    one = value(field, depth)
    return st.lists(one, max_size=2) if field.is_repeated else one


@st.composite
def message(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0):
    made = descriptor._concrete_class()
    chosen = draw(
        st.lists(st.sampled_from(list(descriptor.fields)), unique_by=lambda f: f.name, max_size=8)
        if descriptor.fields
        else st.just([])
    )
    for field in chosen:
        oneof = field.containing_oneof
        nests = field.message_type is not None and depth >= 3
        if nests or (oneof is not None and made.WhichOneof(oneof.name)):
            continue
        drawn = draw(field_value(field, depth))
        target = getattr(made, field.name)
        if isinstance(drawn, dict):
            target.update(drawn)
        elif field.is_repeated:
            target.extend(drawn)
        elif field.message_type is not None:
            target.CopyFrom(drawn)
        else:
            setattr(made, field.name, drawn)
    return made


FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("descriptor", ALL, ids=lambda d: d.name)
@FEW
@given(st.data())
def test_every_message_survives_the_round_trip(descriptor: Descriptor, data) -> None:
    """What is written by the rule is read back as the same message."""
    sent = data.draw(message(descriptor))
    text = msgspec.json.encode(codec.to_json(sent))
    assert codec.from_json(json_text.parse(text), type(sent)) == sent


@pytest.mark.parametrize("descriptor", ALL, ids=lambda d: d.name)
@FEW
@given(st.data())
def test_standard_protojson_is_understood(descriptor: Descriptor, data) -> None:
    """Clients that write JSON by protobuf's own rule are understood too."""
    sent = data.draw(message(descriptor))
    text = json_format.MessageToJson(sent)
    assert codec.from_json(json_text.parse(text.encode()), type(sent)) == sent


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["symbol", "side", "qty", "take_profit", "expires_at", "x", "slices"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_whatever_is_sent_is_read_or_refused(content) -> None:
    """No JSON makes the codec fail in another way than by naming what is wrong."""
    text = json.dumps(content).encode("utf-8", "surrogatepass")
    with contextlib.suppress(InvalidInput):
        codec.from_json(json_text.parse(text), trading_pb2.OrderTerms).SerializeToString()


@given(st.binary(max_size=60))
def test_whatever_bytes_are_sent_are_read_or_refused(body: bytes) -> None:
    """Bytes that are no JSON are refused as such."""
    with contextlib.suppress(InvalidInput):
        codec.from_json(json_text.parse(body), trading_pb2.OrderTerms).SerializeToString()


def test_a_number_keeps_its_digits() -> None:
    """A decimal sent as a JSON number is not rounded through a binary float."""
    body = b'{"qty": 0.10000000000000000001, "limit_price": 100}'
    terms = codec.from_json(json_text.parse(body), trading_pb2.OrderTerms)
    assert (terms.qty, terms.limit_price) == ("0.10000000000000000001", "100")


TICKS = st.integers(-(10**12), 10**12)


@given(st.lists(st.tuples(TICKS, TICKS, st.integers(0, 2**62)), min_size=1, max_size=5),
       st.integers(0, 9), st.integers(0, 9))  # fmt: skip
def test_the_hot_path_of_quotes_writes_by_the_same_rule(rows, price_scale, size_scale) -> None:
    """The hand-written encoder gives exactly what the rule gives for the same quote."""
    from pi5.domain.money import from_ticks

    batch = data_pb2.MarketDataBatch(
        symbols=[f'S{number}"é' for number in range(len(rows))],
        price_scale=price_scale,
        size_scale=size_scale,
        quotes={
            "symbol_index": range(len(rows)),
            "bid_price": [bid for bid, _, _ in rows],
            "bid_size": [size for _, size, _ in rows],
            "ask_price": [-bid for bid, _, _ in rows],
            "ask_size": [size for _, size, _ in rows],
            "time_unix_ns": [time_ns for _, _, time_ns in rows],
        },
    )
    board = QuoteBoard()
    board.begin(
        [data_pb2.Quote(symbol=s, source='feed "x"', last_price="1.5") for s in batch.symbols]
    )
    board.take(batch)
    shown = {q["symbol"]: q for q in json.loads(board.snapshot(frozenset()))["quotes"]}
    for symbol, (bid, size, time_ns) in zip(batch.symbols, rows, strict=True):
        quote = data_pb2.Quote(
            symbol=symbol,
            bid_price=format(from_ticks(bid, price_scale), "f") if bid else "",
            bid_size=format(from_ticks(size, size_scale), "f"),
            ask_price=format(from_ticks(-bid, price_scale), "f") if bid else "",
            ask_size=format(from_ticks(size, size_scale), "f"),
            last_price="1.5",
            source='feed "x"',
        )
        quote.time.FromNanoseconds(time_ns)
        assert shown[symbol] == codec.to_json(quote)
