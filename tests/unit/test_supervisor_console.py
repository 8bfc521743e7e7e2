"""What reaches the terminal and what stays in the files."""

import io
import json

import pytest
import structlog
from pi5.kit.log import get_logger
from pi5.supervisor.console import LOG_BYTES_MAX, Console, LogFile, human


class StillClock:
    """A clock that a test moves."""

    seconds = 0.0

    def now_ns(self):
        return int(self.seconds * 1e9)

    monotonic_ns = now_ns


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def console(tmp_path, clock):
    terminal = Console(tmp_path, clock, out=io.StringIO())
    yield terminal
    terminal.close()
    structlog.reset_defaults()


def shown(console):
    return console._out.getvalue().splitlines()


def line(level, event, **fields):
    return json.dumps({"level": level, "event": event, **fields})


def test_everything_is_kept_and_only_trouble_is_shown(console, tmp_path):
    """All lines go to the service's file; the terminal gets warnings and errors, in short."""
    take = console.sink("risk")
    lines = [line("info", "ready"), line("warning", "late", lag_ms=12), "Traceback (most recent"]
    for text in lines:
        take(text)
    assert shown(console) == ["         risk       late (lag_ms 12)"]
    assert (tmp_path / "risk.log").read_text().splitlines() == lines


def test_a_flood_of_errors_does_not_flood_the_terminal(console, clock):
    """Ten lines of a service within ten seconds are shown, then a hint; later it goes on."""
    take = console.sink("data")
    for number in range(1_000):
        take(line("error", f"broken {number}"))
    assert len(shown(console)) == 11
    assert shown(console)[-1].endswith("data.log")
    clock.seconds = 11
    take(line("error", "again"))
    assert shown(console)[-1].endswith("again")


def test_the_supervisors_own_log_takes_the_same_way(console, tmp_path):
    """What the supervisor logs is kept in supervisor.log and shown when it is a warning."""
    console.configure_logging()
    get_logger("postgres").info("fine")
    get_logger("postgres").warning("PostgreSQL died")
    assert len((tmp_path / "supervisor.log").read_text().splitlines()) == 2
    assert [text[9:] for text in shown(console)] == ["postgres   PostgreSQL died"]


def test_a_terminal_that_went_away_stops_nothing(tmp_path, clock):
    """When the terminal is closed, writing to it is given up silently."""
    gone = io.StringIO()
    gone.close()
    console = Console(tmp_path, clock, out=gone)
    console.say("hello")
    console.say("hello")
    console.close()


def test_log_files_stay_small(tmp_path):
    """A log is rotated at its size, and only a few old ones are kept."""
    file = LogFile(tmp_path / "x.log")
    chunk = "x" * 1_000_000
    for _ in range(30):
        file.write(chunk)
    file.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 4
    assert max(sizes) <= LOG_BYTES_MAX


def test_an_exception_is_shown_by_its_last_line():
    """The terminal names the exception; the traceback is in the file."""
    record = {"event": "failed", "exception": "Traceback …\n  File …\nValueError: no"}
    assert human("data", record).endswith("failed (ValueError: no)")
