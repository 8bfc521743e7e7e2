"""Every fault the system can name, as one tree.

    Fault                     could not be done; carries a stable code and a sentence
    ├── InvalidInput          the request itself is wrong           INVALID_ARGUMENT
    ├── NotFound              what it names is not there            NOT_FOUND
    ├── Conflict              it is there already, with other data  ALREADY_EXISTS
    ├── Precondition          not possible in the present state     FAILED_PRECONDITION
    ├── OutOfRange            before the oldest or after the newest OUT_OF_RANGE
    ├── Unauthenticated       who is calling?                       UNAUTHENTICATED
    ├── Forbidden             not with this role                    PERMISSION_DENIED
    ├── Exhausted             too much or too often                 RESOURCE_EXHAUSTED
    ├── Unavailable           a part it needs is away; try again    UNAVAILABLE
    ├── Planned               comes with a later release             UNIMPLEMENTED
    └── ConfigurationFault    the settings are wrong                FAILED_PRECONDITION

A refusal by risk is not a fault: it is a value (`pi5.domain.decision.Decision`).
"""

from __future__ import annotations

from collections.abc import Mapping


class Fault(Exception):  # noqa: N818 - a fault is told from a refusal, which is a value
    """Something could not be done.

    Args:
        code: stable UPPER_SNAKE code that programs and the dashboard may rely on.
        message: one sentence for a person, saying what to do where that is known.
        details: figures and names that belong to it.
        field: path of the request field at fault, where there is one.
        retry_after_s: when trying again makes sense.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        field: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.field = field
        self.retry_after_s = retry_after_s


class InvalidInput(Fault):
    """The request itself is wrong."""


class NotFound(Fault):
    """What the request names is not there."""


class Conflict(Fault):
    """It is there already, with other data."""


class Precondition(Fault):
    """Not possible in the present state."""


class OutOfRange(Fault):
    """Before the oldest or after the newest that is kept."""


class Unauthenticated(Fault):
    """The caller is not known."""


class Forbidden(Fault):
    """The caller is known but may not do this."""


class Exhausted(Fault):
    """Too much or too often."""


class Unavailable(Fault):
    """A part that is needed is away; trying again makes sense."""


class Planned(Fault):
    """The contract has it, this release does not yet."""


class ConfigurationFault(Fault):
    """The settings are wrong; nothing starts until they are mended."""
