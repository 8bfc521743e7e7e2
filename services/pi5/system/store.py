"""SQL of users, sessions, sign-in failures and the first set-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from pi5.domain.errors import Conflict, NotFound, Precondition
from pi5.kit.database import Connection
from pi5.system.database import Database
from pi5.system.engine import LOCKOUT_WINDOW_S, Failures, SessionRow

ADMIN = 4
# Two admins who remove each other at once would leave none: such changes wait for each other.
_ONE_AT_A_TIME = "LOCK TABLE users IN EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class UserRow:
    """A stored user."""

    id: str
    username: str
    password_hash: str
    role: int
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None
    totp_enabled: bool


_USER = """id::text, username, password_hash, role, disabled, created_at, last_login_at,
    totp_secret IS NOT NULL AS totp_enabled"""


def _user(row: asyncpg.Record | None) -> UserRow | None:
    return UserRow(**dict(row)) if row is not None else None


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class IdentityStore:
    """Users, sessions, failures, set-up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def user_by_name(self, username: str) -> UserRow | None:
        """Return a user by name, whatever its case."""
        return _user(
            await self._database.fetchrow(
                f"SELECT {_USER} FROM users WHERE lower(username) = lower($1)", username
            )
        )

    async def user_by_id(self, user_id: str) -> UserRow | None:
        """Return a user by id."""
        return _user(
            await self._database.fetchrow(f"SELECT {_USER} FROM users WHERE id::text = $1", user_id)
        )

    async def list_users(self, after: str, limit: int) -> list[UserRow]:
        """Return users by name, beginning after a name."""
        rows = await self._database.fetch(
            f"SELECT {_USER} FROM users WHERE lower(username) > lower($1) "
            "ORDER BY lower(username) LIMIT $2",
            after,
            limit,
        )
        return [UserRow(**dict(row)) for row in rows]

    async def create_user(
        self, connection: Connection[Any], user_id: str, username: str, hashed: str, role: int
    ) -> UserRow:
        """Insert a user.

        Raises:
            Conflict: USERNAME_TAKEN.
        """
        try:
            row = await connection.fetchrow(
                "INSERT INTO users (id, username, password_hash, role) VALUES ($1, $2, $3, $4) "
                f"RETURNING {_USER}",
                user_id,
                username,
                hashed,
                role,
            )
        except asyncpg.UniqueViolationError:
            raise Conflict("USERNAME_TAKEN", f"there is a user {username} already") from None
        user = _user(row)
        assert user is not None
        return user

    async def create_first_admin(
        self, user_id: str, username: str, hashed: str, token_hash: bytes | None
    ) -> UserRow | None:
        """Insert the first user in one transaction; None when somebody was first.

        With `token_hash`, the unused set-up token must be that one.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_ONE_AT_A_TIME)
            if await connection.fetchval("SELECT count(*) FROM users"):
                return None
            if token_hash is not None:
                used = await connection.fetchval(
                    "UPDATE setup SET used_at = now() "
                    "WHERE token_hash = $1 AND used_at IS NULL RETURNING id",
                    token_hash,
                )
                if used is None:
                    return None
            return _user(
                await connection.fetchrow(
                    "INSERT INTO users (id, username, password_hash, role) "
                    f"VALUES ($1, $2, $3, $4) RETURNING {_USER}",
                    user_id,
                    username,
                    hashed,
                    ADMIN,
                )
            )

    async def has_users(self) -> bool:
        """Tell whether anybody exists."""
        return bool(await self._database.fetchval("SELECT EXISTS (SELECT 1 FROM users)"))

    async def set_setup_token(self, token_hash: bytes) -> None:
        """Replace the set-up token."""
        await self._database.execute(
            "INSERT INTO setup (id, token_hash) VALUES (1, $1) "
            "ON CONFLICT (id) DO UPDATE SET token_hash = $1, created_at = now(), used_at = NULL",
            token_hash,
        )

    async def update_user(
        self,
        connection: Connection[Any],
        user_id: str,
        role: int | None,
        hashed: str | None,
        disabled: bool | None,
    ) -> UserRow:
        """Change a user; password or disabling ends all its sessions.

        Raises:
            NotFound: UNKNOWN_USER. Precondition: LAST_ADMIN.
        """
        await connection.execute(_ONE_AT_A_TIME)
        user = _user(
            await connection.fetchrow(
                "UPDATE users SET role = coalesce($2, role), "
                "password_hash = coalesce($3, password_hash), disabled = coalesce($4, disabled) "
                f"WHERE id::text = $1 RETURNING {_USER}",
                user_id,
                role,
                hashed,
                disabled,
            )
        )
        if user is None:
            raise NotFound("UNKNOWN_USER", f"there is no user {user_id}")
        await self._keep_an_admin(connection)
        if hashed is not None or disabled:
            await connection.execute(
                "UPDATE session SET revoked_at = now() "
                "WHERE user_id::text = $1 AND revoked_at IS NULL",
                user_id,
            )
        return user

    async def delete_user(self, connection: Connection[Any], user_id: str) -> None:
        """Remove a user with all sessions.

        Raises:
            NotFound: UNKNOWN_USER. Precondition: LAST_ADMIN.
        """
        await connection.execute(_ONE_AT_A_TIME)
        gone = await connection.fetchval(
            "DELETE FROM users WHERE id::text = $1 RETURNING 1", user_id
        )
        if gone is None:
            raise NotFound("UNKNOWN_USER", f"there is no user {user_id}")
        await self._keep_an_admin(connection)

    async def _keep_an_admin(self, connection: Connection[Any]) -> None:
        left = await connection.fetchval(
            "SELECT count(*) FROM users WHERE role = $1 AND NOT disabled", ADMIN
        )
        if not left:
            raise Precondition("LAST_ADMIN", "the last admin cannot be removed or disabled")

    async def set_up_token_fits(self, token_hash: bytes) -> bool:
        """Tell whether a set-up token is the unused one and nobody exists yet."""
        return bool(
            await self._database.fetchval(
                "SELECT EXISTS (SELECT 1 FROM setup WHERE token_hash = $1 AND used_at IS NULL) "
                "AND NOT EXISTS (SELECT 1 FROM users)",
                token_hash,
            )
        )

    async def rehash(self, user_id: str, hashed: str) -> None:
        """Store a hash of today's parameters."""
        await self._database.execute(
            "UPDATE users SET password_hash = $2 WHERE id::text = $1", user_id, hashed
        )

    # ------------------------------------------------------------ sign-in failures

    async def failures(self, username: str, address: str) -> Failures:
        """Count the wrong guesses of the last five minutes."""
        row = await self._database.fetchrow(
            "SELECT count(*) FILTER (WHERE address = $2) AS from_here, count(*) AS on_account, "
            "EXISTS (SELECT 1 FROM session JOIN users ON users.id = session.user_id "
            "  WHERE lower(users.username) = lower($1) AND session.address = $2) AS known_address "
            "FROM login_failure WHERE username = lower($1) "
            "AND failed_at > now() - make_interval(secs => $3)",
            username,
            address,
            LOCKOUT_WINDOW_S,
        )
        assert row is not None
        return Failures(**dict(row))

    async def add_failure(self, username: str, address: str) -> None:
        """Count a wrong guess, and forget old ones."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO login_failure (username, address) VALUES (lower($1), $2)",
                username[:64],
                address,
            )
            await connection.execute(
                "DELETE FROM login_failure WHERE failed_at < now() - interval '1 hour'"
            )

    async def clear_failures(self, username: str, address: str) -> None:
        """Forget the wrong guesses from an address after the right one."""
        await self._database.execute(
            "DELETE FROM login_failure WHERE username = lower($1) AND address = $2",
            username,
            address,
        )

    # ------------------------------------------------------------ sessions

    async def add_session(
        self,
        session_id: str,
        user_id: str,
        refresh_hash: bytes,
        client: str,
        address: str,
        expires_at_s: float,
    ) -> None:
        """Store a new session and note the sign-in."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO session (id, user_id, refresh_hash, client, address, expires_at) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                session_id,
                user_id,
                refresh_hash,
                client[:64],
                address,
                _utc(expires_at_s),
            )
            await connection.execute(
                "UPDATE users SET last_login_at = now() WHERE id::text = $1", user_id
            )
            await connection.execute(
                "DELETE FROM session WHERE expires_at < now() - interval '7 days'"
            )

    async def session_of(
        self, session_id: str, refresh_hash: bytes
    ) -> tuple[UserRow, SessionRow] | None:
        """Return a session, its user, and where a refresh token stands in it."""
        row = await self._database.fetchrow(
            "SELECT user_id::text, refresh_hash = $2 AS is_current, "
            "coalesce(previous_hash = $2, false) AS is_previous, "
            "coalesce(extract(epoch FROM rotated_at), 0)::float8 AS rotated_at_s, "
            "extract(epoch FROM expires_at)::float8 AS expires_at_s, "
            "revoked_at IS NOT NULL AS revoked "
            "FROM session WHERE id::text = $1",
            session_id,
            refresh_hash,
        )
        if row is None:
            return None
        values = dict(row)
        user = await self.user_by_id(values.pop("user_id"))
        return (user, SessionRow(**values, user_disabled=user.disabled)) if user else None

    async def rotate(
        self, session_id: str, old_hash: bytes, new_hash: bytes, now_s: float, expires_at_s: float
    ) -> None:
        """Replace a session's refresh token, remembering the last; nothing if that was done."""
        await self._database.execute(
            "UPDATE session SET previous_hash = refresh_hash, refresh_hash = $3, rotated_at = $4, "
            "expires_at = $5 WHERE id::text = $1 AND refresh_hash = $2",
            session_id,
            old_hash,
            new_hash,
            _utc(now_s),
            _utc(expires_at_s),
        )

    async def revoke(self, session_id: str, user_id: str | None = None) -> bool:
        """End a session (of a user); tell whether there was one."""
        done = await self._database.fetchval(
            "UPDATE session SET revoked_at = coalesce(revoked_at, now()) WHERE id::text = $1 "
            "AND ($2::text IS NULL OR user_id::text = $2) RETURNING 1",
            session_id,
            user_id,
        )
        return done is not None

    async def revoke_others(self, user_id: str, keep: str) -> None:
        """End all sessions of a user but one."""
        await self._database.execute(
            "UPDATE session SET revoked_at = now() WHERE user_id::text = $1 AND id::text <> $2 "
            "AND revoked_at IS NULL",
            user_id,
            keep,
        )

    async def list_sessions(self, user_id: str) -> list[asyncpg.Record]:
        """Return a user's living sessions, newest first."""
        rows: list[asyncpg.Record] = await self._database.fetch(
            "SELECT id::text, client, address, created_at, expires_at FROM session "
            "WHERE user_id::text = $1 AND revoked_at IS NULL AND expires_at > now() "
            "ORDER BY created_at DESC LIMIT 100",
            user_id,
        )
        return rows
