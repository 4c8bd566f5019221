"""What devices have to tell each other, by hand, and the tables of it."""

import json

import pytest
from jax.sharding import AbstractMesh, AxisType

from lstm_gru.records import script_record
from lstm_gru.report.scaling import COUNTS, held, scaling_tables, sent, volume
from lstm_gru.training.devices import AXES, Devices

SHAPES = [(64, 512), (10,), (3, 3)]
LARGE, SMALL = 64 * 512, 19


def devices(data, model):
    return Devices(AbstractMesh((data, model), AXES, axis_types=(AxisType.Auto,) * 2))


def test_with_whole_matrices_gradients_go_round_once_to_be_added_and_once_to_be_known():
    assert volume(SHAPES, devices(8, 1)) == (0, LARGE + SMALL)
    assert sent(SHAPES, devices(8, 1)) == 4 * 2 * 7 / 8 * (LARGE + SMALL)
    assert held(SHAPES, devices(8, 1)) == 3 * 4 * (LARGE + SMALL)


def test_matrices_in_pieces_are_gathered_scattered_and_added_up_by_group():
    split = devices(4, 2)
    assert volume(SHAPES, split) == (LARGE, LARGE // 2 + SMALL)
    matrices = 2 * 1 / 2 * LARGE + 2 * 3 / 4 * LARGE / 2
    assert sent(SHAPES, split) == pytest.approx(4 * (matrices + 2 * 7 / 8 * SMALL))
    assert held(SHAPES, split) == 3 * 4 * (LARGE // 2 + SMALL)


def test_pieces_cost_no_more_than_whole_matrices():
    """What is scattered is not added up again: a sum is a scatter and a gather."""
    for count in COUNTS:
        whole, pieces = (sent([(64, 512)], devices(count // splits, splits)) for splits in (1, 8))
        assert pieces == pytest.approx(whole)


def test_tables_are_of_the_largest_model_and_show_the_spread():
    seconds = {"1": [0.1, 0.2, 0.3], "2": [0.05, 0.16, 0.3]}
    measured = [{"task": f"task {n}", "shapes": [(n, 10)], "seconds": seconds} for n in (1, 5, 3)]
    throughput, communication = scaling_tables({"measured": measured})[1::2]
    assert "| task 5 | 50 | 5.0 | 6.2 | 1.25 [1.00, 2.00] |" in throughput
    assert "task 5, whole: sends" in communication
    assert len(communication.splitlines()) == 2 + len(COUNTS)


def test_the_record_is_of_one_and_two_devices():
    record = json.loads(script_record("scaling").read_text())
    assert all(set(found["seconds"]) == {"1", "2"} for found in record["measured"])
