"""Runs and their records, with an experiment of seconds: one fold, and a score of which more is better."""

import re
import shutil
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import jax
import pytest
from tiny import line, settings

from lstm_gru import cli, experiment, records, reproduce
from lstm_gru.commands import reproduce as commands
from lstm_gru.config import TrainConfig
from lstm_gru.data.windows import WindowConfig
from lstm_gru.errors import InputError
from lstm_gru.experiment import Experiment, load_experiment
from lstm_gru.files import read_json, write_json
from lstm_gru.report import results
from lstm_gru.reproduce import Run
from lstm_gru.task import Measured
from lstm_gru.training.run_directory import valid_lines
from lstm_gru.training.stopping import StopRequest
from lstm_gru.tuning import choose_rates
from lstm_gru.workers import Workers

ALONE = Workers(1, StopRequest())


@dataclass(frozen=True)
class LineConfig:
    train: TrainConfig = settings(steps=2, evaluate_every=1)  # noqa: RUF009


def score(run_dirs):
    path = next(iter(run_dirs.values()))
    return Measured({"fit": 1 - read_json(path / "scores.json")["test"]["rmse"]}, {"a": (1.0, 2)})


def plots(runs, records, directory):
    """A "picture" for each run and each record of a variant that is there."""
    found = [f"run-{variant}" for variant in runs] + [f"record-{r['variant']}" for r in records if "variant" in r]
    for name in found:
        (directory / name).touch()
    return {name: f"caption of {name}" for name in found}


EXPERIMENT = Experiment(
    name="lines",
    title="Lines",
    data="drawn",
    reproduces="nothing",
    minutes=0.1,
    variants={"short": LineConfig(), "long": LineConfig(settings(steps=3, evaluate_every=1))},
    folds=lambda config, names: {"": line(config.train.seed)},
    learning_rates=(0.05, 0.1),
    score=score,
    scores={"fit": "fit"},
    headline=("fit",),
    baselines=lambda: {"nothing": Measured({"fit": 0.0}, {"a": (2.0, 2)})},
    peers=dict,
    published={},
    plots=plots,
    notes=(),
    smoke=lambda config: config,
    better="max",
)


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """The experiment as the only one of a checkout in an empty directory, in which commands run."""
    checkout = tmp_path / "experiments"
    checkout.mkdir()
    (checkout / "lines.py").touch()
    monkeypatch.setitem(sys.modules, "lstm_gru_experiments.lines", SimpleNamespace(EXPERIMENT=EXPERIMENT))
    for module in (experiment, records):
        monkeypatch.setattr(module, "experiments_directory", lambda: checkout)
    monkeypatch.chdir(tmp_path)
    return EXPERIMENT


def kept():
    return {path.stem for path in records.results_directory().iterdir()}


def test_each_grid_is_recorded_once_complete_and_shares_the_run_of_seed_0(lines, tmp_path):
    record = next(choose_rates(lines.only(("long", "short")), tmp_path, ALONE))
    assert {path.name for path in (tmp_path / "lines").iterdir()} == {"long"}
    assert {path.name for path in (tmp_path / "lines/long").iterdir()} == {"seed-0", "rate-0.1"}
    own = read_json(tmp_path / "lines/long/seed-0/record.json")
    assert own["config"]["train"]["learning_rate"] == lines.config("long").train.learning_rate
    assert record["variant"] == "long"
    assert list(record["rates"]) == ["0.05", "0.1"]
    assert record["rates"]["0.05"] == own["selected_by"] != record["rates"]["0.1"]
    assert record["selected_by"] == {"metric": "valid_rmse", "direction": "min"}


def test_close_rates_of_short_runs_are_compared_again_in_whole_runs(lines, tmp_path, monkeypatch):
    shorter = replace(lines, trial=lambda config: replace(config, train=replace(config.train, steps=1)), close=1e9)
    short, whole = choose_rates(shorter.only(["long"]), tmp_path, ALONE)
    runs = {name: read_json(tmp_path / f"lines/long/{name}/record.json") for name in ("seed-0", "whole-0.1")}
    assert [runs[name]["config"]["train"]["steps"] for name in runs] == [3, 3]
    assert (
        short["rates"]
        != whole["rates"]
        == {"0.05": runs["seed-0"]["selected_by"], "0.1": runs["whole-0.1"]["selected_by"]}
    )
    assert [records.record_path(record).stem for record in (short, whole)] == [
        "lines-rates-long",
        "lines-rates_of_whole_runs-long",
    ]
    [again] = choose_rates(
        shorter.only(["long"]), tmp_path, ALONE, {"long": short}
    )  # A grid that is known is not trained.
    assert again["whole"]
    assert list(choose_rates(replace(shorter, close=0.0).only(["long"]), tmp_path, ALONE, {"long": short})) == []


def test_a_grid_leaves_out_folds_without_a_validation_part_and_a_whole_run_does_not(lines, tmp_path, monkeypatch):
    def folds(config, names):
        return {"held_out": line(config.train.seed), "published": line(config.train.seed, selects=None)}

    both = replace(lines, folds=folds, trial=lambda config: experiment.shorter(config, times=3), close=1e9)
    monkeypatch.setattr(sys.modules["lstm_gru_experiments.lines"], "EXPERIMENT", both)
    short, whole = choose_rates(both.only(["long"]), tmp_path, ALONE)
    assert {run.name: len([*run.glob("*/scores.json")]) for run in (tmp_path / "lines/long").iterdir()} == {
        **{"rate-0.05": 1, "rate-0.1": 1},
        **{"whole-0.1": 1, "seed-0": 2},
    }
    held_out = read_json(tmp_path / "lines/long/seed-0/held_out/scores.json")
    assert whole["rates"]["0.05"] == held_out["selected_by"]["value"] != short["rates"]["0.05"]


def test_a_shorter_run_warms_up_in_as_much_shorter_a_time():
    config = experiment.shorter(LineConfig(settings(steps=30, warmup_steps=10)), times=4)
    assert (config.train.steps, config.train.warmup_steps) == (7, 2)
    assert config == LineConfig(settings(steps=7, warmup_steps=2))


def test_a_smoke_run_has_a_few_folds_and_one_batch(lines, tmp_path, monkeypatch):
    several = replace(lines, folds=lambda config, names: {fold: line(config.train.seed) for fold in "abc"})
    several = replace(several, smoke_folds=2)
    monkeypatch.setattr(sys.modules["lstm_gru_experiments.lines"], "EXPERIMENT", several)
    whole = Run("lines", "long", 0, tmp_path)
    tasks = replace(whole, smoke=True).tasks()
    assert [list(tasks), list(whole.tasks())] == [["a", "b"], ["a", "b", "c"]]
    first = whole.tasks()["a"].batch(0)
    assert all((tasks["b"].batch(step)["x"] == first["x"]).all() for step in range(3))
    assert not (whole.tasks()["a"].batch(1)["x"] == first["x"]).all()


def test_compiled_functions_are_let_go_after_a_run_that_leaves_many(lines, tmp_path, monkeypatch):
    compiled = jax.jit(lambda x: x + 1)
    for most, kept in ((10**9, 1), (1, 0)):
        monkeypatch.setattr(reproduce, "MOST_REGIONS", most)
        compiled(1.0)
        reproduce.execute(Run("lines", "long", 0, tmp_path / f"{most}", lines.config("long")))
        assert compiled._cache_size() == kept


def test_only_the_variants_asked_for_and_only_those_without_a_record(lines, tmp_path, capsys):
    def command(*options):
        assert cli.main([*options, "--record", "--unrecorded", "--runs", "all", "--jobs", "1"]) == 0
        return " ".join(capsys.readouterr().out.split())

    printed = command("reproduce", "lines", "--seeds", "1", "--variants", "long")
    assert kept() == {"lines-long-seed-0", "lines-baseline-nothing"}
    assert "SHORT" not in printed.partition("this machine")[2]
    command("tune", "lines", "--variants", "short")
    assert kept() == {"lines-long-seed-0", "lines-baseline-nothing", "lines-rates-short"}
    shutil.rmtree("all")  # Another day, another machine.
    command("reproduce", "lines", "--seeds", "1")
    assert kept() == {"lines-long-seed-0", "lines-baseline-nothing", "lines-rates-short", "lines-short-seed-0"}
    assert {path.name for path in (tmp_path / "all/lines").iterdir()} == {"short"}
    command("tune", "lines")
    assert not (tmp_path / "all/lines/short/rate-0.1").exists()
    for name in ("reproduce", "tune"):
        printed = command(name, "lines", *(["--seeds", "1"] if name == "reproduce" else []))
        assert "nothing left to train" in printed
        assert "recorded in experiments/results" in printed
        assert "this machine" not in printed
        assert "LONG" in printed


def test_plots_are_drawn_from_records_and_those_of_earlier_days_stay(lines, tmp_path, capsys):
    def command(*options):
        assert cli.main(["reproduce", "lines", "--seeds", "1", "--runs", "all", "--jobs", "1", *options]) == 0
        directory = tmp_path / ("experiments" if "--record" in options else "all/lines") / "plots"
        captions = read_json(directory / "lines.json")
        assert all((directory / name).exists() for name in captions)
        return list(captions)

    assert command("--variants", "long", "--record") == ["run-long", "record-long"]
    shutil.rmtree("all")
    assert command("--unrecorded") == ["run-short", "record-short"]
    shutil.rmtree("experiments/plots")
    recorded = command("--unrecorded", "--record")
    assert recorded == ["run-short", "record-long", "record-short"]
    shutil.rmtree("all")
    assert command("--variants", "short", "--unrecorded", "--record") == recorded


def test_unknown_variants_are_refused_with_the_names_there_are(lines, capsys):
    for name in ("reproduce", "tune"):
        assert cli.main([name, "lines", "--variants", "long", "lang"]) == 2
        assert "no variant 'lang'; there are short, long" in capsys.readouterr().err


def test_a_choice_on_validation_needs_all_variants_and_several_folds(lines, tmp_path):
    def runs(folds, *variants):
        runs = [Run("lines", v, 0, tmp_path / f"{folds} folds" / v) for v in variants]
        for number, run in enumerate(runs):
            for fold in range(folds):
                path = run.directory / f"fold-{fold}"
                path.mkdir(parents=True, exist_ok=True)
                selected = {"metric": "valid_x", "direction": "max", "value": number}
                write_json(path / "scores.json", {"selected_by": selected, "test": {"rmse": 0.0}})
            write_json(run.directory / reproduce.RECORD, {})
        return runs

    assert list(reproduce.chosen_records(lines, runs(2, "short"))) == []
    assert list(reproduce.chosen_records(lines, runs(1, "short", "long"))) == []
    [record] = reproduce.chosen_records(lines, runs(2, "short", "long"))
    assert record["choices"] == {"fold-0": "long", "fold-1": "long"}
    several = runs(2, "short", "long")
    worst = tmp_path / "2 folds" / "long" / "fold-1" / "scores.json"
    write_json(worst, {"selected_by": {"metric": "x", "direction": "max", "value": None}, "test": {"rmse": 0.0}})
    [record] = reproduce.chosen_records(lines, several)
    assert record["choices"] == {"fold-0": "long", "fold-1": "short"}
    (several[1].directory / "fold-1").rename(several[1].directory / "fold-2")  # Of other lengths, as in adding.
    assert list(reproduce.chosen_records(lines, several)) == []
    on_demand = replace(lines, seeds={"long": 0})
    [record] = reproduce.chosen_records(on_demand, runs(2, "short", "long"))
    assert record["choices"] == {"fold-0": "short", "fold-1": "short"}
    several[1].directory.joinpath(reproduce.RECORD).unlink()
    assert list(reproduce.chosen_records(lines, several)) == []


def test_the_learning_curve_of_one_fold_is_in_the_record(lines, tmp_path, monkeypatch):
    run = Run("lines", "short", 0, tmp_path / "one", plain=True)
    record = reproduce.execute(run)
    assert record["curve"] == valid_lines(tmp_path / "one") == read_json(tmp_path / "one/record.json")["curve"]
    assert [set(point) for point in record["curve"]] == [{"step", "valid_rmse", "seconds"}] * 2
    two = replace(lines, folds=lambda config, names: {fold: line() for fold in "ab"})
    monkeypatch.setattr(reproduce, "load_experiment", lambda name: two)
    assert "curve" not in reproduce.execute(Run("lines", "short", 0, tmp_path / "two", plain=True))


def test_a_record_says_all_that_its_folds_were_made_with(lines, tmp_path, monkeypatch):
    two = replace(lines, folds=lambda config, names: {fold: line() for fold in "ab"})
    monkeypatch.setattr(reproduce, "load_experiment", lambda name: two)
    run = Run("lines", "short", 0, tmp_path / "run", plain=True)
    now = reproduce.execute(run)["made_with"]
    assert "continued_with" not in now
    (run.directory / reproduce.RECORD).unlink()
    newer = {**now, "cores": 999}
    write_json(run.directory / "b/manifest.json", {**now, "continued_with": [newer]})
    made = reproduce.execute(run)["made_with"]
    assert made == {**now, "continued_with": [newer]}
    written = results.made_with([{"made_with": made}, {"made_with": newer}])
    assert written.count("\n- ") == 2
    assert ", 999 cores," in written


def test_commands_that_reproduce_name_the_variants_where_seeds_differ(lines):
    def said(**counts):
        seeds = [dict(variant=v, seed=seed) for v, count in counts.items() for seed in range(count)]
        return results._commands(lines, [dict(baseline="nothing"), *seeds])

    assert said() == "Command: `lstm-gru reproduce lines --seeds 1 --record`"
    assert said(short=2, long=2) == "Command: `lstm-gru reproduce lines --seeds 2 --record`"
    assert said(short=1, long=2) == (
        "Commands: `lstm-gru reproduce lines --seeds 2 --record --variants long`, "
        "`lstm-gru reproduce lines --seeds 1 --record --variants short`"
    )
    assert said(short=3) == "Command: `lstm-gru reproduce lines --seeds 3 --record --variants short`"


def test_rates_at_an_end_of_the_grid_are_named(lines, monkeypatch):
    def grid(variant, **more):
        return {"variant": variant, "selected_by": {"direction": "min"}, **more}

    middle = grid("long", rates={"0.1": 2.0, "0.03": 1.0, "0.01": 2.0})
    low = grid("short", rates={"0.1": 2.0, "0.03": 1.0, "0.01": 0.5})
    for grids, said in (([middle], []), ([middle, low], ["The smallest that was tried is the best of SHORT."])):
        monkeypatch.setattr(results, "recorded_rates", lambda name, grids=grids: grids)
        assert results._at_an_end(lines) == [f"A rate beyond the grid may be better at its ends. {x}" for x in said]


def test_signatures_are_kept_and_each_is_said_once(lines):
    for number, signatures in enumerate(({"fit": "b|1"}, {"fit": "a|2"}, {"fit": "b|1"}, {})):
        measured = reproduce._measured(Measured({"fit": 0.5}, {"a": (1.0, 2)}, signatures))
        assert measured.get("signatures", {}) == signatures
        made = dict(versions={}, commit="c", cores=2, platform="p", python="3")
        records.keep({**measured, "experiment": "lines", "baseline": str(number), "made_with": made})
    assert results.results().count("Computed as: `fit`: b|1; `fit`: a|2\n") == 1


def test_what_is_named_is_trained_even_if_it_is_left_out_of_all(lines):
    rarely = replace(lines, seeds={"short": 0})
    asked = commands.ReproduceArguments(experiment="lines", variants=("short",))
    assert commands._seeds(rarely, asked) == {"short": 1}
    assert commands._seeds(rarely, replace(asked, variants=())) == {"short": 0, "long": 3}


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("nottingham", {"corpus": "jsb_chorales"}, "corpus = 'jsb_chorales'; expected 'nottingham'"),
        ("lstm_ablations", {"corpus": "nottingham"}, "corpus = 'nottingham'; expected 'jsb_chorales'"),
        ("counting", {"longest": 5}, "longest = 5; expected 99"),
        ("website_visitors", {"windows": WindowConfig(lookback=28, horizon=3)}, "windows.horizon = 3; expected"),
    ],
)
def test_what_an_experiment_decides_cannot_be_overridden(name, other, words):
    experiment = load_experiment(name)
    config = next(iter(experiment.variants.values()))
    with pytest.raises(InputError, match=re.escape(f"{name}: {words}")):
        experiment.tasks(replace(config, **other), {})
