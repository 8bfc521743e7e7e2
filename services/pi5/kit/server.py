"""A gRPC server as every service runs it: socket and loopback port, health, reflection, drain."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from pi5.domain.errors import ConfigurationFault
from pi5.kit.guard import Guard

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", 4 * MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.max_ping_strikes", 0),
]

Registration = tuple[Callable[[Any, grpc.aio.Server], None], Any]


class GrpcServer:
    """One service's server.

    Args:
        registrations: pairs of generated `add_…Servicer_to_server` and the servicer.
        names: full names of the services, for reflection and health.
        guard: the interceptor that authorises, validates, measures and maps faults.
    """

    def __init__(
        self, registrations: Sequence[Registration], names: Sequence[str], guard: Guard
    ) -> None:
        self._server = grpc.aio.server(interceptors=[guard], options=_OPTIONS)
        self._health = HealthServicer()
        self._names = list(names)
        for add, servicer in registrations:
            add(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [
                *names,
                reflection.SERVICE_NAME,
                health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,
            ],
            self._server,
        )
        self._socket: Path | None = None
        self._inode = 0

    async def start(self, socket: Path, port: int) -> int:
        """Listen on a unix socket and, unless `port` is negative, on loopback.

        Returns:
            The TCP port; 0 where there is none.

        Raises:
            ConfigurationFault: PORT_TAKEN.
        """
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()
        self._socket = socket
        self._server.add_insecure_port(f"unix:{socket}")
        bound = 0
        if port > 0:
            try:
                bound = self._server.add_insecure_port(f"127.0.0.1:{port}")
            except RuntimeError:
                bound = 0
            if not bound:
                raise ConfigurationFault(
                    "PORT_TAKEN",
                    f"port {port} is taken by another program; stop it, or choose another with "
                    "services.<name>.port in pi5.yaml",
                )
        await self.set_ready(False)
        await self._server.start()
        socket.chmod(0o600)
        self._inode = socket.stat().st_ino
        return bound

    async def set_ready(self, ready: bool) -> None:
        """Say through gRPC health whether the service can do its work."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if ready
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in ["", *self._names]:
            await self._health.set(name, status)

    async def stop(self, grace_s: float) -> None:
        """Say NOT_SERVING, let calls end for `grace_s`, then stop."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        if self._socket is not None:
            with contextlib.suppress(FileNotFoundError):
                if self._socket.stat().st_ino == self._inode:  # not a successor's
                    self._socket.unlink()
