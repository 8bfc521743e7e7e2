"""What halt and resume have in common: a change of the trading mode, and the state after it."""

from __future__ import annotations

from typing import Literal

from pi5.api.risk.v1 import risk_pb2, risk_service_pb2, risk_service_pb2_grpc
from pi5.cli._here import here
from pi5.cli._output import enum_text, plain, print_json
from pi5.cli._rpc import connected
from pi5.kit.clock import new_id


def change_mode(change: Literal["Halt", "Resume"], reason: str, json: bool) -> None:
    """Ask risk for the change and show the mode there is now.

    Raises:
        Fault: risk refused or does not answer.
    """
    with connected(here(), "risk", risk_service_pb2_grpc.RiskServiceStub) as risk:
        if change == "Halt":
            halt = risk_service_pb2.HaltRequest(request_id=new_id(), reason=reason)
            state = risk.call(risk.stub.Halt, halt).state
        else:
            resume = risk_service_pb2.ResumeRequest(request_id=new_id(), reason=reason)
            state = risk.call(risk.stub.Resume, resume).state
    if json:
        print_json(plain(state))
        return
    mode = enum_text(risk_pb2.TradingMode.DESCRIPTOR, state.mode)
    print(f"Trading is {mode}: {state.reason}")
