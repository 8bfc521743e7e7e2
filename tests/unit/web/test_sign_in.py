"""Tokens and cookies at the bridge, and what keeps other sites' pages out."""

from __future__ import annotations

import pytest
from pi5.api.execution.v1 import execution_service_pb2 as orders_pb
from pi5.api.execution.v1 import execution_service_pb2_grpc as orders_rpc
from pi5.api.system.v1 import identity_service_pb2 as pb
from pi5.api.system.v1 import identity_service_pb2_grpc as rpc
from pi5.domain.errors import Unauthenticated
from pi5.kit.guard import current_caller


class Identity(rpc.IdentityServiceServicer):
    def __init__(self) -> None:
        self.calls: list = []

    async def Login(self, request, context):
        self.calls.append((current_caller.get().subject, dict(context.invocation_metadata())))
        return pb.LoginResponse(tokens=self.pair(), user={"username": "ada", "role": 3})

    async def RefreshTokens(self, request, context):
        self.calls.append(request.refresh_token)
        if request.refresh_token != "refresh-1":
            raise Unauthenticated("REFRESH_INVALID", "sign in again")
        return pb.RefreshTokensResponse(tokens=self.pair())

    async def Logout(self, request, context):
        return pb.LogoutResponse()

    @staticmethod
    def pair():
        return {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in_s": 900}


class Orders(orders_rpc.ExecutionServiceServicer):
    async def ListOrders(self, request, context):
        return orders_pb.ListOrdersResponse()

    async def CancelAllOrders(self, request, context):
        return orders_pb.CancelAllOrdersResponse()


def services(identity=None):
    return {
        "system": (rpc.add_IdentityServiceServicer_to_server, identity or Identity()),
        "execution": (orders_rpc.add_ExecutionServiceServicer_to_server, Orders()),
    }


LOGIN = {"username": "ada", "password": "correct horse battery"}
PROOF = {"x-requested-with": "pi5"}


async def test_signing_in_sets_cookies_no_script_can_read(running) -> None:
    """Both cookies are HttpOnly and SameSite=Strict; the refresh token goes only to /auth."""
    async with running(services()) as bridge:
        answer = await bridge.http.post("/auth/login", json=LOGIN)
    access, refresh = answer.headers.get_list("set-cookie")
    assert access.startswith("pi5_access=access-1; HttpOnly; Max-Age=900; Path=/; SameSite=strict")
    assert "pi5_refresh=refresh-1; HttpOnly;" in refresh
    assert "Path=/auth; SameSite=strict" in refresh
    assert "Secure" not in access
    assert answer.json()["user"]["role"] == "trader"


async def test_cookies_are_secure_behind_tls(running) -> None:
    """With TLS, or behind a proxy that has it, cookies never travel in the clear."""
    async with running(services(), secure_cookies=True) as bridge:
        answer = await bridge.http.post("/auth/login", json=LOGIN)
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_public_calls_are_made_in_the_bridges_name_with_the_address(running) -> None:
    """The identity service learns the client's address from the bridge, not from the client."""
    identity = Identity()
    async with running(services(identity), address="192.168.1.77") as bridge:
        await bridge.http.post(
            "/auth/login",
            json=LOGIN,
            headers={"x-client-address": "1.1.1.1", "x-forwarded-for": "1.1.1.1"},
        )
    subject, metadata = identity.calls[0]
    assert subject == "web"
    assert metadata["x-client-address"] == "192.168.1.77"


async def test_a_cookie_may_look_but_not_change_without_the_header(running, refusal) -> None:
    """What a foreign form could send is refused; the dashboard's own calls carry the header."""
    async with running(services()) as bridge:
        bridge.http.cookies.set("pi5_access", bridge.token())
        assert (await bridge.http.get("/api/v1/orders")).status_code == 200
        bare = await bridge.http.delete("/api/v1/orders")
        meant = await bridge.http.delete("/api/v1/orders", headers=PROOF)
        foreign = await bridge.http.delete(
            "/api/v1/orders", headers=PROOF | {"origin": "http://evil.example"}
        )
        own = await bridge.http.delete(
            "/api/v1/orders", headers=PROOF | {"origin": "http://pi5.local"}
        )
    assert refusal(bare) == (403, "CSRF_HEADER_MISSING")
    assert meant.status_code == 200
    assert refusal(foreign) == (403, "FOREIGN_ORIGIN")
    assert own.status_code == 200


async def test_a_bearer_token_needs_no_header_and_goes_before_a_cookie(running) -> None:
    """Programs are not browsers: no cookie, no forgery."""
    async with running(services()) as bridge:
        bridge.http.cookies.set("pi5_access", "rubbish")
        answer = await bridge.http.delete("/api/v1/orders", headers=bridge.bearer())
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "TOKEN_MISSING"),
        ("Bearer ", "TOKEN_MISSING"),
        ("Basic YTpi", "TOKEN_MISSING"),
        ("Bearer a.b.c", "TOKEN_INVALID"),
    ],
)
async def test_without_a_good_token_nothing_is_told(running, refusal, header, code) -> None:
    """A missing or wrong token is 401, at the bridge already."""
    async with running({}) as bridge:
        answer = await bridge.http.get("/api/v1/orders", headers={"authorization": header})
    assert refusal(answer) == (401, code)


async def test_expired_tokens_and_low_roles_are_refused(running, refusal) -> None:
    """A token ends when it says so, and a viewer may not cancel."""
    async with running(services()) as bridge:
        old = bridge.bearer(ttl_s=5)
        bridge.clock.forward(6)
        late = await bridge.http.get("/api/v1/orders", headers=old)
        low = await bridge.http.delete("/api/v1/orders", headers=bridge.bearer("viewer"))
    assert refusal(late) == (401, "TOKEN_EXPIRED")
    assert refusal(low) == (403, "ROLE_TOO_LOW")


async def test_refresh_takes_the_cookie_and_needs_the_header(running, refusal) -> None:
    """A browser refreshes with its cookie alone; a refused refresh removes the cookies."""
    identity = Identity()
    async with running(services(identity)) as bridge:
        none = await bridge.http.post("/auth/refresh", json={}, headers=PROOF)
        bridge.http.cookies.set("pi5_refresh", "refresh-1")
        bare = await bridge.http.post("/auth/refresh", json={})
        done = await bridge.http.post("/auth/refresh", json={}, headers=PROOF)
        bridge.http.cookies.clear()
        bridge.http.cookies.set("pi5_refresh", "stolen")
        ended = await bridge.http.post("/auth/refresh", json={}, headers=PROOF)
    assert refusal(none) == (401, "TOKEN_MISSING")
    assert refusal(bare) == (403, "CSRF_HEADER_MISSING")
    assert done.status_code == 200
    assert refusal(ended) == (401, "REFRESH_INVALID")
    assert all("Max-Age=0" in cookie for cookie in ended.headers.get_list("set-cookie"))


async def test_signing_out_removes_the_cookies(running) -> None:
    """After signing out the browser holds nothing."""
    async with running(services()) as bridge:
        bridge.http.cookies.set("pi5_access", bridge.token())
        answer = await bridge.http.post("/auth/logout", json={}, headers=PROOF)
    assert answer.status_code == 200
    assert [c.split("=")[0] for c in answer.headers.get_list("set-cookie")] == [
        "pi5_access",
        "pi5_refresh",
    ]
