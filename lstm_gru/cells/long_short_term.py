"""The long short-term memory and its variants, as options of one function."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

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
    project,
    summed_bias,
    zero_hidden,
)

ROLES = {"i": -1, "f": 1, "g": 0, "o": 0}


class FullGateCarry(NamedTuple):
    """The state of full gate recurrence: an LSTM's, and ``gates [B, 3H]``, the step's i, f and o side by side."""

    cell: Array
    hidden: Array
    gates: Array


@dataclass(frozen=True)
class Form:
    """Which parts of the LSTM are there; see `lstm`."""

    peepholes: bool = False
    coupled: bool = False
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    input_activation: bool = True
    output_activation: bool = True
    full_gate_recurrence: bool = False

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the pre-activations, in stored order."""
        there = {"i": self.input_gate, "f": self.forget_gate and not self.coupled, "g": True, "o": self.output_gate}
        return tuple(name for name in ROLES if there[name])

    @property
    def peeping(self) -> tuple[str, ...]:
        """Names of the gates that see the cell, in stored order."""
        return tuple(name for name in self.gates if name != "g") if self.peepholes else ()

    def check(self) -> None:
        """Raise `ValueError` for parts that exclude each other."""
        if self.coupled and not (self.input_gate and self.forget_gate):
            raise ValueError("lstm: coupled = True makes f of i; expected input_gate and forget_gate True with it")
        if self.full_gate_recurrence and len(self.gates) < 4:
            raise ValueError("lstm: full_gate_recurrence = True needs the gates i, f and o; expected none left out")


# Rows of `lstm_gru.cells.CELLS`. Greff et al. ablate the LSTM with peepholes; their NP is ``lstm`` itself.
VARIANTS = {
    "lstm": Form(),
    "peephole_lstm": Form(peepholes=True),
    "coupled_lstm": Form(coupled=True),
    "lstm_nig": Form(peepholes=True, input_gate=False),
    "lstm_nfg": Form(peepholes=True, forget_gate=False),
    "lstm_nog": Form(peepholes=True, output_gate=False),
    "lstm_niaf": Form(peepholes=True, input_activation=False),
    "lstm_noaf": Form(peepholes=True, output_activation=False),
    "lstm_cifg": Form(peepholes=True, coupled=True),
    "lstm_fgr": Form(peepholes=True, full_gate_recurrence=True),
}


def lstm(
    features: int,
    *,
    peepholes: bool = False,
    coupled: bool = False,
    input_gate: bool = True,
    forget_gate: bool = True,
    output_gate: bool = True,
    input_activation: bool = True,
    output_activation: bool = True,
    full_gate_recurrence: bool = False,
    init: str | Preset = "default",
    forget_bias: float | None = None,
) -> GatedCell:
    """Return the long short-term memory, by default with a forget gate and without peepholes.

    Equations, gates stored in the order ``i f g o``::

        i_t = σ(W_i x_t + U_i h_{t-1} + b_i)          input gate
        f_t = σ(W_f x_t + U_f h_{t-1} + b_f)          forget gate, 1 keeps the cell
        g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)       candidate
        o_t = σ(W_o x_t + U_o h_{t-1} + b_o)          output gate
        c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
        h_t = o_t ⊙ tanh(c_t)

    Options change one part each; the names in brackets are those of Greff et al. 2017::

        peepholes             i and f add p ⊙ c_{t-1}, o adds p_o ⊙ c_t, inside σ    (without: NP)
        coupled               f_t = 1 - i_t                                         (CIFG)
        input_gate=False      i_t = 1                                               (NIG)
        forget_gate=False     f_t = 1                                               (NFG)
        output_gate=False     o_t = 1                                               (NOG)
        input_activation=False    g_t without its tanh                              (NIAF)
        output_activation=False   h_t = o_t ⊙ c_t                                   (NOAF)
        full_gate_recurrence  i, f and o also see i_{t-1}, f_{t-1} and o_{t-1}, through nine H × H matrices (FGR)

    Source: Hochreiter & Schmidhuber 1997; forget gate from Gers, Schmidhuber & Cummins 2000; peepholes from
    Gers, Schraudolph & Schmidhuber 2002; the form and the ablations of Greff et al. 2017, "LSTM: A Search Space
    Odyssey", sections 2 and 3, who ablate the LSTM *with* peepholes. `CELLS` has a row for each.

    Parameters: ``kernel [F, G·H]``, ``recurrent_kernel [H, G·H]``, ``bias [G·H]`` for the G gates that exist,
    ``peepholes`` side by side for those of i, f and o that exist (they start at 0), ``gate_kernel [3H, 3H]``
    (rows i f o of the step before, columns i f o). An optional ``recurrent_bias [G·H]`` is added to the bias; it
    is there to keep other libraries' second bias.

    Args:
      features: H.
      peepholes: let the gates see the cell.
      coupled: let the input gate decide both.
      input_gate: have an input gate.
      forget_gate: have a forget gate.
      output_gate: have an output gate.
      input_activation: squash the candidate.
      output_activation: squash the cell on its way out.
      full_gate_recurrence: let gates see the gates before.
      init: a preset of `lstm_gru.cells.initializers`.
      forget_bias: start of b_f, of -b_i where coupled; None is the preset's choice, 1 in ``default``.

    Raises:
      ValueError: on parts that exclude each other, an unknown preset, or a width that is not a positive whole
        number.

    Example:
      >>> cell = lstm(8)
      >>> cell = lstm(8, peepholes=True, coupled=True, init="chrono")
    """
    form = Form(
        peepholes=peepholes,
        coupled=coupled,
        input_gate=input_gate,
        forget_gate=forget_gate,
        output_gate=output_gate,
        input_activation=input_activation,
        output_activation=output_activation,
        full_gate_recurrence=full_gate_recurrence,
    )
    form.check()
    preset = find_preset("lstm", init, tuple(ROLES[name] for name in form.gates))
    if forget_bias is not None and not form.forget_gate:
        raise ValueError(f"lstm: forget_bias = {forget_bias} without a forget gate; expected none")
    bias = preset.forget_bias if forget_bias is None else float(forget_bias)
    return _lstm(check_features("lstm", features), form, preset, bias if form.forget_gate else None)


@cache
def _lstm(features: int, form: Form, preset: Preset, forget_bias: float | None) -> GatedCell:
    gates, peeping, full = form.gates, form.peeping, form.full_gate_recurrence

    def init(key: Array, in_features: int, dtype=jnp.float32) -> Params:
        roles = tuple(ROLES[name] for name in gates)
        params = with_one_bias(
            draw_weights(preset, key, dtype, in_features=in_features, features=features, roles=roles, state=features)
        )
        params["bias"] = set_forget_bias(params["bias"], roles, forget_bias)
        if peeping:
            params["peepholes"] = jnp.zeros(len(peeping) * features, dtype)
        if full:
            keys = jax.random.split(jax.random.fold_in(key, 2), 3)
            blocks = [preset.kernel(k, (3 * features, features), features, jnp.float32) for k in keys]
            params["gate_kernel"] = jnp.concatenate(blocks, axis=1).astype(dtype)
        return params

    def initial_carry(params: Params, batch_size: int) -> LSTMCarry | FullGateCarry:
        zeros = zero_hidden(features)(params, batch_size)
        if full:
            return FullGateCarry(cell=zeros, hidden=zeros, gates=jnp.concatenate([zeros] * 3, axis=1))
        return LSTMCarry(cell=zeros, hidden=zeros)

    def prepare(params: Params, xs: Array, key: Array | None) -> tuple[Gates, Fixed]:
        del key
        fixed = dict(zip(peeping, jnp.split(params["peepholes"], len(peeping)), strict=True)) if peeping else {}
        return project(xs, params["kernel"], gates), fixed

    def read(fixed: Fixed, carry: LSTMCarry | FullGateCarry) -> Array:
        del fixed
        return jnp.concatenate([carry.hidden, carry.gates], axis=-1) if full else carry.hidden

    def gate(fixed: Fixed, carry: LSTMCarry | FullGateCarry, a: Gates) -> tuple[LSTMCarry | FullGateCarry, Gates]:
        def opened(name: str, cell: Array) -> Array:
            return jax.nn.sigmoid(a[name] + fixed[name][None, :] * cell if peeping else a[name])

        i = opened("i", carry.cell) if form.input_gate else 1.0
        f = 1 - i if form.coupled else opened("f", carry.cell) if form.forget_gate else 1.0
        g = jnp.tanh(a["g"]) if form.input_activation else a["g"]
        c = f * carry.cell + i * g
        o = opened("o", c) if form.output_gate else 1.0
        h = o * (jnp.tanh(c) if form.output_activation else c)
        record = {
            name: value for name, value in {"i": i, "f": f, "g": g, "o": o}.items() if not isinstance(value, float)
        }
        if full:
            return FullGateCarry(cell=c, hidden=h, gates=jnp.concatenate([i, f, o], axis=-1)), record
        return LSTMCarry(cell=c, hidden=h), record

    return GatedCell(
        name=next((name for name, known in VARIANTS.items() if known == form), "lstm"),
        features=features,
        gates=gates,
        init=init,
        initial_carry=initial_carry,
        prepare=prepare,
        recurrent=lambda params: (
            _full_kernel(params) if full else params["recurrent_kernel"],
            by_name(summed_bias(params), gates),
        ),
        read=read,
        gate=gate,
        hidden=lambda carry: carry.hidden,
        keep="f" if form.forget_gate else "",
    )


def _full_kernel(params: Params) -> Array:
    """Both recurrent kernels as one ``[4H, 4H]``: rows h i f o, columns i f g o; g sees no gates."""
    i, f, o = jnp.split(params["gate_kernel"], 3, axis=1)
    return jnp.concatenate([params["recurrent_kernel"], jnp.concatenate([i, f, jnp.zeros_like(i), o], axis=1)], axis=0)
