"""Changes that are made once for each request id, in the transaction of the change itself."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message

from pi5.domain.errors import Conflict, InvalidInput
from pi5.kit.database import Connection
from pi5.system.database import Database

Answer = TypeVar("Answer", bound=Message)
_KEPT = "1 day"


class Once:
    """Keeps the answers to mutating calls for a day.

    Args:
        database: of the service.
        digest: keyed, because a request may hold a password that a plain hash would give away.
    """

    def __init__(self, database: Database, digest: Callable[[bytes], bytes]) -> None:
        self._database = database
        self._digest = digest

    async def do(
        self,
        request: Any,
        answer_type: type[Answer],
        change: Callable[[Connection[Any]], Awaitable[Answer]],
    ) -> tuple[Answer, bool]:
        """Make a change and return its answer, and whether it was made just now.

        Raises:
            InvalidInput: BAD_REQUEST_ID.
            Conflict: IDEMPOTENCY_KEY_REUSED.
        """
        method = request.DESCRIPTOR.name.removesuffix("Request")
        async with self._database.transaction() as connection:
            if not request.request_id:
                return await change(connection), True
            key, body = _key(request.request_id), self._body(request)
            fresh = await connection.fetchval(
                "INSERT INTO request (request_id, method, body_hash) VALUES ($1, $2, $3) "
                "ON CONFLICT DO NOTHING RETURNING true",
                key,
                method,
                body,
            )
            if not fresh:
                stored = await connection.fetchrow(
                    "SELECT method, body_hash, response FROM request WHERE request_id = $1", key
                )
                return _stored(stored, method, body, answer_type), False
            answer = await change(connection)
            await connection.execute(
                "UPDATE request SET response = $2 WHERE request_id = $1",
                key,
                answer.SerializeToString(),
            )
            await connection.execute(
                "DELETE FROM request WHERE created_at < now() - $1::text::interval", _KEPT
            )
            return answer, True

    def _body(self, request: Message) -> bytes:
        stripped = type(request)()
        stripped.CopyFrom(request)
        stripped.ClearField("request_id")
        return self._digest(stripped.SerializeToString(deterministic=True))


def _stored(found: Any, method: str, body: bytes, answer_type: type[Answer]) -> Answer:
    if found["method"] != method or found["body_hash"] != body:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "this request_id was used for another request; take a new one",
            field="request_id",
        )
    return answer_type.FromString(found["response"])


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidInput(
            "BAD_REQUEST_ID", "request_id must be a UUID", field="request_id"
        ) from None
