"""Times: nanoseconds since 1970 (UTC) in the domain, Timestamp on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_NS = 1_000_000_000


def timestamp(time_ns: int) -> Timestamp | None:
    """Write a time in ns since 1970; 0 is not set."""
    if not time_ns:
        return None
    return Timestamp(seconds=time_ns // _NS, nanos=time_ns % _NS)


def time_ns(value: Timestamp) -> int:
    """Read a time as ns since 1970; 0 when not set."""
    return value.seconds * _NS + value.nanos


def to_datetime(time_in_ns: int) -> datetime:
    """Return a time as an aware datetime (UTC), for SQL; microseconds are kept.

    >>> to_datetime(1_500_000_000_123_456_789).isoformat()
    '2017-07-14T02:40:00.123456+00:00'
    """
    seconds, rest = divmod(time_in_ns, _NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def from_datetime(value: datetime) -> int:
    """Return an aware datetime as ns since 1970, exact to the microsecond."""
    return int(value.replace(microsecond=0).timestamp()) * _NS + value.microsecond * 1_000
