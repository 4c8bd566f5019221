"""Recurrent cells as tuples of pure functions, from the plain RNN to gates that see the input only.

Every cell turns what it carried on and an input x_t into what it carries on next. They differ in what stands between
the two. In all equations ⊙ is a product by element, σ the logistic function, W reads the input, U the state, b is a
bias; F is the number of inputs, H of units; gates lie in parameters in the order in which they are named.

**No gate.** `rnn` computes a new state from scratch at every step, ``h_t = tanh(W x_t + U h_{t-1} + b)``. What is to
last must pass through U and tanh again and again: a gradient that goes back k steps is multiplied k times by what is
mostly below 1 and vanishes. `irnn` rectifies instead and starts with U at the identity, so that it does not, at first.

**A state that is kept unless a gate lets go of it.** `lstm` adds to a cell state, ``c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t``;
along it a gradient is multiplied by f alone, and f near 1 keeps it. It starts there (``forget_bias=1``). What is read
from the cell goes through a third gate, ``h_t = o_t ⊙ tanh(c_t)``. Its variants leave a part out, or add peepholes from
the cell to the gates; `CELLS` has those of Greff et al. 2017 by name. `layer_norm_lstm` normalises both products,
`projected_lstm` carries on less than its cell has.

**One state for both.** The `gru` keeps and forgets with a single gate, ``h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}``, and
has a second one for how much of the old state the candidate n sees. z = 1 keeps here; some papers have it the other way
round, and each docstring says so. `gru_reset_before` applies that second gate where the paper does, before the product,
at the price of a second product a step; `mgu` uses the first gate for both.

**Gates that do not see the state.** Without U in its gates a step is linear in the state, and all steps can be computed
at once: `mingru` and `minlstm`.

Which of them is better at what: ``experiments/CLAIMS.md`` has measurements. What a cell is made of, and how to write
one, is in `lstm_gru.cells.protocol`; how parameters start is in `lstm_gru.cells.initializers` (`PRESETS`, `chrono`). A
cell alone does nothing: `lstm_gru.recurrent.unroll` takes it through time, and `lstm_gru.layers` makes layers of it.

Example:
  >>> import jax
  >>> from lstm_gru.recurrent import unroll
  >>> cell = CELLS["gru"](features=8)
  >>> params = cell.init(jax.random.key(0), in_features=3)
  >>> unroll(cell, params, jax.numpy.ones((2, 5, 3))).outputs.shape  # two rows of five steps
  (2, 5, 8)

Adding a cell is one function that returns a `GatedCell`, a `StepCell` or a `LinearCell`, and one line in `CELLS`.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from lstm_gru.cells.elman import irnn, rnn
from lstm_gru.cells.gated_unit import gru, gru_reset_before, mgu
from lstm_gru.cells.initializers import PRESETS, chrono
from lstm_gru.cells.layer_norm import layer_norm_gru, layer_norm_lstm
from lstm_gru.cells.long_short_term import VARIANTS, lstm
from lstm_gru.cells.minimal import mingru, minlstm
from lstm_gru.cells.projected import projected_lstm
from lstm_gru.cells.protocol import Cell

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
