"""Cells on a graph: against the equations node by node, against autodiff, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import assert_close, random_params, scalar

from lstm_gru.cells import CELLS, gru, lstm, mgu
from lstm_gru.graph import Graph, on_graph
from lstm_gru.recurrent import unroll

N, NETWORKS, F, H, T = 4, 2, 3, 5, 3
ADJACENCY = np.array([[0, 2.0, 0, 0], [2.0, 0, 0.5, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]])
GRAPH = Graph(ADJACENCY)
XS = np.random.default_rng(0).normal(size=(NETWORKS * N, T, F))

pytestmark = pytest.mark.usefixtures("x64")
every_kind = pytest.mark.parametrize("name", ["rnn", "lstm", "peephole_lstm", "gru", "layer_norm_gru"])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_propagation_is_the_symmetric_normalisation_with_each_node_its_own_neighbour():
    degree = np.array([3.0, 3.5, 1.5, 1.0])
    expected = (ADJACENCY + np.eye(N)) / np.sqrt(np.outer(degree, degree))
    np.testing.assert_allclose(GRAPH.propagation, expected, rtol=1e-14)
    np.testing.assert_allclose(Graph(ADJACENCY + 7 * np.eye(N)).propagation, expected, rtol=1e-14)


@pytest.mark.parametrize("hops", [(1,), (0, 1), (2, 0)])
def test_a_gru_is_the_equations_written_node_by_node(hops):
    cell = on_graph(gru(H), GRAPH, hops=hops)
    params = random_params(cell, F, jnp.float64)
    outputs = unroll(cell, params, jnp.asarray(XS)).outputs
    params = jax.tree.map(np.asarray, params)
    h, bias = np.zeros((NETWORKS * N, H)), params[f"hop_{hops[0]}"]
    powers = [np.kron(np.eye(NETWORKS), np.linalg.matrix_power(GRAPH.propagation, k)) for k in hops]
    for t in range(T):
        x_part = sum(p @ XS[:, t] @ params[f"hop_{k}"]["kernel"] for p, k in zip(powers, hops, strict=True))
        h_part = sum(p @ h @ params[f"hop_{k}"]["recurrent_kernel"] for p, k in zip(powers, hops, strict=True))
        (x_r, x_z, x_n), (h_r, h_z, h_n) = (np.split(a, 3, axis=1) for a in (x_part + bias["bias"], h_part))
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        h = (1 - z) * np.tanh(x_n + r * (h_n + bias["recurrent_bias"])) + z * h
        np.testing.assert_allclose(outputs[:, t], h, atol=1e-12)


@every_kind
def test_the_derived_gradient_is_that_of_autodiff(name):
    cell = on_graph(CELLS[name](H), GRAPH)
    params = random_params(cell, F, jnp.float64)

    def loss(backward):
        return lambda params, xs: scalar(unroll(cell, params, xs, backward=backward).outputs)

    got, expected = (jax.grad(loss(backward), (0, 1))(params, jnp.asarray(XS)) for backward in ("derived", "autodiff"))
    assert_close(got, expected, 1e-12)


@every_kind
def test_without_edges_it_is_the_cell_itself(name):
    cell = CELLS[name](H)
    alone = on_graph(cell, Graph(np.zeros((N, N))), hops=(1,))
    params = alone.init(jax.random.key(0), F, jnp.float64)
    got, expected = unroll(alone, params, jnp.asarray(XS)), unroll(cell, params["hop_1"], jnp.asarray(XS))
    assert_close(got.outputs, expected.outputs, 1e-13)


def test_a_node_hears_of_another_after_as_many_steps_as_they_are_apart():
    cell = on_graph(lstm(H), GRAPH, hops=(1,))
    params = random_params(cell, F, jnp.float64)
    moved = XS.copy()
    moved[0, 0] += 1.0
    before, after = (unroll(cell, params, jnp.asarray(xs)).outputs for xs in (XS, moved))
    heard = np.abs(after - before).max(axis=2) > 1e-9
    assert heard.tolist() == [
        [True, True, True],
        [True, True, True],
        [False, True, True],
        [False, False, False],
        *[[False] * T] * N,
    ]


def test_each_hop_has_kernels_and_only_the_first_biases():
    params = on_graph(lstm(H), GRAPH, hops=(0, 1, 2)).init(jax.random.key(0), F)
    assert {name: set(share) for name, share in params.items()} == {
        "hop_0": {"kernel", "recurrent_kernel", "bias"},
        "hop_1": {"kernel", "recurrent_kernel"},
        "hop_2": {"kernel", "recurrent_kernel"},
    }
    assert np.abs(params["hop_1"]["kernel"] - params["hop_2"]["kernel"]).min() > 0


def test_equal_settings_are_the_identical_cell():
    assert on_graph(gru(H), GRAPH) is on_graph(gru(H), GRAPH)
    assert on_graph(gru(H), GRAPH) is not on_graph(gru(H), Graph(ADJACENCY))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Graph(np.ones((2, 3))), r"shape \(2, 3\); expected \[N, N\]"),
        (lambda: Graph(np.array([[-1.0]])), "negative or not finite"),
        (lambda: Graph(np.array([[np.nan]])), "negative or not finite"),
        (lambda: on_graph(mgu(H), GRAPH), "mgu is a StepCell; expected a GatedCell"),
        (lambda: on_graph(gru(H), GRAPH, hops=()), r"hops = \(\)"),
        (lambda: on_graph(gru(H), GRAPH, hops=(0, -1)), r"hops = \(0, -1\)"),
        (lambda: on_graph(gru(H), GRAPH, hops=(1, 1)), r"hops = \(1, 1\)"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rows_that_are_not_whole_networks_are_refused():
    cell = on_graph(gru(H), GRAPH)
    with pytest.raises(ValueError, match="7 rows; expected a multiple of the graph's 4 nodes"):
        unroll(cell, cell.init(jax.random.key(0), F, jnp.float64), jnp.asarray(XS[:7]))
