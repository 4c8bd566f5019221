"""Cells whose gates see only the input: their state is a linear recurrence, which can run in parallel over time."""

from functools import cache

import jax
import jax.numpy as jnp

from lstm_gru.cells.initializers import Preset, draw_weights, find_preset, set_forget_bias
from lstm_gru.cells.protocol import (
    Array,
    Fixed,
    Gates,
    LinearCell,
    Params,
    check_features,
    itself,
    project,
    with_bias,
    zero_hidden,
)

GRU_ROLES = {"z": -1, "n": 0}
LSTM_ROLES = {"i": -1, "f": 1, "n": 0}


def mingru(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> LinearCell:
    """Return the minGRU.

    Equations, gates stored in the order ``z n``::

        z_t = σ(W_z x_t + b_z)                  update gate, here 1 lets the new in
        n_t = W_n x_t + b_n                     candidate, without an activation
        h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ n_t

    Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, "Were RNNs All We Needed?" (arXiv:2410.01201),
    section 3.1, in its plain form, not that of the appendix in log space. Parameters: ``kernel [F, 2H]``,
    ``bias [2H]``.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of -b_z; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = mingru(8)
    """
    preset = find_preset("mingru", init, tuple(GRU_ROLES.values()))
    return _mingru(check_features("mingru", features), preset, forget_bias)


@cache
def _mingru(features: int, preset: Preset, forget_bias: float | None) -> LinearCell:
    def coefficients(fixed: Fixed, now: Gates) -> tuple[Array, Array, Gates]:
        del fixed
        z, n = jax.nn.sigmoid(now["z"]), now["n"]
        return 1 - z, z * n, {"z": z, "n": n}

    return _linear_cell("mingru", features, preset, forget_bias, GRU_ROLES, coefficients)


def minlstm(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> LinearCell:
    """Return the minLSTM.

    Equations, gates stored in the order ``i f n``::

        i_t = σ(W_i x_t + b_i)                  input gate
        f_t = σ(W_f x_t + b_f)                  forget gate; what keeps the old state is f / (f + i)
        n_t = W_n x_t + b_n                     candidate, without an activation
        h_t = f_t / (f_t + i_t) ⊙ h_{t-1} + i_t / (f_t + i_t) ⊙ n_t

    Source: Feng et al. 2024 (arXiv:2410.01201), section 3.2, in its plain form. Parameters: ``kernel [F, 3H]``,
    ``bias [3H]``.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_f; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = minlstm(8)
    """
    preset = find_preset("minlstm", init, tuple(LSTM_ROLES.values()))
    return _minlstm(check_features("minlstm", features), preset, forget_bias)


@cache
def _minlstm(features: int, preset: Preset, forget_bias: float | None) -> LinearCell:
    def coefficients(fixed: Fixed, now: Gates) -> tuple[Array, Array, Gates]:
        del fixed
        # f / (f + i) as a sigmoid: of the quotient, both gates far below zero would make 0 / 0.
        keep = jax.nn.sigmoid(jax.nn.log_sigmoid(now["f"]) - jax.nn.log_sigmoid(now["i"]))
        record = {"i": jax.nn.sigmoid(now["i"]), "f": jax.nn.sigmoid(now["f"]), "n": now["n"]}
        return keep, (1 - keep) * now["n"], record

    return _linear_cell("minlstm", features, preset, forget_bias, LSTM_ROLES, coefficients)


def _linear_cell(
    name: str, features: int, preset: Preset, forget_bias: float | None, roles: dict[str, int], coefficients
) -> LinearCell:
    signs = tuple(roles.values())

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        params = draw_weights(preset, key, dtype, in_features=in_features, features=features, roles=signs, state=0)
        return {**params, "bias": set_forget_bias(params["bias"], signs, forget_bias)}

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        return with_bias(project(xs, params["kernel"], tuple(roles)), params["bias"]), {}

    return LinearCell(
        name=name,
        features=features,
        init=init,
        initial_carry=zero_hidden(features),
        prepare=prepare,
        coefficients=coefficients,
        hidden=itself,
    )
