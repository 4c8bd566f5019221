"""Counting: the strings, what accepting them means, and the task's scores of models that are known."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import filled

from lstm_gru.data.counting import Judged, counted, furthest, judged
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.files import write_json, write_text
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks.counting import COUNTS_FILE, STATES_FILE, CountingConfig, counting, read_judged, read_states, scores


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


def one_who_counts(letters, counts, longest, sure=0.95):
    """Log-probabilities of one who has counted: after the first b, only what can follow is possible."""
    strings = counted(letters, counts, longest)
    p = np.full((*strings.target.shape, letters + 1), (1 - sure) / 100)
    np.put_along_axis(p, strings.target[..., None], sure, axis=-1)
    for row, n in enumerate(counts):
        p[row, : n + 1, 1] = p[row, 1 : n + 1, 2] = 0.5  # Another a, or the first b.
    return np.log(p)


def judgements(said, counts, letters):
    return [part.tolist() for part in judged(said, np.array(counts), letters, 0.01)]


@pytest.mark.parametrize("letters", [2, 3])
def test_one_who_counts_is_right_and_one_who_does_not_is_caught(letters):
    counts = np.array([1, 2, 5])
    said = one_who_counts(letters, counts, 5)
    assert judgements(said, counts, letters) == [[True] * 3] * 2
    for place, letter in (
        (letters * 5, letters),  # One more of the last letter could follow.
        (letters * 5 - 1, 0),  # The end could follow one too early.
        (2 * 5, 2),  # One more b.
        (6, 1),  # An a after a b.
    ):
        wrong = said.copy()
        wrong[2, place, letter] = np.log(0.02)
        assert judgements(wrong, counts, letters) == [[True, True, False], [True] * 3]
    for place in (letters * 5, 6):
        wrong = said.copy()
        wrong[2, place] = np.log(0.005)  # What follows is thought impossible, and so is all else.
        assert judgements(wrong, counts, letters) == [[True, True, False]] * 2
    wrong = said.copy()
    wrong[2, 5, 2] = np.log(0.005)  # The first b is thought impossible: how many a's come is not to be counted.
    assert judgements(wrong, counts, letters) == [[True] * 3, [True, True, False]]


def test_padding_is_not_judged():
    counts = np.array([1, 3])
    said = one_who_counts(2, counts, 3)
    said[0, 3:] = 0.0  # All letters at once.
    assert judgements(said, counts, 2) == [[True] * 2] * 2
    said[0, 3:] = -99.0  # None.
    assert judgements(said, counts, 2) == [[True] * 2] * 2


def test_who_knows_the_frequencies_of_the_training_strings_counts_all_of_them():
    """The best there is on n uniform in 1 ... 99: a b follows k letters a with probability 1 / (100 - k)."""
    counts = np.arange(1, 100)
    p = np.zeros((99, 199, 3))
    for row, n in enumerate(counts):
        k = np.arange(1, n + 1)
        p[row, 0, 1], p[row, k, 2], p[row, k, 1] = 1, 1 / (100 - k), 1 - 1 / (100 - k)
        p[row, n + 1 : 2 * n, 2] = p[row, 2 * n, 0] = 1
    rarer = p.copy()
    rarer[:, 1, 2] = 0.0099  # A hair less after the first a.
    with np.errstate(divide="ignore"):
        assert judgements(np.log(p), counts, 2) == [[True] * 99] * 2
        assert judgements(np.log(rarer), counts, 2) == [[True] * 99, [False] + [True] * 98]


def test_what_is_counted_is_a_number_of_strings_and_the_last_one_accepted_is_the_furthest():
    found = [np.array(right) for right in ([True] * 3, [True, False, True, False], [False])]
    assert [furthest(right) for right in found] == [3, 3, 0]
    assert scores(Judged(counted=found[1], accepted=found[0])) == {"counted": 2, "accepted": 3}


def test_a_model_that_finds_all_possible_accepts_everything_and_counts_nothing(tmp_path):
    config = CountingConfig(model=SequenceConfig(features=2), letters=3, longest=4, tested=70)
    task = counting(config, {})
    params = jax.tree.map(jnp.zeros_like, task.init(jax.random.key(0)))
    assert task.evaluate(params, "valid") == {"nats": pytest.approx(np.log(4), rel=1e-6)}
    assert task.evaluate(params, "test") == {"counted": 0, "accepted": 70}
    task.finish(params, tmp_path)
    assert [part.tolist() for part in read_judged(tmp_path)] == [[False] * 70, [True] * 70]
    params["out"]["bias"] = jnp.array([-9.0, 0, 0, 0])  # There is no end.
    assert task.evaluate(params, "test") == {"counted": 0, "accepted": 0}


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


def test_a_string_longer_than_those_in_training_is_looked_at(tmp_path):
    config = CountingConfig(model=SequenceConfig(features=3), longest=4, tested=9)
    task = counting(config, {})
    params = task.init(jax.random.key(0))
    found = task.inside(params, 1)
    assert (found.what, found.steps) == ("a^2b^2", ("^", "a", "a", "b", "b"))
    task.finish(params, tmp_path)
    steps, states = read_states(tmp_path)
    assert steps == ["^", *"aaaaabbbbb"]
    outputs = sequence(config.model, 3, 3).apply(params, counted(2, np.array([5]), 5).xs)[0]
    said = states["hidden"] @ np.asarray(params["out"]["kernel"]) + np.asarray(params["out"]["bias"])
    np.testing.assert_allclose(said, outputs, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"^number = 9; there are 9 strings, expected 0 to 8$"):
        task.inside(params, 9)
    with pytest.raises(InputError, match=f"no {STATES_FILE}; expected a finished run of counting"):
        read_states(tmp_path / "nothing")


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


def test_the_experiment_scores_both_languages_and_draws_what_is_recorded(tmp_path, monkeypatch):
    experiment = load_experiment("counting")
    runs = {name: tmp_path / name for name in ("ab", "abc")}
    for path, counts in zip(runs.values(), (300, 90), strict=True):
        path.mkdir()
        there = [n <= counts for n in range(1, 1001)]
        write_json(path / COUNTS_FILE, {"counted": there, "accepted": [False, *there[1:]]})
    scores = experiment.score(runs).scores
    assert scores == {
        **{"counted_ab": 300, "accepted_ab": 300, "at_256_ab": 100},
        **{"counted_abc": 90, "accepted_abc": 90, "at_100_abc": 0},
    }
    assert set(scores) == set(experiment.scores)
    everything, by_heart = experiment.baselines().values()
    assert (everything.scores["counted_ab"], everything.scores["accepted_abc"]) == (0, 1000)
    assert (by_heart.scores["counted_ab"], by_heart.scores["accepted_abc"]) == (99, 49)
    records = [{"variant": "lstm", "seed": seed, "scores": scores} for seed in range(3)]
    captions = experiment.plots({}, records, tmp_path)
    assert list(captions) == [f"counting-{part}.png" for part in ("ab", "accepted_ab", "abc", "accepted_abc")]
    assert all((tmp_path / name).stat().st_size > 10_000 for name in captions)
    assert experiment.plots({}, [], tmp_path) == {}
    for seed, (loss, height) in enumerate(((0.2, 1.0), (0.1, 2.0))):
        for language in ("ab", "abc"):
            run = tmp_path / f"{seed}" / language
            run.mkdir(parents=True)
            write_text(run / "metrics.jsonl", json.dumps({"seconds": 1, "valid_nats": loss}) + "\n")
            write_json(run / STATES_FILE, {"steps": "^aabb", "states": {"cell": [[height]] * 5}})
    finished = {"lstm": {seed: {part: tmp_path / f"{seed}" / part for part in runs} for seed in (0, 1)}}
    shown = []
    monkeypatch.setitem(experiment.plots.__globals__, "traces", lambda path, **given: shown.append(given["states"]))
    captions = experiment.plots(finished, [], tmp_path)
    assert list(captions) == ["counting-states_ab.png", "counting-states_abc.png"]
    assert [[values[0, 0] for values in states.values()] for states in shown] == [[2.0], [2.0]]
    tasks = experiment.folds(experiment.config("gru"), {})
    assert [task.settings["language"] for task in tasks.values()] == ["aⁿbⁿ", "aⁿbⁿcⁿ"]
    assert [task.settings["longest"] for task in tasks.values()] == [99, 49]
