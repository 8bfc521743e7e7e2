"""Rules of identity: names, passwords, lock-out and refresh tokens. Pure: time comes in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from pi5.domain.errors import InvalidInput

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}", re.IGNORECASE | re.ASCII)
MIN_PASSWORD = 12
MAX_PASSWORD = 256
LOCKOUT_FAILURES = 5
LOCKOUT_WINDOW_S = 300
# From many addresses together an account takes this many wrong guesses before only addresses that
# have signed in before may try: guessing is slowed, and the owner at home is not locked out.
ACCOUNT_FAILURES = 50
SESSION_TTL_S = 30 * 86_400
# Two tabs of a browser may refresh with the same token at the same moment.
REFRESH_GRACE_S = 10


def check_username(username: str) -> None:
    """Refuse a name that is not 2 to 32 letters, digits, dots, dashes or underscores.

    Raises:
        InvalidInput: BAD_USERNAME.
    """
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(
            "BAD_USERNAME",
            "a user name has 2 to 32 letters, digits, dots, dashes or underscores",
            field="username",
        )


def check_password(password: str, field: str = "password") -> None:
    """Refuse a password that is too short or too long to hash.

    Raises:
        InvalidInput: BAD_PASSWORD.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidInput(
            "BAD_PASSWORD",
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters",
            field=field,
        )


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong guesses within the last five minutes."""

    from_here: int
    on_account: int
    known_address: bool


def locked_for_s(failures: Failures) -> int:
    """Return for how many seconds a sign-in is refused without looking at the password.

    >>> locked_for_s(Failures(from_here=4, on_account=4, known_address=False))
    0
    >>> locked_for_s(Failures(from_here=5, on_account=5, known_address=True))
    300
    >>> locked_for_s(Failures(from_here=0, on_account=80, known_address=True))
    0
    """
    if failures.from_here >= LOCKOUT_FAILURES:
        return LOCKOUT_WINDOW_S
    if failures.on_account >= ACCOUNT_FAILURES and not failures.known_address:
        return LOCKOUT_WINDOW_S
    return 0


class Refresh(Enum):
    """What to do with a refresh token."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSED = "reused"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """What the store knows of the session that a genuine refresh token names."""

    is_current: bool
    is_previous: bool
    rotated_at_s: float
    expires_at_s: float
    revoked: bool
    user_disabled: bool


def judge_refresh(session: SessionRow | None, now_s: float) -> Refresh:
    """Decide on a genuine refresh token: each is good once, and a later use ends the session.

    >>> row = SessionRow(
    ...     is_current=False, is_previous=True, rotated_at_s=0, expires_at_s=99, revoked=False,
    ...     user_disabled=False,
    ... )
    >>> judge_refresh(row, 5), judge_refresh(row, 50)
    (<Refresh.REPEAT: 'repeat'>, <Refresh.REUSED: 'reused'>)
    """
    if session is None or session.revoked or session.user_disabled:
        return Refresh.INVALID
    if session.expires_at_s <= now_s:
        return Refresh.INVALID
    if session.is_current:
        return Refresh.ROTATE
    if session.is_previous and now_s - session.rotated_at_s <= REFRESH_GRACE_S:
        return Refresh.REPEAT
    return Refresh.REUSED
