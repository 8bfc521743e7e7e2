"""HealthService: asks every service and store how it is."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pi5.api.execution.v1 import execution_pb2, execution_service_pb2, execution_service_pb2_grpc
from pi5.api.system.v1 import health_service_pb2 as pb
from pi5.api.system.v1 import health_service_pb2_grpc, system_pb2
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.database import LOST, Pool
from pi5.kit.home import Home
from pi5.kit.settings import GRPC_SERVICES, Settings
from pi5.kit.version import version
from pi5.kit.wire.times import timestamp

Rpc = grpc.aio.ServicerContext[Any, Any]
TIMEOUT_S = 1.5
_SERVING = health_pb2.HealthCheckResponse.SERVING
_RANK = [
    system_pb2.COMPONENT_STATE_HEALTHY,
    system_pb2.COMPONENT_STATE_DEGRADED,
    system_pb2.COMPONENT_STATE_STARTING,
    system_pb2.COMPONENT_STATE_DOWN,
]
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 when it is not there."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _started(supervised: dict[str, Any]) -> Timestamp | None:
    """Return when the supervisor started a process; None when it did not."""
    started = Timestamp()
    try:
        started.FromJsonString(str(supervised.get("started_at", "")))
    except ValueError:
        return None
    return started


class HealthServicer(health_service_pb2_grpc.HealthServiceServicer):
    """Answers HealthService."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        clock: Clock,
        pool: Pool[Any],
        peers: Mapping[str, Peer],
    ) -> None:
        self._home = home
        self._settings = settings
        self._clock = clock
        self._pool = pool
        self._peers = peers
        self._started_at_ns = clock.now_ns()

    async def GetHealth(self, request: pb.GetHealthRequest, context: Rpc) -> Any:
        supervised = self._supervised()
        components = await asyncio.gather(
            *(self._service(name, supervised.get(name, {})) for name in GRPC_SERVICES),
            self._web(supervised.get("web", {})),
            self._database(),
        )
        worst = max(components, key=lambda component: _RANK.index(component.state))
        return pb.GetHealthResponse(
            state=worst.state,
            components=sorted(components, key=lambda component: component.name),
            time=timestamp(self._clock.now_ns()),
        )

    async def GetStatus(self, request: pb.GetStatusRequest, context: Rpc) -> Any:
        pids = [entry.get("pid", 0) for entry in self._supervised().values()]
        warnings = []
        try:
            size = await self._pool.fetchval("SELECT pg_database_size(current_database())")
        except LOST:
            size = 0
            warnings.append("the database does not answer")
        return pb.GetStatusResponse(
            version=version(),
            started_at=timestamp(self._started_at_ns),
            environment=self._settings.system.environment,
            memory_bytes=sum(resident_bytes(pid) for pid in pids),
            database_bytes=size,
            host=socket.gethostname(),
            warnings=warnings,
        )

    async def ListCircuitBreakers(
        self, request: pb.ListCircuitBreakersRequest, context: Rpc
    ) -> Any:
        peer = self._peers["execution"]
        stub = execution_service_pb2_grpc.ExecutionServiceStub(peer.channel)
        answer = await stub.ListBrokers(
            execution_service_pb2.ListBrokersRequest(), metadata=peer.metadata(), timeout=TIMEOUT_S
        )
        return pb.ListCircuitBreakersResponse(
            circuit_breakers=[
                system_pb2.CircuitBreaker(
                    name=f"broker {broker.name}",
                    service="execution",
                    state=execution_pb2.BreakerState.Name(broker.breaker)
                    .removeprefix("BREAKER_STATE_")
                    .lower(),
                )
                for broker in answer.brokers
            ]
        )

    def _supervised(self) -> dict[str, dict[str, Any]]:
        """Return what the supervisor wrote of its processes; empty when it does not run."""
        try:
            text = (self._home.run / "supervisor.json").read_text(encoding="utf-8")
            services = json.loads(text)["services"]
        except (OSError, ValueError, KeyError):
            return {}
        return services if isinstance(services, dict) else {}

    async def _service(self, name: str, supervised: dict[str, Any]) -> system_pb2.ComponentHealth:
        began = self._clock.monotonic_ns()
        state, detail = system_pb2.COMPONENT_STATE_HEALTHY, ""
        stub = health_pb2_grpc.HealthStub(self._peers[name].channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
            if answer.status != _SERVING:
                state = system_pb2.COMPONENT_STATE_STARTING
                detail = "runs, but cannot do its work yet; its log says why"
        except grpc.aio.AioRpcError as error:
            state = system_pb2.COMPONENT_STATE_DOWN
            detail = f"does not answer ({error.code().name.lower()})"
        pid = int(supervised.get("pid") or 0)
        return system_pb2.ComponentHealth(
            name=name,
            state=state,
            detail=detail,
            latency_ms=(self._clock.monotonic_ns() - began) / 1e6,
            version=version(),
            restarts=int(supervised.get("restarts") or 0),
            pid=pid,
            memory_bytes=resident_bytes(pid),
        )

    async def _web(self, supervised: dict[str, Any]) -> system_pb2.ComponentHealth:
        """Knock at the bridge's port: it is the one service without gRPC."""
        web = self._settings.web
        host = "127.0.0.1" if web.host in {"0.0.0.0", "::"} else web.host  # noqa: S104
        began = self._clock.monotonic_ns()
        state, detail = system_pb2.COMPONENT_STATE_HEALTHY, ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, web.port)
                writer.close()
        except (OSError, TimeoutError):
            state, detail = system_pb2.COMPONENT_STATE_DOWN, "does not answer"
        pid = int(supervised.get("pid") or 0)
        return system_pb2.ComponentHealth(
            name="web",
            state=state,
            detail=detail,
            latency_ms=(self._clock.monotonic_ns() - began) / 1e6,
            version=version(),
            restarts=int(supervised.get("restarts") or 0),
            pid=pid,
            memory_bytes=resident_bytes(pid),
        )

    async def _database(self) -> system_pb2.ComponentHealth:
        began = self._clock.monotonic_ns()
        state, detail, release = system_pb2.COMPONENT_STATE_HEALTHY, "", ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                release = await self._pool.fetchval("SHOW server_version")
        except LOST as error:
            state = system_pb2.COMPONENT_STATE_DOWN
            detail = f"does not answer ({type(error).__name__})"
        return system_pb2.ComponentHealth(
            name="database",
            state=state,
            detail=detail,
            latency_ms=(self._clock.monotonic_ns() - began) / 1e6,
            version=release,
        )
