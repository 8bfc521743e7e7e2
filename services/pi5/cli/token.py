"""`pi5 token`."""

from __future__ import annotations

from typing import Annotated

import typer

from pi5.cli._here import here
from pi5.domain.errors import InvalidInput

_TTL_S_MAX = 24 * 3600


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("token")
    def show(
        role: Annotated[str, typer.Option(help="viewer, trader or admin")] = "viewer",
        ttl_s: Annotated[int, typer.Option(help="seconds it is valid, at most a day")] = 900,
    ) -> None:
        """Print an access token for scripts and grpcurl.

        grpcurl -H "authorization: Bearer $(pi5 token)" …
        """
        from pi5.api.common.v1 import options_pb2
        from pi5.cli._rpc import mint

        roles = {
            "viewer": options_pb2.ROLE_VIEWER,
            "trader": options_pb2.ROLE_TRADER,
            "admin": options_pb2.ROLE_ADMIN,
        }
        if role not in roles:
            raise InvalidInput("UNKNOWN_ROLE", f"role must be viewer, trader or admin, not {role}")
        if not 0 < ttl_s <= _TTL_S_MAX:
            raise InvalidInput("WRONG_TTL", f"ttl-s must lie between 1 and {_TTL_S_MAX}")
        print(mint(here(), roles[role], ttl_s))
