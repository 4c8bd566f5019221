"""The table of cells: gates and parameters as counted by hand from the equations."""

import pytest

from lstm_gru.cells import CELLS
from lstm_gru.report.cells import WIDTH as H
from lstm_gru.report.cells import cell_table

GATE = (H + H + 1) * H  # One gate's input kernel, recurrent kernel and bias, F = H.
EXPECTED = {
    "rnn": (0, GATE),
    "irnn": (0, GATE),
    "lstm": (3, 4 * GATE),
    "peephole_lstm": (3, 4 * GATE + 3 * H),
    "coupled_lstm": (3, 3 * GATE),
    "lstm_nig": (2, 3 * GATE + 2 * H),
    "lstm_nfg": (2, 3 * GATE + 2 * H),
    "lstm_nog": (2, 3 * GATE + 2 * H),
    "lstm_niaf": (3, 4 * GATE + 3 * H),
    "lstm_noaf": (3, 4 * GATE + 3 * H),
    "lstm_cifg": (3, 3 * GATE + 2 * H),
    "lstm_fgr": (3, 4 * GATE + 3 * H + 9 * H * H),
    "layer_norm_lstm": (3, 4 * GATE + 2 * 4 * H + 2 * H),
    "projected_lstm": (3, 4 * (H + H + 1) * 2 * H + 2 * H * H),  # Of a cell that is twice as wide.
    "gru": (2, 3 * GATE + H),
    "gru_reset_before": (2, 3 * GATE),
    "layer_norm_gru": (2, 3 * GATE + H + 2 * 3 * H),
    "mgu": (1, 2 * GATE),
    "mingru": (1, 2 * (H + 1) * H),
    "minlstm": (2, 3 * (H + 1) * H),
}
ROWS = {row[0].strip("`"): row for row in cell_table().rows}


def test_every_cell_has_a_row():
    assert list(ROWS) == list(CELLS) == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_gates_and_parameters_are_those_of_the_equations(name):
    gates, parameters = EXPECTED[name]
    _, count, which, _, counted, share = ROWS[name]
    assert (count, counted) == (f"{gates}", f"{parameters:,}")
    assert share == f"{parameters / (4 * GATE):.2f}"
    assert len(which.split()) == gates or which == "–"


def test_what_is_carried_on_is_named():
    assert {name: ROWS[name][3] for name in ("rnn", "gru", "lstm", "lstm_fgr")} == {
        **{"rnn": "h", "gru": "h", "lstm": "cell hidden", "lstm_fgr": "cell gates hidden"}
    }
