"""What `pi5 backtest` does: choose where to run, show how far it is, print the report."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.backtest.v1 import backtest_service_pb2 as pb
from pi5.api.backtest.v1.backtest_service_pb2_grpc import BacktestServiceStub
from pi5.backtest import local
from pi5.backtest.convert import result_to, spec_to
from pi5.backtest.limits import system_limits
from pi5.backtest.report import lines
from pi5.backtest.spec import Costs, Spec
from pi5.cli._here import Here, here
from pi5.cli._output import plain, print_json
from pi5.cli._rpc import Calls, connected
from pi5.data.providers.csv_import import parse_time
from pi5.domain.errors import Fault, InvalidInput, Unavailable
from pi5.domain.limits import Limits
from pi5.domain.market import TIMEFRAME_BY_LABEL
from pi5.domain.money import parse_decimal
from pi5.kit.clock import new_id
from pi5.strategy.loader import load_catalog

_POLL_S = 0.1
_PENDING = {backtest_pb2.RUN_STATE_QUEUED, backtest_pb2.RUN_STATE_RUNNING}


@dataclass(frozen=True, slots=True)
class Wish:
    """The options as they were typed."""

    strategy: str
    symbols: Sequence[str]
    parameters: Sequence[str]
    timeframe: str
    begin: str
    end: str
    cash: str
    fee_rate: str
    slippage_rate: str
    seed: int

    def spec(self, limits: Limits) -> Spec:
        """Return what to run.

        Raises:
            InvalidInput: whatever cannot be read, with a sentence.
        """
        if self.timeframe not in TIMEFRAME_BY_LABEL:
            known = ", ".join(TIMEFRAME_BY_LABEL)
            raise InvalidInput(
                "BAD_TIMEFRAME", f"--timeframe must be one of {known}, not {self.timeframe!r}"
            )
        return Spec(
            strategy_type=self.strategy,
            symbols=tuple(dict.fromkeys(self.symbols)),
            timeframe=TIMEFRAME_BY_LABEL[self.timeframe],
            start_ns=parse_time(self.begin) if self.begin else 0,
            end_ns=parse_time(self.end) if self.end else 0,
            parameters=dict(_parameter(text) for text in self.parameters),
            initial_cash=parse_decimal(self.cash, "--cash"),
            costs=Costs(
                fee_rate=parse_decimal(self.fee_rate, "--fee-rate"),
                slippage_rate=parse_decimal(self.slippage_rate, "--slippage-rate"),
            ),
            limits=limits,
            seed=self.seed,
        )


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInput("BAD_PARAMETER", f"--set takes name=value, not {text!r}")
    return name.strip(), value.strip()


def run_and_print(wish: Wish, csv: Path | None, json_output: bool) -> None:
    """Run in the running system where there is one, else in this process; print the report."""
    place = here()
    spec = wish.spec(system_limits(place.settings.risk))
    run = None if csv else _in_system(place, spec)
    if run is None:
        run = _in_this_process(place, spec, csv)
    if json_output:
        print_json(plain(run))
        return
    pairs = lines(run)
    width = max(len(label) for label, _ in pairs)
    for label, value in pairs:
        print(f"{label:<{width}}  {value}".rstrip())


def _in_system(place: Here, spec: Spec) -> backtest_pb2.Backtest | None:
    """Run in the backtest service; None when no system runs here."""
    if not place.home.socket("backtest").exists():
        return None
    request = pb.RunBacktestRequest(request_id=new_id(), spec=spec_to(spec))
    with connected(place, "backtest", BacktestServiceStub) as calls:
        try:
            run = calls.call(calls.stub.RunBacktest, request).backtest
        except Unavailable as fault:
            if fault.code == "SERVICE_AWAY":
                return None
            raise
        _say(f"running in the backtest service as {run.id}")
        return _until_ended(calls, run)


def _until_ended(
    calls: Calls[BacktestServiceStub], run: backtest_pb2.Backtest
) -> backtest_pb2.Backtest:
    """Ask for the run until it has ended, showing how far it is; Ctrl-C cancels it."""
    with _progress() as progress:
        task = progress.add_task("playing", total=1.0)
        try:
            while run.state in _PENDING:
                time.sleep(_POLL_S)
                request = pb.GetBacktestRequest(id=run.id)
                run = calls.call(calls.stub.GetBacktest, request).backtest
                progress.update(task, completed=run.progress)
        except KeyboardInterrupt:
            calls.call(calls.stub.CancelBacktest, pb.CancelBacktestRequest(id=run.id))
            raise
    if run.state != backtest_pb2.RUN_STATE_SUCCEEDED:
        raise Fault("BACKTEST_FAILED", run.error or "the backtest was canceled")
    return run


def _in_this_process(place: Here, spec: Spec, csv: Path | None) -> backtest_pb2.Backtest:
    """Run here, on the shipped bars or a file."""
    folders = [
        place.home.strategies,
        *(Path(folder).expanduser() for folder in place.settings.strategy.folders),
    ]
    catalog = load_catalog(folders)
    local.prepare(spec, catalog)  # before anything is read: a typing error is told at once
    if csv is not None and len(spec.symbols) != 1:
        raise InvalidInput("ONE_SYMBOL", "--csv holds the bars of one --symbol")
    if csv is not None:
        histories = [local.csv_history(csv, spec.symbols[0], spec.timeframe)]
        _say(f"running in this process on {csv}")
    else:
        histories = [local.sample_history(symbol, spec.timeframe) for symbol in spec.symbols]
        _say("running in this process on the shipped sample bars (no system runs here)")
    for history in histories:
        if history.refused:
            _say(f"{history.refused:,} rows of {history.instrument.symbol} were refused")
    with _progress() as progress:
        task = progress.add_task("playing", total=sum(len(h.bars) for h in histories))

        def tell(bars: int, _time_ns: int) -> bool:
            progress.update(task, completed=bars)
            return True

        complete, result = local.run(spec, catalog, histories, tell)
    return backtest_pb2.Backtest(
        spec=spec_to(complete),
        state=backtest_pb2.RUN_STATE_SUCCEEDED,
        progress=1.0,
        bars=result.bars,
        result=result_to(result),
    )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
