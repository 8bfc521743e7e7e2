"""How answers are written: tables for people, JSON for programs.

JSON follows the REST interface: the contract's field names, enum values in lower case without
their prefix, decimals as text, times in RFC 3339.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from pi5.kit.clock import SystemClock

_PIPE_WIDTH = 400


def print_json(value: Any) -> None:
    """Write one JSON document."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Write a table; a column whose name begins with "#" is aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left")
    for row in rows:
        table.add_row(*row)
    if table.row_count:
        # Into a pipe or file nothing is wrapped: programs read lines.
        Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)
    else:
        print(empty)


def plain(message: Message) -> dict[str, Any]:
    """Return a message as the REST interface writes it."""
    return _shorten(
        message,
        MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        ),
    )


def _shorten(message: Message, written: dict[str, Any]) -> dict[str, Any]:
    """Shorten the enum values of a message that has been written, at any depth."""
    for field in message.DESCRIPTOR.fields:
        if field.name not in written:
            continue
        value = written[field.name]
        if field.enum_type is not None:
            written[field.name] = (
                [enum_text(field.enum_type, name) for name in value]
                if isinstance(value, list)
                else enum_text(field.enum_type, value)
            )
        elif _is_message(field):
            part = getattr(message, field.name)
            if isinstance(value, list):
                written[field.name] = [_shorten(m, w) for m, w in zip(part, value, strict=True)]
            elif isinstance(value, dict):
                written[field.name] = _shorten(part, value)
    return written


def _is_message(field: Any) -> bool:
    kind = field.message_type
    return kind is not None and not kind.GetOptions().map_entry


def enum_text(kind: Any, value: str | int) -> str:
    """Return an enum value in lower case without its prefix; "" where it is not set.

    `kind` is the enum's descriptor; the library types it differently from one build to the next.

    >>> from pi5.api.common.v1.trading_pb2 import OrderType
    >>> enum_text(OrderType.DESCRIPTOR, "ORDER_TYPE_STOP_LIMIT")
    'stop_limit'
    >>> enum_text(OrderType.DESCRIPTOR, 0)
    ''
    """
    if isinstance(value, int):
        if value not in kind.values_by_number:
            return str(value)
        value = str(kind.values_by_number[value].name)
    prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(kind.name)).upper() + "_"
    short = value.removeprefix(prefix).lower()
    return "" if short == "unspecified" else short


def local_time(time: Timestamp) -> str:
    """Return a time of day on this machine, with the date unless it is today."""
    moment = datetime.fromtimestamp(time.ToNanoseconds() / 1e9).astimezone()
    today = datetime.fromtimestamp(SystemClock().now_ns() / 1e9).astimezone().date()
    return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M}"
