"""The outermost layer: who may connect at all, request ids, security headers, metrics, last resort.

Plain ASGI, because it also wraps the WebSocket and must cost next to nothing.
"""

from __future__ import annotations

import re
from typing import Any

from pi5.kit.clock import Clock, new_id
from pi5.kit.log import Logger, correlation_id
from pi5.kit.settings import WebSettings
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pi5_web import errors, metrics
from pi5_web.limits import is_near

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, settings: WebSettings, clock: Clock, log: Logger) -> None:
        self._app = app
        self._lan_only = settings.lan_only
        self._clock = clock
        self._log = log
        shown = SECURITY_HEADERS | (_HSTS if settings.tls_certificate else {})
        self._headers = [(k.lower().encode(), v.encode()) for k, v in shown.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request or WebSocket."""
        correlation_id.set(_request_id(scope))
        if self._lan_only and not is_near((scope.get("client") or ("127.0.0.1", 0))[0]):
            await self._refuse(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "outside the network"})
            return
        text = "only clients of the local network may connect; see web.lan_only"
        await errors.answer(403, "OUTSIDE_NETWORK", text)(scope, receive, self._with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._clock.monotonic_ns()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await outward(message)

        outward = self._with_headers(send)
        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the last resort: no text of it leaves the house
            self._log.error("unforeseen exception", path=scope["path"], exc_info=error)
            text = f"something went wrong inside; the log has it under {correlation_id.get()}"
            await errors.answer(500, "INTERNAL", text)(scope, receive, outward)
        finally:
            route = scope.get("pi5.route", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            metrics.REQUESTS.labels(route, method, status).inc()
            seconds = (self._clock.monotonic_ns() - started) / 1e9
            metrics.REQUEST_SECONDS.labels(route).observe(seconds)

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[Any] = list(message.get("headers", []))
                headers += self._headers
                headers.append((b"x-request-id", correlation_id.get().encode()))
                message = {**message, "headers": headers}
            await send(message)

        return sending


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            return text if _REQUEST_ID.fullmatch(text) else new_id()
    return new_id()
