"""Sequences that need a long memory, by their definition, and their tasks' losses by hand."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.data.memory import adding, copy_memory
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.files import write_json, write_text
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks.memory import LOSSES_FILE, WIDTHS, MemoryConfig, chance, draw, few_sequences, memory, read_losses


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


def test_few_sequences_are_scored_once_for_the_same_arrays(tmp_path, monkeypatch):
    task = memory(few_sequences(MemoryConfig(model=SequenceConfig(features=2), time=5)), {})
    params = task.init(jax.random.key(0))
    drawn = []
    monkeypatch.setattr("lstm_gru.tasks.memory.draw", lambda *what: drawn.append(what) or draw(*what))
    scores = task.evaluate(params, "test")
    task.finish(params, tmp_path)
    assert len(drawn) == 1
    assert len(read_losses(tmp_path)) == 100
    assert scores["loss"] == pytest.approx(read_losses(tmp_path).mean())
    task.evaluate(params, "valid")
    params["out"]["bias"] = params["out"]["bias"] + 1.0  # The same dictionary, another array.
    assert task.evaluate(params, "test") != scores
    assert len(drawn) == 3


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


ADDING, COPYING = load_experiment("adding"), load_experiment("copy_memory")
both = pytest.mark.parametrize("experiment", [ADDING, COPYING], ids=lambda experiment: experiment.name)


def parameters(config):
    shapes = jax.eval_shape(memory(config, {}).init, jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@both
def test_all_cells_have_as_many_parameters_and_nothing_but_the_cell_and_its_start_differs(experiment):
    expected = {"adding": 70_000, "copy_memory": 16_000}[experiment.name]
    for config in experiment.variants.values():
        assert parameters(config) == pytest.approx(expected, rel=0.02)
    rest = {
        (config.problem, config.batch, replace(config.train, learning_rate=1.0))
        for config in experiment.variants.values()
    }
    assert len(rest) == 1
    assert {name for pair in experiment.versus for name in pair} <= set(experiment.variants)
    assert set(experiment.headline) == set(experiment.scores)


@both
def test_a_finished_run_is_scored_by_the_losses_of_its_sequences(experiment, tmp_path):
    runs = {}
    for config in {config.time: config for config in experiment.variants.values()}.values():
        for number, fold in enumerate(experiment.folds(config, {})):
            runs[fold] = tmp_path / fold
            runs[fold].mkdir()
            write_json(runs[fold] / LOSSES_FILE, [number + 1.0, number + 2.0])
    if experiment is COPYING:
        [(short, path)] = [(fold, path) for fold, path in runs.items() if fold == "T = 200"]
        sequences = {"1": [1.0, 1.0], "2": [2.0, 1.0]}
        assert experiment.score({short: path})[:2] == ({"nats_200": 1.5}, sequences)
        other = experiment.score({fold: path for fold, path in runs.items() if fold != short})
        assert other[:2] == ({"nats_1000": 1.5}, sequences)
    else:
        found = experiment.score(runs)
        assert found.scores == {f"error_{time}": n + 1.5 for n, time in enumerate((10, 25, 50, 100, 200))} | {
            "error_600": 1.5
        }
        assert found.folds == {"1": [5.0, 1.0], "2": [6.0, 1.0]}
        assert experiment.statistic(np.sum([*found.folds.values()], axis=0)) == 5.5
        assert experiment.score({"T = 10": runs["T = 10"]})[:2] == ({"error_10": 1.5}, {})  # As a smoke run has it.
        long = experiment.score({"T = 600": runs["T = 600"]})
        assert long[:2] == ({"error_600": 1.5}, {"1": [1.0, 1.0], "2": [2.0, 1.0]})
    with pytest.raises(InputError, match=f"no {LOSSES_FILE}; expected a finished run of adding or copying"):
        read_losses(tmp_path)


@both
def test_a_length_without_a_place_in_the_tables_is_refused(experiment):
    config = replace(next(iter(experiment.variants.values())), time=7)
    with pytest.raises(InputError, match=rf"^{experiment.name}: problem = '\w+', time = 7; expected"):
        experiment.folds(config, {})


@both
def test_what_needs_no_memory_scores_by_chance(experiment):
    ((_, measured),) = experiment.baselines().items()
    assert set(measured.scores) == set(experiment.scores)
    if experiment is COPYING:
        assert measured.scores["nats_1000"] == pytest.approx(0.0204, abs=5e-5)
    else:
        assert all(0.14 < error < 0.19 for error in measured.scores.values())


def test_pictures_show_what_is_recorded_and_what_was_trained(tmp_path):
    assert ADDING.plots({}, [], tmp_path) == COPYING.plots({}, [], tmp_path) == {}
    scores = {f"error_{time}": 0.1 / time for time in (10, 25, 50, 100, 200)}
    records = [{"variant": "gru", "seed": 0, "scores": scores}, {"variant": "gru_600", "scores": {"error_600": 1e-4}}]
    lines = [json.dumps({"step": step, "seconds": 1, "valid_loss": 0.1 / step}) + "\n" for step in (1, 2)]
    for fold in ("T = 200", "T = 600", "T = 1000"):
        (tmp_path / fold).mkdir()
        write_text(tmp_path / fold / "metrics.jsonl", "".join(lines))
    runs = {f"gru_{time}".removesuffix("_200"): {0: {f"T = {time}": tmp_path / f"T = {time}"}} for time in (200, 600)}
    assert list(ADDING.plots(runs, records, tmp_path)) == [
        "adding-error_by_length.png",
        "adding-learning_curves_200.png",
        "adding-learning_curves_600.png",
    ]
    runs = {"gru_1000": {0: {"T = 1000": tmp_path / "T = 1000"}}}
    assert list(COPYING.plots(runs, [], tmp_path)) == ["copy_memory-learning_curves_1000.png"]


def test_a_sequence_is_looked_at():
    config = MemoryConfig(model=SequenceConfig(features=2), time=5)
    task = memory(config, {})
    found = task.inside(task.init(jax.random.key(0)), 3)
    assert (found.what, len(found.steps)) == ("sequence 3 of the test", 5)
    assert found.states["cell"].shape == found.gates["f"].shape == (5, 2)
