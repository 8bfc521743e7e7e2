"""Sends what people do to risk to the audit log; in the background, because it must not wait.

The change itself is already durable here (limits with their history, the mode in file and
database), so an entry that cannot be delivered is retried for a while and then given up, loudly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import grpc

from pi5.api.system.v1 import audit_service_pb2, audit_service_pb2_grpc, system_pb2
from pi5.kit.client import Peer
from pi5.kit.log import Logger
from pi5.kit.metrics import QUEUE_DROPPED

MOST_WAITING = 100
MOST_TRIES = 8
_FIRST_DELAY_S, _LAST_DELAY_S, _TIMEOUT_S = 0.5, 30.0, 2.0
_QUEUE = "risk-audit"


class AuditTrail:
    """A bounded queue of entries for the audit service."""

    def __init__(self, system: Peer, log: Logger) -> None:
        self._system = system
        self._log = log
        self._waiting: asyncio.Queue[system_pb2.AuditEntry] = asyncio.Queue(MOST_WAITING)

    def record(
        self,
        actor: str,
        action: str,
        subject: str,
        attributes: Mapping[str, str],
        outcome: str = "ok",
    ) -> None:
        """Queue an entry; `outcome` is ok, refused or failed."""
        entry = system_pb2.AuditEntry(
            actor=actor, action=action, subject=subject, outcome=outcome, attributes=attributes
        )
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self._give_up(entry)

    async def run(self) -> None:
        """Deliver for ever."""
        stub = audit_service_pb2_grpc.AuditServiceStub(self._system.channel)
        while True:
            entry = await self._waiting.get()
            delay = _FIRST_DELAY_S
            for _ in range(MOST_TRIES):
                try:
                    await stub.RecordAuditEntry(
                        audit_service_pb2.RecordAuditEntryRequest(entry=entry),
                        metadata=self._system.metadata(),
                        timeout=_TIMEOUT_S,
                    )
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _LAST_DELAY_S)
            else:
                self._give_up(entry)

    def _give_up(self, entry: system_pb2.AuditEntry) -> None:
        QUEUE_DROPPED.labels(_QUEUE).inc()
        self._log.error(
            "an audit entry could not be delivered",
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
        )
