"""`pi5 backtest` without a running system: a report for people, JSON for programs, one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pi5.cli.main import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("PI5_HOME", str(tmp_path))

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["backtest", *words])
        written = capsys.readouterr()
        return code, written.out, written.err

    return call


def test_the_report_names_what_a_trader_asks_for(run) -> None:
    """Period, counts, figures, costs and the digest; where it ran is said aside."""
    code, out, err = run("ma-crossover", "--symbol", "SPX", "--set", "fast=10", "--set", "slow=20")
    assert code == 0, err
    assert "in this process on the shipped sample bars" in err
    report = {line[:18].strip(): line[18:].strip() for line in out.splitlines() if line}
    assert report["number of trades"] == "130"
    assert report["period"] == "1999-01-04 to 2018-12-31"
    assert report["strategy"] == "ma-crossover fast=10 slow=20"
    assert report["buy and hold"] == "104.12%"
    for label in (
        "bars",
        "signals",
        "orders",
        "fills",
        "total return",
        "CAGR",
        "Sharpe",
        "Sortino",
        "max drawdown",
        "win rate",
        "profit factor",
        "fees",
        "refusals",
    ):
        assert report[label], label
    assert len(report["digest"]) == 64


def test_json_follows_the_contract(run) -> None:
    """Field names of the contract, decimals as text."""
    code, out, _ = run("ma-crossover", "--symbol", "MSFT", "--from", "2010-01-01", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["state"] == "succeeded"
    assert document["spec"]["parameters"] == {"fast": "10", "slow": "20"}
    assert isinstance(document["result"]["final_equity"], str)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ma-crossover", "--symbol", "SPXX"], "did you mean SPX?"),
        (["ma-cross", "--symbol", "SPX"], "there are: ma-crossover"),
        (["ma-crossover", "--symbol", "SPX", "--set", "fats=1"], "did you mean fast?"),
        (["ma-crossover", "--symbol", "SPX", "--set", "fast"], "--set takes name=value"),
        (["ma-crossover", "--symbol", "SPX", "--set", "fast=0"], "from 1 to 1000, not '0'"),
        (["ma-crossover", "--symbol", "SPX", "--timeframe", "1y"], "one of 1s, 5s"),
        (["ma-crossover", "--symbol", "SPX", "--cash", "much"], "plain decimal"),
        (["ma-crossover", "--symbol", "SPX", "--from", "May"], "time must be a date"),
        (["ma-crossover", "--symbol", "SPX", "--csv", "/nowhere.csv"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run, words: list[str], sentence: str) -> None:
    """Exit 1, one line on standard error, nothing on standard output."""
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    (line,) = [line for line in err.splitlines() if line.startswith("error ")]
    assert sentence in line
