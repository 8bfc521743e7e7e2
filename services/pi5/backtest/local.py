"""A backtest in this process, without a running system: on the sample bars, or on a CSV file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import merge
from pathlib import Path

from pi5.backtest.engine import Simulation
from pi5.backtest.result import BacktestResult
from pi5.backtest.spec import Spec
from pi5.data.providers.csv_import import CsvProvider
from pi5.data.providers.samples import samples
from pi5.domain.errors import InvalidInput, NotFound, Precondition
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Bar, Timeframe
from pi5.kit.clock import SystemClock
from pi5.strategy.loader import Catalog
from pi5.strategy.plugin import build, parse_parameters

_PIECE_CHARACTERS = 2_500_000
_DECIMALS_READ = 200


@dataclass(frozen=True, slots=True)
class History:
    """Bars of one instrument, oldest first, and how many rows were refused."""

    instrument: Instrument
    timeframe: Timeframe
    bars: list[Bar]
    refused: int = 0


def sample_history(symbol: str, timeframe: Timeframe) -> History:
    """Return the shipped bars of a symbol.

    Raises:
        NotFound: UNKNOWN_SYMBOL or NO_SUCH_BARS.
    """
    shipped = {sample.instrument.symbol: sample for sample in samples()}
    sample = shipped.get(symbol)
    if sample is None:
        near = difflib.get_close_matches(symbol.upper(), shipped, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(shipped))}"
        raise NotFound(
            "UNKNOWN_SYMBOL",
            f"no bars of {symbol[:40]!r} are shipped; {hint} (others: --csv FILE, or start the "
            "system with `pi5 up` and import them)",
        )
    if timeframe is not sample.timeframe:
        raise NotFound(
            "NO_SUCH_BARS",
            f"the shipped bars of {symbol} are {sample.timeframe.label}, not {timeframe.label}",
        )
    read = sample.provider(SystemClock()).read()
    return History(sample.instrument, timeframe, read.bars, len(read.rejected))


def csv_history(path: Path, symbol: str, timeframe: Timeframe) -> History:
    """Return the bars of a file with the columns time,open,high,low,close,volume.

    The price grid is taken from the file; quantities go in thousandths.

    Raises:
        NotFound: NO_SUCH_FILE.
        InvalidInput: CSV_EMPTY, CSV_MISSING_COLUMNS or CSV_NO_BARS.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound("NO_SUCH_FILE", f"{path} cannot be read: {error}") from None
    instrument = Instrument(
        symbol=symbol,
        name=path.name,
        asset_class=AssetClass.EQUITY,
        currency="USD",
        venue="SIM",
        tick_size=Decimal(1).scaleb(-_decimals(text)),
        lot_size=Decimal("0.001"),
        calendar="24/7" if timeframe is not Timeframe.D1 else "XNYS",
        provider="csv",
    )
    bars: list[Bar] = []
    refused = 0
    for piece in _pieces(text):
        read = CsvProvider(instrument, timeframe, piece, path.name, SystemClock()).read()
        bars.extend(read.bars)
        refused += len(read.rejected)
    if not bars:
        raise InvalidInput("CSV_NO_BARS", f"{path} holds no bar that can be used")
    return History(instrument, timeframe, bars, refused)


def _pieces(text: str) -> Iterator[str]:
    """Cut a text at line ends into pieces that the reader takes, each with the header."""
    header, _, rest = text.partition("\n")
    while len(rest) > _PIECE_CHARACTERS:
        cut = rest.rfind("\n", 0, _PIECE_CHARACTERS) + 1
        yield f"{header}\n{rest[:cut]}"
        rest = rest[cut:]
    yield f"{header}\n{rest}"


def _decimals(text: str) -> int:
    """Return the most decimal places of a number in the first lines."""
    most = 0
    for line in text.splitlines()[1:_DECIMALS_READ]:
        for cell in line.split(","):
            whole, point, places = cell.strip().strip('"').partition(".")
            if point and whole.isdigit() and places.isdigit():
                most = max(most, len(places.rstrip("0")))
    return most


def prepare(spec: Spec, catalog: Catalog) -> tuple[Spec, Callable[..., Simulation]]:
    """Return the spec with its parameters filled in, and what makes its simulation.

    Raises:
        NotFound, Precondition, InvalidInput: what is wrong with strategy or parameters.
    """
    spec.check()
    strategy = catalog.strategy(spec.strategy_type)
    build(strategy, spec.parameters)
    complete = spec.with_parameters(parse_parameters(strategy, spec.parameters))
    return complete, lambda instruments: Simulation(complete, strategy, instruments)


def run(
    spec: Spec,
    catalog: Catalog,
    histories: Sequence[History],
    on_progress: Callable[[int, int], bool] = lambda _bars, _time_ns: True,
) -> tuple[Spec, BacktestResult]:
    """Play a run over histories; return the spec as it was run, and the result."""
    complete, simulation = prepare(spec, catalog)
    instruments = {history.instrument.symbol: history.instrument for history in histories}
    missing = [symbol for symbol in complete.symbols if symbol not in instruments]
    if missing:
        raise Precondition("NO_BARS", f"there are no bars of {', '.join(missing)}")
    bars = merge(
        *(_within(history, complete) for history in histories),
        key=lambda bar: (bar.time_ns, bar.symbol),
    )
    return complete, simulation(instruments).run(bars, on_progress)


def _within(history: History, spec: Spec) -> Iterator[Bar]:
    for bar in history.bars:
        if bar.time_ns >= spec.start_ns and (not spec.end_ns or bar.time_ns < spec.end_ns):
            yield bar
