"""Takes bars in from CSV texts: those that people send, and the samples on first start."""

from __future__ import annotations

import asyncio
import hashlib
import uuid

from pi5.api.data.v1 import data_service_pb2
from pi5.data import metrics
from pi5.data.catalogue import Catalogue
from pi5.data.convert import instrument_from, rejected_to
from pi5.data.providers.base import History
from pi5.data.providers.csv_import import CsvProvider
from pi5.data.providers.samples import samples
from pi5.data.store import Store
from pi5.domain.errors import InvalidInput
from pi5.domain.instrument import Instrument
from pi5.domain.market import Timeframe
from pi5.kit.clock import Clock
from pi5.kit.log import Logger

REJECTED_ROWS_SHOWN = 100
_SOURCE_CHARACTERS_MAX = 200


class Imports:
    """Reads, checks and stores bars that come as text."""

    def __init__(
        self, store: Store, catalogue: Catalogue, clock: Clock, currency: str, log: Logger
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._currency = currency
        self._log = log

    async def take(
        self, request: data_service_pb2.ImportBarsRequest
    ) -> data_service_pb2.ImportBarsResponse:
        """Import what a request holds; the same request id returns the stored answer.

        Raises:
            InvalidInput: BAD_REQUEST_ID, SYMBOL_DIFFERS, OUT_OF_BOUNDS, and those of
                `CsvProvider.read`.
            NotFound: UNKNOWN_SYMBOL, when the request does not describe the instrument.
            Conflict: IDEMPOTENCY_KEY_REUSED.
        """
        instrument = self._instrument(request)
        source = (request.source or "csv")[:_SOURCE_CHARACTERS_MAX].replace("\x00", "")
        timeframe = Timeframe(request.timeframe)
        provider = CsvProvider(instrument, timeframe, request.csv, source, self._clock)
        # A large text takes a second or two; live data goes on meanwhile.
        history = await asyncio.to_thread(provider.read)

        def answer(stored: int) -> data_service_pb2.ImportBarsResponse:
            return data_service_pb2.ImportBarsResponse(
                stored=stored,
                duplicates=len(history.bars) - stored,
                quarantined=len(history.rejected),
                rejected_rows=[rejected_to(r) for r in history.rejected[:REJECTED_ROWS_SHOWN]],
            )

        if request.request_id:
            stored_answer = await self._store.import_once(
                _request_id(request.request_id),
                _hash(request),
                instrument,
                history.bars,
                history.rejected,
                lambda stored: answer(stored).SerializeToString(),
            )
            response = data_service_pb2.ImportBarsResponse.FromString(stored_answer)
        else:
            response = answer(
                await self._store.import_bars(instrument, history.bars, history.rejected)
            )
        self._done(instrument, history, response.stored)
        return response

    async def take_samples(self) -> None:
        """Import the shipped samples that are not there yet."""
        for sample in samples():
            symbol = sample.instrument.symbol
            if await self._store.has_bars(symbol, sample.timeframe):
                continue
            history = await asyncio.to_thread(sample.provider(self._clock).read)
            stored = await self._store.import_bars(
                sample.instrument, history.bars, history.rejected
            )
            self._done(sample.instrument, history, stored)

    def _instrument(self, request: data_service_pb2.ImportBarsRequest) -> Instrument:
        if request.symbol in self._catalogue or not request.HasField("instrument"):
            return self._catalogue.get(request.symbol)
        return instrument_from(request.instrument, request.symbol, self._currency)

    def _done(self, instrument: Instrument, history: History, stored: int) -> None:
        if instrument.symbol not in self._catalogue:
            self._catalogue.add(instrument)
        metrics.BARS_STORED.inc(stored)
        for row in history.rejected:
            metrics.QUARANTINED.labels(row.reason).inc()
        self._log.info(
            "bars imported",
            symbol=instrument.symbol,
            stored=stored,
            refused=len(history.rejected),
        )


def _request_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(
            "BAD_REQUEST_ID", "request_id must be a UUID", field="request_id"
        ) from None


def _hash(request: data_service_pb2.ImportBarsRequest) -> bytes:
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
