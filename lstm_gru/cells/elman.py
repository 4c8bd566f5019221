"""The plain recurrent network, without gates."""

from functools import cache

import jax
import jax.numpy as jnp

from lstm_gru.cells.initializers import Preset, draw_weights, find_preset, with_one_bias
from lstm_gru.cells.protocol import (
    Array,
    Fixed,
    GatedCell,
    Gates,
    Params,
    check_choice,
    check_features,
    itself,
    project,
    read_hidden,
    summed_bias,
    zero_hidden,
)

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


def rnn(features: int, *, activation: str = "tanh", init: str | Preset = "default") -> GatedCell:
    """Return the Elman network.

    Equation::

        h_t = φ(W x_t + U h_{t-1} + b),   φ = tanh or max(0, ·)

    Source: Elman 1990, "Finding Structure in Time"; here without its output layer. An optional parameter
    ``recurrent_bias [H]`` is added to b; it is there to keep other libraries' second bias.

    Args:
      features: H.
      activation: ``tanh`` or ``relu``.
      init: a preset of `lstm_gru.cells.initializers`.

    Raises:
      ValueError: on an unknown activation or preset, or a width that is not a positive whole number.

    Example:
      >>> cell = rnn(8)
    """
    check_choice("rnn", "activation", activation, ACTIVATIONS)
    return _rnn("rnn", check_features("rnn", features), activation, find_preset("rnn", init, roles=(0,)))


def irnn(features: int, *, init: str | Preset = "identity") -> GatedCell:
    """Return the rectified network whose recurrent kernel starts as the identity.

    Equation: ``h_t = max(0, W x_t + U h_{t-1} + b)``, U = I at the start.

    Source: Le, Jaitly & Hinton 2015 (arXiv:1504.00941), section 3.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = irnn(8)
    """
    return _rnn("irnn", check_features("irnn", features), "relu", find_preset("irnn", init, roles=(0,)))


@cache  # Equal arguments give the identical cell, so functions compiled for one serve the other.
def _rnn(name: str, features: int, activation: str, preset: Preset) -> GatedCell:
    activate = ACTIVATIONS[activation]

    def gate(fixed: Fixed, carry: Array, a: Gates) -> tuple[Array, Gates]:
        del fixed, carry
        h = activate(a["h"])
        return h, {"h": h}

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        params = draw_weights(
            preset, key, dtype, in_features=in_features, features=features, roles=(0,), state=features
        )
        return with_one_bias(params)

    return GatedCell(
        name=name,
        features=features,
        gates=("h",),
        init=init,
        initial_carry=zero_hidden(features),
        prepare=lambda params, xs, key: (project(xs, params["kernel"], ("h",)), {}),
        recurrent=lambda params: (params["recurrent_kernel"], {"h": summed_bias(params)}),
        read=read_hidden,
        gate=gate,
        hidden=itself,
    )
