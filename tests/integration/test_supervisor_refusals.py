"""What keeps `pi5 up` from starting: one sentence with a code, exit code 1, nothing left behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


def pi5(home, *arguments, **variables):
    """Run a command to its end."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PI5_"}
    return subprocess.run(
        [sys.executable, "-m", "pi5.cli.main", *arguments],
        env={**environment, "PI5_HOME": str(home.root), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def processes_of(home):
    """Processes that have the home folder in their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(home.root) in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def assert_refused(result, code):
    """One line on stderr, beginning with the code, and exit code 1."""
    assert result.returncode == 1, result.stderr + result.stdout
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith(f"error {code}: "), result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port(home):
    """Another program has the dashboard's port: the sentence names the port and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = pi5(home, "up", PI5_WEB__HOST="127.0.0.1", PI5_WEB__PORT=port)
    assert_refused(result, "PORT_TAKEN")
    assert port in result.stderr
    assert "web.port" in result.stderr
    assert processes_of(home) == []


def test_a_misspelt_setting(home):
    """A key that does not exist is named, with the one that was meant."""
    home.root.joinpath("pi5.yaml").write_text("web:\n  prot: 1\n")
    result = pi5(home, "up")
    assert_refused(result, "CONFIG_UNKNOWN_KEY")
    assert "did you mean web.port" in result.stderr


def test_an_unreachable_database(home):
    """A configured database that is away: the sentence names where to look."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    result = pi5(home, "up", PI5_DATABASE_URL=url, **free_ports())
    assert_refused(result, "DATABASE_UNREACHABLE")
    assert "PI5_DATABASE_URL" in result.stderr


def test_data_of_another_postgresql(home):
    """Data of another major version is refused and left alone."""
    (home.root / "data-17").mkdir()
    result = pi5(home, "up", **free_ports())
    assert_refused(result, "POSTGRES_WRONG_MAJOR")
    assert not home.database.exists()


def test_wrong_usage_is_told_apart(home):
    """An unknown command or option is exit code 2."""
    assert pi5(home, "pu").returncode == 2
    assert pi5(home, "up", "--fast").returncode == 2


def test_migrate_by_hand_and_again(home):
    """`pi5 migrate` makes the database, says what it did, and may be repeated."""
    assert "from nothing to" in pi5(home, "migrate").stdout
    assert "already" in pi5(home, "migrate").stdout
    assert processes_of(home) == []


def free_ports():
    """Variables that move every port to a free one."""
    names = ("data", "strategy", "risk", "execution", "portfolio", "backtest", "system")
    variables = {f"PI5_SERVICES__{name.upper()}__PORT": "0" for name in names}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return variables | {"PI5_WEB__HOST": "127.0.0.1", "PI5_WEB__PORT": str(port)}
