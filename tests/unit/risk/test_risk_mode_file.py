"""The trading mode in its file: durable, and failing closed."""

from __future__ import annotations

from pathlib import Path

from pi5.domain.decision import TradingMode
from pi5.risk.engine import ModeState
from pi5.risk.mode_file import read_mode, stricter, write_mode

HALTED = ModeState(TradingMode.HALTED, "loss", "ada", 5, 3)
ACTIVE = ModeState(TradingMode.ACTIVE, "fine", "ada", 6, 4)


def test_a_mode_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """What was written last is read, and nothing else is left in the folder."""
    path = tmp_path / "mode.json"
    assert read_mode(path) is None
    write_mode(path, ACTIVE)
    write_mode(path, HALTED)
    assert read_mode(path) == HALTED
    assert [entry.name for entry in tmp_path.iterdir()] == ["mode.json"]


def test_a_damaged_file_counts_as_halted(tmp_path: Path) -> None:
    """A file that cannot be understood may have said halt."""
    path = tmp_path / "mode.json"
    for text in ("", "{", '{"mode": "SIDEWAYS"}', "[]", "\x00"):
        path.write_text(text, encoding="utf-8")
        state = read_mode(path)
        assert state is not None
        assert state.mode is TradingMode.HALTED
    path.unlink()
    path.mkdir()
    unreadable = read_mode(path)
    assert unreadable is not None
    assert unreadable.mode is TradingMode.HALTED


def test_the_stricter_of_file_and_database_wins() -> None:
    """A halt in either place holds, however old it is; without any, trading is active."""
    assert stricter(HALTED, ACTIVE) is HALTED
    assert stricter(ACTIVE, HALTED) is HALTED
    assert stricter(None, ACTIVE) is ACTIVE
    assert stricter(None, None).mode is TradingMode.ACTIVE
