"""uvicorn inside our own process life: our signals, our socket, and a deadline for slow senders."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from pi5.domain.errors import ConfigurationFault
from pi5.kit.settings import WebSettings
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEADERS_WITHIN_S = 10.0
CLOSE_WITHIN_S = 2.0
MESSAGE_BYTES_MAX = 16 * 1024
_CONNECTIONS_MAX = 500
_BACKLOG = 256
_DRAIN_S = 2


class PunctualProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers do not arrive in time.

    uvicorn times out only between requests, so a client that sends one byte a minute would hold
    its connection for ever.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin waiting for the first request."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._headers_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin waiting for the headers of a further request."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect_headers()

    def on_headers_complete(self) -> None:
        """Stop waiting."""
        self._headers_came()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_WITHIN_S, self._give_up)

    def _headers_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.abort()


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Lets go of a peer that does not read: closing alone would wait for it for ever."""

    async def run_asgi(self) -> None:
        """Serve, then give what is still unsent a moment."""
        await super().run_asgi()
        self.loop.call_later(CLOSE_WITHIN_S, self._let_go)

    def _let_go(self) -> None:
        transport = self.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(settings: WebSettings) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationFault: PORT_TAKEN.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise ConfigurationFault(
            "PORT_TAKEN",
            f"port {settings.port} is taken by another program, or {settings.host} is no address "
            "of this machine; stop that program, or change web.port in pi5.yaml",
        ) from None
    listener.setblocking(False)
    return listener


def build(app: ASGIApp, settings: WebSettings) -> Server:
    """Return a server for an application.

    Raises:
        ConfigurationFault: TLS_UNREADABLE.
    """
    config = uvicorn.Config(
        app,
        loop="none",
        http=PunctualProtocol,
        ws=BoundedWebSocket,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_max_queue=8,
        # Deflate costs some 300 kB a client; the messages are small and the network is local.
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_DRAIN_S,
        ssl_certfile=settings.tls_certificate or None,
        ssl_keyfile=settings.tls_key or None,
    )
    try:
        config.load()
    except OSError as error:
        raise ConfigurationFault(
            "TLS_UNREADABLE",
            f"web.tls_certificate or web.tls_key cannot be used: {error}",
        ) from None
    return Server(config)
