"""Identity and audit against a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

import asyncpg
import pytest
from pi5.api.common.v1 import options_pb2
from pi5.api.system.v1 import identity_service_pb2 as pb
from pi5.domain.errors import Conflict, Exhausted, Precondition, Unauthenticated
from pi5.kit.clock import SystemClock
from pi5.kit.database import open_pool
from pi5.kit.guard import current_caller
from pi5.kit.log import get_logger
from pi5.kit.tokens import Caller, TokenIssuer
from pi5.system.identity import IdentityServicer, hash_token
from pi5.system.passwords import Passwords
from pi5.system.records import Records
from pi5.system.store import IdentityStore

pytestmark = pytest.mark.integration
PASSWORD = "a long enough password"


class FakeTime(SystemClock):
    """A clock that a test moves."""

    ahead_s = 0.0

    def now_ns(self) -> int:
        return super().now_ns() + int(self.ahead_s * 1e9)


def origin(address: str = "10.0.0.2"):
    """What a servicer asks of its context: the metadata of the call."""
    return SimpleNamespace(invocation_metadata=lambda: (("x-client-address", address),))


@contextlib.asynccontextmanager
async def identity(dsn: str) -> AsyncIterator[SimpleNamespace]:
    pool = await open_pool(dsn, "system", 4)
    clock = FakeTime()
    store, records = IdentityStore(pool), Records(pool, clock, get_logger("test"))
    issuer = TokenIssuer(b"k" * 64, clock)
    service = IdentityServicer(store, Passwords(), issuer, clock, records)
    try:
        yield SimpleNamespace(
            service=service, store=store, records=records, clock=clock, pool=pool, issuer=issuer
        )
    finally:
        await pool.close()


async def admin(world, name: str = "ada"):
    await world.store.set_setup_token(hash_token("once"))
    request = pb.SetUpAdminRequest(setup_token="once", username=name, password=PASSWORD)
    return await world.service.SetUpAdmin(request, origin())


def login(world, password: str = PASSWORD, address: str = "10.0.0.2", name: str = "ada"):
    return world.service.Login(pb.LoginRequest(username=name, password=password), origin(address))


def refresh(world, token: str):
    return world.service.RefreshTokens(pb.RefreshTokensRequest(refresh_token=token), origin())


async def test_of_two_racing_set_ups_exactly_one_wins(database: str) -> None:
    """The one-time token makes one admin, however many use it at once."""
    async with identity(database) as world:
        results = await asyncio.gather(
            *(admin(world, f"user{n}") for n in range(4)), return_exceptions=True
        )
        won = [r for r in results if not isinstance(r, Exception)]
        assert len(won) == 1
        assert all(isinstance(r, Precondition) for r in results if r not in won)
        with pytest.raises(Precondition):
            await admin(world, "late")


async def test_five_wrong_passwords_lock_that_address_only(database: str) -> None:
    """A guesser is locked out for five minutes, the owner elsewhere is not."""
    async with identity(database) as world:
        await admin(world)
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await login(world, "wrong wrong wrong", "10.0.0.66")
        with pytest.raises(Exhausted) as locked:
            await login(world, PASSWORD, "10.0.0.66")
        assert locked.value.code == "LOGIN_LOCKED"
        assert (await login(world)).user.username == "ada"


async def test_refresh_tokens_rotate_and_reuse_ends_the_session(database: str) -> None:
    """A token is good once; two tabs may race for ten seconds; a later reuse ends everything."""
    async with identity(database) as world:
        await admin(world)
        first = (await login(world)).tokens.refresh_token
        second = (await refresh(world, first)).tokens.refresh_token
        third = (await refresh(world, first)).tokens.refresh_token  # the other tab
        assert len({first, second, third}) == 3
        world.clock.ahead_s = 60
        fourth = (await refresh(world, third)).tokens.refresh_token
        world.clock.ahead_s = 120
        with pytest.raises(Unauthenticated) as reused:
            await refresh(world, third)
        assert reused.value.code == "REFRESH_REUSED"
        with pytest.raises(Unauthenticated):
            await refresh(world, fourth)


async def test_a_new_password_ends_the_other_sessions(database: str) -> None:
    """Whoever had a session before a password change has none after it, but the one who changed."""
    async with identity(database) as world:
        await admin(world)
        other = await login(world)
        mine = await login(world)
        caller = world.issuer.verify(mine.tokens.access_token)
        current_caller.set(caller)
        change = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another " * 2)
        await world.service.ChangePassword(change, origin())
        with pytest.raises(Unauthenticated):
            await refresh(world, other.tokens.refresh_token)
        assert (await refresh(world, mine.tokens.refresh_token)).user.username == "ada"


async def test_names_are_unique_and_the_last_admin_stays(database: str) -> None:
    """Ada and ada are one person, and somebody must be able to administer."""
    async with identity(database) as world:
        user = (await admin(world)).user
        current_caller.set(Caller("ada", options_pb2.ROLE_ADMIN))
        with pytest.raises(Conflict):
            await world.service.CreateUser(
                pb.CreateUserRequest(
                    username="ADA", password=PASSWORD, role=options_pb2.ROLE_VIEWER
                ),
                origin(),
            )
        with pytest.raises(Precondition) as kept:
            await world.service.DeleteUser(pb.DeleteUserRequest(id=user.id), origin())
        assert kept.value.code == "LAST_ADMIN"


async def test_tampering_with_the_audit_log_shows(database: str) -> None:
    """Changed, removed, exchanged and cut-off entries are all found."""
    async with identity(database) as world:
        for number in range(20):
            await world.records.audit("ada", "test", str(number), "ok", {"n": str(number)})
        assert (await world.records.verify_audit()).first_broken == 0
        connection = await asyncpg.connect(database, server_settings={"search_path": "system"})
        for statement, broken in (
            ("UPDATE system.audit SET outcome = 'no' WHERE sequence = 7", 7),
            ("DELETE FROM system.audit WHERE sequence = 9", 9),
            ("DELETE FROM system.audit WHERE sequence = 20", 20),
            ("UPDATE system.audit SET sequence = -sequence + 100 WHERE sequence IN (3)", 3),
        ):
            change = connection.transaction()
            await change.start()
            await connection.execute(statement)
            found = await Records(connection, world.clock, get_logger("t")).verify_audit()
            assert found.first_broken == broken
            await change.rollback()
        await connection.close()


async def test_the_services_role_cannot_change_the_audit_log(database: str) -> None:
    """The role the service works under may read and append, nothing else."""
    async with identity(database) as world:
        await world.records.audit("ada", "test", "", "ok")
        for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await world.pool.execute(statement)
