"""AuditService: system events and the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from pi5.api.common.v1 import stream_pb2
from pi5.api.system.v1 import audit_service_pb2 as pb
from pi5.api.system.v1 import audit_service_pb2_grpc
from pi5.kit.clock import Clock
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.wire.times import timestamp
from pi5.system.records import Records, audit_message, event_message

Rpc = grpc.aio.ServicerContext[Any, Any]
HEARTBEAT_S = 5.0
STREAM_BATCH = 200
# The events are numbered by the database and never renumbered.
EPOCH = "system-events"


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """Answers AuditService."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def RecordSystemEvent(self, request: pb.RecordSystemEventRequest, context: Rpc) -> Any:
        return pb.RecordSystemEventResponse(sequence=await self._records.add_event(request.event))

    async def ListSystemEvents(self, request: pb.ListSystemEventsRequest, context: Rpc) -> Any:
        size = page_size(request.page_size)
        key = read_token(request.page_token, 1)
        rows = await self._records.events(
            request.minimum_level, request.service, int(key[0]) if key else None, size + 1
        )
        more, rows = len(rows) > size, rows[:size]
        return pb.ListSystemEventsResponse(
            events=[event_message(row) for row in rows],
            next_page_token=write_token([rows[-1]["sequence"]]) if more else "",
        )

    async def StreamSystemEvents(
        self, request: pb.StreamSystemEventsRequest, context: Rpc
    ) -> AsyncIterator[pb.StreamSystemEventsResponse]:
        position = (
            request.resume.after_sequence
            if request.HasField("resume")
            else await self._records.last_event()
        )
        while True:
            version = self._records.newest.version
            rows = await self._records.events_after(position, STREAM_BATCH)
            for row in rows:
                position = row["sequence"]
                yield pb.StreamSystemEventsResponse(system_event=event_message(row))
            if rows:
                continue
            heartbeat = stream_pb2.Heartbeat(
                last_sequence=position, epoch=EPOCH, server_time=timestamp(self._clock.now_ns())
            )
            yield pb.StreamSystemEventsResponse(heartbeat=heartbeat)
            await self._records.newest.newer(version, HEARTBEAT_S)

    async def RecordAuditEntry(self, request: pb.RecordAuditEntryRequest, context: Rpc) -> Any:
        entry = request.entry
        sequence = await self._records.audit(
            entry.actor, entry.action, entry.subject, entry.outcome, entry.attributes
        )
        return pb.RecordAuditEntryResponse(sequence=sequence)

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, context: Rpc) -> Any:
        size = page_size(request.page_size)
        key = read_token(request.page_token, 1)
        rows = await self._records.audit_entries(
            request.actor, request.action, int(key[0]) if key else None, size + 1
        )
        more, rows = len(rows) > size, rows[:size]
        return pb.ListAuditEntriesResponse(
            entries=[audit_message(row) for row in rows],
            next_page_token=write_token([rows[-1]["sequence"]]) if more else "",
        )

    async def VerifyAudit(self, request: pb.VerifyAuditRequest, context: Rpc) -> Any:
        found = await self._records.verify_audit()
        return pb.VerifyAuditResponse(
            intact=not found.first_broken,
            entries=found.entries,
            first_broken_sequence=found.first_broken,
        )
