"""The command line: what it prints, what it refuses, and in which words."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from lstm_gru import cli, records, reproduce
from lstm_gru.commands.terminal import jobs_or_default
from lstm_gru.experiment import experiment_names, load_experiment
from lstm_gru.report.tables import comparison, differences, rates_table, verdicts, versus


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Commands run in an empty directory and find the checkout all the same."""
    monkeypatch.chdir(tmp_path)


def refused(argv, capsys):
    """The one sentence with which a command refuses."""
    assert cli.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_list_shows_every_experiment_with_its_facts(capsys):
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in experiment_names():
        experiment = load_experiment(name)
        for fact in (name, experiment.data, experiment.reproduces, f"{experiment.minutes:g} a seed"):
            assert fact in printed


@pytest.mark.parametrize("argv", [["--help"], *([name, "--help"] for name in cli.COMMANDS)])
def test_help_of_every_command_reads(argv, capsys):
    with contextlib.suppress(SystemExit):  # The parser ends the program after its help.
        assert cli.main(argv) == 0
    assert "lstm-gru" in capsys.readouterr().out


def test_train_help_lists_the_fields_with_the_defaults_of_the_variant(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "page_views", "--variant", "lstm", "--help"])
    printed = capsys.readouterr().out
    assert "--model.features INT" in printed
    assert "(default: 21)" in printed
    assert "--train.learning-rate" in printed
    assert "--train.seed" not in printed


def test_unknown_experiment_variant_and_field_list_the_valid_ones(capsys):
    names = ", ".join(experiment_names())
    assert f"no experiment 'page_view'; there are {names}" in refused(["train", "page_view"], capsys)
    assert f"there are {names}" in refused(["reproduce", "x"], capsys)
    assert "no variant 'lstn'; there are rnn, lstm, gru" in refused(
        ["train", "page_views", "--variant", "lstn"], capsys
    )
    message = refused(["train", "page_views", "--train.stepz", "3"], capsys)
    assert "no option '--train.stepz'; there are --variant" in message
    assert "--train.steps" in message
    assert "no command 'trian'; there are list, train" in refused(["trian"], capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--train.steps", "0"], ("steps = 0", "at least 1")),
        (["--model.dropout", "1"], ("dropout = 1.0", "at least 0 and below 1")),
        (["--model.cell", "lstn"], ("cell = 'lstn'", "rnn, irnn, lstm, ")),
        (["--seed", "-1"], ("seed = -1", "at least 0")),
        (["--windows.lookback", "four"], ("--windows.lookback", "four")),
    ],
)
def test_values_out_of_range_name_field_and_range(options, words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["train", "page_views", *options])
    assert end.value.code == 2
    message = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert all(word in message for word in words)


def test_smoke_runs_are_not_recorded(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["reproduce", "page_views", "--smoke", "--record"])
    assert end.value.code == 2
    assert "exclude each other" in capsys.readouterr().err


def test_an_unwritable_run_directory_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    message = refused(["train", "page_views", "--run-dir", "file/run"], capsys)
    assert "cannot write the run directory" in message


def test_outside_a_checkout_experiments_are_explained(monkeypatch, capsys, tmp_path):
    from lstm_gru import experiment

    monkeypatch.setattr(experiment, "__file__", str(tmp_path / "site" / "lstm_gru" / "experiment.py"))
    assert "clone the repository" in refused(["list"], capsys)


SMALL = ["--train.steps", "2", "--train.evaluate-every", "1", "--train.warmup-steps", "0", "--model.features", "2"]


def test_train_writes_a_run_and_refuses_another_configuration_in_it(tmp_path, capsys, monkeypatch):
    whole = load_experiment("page_views")
    first = lambda config, settings: dict(list(whole.folds(config, settings).items())[:1])  # noqa: E731
    monkeypatch.setattr(reproduce, "load_experiment", lambda name: replaced(whole, folds=first))
    further = replaced(whole, scores={**whole.scores, "theirs": "of published results only"})
    monkeypatch.setattr("lstm_gru.commands.train.load_experiment", lambda name: further)
    argv = ["train", "page_views", "--variant", "gru", "--seed", "3", *SMALL]
    assert cli.main(argv) == 0
    run = tmp_path / "runs" / "page_views" / "gru" / "seed-3"
    printed = capsys.readouterr().out
    assert str(run.relative_to(tmp_path)) in printed
    assert "\nMAE: " in printed
    assert "of published results only" not in printed
    fold = run / "cutoff-2010-02-15"
    assert {path.name for path in fold.iterdir()} == {
        ".lock", "config.json", "manifest.json", "metrics.jsonl", "checkpoints", "forecast.csv", "forecast.png",
        "scores.json",
    }  # fmt: skip
    config = json.loads((fold / "config.json").read_text())
    assert config["task"]["model"]["features"] == 2
    assert config["train"]["seed"] == 3
    record = json.loads((run / "record.json").read_text())
    assert record["scores"]["rmse"] > 0
    assert record["command"] == shlex.join(["lstm-gru", *argv])
    assert cli.main(argv) == 0  # Reads the finished run.
    assert json.loads((run / "record.json").read_text()) == record
    capsys.readouterr()
    assert cli.main(["evaluate", str(run)]) == 0
    printed = capsys.readouterr().out
    assert f"{record['scores']['rmse']:.4f}" in printed
    assert "recorded in the run" not in printed  # Scored again, to the last bit.
    damaged = {**record, "scores": {**record["scores"], "rmse": 9.0}}
    (run / "record.json").write_text(json.dumps(damaged))
    cli.main(["evaluate", str(run)])
    assert "(recorded in the run: 9.0000)" in capsys.readouterr().out
    message = refused([*argv, "--model.depth", "2"], capsys)
    assert "task.model.depth = 1 there, 2 asked" in message


def test_evaluate_leaves_out_scores_that_are_of_published_results_only(tmp_path, capsys, monkeypatch):
    record = {"experiment": "multi30k", "variant": "gru", "seed": 0, "scores": {"bleu": 20.0}}
    again = {**record, "scores": {"bleu": 21.0}}
    monkeypatch.setattr("lstm_gru.commands.evaluate.evaluate_run", lambda run: (record, again))
    assert cli.main(["evaluate", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  BLEU                   21.0000  (recorded in the run: 20.0000)"
    ]


def test_evaluate_refuses_what_is_not_a_finished_run(tmp_path, capsys):
    assert "expected a finished run" in refused(["evaluate", str(tmp_path)], capsys)


def replaced(experiment, **changes):
    return type(experiment)(**{**vars(experiment), **changes})


def test_reproduce_smoke_runs_everything_in_two_processes(tmp_path):
    """The whole path of the README's first command, in its smallest form, as a user starts it."""
    command = [sys.executable, "-m", "lstm_gru.cli", "reproduce", "page_views"]
    done = subprocess.run(
        [*command, "--smoke", "--seeds", "1", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    for words in ("recorded in experiments/results", "this machine", "ridge (trivial)", "variant chosen on validation"):
        assert words in done.stdout
    experiment = load_experiment("page_views")
    for variant in experiment.variants:
        assert f"runs/smoke/page_views/{variant}/seed-0" in done.stdout
        assert (tmp_path / "runs/smoke/page_views" / variant / "seed-0/record.json").is_file()


def test_runs_side_by_side_stop_and_save_together(tmp_path):
    """SIGTERM to the parent reaches its workers, which save before they end."""
    command = [sys.executable, "-m", "lstm_gru.cli", "reproduce", "page_views", "--seeds", "1", "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--runs", "all"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    folds = [tmp_path / "all" / "page_views" / v / "seed-0" / "cutoff-2010-02-15" for v in ("rnn", "lstm")]
    end = time.monotonic() + 120
    while not all((fold / "metrics.jsonl").exists() for fold in folds):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 75, said
    assert "the same command continues" in said
    for fold in folds:
        newest = max((path for path in (fold / "checkpoints").iterdir()), key=lambda path: int(path.name))
        assert (newest / "sha256.json").exists()
        last = json.loads((fold / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        assert int(newest.name) - last < 10  # Logged every tenth step.


def test_records_are_written_once_and_never_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "results_directory", lambda: tmp_path / "results")
    record = {"experiment": "page_views", "variant": "gru", "seed": 1, "scores": {"rmse": 1.0}}
    trivial = {"experiment": "page_views", "baseline": "last week", "scores": {"rmse": 2.0}}
    rates = {"experiment": "page_views", "variant": "gru", "rates": {"0.001": 0.5}}
    assert all(map(records.keep, (record, trivial, rates)))
    assert not records.keep({**record, "scores": {"rmse": 0.0}})
    assert records.recorded_rates("page_views") == [rates]
    assert [r["scores"]["rmse"] for r in records.recorded("page_views")] == [2.0, 1.0]


def test_table_keeps_trivial_published_and_measured_apart():
    experiment = load_experiment("page_views")
    scores = dict(rmse=0.5, rmse_37_days=0.25, rmse_365_days=1.0, coverage=0.75, coverage_37_days=0.8)
    runs = [
        dict(variant="gru", seed=seed, parameters=3000, minutes=0.5, scores={**scores, "rmse": rmse})
        for seed, rmse in enumerate((0.5, 0.7))
    ]
    point = {name: value for name, value in scores.items() if "coverage" not in name}
    others = [dict(baseline="ridge", scores=point), dict(peer="Prophet 9", scores=scores)]
    table = comparison(experiment, [*runs, *others], seeds={"gru": 3, "lstm": 3, "rnn": 3})
    rows = {row[0]: row[1:] for row in table.rows}
    assert next(iter(rows)) == "ridge (trivial)"
    assert rows["ridge (trivial)"][:4] == ("0.500", "0.250", "1.000", "–")
    assert rows["Prophet (its documentation, at 37 days), published"][:3] == ("–", "0.702", "–")
    assert rows["Prophet 9, run here"][:3] == ("0.500", "0.250", "1.000")
    assert rows["GRU"][:3] == ("0.600 ± 0.141", "0.250 ± 0.000", "1.000 ± 0.000")
    assert rows["GRU"][-3:] == ("3,000", "0.5", "2 of 3")
    assert rows["LSTM"][-1] == "0 of 3"
    assert table.markdown().splitlines()[0].startswith("|  | RMSE | RMSE at 37 days |")


def test_a_share_of_runs_has_no_spread():
    experiment = replaced(load_experiment("page_views"), shares=("rmse",))
    runs = [dict(variant="gru", parameters=1, minutes=1, scores={"rmse": rmse}) for rmse in (0.0, 100.0)]
    assert {row[0]: row[1] for row in comparison(experiment, runs).rows}["GRU"] == "50.000"


def test_a_table_is_turned_and_minutes_are_the_median():
    experiment = replaced(load_experiment("page_views"), scores={"rmse": "RMSE"}, published={})
    runs = [
        dict(variant="gru", seed=k, parameters=1, minutes=m, scores={"rmse": 1.0}) for k, m in enumerate((1, 2, 60))
    ]
    table = comparison(experiment.only(["gru"]), runs, scores=["rmse"])
    assert table.turned().headings == ("", "GRU")
    assert table.turned().rows[:2] == (("RMSE", "1.000 ± 0.000"), ("parameters", "1"))
    assert dict(table.turned().rows)["minutes a seed"] == "2.0"


def test_variants_are_called_by_their_labels():
    experiment = replaced(load_experiment("page_views"), labels={"gru": "GRU, small"})
    assert [row[0] for row in comparison(experiment, []).rows[-3:]] == ["RNN", "LSTM", "GRU, small"]


@pytest.mark.parametrize(("better", "order"), [("min", [0.9, 0.5, 0.1]), ("max", [0.1, 0.5, 0.9])])
def test_the_worst_comes_first_in_the_direction_of_the_score(better, order):
    experiment = replaced(load_experiment("page_views"), better=better)
    others = [dict(baseline=str(rmse), scores={"rmse": rmse}, folds={"a": [rmse, 1]}) for rmse in (0.5, 0.9, 0.1)]
    run = dict(variant="gru", scores={"rmse": 0.3}, folds={"a": [0.3, 1]})
    assert [row[0] for row in comparison(experiment, others).rows[:3]] == [f"{x} (trivial)" for x in order]
    assert [row[0] for row in differences(experiment, [*others, run]).rows] == [str(x) for x in order]


def test_differences_are_those_of_the_pooled_errors_with_seeds_averaged():
    experiment = load_experiment("page_views")
    other = dict(baseline="ridge", scores={"rmse": 2.0}, folds={"a": [400.0, 100], "b": [100.0, 25]})
    mean = {"rmse": 1.0}
    seeds = [dict(variant="gru", scores=mean, folds={"a": [sum_a, 100], "b": [25.0, 25]}) for sum_a in (50.0, 150.0)]
    table = differences(experiment, [other, *seeds])
    assert table.headings == ("RMSE less that of", "GRU")
    assert table.rows == (("ridge", "-1.000 [-1.000, -1.000]"),)  # 1 against 2 in both folds: no spread.
    without = dict(baseline="last week", scores={"rmse": 1.0}, folds={})
    assert differences(experiment, [without, other, *seeds]) == table
    of_another_score = dict(variant="lstm", scores={"coverage": 0.8}, folds={"a": [1.0, 1]})
    assert differences(experiment, [other, *seeds, of_another_score]) == table
    assert differences(experiment, seeds) is None
    assert differences(experiment, [other]) is None


def test_pairs_of_variants_are_compared_once_both_are_recorded():
    total = lambda sums: sums[..., 0]  # noqa: E731
    experiment = replaced(
        load_experiment("page_views"), versus=(("gru", "rnn"), ("gru", "lstm")), statistic=total, labels={"rnn": "R"}
    )
    runs = [dict(variant="gru", scores={"rmse": a}, folds={"a": [a], "b": [a + 4]}) for a in (1.0, 3.0)]
    runs.append(dict(variant="rnn", scores={"rmse": 6.0}, folds={"b": [5.0], "a": [1.0]}))
    table = versus(experiment, runs)
    assert table.headings == ("", "less", "RMSE difference [95 % interval]")
    assert table.rows == (("GRU", "R", "+2.000 [+2.000, +2.000]"),)
    assert table.words == 2
    assert versus(experiment, runs[:2]) is None


def test_a_published_figure_is_reproduced_within_what_test_and_seeds_allow():
    mean = lambda sums: sums[..., 0] / sums[..., 1]  # noqa: E731
    experiment = replaced(
        load_experiment("page_views"),
        statistic=mean,
        published={"near": {"rmse": 2.05}, "far": {"rmse": 1.0}, "beaten": {"rmse": 3.0}},
        repeats={"gru": "near", "lstm": "far", "rnn": "beaten"},
    )
    folds = {str(k): [value, 1.0] for k, value in enumerate([1.9, 2.1] * 50)}  # Standard error of the mean: 0.01.
    seeds = [dict(variant="gru", scores={"rmse": rmse}, folds=folds) for rmse in (1.97, 2.03)]
    others = [dict(variant=name, scores={"rmse": 2.0}, folds=folds) for name in ("lstm", "rnn")]
    table = verdicts(experiment, [*seeds, *others])
    found = {row[0]: row[2:] for row in table.rows}
    # 2 √(0.01² + 0.0424²) = 0.087.
    assert found["GRU"] == ("2.050", "2.000", "0.087", "2", "reproduced")
    assert found["LSTM"] == ("1.000", "2.000", "0.020", "1", "short")
    assert found["RNN"] == ("3.000", "2.000", "0.020", "1", "better")
    assert [row[-1] for row in verdicts(replaced(experiment, better="max"), others).rows] == ["better", "short"]
    assert verdicts(experiment, []) is None
    like = replaced(experiment, repeats={"gru": "like"}, repeated="mae", published={"like": {"mae": 1.5}})
    of_gru = [dict(run, scores={**run["scores"], "mae": 1.5}) for run in seeds]
    assert verdicts(like, of_gru).rows[0][2:] == ("1.500", "1.500", "0.020", "2", "reproduced")
    without_units = [*seeds, dict(variant="gru", scores={"rmse": 2.0}, folds={})]
    assert verdicts(experiment, without_units).rows == (("GRU", "near", "2.050", "2.000", "–", "3", "open"),)


def grid(variant, direction, **rates):
    return {"variant": variant, "rates": rates, "selected_by": {"metric": "valid_x", "direction": direction}}


def test_rates_table_marks_the_best_on_validation_in_its_direction():
    experiment = load_experiment("page_views")
    table = rates_table(
        experiment, [grid("lstm", "max", **{"0.01": 0.25, "0.003": 0.5}), grid("rnn", "min", **{"0.001": 1, "0.01": 2})]
    )
    assert table.headings == ("valid_x at learning rate", "0.001", "0.003", "0.01")
    assert table.rows == (("RNN", "**1.0000**", "–", "2.0000"), ("LSTM", "–", "**0.5000**", "0.2500"))
    assert rates_table(experiment, []) is None


def test_runs_side_by_side_are_as_many_as_cores_but_at_most_four(monkeypatch):
    for cores, expected in ((1, 1), (2, 2), (64, 4)):
        monkeypatch.setattr("lstm_gru.commands.terminal.available_cores", lambda cores=cores: cores)
        assert jobs_or_default(None) == expected
        assert jobs_or_default(3) == 3
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert jobs_or_default(None) == 1
