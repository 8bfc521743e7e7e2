"""What a person sees of the logs: everything goes to files, warnings and errors to the terminal.

Services write one JSON object a line; a line that is none (a traceback, a library's own words)
goes to the file as it is.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import msgspec
import structlog

from pi5.kit.clock import Clock

LOG_BYTES_MAX = 5_000_000
LOG_FILES_KEPT = 3
# More than this of one service within a window stays in its file; a terminal is no log.
_ECHO_LINES_MAX = 10
_ECHO_WINDOW_S = 10.0
_SHOWN_LEVELS = {"warning", "error", "critical"}
# Said already by position, or of use in the file only.
_HIDDEN_FIELDS = {"event", "level", "timestamp", "service", "exception", "correlation_id"}
_VALUE_WIDTH = 200
# A dotted class, or a plain one that ends as errors do; not PostgreSQL's "HINT:" below it.
_EXCEPTION = re.compile(r"(?:[a-z_]\w*\.)+\w+(?::|$)|\w+(?:Error|Exception)(?::|$)")


class LogFile:
    """A log file of bounded size: `name.log`, and the older `name.log.1` to `.3`."""

    def __init__(self, path: Path) -> None:
        logging.raiseExceptions = False  # a full disk must not become a traceback for each line
        self._handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def write(self, line: str) -> None:
        """Append a line."""
        self._handler.handle(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


class Console:
    """The terminal, shared by the supervisor and the services' warnings."""

    def __init__(self, logs: Path, clock: Clock, out: TextIO | None = None) -> None:
        self._logs = logs
        self._clock = clock
        self._out = out or sys.stdout
        self._files: dict[str, LogFile] = {}
        self._echoed: dict[str, tuple[float, int]] = {}

    def say(self, text: str = "") -> None:
        """Show a text; a terminal that went away is no reason to stop trading."""
        try:
            print(text, file=self._out, flush=True)
        except (OSError, ValueError):
            self._out = _Nowhere()

    def sink(self, service: str) -> Callable[[str], None]:
        """Return what takes the lines of one service."""
        file = self._file(service)

        def take(line: str) -> None:
            file.write(line)
            record = parse(line)
            if record is not None:
                self._echo(service, record)

        return take

    def configure_logging(self) -> None:
        """Send what the supervisor itself logs the same way."""

        def render(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
            self._file("supervisor").write(msgspec.json.encode(event, enc_hook=str).decode())
            self._echo(str(event.get("service", "supervisor")), event)
            raise structlog.DropEvent

        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
                structlog.processors.format_exc_info,
                render,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=False,
        )

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, service: str) -> LogFile:
        if service not in self._files:
            self._files[service] = LogFile(self._logs / f"{service}.log")
        return self._files[service]

    def _echo(self, service: str, record: Mapping[str, Any]) -> None:
        if record.get("level") not in _SHOWN_LEVELS:
            return
        now_s = self._clock.monotonic_ns() / 1e9
        since_s, lines = self._echoed.get(service, (now_s, 0))
        if now_s - since_s > _ECHO_WINDOW_S:
            since_s, lines = now_s, 0
        self._echoed[service] = (since_s, lines + 1)
        if lines < _ECHO_LINES_MAX:
            self.say(human(service, record))
        elif lines == _ECHO_LINES_MAX:
            self.say(f"         {service:<10} … more in {self._logs / service}.log")


class _Nowhere:
    """Takes what is written once the terminal is gone."""

    def write(self, _: str) -> int:
        return 0

    def flush(self) -> None:
        return


def parse(line: str) -> dict[str, Any] | None:
    """Return a line's record; None for lines that are of use in the file only.

    >>> parse('{"level": "warning", "event": "slow"}')
    {'level': 'warning', 'event': 'slow'}
    >>> parse("error PORT_TAKEN: port 1 is taken")
    {'level': 'error', 'event': 'PORT_TAKEN: port 1 is taken'}
    >>> parse('  File "x.py", line 1')
    """
    if line.startswith("{"):
        try:
            record = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return None
        return record if isinstance(record, dict) else None
    if line.startswith("error "):
        return {"level": "error", "event": line.removeprefix("error ")}
    return None


def human(service: str, record: Mapping[str, Any]) -> str:
    """Write a record as a line for people.

    >>> human("risk", {"timestamp": "2026-01-02T03:04:05.6Z", "event": "late", "lag_ms": 12})
    '03:04:05 risk       late (lag_ms 12)'
    """
    time = str(record.get("timestamp", ""))[11:19] or " " * 8
    fields = [
        f"{key} {_short(value)}"
        for key, value in record.items()
        if key not in _HIDDEN_FIELDS and value not in ("", None)
    ]
    if exception := record.get("exception"):
        fields.append(_short(name_exception(str(exception))))
    detail = f" ({', '.join(fields)})" if fields else ""
    return f"{time} {service:<10} {_short(record.get('event', ''))}{detail}"


def name_exception(traceback: str) -> str:
    r"""Return the line of a traceback that names the exception.

    >>> name_exception("Traceback\n  File x\nasyncpg.DataError: no\nHINT:  cast it")
    'asyncpg.DataError: no'
    """
    lines = traceback.strip().splitlines()
    named = [line for line in lines if _EXCEPTION.match(line)]
    return (named or lines or [""])[-1]


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"
