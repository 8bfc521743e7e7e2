"""/ws: who may connect, what they may ask for, and when they must go.

A client is known by the cookie of the handshake, or by the token in its first message; never by
anything in the address, which ends up in logs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import grpc
import msgspec
from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import Exhausted, Fault, Forbidden, InvalidInput, Unavailable
from pi5.kit.clock import Clock
from pi5.kit.settings import WebSettings
from pi5.kit.tokens import Caller, TokenIssuer
from starlette.websockets import WebSocket, WebSocketDisconnect

from pi5_web import auth
from pi5_web.limits import RateLimit
from pi5_web.live.client import Client, Subscription
from pi5_web.live.feed import error_frame, now_text
from pi5_web.live.topics import Topic
from pi5_web.metrics import CLIENTS, DROPPED

HEARTBEAT_S = 5.0
AUTH_WITHIN_S = 5.0
CLIENTS_MAX = 200
CLIENTS_OF_USER_MAX = 20
SYMBOLS_MAX = 200
COMMANDS_PER_MINUTE = 240
POLICY, UNAUTHENTICATED, TOO_MANY, GOING_AWAY = 1008, 4401, 4029, 1012
ALIASES = {
    "/ws": "",
    "/ws/orders": "orders",
    "/ws/positions": "positions",
    "/ws/markets": "market_data",
}


class Command(msgspec.Struct):
    """What a client may say."""

    action: str
    channel: str = ""
    symbols: list[str] = []
    token: str = ""
    after_seq: int | None = None
    epoch: str = ""


class Hub:
    """All WebSockets and the topics they share."""

    def __init__(
        self, topics: list[Topic], issuer: TokenIssuer, settings: WebSettings, clock: Clock
    ) -> None:
        self._topics = {channel: topic for topic in topics for channel in topic.channels}
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._clients: set[Client] = set()
        self._of_user: Counter[str] = Counter()
        self._commands = RateLimit(COMMANDS_PER_MINUTE, clock)
        self._decoder = msgspec.json.Decoder(Command)
        self._beating: asyncio.Task[None] | None = None

    async def serve(self, socket: WebSocket) -> None:
        """Serve one WebSocket to its end."""
        channel = ALIASES.get(socket.scope["path"])
        try:
            auth.check_origin(socket.headers, self._settings.allowed_origins)
        except Forbidden:
            channel = None
        if channel is None or len(self._clients) >= CLIENTS_MAX:
            await socket.close(POLICY)
            return
        await socket.accept()
        client = Client(socket)
        self._clients.add(client)
        CLIENTS.inc()
        self._begin_beating()
        sender = asyncio.create_task(client.send_all())
        try:
            async with asyncio.TaskGroup() as both:
                reader = both.create_task(self._read(socket, client, channel))
                sender.add_done_callback(lambda _: reader.cancel())
        finally:
            self._forget(client)
            client.end(1000, "")
            await asyncio.wait({sender}, timeout=2)
            sender.cancel()

    async def _read(self, socket: WebSocket, client: Client, channel: str) -> None:
        """Authenticate, then do what the client says until it goes or its token ends."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(AUTH_WITHIN_S) as waiting:
                await self._sign_in(socket, client)
                if channel:
                    await self._do(client, Command("subscribe", channel))
                while client.caller is not None:
                    left_s = client.caller.expires_at_s - self._clock.now_ns() / 1e9
                    waiting.reschedule(loop.time() + left_s)
                    await self._do(client, await self._next(socket, client))
        except TimeoutError:
            DROPPED.labels("unauthenticated").inc()
            client.end(UNAUTHENTICATED, "the token has ended; connect again")
        except Fault as fault:
            client.put(error_frame(fault, "", self._clock))
            client.end(UNAUTHENTICATED if fault.code.startswith("TOKEN") else POLICY, fault.code)
        except (WebSocketDisconnect, KeyError):  # KeyError: a binary message
            client.end(1000, "")

    async def _sign_in(self, socket: WebSocket, client: Client) -> None:
        given = auth.credentials(socket)
        if given.token:
            self._admit(client, auth.caller(self._issuer, given))
            return
        while client.caller is None:
            command = await self._next(socket, client)
            if command.action != "auth":
                raise Forbidden("TOKEN_MISSING", 'begin with {"action":"auth","token":"…"}')
            await self._do(client, command)

    def _admit(self, client: Client, caller: Caller) -> None:
        if caller.role < options_pb2.ROLE_VIEWER:
            raise Forbidden("ROLE_TOO_LOW", "this needs the role viewer")
        if client.caller is None:
            if self._of_user[caller.subject] >= CLIENTS_OF_USER_MAX:
                raise Exhausted(
                    "TOO_MANY_SOCKETS", f"a user may open {CLIENTS_OF_USER_MAX} WebSockets"
                )
            self._of_user[caller.subject] += 1
        elif client.caller.subject != caller.subject:
            raise Forbidden("ANOTHER_USER", "open another WebSocket for another user")
        client.caller = caller

    def _forget(self, client: Client) -> None:
        for key in list(client.subscriptions):
            self._leave(client, key)
        self._clients.discard(client)
        CLIENTS.dec()
        if client.caller is not None:
            self._of_user[client.caller.subject] -= 1
            self._of_user += Counter()  # drops the zeros

    async def _next(self, socket: WebSocket, client: Client) -> Command:
        """Return the next command; what is none is answered and skipped."""
        while True:
            text = await socket.receive_text()
            name = client.caller.subject if client.caller else str(id(client))
            if not self._commands.take(name).allowed:
                client.end(TOO_MANY, "too many messages")
                raise WebSocketDisconnect(TOO_MANY)
            try:
                return self._decoder.decode(text)
            except (msgspec.DecodeError, UnicodeError) as error:
                fault = InvalidInput("BAD_MESSAGE", f"the message cannot be read: {error}")
                client.put(error_frame(fault, "", self._clock))

    async def _do(self, client: Client, command: Command) -> None:
        """Obey one command; what cannot be done is answered with an error."""
        try:
            if command.action == "ping":
                client.put(f'{{"type":"pong","ts":"{now_text(self._clock)}"}}')
            elif command.action == "auth":
                self._admit(client, self._issuer.verify(command.token))
                client.put(f'{{"type":"authenticated","ts":"{now_text(self._clock)}"}}')
            elif command.action == "subscribe":
                await self._subscribe(client, command)
            elif command.action == "unsubscribe":
                self._topic(command.channel)
                self._leave(client, command.channel)
            else:
                raise InvalidInput(
                    "UNKNOWN_ACTION", "an action is subscribe, unsubscribe, auth or ping"
                )
        except Fault as fault:
            if command.action == "auth":
                raise
            client.put(error_frame(fault, command.channel, self._clock))

    def _topic(self, channel: str) -> Topic:
        topic = self._topics.get(channel)
        if topic is None:
            known = ", ".join(self._topics)
            raise InvalidInput("UNKNOWN_CHANNEL", f"there is no such channel; known are {known}")
        return topic

    async def _subscribe(self, client: Client, command: Command) -> None:
        """Join a channel; a second subscription to it takes the place of the first."""
        topic = self._topic(command.channel)
        symbols = frozenset(command.symbols)
        if len(symbols) > SYMBOLS_MAX:
            raise InvalidInput("TOO_MANY_SYMBOLS", f"name at most {SYMBOLS_MAX} symbols")
        self._leave(client, command.channel)
        away: Fault | None = None
        try:
            await topic.source.acquire()
        except Unavailable as fault:
            away = fault
        except BaseException:
            topic.source.release()
            raise
        try:
            feed = await topic.feed(command.channel, symbols)
            subscription = Subscription(client, feed)
            client.put(feed.frame("subscribed", feed.seq, _text({"symbols": sorted(symbols)})))
            await feed.join(subscription, command.after_seq, command.epoch)
        except grpc.aio.AioRpcError as error:
            topic.source.release()
            text = f"{topic.peer.name} does not answer ({error.code().name})"
            raise Unavailable("SERVICE_UNAVAILABLE", text) from None
        except BaseException:
            topic.source.release()
            raise
        client.add(command.channel, subscription)
        if away is not None:
            client.put(error_frame(away, command.channel, self._clock))

    def _leave(self, client: Client, channel: str) -> None:
        if client.remove(channel) is not None:
            topic = self._topics[channel]
            topic.source.release()
            topic.drop_unused()

    def _begin_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        """Give every client a sign of life every few seconds, whether or not there is news."""
        while self._clients:
            await asyncio.sleep(HEARTBEAT_S)
            for topic in {id(topic): topic for topic in self._topics.values()}.values():
                for feed in topic.feeds():
                    if feed.listeners:
                        feed.heartbeat()
            alone = f'{{"type":"heartbeat","ts":"{now_text(self._clock)}"}}'
            for client in self._clients:
                if client.caller is not None and not client.subscriptions:
                    client.put(alone)
        self._beating = None

    async def close(self) -> None:
        """Send everybody away and end all streams."""
        for client in list(self._clients):
            client.end(GOING_AWAY, "the system is restarting")
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        for topic in set(self._topics.values()):
            await topic.source.stop()


def _text(content: Any) -> str:
    return msgspec.json.encode(content).decode()
