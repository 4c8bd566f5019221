"""How parameters start: named presets, the same for every cell.

- ``default``: input kernel Glorot uniform and recurrent kernel orthogonal, each gate on its own; biases 0,
  that of an LSTM's forget gate 1 (Jozefowicz, Zaremba & Sutskever 2015, section 2.2).
- ``torch``: everything uniform in ±1/√H, as ``torch.nn.LSTM`` and its kin document; a bias is the sum of two
  such draws where PyTorch has two.
- ``keras``: as ``default``, but drawn for the gates' joined matrix, whose fan-out is G·H.
- ``chrono``: as ``default``, with gate biases drawn so that memories last up to `max_time` steps
  (Tallec & Ollivier 2018, section 2.2); see `chrono`.
- ``identity``: recurrent kernel the identity, input kernel normal with deviation 0.001, biases 0
  (Le, Jaitly & Hinton 2015, section 3); for rectified units.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from lstm_gru.cells.protocol import Array, Params

Draw = Callable[[Array, tuple[int, int], int, Any], Array]


def _glorot(key: Array, shape: tuple[int, int], features: int, dtype: Any) -> Array:
    return jax.nn.initializers.glorot_uniform()(key, shape, dtype)


def _orthogonal(key: Array, shape: tuple[int, int], features: int, dtype: Any) -> Array:
    return jax.nn.initializers.orthogonal()(key, shape, dtype)


def _small(key: Array, shape: tuple[int, int], features: int, dtype: Any) -> Array:
    return 0.001 * jax.random.normal(key, shape, dtype)


def _identity(key: Array, shape: tuple[int, int], features: int, dtype: Any) -> Array:
    return jnp.eye(*shape, dtype=dtype)


def _torch(key: Array, shape: tuple[int, ...], features: int, dtype: Any) -> Array:
    bound = features**-0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def _zeros(key: Array, features: int, roles: tuple[int, ...], dtype: Any) -> Array:
    return jnp.zeros(len(roles) * features, dtype)


def _torch_bias(key: Array, features: int, roles: tuple[int, ...], dtype: Any) -> Array:
    return _torch(key, (len(roles) * features,), features, dtype)


@dataclass(frozen=True)
class Preset:
    """How one kind of initialisation draws a cell's arrays.

    Attributes:
      kernel: ``(key, shape, H, dtype) -> array``, for input kernels and projections.
      recurrent: the same, for recurrent kernels.
      bias: ``(key, H, roles, dtype) -> [G·H]``; a gate's role is +1 where 1 keeps the old state, -1 where 1
        lets the new in, else 0.
      recurrent_bias: the same, for the recurrent product's own bias.
      joined: draw the gates' joined matrix at once, not gate by gate.
      forget_bias: start of the LSTM's forget gate; None leaves what ``bias`` drew.
      needs_memory_gate: whether ``bias`` means something only for cells with a gate of role +1 or -1.
    """

    kernel: Draw
    recurrent: Draw
    bias: Callable[[Array, int, tuple[int, ...], Any], Array]
    recurrent_bias: Callable[[Array, int, tuple[int, ...], Any], Array] = _zeros
    joined: bool = False
    forget_bias: float | None = None
    needs_memory_gate: bool = False


@cache  # Equal arguments give the identical preset, and so the identical cell.
def chrono(max_time: float) -> Preset:
    """Return the chrono initialisation for memories of up to ``max_time`` steps.

    Equations, for a gate of which 1 keeps the old state (the LSTM's f, the GRU's z), and for one of which 1 lets
    the new in (the LSTM's i, the minimal gated unit's f)::

        b_keep  =  log u,   u ~ U(1, max_time - 1)
        b_write = -log u    with the same u

    A unit whose forget gate is σ(log u) = u / (1 + u) forgets over 1 + u steps. Source: Tallec & Ollivier 2018,
    "Can recurrent neural networks warp time?", equation 16 and section 2.2.

    Args:
      max_time: the longest dependency to expect, in steps; above 2.

    Raises:
      ValueError: when ``max_time`` is not above 2.

    Example:
      >>> from lstm_gru.cells import lstm
      >>> cell = lstm(8, init=chrono(784))
    """
    if not max_time > 2:
        raise ValueError(f"chrono: max_time = {max_time!r}; expected a number of steps above 2")

    def bias(key: Array, features: int, roles: tuple[int, ...], dtype: Any) -> Array:
        log_time = jnp.log(jax.random.uniform(key, (features,), dtype, 1.0, max_time - 1.0))
        return jnp.concatenate([role * log_time for role in roles])

    return replace(PRESETS["default"], bias=bias, forget_bias=None, needs_memory_gate=True)


PRESETS: dict[str, Preset] = {
    "default": Preset(_glorot, _orthogonal, _zeros, forget_bias=1.0),
    "torch": Preset(_torch, _torch, _torch_bias, recurrent_bias=_torch_bias),
    "keras": Preset(_glorot, _orthogonal, _zeros, joined=True, forget_bias=1.0),
}
PRESETS["chrono"] = chrono(100)
PRESETS["identity"] = Preset(_small, _identity, _zeros)


def find_preset(cell: str, init: str | Preset, roles: tuple[int, ...]) -> Preset:
    """Return a preset by its name, or the given one.

    Args:
      cell: whose preset it is, for the message.
      init: a name in `PRESETS`, or a preset.
      roles: the gates' roles; see `Preset`.

    Raises:
      ValueError: on an unknown name, or when the preset speaks of a gate that the cell does not have.
    """
    if not isinstance(init, Preset):
        if init not in PRESETS:
            raise ValueError(f"{cell}: init = {init!r}; expected one of {', '.join(PRESETS)} or a Preset")
        init = PRESETS[init]
    if init.needs_memory_gate and not any(roles):
        raise ValueError(f"{cell}: init = chrono sets the biases of gates that keep the state; {cell} has none")
    return init


def draw_weights(
    preset: Preset, key: Array, dtype: Any, *, in_features: int, features: int, roles: tuple[int, ...], state: int
) -> Params:
    """Draw the arrays that all cells share.

    Args:
      preset: from `find_preset`.
      key: random key.
      dtype: type of the parameters.
      in_features: F.
      features: H.
      roles: one for each of the G gates; see `Preset`.
      state: R, the width that the recurrent kernel multiplies; 0 for a cell without one.

    Returns:
      ``kernel [F, G·H]``, ``bias [G·H]`` and, unless ``state`` is 0, ``recurrent_kernel [R, G·H]`` and
      ``recurrent_bias [G·H]``, the recurrent product's own bias, for the cell to add or to keep.
    """
    wide = jnp.promote_types(dtype, jnp.float32)  # There is no QR decomposition in half precision.
    gates = len(roles)

    def draw(initializer: Draw, key: Array, rows: int) -> Array:
        if preset.joined:
            return initializer(key, (rows, gates * features), features, wide).astype(dtype)
        # Fans and orthogonality of the joined matrix would depend on how many gates it joins.
        blocks = [initializer(k, (rows, features), features, wide) for k in jax.random.split(key, gates)]
        return jnp.concatenate(blocks, axis=1).astype(dtype)

    input_key, recurrent_key = jax.random.split(key)
    bias_keys = jax.random.split(jax.random.fold_in(key, 1))
    params = {
        "kernel": draw(preset.kernel, input_key, in_features),
        "bias": preset.bias(bias_keys[0], features, roles, wide).astype(dtype),
    }
    if state:
        params["recurrent_kernel"] = draw(preset.recurrent, recurrent_key, state)
        params["recurrent_bias"] = preset.recurrent_bias(bias_keys[1], features, roles, wide).astype(dtype)
    return params


def set_forget_bias(bias: Array, roles: tuple[int, ...], value: float | None) -> Array:
    """Return the bias with the gate that keeps the old state starting at σ(value).

    Args:
      bias: ``[G·H]``.
      roles: one for each of the G gates; see `Preset`. Where none keeps, the one that writes starts at σ(-value).
      value: None leaves the bias as it is.
    """
    if value is None:
        return bias
    role = 1 if 1 in roles else -1
    features = bias.shape[0] // len(roles)
    start = roles.index(role) * features
    return bias.at[start : start + features].set(role * value)


def with_one_bias(params: Params) -> Params:
    """Return the drawn parameters with the two biases added up; they would only be summed at every step."""
    rest = {name: value for name, value in params.items() if name != "recurrent_bias"}
    return {**rest, "bias": params["bias"] + params["recurrent_bias"]}
