"""The common loop: it learns, resumes to the same bits, selects on validation and reads the test split once."""

import json
import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from lstm_gru.config import TrainConfig
from lstm_gru.training.checkpoint import Checkpoints
from lstm_gru.training.devices import all_devices
from lstm_gru.training.loop import fit
from lstm_gru.training.optimizer import learning_rate, make_optimizer
from lstm_gru.training.selection import Selection
from lstm_gru.training.step import compiled_update, initial_state

STEPS = 60


def lines(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def without_times(directory):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines(directory)]


def test_learns_the_line(tmp_path):
    fitted = fit(tiny.line(), tiny.settings(300, evaluate_every=100), tmp_path, plain=True)
    assert fitted.scores["test"]["rmse"] < 0.15
    losses = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    assert np.mean(losses[-20:]) < np.mean(losses[:20])


class Stop(Exception):
    pass


def stops_at_23():
    task = tiny.line()

    def batch(step):
        if step == 23:
            raise Stop
        return task.batch(step)

    return tiny.changed(task, batch=batch)


def test_metrics_have_every_step_once_after_a_stop(tmp_path):
    task = tiny.line()
    with pytest.raises(Stop):
        fit(stops_at_23(), tiny.settings(STEPS), tmp_path, plain=True)
    assert lines(tmp_path)[-1]["step"] == 23  # Three steps beyond the newest checkpoint, which are run again.
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 24, "lo')  # As a kill in the middle of a write leaves it.
    fit(task, tiny.settings(STEPS), tmp_path, plain=True)
    assert [line["step"] for line in lines(tmp_path) if "loss" in line] == list(range(1, STEPS + 1))
    seconds = [line["seconds"] for line in lines(tmp_path) if "seconds" in line]
    assert seconds == sorted(seconds)


def test_seconds_since_the_last_evaluation_count_too():
    assert Selection(None, 1, [{"step": 20, "seconds": 8.0}, {"step": 40, "seconds": 20.0}]).seconds(50) == 25
    assert Selection(None, 1).seconds(50) == 0


def test_a_finished_run_is_read_not_trained_again(tmp_path):
    first = tiny.train(tmp_path, STEPS)
    evaluations, finished = [], []
    again = fit(tiny.line(evaluations=evaluations, finished=finished), tiny.settings(STEPS), tmp_path, plain=True)
    assert (evaluations, finished) == ([], [])
    chex.assert_trees_all_equal(again, first)


def test_the_test_split_is_read_once(tmp_path):
    evaluations, finished = [], []
    fit(tiny.line(evaluations=evaluations, finished=finished), tiny.settings(20), tmp_path, plain=True)
    assert evaluations == ["valid"] * 4 + ["test"]
    assert finished == [tmp_path]


def task_with_scores(values, selects):
    """A task whose validation scores are given, so that the best step is known."""
    task, given = tiny.line(selects=selects), iter(values)

    def evaluate(params, split):
        return {"rmse": next(given) if split == "valid" else float(params["w"][0, 0])}

    return tiny.changed(task, evaluate=evaluate)


def test_what_is_compiled_for_validation_serves_the_test_too(tmp_path):
    error = jax.jit(lambda params: jnp.sqrt(jnp.mean((params["w"] - tiny.TRUTH) ** 2)))
    task = tiny.changed(tiny.line(), evaluate=lambda params, split: {"rmse": error(params)})
    fit(task, tiny.settings(10), tmp_path / "whole", plain=True)
    fit(task, tiny.settings(10, average=2), tmp_path / "mean", plain=True)
    assert error._cache_size() == 1


@pytest.mark.parametrize(
    ("selects", "best"),
    [(("valid_rmse", "min"), 10), (("valid_rmse", "max"), 5), (None, 30)],
)
def test_best_checkpoint_by_validation_is_kept_and_scored(tmp_path, selects, best):
    values = [3.0, 1.0, 2.5, 1.5, float("nan"), 2.0]
    task, config = task_with_scores(values, selects), tiny.settings(30)
    fitted = fit(task, config, tmp_path, plain=True)
    assert fitted.scores["chosen_steps"] == [best]
    assert fitted.scores["test"]["rmse"] == float(fitted.params["w"][0, 0])
    kept = {int(path.name) for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {best, 20, 25, 30}


def test_training_ends_early_when_patience_is_over(tmp_path):
    values = [3.0, 1.0, 2.5, 1.0, 2.0, 0.5, 0.4, 0.3, 0.2]
    task, config = task_with_scores(values, ("valid_rmse", "min")), tiny.settings(45, patience=3)
    fitted = fit(task, config, tmp_path, plain=True)
    assert fitted.scores["chosen_steps"] == [20]  # Of equal ones the later; patience counts from the first.
    assert lines(tmp_path)[-1]["step"] == 25
    with pytest.raises(ValueError, match=r"patience = 3; expected 0, since this task has no validation"):
        fit(tiny.line(selects=None), config, tmp_path / "none")


def test_a_run_that_ended_early_is_not_trained_on_after_a_stop(tmp_path):
    class Stop(Exception):
        pass

    def no_test(params, split):
        if split == "test":
            raise Stop
        return {"rmse": 1.0}

    config = tiny.settings(45, patience=2)
    with pytest.raises(Stop):
        fit(tiny.changed(tiny.line(), evaluate=no_test), config, tmp_path, plain=True)
    assert lines(tmp_path)[-1]["step"] == 15
    fitted = fit(tiny.changed(tiny.line(), evaluate=lambda *_: {"rmse": 1.0}), config, tmp_path, plain=True)
    assert fitted.scores["chosen_steps"] == [15]
    assert lines(tmp_path)[-1]["step"] == 15


def test_the_best_checkpoints_are_averaged(tmp_path):
    values = [3.0, 1.0, 2.5, 1.5, float("nan"), 9.0, 7.0]  # The last one is of the average.
    task, config = task_with_scores(values, ("valid_rmse", "min")), tiny.settings(30, average=2)
    fitted = fit(task, config, tmp_path, plain=True)
    assert fitted.scores["chosen_steps"] == [10, 20]
    assert fitted.scores["selected_by"]["value"] == 7.0
    saved = Checkpoints(tmp_path / "checkpoints")
    several = [saved.load(step, fitted.params, part="params")["w"] for step in (10, 20)]
    np.testing.assert_allclose(fitted.params["w"], np.mean(several, axis=0), rtol=1e-6)
    assert fitted.scores["test"]["rmse"] == float(fitted.params["w"][0, 0])


def test_a_new_run_starts_from_the_chosen_weights_of_another(tmp_path):
    first = tiny.train(tmp_path / "first", 40)
    config = tiny.settings(5, learning_rate=1e-6)
    fitted = fit(tiny.line(), config, tmp_path / "second", init_from=tmp_path / "first", plain=True)
    chex.assert_trees_all_close(fitted.params, first.params, atol=1e-4)
    written = json.loads((tmp_path / "second" / "config.json").read_text())["init_from"]
    assert written["steps"] == first.scores["chosen_steps"]
    with pytest.raises(ValueError, match=r"init_from\.run = .*first' there, None asked"):
        fit(tiny.line(), config, tmp_path / "second", plain=True)
    with pytest.raises(ValueError, match="no intact checkpoint to start from"):
        fit(tiny.line(), config, tmp_path / "third", init_from=tmp_path / "nothing", plain=True)
    assert not (tmp_path / "third").exists()


def test_a_run_that_has_begun_needs_its_origin_no_more(tmp_path):
    tiny.train(tmp_path / "first", 40)
    with pytest.raises(Stop):
        fit(stops_at_23(), tiny.settings(30), tmp_path / "second", init_from=tmp_path / "first", plain=True)
    shutil.rmtree(tmp_path / "first")
    for _ in range(2):  # It ends, and is read again.
        ended = fit(tiny.line(), tiny.settings(30), tmp_path / "second", init_from=tmp_path / "first", plain=True)
    assert ended.scores["chosen_steps"]


def not_finite(loss):
    """The gradient is finite or not, the loss is not."""

    def broken(params, batch, key):
        (total, weight), metrics = loss(params, batch, key)
        return (total + jnp.where(batch["bad"], jnp.inf, 0.0), weight), metrics

    return broken


def test_a_loss_that_is_not_finite_is_skipped_even_where_its_gradient_is():
    task, config = tiny.line(), tiny.settings(10)
    params = task.init(jax.random.key(0))

    def run(bad):
        state = initial_state(jax.tree.map(jnp.copy, params), config)
        batch = {**task.batch(0), "bad": np.array(bad)}
        return compiled_update(broken, config, all_devices())(state, batch, jax.random.key(1))

    broken = not_finite(task.loss)
    state, report = run(True)
    chex.assert_trees_all_equal(state.params, params)
    assert (int(report["skipped_steps"]), int(state.step)) == (1, 1)
    assert np.isfinite(report["gradient_norm"])
    state, report = run(False)
    assert int(report["skipped_steps"]) == 0
    assert (np.asarray(state.params["w"]) != np.asarray(params["w"])).all()


def test_no_validation_split_means_no_validation(tmp_path):
    evaluations = []
    fit(tiny.line(selects=None, evaluations=evaluations), tiny.settings(20), tmp_path, plain=True)
    assert evaluations == ["test"]


def test_another_configuration_is_refused_by_the_fields_that_differ(tmp_path):
    tiny.train(tmp_path, 10)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(ValueError, match=r"task\.seed = 0 there, 1 asked; train\.steps = 10 there, 20 asked"):
        fit(tiny.line(seed=1), tiny.settings(20), tmp_path)
    assert (tmp_path / "config.json").read_text() == before


def test_an_unwritable_directory_is_refused_before_anything_is_compiled(tmp_path):
    (tmp_path / "file").write_text("in the way")

    def never(key):
        raise AssertionError("initialised although the directory cannot be written")

    task = tiny.changed(tiny.line(), init=never)
    with pytest.raises(ValueError, match=r"file/run: cannot write the run directory .*another directory"):
        fit(task, tiny.settings(10), tmp_path / "file" / "run")


def test_noise_and_batches_change_with_step_and_seed(tmp_path):
    tiny.train(tmp_path / "zero", 10)
    fit(tiny.line(seed=0), tiny.settings(10, seed=1), tmp_path / "one", plain=True)
    zero, one = ([line["loss"] for line in lines(tmp_path / name) if "loss" in line] for name in ("zero", "one"))
    assert len({*zero, *one}) == 20


def test_update_divides_the_sum_by_the_weight_once():
    task, config = tiny.line(), tiny.settings(10)
    params = task.init(jax.random.key(0))
    batch, key = task.batch(0), jax.random.key(1)
    half = {**batch, "weight": 0.5 * batch["weight"]}
    nothing = {**batch, "weight": 0 * batch["weight"]}

    def run(batch):
        state = initial_state(jax.tree.map(jnp.copy, params), config)
        return compiled_update(task.loss, config, all_devices())(state, batch, key)

    (state, metrics), (half_state, half_metrics) = run(batch), run(half)
    chex.assert_trees_all_close(state.params, half_state.params, rtol=1e-6)
    assert metrics["loss"] == pytest.approx(float(half_metrics["loss"]), rel=1e-6)
    (total, weight), _ = task.loss(params, batch, jax.random.fold_in(key, 0))
    assert metrics["loss"] == pytest.approx(float(total / weight), rel=1e-6)
    still, empty = run(nothing)
    assert float(empty["loss"]) == 0
    chex.assert_trees_all_equal(still.params, params)


def test_learning_rate_warms_up_and_ends_at_zero():
    config = TrainConfig(steps=100, warmup_steps=10, learning_rate=0.5)
    schedule = learning_rate(config)
    assert [float(schedule(step)) for step in (0, 5, 10)] == pytest.approx([0.0, 0.25, 0.5])
    assert float(schedule(55)) == pytest.approx(0.25)
    assert float(schedule(100)) == pytest.approx(0.0, abs=1e-7)


def test_courses_of_the_learning_rate():
    def rates(schedule, warmup_steps=0):
        config = TrainConfig(steps=100, schedule=schedule, learning_rate=0.5, warmup_steps=warmup_steps)
        return [float(learning_rate(config)(step)) for step in (0, 25, 100)]

    assert rates("constant") == [0.5, 0.5, 0.5]
    assert rates("linear") == pytest.approx([0.5, 0.375, 0.0])
    assert rates("cosine") == pytest.approx([0.5, 0.25 * (1 + np.cos(np.pi / 4)), 0.0], abs=1e-7)
    assert rates("inverse_sqrt", 25) == pytest.approx([0.0, 0.5, 0.25])
    assert rates("inverse_sqrt") == pytest.approx([0.5, 0.5 / np.sqrt(26), 0.5 / np.sqrt(101)])


def test_weight_decay_shrinks_matrices_not_biases():
    config = TrainConfig(weight_decay=0.1, learning_rate=0.01, schedule="constant")
    params = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    optimizer = make_optimizer(config)
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.001 * np.ones((2, 2)), rtol=1e-5)
    assert not updates["b"].any()


def test_gradients_are_clipped_by_their_global_norm():
    config = TrainConfig(clip_norm=1.0, learning_rate=1.0, schedule="constant")
    params = {"w": jnp.zeros(2)}
    optimizer = make_optimizer(config)
    state = optimizer.init(params)
    _, state = optimizer.update({"w": jnp.array([30.0, 40.0])}, state, params)
    mean = state.inner_state[1][0].mu["w"]  # Adam's first moment saw 0.1 of the clipped gradient.
    np.testing.assert_allclose(mean, [0.06, 0.08], rtol=1e-5)


def test_progress_is_plain_lines_when_not_on_a_terminal(tmp_path, capfd):
    tiny.train(tmp_path, 10)
    printed = capfd.readouterr().err.strip().splitlines()
    assert len(printed) == 1
    assert str(tmp_path) in printed[0]
    assert "step 10/10" in printed[0]
    assert "steps/s" in printed[0]
    assert "valid_rmse" in printed[0]
