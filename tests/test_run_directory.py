"""The run directory: one configuration, one process, metrics that survive a full disk, what a run was made with."""

import io
import json
import subprocess
import sys
import threading
import time

import jax
import pytest

from lstm_gru.errors import InputError, RunError
from lstm_gru.training import run_directory
from lstm_gru.training.manifest import differences, manifest
from lstm_gru.training.run_directory import RunDirectory


def test_manifest_names_what_the_numbers_depend_on(tmp_path):
    RunDirectory(tmp_path, {}).close()
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["versions"]["jax"] == jax.__version__
    assert written["cores"] >= 1
    assert written["devices"] == ["cpu"] * jax.local_device_count()
    assert set(written) == {"python", "versions", "platform", "processor", "cores", "devices", "commit"}


def test_another_machine_is_told_and_kept(tmp_path, monkeypatch):
    RunDirectory(tmp_path, {}).close()
    said, here = [], manifest()
    RunDirectory(tmp_path, {}, said.append).close()
    assert said == []
    there = {**here, "cores": 64, "versions": {**here["versions"], "jax": "0.99"}}
    monkeypatch.setattr(run_directory, "manifest", lambda: there)
    for _ in range(2):
        RunDirectory(tmp_path, {}, said.append).close()
    assert said == [
        f"continued with jax {jax.__version__} then, 0.99 now; cores {here['cores']} then, 64 now; "
        "the last bits may differ from a run that was never stopped"
    ]
    assert json.loads((tmp_path / "manifest.json").read_text()) == {**here, "continued_with": [there]}


def test_differences_are_named_one_by_one():
    assert differences({"a": 1, "versions": {"jax": "1"}}, {"a": 1, "versions": {"jax": "1"}}) == ""
    assert differences({"a": 1}, {"a": 2, "b": 3}) == "a 1 then, 2 now; b None then, 3 now"


def test_a_second_process_is_refused_by_the_name_of_the_first(tmp_path):
    script = "import sys; from pathlib import Path; from lstm_gru.training.run_directory import RunDirectory\n"
    script += "RunDirectory(Path(sys.argv[1]), {}, print)"
    command = [sys.executable, "-c", script, str(tmp_path)]
    with RunDirectory(tmp_path, {}):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "is training in this directory" in refused.stderr
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_the_lock_is_let_go_when_the_configuration_is_refused(tmp_path):
    RunDirectory(tmp_path, {"a": 1}).close()
    with pytest.raises(InputError, match="a = 1 there, 2 asked"):
        RunDirectory(tmp_path, {"a": 2})
    RunDirectory(tmp_path, {"a": 1}).close()


def test_a_finished_run_is_read_without_a_lock(tmp_path):
    with RunDirectory(tmp_path, {"a": 1}) as first:
        first.finish({"test": {}})
        with RunDirectory(tmp_path, {"a": 1}) as second:
            assert second.scores() == {"test": {}}
        with pytest.raises(InputError, match="a = 1 there, 2 asked"):
            RunDirectory(tmp_path, {"a": 2})


class FullDisk:
    """A file that takes a few bytes and then none."""

    def __init__(self, path, left):
        self._file, self._left = io.FileIO(path, "ab"), left

    def write(self, content):
        if not self._left:
            raise OSError(28, "No space left on device")
        taken, self._left = content[: self._left], 0
        return self._file.write(taken)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()


def test_metrics_wait_for_a_disk_with_space_and_no_line_is_torn(tmp_path, monkeypatch):
    with RunDirectory(tmp_path, {}) as run:
        run.log({"step": 1})
        path = tmp_path / "metrics.jsonl"
        with monkeypatch.context() as patched:
            patched.setattr(type(path), "open", lambda self, *mode, **options: FullDisk(path, 5))
            run.log({"step": 2})
            with pytest.raises(OSError, match="No space left"):
                run.sync_metrics() or run.sync_metrics()
        assert path.stat().st_size < 30
        run.log({"step": 3})
        assert [line["step"] for line in run.metrics()] == [1, 2, 3]


def test_no_line_is_lost_or_doubled_while_another_thread_syncs(tmp_path, monkeypatch):
    lines = range(300)
    write = RunDirectory._write_lines

    def slowly(self):
        before = self._unwritten
        time.sleep(0.0005)  # Another thread would come in between.
        self._unwritten = before
        write(self)

    monkeypatch.setattr(RunDirectory, "_write_lines", slowly)
    with RunDirectory(tmp_path, {}) as run:
        syncing = threading.Thread(target=lambda: [run.sync_metrics() for _ in lines])
        syncing.start()
        for step in lines:
            run.log({"step": step})
        syncing.join()
        assert [line["step"] for line in run.metrics()] == list(lines)


def test_metrics_hold_null_for_what_is_not_finite(tmp_path):
    with RunDirectory(tmp_path, {}) as run:
        run.log({"step": 1, "loss": float("nan"), "norm": float("inf")})
        assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "loss": null, "norm": null}\n'


def test_a_torn_last_line_is_left_out_and_a_torn_other_line_is_named(tmp_path):
    with RunDirectory(tmp_path, {}) as run:
        run.log({"step": 1})
        run.log({"step": 2})
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.write('{"step": 3, "lo')
        assert [line["step"] for line in run.metrics()] == [1, 2]
        assert [line["step"] for line in run.rewind(1)] == [1]
        (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
        with pytest.raises(RunError, match=r"metrics\.jsonl: line 2 is not valid JSON"):
            list(run.metrics())


def test_a_configuration_that_is_not_json_is_named(tmp_path):
    RunDirectory(tmp_path, {}).close()
    (tmp_path / "config.json").write_text("{\n  nonsense")
    with pytest.raises(InputError, match=r"config\.json: line 2 is not valid JSON"):
        RunDirectory(tmp_path, {})
    (tmp_path / "config.json").write_bytes(b"{\xff}")
    with pytest.raises(InputError, match=r"config\.json: not UTF-8 at byte 1"):
        RunDirectory(tmp_path, {})


def test_without_locks_on_the_file_system_training_goes_on_aloud(tmp_path, monkeypatch):
    def refuses(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(run_directory.fcntl, "flock", refuses)
    said = []
    RunDirectory(tmp_path, {}, said.append).close()
    assert said == ["cannot be locked (Operation not supported): see that no other process trains in it"]
