"""Opaque page tokens: the key of the last row, so that lists stay right while rows are added."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from pi5.domain.errors import InvalidInput


def page_size(asked: int, default: int = 100, most: int = 500) -> int:
    """Return how many rows to give."""
    return min(asked or default, most)


def write_token(key: list[Any]) -> str:
    """Return a token for the key of the last row."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_token(token: str, length: int) -> list[Any] | None:
    """Read a token back; None for the first page.

    Raises:
        InvalidInput: BAD_PAGE_TOKEN.
    """
    if not token:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or len(key) != length:
        raise InvalidInput(
            "BAD_PAGE_TOKEN", "page_token is not one that this list gave", field="page_token"
        )
    return key
