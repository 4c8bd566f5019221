"""Looking inside: what a command shows of a run's gates, and that these are those of the sequence it names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_music import corpus  # noqa: F401 (a fixture)
from tools import random_params

from lstm_gru import cli
from lstm_gru.cells import CELLS, gru, lstm
from lstm_gru.commands import gates
from lstm_gru.config import TrainConfig
from lstm_gru.inside import gates_of, gradient_norms, look, memory_time, states_of
from lstm_gru.layers import bidirectional, recurrent, stack
from lstm_gru.models.sequence import SequenceConfig
from lstm_gru.recurrent import unroll
from lstm_gru.tasks.music import MusicConfig, next_step
from lstm_gru.training.loop import fit

TRAIN = TrainConfig(steps=2, warmup_steps=0, evaluate_every=2)


def test_gates_have_names_by_layer_and_direction():
    layer = stack(bidirectional(gru(4)), recurrent(lstm(3)))
    params, xs = layer.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (3, 5, 2))
    found = gates_of(layer.apply(params, xs, record=True).record, row=2)
    assert {name: values.shape for name, values in found.items()} == {
        **{f"layer 1 {way} {gate}": (5, 4) for way in ("forward", "backward") for gate in "rzn"},
        **{f"layer 2 {gate}": (5, 3) for gate in "ifgo"},
    }
    for way, part, reverse in (("forward", params[0][0], False), ("backward", params[0][1], True)):
        alone = unroll(gru(4), part, xs, reverse=reverse, record=True).record.gates["z"][2]
        np.testing.assert_array_equal(found[f"layer 1 {way} z"], alone)
    pair = stack(recurrent(gru(4)), recurrent(gru(4)))  # Two layers are no two directions.
    record = pair.apply(pair.init(jax.random.key(0), 2), xs, record=True).record
    assert "layer 2 z" in gates_of(record)
    alone = recurrent(gru(4))
    assert set(gates_of(alone.apply(alone.init(jax.random.key(0), 2), xs, record=True).record)) == set("rzn")


def test_states_have_the_names_of_the_carry_by_layer_and_direction():
    layer = stack(bidirectional(gru(4)), recurrent(lstm(3)))
    params, xs = layer.init(jax.random.key(0), 2), jax.random.normal(jax.random.key(1), (3, 5, 2))
    output = layer.apply(params, xs, record=True)
    found = states_of(output.record, row=2)
    assert {name: state.shape for name, state in found.items()} == {
        **{f"layer 1 {way} h": (5, 4) for way in ("forward", "backward")},
        **{f"layer 2 {name}": (5, 3) for name in ("cell", "hidden")},
    }
    np.testing.assert_array_equal(found["layer 2 hidden"], output.outputs[2])
    alone = unroll(gru(4), params[0][1], xs, reverse=True).outputs[2]
    np.testing.assert_array_equal(found["layer 1 backward h"], alone)
    first = look("a row", "abc", output.record)  # Two of five steps are padding.
    np.testing.assert_array_equal(first.states["layer 2 hidden"], output.outputs[0, :3])
    assert first.gates["layer 2 f"].shape == (3, 3)


def test_a_gate_remembers_until_its_product_falls_to_one_in_e():
    found = memory_time(jnp.array([[0.8, 1.0, 0.0, 1.0], [0.8, 0.5, 1.0, 1.0]]))
    np.testing.assert_allclose(found, [1 / np.log(1 / 0.8), 2 / np.log(2), 0, np.inf], rtol=1e-5)


def test_states_of_another_width_than_gates_are_drawn_too(looked_at, tmp_path):
    assert looked_at("projected_lstm")[0] == 0
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["lstm", "mingru"])
def test_gradient_norms_are_those_of_a_loss_of_the_carry_so_many_steps_before(x64, name):
    cell = CELLS[name](3)
    params = random_params(cell, 2, jnp.float64)
    xs = jax.random.normal(jax.random.key(1), (4, 6, 2), jnp.float64)
    loss = lambda hidden: jnp.sin(hidden).sum(axis=-1)  # noqa: E731
    found = gradient_norms(cell, params, xs, loss)
    for k in (0, 2, 5):
        carry = unroll(cell, params, xs[:, : 6 - k]).carry

        def later(carry, k=k):
            final = unroll(cell, params, xs[:, 6 - k :], carry).carry if k else carry
            return loss(cell.hidden(final)).sum()

        squares = sum((leaf**2).sum(axis=1) for leaf in jax.tree.leaves(jax.grad(later)(carry)))
        np.testing.assert_allclose(found[k], np.sqrt(squares).mean(), rtol=1e-10)


def test_gradients_too_small_for_their_squares_are_measured():
    cell = CELLS["rnn"](3)
    params = cell.init(jax.random.key(0), 2)
    params["recurrent_kernel"] = 0.1 * params["recurrent_kernel"]  # Orthogonal, so that each step takes nine tenths.
    params["kernel"] *= 0
    found = gradient_norms(cell, params, jnp.zeros((2, 31, 2)), lambda hidden: hidden[:, 0])
    np.testing.assert_allclose(found, 0.1 ** np.arange(31), rtol=1e-4)
    assert not gradient_norms(cell, params, jnp.zeros((2, 5, 2)), lambda hidden: 0 * hidden[:, 0]).any()
    exploding = {name: 1e8 * jnp.eye(3) if name == "recurrent_kernel" else 0 * leaf for name, leaf in params.items()}
    found = gradient_norms(CELLS["irnn"](3), exploding, jnp.ones((2, 9, 2)), lambda hidden: hidden[:, 0])
    assert not np.isnan(found).any()


@pytest.fixture
def looked_at(corpus, tmp_path, monkeypatch, capsys):  # noqa: F811
    """The command on a run of a task, whose configuration names the cell."""

    def look(cell, *options, task=None):
        config = MusicConfig(model=SequenceConfig(cell=cell, features=5), train=TRAIN)
        task = task or next_step(config, {})
        fit(task, TRAIN, tmp_path / cell, plain=True)
        tasks = {"": task, "not trained": task}
        run = type("Run", (), {"tasks": lambda self: tasks, "directory": tmp_path / cell})()
        record = {"variant": cell, "config": {"model": {"cell": cell}}}
        monkeypatch.setattr(gates, "reread", lambda path: (run, record))
        capsys.readouterr()
        code = cli.main(["gates", str(tmp_path / cell), "--out", str(tmp_path / "a.png"), *options])
        return code, *capsys.readouterr()

    return look


def test_the_command_draws_every_gate_and_says_what_it_does(looked_at, tmp_path):
    code, out, _ = looked_at("lstm", "--number", "4")
    assert code == 0
    assert "lstm, piece 4 of jsb_chorales's test, 69 steps" in out
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in out.splitlines() if "│" in line}
    assert set(rows) == set("ifgo")
    assert [cell.strip() for cell in rows["g"][1:]] == ["–"] * 4  # A candidate is never open or shut.
    assert [cell.strip() == "–" for cell in rows["f"][1:]] == [False] * 4
    assert [cell.strip() == "–" for cell in rows["o"][1:]] == [False, False, True, True]
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_what_cannot_be_looked_at_is_named(looked_at, tmp_path, monkeypatch):
    code, _, err = looked_at("gru", "--number", "7")
    assert (code, err) == (2, "error: number = 7; there are 7 pieces, expected 0 to 6\n")
    code, _, err = looked_at("gru", "--fold", "x")
    assert (code, err.startswith("error: --fold = x; expected one of ")) == (2, True)
    code, _, err = looked_at("gru", "--out", str(tmp_path / "a.jpg"))
    assert (code, "expected a name that ends in .png" in err) == (2, True)
    monkeypatch.undo()
    assert cli.main(["gates", str(tmp_path / "nothing")]) == 2
