"""Every service can be listed, described and called by a client we did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pi5.api.common.v1 import options_pb2
from pi5.kit.clock import SystemClock
from pi5.kit.home import Home
from pi5.kit.tokens import TokenIssuer, load_or_create_key

from tests.running_system import RunningSystem

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CALLS = {
    "data": ("pi5.api.data.v1.MarketDataService/ListInstruments", {}, "instruments"),
    "strategy": ("pi5.api.strategy.v1.StrategyService/ListStrategies", {}, "strategies"),
    "risk": ("pi5.api.risk.v1.RiskService/GetRiskState", {}, "state"),
    "execution": ("pi5.api.execution.v1.ExecutionService/ListBrokers", {}, "brokers"),
    "portfolio": ("pi5.api.portfolio.v1.PortfolioService/GetSummary", {}, "summary"),
    "backtest": ("pi5.api.backtest.v1.BacktestService/ListBacktests", {}, None),
    "system": ("pi5.api.system.v1.HealthService/GetHealth", {}, "components"),
}


def binary(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is a development dependency"
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def token(system: RunningSystem) -> str:
    issuer = TokenIssuer(load_or_create_key(Home(system.home)), SystemClock())
    return "authorization: Bearer " + issuer.mint("e2e", options_pb2.ROLE_VIEWER, 60)


@pytest.mark.parametrize("service", CALLS)
def test_grpcurl_lists_describes_and_calls(system: RunningSystem, service: str) -> None:
    """grpcurl finds the services by reflection, describes one with its messages, and calls it."""
    if sys.platform != "linux" or not (Path(sys.executable).parent / "grpcurl").exists():
        pytest.skip("the grpcurl package has a binary for x86-64 Linux only")
    address = f"127.0.0.1:{system.ports[service]}"
    method, request, expected = CALLS[service]
    name = method.split("/")[0]
    assert name in run(binary("grpcurl"), "-plaintext", address, "list").split()
    described = run(binary("grpcurl"), "-plaintext", address, "describe", name)
    assert "rpc " in described
    answer = run(
        binary("grpcurl"),
        "-plaintext",
        "-H",
        token(system),
        "-d",
        json.dumps(request),
        address,
        method,
    )
    assert expected is None or expected in json.loads(answer)


@pytest.mark.parametrize("service", CALLS)
def test_buf_curl_calls_through_reflection(system: RunningSystem, service: str) -> None:
    """buf curl, a second foreign client, calls the same methods."""
    method, request, expected = CALLS[service]
    answer = run(
        binary("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-H", token(system),
        "-d", json.dumps(request), f"http://127.0.0.1:{system.ports[service]}/{method}",
    )  # fmt: skip
    assert expected is None or expected in json.loads(answer)


def test_a_planned_method_says_so(system: RunningSystem) -> None:
    """What the contract marks as planned answers UNIMPLEMENTED."""
    method = "pi5.api.backtest.v1.OptimizationService/ListOptimizations"
    found = subprocess.run(
        [
            binary("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "-H", token(system), "-d", "{}",
            f"http://127.0.0.1:{system.ports['backtest']}/{method}",
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "unimplemented" in (found.stdout + found.stderr)
