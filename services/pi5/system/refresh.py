"""Refresh tokens: a session, a generation, and a MAC over both that only we can make.

The next token follows from the present one, so a browser whose two tabs refresh at once, or whose
answer got lost, is given the same next token twice instead of being signed out. And an old token is
known to be genuine however old it is, so its reuse always ends the session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

_PURPOSE = b"pi5 refresh tokens"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A genuine token taken apart."""

    session_id: str
    generation: int


class RefreshTokens:
    """Makes and reads refresh tokens.

    >>> tokens = RefreshTokens(b"key")
    >>> tokens.read(tokens.make("5b1", 7))
    RefreshToken(session_id='5b1', generation=7)
    >>> tokens.read("5b1.8.AAAA") is None
    True
    """

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _PURPOSE, hashlib.sha256)

    def make(self, session_id: str, generation: int) -> str:
        """Return the token of a generation; the same each time."""
        head = f"{session_id}.{generation}"
        mac = hmac.digest(self._key, head.encode(), hashlib.sha256)
        return f"{head}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def read(self, token: str) -> RefreshToken | None:
        """Take a token apart; None for one that was not made here."""
        session_id, _, rest = token.partition(".")
        generation = rest.partition(".")[0]
        if not (generation.isascii() and generation.isdecimal() and len(generation) < 10):
            return None
        made = self.make(session_id, int(generation))
        if not hmac.compare_digest(made.encode(), token.encode("utf-8", "replace")):
            return None
        return RefreshToken(session_id, int(generation))

    def digest(self, content: bytes) -> bytes:
        """Return a keyed digest, for requests that hold a password."""
        return hmac.digest(self._key, content, hashlib.sha256)
