"""One run in a process of its own: a plug-in that hangs, leaks or dies takes nothing with it.

Reads the spec from standard input, fetches instruments and bars from the data service, plays them,
and writes its progress and at last the outcome to standard output: `Backtest` messages, each with
its length in four bytes before it. Ending the process ends the run.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import grpc

from pi5.api.backtest.v1 import backtest_pb2
from pi5.api.common.v1 import trading_pb2
from pi5.api.data.v1 import data_service_pb2
from pi5.api.data.v1.data_service_pb2_grpc import MarketDataServiceStub
from pi5.backtest.convert import instrument_from, result_to, spec_from
from pi5.backtest.engine import Simulation
from pi5.backtest.frames import LENGTH
from pi5.backtest.spec import Spec
from pi5.domain.errors import Fault, Unavailable
from pi5.domain.instrument import Instrument
from pi5.domain.limits import Limits
from pi5.domain.market import Bar
from pi5.kit.client import target_of
from pi5.kit.clock import SystemClock
from pi5.kit.config import load_settings
from pi5.kit.home import Home, open_home
from pi5.kit.lifecycle import die_with_parent
from pi5.kit.server import MAX_MESSAGE_BYTES
from pi5.kit.settings import Settings
from pi5.kit.tokens import ServiceToken, TokenIssuer, load_or_create_key
from pi5.kit.wire.market import events_from
from pi5.kit.wire.times import time_ns, timestamp
from pi5.strategy.loader import load_catalog

_TIMEOUT_S = 10.0


class DataService:
    """History of the data service, read synchronously: the worker does nothing else meanwhile."""

    def __init__(self, home: Home, settings: Settings) -> None:
        clock = SystemClock()
        issuer = TokenIssuer(load_or_create_key(home), clock)
        self._token = ServiceToken(issuer, clock, "backtest")
        self._channel = grpc.insecure_channel(
            target_of("data", home, settings),
            options=[("grpc.max_receive_message_length", 4 * MAX_MESSAGE_BYTES)],
        )
        # The stubs are typed for asyncio; over this channel the same calls are synchronous.
        self._stub: Any = MarketDataServiceStub(cast("Any", self._channel))

    def instruments(self, symbols: tuple[str, ...]) -> dict[str, Instrument]:
        """Return the instruments by symbol."""
        return {
            symbol: instrument_from(
                self._stub.GetInstrument(
                    data_service_pb2.GetInstrumentRequest(symbol=symbol),
                    metadata=self._metadata(),
                    timeout=_TIMEOUT_S,
                ).instrument
            )
            for symbol in symbols
        }

    def last_time_ns(self, spec: Spec) -> int:
        """Return when the newest bar of the run begins; 0 when there is none."""
        newest = [0]
        for symbol in spec.symbols:
            answer = self._stub.ListBars(
                data_service_pb2.ListBarsRequest(
                    symbol=symbol,
                    timeframe=trading_pb2.Timeframe.ValueType(spec.timeframe),
                    end_time=timestamp(spec.end_ns),
                    page_size=1,
                    newest=True,
                ),
                metadata=self._metadata(),
                timeout=_TIMEOUT_S,
            )
            newest.extend(time_ns(bar.time) for bar in answer.bars)
        return max(newest)

    def bars(self, spec: Spec) -> Iterator[Bar]:
        """Yield the bars of all symbols in time order."""
        stream = self._stub.StreamBars(
            data_service_pb2.StreamBarsRequest(
                symbols=spec.symbols,
                timeframe=trading_pb2.Timeframe.ValueType(spec.timeframe),
                start_time=timestamp(spec.start_ns),
                end_time=timestamp(spec.end_ns),
            ),
            metadata=self._metadata(),
        )
        for answer in stream:
            yield from events_from(answer.batch).bars

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", self._token.header()),)


class Report:
    """Writes messages to the service that started the worker."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def __call__(self, message: backtest_pb2.Backtest) -> None:
        """Write one message."""
        body = message.SerializeToString()
        self._pipe.write(LENGTH.pack(len(body)) + body)
        self._pipe.flush()


def play(spec: Spec, home: Home, settings: Settings, report: Report) -> None:
    """Play a run and report it."""
    data = DataService(home, settings)
    folders = [home.strategies, *(Path(f).expanduser() for f in settings.strategy.folders)]
    strategy = load_catalog(folders).strategy(spec.strategy_type)
    simulation = Simulation(spec, strategy, data.instruments(spec.symbols))
    last_ns = data.last_time_ns(spec)
    first_ns = 0

    def tell(bars: int, reached_ns: int) -> bool:
        nonlocal first_ns
        first_ns = first_ns or reached_ns
        whole = last_ns - first_ns
        share = min(max((reached_ns - first_ns) / whole, 0.0), 1.0) if whole > 0 else 0.0
        report(
            backtest_pb2.Backtest(state=backtest_pb2.RUN_STATE_RUNNING, bars=bars, progress=share)
        )
        return True

    result = simulation.run(data.bars(spec), tell)
    report(
        backtest_pb2.Backtest(
            state=backtest_pb2.RUN_STATE_SUCCEEDED,
            bars=result.bars,
            progress=1.0,
            result=result_to(result),
        )
    )


def main() -> int:
    """Run what standard input says; 0 when it succeeded."""
    die_with_parent()
    # What a plug-in prints must not get into the messages.
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    report = Report(pipe)
    try:
        message = backtest_pb2.BacktestSpec.FromString(sys.stdin.buffer.read())
        home = open_home()
        play(spec_from(message, Limits()), home, load_settings(home), report)
    except Fault as fault:
        return _failed(report, fault.message)
    except grpc.RpcError as error:
        reason = Unavailable("DATA_UNAVAILABLE", f"the data service failed: {error.details()}")
        return _failed(report, reason.message)
    except Exception as error:  # noqa: BLE001 - whatever it was, the run ends with its sentence
        traceback.print_exc()
        return _failed(report, f"the run ended with {type(error).__name__}: {error}")
    return 0


def _failed(report: Report, reason: str) -> int:
    report(backtest_pb2.Backtest(state=backtest_pb2.RUN_STATE_FAILED, error=reason))
    return 1


if __name__ == "__main__":
    sys.exit(main())
