"""How often, and from where: limits that spare what lowers risk."""

from __future__ import annotations

from pi5.api.execution.v1 import execution_service_pb2 as orders_pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as orders_rpc
from pi5.api.risk.v1 import risk_service_pb2 as pb
from pi5.api.risk.v1 import risk_service_pb2_grpc as rpc
from pi5.kit.clock import SystemClock
from pi5_web.limits import RateLimit


class Risk(rpc.RiskServiceServicer):
    async def Halt(self, request, context):
        return pb.HaltResponse()

    async def GetRiskState(self, request, context):
        return pb.GetRiskStateResponse()


class Orders(orders_rpc.ExecutionServiceServicer):
    async def CancelOrder(self, request, context):
        return orders_pb.CancelOrderResponse()


SERVICES = {
    "risk": (rpc.add_RiskServiceServicer_to_server, Risk()),
    "execution": (orders_rpc.add_ExecutionServiceServicer_to_server, Orders()),
}
STATE = "/api/v1/risk/state"


async def test_the_limit_refuses_says_when_and_refills(running, refusal) -> None:
    """After a minute's worth of calls the next is 429 with the wait; time gives calls back."""
    async with running(SERVICES, requests_per_minute=6) as bridge:
        headers = bridge.bearer()
        first = await bridge.http.get(STATE, headers=headers)
        for _ in range(5):
            assert (await bridge.http.get(STATE, headers=headers)).status_code == 200
        over = await bridge.http.get(STATE, headers=headers)
        bridge.clock.forward(10.1)
        again = await bridge.http.get(STATE, headers=headers)
    assert first.headers["x-ratelimit-remaining"] == "5"
    assert refusal(over) == (429, "RATE_LIMITED")
    assert over.headers["retry-after"] == "10"
    assert again.status_code == 200


async def test_halt_and_cancel_are_never_throttled(running) -> None:
    """What lowers risk passes however much was called before."""
    async with running(SERVICES, requests_per_minute=1) as bridge:
        headers = bridge.bearer()
        for _ in range(3):
            await bridge.http.get(STATE, headers=headers)
        for _ in range(5):
            halt = await bridge.http.post("/api/v1/risk/halt", json={}, headers=headers)
            cancel = await bridge.http.delete("/api/v1/orders/o1", headers=headers)
            assert (halt.status_code, cancel.status_code) == (200, 200)


async def test_each_user_has_an_allowance_and_strangers_share_their_address(
    running, refusal
) -> None:
    """One user's calls take nothing from another; calls without a token count by address."""
    async with running(SERVICES, requests_per_minute=2) as bridge:
        for _ in range(3):
            last = await bridge.http.get(STATE, headers=bridge.bearer(user="ada"))
        other = await bridge.http.get(STATE, headers=bridge.bearer(user="bob"))
        for _ in range(3):
            stranger = await bridge.http.post("/api/v1/risk/halt", json={})
    assert refusal(last) == (429, "RATE_LIMITED")
    assert other.status_code == 200
    assert refusal(stranger) == (429, "RATE_LIMITED")


async def test_sign_ins_have_a_limit_of_their_own(running, refusal) -> None:
    """Guessing passwords is slow even where other calls are many."""
    async with running({}, requests_per_minute=100) as bridge:
        body = {"username": "ada", "password": "a"}
        codes = [(await bridge.http.post("/auth/login", json=body)).status_code for _ in range(21)]
    assert codes == [503] * 20 + [429]


async def test_only_the_local_network_is_served(running, refusal) -> None:
    """A client from elsewhere is refused, whatever headers it sends; the setting opens it."""
    claims = {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"}
    async with running(SERVICES, address="8.8.8.8") as bridge:
        assert refusal(await bridge.http.get("/healthz", headers=claims)) == (
            403,
            "OUTSIDE_NETWORK",
        )
    async with running(SERVICES, address="8.8.8.8", lan_only=False) as bridge:
        assert (await bridge.http.get("/healthz")).status_code == 200
    for near in ("192.168.1.5", "10.9.8.7", "172.20.0.1", "fe80::1%eth0", "::ffff:192.168.0.9"):
        async with running(SERVICES, address=near) as bridge:
            assert (await bridge.http.get("/healthz")).status_code == 200


def test_the_table_of_clients_is_bounded() -> None:
    """A flood of addresses forgets the oldest instead of filling the memory."""
    limit = RateLimit(10, SystemClock())
    for number in range(10_500):
        limit.take(f"client-{number}")
    assert len(limit._buckets) == 10_000
