"""REST: from an HTTP request to a gRPC call and back."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import grpc
import msgspec
from google.protobuf.message import Message
from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import Exhausted, Fault, InvalidInput, Unauthenticated
from pi5.kit.client import Peer
from pi5.kit.clock import Clock
from pi5.kit.log import correlation_id
from pi5.kit.settings import WebSettings
from pi5.kit.tokens import TokenIssuer
from starlette.requests import Request
from starlette.responses import Response

from pi5_web import auth, codec, errors, json_text, metrics
from pi5_web.limits import RateLimit, plain_address
from pi5_web.routes import Route, RouteTable

BODY_BYTES_MAX = 4 * 1024 * 1024
BODY_WITHIN_S = 10.0
CALL_WITHIN_S = 10.0
_QUERY_FIELDS_MAX = 200
_IDENTITY = "/pi5.api.system.v1.IdentityService/"
_SIGN_IN = {_IDENTITY + "Login", _IDENTITY + "SetUpAdmin"}
_REFRESH = _IDENTITY + "RefreshTokens"
_LOGOUT = _IDENTITY + "Logout"
_GIVES_TOKENS = {*_SIGN_IN, _REFRESH}


class Api:
    """Answers the calls below /api/v1 and /auth."""

    def __init__(
        self,
        table: RouteTable,
        peers: dict[str, Peer],
        issuer: TokenIssuer,
        settings: WebSettings,
        clock: Clock,
    ) -> None:
        self._table = table
        self._peers = peers
        self._issuer = issuer
        self._settings = settings
        self._calls = RateLimit(settings.requests_per_minute, clock)
        self._sign_ins = RateLimit(max(10, settings.requests_per_minute // 5), clock)

    async def answer(self, request: Request) -> Response:
        """Answer one call; every failure becomes an error in the one shape."""
        headers: dict[str, str] = {}
        route: Route | None = None
        try:
            route, variables = self._find(request, headers)
            given = self._admit(request, route, headers)
            message = await self._read(request, route, variables)
            response = await self._call(request, route, message, given)
        except Fault as fault:
            response = errors.of_fault(fault)
        except grpc.aio.AioRpcError as error:
            assert route is not None
            response = errors.of_call(error, route.service)
        if route is not None:
            self._forget_session(route, response)
        response.headers.update(headers)
        return response

    def _find(self, request: Request, headers: dict[str, str]) -> tuple[Route, dict[str, str]]:
        raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
        try:
            found = self._table.find(request.method, raw_path.decode("latin-1"))
        except Fault:
            self._throttle(f"address:{_address(request)}", self._calls, "calls", headers)
            raise
        request.scope["pi5.route"] = found[0].path
        return found

    def _admit(self, request: Request, route: Route, headers: dict[str, str]) -> auth.Credentials:
        """Refuse foreign pages, unknown callers and those who call too often."""
        given = auth.credentials(request)
        client = f"address:{_address(request)}"
        refusal: Fault | None = None
        try:
            self._check_browser(request, route, given)
            if route.rules.role != options_pb2.ROLE_PUBLIC:
                client = f"user:{auth.caller(self._issuer, given).subject}"
        except Fault as fault:
            refusal = fault
        if route.grpc_path in _SIGN_IN:
            self._throttle(client, self._sign_ins, "sign_ins", headers)
        elif refusal is not None or not route.rules.rate_limit_exempt:
            self._throttle(client, self._calls, "calls", headers)
        if refusal is not None:
            raise refusal
        return given

    def _check_browser(self, request: Request, route: Route, given: auth.Credentials) -> None:
        if request.method in auth.SAFE_VERBS:
            return
        auth.check_origin(request.headers, self._settings.allowed_origins)
        uses_cookie = given.by_cookie and given.token and route.grpc_path not in _SIGN_IN
        if uses_cookie or (auth.REFRESH_COOKIE in request.cookies and route.grpc_path == _REFRESH):
            auth.check_intent(request.method, request.headers)

    def _throttle(self, client: str, limit: RateLimit, name: str, headers: dict[str, str]) -> None:
        allowance = limit.take(client)
        headers.update(allowance.headers())
        if allowance.allowed:
            return
        metrics.THROTTLED.labels(name).inc()
        raise Exhausted(
            "RATE_LIMITED",
            f"at most {allowance.limit} calls a minute; halting and canceling are always possible",
            retry_after_s=allowance.wait_s,
        )

    async def _read(self, request: Request, route: Route, variables: dict[str, str]) -> Message:
        """Build the request message from path, query and body."""
        message = route.request()
        if route.body:
            content = json_text.parse(await read_body(request))
            if route.body == "*":
                codec.read_into(message, content, "", 0)
            else:
                target = getattr(message, route.body)
                target.SetInParent()
                codec.read_into(target, content, "", 0)
        if route.body != "*":
            _read_query(message, request.scope["query_string"])
        for name, value in variables.items():
            codec.set_from_text(message, name, [value])
        self._add_header_values(request, route, message)
        return message

    def _add_header_values(self, request: Request, route: Route, message: Any) -> None:
        key = request.headers.get("idempotency-key", "")
        if key and "request_id" in message.DESCRIPTOR.fields_by_name and not message.request_id:
            codec.set_from_text(message, "request_id", [key])
        if route.grpc_path == _REFRESH and not message.refresh_token:
            message.refresh_token = request.cookies.get(auth.REFRESH_COOKIE, "")
            if not message.refresh_token:
                raise Unauthenticated("TOKEN_MISSING", "there is no session to refresh; sign in")

    async def _call(
        self, request: Request, route: Route, message: Message, given: auth.Credentials
    ) -> Response:
        peer = self._peers[route.service]
        call = peer.channel.unary_unary(
            route.grpc_path,
            request_serializer=route.request.SerializeToString,
            response_deserializer=route.response.FromString,
        )
        reply: Any = await call(
            message, metadata=self._metadata(request, route, peer, given), timeout=CALL_WITHIN_S
        )
        shown = getattr(reply, route.response_body) if route.response_body else reply
        response = Response(
            msgspec.json.encode(codec.to_json(shown)), media_type="application/json"
        )
        response.headers["Cache-Control"] = "no-store"
        if route.grpc_path in _GIVES_TOKENS:
            auth.set_cookies(response, reply.tokens, self._settings)
        return response

    def _metadata(
        self, request: Request, route: Route, peer: Peer, given: auth.Credentials
    ) -> tuple[tuple[str, str], ...]:
        """Public methods are called in the bridge's name, which may vouch for the address."""
        if route.rules.role == options_pb2.ROLE_PUBLIC:
            return (*peer.metadata(), ("x-client-address", _address(request)))
        token = ("authorization", f"Bearer {given.token}")
        return (token, ("x-correlation-id", correlation_id.get()))

    def _forget_session(self, route: Route, response: Response) -> None:
        """Remove the cookies of a session that has ended."""
        ended = route.grpc_path == _LOGOUT and response.status_code in {200, 401}
        if ended or (route.grpc_path == _REFRESH and response.status_code == 401):
            auth.clear_cookies(response)


def _address(request: Request) -> str:
    return plain_address(request.client.host) if request.client else "local"


def _read_query(message: Message, query: bytes) -> None:
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_QUERY_FIELDS_MAX,
        )
    except ValueError as error:
        raise InvalidInput("BAD_QUERY", f"the query cannot be read: {error}"[:200]) from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    for name, texts in values.items():
        codec.set_from_text(message, name, texts)


async def read_body(request: Request) -> bytes:
    """Read a request's body within its limits of size and time.

    Raises:
        Refusal: 413 BODY_TOO_LARGE, 408 BODY_TOO_SLOW, 415 NOT_JSON.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > BODY_BYTES_MAX:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > BODY_BYTES_MAX:
                    raise _too_large()
                chunks.append(chunk)
    except TimeoutError:
        text = f"the body did not arrive within {BODY_WITHIN_S:.0f} s"
        raise errors.Refusal(408, "BODY_TOO_SLOW", text) from None
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if size and kind.lower() != "application/json":
        raise errors.Refusal(415, "NOT_JSON", "send the body as application/json")
    return b"".join(chunks)


def _too_large() -> errors.Refusal:
    return errors.Refusal(413, "BODY_TOO_LARGE", f"the body is over {BODY_BYTES_MAX} bytes")
