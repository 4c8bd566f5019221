"""Recurrent cells as tuples of pure functions.

Adding a cell is one function that returns a `GatedCell`, a `StepCell` or a `LinearCell`, and one line in `CELLS`.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from lstm_gru.cells.elman import irnn, rnn
from lstm_gru.cells.gated_unit import gru, gru_reset_before, mgu
from lstm_gru.cells.initializers import PRESETS, Preset, chrono
from lstm_gru.cells.layer_norm import layer_norm_gru, layer_norm_lstm
from lstm_gru.cells.long_short_term import VARIANTS, FullGateCarry, lstm
from lstm_gru.cells.minimal import mingru, minlstm
from lstm_gru.cells.projected import projected_lstm
from lstm_gru.cells.protocol import (
    Array,
    Carry,
    Cell,
    Fixed,
    GatedCell,
    Gates,
    LinearCell,
    LSTMCarry,
    Params,
    StepCell,
)

CELLS: dict[str, Callable[..., Cell]] = {
    "rnn": rnn,
    "irnn": irnn,
    **{name: partial(lstm, **asdict(form)) for name, form in VARIANTS.items()},
    "layer_norm_lstm": layer_norm_lstm,
    "projected_lstm": projected_lstm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "layer_norm_gru": layer_norm_gru,
    "mgu": mgu,
    "mingru": mingru,
    "minlstm": minlstm,
}

__all__ = [
    "CELLS",
    "PRESETS",
    "Array",
    "Carry",
    "Cell",
    "Fixed",
    "FullGateCarry",
    "GatedCell",
    "Gates",
    "LSTMCarry",
    "LinearCell",
    "Params",
    "Preset",
    "StepCell",
    "chrono",
    "gru",
    "gru_reset_before",
    "irnn",
    "layer_norm_gru",
    "layer_norm_lstm",
    "lstm",
    "mgu",
    "mingru",
    "minlstm",
    "projected_lstm",
    "rnn",
]
