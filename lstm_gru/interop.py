"""Parameters from and to PyTorch, Keras and Flax, without importing any of them.

A layout is a table ``{name of an array: (our name, gates in the order of its columns)}``, ours included. A
conversion takes the arrays of one layout apart into blocks, one for each ``(our name, gate)``, and joins them in the
other layout. Nothing is added up and nothing dropped: what the other layout has no place for must be zero. Arrays
keep their type (JAX holds float64 in its 64-bit mode only).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from lstm_gru.cells import gru, gru_reset_before, lstm, projected_lstm, rnn
from lstm_gru.cells.protocol import Cell, Params, check_choice
from lstm_gru.layers import Layer, Merge, bidirectional, recurrent, stack

Arrays = Mapping[str, Any]
Layout = dict[str, tuple[str, str]]
Blocks = dict[tuple[str, str], np.ndarray]
Part = tuple[str, Layout, Arrays]  # Where a cell's arrays come from, their layout, and the arrays.

CELL_OF: dict[str, Callable[[int], Cell]] = {
    "rnn": rnn,
    "rnn_relu": partial(rnn, activation="relu"),
    "lstm": lstm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
}
GATES = {"rnn": "h", "rnn_relu": "h", "lstm": "ifgo", "gru": "rzn", "gru_reset_before": "rzn"}
ALWAYS = {"gru": "n"}  # Gates that always have a recurrent bias.
TORCH = ("rnn", "rnn_relu", "lstm", "gru")  # Our order of gates, in rows.
TORCH_NAME = re.compile(r"(?:weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)(_l\d+(?:_reverse)?)")
KERAS = {"rnn": "h", "lstm": "ifgo", "gru": "zrn", "gru_reset_before": "zrn"}


def _each(prefix: str, gates: str) -> dict[str, str]:
    """One dense module a gate, named by the prefix and the gate."""
    return {prefix + gate: gate for gate in gates}


def _modules(inputs: dict[str, str], hidden: dict[str, str], biased: dict[str, str]) -> Layout:
    """The layout of a Flax cell from its dense modules, ``{name: gates}``: of the input, of the state, with a bias."""
    named = ("kernel", "kernel", inputs), ("kernel", "recurrent_kernel", hidden), ("bias", "bias", biased)
    return {f"{module}/{leaf}": (ours, gates) for leaf, ours, group in named for module, gates in group.items()}


FLAX: dict[str, dict[str, Layout]] = {
    "rnn": {
        "linen": _modules({"i": "h"}, {"h": "h"}, biased={"i": "h"}),
        "nnx": _modules({"dense_i": "h"}, {"dense_h": "h"}, biased={"dense_i": "h"}),
    },
    "lstm": {
        "linen": _modules(_each("i", "ifgo"), _each("h", "ifgo"), biased=_each("h", "ifgo")),
        "nnx": _modules({"ii": "i", "if_": "f", "ig": "g", "io": "o"}, _each("h", "ifgo"), biased=_each("h", "ifgo")),
        "nnx_optimized": _modules({"dense_i": "ifgo"}, {"dense_h": "ifgo"}, biased={"dense_h": "ifgo"}),
    },
    "gru": {
        "linen": _modules(_each("i", "rzn"), _each("h", "rzn"), biased=_each("i", "rzn"))
        | {"hn/bias": ("recurrent_bias", "n")},
        "nnx": _modules({"dense_i": "rzn"}, {"dense_h": "rzn"}, biased={"dense_i": "rzn"}),
    },
}


def from_torch(kind: str, state_dict: Arrays, *, dropout: float = 0.0) -> tuple[Layer, Any]:
    """Return layers and parameters from the ``state_dict`` of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``.

    Layouts; both sides have the G gates in the order ``i f g o`` or ``r z n``, and their z, too, keeps the state::

        weight_ih_l0 [G·H, F]    kernel [F, G·H]             bias_ih_l0 [G·H]    bias [G·H]
        weight_hh_l0 [G·H, H]    recurrent_kernel [H, G·H]   bias_hh_l0 [G·H]    recurrent_bias [G·H]
        weight_hr_l0 [P, H]      projection [H, P]; then weight_hh_l0 is [G·H, P]

    Layers (``_l1``), both directions (``_reverse``), projections and absent biases are recognised. A ``bias_hh`` of
    zeros is left out; the GRU's always keeps n, and r and z where they are not zero.

    Source: PyTorch's documentation of ``torch.nn.RNN``, ``LSTM`` and ``GRU``, section "Variables". Its states h and
    c have an axis of layers and directions; here each has a carry of its own, for the LSTM `LSTMCarry`.

    Args:
      kind: ``rnn`` (tanh), ``rnn_relu``, ``lstm`` or ``gru``.
      state_dict: PyTorch's names, without a prefix, and what ``np.asarray`` takes, such as detached CPU tensors.
      dropout: between the layers, as the module's; a ``state_dict`` does not tell.

    Returns:
      ``(layer, params)``: a `stack` with as many layers as there are, and its parameters.

    Raises:
      ValueError: on an unknown kind, missing or unknown names, a gap between layers, shapes that do not fit.

    Example:
      >>> state_dict = {"weight_ih_l0": np.ones((12, 3)), "weight_hh_l0": np.ones((12, 4))}
      >>> layer, params = from_torch("gru", state_dict)
      >>> layer.apply(params, jnp.ones((2, 5, 3))).outputs.shape
      (2, 5, 4)
    """
    check_choice("from_torch", "kind", kind, TORCH)
    found: dict[str, dict[str, Any]] = {}
    for name, array in state_dict.items():
        match = TORCH_NAME.fullmatch(str(name))
        if match is None:
            raise ValueError(f"state_dict has {name!r}; expected names such as weight_ih_l0 or bias_hh_l1_reverse")
        found.setdefault(match[1], {})[name] = array
    depth = len({suffix.removesuffix("_reverse") for suffix in found}) or 1
    directions = ("", "_reverse") if any(suffix.endswith("_reverse") for suffix in found) else ("",)
    suffixes = [[f"_l{k}{direction}" for direction in directions] for k in range(depth)]
    missing = [suffix for layer in suffixes for suffix in layer if suffix not in found]
    if missing:
        raise ValueError(f"state_dict lacks weight_ih{missing[0]}; expected all layers from 0 on, in equal directions")
    bias, projected = (any(name.startswith(part) for name in state_dict) for part in ("bias", "weight_hr"))
    parts = [[("state_dict", _torch(kind, s, bias, projected), found[s]) for s in layer] for layer in suffixes]
    layers, params = zip(*(_layer(kind, blocks) for blocks in _apart(parts, transposed=True)), strict=True)
    return stack(*layers, dropout=dropout), params


def to_torch(kind: str, params: Sequence[Any], *, bias: bool = True) -> dict[str, np.ndarray]:
    """Return the ``state_dict`` of a ``torch.nn.RNN``, ``LSTM`` or ``GRU``: the inverse of `from_torch`.

    Layouts and source: as in `from_torch`; a ``recurrent_bias`` that is absent becomes zeros.

    Args:
      kind: as in `from_torch`.
      params: of a `stack`, a tuple with one entry a layer: a cell's parameters, or a pair where it reads both ways.
      bias: False for a module with ``bias=False``.

    Returns:
      NumPy arrays under PyTorch's names.

    Raises:
      ValueError: on an unknown kind, missing or unknown names, layers that differ in width or directions, which
        PyTorch's cannot, biases that are not zero where there is no place for them.

    Example:
      >>> _, params = from_torch("gru", {"weight_ih_l0": np.ones((12, 3)), "weight_hh_l0": np.ones((12, 4))})
      >>> sorted(to_torch("gru", params, bias=False))
      ['weight_hh_l0', 'weight_ih_l0']
    """
    check_choice("to_torch", "kind", kind, TORCH)
    if not isinstance(params, tuple | list) or not params:
        raise ValueError(f"params is a {type(params).__name__}; expected a tuple with one entry a layer, as of a stack")
    layers = [_directions(f"params[{k}]", layer) for k, layer in enumerate(params)]
    for k, layer in enumerate(layers):
        if len(layer) != len(layers[0]):
            raise ValueError(f"params[{k}] has {len(layer)} directions; expected {len(layers[0])}, as in params[0]")
    projected, state_dict = kind == "lstm" and "projection" in layers[0][0][1], {}
    parts = [[_part(kind, where, part, projected) for where, part in layer] for layer in layers]
    for k, (layer, blocks) in enumerate(zip(parts, _apart(parts), strict=True)):
        for (where, _, _), direction, block in zip(layer, ("", "_reverse"), blocks, strict=False):
            layout = _torch(kind, f"_l{k}{direction}", bias, projected)
            arrays = _joined(where, layout, block)
            state_dict |= {name: np.ascontiguousarray(array.T) for name, array in arrays.items()}
    return state_dict


def from_keras(kind: str, weights: Sequence[Any], *, merge: Merge = "concat") -> tuple[Layer, Any]:
    """Return a layer and its parameters from the weights of a Keras ``SimpleRNN``, ``LSTM``, ``GRU``.

    Layouts; Keras has the GRU's gates in the order ``z r h``, with our n as h, and the LSTM's as ``i f c o``, with
    our g as c; its z, too, keeps the state::

        weights[0] kernel [F, G·H]              kernel [F, G·H]
        weights[1] recurrent_kernel [H, G·H]    recurrent_kernel [H, G·H]
        weights[2] bias [G·H]                   bias [G·H]
        weights[2] bias [2, 3·H]                bias [3·H] and recurrent_bias [H], or [3·H] where r and z are not zero

    The last is the GRU's with ``reset_after=True``. ``Bidirectional`` has twice as many arrays, forward first.

    Source: Keras' documentation of ``SimpleRNN``, ``LSTM``, ``GRU`` and ``Bidirectional``; the order of gates is in
    the cells' ``call``.

    Args:
      kind: ``rnn``, ``lstm``, ``gru`` (``reset_after=True``) or ``gru_reset_before`` (``reset_after=False``); all
        with Keras' default activations.
      weights: one layer's ``get_weights()`` (those of a model of two would look like both directions of one); absent
        biases (``use_bias=False``) become zeros.
      merge: as the ``merge_mode`` of ``Bidirectional``, see `bidirectional`.

    Returns:
      ``(layer, params)``: `recurrent` or `bidirectional`, and its parameters.

    Raises:
      ValueError: on an unknown kind or merge, another number of arrays, shapes that do not fit.

    Example:
      >>> layer, params = from_keras("lstm", [np.ones((3, 16)), np.ones((4, 16)), np.zeros(16)])
      >>> layer.apply(params, jnp.ones((2, 5, 3))).outputs.shape
      (2, 5, 4)
    """
    check_choice("from_keras", "kind", kind, KERAS)
    if len(weights) not in (2, 3, 4, 6):
        raise ValueError(f"weights has {len(weights)} arrays; expected 3 (2 without bias), or 6 (4) of Bidirectional")
    count, parts = 2 if len(weights) % 3 else 3, []
    layout = _keras(kind, bias=count == 3)
    for start in range(0, len(weights), count):
        arrays = [np.asarray(array) for array in weights[start : start + count]]
        if "recurrent_bias" in layout:
            if arrays[2].ndim != 2 or len(arrays[2]) != 2:
                shape = arrays[2].shape
                raise ValueError(f"weights[{start + 2}] has shape {shape}; expected (2, 3·H), as of reset_after=True")
            arrays = [*arrays[:2], *arrays[2]]
        parts.append((f"weights[{start}:{start + count}]", layout, dict(zip(layout, arrays, strict=True))))
    (blocks,) = _apart([parts])
    return _layer(kind, blocks, merge)


def to_keras(kind: str, params: Any, *, bias: bool = True) -> list[np.ndarray]:
    """Return the weights of a Keras ``SimpleRNN``, ``LSTM``, ``GRU``: the inverse of `from_keras`.

    Layouts and source: as in `from_keras`.

    Args:
      kind: as in `from_keras`.
      params: a cell's parameters, or a pair for ``Bidirectional``.
      bias: False for a layer with ``use_bias=False``.

    Returns:
      NumPy arrays for ``set_weights()``.

    Raises:
      ValueError: on an unknown kind, missing or unknown names, shapes that do not fit, biases that are not zero
        where there is no place for them (a ``recurrent_bias`` of ``rnn`` and ``lstm``).

    Example:
      >>> _, params = from_keras("lstm", [np.ones((3, 16)), np.ones((4, 16)), np.zeros(16)])
      >>> [array.shape for array in to_keras("lstm", params)]
      [(3, 16), (4, 16), (16,)]
    """
    check_choice("to_keras", "kind", kind, KERAS)
    parts = [_part(kind, where, part) for where, part in _directions("params", params)]
    weights = []
    for (where, _, _), blocks in zip(parts, *_apart([parts]), strict=True):
        joined = [*_joined(where, _keras(kind, bias), blocks).values()]
        weights += [*joined[:2], np.stack(joined[2:])] if len(joined) == 4 else joined
    return weights


def from_flax(kind: str, params: Mapping[str, Arrays]) -> tuple[Layer, Params]:
    """Return a layer and its parameters from those of a Flax ``SimpleCell``, ``LSTMCell`` or ``GRUCell``.

    Layouts by form, x one of the gates ``i f g o`` or ``r z n``, which joined modules have in this order::

        kind  form            kernel           recurrent_kernel  bias           recurrent_bias
        rnn   linen           i/kernel         h/kernel          i/bias         none
        rnn   nnx             dense_i/kernel   dense_h/kernel    dense_i/bias   none
        lstm  linen           ix/kernel        hx/kernel         hx/bias        none
        lstm  nnx             ix/kernel, if_   hx/kernel         hx/bias        none
        lstm  nnx_optimized   dense_i/kernel   dense_h/kernel    dense_h/bias   none
        gru   linen           ix/kernel        hx/kernel         ix/bias        hn/bias
        gru   nnx             dense_i/kernel   dense_h/kernel    dense_i/bias   none

    Linen's ``OptimizedLSTMCell`` has the parameters of its ``LSTMCell``. NNX's ``GRUCell`` lacks the bias b_hn of
    Linen's, although its docstring has it; here it becomes zeros.

    Source: Flax's API reference, ``flax.linen`` and ``flax.nnx``, section on recurrent cells.

    Args:
      kind: ``rnn`` (``SimpleCell`` with tanh, without residual), ``lstm`` or ``gru``.
      params: of the cell itself: Linen's ``variables["params"]`` (in an ``RNN``, its ``["cell"]``), or NNX's
        ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``. The form is recognised.

    Returns:
      ``(layer, params)``: the cell in `recurrent`, and its parameters.

    Raises:
      ValueError: on an unknown kind, missing or unknown names, shapes that do not fit.

    Example:
      >>> layer, params = from_flax("rnn", {"i": {"kernel": np.ones((3, 4)), "bias": np.ones(4)},
      ...                                   "h": {"kernel": np.ones((4, 4))}})
      >>> layer.apply(params, jnp.ones((2, 5, 3))).outputs.shape
      (2, 5, 4)
    """
    check_choice("from_flax", "kind", kind, FLAX)
    for module, leaves in params.items():
        if not isinstance(leaves, Mapping):
            raise ValueError(f"params[{module!r}] is a {type(leaves).__name__}; expected a dict with its kernel")
    flat = {f"{module}/{leaf}": array for module, leaves in params.items() for leaf, array in leaves.items()}
    nearest = max(FLAX[kind].values(), key=lambda layout: len(layout.keys() & flat.keys()))
    (blocks,) = _apart([[("params", nearest, flat)]])
    return _layer(kind, blocks)


def to_flax(kind: str, params: Params, *, form: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the parameters of a Flax ``SimpleCell``, ``LSTMCell`` or ``GRUCell``: the inverse of `from_flax`.

    Layouts and source: as in `from_flax`.

    Args:
      kind: as in `from_flax`.
      params: a cell's parameters.
      form: ``linen`` or ``nnx``; ``nnx_optimized`` for NNX's ``OptimizedLSTMCell``.

    Returns:
      NumPy arrays: Linen's ``params``, or a pure dict for ``nnx.replace_by_pure_dict``.

    Raises:
      ValueError: on an unknown kind or form, missing or unknown names, shapes that do not fit, biases that are not
        zero where there is no place for them (all but Linen's ``GRUCell`` have one bias a gate).

    Example:
      >>> params = {"kernel": np.ones((3, 4)), "recurrent_kernel": np.ones((4, 4)), "bias": np.ones(4)}
      >>> {name: list(arrays) for name, arrays in to_flax("rnn", params, form="linen").items()}
      {'i': ['kernel', 'bias'], 'h': ['kernel']}
    """
    check_choice("to_flax", "kind", kind, FLAX)
    check_choice("to_flax", "form", form, FLAX[kind])
    if not isinstance(params, Mapping):
        raise ValueError(f"params is a {type(params).__name__}; expected a cell's dict of arrays")
    ((blocks,),) = _apart([[_part(kind, "params", params)]])
    nested: dict[str, dict[str, np.ndarray]] = {}
    for name, array in _joined("params", FLAX[kind][form], blocks).items():
        module, leaf = name.split("/")
        nested.setdefault(module, {})[leaf] = array
    return nested


def _ours(kind: str, second: str, projected: bool) -> Layout:
    """Our layout; ``second`` names the gates in ``recurrent_bias``, none where there is none."""
    layout = {name: (name, GATES[kind]) for name in ("kernel", "recurrent_kernel", "bias")}
    layout |= {"recurrent_bias": ("recurrent_bias", second)} if second else {}
    return layout | ({"projection": ("projection", "p")} if projected else {})


def _torch(kind: str, suffix: str, bias: bool, projected: bool) -> Layout:
    parts = {"weight_ih": "kernel", "weight_hh": "recurrent_kernel"}
    parts |= {"bias_ih": "bias", "bias_hh": "recurrent_bias"} if bias else {}
    layout = {name + suffix: (ours, GATES[kind]) for name, ours in parts.items()}
    return layout | ({"weight_hr" + suffix: ("projection", "p")} if projected and kind == "lstm" else {})


def _keras(kind: str, bias: bool) -> Layout:
    biases = ("bias", "recurrent_bias") if kind == "gru" else ("bias",)
    return {name: (name, KERAS[kind]) for name in ("kernel", "recurrent_kernel", *(biases if bias else ()))}


def _part(kind: str, where: str, params: Arrays, projected: bool = False) -> Part:
    """One cell of ours; the layout follows from the size of ``recurrent_bias``."""
    second = params.get("recurrent_bias")
    whole = second is not None and (kind != "gru" or np.size(second) == np.size(params.get("bias")))
    return where, _ours(kind, GATES[kind] if whole else ALWAYS.get(kind, ""), projected), params


def _directions(where: str, params: Any) -> list[tuple[str, Arrays]]:
    """One or both directions of a layer, each after its name."""
    if isinstance(params, Mapping):
        return [(where, params)]
    if isinstance(params, tuple | list) and len(params) == 2 and all(isinstance(part, Mapping) for part in params):
        return [(f"{where}[{i}]", part) for i, part in enumerate(params)]
    raise ValueError(f"{where} is a {type(params).__name__}; expected a cell's dict of arrays, or a pair of them")


def _apart(layers: list[list[Part]], transposed: bool = False) -> list[list[Blocks]]:
    """Check names and shapes and take arrays apart; the first ones say what F, H and P are for the others."""
    sizes: dict[str, int] = {}
    result = []
    for layer in layers:
        result.append([_blocks(*part, sizes, transposed) for part in layer])
        sizes["F"] = sizes.get("P", sizes["H"]) * len(layer)  # The next layer reads all directions of this one.
    return result


def _blocks(where: str, layout: Layout, arrays: Arrays, sizes: dict[str, int], transposed: bool) -> Blocks:
    for wrong, verb in ((layout.keys() - arrays.keys(), "lacks"), (arrays.keys() - layout.keys(), "has")):
        if wrong:
            raise ValueError(f"{where} {verb} {', '.join(sorted(wrong))}; expected {', '.join(layout)}")
    read = "P" if any(ours == "projection" for ours, _ in layout.values()) else "H"
    axes = {"kernel": ("F", "H"), "recurrent_kernel": (read, "H"), "projection": ("H", "P")}
    blocks = {}
    for name, (ours, gates) in layout.items():
        array = np.asarray(arrays[name]).T if transposed else np.asarray(arrays[name])
        symbols = axes.get(ours, ("H",))
        if array.ndim != len(symbols):
            raise ValueError(f"{where}: {name} has {array.ndim} axes; expected {len(symbols)}")
        counts = (*[1] * (len(symbols) - 1), len(gates))
        named = zip(symbols, array.shape, counts, strict=True)
        fits = tuple(sizes.setdefault(symbol, max(size // count, 1)) * count for symbol, size, count in named)
        if array.shape != fits:
            shape, fits = (shape[::-1] if transposed else shape for shape in (array.shape, fits))
            raise ValueError(f"{where}: {name} has shape {shape}; expected {fits}")
        split = np.split(array, len(gates), axis=-1)
        blocks |= {(ours, gate): block for gate, block in zip(gates, split, strict=True)}
    return blocks


def _joined(where: str, layout: Layout, blocks: Blocks) -> dict[str, np.ndarray]:
    """The arrays of a layout; absent biases become zeros, and what has no place in it must be zero."""
    places = {(ours, gate) for ours, gates in layout.values() for gate in gates}
    for (ours, gate), block in blocks.items():
        if (ours, gate) not in places and np.any(block):
            raise ValueError(f"{where}: {ours} of gate {gate} is not zero and has no place in {', '.join(layout)}")
    kernel = next(iter(blocks.values()))
    zeros = np.zeros(kernel.shape[-1], kernel.dtype)
    return {  # Copies: JAX may keep an array it is given, and a module's own would change under it.
        name: np.concatenate([blocks.get((ours, gate), zeros) for gate in gates], axis=-1)
        for name, (ours, gates) in layout.items()
    }


def _layer(kind: str, directions: list[Blocks], merge: Merge = "concat") -> tuple[Layer, Any]:
    """The layer of one or two cells, and its parameters in our layout."""
    projected = ("projection", "p") in directions[0]
    width, hidden = directions[0]["recurrent_kernel", GATES[kind][0]].shape
    cell = projected_lstm(width, cell_features=hidden) if projected else CELL_OF[kind](hidden)
    params = []
    for blocks in directions:
        second = [gate for gate in GATES[kind] if np.any(blocks.get(("recurrent_bias", gate), 0))]
        always = ALWAYS.get(kind, "")
        layout = _ours(kind, GATES[kind] if {*second} - {*always} else always, projected)
        params.append({name: jnp.asarray(array) for name, array in _joined("", layout, blocks).items()})
    return (recurrent(cell), params[0]) if len(params) == 1 else (bidirectional(cell, merge=merge), tuple(params))
