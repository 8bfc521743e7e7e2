"""The one gate: sizes, judges, reserves, and says why; pure.

What it knows comes in as events (instruments, marks, portfolio views, the order log), time and ids
as arguments. The live service, the backtest and replays run the same code. Limits cannot be
overrun by orders judged at the same time, because judging and reserving are one step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from pi5.domain.decision import CheckResult, Decision, TradingMode, Verdict
from pi5.domain.errors import Precondition
from pi5.domain.event import OrderEvent
from pi5.domain.instrument import Instrument
from pi5.domain.limits import DEFAULT_LIMITS, Limits, LimitScope
from pi5.domain.mark import Marks, MarkSource
from pi5.domain.money import EXACT, ZERO, round_down
from pi5.domain.order import OrderTerms, OrderType, Side
from pi5.domain.portfolio import PortfolioView, trading_day
from pi5.domain.signal import Signal
from pi5.risk.checks import CHECKS
from pi5.risk.exposure import Exposure, measure
from pi5.risk.reservations import Reservation, Reservations, claim_of
from pi5.risk.scopes import LimitBook
from pi5.risk.situation import RiskRules, Situation, refused
from pi5.risk.sizing import Sized, size_signal

# An approval is not used after `approval_valid_ms`; its order must be in the log soon after.
LAPSE_MARGIN_MS = 3_000
_MAX_WAITING_VIEWS = 256
_MAX_LOG_TIMES = 4_096
_SIZING_PLACE = 2  # after trading mode and symbol, before what needs a quantity


@dataclass(frozen=True, slots=True)
class ModeState:
    """The trading mode, who set it, when and why."""

    mode: TradingMode = TradingMode.ACTIVE
    reason: str = ""
    changed_by: str = ""
    changed_at_ns: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class DayRecord:
    """The highest equity that a trading day was said to begin with, and the highest since."""

    account: str
    day: date
    start_equity: Decimal
    high_equity: Decimal


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is being judged."""

    terms: OrderTerms
    qty: Decimal
    sized: Sized | None = None
    signal_id: str = ""


class RiskEngine:
    """Everything risk knows, and its judgement.

    Args:
        limits: limits of everything; what they leave open comes from the defaults.
        instruments: what may be traded, by symbol.
        rules: settings that are no limits.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        instruments: Mapping[str, Instrument] | None = None,
        rules: RiskRules | None = None,
    ) -> None:
        self.limits = LimitBook(limits)
        self.marks = Marks()
        self.mode = ModeState()
        self.rules = rules or RiskRules()
        self.reservations = Reservations()
        self.sequence = 0
        self.days: dict[str, DayRecord] = {}
        self._instruments = dict(instruments or {})
        self._views: dict[str, PortfolioView] = {}
        self._waiting: deque[PortfolioView] = deque()
        self._floor = 0
        self._log_times: deque[tuple[int, int]] = deque()
        self.log_heard_ns = 0

    # ------------------------------------------------------------ what it learns

    def on_instrument(self, instrument: Instrument) -> None:
        """Take an instrument in, in place of what was known of it."""
        self._instruments[instrument.symbol] = instrument

    def on_mark(
        self, symbol: str, price: Decimal, time_ns: int, source: MarkSource = MarkSource.QUOTE
    ) -> None:
        """Take a price; `time_ns` is when it was known."""
        self.marks.offer(symbol, price, time_ns, source)

    def on_portfolio(self, view: PortfolioView) -> bool:
        """Take a view of a portfolio; False when it cannot be used yet or any more.

        A view ahead of the order log waits: its fills would be counted here and still reserved
        there. A view behind one that was used, or behind what was read before a restart, is
        dropped: fills whose reservation has ended would be missing from it.
        """
        if view.applied_sequence > self.sequence:
            if len(self._waiting) < _MAX_WAITING_VIEWS:
                self._waiting.append(view)
            return False
        known = self._views.get(view.account)
        floor = known.applied_sequence if known else self._floor
        if view.applied_sequence < floor:
            return False
        self._views[view.account] = view
        self.reservations.settle(view.account, view.applied_sequence)
        while self._log_times and self._log_times[0][0] <= view.applied_sequence:
            self._log_times.popleft()
        self._note_day(view)
        return True

    def on_order_event(self, event: OrderEvent) -> Reservation | None:
        """Apply one event of the order log; return the claim of its order after it.

        Raises:
            Precondition: SEQUENCE_GAP, when events are missing before it.
        """
        if event.sequence <= self.sequence:
            return None
        if event.sequence != self.sequence + 1:
            raise Precondition(
                "SEQUENCE_GAP",
                f"event {event.sequence} came after {self.sequence}; the log must be read again "
                "from there",
            )
        self.sequence = event.sequence
        self.log_heard_ns = max(self.log_heard_ns, event.time_ns)
        if len(self._log_times) < _MAX_LOG_TIMES:
            self._log_times.append((event.sequence, event.time_ns))
        claim = self._claim_after(event)
        while self._waiting and self._waiting[0].applied_sequence <= self.sequence:
            self.on_portfolio(self._waiting.popleft())
        return claim

    def _claim_after(self, event: OrderEvent) -> Reservation | None:
        if event.order is None:
            return None
        claim = self.reservations.get(event.order.terms.client_order_id)
        if claim is None:
            if event.order.status.final and event.fill is None:
                return None
            price = event.order.terms.limit_price or (event.fill.price if event.fill else None)
            price = price or self.marks.price(event.order.terms.symbol)
            decided = event.decision.mark_price if event.decision else None
            claim = claim_of(event.order, price or decided or ZERO)
        claim = claim.after(event)
        self.reservations.put(claim)
        return claim

    def on_log_caught_up(self, now_ns: int) -> None:
        """Learn that everything in the order log up to `now_ns` was applied."""
        self.log_heard_ns = max(self.log_heard_ns, now_ns)

    def expire(self, now_ns: int) -> list[Reservation]:
        """Give back claims of approvals that were never used; return them.

        A claim lapses only when the log was read beyond its time: a log that is silent proves
        nothing.
        """
        return self.reservations.lapse(min(now_ns, self.log_heard_ns))

    def restore(
        self, sequence: int, reservations: list[Reservation], days: list[DayRecord]
    ) -> None:
        """Go on where a former process left the order log."""
        self.sequence = self._floor = sequence
        for claim in reservations:
            self.reservations.put(claim)
        for day in days:
            self.days[day.account] = day

    def set_mode(self, mode: TradingMode, reason: str, by: str, now_ns: int) -> ModeState:
        """Set the trading mode at once; return it."""
        self.mode = ModeState(mode, reason, by, now_ns, self.mode.revision + 1)
        return self.mode

    def set_limits(self, scope: LimitScope, limits: Limits) -> None:
        """Set the limits of a scope; they hold from the next decision on."""
        self.limits.set(scope, limits)

    def view(self, account: str) -> PortfolioView | None:
        """Return the view in use."""
        return self._views.get(account)

    def instrument(self, symbol: str) -> Instrument | None:
        """Return what is known of a symbol."""
        return self._instruments.get(symbol)

    def exposure(self, account: str, without: str = "") -> Exposure:
        """Return what an account holds and has reserved."""
        view = self._views.get(account)
        if view is None:
            return Exposure(account)
        return measure(view, self.reservations, self.marks, without)

    def day_start_equity(self, account: str) -> Decimal | None:
        """Return the equity that the day's loss is counted from."""
        view, day = self._views.get(account), self.days.get(account)
        if view is None:
            return None
        return max(view.day_start_equity, day.start_equity) if day else view.day_start_equity

    def behind_since_ns(self, account: str) -> int:
        """Return the time of the oldest event that the view does not contain; 0 when it has all."""
        view = self._views.get(account)
        if view is None or view.applied_sequence >= self.sequence:
            return 0
        return self._log_times[0][1] if self._log_times else 1

    def _note_day(self, view: PortfolioView) -> None:
        day = trading_day(view.time_ns, self.rules.day_starts_at_utc_hour)
        known = self.days.get(view.account)
        start, high = view.day_start_equity, view.equity
        if known is not None and known.day == day:
            start, high = max(start, known.start_equity), max(high, known.high_equity)
        record = DayRecord(view.account, day, start, high)
        if record != known and (known is None or known.day <= day):
            self.days[view.account] = record

    # ------------------------------------------------------------ judgement

    def evaluate_signal(
        self,
        signal: Signal,
        account: str,
        now_ns: int,
        decision_id: str,
        client_order_id: str,
        reserve: bool = True,
    ) -> Decision:
        """Size a signal into a market order, judge it and reserve what it may use."""
        resolved = self.limits.resolve(account, signal.strategy_id, signal.symbol)
        exposure = self.exposure(account, without=client_order_id)
        view = self._views.get(account)
        sized = size_signal(
            signal,
            resolved.limits,
            exposure.claim(signal.strategy_id, signal.symbol),
            self._instruments.get(signal.symbol),
            self.marks.price(signal.symbol),
            view.equity if view else None,
        )
        terms = OrderTerms(
            client_order_id=client_order_id,
            symbol=signal.symbol,
            side=signal.side,
            type=OrderType.MARKET,
            qty=sized.qty,
            account=account,
            strategy_id=signal.strategy_id,
        )
        subject = _Subject(terms, sized.qty, sized, signal.id)
        return self._judge(subject, exposure, now_ns, decision_id, reserve)

    def evaluate_order(
        self, terms: OrderTerms, now_ns: int, decision_id: str, reserve: bool = True
    ) -> Decision:
        """Judge an order and reserve what it may use; `notional` is turned into a quantity."""
        exposure = self.exposure(terms.account, without=terms.client_order_id)
        qty, sized = terms.qty, None
        if qty is None:
            sized = self._size_notional(terms)
            qty = sized.qty
        terms = replace(terms, qty=qty, notional=None)
        return self._judge(_Subject(terms, qty, sized), exposure, now_ns, decision_id, reserve)

    def _size_notional(self, terms: OrderTerms) -> Sized:
        instrument, price = self._instruments.get(terms.symbol), self.marks.price(terms.symbol)
        price = terms.limit_price or price
        if instrument is None or not price or terms.notional is None:
            return Sized(ZERO, "an order needs a quantity, or an amount and a price", "NO_SIZE")
        with localcontext(EXACT):
            qty = round_down(terms.notional / price, instrument.lot_size)
        how = f"{terms.notional} at {price} in lots of {instrument.lot_size}: {qty}"
        return Sized(qty, how, "" if qty > 0 else "SIZE_TOO_SMALL")

    def _judge(
        self,
        subject: _Subject,
        exposure: Exposure,
        now_ns: int,
        decision_id: str,
        reserve: bool,
    ) -> Decision:
        situation = self._situation(subject, exposure, now_ns)
        checks = [check(situation) for check in CHECKS]
        if subject.sized is not None and subject.sized.code:
            finding = refused("sizing", subject.sized.code, "> 0", "0", subject.sized.how)
            place = len(checks) if subject.sized.code == "NO_SIZE" else _SIZING_PLACE
            checks.insert(place, finding)
        refusal = next((check for check in checks if check.verdict is Verdict.REJECT), None)
        decision = self._decision(subject, situation, tuple(checks), refusal, decision_id)
        if decision.approved and reserve:
            self._reserve(decision, situation)
        return decision

    def _situation(self, subject: _Subject, exposure: Exposure, now_ns: int) -> Situation:
        terms = subject.terms
        mark = self.marks.get(terms.symbol)
        price = None
        if mark is not None:
            asked = (terms.limit_price, terms.stop_price)
            price = max(mark.price, *(value for value in asked if value is not None), ZERO)
        claim = exposure.claim(terms.strategy_id, terms.symbol)
        with localcontext(EXACT):
            if terms.side is Side.SELL:
                free = claim.held - claim.selling
            else:
                free = -claim.held - claim.buying
        known = self.reservations.get(terms.client_order_id)
        return Situation(
            terms=terms,
            qty=subject.qty,
            price=price,
            exit=ZERO < subject.qty <= free,
            now_ns=now_ns,
            mode=self.mode.mode,
            rules=self.rules,
            resolved=self.limits.resolve(terms.account, terms.strategy_id, terms.symbol),
            instrument=self._instruments.get(terms.symbol),
            mark=mark,
            view=self._views.get(terms.account),
            exposure=exposure,
            day_start_equity=self.day_start_equity(terms.account),
            behind_since_ns=self.behind_since_ns(terms.account),
            used_before=known is not None and bool(known.first_sequence),
            from_signal=bool(subject.signal_id),
        )

    def _decision(
        self,
        subject: _Subject,
        situation: Situation,
        checks: tuple[CheckResult, ...],
        refusal: CheckResult | None,
        decision_id: str,
    ) -> Decision:
        terms, view = subject.terms, situation.view
        reserved = ZERO
        if refusal is None and not situation.exit and situation.price is not None:
            with localcontext(EXACT):
                reserved = subject.qty * situation.price
        return Decision(
            id=decision_id,
            approved=refusal is None,
            account=terms.account,
            strategy_id=terms.strategy_id,
            symbol=terms.symbol,
            side=terms.side,
            decided_at_ns=situation.now_ns,
            checks=checks,
            approved_order=terms if refusal is None else None,
            reject_code=refusal.code if refusal else "",
            reject_reason=refusal.message if refusal else "",
            sizing=subject.sized.how if subject.sized else "the quantity was given",
            reserved=reserved,
            currency=self.rules.currency,
            mark_price=situation.mark.price if situation.mark else None,
            equity=view.equity if view else None,
            signal_id=subject.signal_id,
            client_order_id=terms.client_order_id,
            valid_until_ns=situation.now_ns + self.rules.approval_valid_ms * 1_000_000,
        )

    def _reserve(self, decision: Decision, situation: Situation) -> None:
        terms = situation.terms
        self.reservations.put(
            Reservation(
                client_order_id=terms.client_order_id,
                account=terms.account,
                strategy_id=terms.strategy_id,
                symbol=terms.symbol,
                side=terms.side,
                qty=situation.qty,
                price=situation.price or ZERO,
                decided_at_ns=decision.decided_at_ns,
                lapses_at_ns=decision.valid_until_ns + LAPSE_MARGIN_MS * 1_000_000,
            )
        )
