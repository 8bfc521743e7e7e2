"""JSON of the command line: the REST interface's shape."""

from pi5.api.common.v1 import trading_pb2
from pi5.api.execution.v1 import execution_pb2
from pi5.cli._output import plain, print_table


def test_messages_are_written_like_the_rest_interface():
    """Field names as in the contract, enums short and lower case, at any depth."""
    order = execution_pb2.Order(
        client_order_id="c",
        side=trading_pb2.SIDE_BUY,
        type=trading_pb2.ORDER_TYPE_STOP_LIMIT,
        status=execution_pb2.ORDER_STATUS_PARTIALLY_FILLED,
        qty="1.5",
        legs=[execution_pb2.Order(side=trading_pb2.SIDE_SELL)],
    )
    order.created_at.FromSeconds(0)
    written = plain(order)
    assert written["type"] == "stop_limit"
    assert written["status"] == "partially_filled"
    assert written["qty"] == "1.5"
    assert written["legs"][0]["side"] == "sell"
    assert written["created_at"] == "1970-01-01T00:00:00Z"
    assert "submitted_at" not in written
    assert written["time_in_force"] == ""


def test_a_table_without_rows_is_a_sentence(capsys):
    """Nothing to show is said, not drawn."""
    print_table(("A", "#B", ""), [], "No orders.")
    assert capsys.readouterr().out == "No orders.\n"
