import json
import subprocess
import sys
from pathlib import Path

import pytest

from lstm_gru.report.benchmark import tables

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from benchmarks.cases import MODELS, SHAPES, Case, measurements  # noqa: E402
from benchmarks.layers import summary  # noqa: E402
from benchmarks.libraries import LIBRARIES, OURS, SHARDED, Library  # noqa: E402

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
    heading, *rest = cells(tables({"versions": VERSIONS, "measured": measured})[1])
    assert heading[-5:] == [SHARDED, "A", "B", "T", "fastest JAX layer"]
    # Fastest by shape: A with 0.5 on s, B with 4 on t.
    assert rest[-1] == ["training", "lstm", "1000.00", "1.00", "1.00", "1.00", "1.41"]


def test_times_have_their_spread_and_what_is_missing_is_a_dash():
    measured = [
        row(OURS, "s", [0.010, 0.011, 0.013], temporary_bytes=3 * 2**20, compile_seconds=0.5),
        row("A", "t", [0.0001], mode="inference"),
    ]
    text = "\n".join(tables({"versions": VERSIONS, "measured": measured}))
    assert "| lstm | s | 11.0 (10.0–13.0) | – |" in text
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
    assert sorted(line[1] for line in lines) == sorted(names * 3)  # Training, inference, a step.
    for found in summary(out)["measured"]:
        assert found["seconds"][0] > 0
        assert found["mode"] == "step" or found["parameters"] == 4 * 5 * (4 + 5) + 4 * 5

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
