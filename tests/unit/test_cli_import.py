"""A CSV file in pieces: nothing lost, nothing twice, line numbers of the file."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pi5.api.data.v1 import data_pb2, data_service_pb2
from pi5.cli.import_ import _add, pieces
from pi5.domain.errors import InvalidInput

ROWS = st.lists(st.text("0123456789,.é", max_size=20), max_size=30)


@given(rows=ROWS, bytes_max=st.integers(1, 200), final_newline=st.booleans())
def test_the_pieces_together_are_the_file(rows, bytes_max, final_newline):
    """Each piece begins with the header; their rows, in order, are the file's."""
    text = "\n".join(["time,open", *rows]) + ("\n" if final_newline else "")
    found, expected = [], io.StringIO(text).readlines()[1:]
    for first_line, piece in pieces(io.StringIO(text), bytes_max):
        header, *body = io.StringIO(piece).readlines()
        assert header == "time,open\n"
        assert first_line == len(found) + 1
        assert len(piece.encode()) <= bytes_max or len(body) <= 1
        found += body
    assert found == expected


def test_an_empty_file_is_refused():
    """Without a header there is nothing to import."""
    with pytest.raises(InvalidInput, match="is empty"):
        list(pieces(io.StringIO("")))


def test_refused_rows_carry_the_line_of_the_file():
    """The second piece's third line is the file's: pieces are invisible to the person."""
    total = {"stored": 0, "duplicates": 0, "quarantined": 0, "rejected_rows": []}
    text = "t\n" + "".join(f"{number}\n" for number in range(2, 8))
    (_, _), (second, piece) = list(pieces(io.StringIO(text), bytes_max=8))
    bad = piece.splitlines()[2]
    row = data_pb2.QuarantinedRow(line=3, reason="MALFORMED")
    answer = data_service_pb2.ImportBarsResponse(stored=2, quarantined=1, rejected_rows=[row])
    _add(total, answer, second)
    assert (total["stored"], total["quarantined"]) == (2, 1)
    assert text.splitlines()[total["rejected_rows"][0]["line"] - 1] == bad
