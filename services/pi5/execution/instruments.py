"""The instruments that data knows, kept here; asked for again when one is not known."""

from __future__ import annotations

import asyncio

import grpc

from pi5.api.data.v1.data_service_pb2 import ListInstrumentsRequest
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.domain.errors import InvalidInput, Unavailable
from pi5.domain.instrument import Instrument
from pi5.execution.convert import instrument_from
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.log import Logger

_PAGE = 500
_MOST = 100_000
# Least time between two questions for symbols that are not known.
_REFRESH_NS = 1_000_000_000


class Instruments:
    """A copy of data's list."""

    def __init__(self, data: Peer, clock: Clock, log: Logger) -> None:
        self._data = data
        self._stub = MarketDataServiceStub(data.channel)
        self._clock = clock
        self._log = log
        self._by_symbol: dict[str, Instrument] = {}
        self._asked_at_ns = 0
        self._asking = asyncio.Lock()

    def all(self) -> list[Instrument]:
        """Return what is known now."""
        return list(self._by_symbol.values())

    async def get(self, symbol: str) -> Instrument:
        """Return an instrument.

        Raises:
            InvalidInput: UNKNOWN_SYMBOL.
            Unavailable: INSTRUMENTS_UNAVAILABLE, while data has never answered.
        """
        found = self._by_symbol.get(symbol)
        if found is not None:
            return found
        if self._clock.monotonic_ns() - self._asked_at_ns > _REFRESH_NS:
            await self.refresh()
        found = self._by_symbol.get(symbol)
        if found is None:
            raise InvalidInput("UNKNOWN_SYMBOL", f"there is no instrument {symbol}", field="symbol")
        return found

    async def refresh(self) -> None:
        """Ask data for its list.

        Raises:
            Unavailable: INSTRUMENTS_UNAVAILABLE.
        """
        async with self._asking:
            token, found = "", dict[str, Instrument]()
            try:
                while len(found) < _MOST:
                    answer = await self._stub.ListInstruments(
                        ListInstrumentsRequest(page_size=_PAGE, page_token=token),
                        metadata=self._data.metadata(),
                        timeout=2.0,
                    )
                    for message in answer.instruments:
                        found[message.symbol] = instrument_from(message)
                    token = answer.next_page_token
                    if not token:
                        break
            except grpc.aio.AioRpcError as error:
                raise Unavailable(
                    "INSTRUMENTS_UNAVAILABLE",
                    f"data does not tell its instruments ({error.code().name})",
                    retry_after_s=1.0,
                ) from error
            self._by_symbol = found
            self._asked_at_ns = self._clock.monotonic_ns()

    async def load(self) -> None:
        """Ask until data answers with at least one instrument."""
        while not self._by_symbol:
            try:
                await self.refresh()
            except Unavailable as fault:
                self._log.info("waiting for data", code=fault.code)
            if not self._by_symbol:
                await asyncio.sleep(0.5)
