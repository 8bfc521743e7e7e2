"""Ports the system needs, and the addresses a person can open."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pi5.domain.errors import ConfigurationFault
from pi5.kit.home import Home
from pi5.kit.settings import GRPC_SERVICES, SERVICES, ServiceSettings, Settings

_SIOCGIFADDR = 0x8915
# Bridges of containers and virtual machines: nobody opens a dashboard there.
_INNER_INTERFACES = ("lo", "docker", "br-", "veth", "virbr", "cni", "podman")
_EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104


def local_services(settings: Settings) -> list[str]:
    """Return the services that run here: those whose address is not configured elsewhere."""
    return [name for name in SERVICES if not settings.services.get(name, ServiceSettings()).address]


def needed_ports(settings: Settings) -> list[tuple[str, str, int]]:
    """Return (setting, host, port) for every TCP port that will be listened on."""
    ports = [("web.port", settings.web.host, settings.web.port)]
    for name in local_services(settings):
        if name in GRPC_SERVICES:
            setting = f"services.{name}.port"
            ports.append((setting, "127.0.0.1", settings.grpc_port(name)))
            ports.append((setting, "127.0.0.1", settings.metrics_port(name)))
    return [entry for entry in ports if entry[2] > 0]


def is_free(host: str, port: int) -> bool:
    """Tell whether nobody listens on a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def refuse_taken_ports(settings: Settings) -> None:
    """Make sure that every port is free before anything is started.

    Raises:
        ConfigurationFault: PORT_TAKEN, naming the setting to change.
    """
    for setting, host, port in needed_ports(settings):
        if not is_free(host, port):
            raise ConfigurationFault(
                "PORT_TAKEN",
                f"port {port} is taken by another program, or {host} is no address of this "
                f"machine; stop that program, or change {setting} in pi5.yaml",
            )


def dashboard_addresses(settings: Settings) -> list[str]:
    """Return where the dashboard can be opened: in the local network first, then here."""
    scheme = "https" if settings.web.tls_certificate else "http"
    host = settings.web.host
    hosts = [*lan_addresses(), "localhost"] if host in _EVERYWHERE else [host]
    return [f"{scheme}://{f'[{h}]' if ':' in h else h}:{settings.web.port}" for h in hosts]


def lan_addresses() -> list[str]:
    """Return this machine's IPv4 addresses in local networks."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            if name.startswith(_INNER_INTERFACES):
                continue
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # an interface without an address
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, request)
                found.append(socket.inet_ntoa(answer[20:24]))
    return found


def setup_link(home: Home, address: str) -> str:
    """Return the one-time link that creates the first admin; "" when there is one already.

    The file holds a link for this machine; `address` makes it one for the phone as well.
    """
    path: Path = home.run / "setup-link"
    try:
        link = urlsplit(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return ""
    if not link.path:
        return ""
    scheme, host = address.split("://")
    return urlunsplit(link._replace(scheme=scheme, netloc=host))
