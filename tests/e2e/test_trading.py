"""From nothing to a fill: what a newcomer sees in the first minute, through the public doors."""

from __future__ import annotations

import asyncio
import json
import uuid
from decimal import Decimal

import pytest
import websockets

from tests.running_system import RunningSystem, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_a_fresh_system_trades_within_a_minute(system: RunningSystem) -> None:
    """The demo strategies get their first paper fill within 60 s of the system being healthy."""

    def fills():
        return system.get("/api/v1/orders/trades/history")["fills"]

    first = eventually(fills, within_s=60)[0]
    assert Decimal(first["qty"]) > 0
    assert first["side"] in {"buy", "sell"}


def test_the_main_views_answer_with_live_data(system: RunningSystem) -> None:
    """Orders, summary, strategies and health hold what the running system does."""
    eventually(lambda: system.get("/api/v1/orders")["orders"], within_s=60)
    order = system.get("/api/v1/orders")["orders"][0]
    assert order["status"] in {"filled", "accepted", "partially_filled", "pending_new", "rejected"}
    summary = system.get("/api/v1/portfolio/summary")
    assert Decimal(summary["equity"]) > 0
    assert summary["applied_sequence"] > 0
    strategies = system.get("/api/v1/strategies")["strategies"]
    assert {s["id"] for s in strategies} == {"ma-crossover-synthetic", "ma-crossover-replay"}
    assert {s["state"] for s in strategies} == {"running"}
    health = system.get("/api/v1/system/health")
    assert {"data", "strategy", "risk", "execution", "portfolio", "backtest", "system"} <= {
        component["name"] for component in health["components"]
    }


def test_every_signal_ends_in_an_order_or_a_reason(system: RunningSystem) -> None:
    """No signal is left without an outcome, and each order leads to its decision and checks."""
    eventually(lambda: system.get("/api/v1/signals")["signals"], within_s=60)
    settled = [s for s in system.get("/api/v1/signals")["signals"] if s["outcome"] != "pending"]
    assert settled
    for record in settled:
        if record["outcome"] == "ordered":
            assert system.get(f"/api/v1/orders/{record['order_id']}")["id"] == record["order_id"]
        else:
            assert record["reject_code"]
            assert record["reject_reason"]
    decided = next(s for s in settled if s["decision_id"])
    decision = eventually(
        lambda: system.client.get(f"/api/v1/risk/decisions/{decided['decision_id']}").json(), 10
    )
    checks = {check["check"]: check for check in decision["checks"]}
    assert {"position_share", "exposure", "daily_loss"} <= set(checks)
    assert all(
        check["verdict"] in {"pass", "reject", "not_applicable"} for check in checks.values()
    )


def test_the_books_balance_on_the_running_system(system: RunningSystem) -> None:
    """The portfolio rebuilt from the order log equals the live one to the last digit."""
    verified = system.client.post("/api/v1/portfolio/verify", json={}).json()
    assert verified["consistent"], verified["differences"]
    assert verified["events"] > 0


def test_an_order_by_hand_is_judged_and_filled_once(system: RunningSystem) -> None:
    """A person's order passes the same gate; the same id and body again is the same order."""
    body = {
        "client_order_id": str(uuid.uuid4()),
        "symbol": "ACME",
        "side": "buy",
        "type": "market",
        "time_in_force": "ioc",
        "qty": "3",
    }
    first = system.client.post("/api/v1/orders", json=body)
    assert first.status_code == 200, first.text
    again = system.client.post("/api/v1/orders", json=body).json()
    assert again["id"] == first.json()["id"]
    changed = system.client.post("/api/v1/orders", json={**body, "qty": "4"})
    assert (changed.status_code, changed.json()["code"]) == (409, "CLIENT_ORDER_ID_REUSED")
    done = eventually(
        lambda: (o := system.get(f"/api/v1/orders/{again['id']}"))["status"] == "filled" and o, 10
    )
    assert done["filled_qty"] == "3"
    fills = system.get("/api/v1/orders/trades/history", order_id=done["id"])["fills"]
    assert sum(Decimal(f["qty"]) for f in fills) == 3


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"symbol": "NOSUCH"}, 400, "UNKNOWN_SYMBOL"),
        ({"qty": "-1"}, 400, None),
        ({"qty": "NaN"}, 400, "NOT_A_DECIMAL"),
        ({"qty": "0.5"}, 400, None),
        ({"side": "sideways"}, 400, None),
        ({"quantity": "1"}, 400, None),
        ({"type": "limit"}, 400, None),
    ],
)
def test_bad_orders_are_refused_with_a_code(system: RunningSystem, change, status, code) -> None:
    """Each wrong order gets its status, a stable code and one sentence; nothing is sent."""
    body = {"symbol": "ACME", "side": "buy", "type": "market", "qty": "1", **change}
    answer = system.client.post("/api/v1/orders", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code or (code is None and answer.json()["code"])
    assert answer.json()["message"]


def test_without_a_token_nothing_is_told(system: RunningSystem) -> None:
    """Every path but the open ones answers 401 without a token."""
    for path in ("/api/v1/orders", "/api/v1/portfolio/summary", "/api/v1/system/health"):
        answer = system.client.get(path, headers={"authorization": ""})
        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_MISSING")
    assert system.client.get("/healthz", headers={"authorization": ""}).status_code == 200


async def _collect(system: RunningSystem, channel: str, count: int) -> list[dict]:
    token = system.client.headers["authorization"].removeprefix("Bearer ")
    async with websockets.connect(system.url.replace("http", "ws") + "/ws") as socket:
        await socket.send(json.dumps({"action": "auth", "token": token}))
        await socket.send(json.dumps({"action": "subscribe", "channel": channel}))
        found: list[dict] = []
        while len(found) < count:
            message = json.loads(await asyncio.wait_for(socket.recv(), 20))
            if message.get("channel") == channel and message["type"] in {"snapshot", "update"}:
                found.append(message)
        return found


@pytest.mark.parametrize("channel", ["market_data", "portfolio"])
async def test_the_websocket_sends_a_snapshot_then_updates(system: RunningSystem, channel) -> None:
    """A subscriber gets the state first, then updates whose numbers grow."""
    messages = await _collect(system, channel, 4)
    assert messages[0]["type"] == "snapshot"
    sequence = [m["seq"] for m in messages]
    assert sequence == sorted(sequence)
    assert all(m["type"] == "update" for m in messages[1:])


def test_halt_stops_orders_until_resumed(system: RunningSystem) -> None:
    """After a halt a new order is refused by risk with its reason; after resume it passes."""
    order = {"symbol": "ACME", "side": "buy", "type": "market", "time_in_force": "ioc", "qty": "1"}
    halted = system.client.post("/api/v1/risk/halt", json={"reason": "test"})
    assert halted.json()["mode"] == "halted"
    try:
        refused = system.client.post("/api/v1/orders", json=order).json()
        assert refused["status"] == "rejected"
        assert refused["reject_code"] == "HALTED"
    finally:
        resumed = system.client.post("/api/v1/risk/resume", json={"reason": "test"})
    assert resumed.json()["mode"] == "active"
    eventually(
        lambda: system.client.post("/api/v1/orders", json=order).json()["status"] != "rejected", 10
    )


def test_strategies_stop_and_start(system: RunningSystem) -> None:
    """Stopping and starting a strategy shows in its state."""
    path = "/api/v1/strategies/ma-crossover-replay"
    assert system.client.post(f"{path}/stop", json={}).json()["state"] == "stopped"
    assert system.client.post(f"{path}/start", json={}).json()["state"] in {"warming_up", "running"}
    eventually(lambda: system.get(path)["state"] == "running", 20)
