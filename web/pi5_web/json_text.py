"""Reading of JSON text from outside: strict, exact, and never a crash.

Numbers with a fraction keep the digits they were written with, so a decimal is never rounded
through a binary float. Repeated keys, NaN, broken UTF-8 and endless nesting are refused.
"""

from __future__ import annotations

import json
from typing import Any

from pi5.domain.errors import InvalidInput


class Number(str):
    """A number with fraction or exponent, as it was written."""

    __slots__ = ()


def parse(body: bytes) -> Any:
    """Parse a body; an empty one is an empty object.

    Raises:
        InvalidInput: BAD_JSON, TOO_DEEP.
    """
    if not body.strip():
        return {}
    try:
        return json.loads(
            body.decode(), parse_float=Number, parse_constant=_refuse, object_pairs_hook=_once
        )
    except RecursionError:
        raise InvalidInput("TOO_DEEP", "the JSON is nested too deep") from None
    except UnicodeDecodeError:
        raise InvalidInput("BAD_JSON", "the body is not UTF-8 text") from None
    except ValueError as error:
        raise InvalidInput("BAD_JSON", f"the body is not valid JSON: {error}"[:200]) from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not allowed")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object repeats a key")
    return content
