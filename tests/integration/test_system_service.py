"""Identity and audit against a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

import asyncpg
import pytest
from pi5.api.common.v1 import options_pb2
from pi5.api.system.v1 import audit_service_pb2 as audit_pb
from pi5.api.system.v1 import identity_service_pb2 as pb
from pi5.domain.errors import Conflict, Exhausted, Precondition, Unauthenticated, Unavailable
from pi5.kit.clock import SystemClock
from pi5.kit.database import open_pool
from pi5.kit.guard import current_caller
from pi5.kit.log import get_logger
from pi5.kit.tokens import Caller, TokenIssuer
from pi5.system.audit import AuditServicer
from pi5.system.database import Database
from pi5.system.identity import IdentityServicer, hash_token
from pi5.system.once import Once
from pi5.system.passwords import Passwords
from pi5.system.records import Records
from pi5.system.refresh import RefreshTokens
from pi5.system.store import IdentityStore

pytestmark = pytest.mark.integration
PASSWORD = "a long enough password"


class FakeTime(SystemClock):
    """A clock that a test moves."""

    ahead_s = 0.0

    def now_ns(self) -> int:
        return super().now_ns() + int(self.ahead_s * 1e9)


def origin(address: str = "10.0.0.2"):
    """What a servicer asks of its context: the metadata of the call, made by the bridge."""
    if current_caller.get().subject == "anonymous":
        current_caller.set(Caller("web", options_pb2.ROLE_SERVICE))
    return SimpleNamespace(invocation_metadata=lambda: (("x-client-address", address),))


@contextlib.asynccontextmanager
async def identity(dsn: str) -> AsyncIterator[SimpleNamespace]:
    pool = await open_pool(dsn, "system", 4)
    clock = FakeTime()
    reach = Database(pool)
    store, records = IdentityStore(reach), Records(reach, clock, get_logger("test"))
    issuer = TokenIssuer(b"k" * 64, clock)
    tokens, finished = RefreshTokens(b"k" * 64), asyncio.Event()
    service = IdentityServicer(
        store, Passwords(), issuer, clock, records, tokens, Once(reach, tokens.digest), finished.set
    )
    try:
        yield SimpleNamespace(
            service=service, store=store, records=records, clock=clock, pool=pool, issuer=issuer,
            finished=finished,
        )  # fmt: skip
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
        tabs = await asyncio.gather(*(refresh(world, first) for _ in range(4)))
        (second,) = {answer.tokens.refresh_token for answer in tabs}
        assert second != first
        world.clock.ahead_s = 60
        third = (await refresh(world, second)).tokens.refresh_token
        world.clock.ahead_s = 120
        with pytest.raises(Unauthenticated) as reused:
            await refresh(world, second)
        assert reused.value.code == "REFRESH_REUSED"
        with pytest.raises(Unauthenticated):
            await refresh(world, third)


async def test_a_token_stolen_long_ago_ends_the_session_too(database: str) -> None:
    """However many times the owner refreshed since, the old token's use is noticed."""
    async with identity(database) as world:
        await admin(world)
        stolen = token = (await login(world)).tokens.refresh_token
        for minute in range(1, 5):
            world.clock.ahead_s = 60 * minute
            token = (await refresh(world, token)).tokens.refresh_token
        with pytest.raises(Unauthenticated) as reused:
            await refresh(world, stolen)
        assert reused.value.code == "REFRESH_REUSED"
        with pytest.raises(Unauthenticated) as ended:
            await refresh(world, token)
        assert ended.value.code == "REFRESH_INVALID"
        for forged in ("", "x", token[:-1] + "x", token.replace(".4.", ".5."), "a.b.c", "é.1.x"):
            with pytest.raises(Unauthenticated) as refused:
                await refresh(world, forged)
            assert refused.value.code == "REFRESH_INVALID"


async def test_guesses_at_once_count_like_guesses_one_by_one(database: str) -> None:
    """Thirty guesses at the same moment get five tries together, not thirty."""
    async with identity(database) as world:
        await admin(world)
        tries = await asyncio.gather(
            *(login(world, f"wrong password {n}") for n in range(30)), return_exceptions=True
        )
        codes = [fault.code for fault in tries]
        assert codes.count("WRONG_CREDENTIALS") == 5
        assert codes.count("LOGIN_LOCKED") == 25


async def test_only_the_bridge_may_name_the_clients_address(database: str) -> None:
    """A caller who invents a new address for each guess is counted at one address."""
    async with identity(database) as world:
        await admin(world)
        current_caller.set(Caller("mallory", options_pb2.ROLE_VIEWER))
        for number in range(5):
            with pytest.raises(Unauthenticated):
                await login(world, "wrong wrong wrong", f"10.9.9.{number}")
        with pytest.raises(Exhausted):
            await login(world, "wrong wrong wrong", "10.9.9.200")


async def test_the_same_request_id_makes_one_user(database: str) -> None:
    """A repeated call gets the first answer; the same id with other content is refused."""
    async with identity(database) as world:
        await admin(world)
        current_caller.set(Caller("ada", options_pb2.ROLE_ADMIN))
        fields = {"username": "bob", "password": PASSWORD, "role": options_pb2.ROLE_TRADER}
        key = "6f2f4b8e-0d1c-4a57-9a44-0a3f6f2f4b8e"
        request = pb.CreateUserRequest(request_id=key, **fields)
        first = await world.service.CreateUser(request, origin())
        assert await world.service.CreateUser(request, origin()) == first
        with pytest.raises(Conflict) as reused:
            await world.service.CreateUser(
                pb.CreateUserRequest(request_id=key, **fields | {"username": "eve"}), origin()
            )
        assert reused.value.code == "IDEMPOTENCY_KEY_REUSED"
        stored = await world.pool.fetchval("SELECT body_hash FROM request")
        assert len(stored) == 32


async def test_two_admins_who_remove_each_other_leave_one(database: str) -> None:
    """Concurrent removals are made one after the other, and the last admin stays."""
    async with identity(database) as world:
        ada = (await admin(world)).user
        current_caller.set(Caller("ada", options_pb2.ROLE_ADMIN))
        create = pb.CreateUserRequest(
            username="bob", password=PASSWORD, role=options_pb2.ROLE_ADMIN
        )
        bob = (await world.service.CreateUser(create, origin())).user
        done = await asyncio.gather(
            *(
                world.service.DeleteUser(pb.DeleteUserRequest(id=user.id), origin())
                for user in (ada, bob)
            ),
            return_exceptions=True,
        )
        assert [getattr(d, "code", "") for d in done].count("LAST_ADMIN") == 1


async def test_events_reach_who_listens_in_order_and_without_gaps(database: str) -> None:
    """Events that many services tell at once arrive one by one, each once."""
    async with identity(database) as world:
        audit = AuditServicer(world.records, world.clock)
        resume = audit_pb.StreamSystemEventsRequest(resume={"after_sequence": 0})
        seen: list[int] = []

        async def listen() -> None:
            async for message in audit.StreamSystemEvents(resume, origin()):
                if message.HasField("system_event"):
                    seen.append(message.system_event.sequence)
                    if len(seen) == 50:
                        return

        listening = asyncio.create_task(listen())
        await asyncio.gather(
            *(world.records.tell(1, "TEST", f"event {number}") for number in range(50))
        )
        await asyncio.wait_for(listening, 5)
        assert seen == sorted(set(seen))


async def test_a_database_that_is_away_is_unavailable(database: str) -> None:
    """Signing in says that the database does not answer, not that something went wrong."""
    async with identity(database) as world:
        await admin(world)
        world.pool.terminate()
        with pytest.raises(Unavailable) as away:
            await login(world)
        assert away.value.code == "DATABASE_UNREACHABLE"


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
