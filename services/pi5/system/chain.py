"""The audit log's hash chain: each entry's hash covers the one before it. Pure.

Any change, removal, insertion or exchange of entries breaks a hash behind it; cutting off the end
shows against the head, which is kept apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit entry as it is hashed; `time_us` in microseconds since 1970."""

    sequence: int
    time_us: int
    actor: str
    action: str
    subject: str
    outcome: str
    attributes: Mapping[str, str]


def entry_hash(previous: bytes, entry: Entry) -> bytes:
    """Return SHA-256 over the previous hash and the entry in a canonical form."""
    content = json.dumps(
        [
            entry.sequence, entry.time_us, entry.actor, entry.action, entry.subject, entry.outcome,
            sorted(entry.attributes.items()),
        ],
        ensure_ascii=True,
        separators=(",", ":"),
    )  # fmt: skip
    return hashlib.sha256(previous + content.encode()).digest()
