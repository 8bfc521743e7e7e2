"""The synthetic market as a live source: instruments, and pacing by the clock."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from decimal import Decimal

from pi5.data.providers.base import Book, BookLevel, History, Provider
from pi5.data.providers.synthetic_market import Opening, SymbolMarket, SyntheticMarket
from pi5.domain.instrument import AssetClass, Instrument
from pi5.domain.market import Timeframe
from pi5.domain.money import from_ticks, to_ticks
from pi5.kit.clock import Clock, new_rng
from pi5.kit.settings import SyntheticSettings
from pi5.kit.wire.market import MarketEvents

NAME = "synthetic"
_NAMES = {"ACME": "Acme Tools", "GLOBEX": "Globex Freight", "INITECH": "Initech Software"}
_NS = 1_000_000_000
_STEP_MIN_S = 0.01
# A quote that did not change is sent again after this: it still holds, and says so.
REFRESH_NS = 2 * _NS
# More missed time than this is not made up for: the market slept with the machine.
_LATE_NS_MAX = 2 * _NS


def synthetic_instrument(symbol: str) -> Instrument:
    """Return the instrument of a synthetic symbol: shares with a tick of a cent."""
    return Instrument(
        symbol=symbol,
        name=f"{_NAMES.get(symbol, symbol)} (synthetic)",
        asset_class=AssetClass.EQUITY,
        currency="USD",
        venue="SIM",
        tick_size=Decimal("0.01"),
        lot_size=Decimal(1),
        provider=NAME,
    )


def home_price(symbol: str) -> Decimal:
    """Return the price a symbol's market is pulled to: 50 to 200, always the same for a symbol."""
    return from_ticks(5_000 + zlib.crc32(symbol.encode()) % 15_000, 2)


class SyntheticProvider(Provider):
    """Runs the synthetic market by the clock.

    Args:
        settings: symbols, seed and rate.
        clock: what paces it.
        last_prices: where the market of a symbol goes on, from an earlier run.
    """

    name = NAME

    def __init__(
        self, settings: SyntheticSettings, clock: Clock, last_prices: Mapping[str, Decimal]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._instruments = [synthetic_instrument(symbol) for symbol in settings.symbols]
        self._last_prices = last_prices
        self._market = self._open()

    def instruments(self) -> Sequence[Instrument]:
        """Return the synthetic shares."""
        return self._instruments

    def symbols(self) -> Sequence[str]:
        """Return their symbols."""
        return self._settings.symbols

    def _open(self) -> SyntheticMarket:
        openings = []
        for instrument in self._instruments:
            symbol, home = instrument.symbol, home_price(instrument.symbol)
            start = self._last_prices.get(symbol, home)
            openings.append(
                Opening(
                    instrument,
                    start_ticks=to_ticks(start, 2),
                    home_ticks=to_ticks(home, 2),
                    rng=new_rng(self._settings.seed + zlib.crc32(symbol.encode())),
                )
            )
        return SyntheticMarket(openings, self._settings.orders_per_second, self._clock.now_ns())

    async def stream(self) -> AsyncGenerator[MarketEvents, None]:
        """Deliver the market's events as they happen."""
        market = self._market
        sent_ns = dict.fromkeys(market.markets, 0)
        while market.markets:
            now_ns = self._clock.now_ns()
            if not 0 <= now_ns - market.now_ns <= _LATE_NS_MAX:
                market.sleep_until(now_ns)
            step = market.step(now_ns - market.now_ns)
            for quote in step.quotes:
                sent_ns[quote.symbol] = now_ns
            for symbol, last_ns in sent_ns.items():
                if now_ns - last_ns >= REFRESH_NS:
                    step.quotes.append(market.markets[symbol].quote(now_ns))
                    sent_ns[symbol] = now_ns
            if step.quotes or step.trades:
                yield MarketEvents(quotes=step.quotes, trades=step.trades)
            wait_s = (market.next_ns - self._clock.now_ns()) / _NS
            await asyncio.sleep(min(max(wait_s, _STEP_MIN_S), REFRESH_NS / _NS))

    async def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start_ns: int,
        end_ns: int,
    ) -> History:
        """Return nothing: what the market did not live through never happened."""
        return History()

    def book(self, symbol: str, levels: int) -> Book | None:
        """Return the order book of a synthetic symbol."""
        market = self._market.markets.get(symbol)
        return book_of(market, levels, self._market.now_ns) if market is not None else None


def book_of(market: SymbolMarket, levels: int, now_ns: int) -> Book:
    """Return the depth of a matching engine as an order book."""
    instrument = market.instrument
    bids, asks = (
        tuple(
            BookLevel(
                from_ticks(price, instrument.price_scale),
                from_ticks(lots, instrument.size_scale),
                orders,
            )
            for price, lots, orders in side
        )
        for side in market.engine.depth(levels)
    )
    return Book(instrument.symbol, now_ns, bids, asks, market.changes)
