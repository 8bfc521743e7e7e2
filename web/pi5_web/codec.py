"""The one rule between messages and JSON, by the descriptors.

Out: the contract's field names, enum values in lower case without their prefix, decimals as
strings, times in RFC 3339 (UTC), integers beyond 2^53 as strings; all fields are written, and what
is not set is null where it has presence or is a decimal or time. In: the same, and standard
ProtoJSON; anything else is refused with the field at fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, TypeVar

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import InvalidInput
from pi5.kit.wire.times import to_datetime

from pi5_web.contract_text import enum_prefix
from pi5_web.json_text import Number

_F = FieldDescriptor
_TIMESTAMP = timestamp_pb2.Timestamp.DESCRIPTOR.full_name
_SAFE_INTEGER = 2**53 - 1
_WIDE = {_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64}
_NARROW = {_F.TYPE_INT32, _F.TYPE_UINT32, _F.TYPE_SINT32, _F.TYPE_FIXED32, _F.TYPE_SFIXED32}
_REAL = {_F.TYPE_DOUBLE, _F.TYPE_FLOAT}
_MAX_DEPTH = 16
M = TypeVar("M", bound=Message)
Write = Callable[[Any], Any]


# ---------------------------------------------------------------- out


def to_json(message: Message) -> dict[str, Any]:
    """Return a message as what the JSON encoder takes."""
    return {name: write(message) for name, write in _writers(message.DESCRIPTOR)}


@cache
def _writers(descriptor: Descriptor) -> tuple[tuple[str, Write], ...]:
    return tuple((field.name, _writer(field)) for field in descriptor.fields)


def _writer(field: FieldDescriptor) -> Write:
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        write = _value_writer(field.message_type.fields_by_name["value"])
        return lambda message: {k: write(v) for k, v in getattr(message, name).items()}
    write = _value_writer(field)
    if field.is_repeated:
        return lambda message: [write(item) for item in getattr(message, name)]
    if field.has_presence:
        return lambda message: write(getattr(message, name)) if message.HasField(name) else None
    return lambda message: write(getattr(message, name))


def _value_writer(field: FieldDescriptor) -> Write:
    if field.message_type is not None:
        return _time if field.message_type.full_name == _TIMESTAMP else to_json
    if field.enum_type is not None:
        words = enum_words(field.enum_type)
        return lambda number: words.get(number, str(number))
    if field.type in _WIDE:
        return lambda value: value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)
    if field.type in _REAL:
        return lambda value: value if math.isfinite(value) else None
    if is_decimal(field):
        return lambda text: text or None
    return lambda value: value


@cache
def enum_words(enum: EnumDescriptor) -> dict[int, str]:
    """Return the JSON word of each number."""
    prefix = enum_prefix(enum.name)
    return {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}


def is_decimal(field: FieldDescriptor) -> bool:
    """Tell whether a string field holds a decimal."""
    return bool(field.GetOptions().Extensions[options_pb2.decimal])


def _time(value: timestamp_pb2.Timestamp) -> str:
    return rfc3339(value.seconds, value.nanos)


def rfc3339(seconds: int, nanos: int) -> str:
    """Return a time with as many digits as it needs, in groups of three.

    >>> rfc3339(1500000000, 120_000_000)
    '2017-07-14T02:40:00.120Z'
    """
    head = _second(seconds)
    if not nanos:
        return head + "Z"
    digits = f"{nanos:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{head}.{digits}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return to_datetime(seconds * 1_000_000_000).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


# ---------------------------------------------------------------- in


def from_json(content: Any, kind: type[M]) -> M:
    """Read a message from parsed JSON.

    Raises:
        InvalidInput: UNKNOWN_FIELD, UNKNOWN_ENUM_VALUE, WRONG_TYPE, BAD_TEXT, ONE_OF or TOO_DEEP,
            each with the field.
    """
    message = kind()
    read_into(message, content, "", 0)
    return message


def read_into(message: Message, content: Any, prefix: str, depth: int) -> None:
    """Set the fields of a message from a JSON object."""
    if depth > _MAX_DEPTH:
        raise InvalidInput("TOO_DEEP", f"the JSON is nested deeper than {_MAX_DEPTH} objects")
    if not isinstance(content, dict):
        where = prefix.rstrip(".") or "the body"
        raise InvalidInput("WRONG_TYPE", f"{where} must be an object", field=prefix.rstrip("."))
    for name, value in content.items():
        field = find_field(message.DESCRIPTOR, name, prefix)
        if value is not None:
            set_field(message, field, value, f"{prefix}{field.name}", depth)


def find_field(descriptor: Any, name: str, prefix: str = "") -> FieldDescriptor:
    """Return a field by its name or its camelCase name.

    Raises:
        InvalidInput: UNKNOWN_FIELD.
    """
    field: FieldDescriptor | None = descriptor.fields_by_name.get(
        name
    ) or descriptor.fields_by_camelcase_name.get(name)
    if field is None:
        path = f"{prefix}{name}"[:200]
        known = ", ".join(f.name for f in descriptor.fields) or "none"
        raise InvalidInput(
            "UNKNOWN_FIELD", f"there is no field {path}; known are {known}", field=path
        )
    return field


def set_from_text(message: Message, name: str, texts: list[str]) -> None:
    """Set a field from a query or path: texts become what the field's type asks for.

    A list may come as repeated parameters or with commas.
    """
    field = find_field(message.DESCRIPTOR, name)
    if field.is_repeated:
        items = [_from_text(field, item) for text in texts for item in text.split(",") if item]
        set_field(message, field, items, name)
    elif len(texts) > 1:
        raise _wrong(name, "must be given once")
    elif texts[0]:
        set_field(message, field, _from_text(field, texts[0]), name)


def _from_text(field: FieldDescriptor, text: str) -> Any:
    if field.type == _F.TYPE_BOOL:
        return {"true": True, "false": False}.get(text.lower(), text)
    if field.enum_type is not None and text.isascii() and text.isdecimal():
        return int(text)
    return text


def set_field(
    message: Message, field: FieldDescriptor, value: Any, path: str, depth: int = 0
) -> None:
    """Set one field from JSON; protobuf checks the range."""
    oneof = field.containing_oneof
    if oneof is not None and message.WhichOneof(oneof.name) not in {None, field.name}:
        raise InvalidInput(
            "ONE_OF", f"{path} excludes {message.WhichOneof(oneof.name)}", field=path
        )
    try:
        _set(message, field, value, path, depth)
    except (ValueError, TypeError, OverflowError):
        raise _wrong(path, "does not hold such a value") from None


def _set(message: Message, field: FieldDescriptor, value: Any, path: str, depth: int) -> None:
    name, target = field.name, field.message_type
    if target is not None and target.GetOptions().map_entry:
        _set_map(getattr(message, name), target.fields_by_name["value"], value, path, depth)
    elif field.is_repeated:
        if not isinstance(value, list):
            raise _wrong(path, "must be a list")
        items = getattr(message, name)
        for index, item in enumerate(value):
            where = f"{path}[{index}]"
            if target is not None and target.full_name != _TIMESTAMP:
                read_into(items.add(), item, f"{where}.", depth + 1)
            else:
                items.append(_value(field, item, where))
    elif target is None:
        setattr(message, name, _value(field, value, path))
    elif target.full_name == _TIMESTAMP:
        getattr(message, name).CopyFrom(_value(field, value, path))
    else:
        child = getattr(message, name)
        child.SetInParent()
        read_into(child, value, f"{path}.", depth + 1)


def _set_map(entries: Any, kind: FieldDescriptor, value: Any, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise _wrong(path, "must be an object")
    for key, item in value.items():
        where = f"{path}.{_text(key, path)}"
        if kind.message_type is not None:
            read_into(entries[key], item, f"{where}.", depth + 1)
        else:
            entries[key] = _value(kind, item, where)


def _value(field: FieldDescriptor, value: Any, path: str) -> Any:
    """Return one value as protobuf takes it."""
    if field.message_type is not None:
        return _read_time(value, path)
    if field.enum_type is not None:
        return _enum_number(field.enum_type, value, path)
    if field.type == _F.TYPE_BOOL:
        if not isinstance(value, bool):
            raise _wrong(path, "must be true or false")
        return value
    if field.type in _WIDE or field.type in _NARROW:
        return _integer(value, path)
    if field.type in _REAL:
        return _real(value, path)
    if is_decimal(field) and (isinstance(value, Number) or _is_integer(value)):
        return str(value)  # exact: numbers of the body are kept as they were written
    return _text(value, path)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(value: Any, path: str) -> int:
    if _is_integer(value):
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    if isinstance(value, Number) and float(value).is_integer():
        return int(float(value))
    raise _wrong(path, "must be a whole number")


def _real(value: Any, path: str) -> float:
    if isinstance(value, str) or _is_integer(value):
        number = float(value)
        if math.isfinite(number):
            return number
    raise _wrong(path, "must be a finite number")


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        raise _wrong(path, "must be text")
    if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise InvalidInput("BAD_TEXT", f"{path} holds characters that are no text", field=path)
    return value


def _read_time(value: Any, path: str) -> timestamp_pb2.Timestamp:
    parsed = timestamp_pb2.Timestamp()
    text = value if isinstance(value, str) else ""
    try:
        parsed.FromJsonString(f"{text}T00:00:00Z" if len(text) == len("2026-01-01") else text)
    except ValueError:
        raise _wrong(path, "must be a time such as 2026-01-31T09:30:00Z") from None
    return parsed


def _enum_number(enum: EnumDescriptor, value: Any, path: str) -> int:
    if _is_integer(value) and value in enum.values_by_number:
        return int(value)
    if isinstance(value, str):
        found = enum.values_by_name.get(value) or enum.values_by_name.get(
            enum_prefix(enum.name) + value.upper()
        )
        if found is not None:
            return int(found.number)
    known = ", ".join(word for number, word in enum_words(enum).items() if number)
    raise InvalidInput("UNKNOWN_ENUM_VALUE", f"{path} must be one of {known}", field=path)


def _wrong(path: str, must: str) -> InvalidInput:
    return InvalidInput("WRONG_TYPE", f"{path} {must}", field=path)
