"""Access tokens: JWTs signed with one key that only this installation's processes can read.

The algorithm, issuer and audience are pinned. People get theirs from the identity service,
processes mint their own, and `pi5 token` prints one for the owner of the key file.
"""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import jwt

from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import ConfigurationFault, Unauthenticated
from pi5.kit.clock import Clock
from pi5.kit.home import Home

ALGORITHM = "HS256"
ISSUER = "pi5"
AUDIENCE = "pi5"
ACCESS_TTL_S = 900
SERVICE_TTL_S = 3_600
_CACHE_SIZE = 256

Role = options_pb2.Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a user's or service's name, the role, and the session where there is one."""

    subject: str
    role: options_pb2.Role.ValueType
    session: str = ""
    expires_at_s: int = 0


def load_or_create_key(home: Home) -> bytes:
    """Return the signing key, making it on first use; safe when several processes start at once."""
    path = home.token_key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_key(path)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(64))
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    for _ in range(1_000):  # another process may be writing the 64 bytes just now
        key = path.read_bytes()
        if len(key) == 64:
            return key
    raise ConfigurationFault(
        "TOKEN_KEY_DAMAGED",
        f"{path} is damaged; delete it and start again (everybody signs in anew)",
    )


class TokenIssuer:
    """Mints and verifies tokens."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._verified: OrderedDict[str, Caller] = OrderedDict()

    def mint(
        self, subject: str, role: options_pb2.Role.ValueType, ttl_s: int, session: str = ""
    ) -> str:
        """Return a signed token for a user or service."""
        now = self._clock.now_ns() // 1_000_000_000
        return jwt.encode(
            {
                "iss": ISSUER,
                "aud": AUDIENCE,
                "typ": "access",
                "sub": subject,
                "role": Role.Name(role),
                "sid": session,
                "iat": now,
                "exp": now + ttl_s,
            },
            self._key,
            algorithm=ALGORITHM,
        )

    def verify(self, token: str) -> Caller:
        """Return who a token belongs to.

        Raises:
            Unauthenticated: TOKEN_EXPIRED or TOKEN_INVALID.
        """
        now = self._clock.now_ns() // 1_000_000_000
        caller = self._verified.get(token)
        if caller is None:
            caller = self._decode(token)
            self._verified[token] = caller
            if len(self._verified) > _CACHE_SIZE:
                self._verified.popitem(last=False)
        if caller.expires_at_s <= now:
            raise Unauthenticated("TOKEN_EXPIRED", "the access token has expired; refresh it")
        return caller

    def _decode(self, token: str) -> Caller:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": ["exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            if claims.get("typ") != "access":
                raise Unauthenticated("TOKEN_INVALID", "this is not an access token")
            role = Role.Value(claims["role"])
        except (jwt.PyJWTError, KeyError, ValueError):
            raise Unauthenticated("TOKEN_INVALID", "the access token is not valid") from None
        return Caller(claims["sub"], role, claims.get("sid", ""), int(claims["exp"]))


class ServiceToken:
    """A process's own token, renewed before it ends."""

    def __init__(self, issuer: TokenIssuer, clock: Clock, service: str) -> None:
        self._issuer = issuer
        self._clock = clock
        self._service = service
        self._token = ""
        self._renew_at_ns = 0

    def header(self) -> str:
        """Return the value of the authorization header."""
        now = self._clock.now_ns()
        if now >= self._renew_at_ns:
            self._token = self._issuer.mint(self._service, Role.ROLE_SERVICE, SERVICE_TTL_S)
            self._renew_at_ns = now + (SERVICE_TTL_S // 2) * 1_000_000_000
        return f"Bearer {self._token}"
