"""The supervisor's file and lock, the ports it needs, and what it says."""

import os
import socket
import subprocess
import sys

import pytest
from pi5.domain.errors import ConfigurationFault, Precondition
from pi5.kit.clock import SystemClock
from pi5.kit.home import Home
from pi5.kit.settings import ServiceSettings, Settings, SystemSettings, WebSettings
from pi5.supervisor.addresses import (
    dashboard_addresses,
    local_services,
    needed_ports,
    refuse_taken_ports,
    setup_link,
)
from pi5.supervisor.banner import banner
from pi5.supervisor.state import (
    ServiceState,
    SupervisorState,
    end_orphans,
    only_instance,
    read_state,
    state_path,
    write_atomically,
)


@pytest.fixture
def home(tmp_path):
    place = Home(tmp_path)
    place.create()
    return place


def write_state(home, pid, service_pid=None):
    import msgspec

    state = SupervisorState(
        pid=pid,
        version="1",
        started_at="",
        services={"data": ServiceState(pid=service_pid)},
    )
    write_atomically(state_path(home), msgspec.json.encode(state))


def test_a_second_start_is_refused_with_the_pid_of_the_first(home):
    """One supervisor for a PI5_HOME; the refusal says which process has it."""
    write_state(home, 4711)
    with only_instance(home):
        with pytest.raises(Precondition, match="4711") as caught, only_instance(home):
            pass
        assert caught.value.code == "ALREADY_RUNNING"
    with only_instance(home):
        pass


def test_a_damaged_state_file_is_no_state(home):
    """Half a file or none reads as nothing, never as a fault."""
    assert read_state(home) is None
    state_path(home).write_text('{"pid": 1')
    assert read_state(home) is None


def test_orphans_are_ended_and_strangers_left_alone(home, monkeypatch):
    """Services that outlived their supervisor are ended; a pid that is somebody else's is not."""
    monkeypatch.setattr("pi5.supervisor.state._ORPHANS_END_NS", 100_000_000)
    stranger = subprocess.Popen(["sleep", "60"])
    orphan = subprocess.Popen([sys.executable, "-c", "input()", "pi5.serve"], stdin=subprocess.PIPE)
    try:
        write_state(home, 1, stranger.pid)
        end_orphans(home, SystemClock())
        assert stranger.poll() is None
        write_state(home, 1, orphan.pid)
        end_orphans(home, SystemClock())
        assert orphan.wait(5) == -9
    finally:
        for process in (stranger, orphan):
            process.kill()
            process.communicate()


def test_services_that_run_elsewhere_need_no_port_here():
    """A service with an address of its own is neither started nor given a port."""
    settings = Settings(services={"backtest": ServiceSettings(address="10.0.0.5:50056")})
    assert "backtest" not in local_services(settings)
    assert "web" in local_services(settings)
    assert all(setting != "services.backtest.port" for setting, _, _ in needed_ports(settings))


def test_a_taken_port_is_named_with_its_setting():
    """The sentence names the port and what to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings(web=WebSettings(host="127.0.0.1", port=port))
        with pytest.raises(ConfigurationFault) as caught:
            refuse_taken_ports(settings)
    assert caught.value.code == "PORT_TAKEN"
    assert str(port) in caught.value.message
    assert "web.port" in caught.value.message


def test_a_local_host_is_the_only_address_shown():
    """Bound to loopback or one address, nothing else is offered."""
    assert dashboard_addresses(Settings(web=WebSettings(host="127.0.0.1"))) == [
        "http://127.0.0.1:8080"
    ]
    secure = WebSettings(host="fd00::1", tls_certificate="cert.pem")
    assert dashboard_addresses(Settings(web=secure)) == ["https://[fd00::1]:8080"]
    assert dashboard_addresses(Settings())[-1] == "http://localhost:8080"


@pytest.mark.parametrize("content", ["http://localhost:8080/setup#token=abc\n", "/setup#token=abc"])
def test_the_setup_link_is_shown_while_there_is_one(home, content):
    """The link gets the address that other devices can open; without a file there is no row."""
    settings = Settings(web=WebSettings(host="10.0.0.7"))
    assert setup_link(home, "http://x") == ""
    assert "First visit" not in banner(home, settings)
    (home.run / "setup-link").write_text(content)
    assert "http://10.0.0.7:8080/setup#token=abc" in banner(home, settings)


def test_live_trading_cannot_be_overlooked(home):
    """Paper is said calmly, live in capitals."""
    assert "paper trading" in banner(home, Settings())
    assert "LIVE" in banner(home, Settings(system=SystemSettings(environment="live")))


def test_the_state_is_readable_by_the_owner_only(home):
    """The file is replaced as a whole, with mode 0600."""
    write_state(home, os.getpid())
    assert state_path(home).stat().st_mode & 0o777 == 0o600
    assert read_state(home).pid == os.getpid()
    assert [path.name for path in home.run.iterdir()] == ["supervisor.json"]
