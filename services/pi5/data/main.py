"""Wires the data service together and says when it can do its work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pi5.data.catalogue import Catalogue
from pi5.data.engine import MarketEngine
from pi5.data.feeds import Feeds
from pi5.data.history import BarHistory
from pi5.data.hub import Hub
from pi5.data.imports import Imports
from pi5.data.providers.base import Book, Provider
from pi5.data.providers.replay import ReplayPlan
from pi5.data.providers.synthetic import NAME as SYNTHETIC
from pi5.data.providers.synthetic import SyntheticProvider
from pi5.data.recent import RecentBars
from pi5.data.replays import Replays
from pi5.data.server import NAME, MarketDataServicer, add_to_server
from pi5.data.store import Store
from pi5.data.writer import Writer
from pi5.domain.errors import ConfigurationFault, Fault, Unavailable
from pi5.domain.market import Quote, Timeframe
from pi5.kit.clock import new_id
from pi5.kit.lifecycle import Context
from pi5.kit.server import GrpcServer

_PING_S = 2.0
_RETENTION_S = 3_600.0
_RANGE_NS = (-(2**62), 2**62 + 2**61)


@dataclass
class _Parts:
    """What the service is made of."""

    catalogue: Catalogue
    store: Store
    writer: Writer
    hub: Hub
    feeds: Feeds
    imports: Imports
    replays: Replays
    servicer: MarketDataServicer


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Run the data service: ready when instruments and samples are stored and the feeds run."""
    parts = _build(context, Store(await context.pool()))
    async with context.serving([(add_to_server, parts.servicer)], [NAME]) as server:
        await _prepare(context, parts)
        await _run_feeds(context, parts)
        context.spawn(parts.writer.run(), "writer")
        context.spawn(parts.feeds.complete_bars(), "bars by time")
        context.spawn(_watch_database(context, parts, server), "database watch")
        context.spawn(_forget_old(context, parts), "retention")
        await server.set_ready(True)
        try:
            yield
        finally:
            parts.hub.close()
            await context.cancel_tasks()
            with contextlib.suppress(Unavailable):
                await parts.writer.flush()


def _build(context: Context, store: Store) -> _Parts:
    settings, clock, log = context.settings, context.clock, context.log
    catalogue = Catalogue()
    recent = RecentBars()
    engine = MarketEngine(catalogue, settings.data.stale_after_ms * 1_000_000)
    writer = Writer(store, log)

    def newest() -> list[Quote]:
        return [state.quote for state in engine.quotes(clock.now_ns())]

    def depth(symbol: str, levels: int) -> Book | None:
        return feeds.book(symbol, levels)

    hub = Hub(clock, new_id(), newest, depth)
    feeds = Feeds(catalogue, engine, hub, recent, writer, clock, log, context.spawn)
    history = BarHistory(store, recent)
    imports = Imports(store, catalogue, clock, settings.system.currency, log)
    replays = Replays(catalogue, history, feeds, clock)
    servicer = MarketDataServicer(
        catalogue, engine, feeds, hub, store, history, imports, replays, clock
    )
    return _Parts(catalogue, store, writer, hub, feeds, imports, replays, servicer)


async def _prepare(context: Context, parts: _Parts) -> None:
    """Make stored instruments and the samples known."""
    for instrument in await parts.store.instruments():
        parts.catalogue.add(instrument)
    if context.settings.data.import_samples:
        await parts.imports.take_samples()


async def _start_provider(parts: _Parts, provider: Provider) -> None:
    """Make a provider's instruments known and run it."""
    await parts.store.add_instruments(provider.instruments())
    for instrument in provider.instruments():
        if instrument.symbol not in parts.catalogue:
            parts.catalogue.add(instrument)
    parts.feeds.start(provider)


async def _run_feeds(context: Context, parts: _Parts) -> None:
    """Start the providers that the settings switch on."""
    settings = context.settings.data
    parts.feeds.declare(SYNTHETIC)
    if settings.synthetic.enabled and settings.synthetic.symbols:
        symbols = settings.synthetic.symbols
        for symbol in symbols:
            if symbol in parts.catalogue and parts.catalogue.get(symbol).provider != SYNTHETIC:
                raise ConfigurationFault(
                    "SYMBOL_TAKEN",
                    f"data.synthetic.symbols names {symbol}, which is another instrument already",
                )
        closes = await parts.store.last_closes(symbols, Timeframe.M1)
        await _start_provider(parts, SyntheticProvider(settings.synthetic, context.clock, closes))
    if settings.replay.enabled and settings.replay.symbols:
        plan = ReplayPlan(
            id=new_id(),
            symbols=settings.replay.symbols,
            timeframe=Timeframe.D1,
            start_ns=_RANGE_NS[0],
            end_ns=_RANGE_NS[1],
            bars_per_second=settings.replay.bars_per_second,
            loop=True,
        )
        try:
            await parts.replays.start(plan)
        except Fault as fault:  # without the samples there may be nothing to replay
            context.log.warning("the replay cannot start", code=fault.code, reason=fault.message)


async def _watch_database(context: Context, parts: _Parts, server: GrpcServer) -> None:
    """Say NOT_SERVING while the database is away; live data goes on all the while."""
    ready = True
    while True:
        await asyncio.sleep(_PING_S)
        try:
            await parts.store.ping()
        except Unavailable as fault:
            if ready:
                context.log.warning("the database is away", code=fault.code)
            there = False
        else:
            there = True
        if there is not ready:
            ready = there
            await server.set_ready(ready)


async def _forget_old(context: Context, parts: _Parts) -> None:
    """Keep the tables bounded, once an hour."""
    while True:
        with contextlib.suppress(Unavailable):
            symbols = context.settings.data.synthetic.symbols
            await parts.store.forget_old(symbols, SYNTHETIC, context.clock.now_ns())
        await asyncio.sleep(_RETENTION_S)
