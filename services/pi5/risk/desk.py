"""Changes of limits: merged over what holds, stored with their history, then in force."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import Any

from pi5.api.risk.v1 import risk_pb2
from pi5.api.risk.v1 import risk_service_pb2 as pb
from pi5.domain.errors import InvalidInput, Precondition
from pi5.domain.limits import EVERYTHING, Limits, LimitScope, Sizing
from pi5.kit.wire.times import timestamp
from pi5.risk.convert import limits_from, limits_to, scope_from, scope_to
from pi5.risk.gate import Gate
from pi5.risk.store import Request, StoredLimits

MOST_SCOPES = 1_000


def request_of(request: Any, method: str) -> Request | None:
    """Return the identity of an idempotent call; None when it carries no request_id.

    Raises:
        InvalidInput: BAD_REQUEST_ID.
    """
    if not request.request_id:
        return None
    try:
        identity = str(uuid.UUID(request.request_id))
    except ValueError:
        raise InvalidInput(
            "BAD_REQUEST_ID", "request_id must be a UUID", field="request_id"
        ) from None
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")
    digest = hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
    return Request(identity, method, digest)


class LimitDesk:
    """Knows the stored limits of every scope."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._stored: dict[LimitScope, StoredLimits] = {}
        self._changing = asyncio.Lock()

    def on_loaded(self, stored: list[StoredLimits]) -> None:
        """Take what the database has."""
        self._stored = {row.scope: row for row in stored}

    def every_scope(self) -> list[risk_pb2.ScopedLimits]:
        """Return the limits of every scope, the widest first."""
        own = self._stored.get(EVERYTHING, StoredLimits(EVERYTHING, Limits()))
        everything = StoredLimits(
            EVERYTHING,
            self._gate.engine.limits.everything,
            own.revision,
            own.changed_by,
            own.changed_at_ns,
        )
        rest = [row for scope, row in self._stored.items() if scope != EVERYTHING]
        rest.sort(key=lambda row: (row.scope.precedence, str(row.scope)))
        return [_message(row) for row in (everything, *rest)]

    async def update(self, request: pb.UpdateLimitsRequest, by: str) -> pb.UpdateLimitsResponse:
        """Change the limits of a scope; a repeated request_id has no second effect.

        Raises:
            InvalidInput: a limit is out of bounds or not held yet. TOO_MANY_SCOPES.
            Precondition: REVISION_CHANGED.
        """
        call = request_of(request, "UpdateLimits")
        async with self._changing:
            answered = await self._gate.store.answer(call)
            if answered is not None:
                return pb.UpdateLimitsResponse.FromString(answered)
            before = self._stored.get(scope_from(request.scope))
            row = self._merged(request, before, by)
            response = pb.UpdateLimitsResponse(limits=_message(row))
            await self._gate.store.save_limits(
                row,
                before.limits if before else None,
                request.reason,
                call,
                response.SerializeToString(),
            )
            self._stored[row.scope] = row
            self._gate.engine.set_limits(row.scope, row.limits)
            return response

    def _merged(
        self, request: pb.UpdateLimitsRequest, before: StoredLimits | None, by: str
    ) -> StoredLimits:
        scope = scope_from(request.scope)
        revision = before.revision if before else 0
        if request.revision and request.revision != revision:
            raise Precondition(
                "REVISION_CHANGED",
                f"these limits are at revision {revision}, not {request.revision}; read them again",
            )
        if before is None and len(self._stored) >= MOST_SCOPES:
            raise InvalidInput(
                "TOO_MANY_SCOPES", f"at most {MOST_SCOPES} scopes can have limits", field="scope"
            )
        holding = self._gate.engine.limits.resolve(scope.account, scope.strategy_id, scope.symbol)
        given = limits_from(request.limits, holding.limits.sizing or Sizing())
        limits = given.over(before.limits) if before else given
        return StoredLimits(scope, limits, revision + 1, by, self._gate.now_ns())


def _message(row: StoredLimits) -> risk_pb2.ScopedLimits:
    return risk_pb2.ScopedLimits(
        scope=scope_to(row.scope),
        limits=limits_to(row.limits),
        revision=row.revision,
        changed_by=row.changed_by,
        changed_at=timestamp(row.changed_at_ns),
    )
