"""The bridge's application: which path leads where."""

from __future__ import annotations

from collections.abc import Callable

from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import Fault, Forbidden
from pi5.kit.clock import Clock
from pi5.kit.settings import Settings
from pi5.kit.tokens import TokenIssuer
from pi5.kit.version import version
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from pi5_web import auth, docs, errors, metrics
from pi5_web.api import Api
from pi5_web.live.hub import Hub
from pi5_web.static import StaticFiles

_PROGRESS_MAX_AGE_NS = 10_000_000_000


class Pulse:
    """Remembers when the event loop last came round, so that a stuck one can be told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat_ns = clock.monotonic_ns()

    def beat(self) -> None:
        """Note progress."""
        self._beat_ns = self._clock.monotonic_ns()

    def alive(self) -> bool:
        """Tell whether there was progress lately."""
        return self._clock.monotonic_ns() - self._beat_ns < _PROGRESS_MAX_AGE_NS


class App:
    """Dispatches requests and WebSockets."""

    def __init__(
        self,
        api: Api,
        hub: Hub,
        files: StaticFiles,
        pulse: Pulse,
        issuer: TokenIssuer,
        settings: Settings,
    ) -> None:
        self._api = api
        self._hub = hub
        self._files = files
        self._pulse = pulse
        self._issuer = issuer
        self._settings = settings
        self._open: dict[str, Callable[[], Response]] = {
            "/health": self._health,
            "/healthz": self._health,
            "/metrics": lambda: Response(metrics.own(), media_type="text/plain; version=0.0.4"),
            "/api/v1/openapi.json": lambda: Response(
                docs.document(), media_type="application/json"
            ),
            "/docs": lambda: Response(docs.page(), media_type="text/html"),
            "/docs/style.css": lambda: Response(docs.STYLE, media_type="text/css"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "websocket":
            await self._hub.serve(WebSocket(scope, receive, send))
            return
        request = Request(scope, receive, send)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"]
        if path in self._open and request.method in auth.SAFE_VERBS:
            request.scope["pi5.route"] = path
            return self._open[path]()
        if path == "/api/v1/system/metrics" and request.method in auth.SAFE_VERBS:
            request.scope["pi5.route"] = path
            return await self._all_metrics(request)
        if path.startswith(("/api/", "/auth/")):
            return await self._api.answer(request)
        request.scope["pi5.route"] = "static"
        return self._files.answer(request)

    def _health(self) -> Response:
        if self._pulse.alive():
            body = f'{{"status":"ok","version":"{version()}"}}'
            return Response(body, media_type="application/json")
        return errors.answer(503, "STUCK", "the event loop makes no progress")

    async def _all_metrics(self, request: Request) -> Response:
        try:
            caller = auth.caller(self._issuer, auth.credentials(request))
            if caller.role < options_pb2.ROLE_VIEWER:
                raise Forbidden("ROLE_TOO_LOW", "this needs the role viewer")
        except Fault as fault:
            return errors.of_fault(fault)
        text = await metrics.all_services(self._settings)
        return Response(text, media_type="text/plain; version=0.0.4")
