"""Who calls the bridge: bearer tokens for programs, HttpOnly cookies for browsers.

A browser sends cookies also when another site made it call. Three things keep such calls out: the
cookies are SameSite=Strict, what changes something needs a header that other sites cannot send,
and an Origin must be this host or one that is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pi5.api.system.v1 import system_pb2
from pi5.domain.errors import Forbidden, Unauthenticated
from pi5.kit.settings import WebSettings
from pi5.kit.tokens import Caller, TokenIssuer
from starlette.requests import HTTPConnection
from starlette.responses import Response

ACCESS_COOKIE = "pi5_access"
REFRESH_COOKIE = "pi5_refresh"
REFRESH_PATH = "/auth"
REFRESH_TTL_S = 30 * 24 * 3_600
SAFE_VERBS = {"GET", "HEAD", "OPTIONS"}
PROOF_HEADER, PROOF = "x-requested-with", "pi5"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token and how it came."""

    token: str
    by_cookie: bool


def credentials(connection: HTTPConnection) -> Credentials:
    """Return what a call carries; who sends an authorization header is not given a cookie's."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        return Credentials(token.strip() if scheme.lower() == "bearer" else "", by_cookie=False)
    return Credentials(connection.cookies.get(ACCESS_COOKIE, ""), by_cookie=True)


def caller(issuer: TokenIssuer, given: Credentials) -> Caller:
    """Return who a token belongs to.

    Raises:
        Unauthenticated: TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED.
    """
    if not given.token:
        raise Unauthenticated("TOKEN_MISSING", "sign in, or send `authorization: Bearer <token>`")
    return issuer.verify(given.token)


def check_origin(headers: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Refuse pages of other hosts. Programs send no Origin and pass.

    Raises:
        Forbidden: FOREIGN_ORIGIN.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed:
        return
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        host = ""
    if not host or host.lower() != headers.get("host", "").lower():
        raise Forbidden(
            "FOREIGN_ORIGIN", "this page's origin is not allowed; see web.allowed_origins"
        )


def check_intent(verb: str, headers: Mapping[str, str]) -> None:
    """Refuse a cookie's call that changes something and that another site could have made.

    Raises:
        Forbidden: CSRF_HEADER_MISSING.
    """
    if verb not in SAFE_VERBS and headers.get(PROOF_HEADER) != PROOF:
        raise Forbidden(
            "CSRF_HEADER_MISSING", f"calls with a cookie need the header {PROOF_HEADER}: {PROOF}"
        )


def set_cookies(response: Response, tokens: system_pb2.TokenPair, settings: WebSettings) -> None:
    """Put a pair of tokens into cookies that no script can read."""
    secure = settings.secure_cookies or bool(settings.tls_certificate)
    for name, value, path, age_s in (
        (ACCESS_COOKIE, tokens.access_token, "/", tokens.expires_in_s),
        (REFRESH_COOKIE, tokens.refresh_token, REFRESH_PATH, REFRESH_TTL_S),
    ):
        if value:
            response.set_cookie(
                name,
                value,
                max_age=age_s,
                path=path,
                secure=secure,
                httponly=True,
                samesite="strict",
            )


def clear_cookies(response: Response) -> None:
    """Remove both cookies."""
    response.delete_cookie(ACCESS_COOKIE, path="/", httponly=True, samesite="strict")
    response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH, httponly=True, samesite="strict")
