"""The command line's frame: what it imports, how it ends, what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pi5.cli
import pytest
from pi5.cli.main import commands, main
from pi5.kit.settings import Settings, WebSettings


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Commands work on an empty home."""
    for name in [name for name in os.environ if name.startswith("PI5_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PI5_HOME", str(tmp_path))


def test_every_public_module_is_a_command():
    """A module of the folder is a command by its name, without a list to keep."""
    names = commands()
    assert names["import"] == "import_"
    assert {"up", "status", "doctor", "halt", "resume", "orders", "user"} <= set(names)
    assert not any(name.startswith("_") for name in names)
    for module in names.values():
        assert (Path(pi5.cli.__file__).parent / f"{module}.py").exists()


def test_services_do_without_the_command_line():
    """`pi5 serve` loads neither typer nor Alembic: eight processes carry what it imports."""
    program = (
        "import sys; from pi5.cli.main import main; code = main(['serve', 'nobody']);"
        "print(code, [m for m in ('typer', 'alembic', 'sqlalchemy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "2 []"
    assert "error UNKNOWN_SERVICE" in result.stderr


def test_a_command_imports_only_itself():
    """Calling one command does not import the others' modules."""
    program = (
        "import sys; from pi5.cli.main import main; main(['version']);"
        "print([m for m in ('pi5.cli.doctor', 'pi5.cli.user', 'grpc') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"


def test_a_fault_is_one_line_with_its_code(capsys):
    """Faults end with exit code 1 and "error CODE: sentence" on stderr, nothing on stdout."""
    assert main(["token", "--role", "king"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error UNKNOWN_ROLE: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["nonsense"], ["orders", "--nonsense"], ["import"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    """What the person typed wrongly is told apart from what went wrong."""
    assert main(arguments) == 2


def test_help_lists_every_command(capsys):
    """`pi5 --help` names all commands with a sentence each."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in commands())


@pytest.mark.parametrize(
    "arguments", [["halt"], ["orders", "--json"], ["positions"], ["user", "list"]]
)
def test_without_a_system_the_sentence_says_how_to_start_it(arguments, capsys):
    """A service that does not answer is named, with what to do."""
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error SERVICE_AWAY: the ")
    assert "pi5 up" in error


def test_a_token_belongs_to_whoever_reads_the_key(capsys, tmp_path):
    """`pi5 token` mints with the local key, with the role that was asked for."""
    from pi5.api.common.v1 import options_pb2
    from pi5.kit.clock import SystemClock
    from pi5.kit.home import Home
    from pi5.kit.tokens import TokenIssuer, load_or_create_key

    assert main(["token", "--role", "trader", "--ttl-s", "60"]) == 0
    token = capsys.readouterr().out.strip()
    caller = TokenIssuer(load_or_create_key(Home(tmp_path)), SystemClock()).verify(token)
    assert caller.role == options_pb2.ROLE_TRADER
    assert caller.subject.startswith("cli")


def test_global_options_choose_home_and_settings(capsys, tmp_path, monkeypatch):
    """--home and --config stand before the command and reach the processes it starts."""
    monkeypatch.setenv("PI5_CONFIG", "")
    other = tmp_path / "other.yaml"
    other.write_text("web:\n  port: 9999\n")
    arguments = ["--home", str(tmp_path / "h"), "--config", str(other), "config", "show", "--json"]
    assert main(arguments) == 0
    assert '"value": 9999' in capsys.readouterr().out
    assert os.environ["PI5_HOME"] == str(tmp_path / "h")


def test_settings_say_where_they_come_from(monkeypatch):
    """Each setting has its source and its meaning; a password in an address is not shown."""
    from pi5.cli.config import settings_entries
    from pi5.kit.settings import DatabaseSettings

    monkeypatch.setenv("PI5_WEB__HOST", "10.0.0.1")
    settings = Settings(
        web=WebSettings(host="10.0.0.1", port=9090),
        database=DatabaseSettings(url="postgresql://pi5:secret@db/pi5"),
    )
    entries = {entry["key"]: entry for entry in settings_entries(settings)}
    assert entries["web.host"]["source"] == "environment"
    assert entries["web.port"]["source"] == "file"
    assert entries["web.lan_only"]["source"] == "default"
    assert entries["database.url"]["value"] == "postgresql://pi5:…@db/pi5"
    undescribed = [key for key, entry in entries.items() if not entry["description"]]
    assert undescribed == ["services"]


def test_status_of_nothing_is_not_healthy(capsys):
    """Without a system `pi5 status` says so and ends with 1."""
    assert main(["status", "--json"]) == 1
    assert '"healthy": false' in capsys.readouterr().out
