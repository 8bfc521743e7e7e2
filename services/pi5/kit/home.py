"""Where the system keeps its state: one folder, PI5_HOME, and the names in it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pi5.domain.errors import ConfigurationFault

# A unix socket's path may be 107 bytes long; the longest name below run/ is "portfolio.sock".
_LONGEST_ROOT = 107 - len("/run/portfolio.sock")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder with all state of one installation."""

    root: Path

    @property
    def run(self) -> Path:
        """Sockets, locks and other things that mean nothing after a restart."""
        return self.root / "run"

    @property
    def keys(self) -> Path:
        """Keys; readable by the owner only."""
        return self.root / "keys"

    @property
    def logs(self) -> Path:
        """One log file a service."""
        return self.root / "logs"

    @property
    def database(self) -> Path:
        """Data folder of the embedded PostgreSQL, named by its major version."""
        return self.root / "data-18"

    @property
    def strategies(self) -> Path:
        """The user's own strategy plug-ins."""
        return self.root / "strategies"

    @property
    def config_file(self) -> Path:
        """The configuration, when there is one."""
        return self.root / "pi5.yaml"

    @property
    def token_key(self) -> Path:
        """Key that signs access tokens."""
        return self.keys / "token.key"

    def socket(self, service: str) -> Path:
        """Unix socket of a service."""
        return self.run / f"{service}.sock"

    def create(self) -> None:
        """Make the folders, closed to other users."""
        for folder in (self.root, self.run, self.keys, self.logs, self.strategies):
            folder.mkdir(parents=True, exist_ok=True)
        self.keys.chmod(0o700)


def default_root() -> Path:
    """Return PI5_HOME, or the platform's folder for user data."""
    chosen = os.environ.get("PI5_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "pi5"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "pi5"


def open_home(root: Path | None = None) -> Home:
    """Return the home folder, refusing a path that is too long for sockets.

    Raises:
        ConfigurationFault: HOME_PATH_TOO_LONG.
    """
    home = Home((root or default_root()).absolute())
    if len(os.fsencode(home.root)) > _LONGEST_ROOT:
        raise ConfigurationFault(
            "HOME_PATH_TOO_LONG",
            f"PI5_HOME ({home.root}) is longer than {_LONGEST_ROOT} bytes, too long for unix "
            "sockets; choose a shorter folder",
        )
    return home
