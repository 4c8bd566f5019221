"""Music: piano rolls and their batches, models without and with a network, and the score by hand."""

import os
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io
from tools import filled

from lstm_gru.baselines.rolls import marginal, markov
from lstm_gru.data import rolls
from lstm_gru.data.rolls import KEYS, RollBatches, Rolls, ordered_rolls, read_rolls
from lstm_gru.errors import InputError
from lstm_gru.experiment import load_experiment
from lstm_gru.files import write_json
from lstm_gru.losses import bernoulli
from lstm_gru.metrics import ratio
from lstm_gru.models.sequence import SequenceConfig, sequence
from lstm_gru.tasks import music as task_module
from lstm_gru.tasks.music import NATS_FILE, MusicConfig, few_pieces, measured, next_step, read_nats, sums

with_data = pytest.mark.skipif("LSTM_GRU_DATA" not in os.environ, reason="LSTM_GRU_DATA is not set")
LENGTHS = (2, 31, 32, 33, 70, 5, 129)


def pieces(lengths=LENGTHS, seed=0):
    random = np.random.default_rng(seed)
    return tuple(random.random((length, KEYS)) < 0.1 for length in lengths)


@pytest.fixture
def corpus(monkeypatch):
    splits = {name: pieces(seed=seed) for seed, name in enumerate(("train", "valid", "test"))}
    monkeypatch.setattr(task_module, "music", lambda corpus: Rolls(splits, {"file": "made", "sha256": "0"}))
    return splits


def put(path, **changes):
    cells = {}
    for split in ("train", "valid", "test"):
        cells[f"{split}data"] = np.empty((1, 2), object)
        cells[f"{split}data"][0, :] = [piece.astype(np.uint8) for piece in pieces((3, 4))]
    scipy.io.savemat(path, {name: cell for name, cell in {**cells, **changes}.items() if cell is not None})
    return path


def cell(*rolls):
    array = np.empty((1, len(rolls)), object)
    array[0, :] = rolls
    return array


def test_pieces_are_read_as_they_are_in_the_file(tmp_path):
    found = read_rolls(put(tmp_path / "a.mat"))
    for split in ("train", "valid", "test"):
        for piece, expected in zip(found.splits[split], pieces((3, 4)), strict=True):
            assert piece.dtype == bool
            np.testing.assert_array_equal(piece, expected)
    assert found.source["file"] == "a.mat"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"validdata": None}, "no validdata; expected traindata, validdata, testdata"),
        ({"testdata": cell()}, "testdata is empty; expected pieces"),
        ({"traindata": cell(np.zeros((3, 87)))}, r"traindata, piece 1 has shape \(3, 87\); expected steps × 88 keys"),
        (
            {"traindata": cell(np.zeros((3, 88)), np.zeros((1, 88)))},
            r"piece 2 has shape \(1, 88\); .* at least 2 steps",
        ),
        ({"traindata": cell(np.full((3, 88), 2))}, "piece 1 has values other than 0 and 1; expected which keys sound"),
    ],
    ids=range(5),
)
def test_another_content_is_named(changes, words, tmp_path):
    with pytest.raises(InputError, match=words):
        read_rolls(put(tmp_path / "a.mat", **changes))


def test_what_is_no_such_file_is_named(tmp_path):
    (tmp_path / "a.mat").write_text("no music")
    with pytest.raises(InputError, match="not a MATLAB file"):
        read_rolls(tmp_path / "a.mat")
    with pytest.raises(InputError, match="corpus = 'x'; expected one of jsb_chorales, nottingham"):
        rolls.music("x")


def test_an_epoch_has_every_piece_once_and_nothing_in_the_padding():
    given = pieces()
    batches = RollBatches(given, steps_per_batch=100, seed=3)
    found = []
    for step in range(batches.steps_per_epoch):
        batch = batches.batch(step)
        assert batch["roll"].shape[0] == 100 // (batch["roll"].shape[1] - 1) or batch["roll"].shape[:2] == (1, 129)
        for roll, length in zip(batch["roll"], batch["lengths"], strict=True):
            assert not roll[length:].any()
            found += [roll[:length]] if length else []
    assert sorted(map(len, found)) == sorted(LENGTHS)
    for piece in given:
        assert any(np.array_equal(piece, other) for other in found)
    assert {batches.batch(step)["roll"].shape[1] for step in range(50)} == {33, 129}  # 32 or 128 steps are predicted.


def test_no_update_is_made_on_a_few_pieces_alone():
    """Half a batch of the narrow ones stands by itself, less than that joins the wider ones; none is left over."""
    narrow, wide = (10,) * 9, (60,) * 9
    for count, expected in ((9, {(8, 5), (8, 4), (4, 3)}), (4, {(8, 4), (4, 3)}), (3, {(4, 4)})):
        batches = RollBatches(pieces(narrow[:count] + wide), steps_per_batch=256, seed=0)
        found = [batches.batch(step)["lengths"] for step in range(batches.steps_per_epoch)]
        assert {(len(lengths), int((lengths > 0).sum())) for lengths in found} == expected
        assert sum((lengths > 0).sum() for lengths in found) == count + len(wide)


def test_pieces_in_order_are_all_there_with_their_places():
    given = pieces()
    seen = []
    for members, batch in ordered_rolls(given, steps_per_batch=100):
        for member, roll, length in zip(members, batch["roll"], batch["lengths"], strict=False):
            np.testing.assert_array_equal(roll[:length], given[member])
            seen.append(member)
        assert not batch["lengths"][len(members) :].any()
    assert sorted(seen) == list(range(len(given)))


def test_bernoulli_is_the_likelihood_of_each_key():
    random = np.random.default_rng(0)
    logits, target = random.normal(size=(3, 4, 5)), random.random((3, 4, 5)) < 0.5
    weight = np.array([[1.0, 1, 0, 0], [1, 2, 1, 1], [0, 0, 0, 0]])
    p = 1 / (1 + np.exp(-logits))
    expected = (weight[..., None] * -np.log(np.where(target, p, 1 - p))).sum()
    total, count = bernoulli(jnp.array(logits), jnp.array(target), jnp.array(weight))
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert count == weight.sum()
    logits[2] = np.nan
    gradient = jax.grad(lambda logits: bernoulli(logits, jnp.array(target), jnp.array(weight))[0])(jnp.array(logits))
    np.testing.assert_allclose(
        gradient, np.where(weight[..., None] > 0, weight[..., None] * (p - target), 0), atol=1e-6
    )


def test_rules_by_hand():
    train, piece = np.zeros((5, KEYS), bool), np.zeros((3, KEYS), bool)
    train[:, 7] = [True, True, False, True, False]  # After sounding: 1 of 3; after silence: 1 of 1. Of 4 steps: 2.
    piece[:, 7] = [False, True, True]
    tiny = -np.log(1 - 1e-6)
    [found] = marginal([train], [piece])
    np.testing.assert_allclose(found, 2 * np.log(2) + 2 * 87 * tiny, rtol=1e-9)
    [found] = markov([train], [piece])
    np.testing.assert_allclose(found, tiny + np.log(3) + 2 * 87 * tiny, rtol=1e-6)


def test_the_model_is_its_layers_and_one_output_a_step():
    config = SequenceConfig(cell="gru", features=4, depth=2)
    model = sequence(config, 3, 2)
    params = jax.jit(model.init)(jax.random.key(0))
    params = jax.tree.map(jnp.add, params, filled(params, 1, scale=0.4))
    xs, lengths = jax.random.normal(jax.random.key(1), (2, 5, 3)), jnp.array([5, 3])
    run = jax.jit(model.apply)
    outputs = run(params, xs, lengths)
    changed = run(params, xs.at[1, 3:].set(jnp.nan), lengths)
    np.testing.assert_array_equal(outputs[1, :3], changed[1, :3])
    later = run(params, xs.at[:, 3].set(9.0), lengths)
    np.testing.assert_array_equal(outputs[:, :3], later[:, :3])
    assert (outputs[0, 3] != later[0, 3]).all()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cell": "x"}, "cell = 'x'; expected one of"),
        ({"init": "x"}, "init = 'x'; expected one of"),
        ({"features": 0}, "features = 0; expected a number at least 1"),
        ({"dropout": 1.0}, "dropout = 1.0; expected a number at least 0 and below 1"),
        ({"max_time": 9.0}, "max_time with init = 'default'; expected chrono"),
        ({"cell": "rnn", "init": "chrono"}, "rnn: init = chrono sets the biases of gates that keep the state"),
        ({"init": "chrono", "forget_bias": 1.0}, "forget_bias with init = 'chrono'; expected only one of"),
        ({"cell": "lstm_nfg", "forget_bias": 1.0}, "lstm: forget_bias = 1.0 without a forget gate; expected none"),
        ({"cell": "rnn", "forget_bias": 1.0}, "forget_bias = 1.0 with cell = 'rnn'; expected a cell with a gate that"),
    ],
)
def test_settings_out_of_range_are_named(fields, words):
    with pytest.raises(InputError, match=f"^SequenceConfig: {words}"):
        SequenceConfig(**fields)
    assert SequenceConfig(cell="lstm", forget_bias=2.0).make_cell() is not SequenceConfig().make_cell()


def test_a_model_that_knows_nothing_scores_88_bits_a_step_and_keeps_what_it_scored(corpus, tmp_path):
    task = next_step(MusicConfig(model=SequenceConfig(features=3)), {})
    params = jax.tree.map(jnp.zeros_like, jax.eval_shape(task.init, jax.random.key(0)))
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params)
    assert task.evaluate(params, "test") == {"nats": pytest.approx(88 * np.log(2), rel=1e-6)}
    task.finish(params, tmp_path)
    kept = sums(corpus["test"], read_nats(tmp_path))
    assert kept[:, 1].tolist() == [length - 1 for length in LENGTHS]
    assert ratio(kept.sum(axis=0)) == pytest.approx(88 * np.log(2), rel=1e-6)


def test_few_pieces_are_the_first_ones(corpus, tmp_path):
    config = MusicConfig(model=SequenceConfig(features=3))
    task = next_step(few_pieces(config), {})
    params = task.init(jax.random.key(0))
    task.finish(params, tmp_path)
    few = read_nats(tmp_path)
    next_step(config, {}).finish(params, tmp_path)
    assert few == pytest.approx(read_nats(tmp_path)[:2])
    assert measured("jsb_chorales", few).scores == pytest.approx(task.evaluate(params, "test"))
    assert task.settings == {**next_step(config, {}).settings, "most_scored": 2}


def test_the_score_is_that_of_each_piece_by_itself_and_the_loss_counts_every_step_once(corpus):
    config = MusicConfig(model=SequenceConfig(cell="gru", features=4), steps_per_batch=150)
    task = next_step(config, {})
    params = task.init(jax.random.key(0))
    params = jax.tree.map(jnp.add, params, filled(params, 1, scale=0.4))
    model = jax.jit(sequence(config.model, KEYS, KEYS).apply)
    total = 0.0
    for piece in corpus["valid"]:
        p = np.asarray(jax.nn.sigmoid(model(params, piece[None, :-1])), np.float64)[0]
        total -= np.log(np.where(piece[1:], p, 1 - p)).sum()
    steps = sum(LENGTHS) - len(LENGTHS)
    assert task.evaluate(params, "valid")["nats"] == pytest.approx(total / steps, rel=1e-5)
    epoch = RollBatches(corpus["train"], steps_per_batch=150, seed=0).steps_per_epoch
    weights = [jax.jit(task.loss)(params, task.batch(step), jax.random.key(0))[0][1] for step in range(epoch)]
    assert sum(weights) == steps


@pytest.mark.parametrize("name", ["jsb_chorales", "nottingham", "lstm_ablations", "depth"])
def test_variants_differ_in_model_and_learning_rate_only_and_are_compared_at_equal_parameters_or_units(name):
    experiment = load_experiment(name)
    counts = {}
    for variant, config in experiment.variants.items():
        model = sequence(config.model, KEYS, KEYS)
        counts[variant] = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0))))
    for large in (True, False):
        alike = {
            replace(
                config,
                model=replace(config.model, cell="rnn", features=1, depth=1),
                train=replace(config.train, learning_rate=1.0),
            )
            for variant, config in experiment.variants.items()
            if is_large(variant) == large
        }
        assert len(alike) <= 1
    assert experiment.versus
    for one, other in experiment.versus:
        units = {experiment.variants[variant].model.features for variant in (one, other)}
        assert len(units) == 1 or max(counts[one], counts[other]) < 1.02 * min(counts[one], counts[other])


def is_large(variant):
    return variant.endswith("_large")


def test_every_run_of_the_ablations_is_a_point(tmp_path):
    records = [{"variant": v, "seed": s, "scores": {"nats": 8.5 + s}} for v in ("lstm_nfg", "gru") for s in range(3)]
    plots = load_experiment("lstm_ablations").plots
    assert plots({}, [], tmp_path) == {}
    for found in (records, [*records, {"variant": "peephole_lstm", "seed": 0, "scores": {"nats": 8.4}}]):
        assert list(plots({}, found, tmp_path)) == ["lstm_ablations-nats.png"]
    assert (tmp_path / "lstm_ablations-nats.png").stat().st_size > 10_000


def test_depth_is_scored_by_corpus_and_drawn_where_a_seed_has_all_of_it(corpus, tmp_path):
    experiment = load_experiment("depth")
    write_json(tmp_path / NATS_FILE, [3.0 * (length - 1) for length in LENGTHS])
    measured = experiment.score({"jsb_chorales": tmp_path})
    assert measured.scores == {"nats_jsb_chorales": pytest.approx(3)}
    assert len(measured.folds) == len(LENGTHS)
    records = [
        {"variant": f"gru_{depth}", "seed": seed, "scores": {"nats_jsb_chorales": 8.0 + depth}}
        for depth in (1, 2, 3, 4)
        for seed in (0, 1)
        if (depth, seed) != (3, 1)
    ]
    assert list(experiment.plots({}, records, tmp_path)) == ["depth-jsb_chorales.png"]
    assert experiment.plots({}, records[2:], tmp_path) == {}
    assert list(experiment.folds(experiment.config("gru_2"), {})) == ["jsb_chorales", "nottingham"]


@with_data
@pytest.mark.parametrize(("name", "expected"), [("jsb_chorales", [11.09, 10.49]), ("nottingham", [10.26, 5.16])])
def test_the_floors_are_the_published_ones(name, expected):
    assert [round(measured.scores["nats"], 2) for measured in load_experiment(name).baselines().values()] == expected
