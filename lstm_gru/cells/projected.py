"""The long short-term memory with a recurrent projection."""

from functools import cache

import jax
import jax.numpy as jnp

from lstm_gru.cells.initializers import Preset, draw_weights, find_preset, set_forget_bias, with_one_bias
from lstm_gru.cells.long_short_term import ROLES
from lstm_gru.cells.protocol import (
    Array,
    Fixed,
    Gates,
    LSTMCarry,
    Params,
    StepCell,
    carry_type,
    check_features,
    product,
    project,
    summed_bias,
    with_bias,
)


def projected_lstm(
    features: int,
    *,
    cell_features: int | None = None,
    init: str | Preset = "default",
    forget_bias: float | None = None,
) -> StepCell:
    """Return the LSTM whose output is a projection of a wider cell.

    Equations, gates of width C stored in the order ``i f g o``, the output of width H::

        i_t, f_t, g_t, o_t   as in `lstm`, of x_t and h_{t-1}
        c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
        h_t = P (o_t ⊙ tanh(c_t))

    Source: Sak, Senior & Beaufays 2014, section 3, without peepholes and without their non-recurrent projection;
    the form of PyTorch's ``proj_size``. Parameters: ``kernel [F, 4C]``, ``recurrent_kernel [H, 4C]``, ``bias [4C]``,
    ``projection [C, H]``; an optional ``recurrent_bias [4C]`` is added to the bias.

    Two products depend on each other within a step, so it is a `StepCell`.

    Args:
      features: H, the width of the output and of the recurrent product.
      cell_features: C, the width of cell and gates; 2 H when None.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_f; None is the preset's choice, 1 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = projected_lstm(4, cell_features=16)
    """
    features = check_features("projected_lstm", features)
    width = check_features(
        "projected_lstm", 2 * features if cell_features is None else cell_features, field="cell_features"
    )
    preset = find_preset("projected_lstm", init, tuple(ROLES.values()))
    return _projected(features, width, preset, preset.forget_bias if forget_bias is None else float(forget_bias))


@cache
def _projected(features: int, width: int, preset: Preset, forget_bias: float | None) -> StepCell:
    gates = tuple(ROLES)

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        roles = tuple(ROLES.values())
        params = with_one_bias(
            draw_weights(preset, key, dtype, in_features=in_features, features=width, roles=roles, state=features)
        )
        projection = preset.kernel(jax.random.fold_in(key, 2), (width, features), width, jnp.float32)
        bias = set_forget_bias(params["bias"], roles, forget_bias)
        return {**params, "bias": bias, "projection": projection.astype(dtype)}

    def initial_carry(params: Params, batch_size: int) -> LSTMCarry:
        dtype = carry_type(params["kernel"].dtype)
        return LSTMCarry(cell=jnp.zeros((batch_size, width), dtype), hidden=jnp.zeros((batch_size, features), dtype))

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        fixed = {name: params[name].astype(xs.dtype) for name in ("recurrent_kernel", "projection")}
        return with_bias(project(xs, params["kernel"], gates), summed_bias(params)), fixed

    def step(fixed: Fixed, carry: LSTMCarry, now: Gates) -> tuple[LSTMCarry, Gates]:
        recurrent = jnp.split(product(carry.hidden, fixed["recurrent_kernel"]), 4, axis=-1)
        a = {name: now[name] + r for name, r in zip(gates, recurrent, strict=True)}
        i, f, o = (jax.nn.sigmoid(a[name]) for name in "ifo")
        g = jnp.tanh(a["g"])
        c = f * carry.cell + i * g
        h = product(o * jnp.tanh(c), fixed["projection"])
        return LSTMCarry(cell=c, hidden=h), {"i": i, "f": f, "g": g, "o": o}

    return StepCell(
        name="projected_lstm",
        features=features,
        init=init,
        initial_carry=initial_carry,
        step=step,
        hidden=lambda carry: carry.hidden,
        prepare=prepare,
        keep="f",
    )
