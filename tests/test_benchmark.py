import json
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from lstm_gru import cells as all_cells
from lstm_gru.layers import bidirectional, recurrent
from lstm_gru.report.benchmark import overhead, speed, tables
from lstm_gru.report.timings import LEAN, OURS, SHARDED

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from benchmarks.cases import MODELS, SHAPES, Case, as_large, measurements, own_measurements  # noqa: E402
from benchmarks.layers import summary  # noqa: E402
from benchmarks.libraries import LIBRARIES, Library  # noqa: E402

VERSIONS = {OURS: {"jax": "1"}, SHARDED: {"jax": "1"}, "A": {"jax": "1"}, "B": {"jax": "1"}, "T": {"torch": "2"}}


def row(library, shape, seconds, mode="training", **facts):
    return {"library": library, "model": "lstm", "shape": shape, "mode": mode, "seconds": seconds, **facts}


def cells(table):
    return [line.strip("| ").split(" | ") for line in table.splitlines()]


def test_every_model_has_every_shape_and_every_width_one_step():
    found = measurements()
    for mode in ("training", "inference"):
        assert {case for case, m in found if m == mode} == {Case(m, *s) for m in MODELS for s in SHAPES}
    steps = [(case.model, case.in_features, case.features) for case, mode in found if mode == "step"]
    assert len(steps) == len(set(steps))
    assert set(steps) == {(m, *s[2:]) for m in MODELS if m != "bilstm" for s in SHAPES}
    assert all(case.batch == 1 for case, mode in found if mode == "step")


def test_ratios_are_of_the_same_round_and_their_mean_is_geometric():
    measured = [
        row(OURS, "s", [1.0, 2.0, 3.0]),
        row(OURS, "t", [1.0]),
        row(SHARDED, "s", [0.001]),
        row("A", "s", [2.0, 4.0, 30.0]),  # Ratios 0.5, 0.5, 0.1.
        row("A", "t", [0.5]),
        row("B", "s", [4.0, 8.0, 12.0]),  # 0.25.
        row("B", "t", [0.25]),
        row("T", "s", [1.0, 2.0, 3.0]),
    ]
    heading, _, ours, sharded = cells(tables({"versions": VERSIONS, "measured": measured})[1])
    assert heading[-5:] == [OURS, "A", "B", "T", "fastest JAX layer"]
    # Fastest by shape: A with 0.5 on s, B with 4 on t.
    assert ours == [OURS, "training, lstm", "–", "1.00 (2.00)", "1.00 (4.00)", "1.00 (1.00)", "1.41 (4.00)"]
    assert sharded[:3] == [SHARDED, "training, lstm", "0.00 (0.00)"]


def test_memory_is_compared_with_the_least_and_cells_with_the_lstm():
    measured = [
        row(OURS, "1×2×3×4", [2.0], temporary_bytes=4, parameters=100),
        row(LEAN, "1×2×3×4", [3.0], temporary_bytes=2),
        row("A", "1×2×3×4", [1.0], temporary_bytes=8),
        row("B", "1×2×3×4", [1.0], temporary_bytes=5),
        row(OURS, "1×2×3×4", [1.0], mode="inference"),
        {**row(OURS, "1×2×3×5", [1.0], temporary_bytes=2, parameters=98), "model": "gru"},
        {**row(OURS, "1×2×3×5", [0.8], mode="inference"), "model": "gru"},
        row(OURS, "1×2×3×4", [1.0], mode="profile", seconds_the_rest=0.0025),
    ]
    versions = {**VERSIONS, LEAN: {"jax": "1"}}
    text = "\n".join(tables({"versions": versions, "measured": measured}))
    assert f"| {OURS} | temporaries in training, lstm | – | 0.50 (0.50) | 0.80 (0.80) | 0.80 (0.80) |" in text
    assert f"| {LEAN} | temporaries in training, lstm | 0.50 (0.50) | 0.25 (0.25) | 0.40 (0.40) |" in text
    assert f"| {LEAN} | training, lstm | 1.50 (1.50) |" in text
    assert "| gru | 1×2×3×5 | 1×2×3×4 | 0.98 | 0.50 | 0.80 | 0.50 |" in text
    assert "| lstm | 1×2×3×4 | 2.50 |" in text
    assert "| gru | 1×2×3×5 | 1.0" not in text  # Measured of this library only: in no table of all.


def test_the_tables_of_the_readme_are_ratios_to_the_fastest_and_cells_in_short():
    measured = [
        row(OURS, "1×2×3×4", [2.0], parameters=100, temporary_bytes=8),
        row("A", "1×2×3×4", [4.0], temporary_bytes=4),
        row("B", "1×2×3×4", [8.0], temporary_bytes=16),
        row("PyTorch", "1×2×3×4", [1.0]),
        row(OURS, "1×2×3×4", [1.0], mode="inference"),
        {**row(OURS, "1×2×3×4", [1.0], parameters=80, temporary_bytes=4), "model": "gru"},
        {**row(OURS, "1×2×3×4", [0.8], mode="inference"), "model": "gru"},
        {**row(OURS, "1×2×3×5", [1.5], parameters=100, temporary_bytes=6), "model": "gru"},
        {**row(OURS, "1×2×3×5", [1.1], mode="inference"), "model": "gru"},
    ]
    beside, short = speed({"versions": {**VERSIONS, "PyTorch": {"torch": "2"}}, "measured": measured})
    assert "| LSTM | one device | 0.50 (0.50) | 2.00 (2.00) | – | – | – | 2.00 (2.00) |" in beside
    assert "| GRU | of the LSTM's width | 0.80 (0.80–0.80) | 0.50 (0.50–0.50) | 0.80 (0.80–0.80) | 0.50" in short
    assert "| GRU | of the LSTM's parameters | 1.00 (1.00–1.00) | 0.75 (0.75–0.75) | 1.10 (1.10–1.10) | 0.75" in short


def test_overhead_is_the_median_of_rounds():
    record = {"seconds_loop": [1.1, 2.4, 3.3], "seconds_bare": [1.0, 2.0, 3.0], "steps": 1000}
    assert "takes 10.0 % longer" in overhead(record)
    assert "10.0 to 20.0 % in 3 rounds of 1,000 steps; 2000.00 ms" in overhead(record)


@pytest.mark.parametrize("model", MODELS)
def test_parameters_are_counted_and_a_model_as_large_as_the_lstm_is_found(model):
    case = Case(model, 2, 3, 5, 7)
    layer = bidirectional(all_cells.lstm(7)) if model == "bilstm" else recurrent(all_cells.CELLS[model](7))
    params = layer.init(jax.random.key(0), 5)
    assert case.parameters == sum(leaf.size for leaf in jax.tree.leaves(params))
    for shape in SHAPES:
        assert as_large(model, shape).parameters == pytest.approx(Case("lstm", *shape).parameters, rel=0.02)


def test_what_is_measured_of_this_library_only_is_gru_and_rnn_as_large_as_the_lstm_and_profiles():
    found = own_measurements()
    assert {(case.model, mode) for case, mode in found if mode != "profile"} == {
        (model, mode) for model in ("rnn", "gru") for mode in ("training", "inference")
    }
    assert [case for case, mode in found if mode == "profile"] == [Case(m, *s) for m in MODELS for s in SHAPES]


def test_times_have_their_spread_and_what_is_missing_is_a_dash():
    measured = [
        row(OURS, "s", [0.010, 0.011, 0.013], temporary_bytes=3 * 2**20, compile_seconds=0.5),
        row("A", "t", [0.0001], mode="inference"),
        row("A", "s", [0.1]),
    ]
    text = "\n".join(tables({"versions": VERSIONS, "measured": measured}))
    assert "| lstm | s | 11.0 (10.0–13.0) | 100.0 (100.0–100.0) |" in text
    assert "| lstm | t | – | 0.100 (0.100–0.100) |" in text
    assert "| lstm | s | 3.0 | – |" in text
    assert "| lstm | s | 0.50 | – |" in text


def test_a_library_that_is_not_installed_is_known_by_its_package():
    from importlib.metadata import PackageNotFoundError

    with pytest.raises(PackageNotFoundError):
        _ = Library(("no-such-package",), LIBRARIES[OURS].timed).versions


def test_layers_are_measured_side_by_side_and_a_stopped_benchmark_continues(tmp_path):
    out = tmp_path / "benchmark.jsonl"
    names = [OURS, "Flax Linen"]
    command = [sys.executable, str(SCRIPTS / "benchmark"), "--models", "lstm", "--shapes", "2,3,4,5", "--rounds", "1"]
    command += ["--seconds", "0", "--out", str(out), "--libraries", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Training: forward and backward" in done.stdout
    about, *lines = map(json.loads, out.read_text().splitlines())
    assert list(about["versions"]) == names
    assert sorted(line[1] for line in lines) == sorted([*names * 3, OURS])  # Training, inference, a step; a profile.
    for found in summary(out)["measured"]:
        assert found["seconds"][0] > 0
        assert found["mode"] in ("step", "profile") or found["parameters"] == 4 * 5 * (4 + 5) + 4 * 5
        assert (found["mode"] != "profile") or found["seconds_products_in_the_scan"] > 0

    whole = out.read_bytes()
    out.write_bytes(whole[: whole.rstrip().rfind(b"\n") + 20])  # The last line is cut off.
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    kept = whole[: whole.rstrip().rfind(b"\n") + 1]
    assert out.read_bytes().startswith(kept)
    assert len(out.read_bytes().splitlines()) == len(whole.splitlines())

    out.write_text(json.dumps({**about, "versions": {}}) + "\n")
    other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert other.returncode == 2
    assert str(out) in other.stderr
    assert "Traceback" not in other.stderr
