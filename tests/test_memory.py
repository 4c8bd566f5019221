"""Sequences that need a long memory, by their definition, and their tasks' losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.data.memory import adding, copy_memory
from lstm_gru.errors import InputError
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks.memory import WIDTHS, MemoryConfig, chance, draw, memory


def test_any_two_numbers_are_marked():
    xs, target = adding(np.random.default_rng(0), 4000, 7)
    numbers, marks = np.moveaxis(xs, -1, 0)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert (marks.sum(axis=1) == 2).all()
    assert set(np.unique(marks)) == {0, 1}
    pairs = marks.T @ marks
    np.testing.assert_allclose(pairs[~np.eye(7, dtype=bool)], 4000 / 21, rtol=0.3)  # Every two places as often.
    np.testing.assert_allclose(target, (numbers * marks).sum(axis=1), rtol=1e-6)
    assert np.mean((target - 1) ** 2) == pytest.approx(1 / 6, rel=0.1)


def test_ten_symbols_are_to_be_said_again_after_the_delay():
    xs, target = copy_memory(np.random.default_rng(0), 50, 4)
    assert xs.shape == (50, 24, 10)
    assert (xs.sum(axis=-1) == 1).all()
    read = xs.argmax(axis=-1)
    assert set(np.unique(read[:, :10])) == set(range(1, 9))
    assert (read[:, 10:13] == 0).all()
    assert (read[:, 13:] == 9).all()
    assert (target[:, :14] == 0).all()
    np.testing.assert_array_equal(target[:, 14:], read[:, :10])


@pytest.mark.parametrize("problem", ["adding", "copy"])
def test_batches_are_a_function_of_seed_and_step_and_never_those_of_the_test(problem):
    config = MemoryConfig(problem=problem, time=12, batch=4)
    task = memory(config, {})
    first, again, other = task.batch(0), memory(config, {}).batch(0), task.batch(1)
    np.testing.assert_array_equal(first["xs"], again["xs"])
    assert not np.array_equal(first["xs"], other["xs"])
    splits = [draw(config, (1, k), 4).xs for k in (0, 1)]
    assert not any(np.array_equal(first["xs"], xs) for xs in splits)
    assert not np.array_equal(*splits)


def test_the_loss_of_adding_is_that_of_the_last_step():
    config = MemoryConfig(model=SequenceConfig(cell="gru", features=3), time=6, batch=5)
    task = memory(config, {})
    params = jax.tree.map(jnp.add, params := task.init(jax.random.key(0)), filled(params, 1, scale=0.4))
    batch = task.batch(0)
    outputs = np.asarray(sequence(config.model, *WIDTHS["adding"]).apply(params, batch["xs"]))
    (total, weight), _ = task.loss(params, batch, None)
    np.testing.assert_allclose(total, ((outputs[:, -1, 0] - batch["target"]) ** 2).sum(), rtol=1e-5)
    assert weight == 5


def test_who_remembers_nothing_scores_by_chance():
    assert chance(MemoryConfig(problem="copy", time=1000)) == pytest.approx(0.0204, abs=5e-5)  # Bai et al. 2018.
    config = MemoryConfig(model=SequenceConfig(features=2), problem="copy", time=5)
    task = memory(config, {})
    params = jax.tree.map(jnp.zeros_like, task.init(jax.random.key(0)))
    params["out"]["bias"] = jnp.array([0.0] + [-30.0] * 9)  # Blank everywhere.
    assert task.evaluate(params, "test")["loss"] == pytest.approx(10 * 30 / 25, rel=1e-5)
    params["out"]["bias"] = jnp.zeros(10)
    assert task.evaluate(params, "valid")["loss"] == pytest.approx(np.log(10), rel=1e-5)
    adding_task = memory(MemoryConfig(model=SequenceConfig(features=2), time=5), {})
    ones = jax.tree.map(jnp.zeros_like, adding_task.init(jax.random.key(0)))
    ones["out"]["bias"] = jnp.ones(1)
    assert adding_task.evaluate(ones, "test")["loss"] == pytest.approx(1 / 6, rel=0.1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"problem": "x"}, "problem = 'x'; expected one of adding, copy"),
        ({"time": 1}, "time = 1; expected a number at least 2"),
        ({"batch": 0}, "batch = 0; expected a number at least 1"),
    ],
)
def test_settings_out_of_range_are_named(fields, words):
    with pytest.raises(InputError, match=f"^MemoryConfig: {words}"):
        MemoryConfig(**fields)
