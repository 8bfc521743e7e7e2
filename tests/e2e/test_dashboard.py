"""The dashboard in a real browser against the real system: laptop and phone, dark and light."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.running_system import PASSWORD, RunningSystem, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the operating system packages it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed (apt install chromium)")
    assert path is not None, "CI needs chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


def signed_in(browser: Browser, system: RunningSystem, size: dict, scheme: str) -> Page:
    """Open the overview as a person does: by signing in."""
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console",
        lambda line: page.problems.append(line.text) if "Content Security" in line.text else None,
    )
    page.goto(system.url + "/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_attached()
    return page


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE, NARROW], ids=["laptop", "phone", "narrow"])
def test_the_overview_is_live_and_fits(browser, system: RunningSystem, size, scheme) -> None:
    """Equity, positions, orders and strategies show, the link is live, nothing overflows."""
    eventually(lambda: system.get("/api/v1/orders/trades/history")["fills"], within_s=60)
    page = signed_in(browser, system, size, scheme)
    for title in ("Open positions", "Recent orders", "Strategies", "Equity and drawdown"):
        expect(page.get_by_role("heading", name=title)).to_be_attached()
    expect(page.get_by_text(re.compile("^live", re.IGNORECASE)).first).to_be_visible(timeout=15_000)
    expect(page.get_by_text("ma-crossover-synthetic").first).to_be_attached()
    expect(page.get_by_text("PAPER").first).to_be_visible()
    page.wait_for_timeout(1_500)
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"overview-{size['width']}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.problems == []
    page.context.close()


@pytest.mark.parametrize("path", ["/orders", "/strategies", "/system", "/settings"])
def test_every_page_of_the_navigation_works(browser, system: RunningSystem, path: str) -> None:
    """Each page opens with its heading and without an error."""
    page = signed_in(browser, system, LAPTOP, "dark")
    page.goto(system.url + path)
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    page.wait_for_timeout(1_000)
    page.screenshot(path=ARTIFACTS / f"{path.strip('/')}-1366.png", full_page=True)
    assert page.problems == []
    page.context.close()


def test_halt_takes_one_question_and_resume_asks_again(browser, system: RunningSystem) -> None:
    """The halt button stops trading after one confirmation; resume says what it does."""
    page = signed_in(browser, system, LAPTOP, "dark")
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("button", name="Halt trading").click()
    try:
        eventually(lambda: system.get("/api/v1/risk/state")["mode"] == "halted", 10)
        expect(page.get_by_role("button", name=re.compile("Resume")).first).to_be_visible()
    finally:
        system.client.post("/api/v1/risk/resume", json={"reason": "end of the test"})
    eventually(lambda: system.get("/api/v1/risk/state")["mode"] == "active", 10)
    page.context.close()


def test_a_strategy_is_stopped_from_the_page(browser, system: RunningSystem) -> None:
    """Stopping takes one click and shows in the system."""
    page = signed_in(browser, system, LAPTOP, "dark")
    page.goto(system.url + "/strategies")
    row = page.get_by_role("row").filter(has_text="ma-crossover-replay").first
    row.get_by_role("button", name=re.compile("Stop")).click()
    path = "/api/v1/strategies/ma-crossover-replay"
    eventually(lambda: system.get(path)["state"] == "stopped", 10)
    system.client.post(f"{path}/start", json={})
    eventually(lambda: system.get(path)["state"] == "running", 20)
    page.context.close()
