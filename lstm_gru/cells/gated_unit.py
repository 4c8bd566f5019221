"""The gated recurrent unit in its two forms, and the minimal gated unit."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp

from lstm_gru.cells.initializers import Preset, draw_weights, find_preset, set_forget_bias, with_one_bias
from lstm_gru.cells.protocol import (
    Array,
    Fixed,
    GatedCell,
    Gates,
    Params,
    StepCell,
    by_name,
    check_features,
    itself,
    product,
    project,
    read_hidden,
    with_bias,
    zero_hidden,
)

ROLES = {"r": 0, "z": 1, "n": 0}
MINIMAL_ROLES = {"f": -1, "n": 0}


def gru(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> GatedCell:
    """Return the gated recurrent unit in its reset-after form.

    Equations, gates stored in the order ``r z n``::

        r_t = σ(W_r x_t + U_r h_{t-1} + b_r)                    reset gate
        z_t = σ(W_z x_t + U_z h_{t-1} + b_z)                    update gate, 1 keeps the old state
        n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n))   candidate
        h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}

    Source: the form of cuDNN, PyTorch and Keras (``reset_after=True``), in which r multiplies the
    product ``U_n h``; `gru_reset_before` multiplies h before the product. The convention of z is that of
    Cho et al. 2014 (arXiv:1406.1078, equation 7), cuDNN, PyTorch, Keras and Flax; Chung et al. 2014
    (arXiv:1412.3555, equation 5) use it the other way round: their z is 1 - z here.

    Parameters: ``kernel [F, 3H]``, ``recurrent_kernel [H, 3H]``, ``bias [3H]``, and c_n as ``recurrent_bias [H]``;
    r and z have one bias each, since two would only be summed. A ``recurrent_bias [3H]`` in the order
    ``r z n`` is accepted too, to keep other libraries' second biases.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_z; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = gru(8)
    """
    return _gru(check_features("gru", features), find_preset("gru", init, tuple(ROLES.values())), forget_bias)


@cache
def _gru(features: int, preset: Preset, forget_bias: float | None) -> GatedCell:
    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        roles = tuple(ROLES.values())
        params = draw_weights(
            preset, key, dtype, in_features=in_features, features=features, roles=roles, state=features
        )
        recurrent_bias = params["recurrent_bias"]
        both = params["bias"].at[:-features].add(recurrent_bias[:-features])
        both = set_forget_bias(both, roles, forget_bias)
        return {**params, "bias": both, "recurrent_bias": recurrent_bias[-features:]}

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        return project(xs, params["kernel"], ("r", "z", "n_x")), {}

    def recurrent(params: Params) -> tuple[Array, Gates]:
        own = params["recurrent_bias"]
        summed = own[:-features]  # Of r and z where it has them, else of width 0.
        bias = by_name(params["bias"].at[: summed.shape[0]].add(summed), ("r", "z", "n_x"))
        return params["recurrent_kernel"], {**bias, "n_h": own[-features:]}

    def gate(fixed: Fixed, carry: Array, a: Gates) -> tuple[Array, Gates]:
        del fixed
        r, z = jax.nn.sigmoid(a["r"]), jax.nn.sigmoid(a["z"])
        n = jnp.tanh(a["n_x"] + r * a["n_h"])
        return (1 - z) * n + z * carry, {"r": r, "z": z, "n": n}

    return GatedCell(
        name="gru",
        features=features,
        gates=("r", "z", "n_h"),
        init=init,
        initial_carry=zero_hidden(features),
        prepare=prepare,
        recurrent=recurrent,
        read=read_hidden,
        gate=gate,
        hidden=itself,
        keep="z",
    )


def gru_reset_before(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> StepCell:
    """Return the gated recurrent unit in its reset-before form, the original one.

    Equations, gates stored in the order ``r z n``::

        r_t = σ(W_r x_t + U_r h_{t-1} + b_r)              reset gate
        z_t = σ(W_z x_t + U_z h_{t-1} + b_z)              update gate, 1 keeps the old state
        n_t = tanh(W_n x_t + U_n (r_t ⊙ h_{t-1}) + b_n)   candidate
        h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}

    Source: Cho et al. 2014 (arXiv:1406.1078, section 2.3, equations 5-8), whose z keeps the old state as here;
    Keras' ``reset_after=False``. Chung et al. 2014 (arXiv:1412.3555, section 3.2) reset before the product too,
    but their z is 1 - z here. Parameters: ``kernel [F, 3H]``, ``recurrent_kernel [H, 3H]``, ``bias [3H]``.

    Its second product waits for the reset gate, so it is a `StepCell`.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_z; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = gru_reset_before(8)
    """
    name = "gru_reset_before"
    preset = find_preset(name, init, tuple(ROLES.values()))
    return _gru_reset_before(check_features(name, features), preset, forget_bias)


@cache
def _gru_reset_before(features: int, preset: Preset, forget_bias: float | None) -> StepCell:
    def step(fixed: Fixed, h: Array, now: Gates) -> tuple[Array, Gates]:
        r_h, z_h = jnp.split(product(h, fixed["gates"]), 2, axis=-1)
        r, z = jax.nn.sigmoid(now["r"] + r_h), jax.nn.sigmoid(now["z"] + z_h)
        n = jnp.tanh(now["n"] + product(r * h, fixed["candidate"]))
        return (1 - z) * n + z * h, {"r": r, "z": z, "n": n}

    return replace(_two_product_cell("gru_reset_before", features, preset, forget_bias, ROLES, step), keep="z")


def mgu(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> StepCell:
    """Return the minimal gated unit: one gate that both resets and updates.

    Equations, gates stored in the order ``f n``::

        f_t = σ(W_f x_t + U_f h_{t-1} + b_f)              forget gate, here 1 lets the new in
        n_t = tanh(W_n x_t + U_n (f_t ⊙ h_{t-1}) + b_n)   candidate
        h_t = (1 - f_t) ⊙ h_{t-1} + f_t ⊙ n_t

    Source: Zhou, Wu, Zhang & Zhou 2016, "Minimal Gated Unit for Recurrent Neural Networks", equations 6-8.
    Parameters: ``kernel [F, 2H]``, ``recurrent_kernel [H, 2H]``, ``bias [2H]``.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of -b_f; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = mgu(8)
    """
    return _mgu(check_features("mgu", features), find_preset("mgu", init, tuple(MINIMAL_ROLES.values())), forget_bias)


@cache
def _mgu(features: int, preset: Preset, forget_bias: float | None) -> StepCell:
    def step(fixed: Fixed, h: Array, now: Gates) -> tuple[Array, Gates]:
        f = jax.nn.sigmoid(now["f"] + product(h, fixed["gates"]))
        n = jnp.tanh(now["n"] + product(f * h, fixed["candidate"]))
        return (1 - f) * h + f * n, {"f": f, "n": n}

    return _two_product_cell("mgu", features, preset, forget_bias, MINIMAL_ROLES, step)


def _two_product_cell(
    name: str, features: int, preset: Preset, forget_bias: float | None, roles: dict[str, int], step
) -> StepCell:
    """A step cell whose gates are one product of h, and whose candidate is a second one of something gated."""
    signs = tuple(roles.values())

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        params = with_one_bias(
            draw_weights(preset, key, dtype, in_features=in_features, features=features, roles=signs, state=features)
        )
        return {**params, "bias": set_forget_bias(params["bias"], signs, forget_bias)}

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        kernel = params["recurrent_kernel"].astype(xs.dtype)
        fixed = {"gates": kernel[:, :-features], "candidate": kernel[:, -features:]}
        return with_bias(project(xs, params["kernel"], tuple(roles)), params["bias"]), fixed

    return StepCell(
        name=name,
        features=features,
        init=init,
        initial_carry=zero_hidden(features),
        step=step,
        hidden=itself,
        prepare=prepare,
    )
