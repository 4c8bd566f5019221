"""LSTM and GRU with layer normalisation."""

from functools import cache

import jax
import jax.numpy as jnp

from lstm_gru.cells import gated_unit, long_short_term
from lstm_gru.cells.initializers import Preset, draw_weights, find_preset, set_forget_bias, with_one_bias
from lstm_gru.cells.protocol import (
    Array,
    Fixed,
    GatedCell,
    Gates,
    LSTMCarry,
    Params,
    by_name,
    check_features,
    itself,
    project,
    read_hidden,
    zero_hidden,
)

EPSILON = 1e-5


def layer_norm_lstm(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> GatedCell:
    """Return the LSTM with layer normalisation.

    Equations, gates stored in the order ``i f g o``, all four normalised together::

        a_t = α_h ⊙ norm(U h_{t-1}) + α_x ⊙ norm(W x_t) + b       [4H]
        i_t, f_t, o_t = σ of their parts of a_t,   g_t = tanh of its part
        c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
        h_t = o_t ⊙ tanh(α_c ⊙ norm(c_t) + β_c)
        norm(v) = (v - mean(v)) / √(var(v) + 1e-5)

    Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), equations 20-22; their two shifts are part of b, and
    their norm has no 1e-5. Parameters: ``kernel [F, 4H]``, ``recurrent_kernel [H, 4H]``, ``bias [4H]``,
    ``input_gain [4H]``, ``recurrent_gain [4H]``, ``cell_gain [H]``, ``cell_bias [H]``; gains start at 1.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_f; None is the preset's choice, 1 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = layer_norm_lstm(8)
    """
    name = "layer_norm_lstm"
    preset = find_preset(name, init, tuple(long_short_term.ROLES.values()))
    bias = preset.forget_bias if forget_bias is None else float(forget_bias)
    return _layer_norm_lstm(check_features(name, features), preset, bias)


@cache
def _layer_norm_lstm(features: int, preset: Preset, forget_bias: float | None) -> GatedCell:
    gates, roles = tuple("ifgo"), tuple(long_short_term.ROLES.values())

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        params = with_one_bias(
            draw_weights(preset, key, dtype, in_features=in_features, features=features, roles=roles, state=features)
        )
        bias = set_forget_bias(params["bias"], roles, forget_bias)
        gains = {name: jnp.ones(4 * features, dtype) for name in ("input_gain", "recurrent_gain")}
        cell = {"cell_gain": jnp.ones(features, dtype), "cell_bias": jnp.zeros(features, dtype)}
        return {**params, "bias": bias, **gains, **cell}

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        a_x = _normalised(project(xs, params["kernel"], gates), by_name(params["input_gain"], gates))
        per_step = {f"{name}_x": a_x[name] + b[None, None] for name, b in by_name(params["bias"], gates).items()}
        gain = by_name(params["recurrent_gain"], gates)
        return per_step, {**gain, "cell_gain": params["cell_gain"], "cell_bias": params["cell_bias"]}

    def gate(fixed: Fixed, carry: LSTMCarry, a: Gates) -> tuple[LSTMCarry, Gates]:
        a_h = _normalised({name: a[f"{name}_h"] for name in gates}, {name: fixed[name] for name in gates})
        i, f, o = (jax.nn.sigmoid(a[f"{name}_x"] + a_h[name]) for name in "ifo")
        g = jnp.tanh(a["g_x"] + a_h["g"])
        c = f * carry.cell + i * g
        normalised = _normalised({"c": c}, {"c": fixed["cell_gain"]})["c"] + fixed["cell_bias"][None, :]
        return LSTMCarry(cell=c, hidden=o * jnp.tanh(normalised)), {"i": i, "f": f, "g": g, "o": o}

    def initial_carry(params: Params, batch_size: int) -> LSTMCarry:
        zeros = zero_hidden(features)(params, batch_size)
        return LSTMCarry(cell=zeros, hidden=zeros)

    return GatedCell(
        name="layer_norm_lstm",
        features=features,
        gates=tuple(f"{name}_h" for name in gates),
        init=init,
        initial_carry=initial_carry,
        prepare=prepare,
        recurrent=lambda params: (params["recurrent_kernel"], {}),
        read=lambda fixed, carry: carry.hidden,
        gate=gate,
        hidden=lambda carry: carry.hidden,
        keep="f",
    )


def layer_norm_gru(features: int, *, init: str | Preset = "default", forget_bias: float | None = None) -> GatedCell:
    """Return the GRU with layer normalisation, in reset-after form.

    Equations, gates stored in the order ``r z n``, r and z normalised together::

        r_t, z_t = σ of the parts of α_h ⊙ norm(U_rz h_{t-1}) + α_x ⊙ norm(W_rz x_t) + b_rz
        n_t = tanh(α_x ⊙ norm(W_n x_t) + b_n + r_t ⊙ (α_h ⊙ norm(U_n h_{t-1}) + c_n))
        h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}
        norm(v) = (v - mean(v)) / √(var(v) + 1e-5)

    Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), supplementary material on the GRU; their z is 1 - z here,
    their shifts of r and z are part of b, and their norm has no 1e-5. Parameters: ``kernel [F, 3H]``,
    ``recurrent_kernel [H, 3H]``, ``bias [3H]``, c_n as ``recurrent_bias [H]``, ``input_gain [3H]``,
    ``recurrent_gain [3H]``; gains start at 1.

    Args:
      features: H.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_z; None is the preset's choice, 0 in ``default``.

    Raises:
      ValueError: on an unknown preset, or a width that is not a positive whole number.

    Example:
      >>> cell = layer_norm_gru(8)
    """
    name = "layer_norm_gru"
    preset = find_preset(name, init, tuple(gated_unit.ROLES.values()))
    return _layer_norm_gru(check_features(name, features), preset, forget_bias)


@cache
def _layer_norm_gru(features: int, preset: Preset, forget_bias: float | None) -> GatedCell:
    gates = tuple("rzn")
    plain = gated_unit.gru(features, init=preset, forget_bias=forget_bias)

    def normalised(parts: Gates, gain: Gates) -> Gates:
        return {
            **_normalised({name: parts[name] for name in "rz"}, gain),
            **_normalised({"n": parts["n"]}, gain),
        }

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        gains = {name: jnp.ones(3 * features, dtype) for name in ("input_gain", "recurrent_gain")}
        return {**plain.init(key, in_features, dtype), **gains}

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        a_x = normalised(project(xs, params["kernel"], gates), by_name(params["input_gain"], gates))
        per_step = {f"{name}_x": a_x[name] + b[None, None] for name, b in by_name(params["bias"], gates).items()}
        return per_step, {**by_name(params["recurrent_gain"], gates), "c_n": params["recurrent_bias"]}

    def gate(fixed: Fixed, carry: Array, a: Gates) -> tuple[Array, Gates]:
        a_h = normalised({name: a[f"{name}_h"] for name in gates}, fixed)
        r, z = (jax.nn.sigmoid(a[f"{name}_x"] + a_h[name]) for name in "rz")
        n = jnp.tanh(a["n_x"] + r * (a_h["n"] + fixed["c_n"][None, :]))
        return (1 - z) * n + z * carry, {"r": r, "z": z, "n": n}

    return GatedCell(
        name="layer_norm_gru",
        features=features,
        gates=tuple(f"{name}_h" for name in gates),
        init=init,
        initial_carry=zero_hidden(features),
        prepare=prepare,
        recurrent=lambda params: (params["recurrent_kernel"], {}),
        read=read_hidden,
        gate=gate,
        hidden=itself,
        keep="z",
    )


def _normalised(parts: Gates, gain: Gates) -> Gates:
    """``gain ⊙ (v - mean) / √(var + ε)`` over the last axis of all parts joined, which is never built."""
    mean = sum(part.mean(-1, keepdims=True) for part in parts.values()) / len(parts)
    centred = {name: part - mean for name, part in parts.items()}
    variance = sum(jnp.square(part).mean(-1, keepdims=True) for part in centred.values()) / len(parts)
    scale = jax.lax.rsqrt(variance + EPSILON)
    return {name: part * scale * jnp.expand_dims(gain[name], range(part.ndim - 1)) for name, part in centred.items()}
