"""The host of strategies, pure: hands events to plug-ins and collects what they wish.

The same engine runs live and in backtests. It reads no clock and draws no random number: ids come
from an injected callable, the time with every event. A plug-in's exception is caught here and comes
out as data (`StrategyFailure`); the others never notice.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from typing import Any

from pi5.domain.errors import NotFound
from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.portfolio import PortfolioView
from pi5.domain.signal import Signal
from pi5.strategy.api import Strategy, Value
from pi5.strategy.plugin import build
from pi5.strategy.seat import Seat, SharedBook

# Beyond the plug-in's warm-up, so that an exit it gave while nobody ran it is still found.
CATCH_UP_BARS = 200
_LONGEST_TRACE = 4_000


class StrategyState(IntEnum):
    """Whether a strategy trades; the numbers are those of the contract."""

    STOPPED = 1
    WARMING_UP = 2
    RUNNING = 3
    PAUSED = 4
    FAILED = 5


@dataclass(frozen=True, slots=True)
class Definition:
    """A strategy instance: which plug-in, on what, with which parameters."""

    id: str
    strategy: type[Strategy]
    symbols: tuple[str, ...]
    timeframe: Timeframe
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StrategyFailure:
    """A plug-in raised, or ran out of time; it is out until started again."""

    strategy_id: str
    symbol: str
    hook: str
    message: str
    trace: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of one event."""

    signals: tuple[Signal, ...] = ()
    failures: tuple[StrategyFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Bars that a strategy must be shown, silently, before it sees the present.

    Up to `bars` bars of each symbol that begin before `before_ns` (0: up to the newest).
    """

    strategy_id: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    bars: int
    before_ns: int = 0


@dataclass(slots=True)
class _Instance:
    definition: Definition
    seats: list[Seat]
    state: StrategyState = StrategyState.STOPPED
    from_history: bool = False


NOTHING = Reaction()
Caller = Callable[[Callable[..., None], Any, Any], None]


def _call(hook: Callable[..., None], context: Any, event: Any) -> None:
    hook(context, event)


class StrategyEngine:
    """Runs any number of strategy instances.

    Args:
        new_id: gives the id of each signal.
        call: calls a hook of a plug-in; a shell puts its watchdog here.
    """

    def __init__(self, new_id: Callable[[], str], call: Caller = _call) -> None:
        self._new_id = new_id
        self._call = call
        self._book = SharedBook()
        self._instances: dict[str, _Instance] = {}
        self._on_bars: dict[tuple[str, Timeframe], list[Seat]] = {}
        self._on_quotes: dict[str, list[Seat]] = {}

    def add(self, definition: Definition) -> None:
        """Add an instance, stopped; one of the same id is replaced.

        Raises:
            InvalidInput: UNKNOWN_PARAMETER or INVALID_PARAMETER.
        """
        groups = (
            [definition.symbols]
            if definition.strategy.spans_symbols
            else [(symbol,) for symbol in definition.symbols]
        )
        seats = [
            Seat(
                definition.id,
                build(definition.strategy, definition.parameters),
                symbols,
                definition.timeframe,
                self._book,
            )
            for symbols in groups
        ]
        self._instances[definition.id] = _Instance(definition, seats)
        self._index()

    def remove(self, strategy_id: str) -> None:
        """Forget an instance; unknown ones are no fault."""
        self._instances.pop(strategy_id, None)
        self._index()

    def start(self, strategy_id: str, now_ns: int, from_history: bool = False) -> Reaction:
        """Let an instance trade; with `from_history` only once it was shown its warm-up.

        Starting a running one changes nothing; a paused one goes on.
        """
        instance = self._of(strategy_id)
        if instance.state in {StrategyState.RUNNING, StrategyState.WARMING_UP}:
            return NOTHING
        if instance.state is StrategyState.PAUSED:
            self._enter(instance, StrategyState.RUNNING)
            return NOTHING
        instance.from_history = from_history
        for seat in instance.seats:
            seat.reset(warm=not from_history)
            failure = self._run(seat, "on_start", None, now_ns)
            if failure:
                return Reaction(failures=(failure,))
        self._enter(instance, StrategyState.WARMING_UP if from_history else StrategyState.RUNNING)
        return NOTHING

    def pause(self, strategy_id: str) -> None:
        """Keep an instance watching without giving signals."""
        instance = self._of(strategy_id)
        if instance.state in {StrategyState.RUNNING, StrategyState.WARMING_UP}:
            self._enter(instance, StrategyState.PAUSED)

    def stop(self, strategy_id: str) -> None:
        """Stop an instance: it sees nothing any more."""
        self._enter(self._of(strategy_id), StrategyState.STOPPED)

    def state(self, strategy_id: str) -> StrategyState:
        """Return where an instance stands."""
        return self._of(strategy_id).state

    def symbols(self) -> set[str]:
        """Return every symbol that a live instance looks at."""
        return {symbol for symbol, _ in self._on_bars}

    @property
    def wants_quotes(self) -> bool:
        """Tell whether any live instance handles quotes."""
        return bool(self._on_quotes)

    def last_event_ns(self, strategy_id: str) -> int:
        """Return the time of the newest event an instance saw; 0 before the first."""
        return max(seat.last_event_ns for seat in self._of(strategy_id).seats)

    def missing_history(self, bar: Bar) -> list[HistoryRequest]:
        """Return what must be replayed to whom before this bar is handed out.

        That is: before an instance's first bar, after a gap, and when the bars' time jumps back
        because a replay began anew.
        """
        return [
            self._request(seat, bar.time_ns)
            for seat in self._on_bars.get((bar.symbol, bar.timeframe), ())
            if self._instances[seat.strategy_id].from_history and not seat.follows(bar)
        ]

    def initial_history(self, strategy_id: str) -> list[HistoryRequest]:
        """Return the history that an instance begins with."""
        instance = self._of(strategy_id)
        return [self._request(seat, 0) for seat in instance.seats if not seat.warm]

    def warm_up(self, request: HistoryRequest, bars: Iterable[Bar], now_ns: int) -> Reaction:
        """Show an instance its history, oldest first, without sending its signals on."""
        instance = self._of(request.strategy_id)
        seat = next((seat for seat in instance.seats if seat.symbols == request.symbols), None)
        if seat is None:  # it was changed while the history was fetched
            return NOTHING
        seat.reset(warm=True)
        seat.muted = True
        failure = self._run(seat, "on_start", None, now_ns)
        for bar in bars:
            if failure:
                break
            if seat.sees(bar):
                failure = self._run(seat, "on_bar", bar, now_ns)
                seat.take_wishes()
        if failure:
            return Reaction(failures=(failure,))
        if not request.before_ns:
            seat.mark_provisional()
        state = instance.state
        if state is StrategyState.WARMING_UP and all(s.warm for s in instance.seats):
            state = StrategyState.RUNNING
        self._enter(instance, state)
        return NOTHING

    def mark_gap(self) -> None:
        """Note that events were lost: every instance is warmed up anew before its next bar."""
        for instance in self._instances.values():
            for seat in instance.seats:
                seat.warm = not instance.from_history

    def on_bar(self, bar: Bar, now_ns: int) -> Reaction:
        """Hand a completed bar to those who look at it."""
        seats = self._on_bars.get((bar.symbol, bar.timeframe))
        if not seats:
            return NOTHING
        return self._hand_out([seat for seat in seats if seat.sees(bar)], "on_bar", bar, now_ns)

    def on_quote(self, quote: Quote, now_ns: int) -> Reaction:
        """Hand a quote to those who look at it."""
        seats = self._on_quotes.get(quote.symbol)
        if not seats:
            return NOTHING
        return self._hand_out(
            [seat for seat in seats if seat.sees_quote(quote)], "on_quote", quote, now_ns
        )

    def on_portfolio(self, view: PortfolioView) -> None:
        """Take note of what is held."""
        self._book.positions = view.positions

    def on_refused(self, signal: Signal) -> None:
        """Take note that nothing came of a signal."""
        instance = self._instances.get(signal.strategy_id)
        for seat in instance.seats if instance else ():
            if signal.symbol in seat.symbols:
                seat.on_refused(signal)

    def position(self, strategy_id: str, symbol: str) -> Decimal:
        """Return what an instance holds as far as is known."""
        return self._book.qty(strategy_id, symbol)

    def _hand_out(self, seats: list[Seat], hook: str, event: Bar | Quote, now_ns: int) -> Reaction:
        signals: list[Signal] = []
        failures: list[StrategyFailure] = []
        for seat in seats:
            failure = self._run(seat, hook, event, now_ns)
            if failure:
                failures.append(failure)
            elif wishes := seat.take_wishes():
                signals.extend(seat.signal(wish, self._new_id(), now_ns) for wish in wishes)
        if not signals and not failures:
            return NOTHING
        return Reaction(tuple(signals), tuple(failures))

    def _run(
        self, seat: Seat, hook: str, event: Bar | Quote | None, now_ns: int
    ) -> StrategyFailure | None:
        """Call one hook; whatever it raises ends the instance, and nothing else."""
        try:
            if event is None:
                self._call(lambda context, _: seat.plugin.on_start(context), seat, None)
            else:
                self._call(getattr(seat.plugin, hook), seat, event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - sys.exit in a plug-in is its failure too
            instance = self._instances[seat.strategy_id]
            self._enter(instance, StrategyState.FAILED)
            seat.take_wishes()
            trace = "".join(traceback.format_exception(error))
            return StrategyFailure(
                seat.strategy_id,
                seat.symbol,
                hook,
                f"{type(error).__name__}: {error}"[:500],
                trace[-_LONGEST_TRACE:],
                now_ns,
            )
        return None

    def _request(self, seat: Seat, before_ns: int) -> HistoryRequest:
        bars = seat.plugin.warm_up + CATCH_UP_BARS
        return HistoryRequest(seat.strategy_id, seat.symbols, seat.timeframe, bars, before_ns)

    def _enter(self, instance: _Instance, state: StrategyState) -> None:
        instance.state = state
        for seat in instance.seats:
            seat.muted = state is not StrategyState.RUNNING
        self._index()

    def _index(self) -> None:
        """Note who looks at what."""
        self._on_bars.clear()
        self._on_quotes.clear()
        for instance in self._instances.values():
            if instance.state in {StrategyState.STOPPED, StrategyState.FAILED}:
                continue
            quotes = instance.definition.strategy.on_quote is not Strategy.on_quote
            for seat in instance.seats:
                for symbol in seat.symbols:
                    self._on_bars.setdefault((symbol, seat.timeframe), []).append(seat)
                    if quotes:
                        self._on_quotes.setdefault(symbol, []).append(seat)

    def _of(self, strategy_id: str) -> _Instance:
        try:
            return self._instances[strategy_id]
        except KeyError:
            raise NotFound(
                "UNKNOWN_STRATEGY", f"there is no strategy {strategy_id}", field="id"
            ) from None
