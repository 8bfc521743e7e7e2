"""A backtest: the live engines of strategy, risk, execution and portfolio in one pure loop.

Nothing of trading is written here. Each moment of the data goes through the same steps that the
services take, with the same code: orders that wait meet the bar, marks move, strategies see the
completed bar, risk judges their signals, execution turns approvals into orders. The clock is the
data's, ids are counted from the seed, so equal inputs give equal outputs to the last byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from pi5.backtest.digest import Digest, IdSequence
from pi5.backtest.exchange import BarExchange
from pi5.backtest.result import DAY_NS, BacktestResult, Journal
from pi5.backtest.spec import Spec
from pi5.domain.broker import BrokerReport
from pi5.domain.errors import Fault, InvalidInput, Precondition
from pi5.domain.instrument import Instrument
from pi5.domain.mark import MarkSource
from pi5.domain.market import Bar
from pi5.domain.order import DEFAULT_ACCOUNT
from pi5.domain.signal import Signal
from pi5.execution.effects import Effects
from pi5.execution.engine import ExecutionEngine
from pi5.portfolio.engine import PortfolioEngine
from pi5.risk.engine import RiskEngine
from pi5.risk.situation import RiskRules
from pi5.strategy.api import Strategy
from pi5.strategy.engine import Definition, Reaction, StrategyEngine

BROKER = "backtest"
STRATEGY_ID = "backtest"
_PROGRESS_EVERY = 1_000


class Canceled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was told to end."""


class Simulation:
    """One run.

    Args:
        spec: what to run.
        strategy: the class of its strategy.
        instruments: grid, currency and calendar of every symbol.
    """

    def __init__(
        self, spec: Spec, strategy: type[Strategy], instruments: Mapping[str, Instrument]
    ) -> None:
        spec.check()
        self._check_currency(spec, instruments)
        self.spec = spec
        self.portfolio = PortfolioEngine(DEFAULT_ACCOUNT, spec.currency, spec.initial_cash)
        self.journal = Journal(spec.initial_cash)
        self._every_day = any(instruments[s].calendar == "24/7" for s in spec.symbols)
        self._ids = IdSequence(spec.seed)
        self._digest = Digest(spec.canonical())
        self._exchange = BarExchange(spec.costs, dict(instruments))
        self._strategies = StrategyEngine(self._ids)
        self._execution = ExecutionEngine(self._ids)
        rules = RiskRules(currency=spec.currency)
        self._risk = RiskEngine(spec.limits, instruments, rules)
        self._sequence = 0
        self._day_ends_ns = 0
        definition = Definition(
            STRATEGY_ID, strategy, spec.symbols, spec.timeframe, spec.parameters
        )
        self._strategies.add(definition)

    @staticmethod
    def _check_currency(spec: Spec, instruments: Mapping[str, Instrument]) -> None:
        for symbol in spec.symbols:
            if instruments[symbol].currency != spec.currency:
                raise InvalidInput(
                    "CURRENCY_NOT_SUPPORTED",
                    f"{symbol} trades in {instruments[symbol].currency}, the account is kept in "
                    f"{spec.currency}",
                    field="spec.symbols",
                )

    def run(
        self,
        bars: Iterable[Bar],
        on_progress: Callable[[int, int], bool] = lambda _bars, _time_ns: True,
    ) -> BacktestResult:
        """Play bars in time order and return what came out.

        Args:
            bars: ascending by time; bars of one moment belong together.
            on_progress: told the bars played and the time reached now and then; False ends the run.

        Raises:
            Canceled: `on_progress` said so.
            Precondition: STRATEGY_FAILED when the plug-in raised; NO_BARS when there were none.
            InvalidInput: BARS_OUT_OF_ORDER.
        """
        told = 0
        for moment in _moments(bars):
            if self.journal.bars == 0:
                self._take(self._strategies.start(STRATEGY_ID, moment[0].time_ns))
            self._step(moment)
            if self.journal.bars - told >= _PROGRESS_EVERY:
                told = self.journal.bars
                if not on_progress(told, moment[-1].time_ns):
                    raise Canceled
        if not self.journal.bars:
            wanted = ", ".join(self.spec.symbols)
            raise Precondition(
                "NO_BARS",
                f"there are no {self.spec.timeframe.label} bars of {wanted} in that time",
            )
        return self.result()

    def result(self) -> BacktestResult:
        """Return what came out so far."""
        summary = self.portfolio.summary(self._day_ends_ns)
        return self.journal.result(
            summary.equity,
            summary.fees,
            summary.traded,
            self._every_day,
            self._digest.hexdigest(),
        )

    def _step(self, moment: list[Bar]) -> None:
        """Play the bars that began at one moment."""
        first = moment[0]
        end_ns = first.end_ns
        if first.time_ns >= self._day_ends_ns:
            self.portfolio.start_day(first.time_ns)
            self._day_ends_ns = first.time_ns - first.time_ns % DAY_NS + DAY_NS
        for bar in moment:
            self.journal.bar(bar)
            self._digest.bar(bar)
            for report in self._exchange.on_bar(bar):
                self._on_report(report, _report_time_ns(report, bar))
        for bar in moment:
            self.portfolio.on_mark(bar.symbol, bar.close, end_ns, MarkSource.BAR)
            self._risk.on_mark(bar.symbol, bar.close, end_ns, MarkSource.BAR)
        # A view each moment, as live: the highest equity, which limits look at, is noted with it.
        view = self.portfolio.view(end_ns)
        self.journal.moment(first.time_ns, end_ns, view.equity, view.cash)
        for bar in moment:
            self._take(self._strategies.on_bar(bar, end_ns))

    def _take(self, reaction: Reaction) -> None:
        for failure in reaction.failures:
            raise Precondition(
                "STRATEGY_FAILED",
                f"{self.spec.strategy_type} failed in {failure.hook} on {failure.symbol}: "
                f"{failure.message}",
                details={"trace": failure.trace},
            )
        for signal in reaction.signals:
            self._on_signal(signal)

    def _on_signal(self, signal: Signal) -> None:
        """Let risk judge a signal; place its order."""
        now_ns = signal.created_at_ns
        self.journal.signals += 1
        self._risk.on_portfolio(self.portfolio.view(now_ns))
        # As live: a signal's id is the client id of its order.
        decision = self._risk.evaluate_signal(
            signal, DEFAULT_ACCOUNT, now_ns, self._ids(), signal.id
        )
        self._digest.decision(decision)
        if not decision.approved:
            self.journal.refusals[decision.reject_code] += 1
            self._strategies.on_refused(signal)
            self._apply(self._execution.signal_refused(signal, decision, now_ns), now_ns)
            return
        approved = self._execution.approve(decision, signal, now_ns, DEFAULT_ACCOUNT, signal.id)
        self.journal.orders += 1
        self._apply(
            self._execution.new_order(approved, self._ids(), BROKER, signal, now_ns, decision),
            now_ns,
        )

    def _on_report(self, report: BrokerReport, now_ns: int) -> None:
        self._apply(self._execution.on_report(report, now_ns), now_ns)

    def _apply(self, effects: Effects, now_ns: int) -> None:
        """Number the events as the log does, tell them, then act."""
        if effects.halt:
            raise Fault("BACKTEST_INCONSISTENT", effects.halt)
        for event in effects.events:
            self._sequence += 1
            numbered = replace(event, sequence=self._sequence)
            change = self.portfolio.on_order_event(numbered)
            self._risk.on_order_event(numbered)
            if change is not None and change.closed_trade is not None:
                self.journal.closed(change.closed_trade)
        if effects.fills:
            for fill in effects.fills:
                self.journal.fills += 1
                self._digest.fill(fill)
            self._strategies.on_portfolio(self.portfolio.view(now_ns))
        for order_id in effects.sends:
            entry = self._execution.entry(order_id)
            assert entry is not None, "what is sent is known"
            self._execution.sent(order_id, now_ns)
            self._on_report(self._exchange.place(entry.order.terms, now_ns), now_ns)


def _report_time_ns(report: BrokerReport, bar: Bar) -> int:
    return report.execution.time_ns if report.execution else bar.time_ns


def _moments(bars: Iterable[Bar]) -> Iterator[list[Bar]]:
    """Group bars that begin at the same time."""
    moment: list[Bar] = []
    for bar in bars:
        if moment and bar.time_ns != moment[0].time_ns:
            if bar.time_ns < moment[0].time_ns:
                raise InvalidInput(
                    "BARS_OUT_OF_ORDER", f"the bars of {bar.symbol} are not in time order"
                )
            yield moment
            moment = []
        moment.append(bar)
    if moment:
        yield moment
