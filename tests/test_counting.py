"""Counting: the strings, what accepting them means, and the task's scores of models that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.data.counting import accepted, counted, first_wrong
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.files import write_json
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks.counting import CountingConfig, counting


@pytest.mark.parametrize("letters", [2, 3])
def test_a_string_is_read_from_its_beginning_and_ends(letters):
    strings = counted(letters, np.array([3, 1]), longest=4)
    assert strings.xs.shape == (2, 4 * letters + 1, letters + 1)
    assert strings.lengths.tolist() == [3 * letters + 1, letters + 1]
    for row, n in enumerate((3, 1)):
        word = "".join(letter * n for letter in "abc"[:letters])
        read, follows = strings.xs[row, : len(word) + 1].argmax(axis=1), strings.target[row, : len(word) + 1]
        assert "".join("^abc"[k] for k in read) == "^" + word
        assert "".join("$abc"[k] for k in follows) == word + "$"
        assert not strings.xs[row, len(word) + 1 :].any()
        assert not strings.target[row, len(word) + 1 :].any()


def perfect(letters, counts, longest, sure=0.9):
    """Log-probabilities of one who has counted: after a letter's first, only what can follow."""
    strings = counted(letters, counts, longest)
    p = np.full((*strings.target.shape, letters + 1), (1 - sure) / 100)
    np.put_along_axis(p, strings.target[..., None], sure, axis=-1)
    for row, n in enumerate(counts):
        p[row, : n + 1, 1] = p[row, 1 : n + 1, 2] = 0.5  # Another a, or the first b.
    return np.log(p)


@pytest.mark.parametrize("letters", [2, 3])
def test_one_who_counts_is_right_and_tells_all_apart_and_one_who_does_not_is_caught(letters):
    counts = np.array([1, 2, 5])
    said = perfect(letters, counts, 5)
    assert [found.tolist() for found in accepted(said, counts, letters, 0.01)] == [[True] * 3] * 2
    for place, letter, right in (
        (letters * 5, letters, True),  # One more of the last letter could follow.
        (letters * 5 - 1, 0, True),  # The end could follow one too early.
        (2 * 5, 2, True),  # One more b.
    ):
        wrong = said.copy()
        wrong[2, place, letter] = np.log(0.02)
        found = accepted(wrong, counts, letters, 0.01)
        assert [part.tolist() for part in found] == [[True, True, right], [True, True, False]]
    for place in (letters * 5, 6, 0):
        wrong = said.copy()
        wrong[2, place] = np.log(0.005)  # What follows is thought impossible.
        assert [part.tolist() for part in accepted(wrong, counts, letters, 0.01)] == [[True, True, False]] * 2


def test_the_first_wrong_one_counts():
    assert [first_wrong(np.array(found)) for found in ([True] * 3, [True, False, True], [False])] == [3, 1, 0]


def test_a_model_that_says_all_is_right_about_everything_and_tells_nothing_apart():
    config = CountingConfig(model=SequenceConfig(features=2), letters=3, longest=4, tested=70)
    task = counting(config, {})
    params = jax.tree.map(jnp.zeros_like, task.init(jax.random.key(0)))
    assert task.evaluate(params, "valid") == {"nats": pytest.approx(np.log(4), rel=1e-6)}
    found = task.evaluate(params, "test")
    assert (found["right"], found["told_apart"]) == (70, 0)
    params["out"]["bias"] = jnp.array([-9.0, 0, 0, 0])  # There is no end.
    found = task.evaluate(params, "test")
    assert (found["right"], found["told_apart"]) == (0, 0)


def test_batches_are_a_function_of_seed_and_step_and_the_loss_counts_every_letter_once():
    config = CountingConfig(model=SequenceConfig(cell="gru", features=3), longest=6, batch=5, tested=6)
    task = counting(config, {})
    batch, again = task.batch(3), counting(config, {}).batch(3)
    np.testing.assert_array_equal(batch["xs"], again["xs"])
    assert not np.array_equal(batch["lengths"], task.batch(4)["lengths"])
    assert {n for step in range(40) for n in (task.batch(step)["lengths"] - 1) // 2} == set(range(1, 7))
    params = jax.tree.map(jnp.add, params := task.init(jax.random.key(0)), filled(params, 1, scale=0.4))
    model = sequence(config.model, 3, 3)
    expected = 0.0
    for xs, target, length in zip(batch["xs"], batch["target"], batch["lengths"], strict=True):
        log_p = jax.nn.log_softmax(model.apply(params, xs[None, :length]))[0]
        expected -= sum(log_p[place, target[place]] for place in range(length))
    (total, weight), _ = jax.jit(task.loss)(params, batch, jax.random.key(0))
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert weight == batch["lengths"].sum()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"letters": 4}, "letters = 4; expected a number at least 2 and at most 3"),
        ({"longest": 9, "tested": 8}, "tested = 8; expected a number at least 9"),
        ({"threshold": 0.0}, "threshold = 0.0; expected a number above 0 and below 1"),
    ],
)
def test_settings_out_of_range_are_named(fields, words):
    with pytest.raises(InputError, match=f"^CountingConfig: {words}"):
        CountingConfig(**fields)


def test_the_experiment_scores_both_languages_and_draws_what_is_recorded(tmp_path):
    experiment = load_experiment("counting")
    runs = {name: tmp_path / name for name in ("ab", "abc")}
    for number, path in enumerate(runs.values()):
        path.mkdir()
        write_json(path / "scores.json", {"test": {"nats": 0.1, "right": 90.0 + number, "told_apart": 80.0 + number}})
    scores = experiment.score(runs).scores
    assert scores == {"told_apart_ab": 80, "told_apart_abc": 81, "right_ab": 90, "right_abc": 91}
    records = [{"variant": "lstm", "seed": seed, "scores": scores} for seed in range(3)]
    captions = experiment.plots({}, records, tmp_path)
    assert list(captions) == ["counting-ab.png", "counting-abc.png"]
    assert all((tmp_path / name).stat().st_size > 10_000 for name in captions)
    assert experiment.plots({}, [], tmp_path) == {}
    tasks = experiment.folds(experiment.config("gru"), {})
    assert [task.settings["language"] for task in tasks.values()] == ["aⁿbⁿ", "aⁿbⁿcⁿ"]
    assert [task.settings["longest"] for task in tasks.values()] == [99, 49]
