"""What needs several devices: run by `test_devices.py` in a process whose host is eight.

Every kind of task, with noise where it has any, batches that eight do not divide, and cells of every kind.
"""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from jax import export
from jax.sharding import AxisType, PartitionSpec
from tools import assert_close, daily_series, random_params

from lstm_gru.cells import CELLS
from lstm_gru.config import TrainConfig
from lstm_gru.data.corpora import CorpusConfig
from lstm_gru.data.grammar import GrammarConfig, grammar_corpus
from lstm_gru.data.series import Series
from lstm_gru.data.tagged_corpora import TaggedCorpusConfig
from lstm_gru.data.timebase import TimeBase
from lstm_gru.data.windows import WindowConfig
from lstm_gru.dropout import variational, zoneout
from lstm_gru.errors import InputError
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.models.forecaster import ForecasterConfig
from lstm_gru.models.seasonal import SeasonalForecasterConfig
from lstm_gru.models.seq2seq import Seq2SeqConfig
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.models.tagger import TaggerConfig
from lstm_gru.models.transformer import TransformerConfig
from lstm_gru.recurrent import unroll
from lstm_gru.report.scaling import volume
from lstm_gru.tasks.counting import CountingConfig, counting
from lstm_gru.tasks.forecasting import ForecastingConfig, Parts, forecasting
from lstm_gru.tasks.memory import MemoryConfig, memory
from lstm_gru.tasks.seasonal import OriginConfig, SeasonalConfig, seasonal_forecasting
from lstm_gru.tasks.tagging import TaggingConfig, tagging
from lstm_gru.tasks.translation import RecurrentTranslation, TextConfig, TransformerTranslation, translation
from lstm_gru.training.devices import all_devices, one_device
from lstm_gru.training.loop import fit
from lstm_gru.training.step import compiled_update, initial_state

F, H, B, T = 3, 4, 4, 6
LENGTHS = (6, 0, 3, 1)
TRAIN = TrainConfig(steps=20, learning_rate=0.01)
ONE = one_device()


def inputs():
    return jnp.asarray(np.random.default_rng(3).normal(size=(B, T, F)), jnp.float32)


def test_the_host_is_eight_devices():
    assert jax.device_count() == all_devices().count == 8


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder, pairs = tmp_path_factory.mktemp("text"), grammar_corpus(GrammarConfig(train=400))["train"].pairs
    for name, side in zip(("de", "en"), pairs, strict=True):
        (folder / name).write_text("".join(f"{line}\n" for line in side), encoding="utf-8")
    src, trg = str(folder / "de"), str(folder / "en")
    data = CorpusConfig(src=src, trg=trg, valid_src=src, valid_trg=trg, test_src=src, test_trg=trg)
    return {"data": data, "text": TextConfig(vocabulary_size=340, tokens_per_batch=300, shapes=1), "train": TRAIN}


def of_memory(cell, problem, **model):
    config = SequenceConfig(cell=cell, features=3, depth=2, input_dropout=0.2, dropout=0.3, **model)
    return lambda _: memory(MemoryConfig(model=config, problem=problem, time=6, batch=5, train=TRAIN), {})


def of_text(kind, model, shapes=1):
    return lambda text: translation(kind(model, **{**text, "text": replace(text["text"], shapes=shapes)}), {})


def of_tags(_):
    model = TaggerConfig(cell="gru", features=4, word_features=4, character_embedding=3, character_features=3, crf=True)
    return tagging(TaggingConfig(model, TaggedCorpusConfig(corpus="past"), TRAIN, tokens_per_batch=200), {})


def of_windows(_):
    values = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
    values[[5, 12], [0, 1]] = np.nan
    series = Series(
        TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(3600, "s")), values, ("a", "b"), {"file": "s"}
    )
    model = ForecasterConfig(cell="lstm", features=3, head_features=4, dropout=0.2)
    config = ForecastingConfig(model=model, windows=WindowConfig(lookback=4, horizon=3, windows=5), train=TRAIN)
    return forecasting(series, Parts(40, 50), config, {})


def of_days(_):
    series = daily_series(8 + np.sin(np.arange(700)), file="s")
    windows = OriginConfig(lookback=6, horizon=25, origins=7, horizons=5, valid_days=40)
    model = SeasonalForecasterConfig(cell="gru", features=3, head_features=4, dropout=0.2)
    return seasonal_forecasting(series, 620, SeasonalConfig(model=model, windows=windows, train=TRAIN), {})


def of_counting(_):
    return counting(CountingConfig(model=SequenceConfig(features=3), longest=6, tested=8, batch=5, train=TRAIN), {})


TASKS = {
    "adding": of_memory("lstm", "adding"),
    "copying, step cell": of_memory("gru_reset_before", "copy"),
    "copying, linear cell": of_memory("mingru", "copy"),
    "counting": of_counting,
    "attention after the decoder": of_text(
        RecurrentTranslation, Seq2SeqConfig(embedding=8, encoder_features=6, features=8, state_dropout=0.2), 2
    ),
    "attention inside the decoder": of_text(
        RecurrentTranslation,
        Seq2SeqConfig(embedding=8, encoder_features=6, features=8, attention="additive", attention_features=4),
    ),
    "transformer": of_text(TransformerTranslation, TransformerConfig(features=8, hidden=16, depth=1, heads=2)),
    "tags": of_tags,
    "windows": of_windows,
    "days": of_days,
}


def steps(task, devices, count=3):
    """The metrics of a few steps, and the parameters after them."""
    devices = replace(devices, shared=task.shared)
    state = devices.place(initial_state(task.init(jax.random.key(0)), TRAIN))
    update, key, found = compiled_update(task.loss, TRAIN, devices), devices.place_everywhere(jax.random.key(1)), []
    for step in range(count):
        state, metrics = update(state, devices.place_batch(task.batch(step)), key)
        found.append({name: float(value) for name, value in metrics.items()})
    return found, state


@pytest.mark.parametrize("name", TASKS)
def test_a_step_is_the_same_however_many_devices_share_it(name, text):
    """Also where rows of zeros fill the batch up, which count nothing, and in every length bucket."""
    task = TASKS[name](text)
    assert any(len(leaf) % 8 for leaf in task.batch(0).values())
    (alone, _), (shared, _) = (steps(task, devices) for devices in (ONE, all_devices()))
    for here, there in zip(alone, shared, strict=True):
        assert there == pytest.approx(here, rel=1e-5)


def test_noise_differs_from_row_to_row():
    """Of the same row at another place, and so on another device, noise is another one."""
    task = of_memory("lstm", "adding")(None)
    batch = {name: np.repeat(leaf[:1], 16, axis=0) for name, leaf in task.batch(0).items()}
    params, loss = task.init(jax.random.key(0)), all_devices().value_and_gradient(task.loss)
    whole = jax.jit(loss)
    of_one = [
        float(whole(params, {**batch, "weight": np.eye(16, dtype=np.float32)[k]}, jax.random.key(1))[0][0])
        for k in range(16)
    ]
    assert len(set(of_one)) > 12  # Of the same row sixteen times.


@pytest.mark.parametrize("splits", [2, 8])
def test_matrices_in_pieces_are_the_same_matrices(splits):
    model = SequenceConfig(cell="lstm", features=72, dropout=0.3)
    task = memory(MemoryConfig(model=model, problem="copy", time=6, batch=5, train=TRAIN), {})
    (alone, one), (shared, pieces) = (steps(task, devices) for devices in (ONE, all_devices(splits)))
    for here, there in zip(alone, shared, strict=True):
        assert there == pytest.approx(here, rel=1e-5)
    chex.assert_trees_all_close(*(jax.device_get(state) for state in (one, pieces)), rtol=1e-4, atol=1e-5)
    split = [leaf for leaf in jax.tree.leaves(pieces) if leaf.addressable_data(0).size < leaf.size]
    assert {leaf.shape for leaf in split} == {(72, 288)}  # The recurrent kernel and its two moments.
    assert len(split) == 3
    assert all(leaf.addressable_data(0).size * splits == leaf.size for leaf in split)


@pytest.mark.parametrize("splits", [1, 4])
def test_the_table_of_communication_counts_what_a_step_communicates(splits):
    model = SequenceConfig(cell="lstm", features=72, depth=2)
    task = memory(MemoryConfig(model=model, problem="copy", time=6, batch=8, train=TRAIN), {})
    devices, params = all_devices(splits), task.init(jax.random.key(0))
    step = jax.make_jaxpr(devices.value_and_gradient(task.loss))(params, task.batch(0), jax.random.key(1))
    [shared] = [equation for equation in step.eqns if equation.primitive.name == "shard_map"]
    found = {"all_gather": 0, "reduce_scatter": 0, "psum": 0}
    for equation in shared.params["jaxpr"].eqns:
        name, whole = equation.primitive.name, equation.outvars if "gather" in equation.primitive.name else None
        if name in found:  # Loss, weight and metrics are scalars.
            found[name] += sum(var.aval.size for var in whole or equation.invars if var.aval.ndim)
    shapes = [leaf.shape for leaf in jax.tree.leaves(params)]
    split, summed = volume(shapes, devices)
    assert found == {"all_gather": split, "reduce_scatter": split, "psum": summed}
    assert (split > 0) == (splits > 1)


@pytest.mark.parametrize("splits", [1, 4])
def test_a_step_that_eight_devices_share_lowers_for_every_platform(splits):
    model = SequenceConfig(cell="lstm", features=72, dropout=0.2)
    task, platforms = memory(MemoryConfig(model=model, problem="copy", time=6, batch=8), {}), ("cpu", "cuda", "tpu")
    arguments = jax.eval_shape(
        lambda key: (initial_state(task.init(key), TRAIN), jax.tree.map(jnp.asarray, task.batch(0)), key),
        jax.random.key(0),
    )
    exported = export.export(compiled_update(task.loss, TRAIN, all_devices(splits)), platforms=platforms)(*arguments)
    assert (exported.platforms, exported.nr_devices) == (platforms, 8)


def test_matrices_too_small_to_be_split_are_named():
    task = of_memory("lstm", "adding")(None)
    with pytest.raises(InputError, match="none has 16,384 values and an axis that 2 divides; expected 1"):
        all_devices(2).place(initial_state(task.init(jax.random.key(0)), TRAIN))


def test_only_a_divisor_of_the_devices_can_split_matrices():
    with pytest.raises(InputError, match="split over 3 devices; expected a divisor of the 8 devices there are"):
        all_devices(3)


@pytest.mark.parametrize("before", [1, 8])
def test_a_run_goes_on_with_other_devices(before, tmp_path, capsys):
    """Stopped on one and continued on eight, or the other way round, it ends where it would have on one."""
    model = SequenceConfig(cell="gru", features=4, dropout=0.3)
    train = TrainConfig(steps=20, learning_rate=0.02, evaluate_every=5, log_every=1)
    task = memory(MemoryConfig(model=model, time=5, batch=6, train=train), {})
    alone = fit(task, train, tmp_path / "alone", plain=True, devices=ONE)
    stopped = tiny.changed(task, batch=lambda step: task.batch(step) if step < 12 else 1 / 0)
    devices = [ONE, all_devices()][:: 1 if before == 1 else -1]
    with pytest.raises(ZeroDivisionError):
        fit(stopped, train, tmp_path / "both", plain=True, devices=devices[0])
    both = fit(task, train, tmp_path / "both", plain=True, devices=devices[1])
    assert "resumed at step 10" in capsys.readouterr().err
    assert both.scores["test"] == pytest.approx(alone.scores["test"], rel=1e-4)
    chex.assert_trees_all_close(both.params, alone.params, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before", "mingru"])
def test_data_parallel_gradient_is_that_of_the_whole_batch(name):
    """Inside `shard_map` the zero carry, made on the spot, must vary as the data do; parameters stay equal."""
    cell = CELLS[name](H)
    layer = stack(bidirectional(cell), recurrent(cell))
    params = jax.tree.map(lambda leaf: leaf + 0.1, layer.init(jax.random.key(0), F))
    mesh = jax.make_mesh((2,), ("data",), devices=jax.devices()[:2], axis_types=(AxisType.Auto,))
    shard, whole = PartitionSpec("data"), PartitionSpec()
    lengths = jnp.array(LENGTHS)

    def loss(params, xs, lengths):
        outputs, carry, _ = layer.apply(params, xs, lengths)
        return jnp.sum(jnp.sin(outputs)) + sum(jnp.sum(jnp.cos(leaf)) for leaf in jax.tree.leaves(carry))

    def local(params, xs, lengths):
        return jax.lax.psum(loss(params, xs, lengths), "data")

    sharded = jax.shard_map(local, mesh=mesh, in_specs=(whole, shard, shard), out_specs=whole)
    inside = jax.shard_map(
        jax.value_and_grad(local), mesh=mesh, in_specs=(whole, shard, shard), out_specs=(whole, whole)
    )
    expected = jax.jit(jax.value_and_grad(loss))(params, inputs(), lengths)
    for f in (jax.value_and_grad(sharded), inside):
        assert_close(jax.jit(f)(params, inputs(), lengths), expected, 1e-4)


@pytest.mark.parametrize("wrap", [lambda cell: zoneout(cell, 0.3), lambda cell: variational(cell, inputs=0.3)])
def test_noise_inside_shard_map_is_that_of_the_whole_batch(wrap):
    cell = wrap(CELLS["lstm"](H))
    params = random_params(cell, F)
    mesh = jax.make_mesh((2,), ("data",), devices=jax.devices()[:2], axis_types=(AxisType.Auto,))
    shard, whole = PartitionSpec("data"), PartitionSpec()

    def loss(params, xs):
        return jnp.sum(jnp.sin(unroll(cell, params, xs, key=jax.random.key(0)).outputs))

    mapped = jax.shard_map(
        jax.grad(lambda params, xs: jax.lax.psum(loss(params, xs), "data")),
        mesh=mesh,
        in_specs=(whole, shard),
        out_specs=whole,
    )
    assert_close(jax.jit(mapped)(params, inputs()), jax.grad(loss)(params, inputs()), 1e-4)
