"""The HTTP server itself: slow senders, taken ports, and stopping."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import pkgutil
import socket

import pi5_web
import pytest
from pi5.domain.errors import ConfigurationFault
from pi5.kit.settings import WebSettings
from pi5_web import api as api_module
from pi5_web import serving

ORDER = "POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


async def test_headers_that_do_not_come_end_the_connection(running, monkeypatch) -> None:
    """A client that never finishes its headers does not hold its connection."""
    monkeypatch.setattr(serving, "HEADERS_WITHIN_S", 0.3)
    async with running({}, listen=True) as bridge:
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
            writer.write(begun)
            assert await asyncio.wait_for(_rest(reader), 3) == b""
            writer.close()


async def test_a_second_request_on_a_connection_has_its_own_deadline(running, monkeypatch) -> None:
    """Keep-alive works, and does not lift the deadline."""
    monkeypatch.setattr(serving, "HEADERS_WITHIN_S", 0.5)
    async with running({}, listen=True) as bridge:
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b'"}'), 3)
            await asyncio.sleep(0.3)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost")
        assert await asyncio.wait_for(_rest(reader), 3) == b""
        writer.close()


async def test_a_body_that_does_not_come_is_408(running, monkeypatch) -> None:
    """A body is waited for only so long; the answer says why."""
    monkeypatch.setattr(api_module, "BODY_WITHIN_S", 0.2)
    async with running({}, listen=True) as bridge:
        reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
        bearer = f"Authorization: Bearer {bridge.token()}\r\n"
        writer.write(f"{ORDER}{bearer}Content-Length: 50\r\n\r\n{{".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 3)
        assert b" 408 " in answer
        assert b"BODY_TOO_SLOW" in answer
        writer.close()


async def test_nonsense_bytes_are_400_and_the_server_goes_on(running) -> None:
    """What is no HTTP is refused without harm."""
    async with running({}, listen=True) as bridge:
        for junk in (b"\x16\x03\x01\x02\x00", b"GARBAGE\r\n\r\n", b"GET " + b"a" * 100_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
            writer.write(junk + b"\r\n\r\n")
            await asyncio.wait_for(_rest(reader), 12)
            writer.close()
        assert (await bridge.http.get("/healthz")).status_code == 200


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """Read to the end; a reset is an end too."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_a_taken_port_is_one_sentence() -> None:
    """A port that somebody has is a configuration fault that says what to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = WebSettings(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ConfigurationFault) as fault:
            serving.listen(settings)
    assert fault.value.code == "PORT_TAKEN"
    assert "web.port" in fault.value.message


def test_a_certificate_that_is_not_there_is_one_sentence() -> None:
    """TLS files that cannot be read are a configuration fault."""
    settings = WebSettings(tls_certificate="/nowhere/cert.pem", tls_key="/nowhere/key.pem")
    with pytest.raises(ConfigurationFault) as fault:
        serving.build(lambda *_: None, settings)
    assert fault.value.code == "TLS_UNREADABLE"


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.walk_packages(pi5_web.__path__, "pi5_web.")]
)
def test_examples_in_the_code_are_true(name: str) -> None:
    """Every example in a docstring of the bridge gives what it says."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0
