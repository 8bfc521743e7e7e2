"""The interceptor before every method: who calls, may they, is the request sound, how did it go.

One place turns the contract's options into behaviour, so no service repeats it: required role,
required fields and decimals, UNIMPLEMENTED for planned methods, correlation id, metrics, and the
mapping of faults to rich statuses. An exception nobody foresaw becomes INTERNAL with the
correlation id; its text stays in the log.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc
from grpc_status import rpc_status

from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import Fault, Forbidden, Planned, Unauthenticated, Unavailable
from pi5.kit import metrics
from pi5.kit.clock import new_id
from pi5.kit.contract import MethodRules, method_rules, validate
from pi5.kit.faults import rich_status
from pi5.kit.log import Logger, correlation_id
from pi5.kit.tokens import Caller, TokenIssuer

ServicerContext = grpc.aio.ServicerContext[Any, Any]
ANONYMOUS = Caller("anonymous", options_pb2.ROLE_PUBLIC)
current_caller: contextvars.ContextVar[Caller] = contextvars.ContextVar(
    "current_caller", default=ANONYMOUS
)


class Guard(grpc.aio.ServerInterceptor):
    """Stands before every method of a server."""

    def __init__(self, issuer: TokenIssuer, log: Logger) -> None:
        self._issuer = issuer
        self._log = log

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method that was found."""
        handler = await continuation(handler_call_details)
        rules = method_rules(handler_call_details.method)
        if handler is None or not rules.full_name.startswith("/pi5."):
            return handler
        return self._wrap(handler, rules)

    def _wrap(self, handler: Any, rules: MethodRules) -> Any:
        coders = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming and handler.response_streaming:
            behavior = self._streaming(handler.stream_stream, rules, _validated)
            return grpc.stream_stream_rpc_method_handler(behavior, **coders)
        if handler.response_streaming:
            behavior = self._streaming(handler.unary_stream, rules, _checked)
            return grpc.unary_stream_rpc_method_handler(behavior, **coders)
        if handler.request_streaming:
            unary = self._unary(handler.stream_unary, rules, _validated)
            return grpc.stream_unary_rpc_method_handler(unary, **coders)
        unary = self._unary(handler.unary_unary, rules, _checked)
        return grpc.unary_unary_rpc_method_handler(unary, **coders)

    def _unary(self, inner: Any, rules: MethodRules, check: Callable[[Any], Any]) -> Any:
        async def guarded(request: Any, context: ServicerContext) -> Any:
            started = time.perf_counter()
            outcome = grpc.StatusCode.OK.name
            try:
                self._admit(context, rules)
                return await inner(check(request), context)
            except asyncio.CancelledError:
                outcome = grpc.StatusCode.CANCELLED.name
                raise
            except Exception as error:  # noqa: BLE001 - every fault becomes a status here
                status = self._status_of(error, rules)
                outcome = status.code.name
                await context.abort_with_status(status)
            finally:
                metrics.REQUESTS.labels(rules.full_name, outcome).inc()
                metrics.REQUEST_SECONDS.labels(rules.full_name).observe(
                    time.perf_counter() - started
                )

        return guarded

    def _streaming(self, inner: Any, rules: MethodRules, check: Callable[[Any], Any]) -> Any:
        async def guarded(request: Any, context: ServicerContext) -> AsyncIterator[Any]:
            outcome = grpc.StatusCode.OK.name
            metrics.STREAMS.labels(rules.full_name).inc()
            try:
                self._admit(context, rules)
                async for response in inner(check(request), context):
                    yield response
            except (asyncio.CancelledError, GeneratorExit):
                outcome = grpc.StatusCode.CANCELLED.name
                raise
            except Exception as error:  # noqa: BLE001 - every fault becomes a status here
                status = self._status_of(error, rules)
                outcome = status.code.name
                await context.abort_with_status(status)
            finally:
                metrics.STREAMS.labels(rules.full_name).dec()
                metrics.REQUESTS.labels(rules.full_name, outcome).inc()

        return guarded

    def _admit(self, context: ServicerContext, rules: MethodRules) -> None:
        """Set correlation id and caller; refuse who may not call."""
        sent = dict(context.invocation_metadata() or ())
        correlation_id.set(str(sent.get("x-correlation-id", ""))[:64] or new_id())
        caller = ANONYMOUS
        header = str(sent.get("authorization", ""))
        if header.startswith("Bearer "):
            caller = self._issuer.verify(header[len("Bearer ") :])
        elif rules.role != options_pb2.ROLE_PUBLIC:
            raise Unauthenticated(
                "TOKEN_MISSING", "send `authorization: Bearer <token>`; `pi5 token` prints one"
            )
        if rules.role == options_pb2.ROLE_UNSPECIFIED or caller.role < rules.role:
            wanted = options_pb2.Role.Name(rules.role).removeprefix("ROLE_").lower()
            raise Forbidden("ROLE_TOO_LOW", f"this needs the role {wanted}")
        current_caller.set(caller)

    def _status_of(self, error: Exception, rules: MethodRules) -> Any:
        """Turn whatever was raised into a rich status."""
        if isinstance(error, grpc.aio.AioRpcError):  # a service behind this one refused
            inner = rpc_status.from_call(cast("Any", error))
            if inner is not None:
                return rpc_status.to_status(inner)
            fault: Fault = Unavailable(
                "PEER_" + error.code().name, f"a service behind this one failed: {error.details()}"
            )
        elif isinstance(error, Fault):
            fault = error
        elif isinstance(error, NotImplementedError) and rules.planned:
            name = rules.full_name.rpartition("/")[2]
            fault = Planned("PLANNED", f"{name} comes with a later release")
        else:
            identity = correlation_id.get()
            self._log.error("unforeseen exception", method=rules.full_name, exc_info=error)
            fault = Fault(
                "INTERNAL",
                f"something went wrong inside; the log has it under {identity}",
                details={"correlation_id": identity},
            )
        return rpc_status.to_status(rich_status(fault))


def _checked(request: Any) -> Any:
    validate(request)
    return request


async def _validated(requests: Any) -> AsyncIterator[Any]:
    async for request in requests:
        validate(request)
        yield request
