"""The one shape of an error: {code, message, request_id, details[]}."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import grpc
import msgspec
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from pi5.domain.errors import Fault
from pi5.kit.faults import http_status, reason_of, rich_status
from pi5.kit.log import correlation_id
from starlette.responses import Response

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class Refusal(Fault):
    """A fault of HTTP itself, with a status that gRPC has no code for."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(code, message, **more)
        self.status = status


def answer(
    status: int,
    code: str,
    message: str,
    details: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as JSON."""
    body = {
        "code": code,
        "message": message,
        "request_id": correlation_id.get(),
        "details": details or [],
    }
    return Response(
        msgspec.json.encode(body), status, headers=headers, media_type="application/json"
    )


def of_fault(fault: Fault) -> Response:
    """Return a fault of our own as JSON."""
    response = of_status(rich_status(fault))
    if isinstance(fault, Refusal):
        response.status_code = fault.status
    return response


def of_call(error: grpc.aio.AioRpcError, service: str) -> Response:
    """Return the failure of a call to a service as JSON."""
    status = rpc_status.from_call(error)
    if status is not None:
        return of_status(status)
    code = error.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        headers = {"Retry-After": "1"}
        text = f"the service {service} does not answer; it is starting or restarting"
        return answer(503, "SERVICE_UNAVAILABLE", text, headers=headers)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return answer(504, "DEADLINE_EXCEEDED", f"the service {service} took too long")
    return answer(http_status(code), code.name, error.details() or code.name)


def of_status(status: status_pb2.Status) -> Response:
    """Return a rich status as JSON; details of unknown kinds are left out."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    details: list[dict[str, str]] = []
    headers: dict[str, str] = {}
    for packed in status.details:
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(packed.value)
            details += [{"name": k, "value": v} for k, v in sorted(info.metadata.items())]
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest.FromString(packed.value)
            details += [
                {"field": v.field, "description": v.description} for v in bad.field_violations
            ]
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = error_details_pb2.RetryInfo.FromString(packed.value).retry_delay
            headers["Retry-After"] = str(math.ceil(delay.seconds + delay.nanos / 1e9))
    reason = reason_of(status) or code.name
    return answer(http_status(code), reason, status.message, details, headers)
