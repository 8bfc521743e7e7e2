"""SQL of what happened: system events, and the audit log with its hash chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from pi5.api.system.v1 import system_pb2
from pi5.domain.errors import Unavailable
from pi5.kit.clock import Clock, new_id
from pi5.kit.latest import Latest
from pi5.kit.log import Logger, correlation_id
from pi5.kit.wire.times import from_datetime, timestamp, to_datetime
from pi5.system.chain import GENESIS, Entry, entry_hash
from pi5.system.database import Database

_EVENT = "sequence, id::text, time, service, level, type, message, attributes, correlation_id"
_AUDIT = "sequence, time, actor, action, subject, outcome, attributes, prev_hash, hash"
VERIFY_BATCH = 5_000


def event_message(row: asyncpg.Record) -> system_pb2.SystemEvent:
    """Write a stored event."""
    return system_pb2.SystemEvent(
        sequence=row["sequence"],
        id=row["id"],
        time=timestamp(from_datetime(row["time"])),
        service=row["service"],
        level=system_pb2.Level.ValueType(row["level"]),
        type=row["type"],
        message=row["message"],
        attributes=json.loads(row["attributes"]),
        correlation_id=row["correlation_id"],
    )


def audit_message(row: asyncpg.Record) -> system_pb2.AuditEntry:
    """Write a stored audit entry."""
    return system_pb2.AuditEntry(
        sequence=row["sequence"],
        time=timestamp(from_datetime(row["time"])),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        outcome=row["outcome"],
        attributes=json.loads(row["attributes"]),
        hash=row["hash"].hex(),
    )


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the audit chain found."""

    entries: int
    first_broken: int


class Records:
    """Writes and reads events and audit entries; wakes those who stream events."""

    def __init__(self, database: Database, clock: Clock, log: Logger) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        # Numbers are given before a transaction commits: with two writers a reader that follows
        # the numbers could pass one by that is not visible yet. So there is one writer at a time.
        self._writing = asyncio.Lock()
        self.newest: Latest[int] = Latest()

    # ------------------------------------------------------------ system events

    async def add_event(self, event: system_pb2.SystemEvent) -> int:
        """Store an event once by its id; return its number."""
        async with self._writing:
            return await self._add_event(event)

    async def _add_event(self, event: system_pb2.SystemEvent) -> int:
        time_ns = event.time.seconds * 1_000_000_000 + event.time.nanos
        sequence: int | None = await self._database.fetchval(
            "INSERT INTO system_events "
            "(id, time, service, level, type, message, attributes, correlation_id) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING "
            "RETURNING sequence",
            event.id or new_id(),
            to_datetime(time_ns or self._clock.now_ns()),
            event.service,
            int(event.level),
            event.type,
            event.message[:2_000],
            json.dumps(dict(event.attributes)),
            event.correlation_id or correlation_id.get(),
        )
        if sequence is None:
            sequence = await self._database.fetchval(
                "SELECT sequence FROM system_events WHERE id::text = $1", event.id
            )
        self.newest.set(sequence or 0)
        return sequence or 0

    async def tell(
        self,
        level: system_pb2.Level.ValueType,
        kind: str,
        message: str,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Store an event of this service; a database that is away only costs the event."""
        try:
            await self.add_event(
                system_pb2.SystemEvent(
                    service="system", level=level, type=kind, message=message, attributes=attributes
                )
            )
        except Unavailable:
            self._log.warning("an event could not be stored", type=kind)

    async def events(
        self, minimum_level: int, service: str, before: int | None, limit: int
    ) -> list[asyncpg.Record]:
        """Return events, newest first."""
        rows: list[asyncpg.Record] = await self._database.fetch(
            f"SELECT {_EVENT} FROM system_events WHERE level >= $1 "
            "AND ($2 = '' OR service = $2) AND ($3::bigint IS NULL OR sequence < $3) "
            "ORDER BY sequence DESC LIMIT $4",
            minimum_level,
            service,
            before,
            limit,
        )
        return rows

    async def events_after(self, sequence: int, limit: int) -> list[asyncpg.Record]:
        """Return events after a number, oldest first."""
        rows: list[asyncpg.Record] = await self._database.fetch(
            f"SELECT {_EVENT} FROM system_events WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            sequence,
            limit,
        )
        return rows

    async def last_event(self) -> int:
        """Return the newest number; 0 when there is none."""
        return (
            await self._database.fetchval("SELECT coalesce(max(sequence), 0) FROM system_events")
            or 0
        )

    # ------------------------------------------------------------ audit

    async def audit(
        self,
        actor: str,
        action: str,
        subject: str,
        outcome: str,
        attributes: Mapping[str, str] | None = None,
    ) -> int:
        """Append an entry to the chain; return its number."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO audit_head (id, sequence, hash) VALUES (1, 0, $1) "
                "ON CONFLICT (id) DO NOTHING",
                GENESIS,
            )
            head = await connection.fetchrow("SELECT sequence, hash FROM audit_head FOR UPDATE")
            assert head is not None
            time = to_datetime(self._clock.now_ns())
            entry = Entry(
                head["sequence"] + 1, _micros(time), actor, action, subject, outcome,
                dict(attributes or {}),
            )  # fmt: skip
            digest = entry_hash(head["hash"], entry)
            await connection.execute(
                f"INSERT INTO audit ({_AUDIT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                entry.sequence,
                time,
                actor,
                action,
                subject,
                outcome,
                json.dumps(dict(entry.attributes)),
                head["hash"],
                digest,
            )
            await connection.execute(
                "UPDATE audit_head SET sequence = $1, hash = $2", entry.sequence, digest
            )
        return entry.sequence

    async def audit_entries(
        self, actor: str, action: str, before: int | None, limit: int
    ) -> list[asyncpg.Record]:
        """Return audit entries, newest first."""
        rows: list[asyncpg.Record] = await self._database.fetch(
            f"SELECT {_AUDIT} FROM audit WHERE ($1 = '' OR actor = $1) "
            "AND starts_with(action, $2) AND ($3::bigint IS NULL OR sequence < $3) "
            "ORDER BY sequence DESC LIMIT $4",
            actor,
            action,
            before,
            limit,
        )
        return rows

    async def verify_audit(self) -> Verified:
        """Recompute the chain from its first entry and hold its end against the head."""
        previous, read = GENESIS, 0
        while True:
            rows = await self._database.fetch(
                f"SELECT {_AUDIT} FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT $2",
                read,
                VERIFY_BATCH,
            )
            for row in rows:
                entry = Entry(
                    row["sequence"], _micros(row["time"]), row["actor"], row["action"],
                    row["subject"], row["outcome"], json.loads(row["attributes"]),
                )  # fmt: skip
                fits = row["sequence"] == read + 1 and row["prev_hash"] == previous
                if not fits or row["hash"] != entry_hash(previous, entry):
                    return Verified(read, read + 1)
                previous, read = row["hash"], read + 1
            if len(rows) < VERIFY_BATCH:
                break
        head = await self._database.fetchrow("SELECT sequence, hash FROM audit_head")
        if head is not None and (head["sequence"] > read or head["hash"] != previous):
            return Verified(read, read + 1)
        return Verified(read, 0)


def _micros(time: datetime) -> int:
    return from_datetime(time) // 1_000
