"""IdentityService: set-up, sign-in, sessions and users."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import grpc

from pi5.api.common.v1 import options_pb2
from pi5.api.system.v1 import identity_service_pb2 as pb
from pi5.api.system.v1 import identity_service_pb2_grpc, system_pb2
from pi5.domain.errors import (
    Exhausted,
    Forbidden,
    InvalidInput,
    NotFound,
    Precondition,
    Unauthenticated,
)
from pi5.kit.clock import Clock, new_id
from pi5.kit.database import Connection
from pi5.kit.guard import current_caller
from pi5.kit.paging import page_size, read_token, write_token
from pi5.kit.tokens import ACCESS_TTL_S, TokenIssuer
from pi5.kit.wire.times import from_datetime, timestamp
from pi5.system.engine import (
    SESSION_TTL_S,
    Refresh,
    check_password,
    check_username,
    judge_refresh,
    locked_for_s,
)
from pi5.system.once import Once
from pi5.system.passwords import Passwords
from pi5.system.records import Records
from pi5.system.refresh import RefreshTokens
from pi5.system.store import IdentityStore, UserRow

Rpc = grpc.aio.ServicerContext[Any, Any]
_ASSIGNABLE = {options_pb2.ROLE_VIEWER, options_pb2.ROLE_TRADER, options_pb2.ROLE_ADMIN}


def hash_token(token: str) -> bytes:
    """Return what is stored of a token: nobody can guess 256 bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def user_message(user: UserRow) -> system_pb2.User:
    """Write a user, without its secrets."""
    return system_pb2.User(
        id=user.id,
        username=user.username,
        role=options_pb2.Role.ValueType(user.role),
        totp_enabled=user.totp_enabled,
        disabled=user.disabled,
        created_at=timestamp(from_datetime(user.created_at)),
        last_login_at=timestamp(from_datetime(user.last_login_at)) if user.last_login_at else None,
    )


def _origin(context: Rpc) -> str:
    """Return the client's address; the word of anybody but our own bridge counts for nothing."""
    if current_caller.get().role != options_pb2.ROLE_SERVICE:
        return "local"
    sent = dict(context.invocation_metadata() or ())
    return str(sent.get("x-client-address", "local"))[:64]


class IdentityServicer(identity_service_pb2_grpc.IdentityServiceServicer):
    """Answers IdentityService."""

    def __init__(
        self,
        store: IdentityStore,
        passwords: Passwords,
        issuer: TokenIssuer,
        clock: Clock,
        records: Records,
        refresh_tokens: RefreshTokens,
        once: Once,
        set_up_done: Callable[[], None],
    ) -> None:
        self._refresh_tokens = refresh_tokens
        self._once = once
        self._set_up_done = set_up_done
        # Sign-ins of one name from one address wait for each other, so that many guesses at once
        # are counted like guesses one by one.
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._store = store
        self._passwords = passwords
        self._issuer = issuer
        self._clock = clock
        self._records = records

    async def GetSetUpState(self, request: pb.GetSetUpStateRequest, context: Rpc) -> Any:
        return pb.GetSetUpStateResponse(required=not await self._store.has_users())

    async def SetUpAdmin(self, request: pb.SetUpAdminRequest, context: Rpc) -> Any:
        check_username(request.username)
        check_password(request.password)
        token_hash = hash_token(request.setup_token)
        user = None
        if await self._store.set_up_token_fits(token_hash):
            hashed = await self._passwords.hash(request.password)
            user = await self._store.create_first_admin(
                new_id(), request.username, hashed, token_hash
            )
        if user is None:
            raise Precondition(
                "SETUP_NOT_POSSIBLE",
                "the set-up link is not valid any more; sign in, or start again for a new link",
            )
        self._set_up_done()
        await self._records.audit(request.username, "auth.setup", request.username, "ok")
        return pb.SetUpAdminResponse(
            tokens=await self._open_session(user, context, "browser"), user=user_message(user)
        )

    async def Login(self, request: pb.LoginRequest, context: Rpc) -> Any:
        address = _origin(context)
        key = (request.username.lower()[:64], address)
        async with self._turns.setdefault(key, asyncio.Lock()):
            user = await self._check_password(request, address)
        await self._records.audit(
            user.username, "auth.login", user.username, "ok", {"address": address}
        )
        tokens = await self._open_session(user, context, request.client)
        return pb.LoginResponse(tokens=tokens, user=user_message(user))

    async def _check_password(self, request: pb.LoginRequest, address: str) -> UserRow:
        wait_s = locked_for_s(await self._store.failures(request.username, address))
        if wait_s:
            raise Exhausted(
                "LOGIN_LOCKED",
                f"too many wrong passwords; try again in {wait_s // 60} minutes",
                retry_after_s=wait_s,
            )
        user = await self._store.user_by_name(request.username)
        fits = await self._passwords.verify(user.password_hash if user else None, request.password)
        if user is None or not fits or user.disabled:
            await self._store.add_failure(request.username, address)
            await self._records.audit(
                request.username[:64], "auth.login", request.username[:64], "refused",
                {"address": address},
            )  # fmt: skip
            raise Unauthenticated("WRONG_CREDENTIALS", "the user name or the password is wrong")
        await self._store.clear_failures(request.username, address)
        if self._passwords.outdated(user.password_hash):
            await self._store.rehash(user.id, await self._passwords.hash(request.password))
        return user

    async def RefreshTokens(self, request: pb.RefreshTokensRequest, context: Rpc) -> Any:
        given = self._refresh_tokens.read(request.refresh_token)
        given_hash = hash_token(request.refresh_token)
        found = await self._store.session_of(given.session_id, given_hash) if given else None
        now_s = self._now_s()
        verdict = judge_refresh(found[1] if found else None, now_s)
        if given is None or found is None or verdict is Refresh.INVALID:
            raise Unauthenticated("REFRESH_INVALID", "the session has ended; sign in again")
        user = found[0]
        if verdict is Refresh.REUSED:
            await self._store.revoke(given.session_id)
            await self._records.audit(
                user.username, "auth.refresh_reuse", given.session_id, "refused"
            )
            raise Unauthenticated(
                "REFRESH_REUSED", "this session was ended because its token was used twice"
            )
        following = self._refresh_tokens.make(given.session_id, given.generation + 1)
        if verdict is Refresh.ROTATE:
            await self._store.rotate(
                given.session_id, given_hash, hash_token(following), now_s, now_s + SESSION_TTL_S
            )
        return pb.RefreshTokensResponse(
            tokens=self._pair(user, given.session_id, following), user=user_message(user)
        )

    async def Logout(self, request: pb.LogoutRequest, context: Rpc) -> Any:
        given = self._refresh_tokens.read(request.refresh_token)
        session_id = given.session_id if given else current_caller.get().session
        if session_id:
            await self._store.revoke(session_id)
        await self._note("auth.logout", session_id)
        return pb.LogoutResponse()

    async def GetCurrentUser(self, request: pb.GetCurrentUserRequest, context: Rpc) -> Any:
        return pb.GetCurrentUserResponse(user=user_message(await self._caller()))

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Rpc) -> Any:
        user = await self._caller()
        check_password(request.new_password, "new_password")
        if not await self._passwords.verify(user.password_hash, request.current_password):
            raise Forbidden("WRONG_CREDENTIALS", "the current password is wrong")
        hashed = await self._passwords.hash(request.new_password)
        await self._store.rehash(user.id, hashed)
        await self._store.revoke_others(user.id, current_caller.get().session)
        await self._records.audit(user.username, "auth.password", user.username, "ok")
        return pb.ChangePasswordResponse()

    async def ListUsers(self, request: pb.ListUsersRequest, context: Rpc) -> Any:
        size = page_size(request.page_size)
        key = read_token(request.page_token, 1)
        users = await self._store.list_users(str(key[0]) if key else "", size + 1)
        more = len(users) > size
        users = users[:size]
        return pb.ListUsersResponse(
            users=[user_message(user) for user in users],
            next_page_token=write_token([users[-1].username]) if more else "",
        )

    async def CreateUser(self, request: pb.CreateUserRequest, context: Rpc) -> Any:
        check_username(request.username)
        check_password(request.password)
        self._check_role(request.role)
        hashed = await self._passwords.hash(request.password)

        async def change(connection: Connection[Any]) -> pb.CreateUserResponse:
            user = await self._store.create_user(
                connection, new_id(), request.username, hashed, request.role
            )
            return pb.CreateUserResponse(user=user_message(user))

        answer, made = await self._once.do(request, pb.CreateUserResponse, change)
        if made:
            await self._note("user.create", answer.user.username)
        return answer

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Rpc) -> Any:
        hashed = None
        if request.password:
            check_password(request.password)
            hashed = await self._passwords.hash(request.password)
        if request.role:
            self._check_role(request.role)
        disabled = request.disabled if request.HasField("disabled") else None

        async def change(connection: Connection[Any]) -> pb.UpdateUserResponse:
            user = await self._store.update_user(
                connection, request.id, request.role or None, hashed, disabled
            )
            return pb.UpdateUserResponse(user=user_message(user))

        answer, made = await self._once.do(request, pb.UpdateUserResponse, change)
        if made:
            await self._note("user.update", answer.user.username)
        return answer

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Rpc) -> Any:
        async def change(connection: Connection[Any]) -> pb.DeleteUserResponse:
            await self._store.delete_user(connection, request.id)
            return pb.DeleteUserResponse()

        answer, made = await self._once.do(request, pb.DeleteUserResponse, change)
        if made:
            await self._note("user.delete", request.id)
        return answer

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Rpc) -> Any:
        user = await self._caller()
        current = current_caller.get().session
        return pb.ListSessionsResponse(
            sessions=[
                system_pb2.Session(
                    id=row["id"],
                    client=row["client"],
                    address=row["address"],
                    created_at=timestamp(from_datetime(row["created_at"])),
                    expires_at=timestamp(from_datetime(row["expires_at"])),
                    current=row["id"] == current,
                )
                for row in await self._store.list_sessions(user.id)
            ]
        )

    async def RevokeSession(self, request: pb.RevokeSessionRequest, context: Rpc) -> Any:
        user = await self._caller()
        if not await self._store.revoke(request.id, user.id):
            raise NotFound("UNKNOWN_SESSION", f"you have no session {request.id}")
        await self._note("auth.revoke_session", request.id)
        return pb.RevokeSessionResponse()

    # ------------------------------------------------------------ helpers of the methods above

    async def _open_session(self, user: UserRow, context: Rpc, client: str) -> Any:
        session_id = new_id()
        refresh = self._refresh_tokens.make(session_id, 0)
        await self._store.add_session(
            session_id,
            user.id,
            hash_token(refresh),
            client,
            _origin(context),
            self._now_s() + SESSION_TTL_S,
        )
        return self._pair(user, session_id, refresh)

    def _pair(self, user: UserRow, session_id: str, refresh: str) -> system_pb2.TokenPair:
        role = options_pb2.Role.ValueType(user.role)
        return system_pb2.TokenPair(
            access_token=self._issuer.mint(user.username, role, ACCESS_TTL_S, session_id),
            refresh_token=refresh,
            token_type="Bearer",  # noqa: S106 - the scheme's name
            expires_in_s=ACCESS_TTL_S,
        )

    async def _caller(self) -> UserRow:
        """Return the calling user; local tokens of `pi5 token` belong to no user."""
        user = await self._store.user_by_name(current_caller.get().subject)
        if user is None:
            raise NotFound("NO_SUCH_USER", "this token belongs to no user")
        return user

    async def _note(self, action: str, subject: str) -> None:
        await self._records.audit(current_caller.get().subject, action, subject, "ok")

    def _check_role(self, role: int) -> None:
        if role not in _ASSIGNABLE:
            raise InvalidInput("BAD_ROLE", "a role is viewer, trader or admin", field="role")

    def _now_s(self) -> float:
        return self._clock.now_ns() / 1_000_000_000
