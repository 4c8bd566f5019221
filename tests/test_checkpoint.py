"""Checkpoints: what is kept, what is verified, and what happens while nothing can be saved."""

import errno
import json
import os

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.errors import RunError
from lstm_gru.training import checkpoint
from lstm_gru.training.arrays import digests, flatten
from lstm_gru.training.checkpoint import Checkpoints


def state(step):
    return {
        "params": {"w": jnp.arange(6.0).reshape(2, 3) + step, "b": jnp.ones(3, jnp.bfloat16)},
        "step": jnp.int32(step),
    }


@pytest.fixture
def said():
    return []


@pytest.fixture
def checkpoints(tmp_path, said):
    with Checkpoints(tmp_path / "checkpoints", say=said.append) as opened:
        yield opened


def steps(tmp_path):
    return sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir())


def test_what_was_saved_comes_back(checkpoints):
    checkpoints.save(7, state(7))
    checkpoints.wait()
    chex.assert_trees_all_equal(checkpoints.load(7, state(0)), state(7))
    chex.assert_trees_all_equal(checkpoints.load(7, state(0)["params"], part="params"), state(7)["params"])
    assert checkpoints.newest_intact() == 7


def test_the_latest_three_and_the_needed_ones_are_kept(checkpoints, tmp_path):
    for step, needed in ((1, [1]), (2, [1]), (3, [3]), (4, [3]), (5, [3]), (6, [3]), (7, [3, 7])):
        checkpoints.save(step, state(step), needed)
    checkpoints.wait()
    assert steps(tmp_path) == [3, 5, 6, 7]


def test_a_state_may_change_while_it_is_saved(checkpoints):
    arrays = {"w": np.zeros(300_000, np.float32)}
    checkpoints.save(1, arrays)
    arrays["w"][:] = 1
    checkpoints.wait()
    assert not checkpoints.load(1, {"w": jnp.zeros(300_000)})["w"].any()


def test_digests_are_those_of_types_shapes_and_bytes():
    one = digests(flatten(state(1)))
    assert set(one) == {"params/w", "params/b", "step"}
    assert one["params/b"]["dtype"] == "bfloat16"
    assert one["step"]["shape"] == []
    other = {"params/w": np.arange(6.0, dtype=np.float32).reshape(3, 2) + 1}
    assert digests(other)["params/w"] != one["params/w"]
    assert digests({"a": other["params/w"].T})["a"] == digests({"a": other["params/w"].T.copy()})["a"]


def failing(monkeypatch, steps, error):
    """Saves of these steps fail, as long as ``steps`` holds them."""
    save = checkpoint.orbax.save

    def fails(path, arrays, **options):
        if int(path.name) in steps:
            raise error
        save(path, arrays, **options)

    monkeypatch.setattr(checkpoint.orbax, "save", fails)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_best_state_survives_a_time_without_saves(checkpoints, said, tmp_path, monkeypatch):
    full = {2, 3, 4}
    failing(monkeypatch, full, FULL)
    checkpoints.save(1, state(1), [1])
    checkpoints.save(2, state(2), [2])  # The best one from here on, and not on disk.
    checkpoints.save(3, state(3), [2])
    checkpoints.save(4, state(4), [2])
    checkpoints.wait()
    assert steps(tmp_path) == [1]
    assert checkpoints.failure == "No space left on device"
    full.clear()
    checkpoints.save(5, state(5), [2])
    checkpoints.wait()
    assert checkpoints.failure is None
    assert steps(tmp_path) == [1, 2, 5]
    chex.assert_trees_all_equal(checkpoints.load(2, state(0)), state(2))
    assert said == [
        "cannot save step 2 (No space left on device); training goes on, each next save tries again",
        "saving works again",
    ]


def test_the_operating_systems_word_is_found_in_what_tensorstore_says(checkpoints, said, monkeypatch):
    failing(
        monkeypatch, {1}, ValueError("RESOURCE_EXHAUSTED: Error writing [os_error_code='28'] [tensorstore_spec='{}']")
    )
    checkpoints.save(1, state(1))
    checkpoints.wait()
    assert "cannot save step 1 (No space left on device)" in said[0]


def test_a_save_is_not_begun_where_it_cannot_fit(checkpoints, tmp_path, monkeypatch):
    usage = checkpoint.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda path: usage._replace(free=2**18))
    checkpoints.save(1, state(1))
    checkpoints.wait()
    assert checkpoints.failure == "No space left on device"
    assert steps(tmp_path) == []


def test_metrics_that_cannot_be_written_keep_the_save_from_beginning(tmp_path, said):
    def before_save():
        raise FULL

    with Checkpoints(tmp_path / "checkpoints", say=said.append, before_save=before_save) as opened:
        opened.save(1, state(1))
    assert not (tmp_path / "checkpoints").exists()
    assert len(said) == 1


def test_a_step_whose_digests_could_not_be_written_is_saved_again(checkpoints, tmp_path, monkeypatch):
    write, full = checkpoint.write_json, [True]

    def fails(path, value):
        if full:
            raise FULL
        write(path, value)

    monkeypatch.setattr(checkpoint, "write_json", fails)
    checkpoints.save(1, state(1), [1])
    checkpoints.wait()
    assert steps(tmp_path) == []
    full.clear()
    checkpoints.save(2, state(2), [1])
    checkpoints.wait()
    assert checkpoints.fault(1) is None
    assert checkpoints.fault(2) is None


def test_arrays_that_differ_from_what_was_in_memory_are_damage(checkpoints, tmp_path):
    """Even where every file is as Orbax wrote it."""
    checkpoints.save(1, state(1))
    checkpoints.wait()
    path = tmp_path / "checkpoints" / "1" / "sha256.json"
    written = json.loads(path.read_text())
    written["arrays"]["params/w"]["sha256"] = "0" * 64
    path.write_text(json.dumps(written))
    assert checkpoints.fault(1) == "params/w is not what was saved (its SHA-256 differs)"
    with pytest.raises(RunError, match=r"checkpoints/1: params/w is not what was saved"):
        checkpoints.load(1, state(0))


def test_a_file_too_many_is_damage(checkpoints, tmp_path):
    checkpoints.save(1, state(1))
    checkpoints.wait()
    (tmp_path / "checkpoints" / "1" / "state" / "added").touch()
    assert checkpoints.fault(1) == "state/added is not what was saved (its SHA-256 differs)"


def test_quarantine_never_overwrites(checkpoints, tmp_path, said):
    checkpoints.save(1, state(1))
    for _ in range(3):
        checkpoints.save(2, state(2))
        checkpoints.wait()
        (tmp_path / "checkpoints" / "2" / "_CHECKPOINT_METADATA").write_text("{}")
        assert checkpoints.recover(lambda step: []) == 1
    assert {path.name for path in (tmp_path / "quarantine").iterdir()} == {"2", "2.2", "2.3"}
    assert len(said) == 3


def test_an_old_step_that_cannot_be_removed_is_no_failure(checkpoints, tmp_path, said, monkeypatch):
    def refuses(path):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.shutil, "rmtree", refuses)
        for step in range(1, 6):
            checkpoints.save(step, state(step))
            checkpoints.wait()
            patched.setattr(checkpoint.Checkpoints, "_temporaries", lambda self: [])
    assert (checkpoints.failure, said) == (None, [])
    assert checkpoints.newest_intact() == 5
    checkpoints.save(6, state(6))
    checkpoints.wait()
    assert steps(tmp_path) == [4, 5, 6]


def test_a_removal_that_was_cut_off_is_no_damage(checkpoints, tmp_path, said, monkeypatch):
    def dies(path):
        raise KeyboardInterrupt

    for step in (1, 2, 3):
        checkpoints.save(step, state(step))
    checkpoints.wait()
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.shutil, "rmtree", dies)
        with pytest.raises(KeyboardInterrupt):
            checkpoints._remove(1)
    assert checkpoints.recover(lambda step: []) == 3
    assert steps(tmp_path) == [2, 3]
    assert not (tmp_path / "quarantine").exists()
