"""The first admin: from PI5_ADMIN_PASSWORD, or through a one-time link that the start prints."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pi5.domain.errors import ConfigurationFault, InvalidInput
from pi5.kit.clock import new_id, new_secret
from pi5.kit.home import Home
from pi5.kit.log import Logger
from pi5.kit.settings import Settings
from pi5.system.engine import check_password, check_username
from pi5.system.identity import hash_token
from pi5.system.passwords import Passwords
from pi5.system.store import IdentityStore


def link_file(home: Home) -> Path:
    """Return where the link is left for `pi5 up` to print."""
    return home.run / "setup-link"


def lan_address() -> str:
    """Return this machine's address in the house; localhost when it has none.

    No packet is sent: connecting a datagram socket only asks the kernel for the route.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "localhost"


async def prepare_first_admin(
    home: Home, settings: Settings, store: IdentityStore, passwords: Passwords, log: Logger
) -> None:
    """Create the admin from the environment, or leave a set-up link; nothing when there is one.

    Raises:
        ConfigurationFault: BAD_ADMIN_PASSWORD.
    """
    path = link_file(home)
    path.unlink(missing_ok=True)
    if await store.has_users():
        return
    password = os.environ.get("PI5_ADMIN_PASSWORD", "")
    if password:
        username = os.environ.get("PI5_ADMIN_USERNAME", "admin")
        try:
            check_username(username)
            check_password(password, "PI5_ADMIN_PASSWORD")
        except InvalidInput as fault:
            raise ConfigurationFault(
                "BAD_ADMIN_PASSWORD", f"PI5_ADMIN_PASSWORD cannot be used: {fault.message}"
            ) from None
        hashed = await passwords.hash(password)
        await store.create_first_admin(new_id(), username, hashed, token_hash=None)
        log.info("created the first admin from the environment", username=username)
        return
    token = new_secret()
    await store.set_setup_token(hash_token(token))
    listens_here_only = settings.web.host in {"127.0.0.1", "localhost", "::1"}
    host = "localhost" if listens_here_only else lan_address()
    scheme = "https" if settings.web.tls_certificate else "http"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{scheme}://{host}:{settings.web.port}/setup#token={token}\n")
