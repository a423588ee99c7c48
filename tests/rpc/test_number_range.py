"""Numbers that no database can hold are rejected before a servicer sees them."""

import pytest

from gridrpc.errors import InvalidArgument
from gridrpc.number_range import MAX_STORED, check_numbers
from gridwright.v1 import executor_pb2, models_pb2


def test_the_largest_number_of_a_database_is_accepted() -> None:
    check_numbers(executor_pb2.ListRequestsRequest(symbol="BTC/USDT", after_seq=MAX_STORED))


def test_a_larger_number_is_rejected_with_its_field_and_value() -> None:
    with pytest.raises(InvalidArgument) as rejected:
        check_numbers(executor_pb2.ListRequestsRequest(symbol="BTC/USDT", after_seq=MAX_STORED + 1))
    assert "after_seq = 9223372036854775808" in rejected.value.message


def test_a_number_in_a_map_of_messages_is_found() -> None:
    state = models_pb2.State()
    state.slots["100"].round = MAX_STORED
    check_numbers(state)
    state.slots["101"].round = MAX_STORED + 1
    with pytest.raises(InvalidArgument) as rejected:
        check_numbers(state)
    assert "slots.round = 9223372036854775808" in rejected.value.message


def test_a_number_in_a_list_of_messages_is_found() -> None:
    answer = executor_pb2.ListRequestsResponse(batches=[executor_pb2.Batch(), executor_pb2.Batch(epoch=2**64 - 1)])
    with pytest.raises(InvalidArgument) as rejected:
        check_numbers(answer)
    assert "batches.epoch = 18446744073709551615" in rejected.value.message


def test_numbers_of_a_message_that_is_absent_are_not_looked_at() -> None:
    check_numbers(models_pb2.State())
