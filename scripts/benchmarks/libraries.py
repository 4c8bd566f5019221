"""The same layer in each library, ready to be timed: forward, forward and backward, one step; and ready to be profiled.

All compute in float32, from inputs of the batch first, with each library's defaults for a layer that returns all
outputs. A library is imported when it is asked for; nothing here is needed to use or to test the package.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.cases import MODES, STEPS, Case
from benchmarks.profile import profile
from lstm_gru.report.timings import LEAN, OURS, SHARDED


@dataclass(frozen=True)
class Timed:
    """Something to be timed.

    Attributes:
      call: does it to its end, and returns the seconds it took.
      facts: what is known of it beside its time: ``compile_seconds``, ``temporary_bytes``, ``parameters``.
      times: how often a call does it.
    """

    call: Callable[[], float]
    facts: dict[str, float] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class JaxLayer:
    """A layer of any JAX library as pure functions.

    Attributes:
      params: its parameters.
      apply: ``(params, xs [B, T, F]) -> outputs [B, T, ·]``.
      carry: an initial carry of one row; None where the layer reads in both directions.
      step: ``(params, carry, x [1, F]) -> (carry, output)``.
    """

    params: Any
    apply: Callable[..., Any]
    carry: Any = None
    step: Callable[..., Any] | None = None


def inputs(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``[B, T, F]`` and the cotangents of the outputs ``[B, T, ·]``."""
    rng = np.random.default_rng(0)
    xs = rng.standard_normal((case.batch, case.time, case.in_features), np.float32)
    return xs, rng.standard_normal((case.batch, case.time, case.width), np.float32)


def _ours(case: Case, *, lean: bool = False) -> JaxLayer:
    import jax

    from lstm_gru import cells, layers

    if case.model == "bilstm":
        layer = layers.bidirectional(cells.lstm(case.features), lean=lean)
    else:
        layer = layers.recurrent(cells.CELLS[case.model](case.features), lean=lean)
    params = layer.init(jax.random.key(0), case.in_features)
    return JaxLayer(
        params,
        lambda params, xs: layer.apply(params, xs).outputs,
        layer.initial_carry(params, 1),
        layer.step,
    )


def _flax_linen(case: Case) -> JaxLayer:
    import jax
    from flax import linen

    cell = {"rnn": linen.SimpleCell, "lstm": linen.OptimizedLSTMCell, "gru": linen.GRUCell}
    if case.model == "bilstm":
        layer = linen.Bidirectional(*(linen.RNN(linen.OptimizedLSTMCell(case.features)) for _ in range(2)))
        return JaxLayer(layer.init(jax.random.key(0), inputs(case)[0]), layer.apply)
    one = cell[case.model](case.features)
    layer = linen.RNN(one)
    params = layer.init(jax.random.key(0), inputs(case)[0])
    carry = one.initialize_carry(jax.random.key(0), (1, case.in_features))
    inner = {"params": params["params"]["cell"]}
    return JaxLayer(params, layer.apply, carry, lambda params, carry, x: one.apply(inner, carry, x))


def _flax_nnx(case: Case) -> JaxLayer:
    import jax
    from flax import nnx

    rngs = nnx.Rngs(0)
    kind = {"rnn": nnx.SimpleCell, "lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "bilstm": nnx.OptimizedLSTMCell}
    cells = [kind[case.model](case.in_features, case.features, rngs=rngs) for _ in range(2)]
    layer = nnx.RNN(cells[0], rngs=rngs)
    if case.model == "bilstm":
        layer = nnx.Bidirectional(layer, nnx.RNN(cells[1], rngs=rngs), rngs=rngs)
    structure, params, rest = nnx.split(layer, nnx.Param, ...)

    def merged(params):
        return nnx.merge(structure, params, jax.tree.map(lambda leaf: leaf, rest))  # A copy: its counters count on.

    def step(params, carry, x):
        return merged(params).cell(carry, x)

    carry = None if case.model == "bilstm" else cells[0].initialize_carry((1, case.in_features), rngs=nnx.Rngs(0))
    return JaxLayer(params, lambda params, xs: merged(params)(xs), carry, step)


def _haiku(case: Case) -> JaxLayer:
    import haiku
    import jax

    kind = {"rnn": haiku.VanillaRNN, "lstm": haiku.LSTM, "gru": haiku.GRU, "bilstm": haiku.LSTM}[case.model]

    def both(xs):
        import jax.numpy as jnp

        outputs = []
        for reverse in (False, True) if case.model == "bilstm" else (False,):
            core = kind(case.features)
            start = core.initial_state(xs.shape[0])
            outputs.append(haiku.dynamic_unroll(core, xs, start, time_major=False, reverse=reverse)[0])
        return jnp.concatenate(outputs, axis=-1)

    layer = haiku.without_apply_rng(haiku.transform(both))
    one = haiku.without_apply_rng(haiku.transform(lambda x, state: kind(case.features)(x, state)))
    start = haiku.without_apply_rng(haiku.transform(lambda: kind(case.features).initial_state(1)))
    params = layer.init(jax.random.key(0), inputs(case)[0])

    def step(params, carry, x):
        output, carry = one.apply(params, x, carry)
        return carry, output

    return JaxLayer(params, layer.apply, start.apply({}), step)


def _keras(case: Case) -> JaxLayer:
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    kind = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "bilstm": "LSTM"}[case.model]
    layer = getattr(keras.layers, kind)(case.features, return_sequences=True)
    if case.model == "bilstm":
        layer = keras.layers.Bidirectional(layer)
    layer.build((case.batch, case.time, case.in_features))
    params = [variable.value for variable in layer.trainable_variables]
    rest = [variable.value for variable in layer.non_trainable_variables]  # The state of its random numbers.

    def apply(params, xs):
        return layer.stateless_call(params, rest, xs)[0]

    def step(params, carry, x):
        (output, carry), _ = layer.cell.stateless_call(params, rest, x, carry)
        return carry, output

    carry = None if case.model == "bilstm" else layer.cell.get_initial_state(1)
    return JaxLayer(params, apply, carry, step)


def _timed_jax(layer: JaxLayer, case: Case, mode: str, *, sharded: bool = False) -> Timed:
    """Compile a layer; ``sharded`` gives every device its share of the batch, and gradients are summed over them."""
    import jax
    import jax.numpy as jnp

    if mode == "step":
        return _timed_jax_step(layer, case)

    def loss(params, xs, cotangents):
        return jnp.vdot(layer.apply(params, xs), cotangents)

    function = lambda params, xs, _: layer.apply(params, xs)  # noqa: E731
    if mode in ("training", "profile"):
        function = jax.grad(loss, argnums=(0, 1))
    arguments = jax.device_put((layer.params, *inputs(case)))
    if sharded:
        function, arguments = _over_all_devices(function, arguments, mode)
    began = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    facts = {
        "compile_seconds": time.perf_counter() - began,
        "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(layer.params)),
    }
    if mode == "inference":
        assert compiled(*arguments).shape == (case.batch, case.time, case.width)

    def call():
        began = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        return time.perf_counter() - began

    if mode == "profile":
        call()
        return Timed(call, profile(call, case.time))
    return Timed(call, facts)


def _timed_jax_step(layer: JaxLayer, case: Case) -> Timed:
    import jax

    step, params = jax.jit(layer.step), jax.device_put(layer.params)
    x = jax.device_put(inputs(case)[0][:, 0])
    carry, output = jax.block_until_ready(step(params, layer.carry, x))
    assert output.shape == (1, case.features)

    def call():
        began, now = time.perf_counter(), carry
        for _ in range(STEPS):
            now, output = step(params, now, x)
        jax.block_until_ready((now, output))
        return time.perf_counter() - began

    return Timed(call, times=STEPS)


def _over_all_devices(function: Callable[..., Any], arguments: tuple[Any, ...], mode: str) -> Any:
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    mesh = jax.make_mesh((jax.device_count(),), ("batch",))
    everywhere, in_parts = PartitionSpec(), PartitionSpec("batch")
    places = (everywhere, in_parts, in_parts)
    results = (everywhere, in_parts) if mode == "training" else in_parts
    placed = (jax.device_put(x, NamedSharding(mesh, place)) for x, place in zip(arguments, places, strict=True))
    return jax.shard_map(function, mesh=mesh, in_specs=places, out_specs=results), tuple(placed)


def _timed_torch(case: Case, mode: str) -> Timed:
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    kind = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "bilstm": "LSTM"}[case.model]
    xs, cotangents = map(torch.from_numpy, inputs(case))
    if mode == "step":
        return _timed_torch_step(getattr(torch.nn, f"{kind}Cell")(case.in_features, case.features), xs[:, 0])
    module = getattr(torch.nn, kind)(
        case.in_features, case.features, batch_first=True, bidirectional=case.model == "bilstm"
    )
    facts = {"parameters": sum(parameter.numel() for parameter in module.parameters())}

    def training():
        module.zero_grad(set_to_none=True)
        xs.grad = None
        module(xs)[0].backward(cotangents)

    def inference():
        with torch.inference_mode():
            return module(xs)[0]

    assert inference().shape == (case.batch, case.time, case.width)
    xs.requires_grad_(mode == "training")
    run = {"training": training, "inference": inference}[mode]

    def call():
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    return Timed(call, facts)


def _timed_torch_step(cell: Any, x: Any) -> Timed:
    import torch

    def call():
        began, carry = time.perf_counter(), None
        with torch.inference_mode():
            for _ in range(STEPS):
                carry = cell(x, carry)
        return time.perf_counter() - began

    return Timed(call, times=STEPS)


@dataclass(frozen=True)
class Library:
    """A library as the benchmark sees it.

    Attributes:
      packages: their versions are recorded; without one of them the library is left out.
      timed: ``(case, mode) -> Timed``.
      environment: variables of its process.
      modes: what can be measured.
      own: also measure what is measured of this library only.
    """

    packages: tuple[str, ...]
    timed: Callable[[Case, str], Timed]
    environment: dict[str, str] = field(default_factory=dict)
    modes: tuple[str, ...] = ("training", "inference", "step")
    own: bool = False

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages; raises `PackageNotFoundError` where one is missing."""
        return {name: version(name) for name in self.packages}


def _jax(make: Callable[[Case], JaxLayer], *packages: str) -> Library:
    return Library((*packages, "jax"), lambda case, mode: _timed_jax(make(case), case, mode))


LIBRARIES = {
    OURS: replace(_jax(_ours, "lstm-gru"), modes=MODES, own=True),
    LEAN: replace(_jax(partial(_ours, lean=True), "lstm-gru"), modes=("training",)),
    SHARDED: Library(
        ("lstm-gru", "jax"),
        lambda case, mode: _timed_jax(_ours(case), case, mode, sharded=True),
        environment={"JAX_NUM_CPU_DEVICES": str(len(os.sched_getaffinity(0)))},
        modes=("training", "inference"),
    ),
    "Flax Linen": _jax(_flax_linen, "flax"),
    "Flax NNX": _jax(_flax_nnx, "flax"),
    "Haiku": _jax(_haiku, "dm-haiku"),
    "Keras": _jax(_keras, "keras"),
    "PyTorch": Library(("torch",), _timed_torch),
}
