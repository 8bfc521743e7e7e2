"""Starts, stops and remembers replays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from pi5.data.catalogue import Catalogue
from pi5.data.feeds import Feeds
from pi5.data.history import BarHistory
from pi5.data.providers.replay import BARS_PER_SECOND_MAX, NAME, ReplayPlan, ReplayProvider
from pi5.domain.errors import Conflict, Exhausted, InvalidInput, NotFound, Precondition
from pi5.domain.market import Bar, Timeframe
from pi5.kit.clock import Clock

RUNNING_MAX = 20
KEPT_MAX = 100
SYMBOLS_MAX = 100


class Replays:
    """The replays since the service started, newest last."""

    def __init__(
        self, catalogue: Catalogue, history: BarHistory, feeds: Feeds, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._history = history
        self._feeds = feeds
        self._clock = clock
        self._replays: OrderedDict[str, ReplayProvider] = OrderedDict()
        # A replay is in memory only, so what a request id did is remembered there too.
        self._requests: dict[str, ReplayProvider] = {}
        feeds.declare(NAME)

    async def start(self, plan: ReplayPlan, request_id: str = "") -> ReplayProvider:
        """Start a replay; a request id that was used returns the replay it started.

        Raises:
            InvalidInput: OUT_OF_BOUNDS.
            NotFound: UNKNOWN_SYMBOL or NO_BARS.
            Precondition: SYMBOL_IS_LIVE, when a symbol is delivered already.
            Conflict: IDEMPOTENCY_KEY_REUSED.
            Exhausted: TOO_MANY_REPLAYS.
        """
        earlier = self._requests.get(request_id)
        if earlier is not None:
            if _same(earlier.plan, plan):
                return earlier
            raise Conflict(
                "IDEMPOTENCY_KEY_REUSED",
                f"request_id {request_id} came before with another content; use a new one",
                field="request_id",
            )
        self._check(plan)
        instruments = {symbol: self._catalogue.get(symbol, "symbols") for symbol in plan.symbols}
        for symbol in plan.symbols:
            if not await self._read(symbol, plan.timeframe, plan.start_ns - 1, plan.end_ns, 1):
                raise NotFound(
                    "NO_BARS",
                    f"there are no {plan.timeframe.label} bars of {symbol} in that range",
                    field="symbols",
                )
        self._check_free(plan)
        replay = ReplayProvider(plan, instruments, self._read, self._clock)
        self._replays[plan.id] = replay
        if request_id:
            self._requests[request_id] = replay
        self._forget()
        self._feeds.start(replay)
        return replay

    async def stop(self, replay_id: str) -> ReplayProvider:
        """End a replay; one that has ended stays ended.

        Raises:
            NotFound: UNKNOWN_REPLAY.
        """
        replay = self._replays.get(replay_id)
        if replay is None:
            raise NotFound("UNKNOWN_REPLAY", f"there is no replay {replay_id[:60]}", field="id")
        replay.stop()
        await self._feeds.stop(replay)
        return replay

    def newest_first(self) -> list[ReplayProvider]:
        """Return the replays since start."""
        return list(reversed(self._replays.values()))

    def _check(self, plan: ReplayPlan) -> None:
        if not 0 < plan.bars_per_second <= BARS_PER_SECOND_MAX:
            raise InvalidInput(
                "OUT_OF_BOUNDS",
                f"bars_per_second must be above 0 and at most {BARS_PER_SECOND_MAX:g}",
                field="bars_per_second",
            )
        if len(plan.symbols) > SYMBOLS_MAX or len(set(plan.symbols)) < len(plan.symbols):
            raise InvalidInput(
                "OUT_OF_BOUNDS", f"name 1 to {SYMBOLS_MAX} different symbols", field="symbols"
            )
        if plan.start_ns >= plan.end_ns:
            raise InvalidInput(
                "OUT_OF_BOUNDS", "start_time must be before end_time", field="end_time"
            )

    def _check_free(self, plan: ReplayPlan) -> None:
        for symbol in plan.symbols:
            if source := self._feeds.source_of(symbol):
                raise Precondition(
                    "SYMBOL_IS_LIVE",
                    f"{symbol} is delivered by {source} now; stop that first",
                    details={"symbol": symbol, "provider": source},
                )
        if sum(replay.running for replay in self._replays.values()) >= RUNNING_MAX:
            raise Exhausted(
                "TOO_MANY_REPLAYS", f"at most {RUNNING_MAX} replays run at once; stop one"
            )

    def _forget(self) -> None:
        """Drop the oldest ended replays beyond what is kept."""
        ended = [name for name, replay in self._replays.items() if not replay.running]
        for name in ended[: max(0, len(self._replays) - KEPT_MAX)]:
            gone = self._replays.pop(name)
            self._requests = {k: v for k, v in self._requests.items() if v is not gone}

    async def _read(
        self, symbol: str, timeframe: Timeframe, after_ns: int, end_ns: int, limit: int
    ) -> list[Bar]:
        instrument = self._catalogue.get(symbol)
        return await self._history.bars_after(instrument, timeframe, after_ns, end_ns, limit)


def _same(one: ReplayPlan, other: ReplayPlan) -> bool:
    """Tell whether two plans ask for the same replay."""
    return _content(one) == _content(other)


def _content(plan: ReplayPlan) -> Sequence[object]:
    return (
        plan.symbols,
        plan.timeframe,
        plan.start_ns,
        plan.end_ns,
        plan.bars_per_second,
        plan.loop,
    )
