"""The experiment on gradients by lag: what its runs write, its scores, and its pictures."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.files import write_json
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks.memory import LOSSES_FILE, WIDTHS, MemoryConfig, evaluated
from lstm_gru.training.loop import initial_params

EXPERIMENT = load_experiment("vanishing_gradient")
NORMS_FILE, read_norms, reach = (EXPERIMENT.folds.__globals__[name] for name in ("NORMS_FILE", "read_norms", "reach"))


def test_a_run_writes_the_norms_before_and_after_training(tmp_path):
    config = MemoryConfig(model=SequenceConfig(cell="lstm", features=3), time=101)
    config = replace(config, train=replace(config.train, seed=5))
    (task,) = EXPERIMENT.folds(config, {}).values()
    before = initial_params(task, 5)
    after = jax.tree.map(jnp.add, before, filled(before, 1, scale=0.4))
    task.finish(after, tmp_path)
    found = read_norms(tmp_path)
    xs, target = (leaf[:100] for leaf in evaluated(config, "test"))
    for when, params in (("before", before), ("after", after)):
        said = np.asarray(sequence(config.model, *WIDTHS["adding"]).apply(params, xs))[:, -1, 0]
        # Of the last hidden state 2 (y - target) W, and of the cell nothing: what is shown of it has been said.
        slopes = np.abs(2 * (said - target)) * np.linalg.norm(params["out"]["kernel"])
        assert found[when].shape == (101,)
        np.testing.assert_allclose(found[when][0], slopes.mean(), rtol=1e-4)
    assert not np.allclose(found["before"], found["after"])


def test_scores_are_of_the_norms_that_a_run_wrote(tmp_path):
    powers = 0.9 ** np.arange(150)
    write_json(tmp_path / LOSSES_FILE, [0.25, 0.75])
    write_json(tmp_path / NORMS_FILE, {"before": (3 * powers).tolist(), "after": np.ones(150).tolist()})
    scores = EXPERIMENT.score({"": tmp_path}).scores
    assert set(scores) == set(EXPERIMENT.scores)
    assert scores == {
        **{"error": 0.5, "reach_before": 43, "reach_after": 149, "remains_after": 0},  # 0.9^43 > 1 % > 0.9^44.
        "remains_before": pytest.approx(100 * np.log10(0.9)),
    }
    assert reach(np.array([1.0, 0.001, 1.0])) == 0
    captions = EXPERIMENT.plots({"lstm": {0: {"": tmp_path}}}, [], tmp_path)
    assert list(captions) == ["vanishing_gradient-before.png", "vanishing_gradient-after.png"]
    assert EXPERIMENT.plots({}, [], tmp_path) == {}


@pytest.mark.parametrize("changes", [{"problem": "copy"}, {"time": 100}, {"model": SequenceConfig(depth=2)}])
def test_what_is_not_measured_is_refused(changes):
    with pytest.raises(InputError, match=r"^vanishing_gradient: .* expected adding, 1 and more than 100$"):
        EXPERIMENT.folds(replace(EXPERIMENT.config("lstm"), **changes), {})


def test_a_directory_without_norms_is_named(tmp_path):
    with pytest.raises(InputError, match=f"no {NORMS_FILE}; expected a finished run of vanishing_gradient"):
        read_norms(tmp_path)
