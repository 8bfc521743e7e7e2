"""`pi5 user`: the people who may sign in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pi5.domain.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pi5.api.system.v1 import identity_service_pb2_grpc, system_pb2
    from pi5.cli._rpc import Calls

    Identity = Calls[identity_service_pb2_grpc.IdentityServiceStub]

_FromStdin = Annotated[bool, typer.Option(help="read the password from standard input")]
_PAGES_MAX = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    user = typer.Typer(no_args_is_help=True, help="The people who may sign in.")
    user.command("add")(add)
    user.command("list")(show)
    user.command("passwd")(change_password)
    app.add_typer(user, name="user")


def add(
    name: str,
    role: Annotated[str, typer.Option(help="viewer, trader or admin")] = "viewer",
    password_stdin: _FromStdin = False,
) -> None:
    """Add a person."""
    from pi5.api.common.v1 import options_pb2
    from pi5.api.system.v1 import identity_service_pb2, identity_service_pb2_grpc
    from pi5.cli._here import here
    from pi5.cli._rpc import connected
    from pi5.kit.clock import new_id

    roles = {
        "viewer": options_pb2.ROLE_VIEWER,
        "trader": options_pb2.ROLE_TRADER,
        "admin": options_pb2.ROLE_ADMIN,
    }
    if role not in roles:
        raise InvalidInput("UNKNOWN_ROLE", f"role must be viewer, trader or admin, not {role}")
    request = identity_service_pb2.CreateUserRequest(
        request_id=new_id(), username=name, password=_password(password_stdin), role=roles[role]
    )
    with connected(here(), "system", identity_service_pb2_grpc.IdentityServiceStub) as identity:
        identity.call(identity.stub.CreateUser, request)
    print(f"{name} may sign in as {role}.")


def show(json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Show everybody."""
    from pi5.api.common.v1 import options_pb2
    from pi5.api.system.v1 import identity_service_pb2_grpc
    from pi5.cli._here import here
    from pi5.cli._output import enum_text, local_time, plain, print_json, print_table
    from pi5.cli._rpc import connected

    with connected(here(), "system", identity_service_pb2_grpc.IdentityServiceStub) as identity:
        users = list(_users(identity))
    if json:
        print_json([plain(user) for user in users])
        return
    print_table(
        ("Name", "Role", "One-time code", "Last seen", ""),
        (
            (
                user.username,
                enum_text(options_pb2.Role.DESCRIPTOR, user.role),
                "yes" if user.totp_enabled else "no",
                local_time(user.last_login_at) if user.HasField("last_login_at") else "never",
                "disabled" if user.disabled else "",
            )
            for user in users
        ),
        "Nobody yet. Open the one-time link that `pi5 up` shows, or use `pi5 user add`.",
    )


def change_password(name: str, password_stdin: _FromStdin = False) -> None:
    """Give a person a new password; they are signed out everywhere."""
    from pi5.api.system.v1 import identity_service_pb2, identity_service_pb2_grpc
    from pi5.cli._here import here
    from pi5.cli._rpc import connected
    from pi5.kit.clock import new_id

    with connected(here(), "system", identity_service_pb2_grpc.IdentityServiceStub) as identity:
        found = next((u for u in _users(identity) if u.username.lower() == name.lower()), None)
        if found is None:
            raise NotFound("USER_NOT_FOUND", f"there is no user {name}; see `pi5 user list`")
        request = identity_service_pb2.UpdateUserRequest(
            request_id=new_id(), id=found.id, password=_password(password_stdin)
        )
        identity.call(identity.stub.UpdateUser, request)
    print(f"{found.username} has a new password.")


def _users(identity: Identity) -> Iterator[system_pb2.User]:
    from pi5.api.system.v1 import identity_service_pb2

    token = ""
    for _ in range(_PAGES_MAX):
        request = identity_service_pb2.ListUsersRequest(page_size=500, page_token=token)
        page = identity.call(identity.stub.ListUsers, request)
        yield from page.users
        token = page.next_page_token
        if not token:
            return


def _password(from_stdin: bool) -> str:
    """Return a password: never from an argument, which every user of the machine could see."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
