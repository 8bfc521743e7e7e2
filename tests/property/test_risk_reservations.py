"""Whatever is judged, filled and canceled in whatever order, no limit is exceeded by a cent."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from pi5.domain.limits import EVERYTHING, Limits
from pi5.domain.order import OrderStatus, Side
from pi5.risk.engine import RiskEngine

from tests.unit.risk.worlds import NOW, engine, instrument, log_event, order, view

EQUITY = Decimal(100_000)
SYMBOLS = {"ACME": Decimal("99.99"), "GLOBEX": Decimal("7.01"), "INITECH": Decimal("1234.56")}
S = OrderStatus


class Venue:
    """Fills orders truthfully and delivers log and views at different times."""

    def __init__(self, made: RiskEngine) -> None:
        self.made = made
        self.working: dict[str, tuple] = {}
        self.held: dict[tuple[str, str], Decimal] = {}
        self.sequence = 0
        self.log: list = []
        self.delivered = 0
        self.views: list = [view(0)]

    def note(self, terms, status, fill=None) -> None:
        self.sequence += 1
        self.log.append(log_event(self.sequence, terms, status, fill))
        if fill is not None:
            key = (terms.strategy_id, terms.symbol)
            self.held[key] = self.held.get(key, Decimal(0)) + terms.side.sign * Decimal(fill)
        self.views.append(view(self.sequence, positions=dict(self.held)))

    def worst(self) -> Decimal:
        """Return what is truly held plus everything that may still be bought."""
        total = dict(self.held)
        for terms, rest in self.working.values():
            key = (terms.strategy_id, terms.symbol)
            if terms.side is Side.BUY:
                total[key] = total.get(key, Decimal(0)) + rest
        return sum((abs(qty) * SYMBOLS[key[1]] for key, qty in total.items()), Decimal(0))


actions = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.sampled_from(sorted(SYMBOLS)),
            st.sampled_from(Side),
            st.integers(1, 400),
            st.sampled_from(("a", "b")),
        ),
        st.tuples(st.just("fill"), st.integers(0, 9), st.integers(1, 100)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("log"), st.integers(1, 5)),
        st.tuples(st.just("view"), st.integers(0, 5)),
        st.tuples(st.just("restart")),
    ),
    max_size=60,
)


def new_engine() -> RiskEngine:
    made = RiskEngine(Limits(), {symbol: instrument(symbol) for symbol in SYMBOLS})
    for symbol, price in SYMBOLS.items():
        made.on_mark(symbol, price, NOW)
    return made


def step(venue: Venue, number: int, action: tuple) -> None:
    made, kind = venue.made, action[0]
    if kind == "order":
        _, symbol, side, qty, strategy = action
        terms = order(qty, side, f"c{number}", symbol=symbol, strategy_id=strategy)
        if made.evaluate_order(terms, NOW, "d").approved:
            venue.working[terms.client_order_id] = (terms, Decimal(qty))
            venue.note(terms, S.PENDING_NEW)
    elif kind in {"fill", "cancel"} and venue.working:
        name = sorted(venue.working)[action[1] % len(venue.working)]
        terms, rest = venue.working.pop(name)
        if kind == "cancel":
            venue.note(terms, S.CANCELED)
            return
        filled = min(rest, Decimal(action[2]))
        venue.note(terms, S.FILLED if filled == rest else S.PARTIALLY_FILLED, filled)
        if filled < rest:
            venue.working[name] = (terms, rest - filled)
    elif kind == "log":
        for event in venue.log[venue.delivered : venue.delivered + action[1]]:
            made.on_order_event(event)
        venue.delivered = made.sequence
    elif kind == "view":
        made.on_portfolio(venue.views[max(len(venue.views) - 1 - action[1], 0)])
    elif kind == "restart":
        # A new process waits for the log's end, so approvals of the old one are in it.
        for event in venue.log[venue.delivered :]:
            made.on_order_event(event)
        venue.delivered = made.sequence
        again = new_engine()
        again.restore(made.sequence, list(made.reservations), list(made.days.values()))
        again.on_portfolio(venue.views[-1])
        venue.made = again


@settings(max_examples=200)
@given(actions)
def test_no_sequence_of_orders_fills_and_delays_exceeds_the_limit(script) -> None:
    """What is held and could still be bought never exceeds the exposure and position limits."""
    venue = Venue(new_engine())
    venue.made.on_portfolio(view(0))
    for number, action in enumerate(script):
        step(venue, number, action)
        assert venue.worst() <= EQUITY * Decimal("0.90")
        for symbol, price in SYMBOLS.items():
            buying = sum(
                rest
                for terms, rest in venue.working.values()
                if terms.symbol == symbol and terms.side is Side.BUY
            )
            held = sum(qty for (_, name), qty in venue.held.items() if name == symbol)
            assert (held + buying) * price <= EQUITY * Decimal("0.15")
        # Without permission nobody ends up short, however fills and views overtake each other.
        assert all(qty >= 0 for qty in venue.held.values())
    for event in venue.log[venue.delivered :]:
        venue.made.on_order_event(event)
    venue.made.on_portfolio(venue.views[-1])
    # Once both streams are read to their end, reservations are exactly what still works.
    claims = {claim.client_order_id: claim.outstanding for claim in venue.made.reservations}
    assert claims == {name: rest for name, (_, rest) in venue.working.items()}


@given(st.lists(st.integers(1, 150), min_size=1, max_size=64), st.integers(1, 50_000))
def test_orders_judged_together_never_exceed_a_limit(quantities, ticks) -> None:
    """Sixty-four orders before any fill: together they fit, and the next unit would not help."""
    price = Decimal(ticks).scaleb(-2)
    made = engine(price=str(price))
    for number, qty in enumerate(quantities):
        decision = made.evaluate_order(order(qty, name=f"c{number}"), NOW, "d")
        total = made.exposure("main").worst_value(EVERYTHING)
        assert total <= Decimal(15_000)
        if not decision.approved:
            assert total + qty * price > Decimal(15_000)
