"""Structured logs: one JSON object a line on stderr, with the correlation id, without secrets."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

correlation_id: contextvars.ContextVar[str] = contextvars.ContextVar("correlation_id", default="")
_SECRET = ("password", "secret", "token", "authorization", "api_key", "cookie", "dsn")
_json = msgspec.json.Encoder(enc_hook=str)

Logger = structlog.typing.FilteringBoundLogger


def _add_context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if value := correlation_id.get():
        event.setdefault("correlation_id", value)
    return event


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "[redacted]"
    return event


def _render(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return _json.encode(dict(event)).decode()


def configure_logging(service: str, level: str) -> None:
    """Set structlog and the standard library's logging up for a process."""
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
            _add_context,
            structlog.processors.format_exc_info,
            _redact,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    logging.basicConfig(
        level=max(number, logging.WARNING), handlers=[_Forward(service)], force=True
    )


class _Forward(logging.Handler):
    """Writes records of libraries in the same form."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._log = structlog.get_logger().bind(service=service)

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def get_logger(service: str, **values: Any) -> Logger:
    """Return a logger whose lines carry the service's name."""
    logger: Logger = structlog.get_logger().bind(service=service, **values)
    return logger
