"""The dashboard's files, open paths and the headers on everything."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from pi5.kit.clock import SystemClock
from pi5_web.app import Pulse
from pi5_web.edge import SECURITY_HEADERS
from pi5_web.static import StaticFiles
from starlette.requests import Request


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/orders", "/api/v1/nope", "/docs"])
async def test_security_headers_are_on_every_answer(running, path) -> None:
    """Nothing may frame us, nothing foreign may run in our pages."""
    async with running({}) as bridge:
        answer = await bridge.http.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert "strict-transport-security" not in answer.headers
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_open_paths_answer_without_a_token(running) -> None:
    """Liveness, metrics and the interface's description are open."""
    async with running({}) as bridge:
        health = await bridge.http.get("/healthz")
        assert health.json()["status"] == "ok"
        assert (await bridge.http.get("/health")).json() == health.json()
        metrics = (await bridge.http.get("/metrics")).text
        assert 'http_requests_total{method="GET",route="/healthz",status="200"}' in metrics
        document = (await bridge.http.get("/api/v1/openapi.json")).json()
        page = (await bridge.http.get("/docs")).text
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/orders" in page
    assert "<script" not in page


async def test_all_services_metrics_need_a_token(running) -> None:
    """The merged metrics are for people who signed in."""
    async with running({}) as bridge:
        path = "/api/v1/system/metrics"
        assert (await bridge.http.get(path)).status_code == 401
        shown = await bridge.http.get(path, headers=bridge.bearer("viewer"))
    assert 'service="web"' in shown.text


def test_a_stuck_loop_is_not_alive() -> None:
    """Liveness is progress made lately, not a process that exists."""

    class Steps(SystemClock):
        at_ns = 0

        def monotonic_ns(self) -> int:
            return self.at_ns

    clock = Steps()
    pulse = Pulse(clock)
    assert pulse.alive()
    clock.at_ns = 11_000_000_000
    assert not pulse.alive()
    pulse.beat()
    assert pulse.alive()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<html>page</html>")
    (tmp_path / "assets" / "app-abc.js").write_text("let a = 1")
    (tmp_path / "assets" / "app-abc.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (tmp_path / "assets" / "app-abc.js.br").write_bytes(b"brotli")
    (tmp_path / "manifest.webmanifest").write_text("{}")
    return tmp_path


async def get(files: StaticFiles, path: str, method: str = "GET", **headers: str):
    async def app(scope, receive, send):
        await files.answer(Request(scope, receive))(scope, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(method, path, headers={"accept-encoding": "", **headers})


async def test_hashed_files_are_immutable_and_compressed_beforehand(folder: Path) -> None:
    """A browser keeps hashed files for ever and gets the smallest variant it understands."""
    files = StaticFiles(folder)
    plain = await get(files, "/assets/app-abc.js")
    assert plain.text == "let a = 1"
    assert "immutable" in plain.headers["cache-control"]
    assert plain.headers["content-type"].startswith("text/javascript")
    zipped = await get(files, "/assets/app-abc.js", **{"accept-encoding": "gzip, br;q=0"})
    assert (zipped.headers["content-encoding"], zipped.text) == ("gzip", "let a = 1")
    again = await get(files, "/assets/app-abc.js", **{"if-none-match": plain.headers["etag"]})
    assert again.status_code == 304


async def test_unknown_paths_are_the_pages_own_but_missing_files_are_404(folder: Path) -> None:
    """/orders is a page of the dashboard; a file that is not there is not."""
    files = StaticFiles(folder)
    page = await get(files, "/orders")
    assert (page.text, page.headers["cache-control"]) == ("<html>page</html>", "no-cache")
    assert (await get(files, "/assets/gone.js")).status_code == 404
    assert (await get(files, "/favicon.ico")).status_code == 404
    assert (await get(files, "/", "POST")).status_code == 405


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt"]
)
async def test_no_path_leads_out_of_the_folder(folder: Path, path: str) -> None:
    """Only what was found in the folder can be asked for."""
    (folder.parent / "secret.txt").write_text("secret")
    answer = await get(StaticFiles(folder), path)
    assert "secret" not in answer.text


async def test_a_new_build_is_served_without_a_restart(folder: Path) -> None:
    """When the index changes, the folder is read again."""
    files = StaticFiles(folder)
    await get(files, "/")
    (folder / "index.html").write_text("<html>new</html>")
    assert (await get(files, "/")).text == "<html>new</html>"


async def test_without_a_build_the_page_says_so(tmp_path: Path) -> None:
    """A source checkout whose dashboard was not built explains itself."""
    answer = await get(StaticFiles(tmp_path), "/")
    assert answer.status_code == 503
    assert "has not been built" in answer.text
