"""Wires the system service together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pi5.api.system.v1 import (
    alert_service_pb2_grpc,
    audit_service_pb2_grpc,
    backup_service_pb2_grpc,
    config_service_pb2_grpc,
    health_service_pb2_grpc,
    identity_service_pb2_grpc,
    system_pb2,
    webhook_service_pb2_grpc,
)
from pi5.kit.database import LOST
from pi5.kit.lifecycle import Context
from pi5.kit.server import Registration
from pi5.kit.settings import GRPC_SERVICES
from pi5.kit.tokens import load_or_create_key
from pi5.system.audit import AuditServicer
from pi5.system.configuration import ConfigServicer
from pi5.system.database import Database
from pi5.system.health import HealthServicer
from pi5.system.identity import IdentityServicer
from pi5.system.once import Once
from pi5.system.passwords import Passwords
from pi5.system.records import Records
from pi5.system.refresh import RefreshTokens
from pi5.system.setup import link_file, prepare_first_admin
from pi5.system.store import IdentityStore

CHECK_INTERVAL_S = 2.0
_PREFIX = "pi5.api.system.v1."
NAMES = [
    f"{_PREFIX}{name}Service"
    for name in ("Identity", "Config", "Audit", "Alert", "Webhook", "Backup", "Health")
]


@contextlib.asynccontextmanager
async def start(context: Context) -> AsyncIterator[None]:
    """Run the service around a block."""
    pool = await context.pool()
    database = Database(pool)
    records = Records(database, context.clock, context.log)
    store = IdentityStore(database)
    passwords = Passwords()
    await prepare_first_admin(context.home, context.settings, store, passwords, context.log)
    peers = {name: context.peer(name) for name in GRPC_SERVICES}
    refresh_tokens = RefreshTokens(load_or_create_key(context.home))
    identity = IdentityServicer(
        store,
        passwords,
        context.issuer,
        context.clock,
        records,
        refresh_tokens,
        Once(database, refresh_tokens.digest),
        lambda: link_file(context.home).unlink(missing_ok=True),
    )
    health = HealthServicer(context.home, context.settings, context.clock, pool, peers)
    registrations: list[Registration] = [
        (identity_service_pb2_grpc.add_IdentityServiceServicer_to_server, identity),
        (
            config_service_pb2_grpc.add_ConfigServiceServicer_to_server,
            ConfigServicer(context.settings),
        ),
        (
            audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
            AuditServicer(records, context.clock),
        ),
        (
            alert_service_pb2_grpc.add_AlertServiceServicer_to_server,
            alert_service_pb2_grpc.AlertServiceServicer(),
        ),
        (
            webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server,
            webhook_service_pb2_grpc.WebhookServiceServicer(),
        ),
        (
            backup_service_pb2_grpc.add_BackupServiceServicer_to_server,
            backup_service_pb2_grpc.BackupServiceServicer(),
        ),
        (health_service_pb2_grpc.add_HealthServiceServicer_to_server, health),
    ]
    async with context.serving(registrations, NAMES) as server:
        await records.tell(system_pb2.LEVEL_INFO, "SYSTEM_STARTED", "the system service started")

        async def watch_database() -> None:
            """Be ready while the database answers: nothing here works without it."""
            while True:
                try:
                    async with asyncio.timeout(CHECK_INTERVAL_S):
                        await pool.fetchval("SELECT 1")
                    await server.set_ready(True)
                except LOST:
                    await server.set_ready(False)
                await asyncio.sleep(CHECK_INTERVAL_S)

        context.spawn(watch_database(), "watch database")
        yield
