"""`pi5 import`: a CSV file of bars, sent in pieces, with every refused row reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from pi5.domain.errors import InvalidInput
from pi5.domain.market import TIMEFRAME_BY_LABEL

if TYPE_CHECKING:
    from pi5.api.data.v1 import data_service_pb2

# Below the contract's 3 MB, so that a piece's last line fits as well.
PIECE_BYTES_MAX = 2_500_000
_TIMEOUT_S = 120.0
_SHOWN_ROWS = 10


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("import")
    def run(
        file: Annotated[Path, typer.Argument(help="CSV: time,open,high,low,close,volume")],
        symbol: Annotated[str, typer.Option(help="the instrument")],
        timeframe: Annotated[str, typer.Option(help="1s 5s 1m 5m 15m 1h 4h 1d")] = "1d",
        json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    ) -> None:
        """Import bars from a CSV file; rows that are there already are left as they are."""
        _import(file, symbol, timeframe, json)


def _import(path: Path, symbol: str, timeframe: str, json: bool) -> None:
    from pi5.cli._output import print_json

    if timeframe not in TIMEFRAME_BY_LABEL:
        known = ", ".join(TIMEFRAME_BY_LABEL)
        raise InvalidInput("UNKNOWN_TIMEFRAME", f"timeframe must be one of {known}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            total = _send(file, path, symbol, timeframe, quiet=json)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("FILE_UNREADABLE", f"cannot read {path}: {error}") from None
    if json:
        print_json(total)
        return
    print(
        f"{total['stored']} bars stored, {total['duplicates']} were there already, "
        f"{total['quarantined']} refused."
    )
    for row in total["rejected_rows"][:_SHOWN_ROWS]:
        print(f"  line {row['line']}: {row['reason']}: {row['detail']}")
    if len(total["rejected_rows"]) > _SHOWN_ROWS:
        print("  … more with --json, and in the dashboard under Market, Quality")


def _send(file: TextIO, path: Path, symbol: str, timeframe: str, *, quiet: bool) -> dict[str, Any]:
    """Send the file piece by piece and return the sums of the answers."""
    from rich.console import Console
    from rich.progress import Progress

    from pi5.api.common.v1 import trading_pb2
    from pi5.api.data.v1 import data_service_pb2, data_service_pb2_grpc
    from pi5.cli._here import here
    from pi5.cli._rpc import connected
    from pi5.kit.clock import new_id

    total: dict[str, Any] = {"stored": 0, "duplicates": 0, "quarantined": 0, "rejected_rows": []}
    stub = data_service_pb2_grpc.MarketDataServiceStub
    bar = Progress(console=Console(stderr=True), disable=quiet)
    with connected(here(), "data", stub) as data, bar:
        task = bar.add_task(path.name, total=path.stat().st_size)
        for first_line, piece in pieces(file):
            request = data_service_pb2.ImportBarsRequest(
                request_id=new_id(),
                symbol=symbol,
                timeframe=trading_pb2.Timeframe.ValueType(TIMEFRAME_BY_LABEL[timeframe]),
                csv=piece,
                source=path.name,
            )
            _add(total, data.call(data.stub.ImportBars, request, _TIMEOUT_S), first_line)
            bar.advance(task, len(piece.encode()))
    return total


def _add(
    total: dict[str, Any], answer: data_service_pb2.ImportBarsResponse, first_line: int
) -> None:
    """Add a piece's answer; its line numbers count from the piece's begin."""
    from pi5.cli._output import plain

    for name in ("stored", "duplicates", "quarantined"):
        total[name] += getattr(answer, name)
    for row in answer.rejected_rows:
        shifted = plain(row) | {"line": row.line + first_line - 1}
        total["rejected_rows"].append(shifted)


def pieces(file: TextIO, bytes_max: int = PIECE_BYTES_MAX) -> Iterator[tuple[int, str]]:
    r"""Cut a CSV text into pieces that each begin with the header and end with a whole line.

    Yields the number that must be added to a piece's line numbers, plus one, and the piece.

    >>> import io
    >>> list(pieces(io.StringIO("t,o\n1,2\n3,4\n5,6\n"), bytes_max=9))
    [(1, 't,o\n1,2\n'), (2, 't,o\n3,4\n'), (3, 't,o\n5,6\n')]
    """
    header = file.readline()
    if not header.strip():
        raise InvalidInput("FILE_EMPTY", "the file is empty; the first line must name the columns")
    if not header.endswith("\n"):
        header += "\n"
    rows: list[str] = []
    size, sent = len(header.encode()), 0
    for row in file:
        length = len(row.encode())
        if rows and size + length > bytes_max:
            yield sent + 1, header + "".join(rows)
            sent += len(rows)
            rows, size = [], len(header.encode())
        rows.append(row)
        size += length
    yield sent + 1, header + "".join(rows)
