"""``lstm-gru forecast`` as a user would call it, with few steps of training, and every way to call it wrongly."""

import csv
import io
import json
import math

import numpy as np
import pytest

from lstm_gru import cli
from lstm_gru.commands import forecast as forecast_command
from lstm_gru.config import TrainConfig
from lstm_gru.data.series import Series
from lstm_gru.data.timebase import TimeBase
from lstm_gru.forecast import output, plan
from lstm_gru.forecast.compare import Comparison
from lstm_gru.forecast.network import Columns
from lstm_gru.training.run_directory import valid_lines

HEADER = "day,visits,mail,weather\n"
DAYS = 120


def day(k):
    return str(np.datetime64("2024-01-01") + np.timedelta64(k, "D"))


def row(k):
    swing = 10 * math.sin(2 * math.pi * k / 7) + k % 3
    weather = "" if k == 50 else f"{math.cos(k):.3f}"
    return f"{day(k)},{100 + swing:.2f},{20 + k % 5 - swing:.2f},{weather}\n"


def write(path, rows=range(DAYS)):
    path.write_text(HEADER + "".join(map(row, rows)))
    return path


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "TRAIN", TrainConfig(steps=4, evaluate_every=2, log_every=2))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "site.csv", (k for k in range(DAYS) if k not in (30, 31)))


def call(data, *options, columns="visits", horizon=7):
    given = ("--data", data, "--time-column", "day", "--value-column", columns, "--horizon", horizon, *options)
    return cli.main(["forecast", *map(str, given)])


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_networks_are_compared_with_rules_and_everything_is_written(data, tmp_path, capsys):
    assert call(data, "--cell", "all", "--exogenous", "weather", columns="visits,mail") == 0
    printed = capsys.readouterr().out
    for name in ("last value (trivial)", "last season (7 steps) (trivial)", "ridge (trivial)", "RNN", "LSTM", "GRU"):
        assert name in printed
    assert "site.csv, daily, 120 steps: the last 4 x 7, from 2024-04-02 on" in printed
    assert "a trivial rule, wins on the test folds" in printed  # Four steps of training win nothing.
    assert "MASE (season 7)" in printed
    assert "in standard deviations" in " ".join(printed.split())
    said = " ".join(printed.split())
    assert "best on validation; --use season forecasts with" in said or "best on validation; --use ridge forec" in said
    out = tmp_path / "forecast"
    assert {path.name for path in out.iterdir()} == {
        "rnn", "lstm", "gru", "forecast.csv", "forecast.png", "forecast-mail.png",
    }  # fmt: skip
    rows = read((out / "forecast.csv").read_text())
    assert [line["time"] for line in rows] == [day(DAYS + k) for k in range(7)]
    for line in rows:
        for name in ("visits", "mail"):
            assert float(line[f"{name}_lower_10"]) <= float(line[name]) <= float(line[f"{name}_upper_90"])
    settings = json.loads((out / "gru" / "config.json").read_text())["task"]
    assert settings["read"]["exogenous"] == ["weather"]
    assert settings["columns"] == ["visits", "mail", "weather"]

    lines = {cell: valid_lines(out / cell) for cell in plan.WIDTHS}
    errors = {cell: min(line["valid_scaled_rmse"] for line in found) for cell, found in lines.items()}
    for cell in plan.WIDTHS:  # What is written is the forecast of the cell best on validation; its run says it again.
        assert cli.main(["forecast", f"forecast/{cell}", "--data", str(data)]) == 0
        again = capsys.readouterr().out
        assert (again == (out / "forecast.csv").read_text()) == (errors[cell] == min(errors.values()))


def test_columns_whose_names_differ_only_in_signs_have_pictures_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "forecast_fan", lambda path, **_: path.touch())
    names = ("first", "a b", "a/b", "a_b")
    base = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(86_400, "s"))
    series = Series(base, np.zeros((30, 4)), names, {"file": "a.csv", "sha256": "0"})
    future = output.Future(series, names, np.zeros((4, 2, 3)), "nothing")
    drawn = output.draw_future(tmp_path / "forecast.png", future)
    assert [path.name for path in drawn] == [f"forecast{end}.png" for end in ("", "-a_b", "-a_b_", "-a_b__")]
    assert all(path.exists() for path in drawn)


def test_a_column_that_repeats_itself_exactly_has_no_mase():
    base = TimeBase(np.datetime64("2024-01-01T00:00:00"), np.timedelta64(86_400, "s"))
    values = np.stack([np.tile(np.arange(7.0), 20), np.arange(140.0) % 11], axis=1)
    for columns, there in ((("b",), True), (("a",), False), (("a", "b"), False)):
        series = Series(base, values[:, ["ab".index(c) for c in columns]], columns, {"file": "a.csv", "sha256": "0"})
        read = Columns("day", columns, (), (1, "D"), "")
        compared = Comparison(series, read, plan.plan(series, 7, targets=len(columns)))
        scores = compared.rule_entries()["last value"].scores
        assert (math.isfinite(scores["mase"]), math.isfinite(scores["rmse"])) == (there, True)
    assert forecast_command._number(math.nan) == "–"


def test_newer_data_are_forecast_from_the_run_alone(data, tmp_path, capsys):
    assert call(data) == 0
    newer = write(tmp_path / "newer.csv", range(90, DAYS + 30))
    data.unlink()
    capsys.readouterr()
    assert cli.main(["forecast", "forecast/gru", "--data", str(newer)]) == 0
    rows = read(capsys.readouterr().out)
    assert [line["time"] for line in rows] == [day(DAYS + 30 + k) for k in range(7)]
    before = (tmp_path / "forecast" / "forecast.csv").read_text()
    assert cli.main(["forecast", "forecast/gru", "--data", str(newer), "--out", "later"]) == 0
    assert read((tmp_path / "later" / "forecast.csv").read_text()) == rows
    assert (tmp_path / "later" / "forecast.png").exists()
    assert (tmp_path / "forecast" / "forecast.csv").read_text() == before


def test_newer_data_that_a_run_cannot_read_are_refused(data, tmp_path, capsys):
    assert call(data) == 0
    capsys.readouterr()
    given = ("forecast/gru", "--data")
    weekly = write(tmp_path / "weekly.csv", range(0, DAYS, 7))
    assert "weekly.csv: weekly data; this forecaster reads daily ones" in refused(capsys, *given, weekly)
    zoned = tmp_path / "zoned.csv"
    zoned.write_text(HEADER + "".join(f"{day(k)}T00:00Z,{100 + k},1,1\n" for k in range(90)))
    assert "zoned.csv: times in Z; this forecaster was trained on times in no zone" in refused(capsys, *given, zoned)
    empty = tmp_path / "empty.csv"
    empty.write_text(HEADER + "".join(f"{day(k)},{100 + k if k < 40 else ''},1,1\n" for k in range(90)))
    assert "empty.csv: column 'visits' is missing throughout the last" in refused(capsys, *given, empty)
    for option, value in (("--horizon", 9), ("--use", "ridge"), ("--cell", "lstm"), ("--value-column", "mail")):
        assert f"{option}: given with RUN, which has its own" in refused(capsys, *given, data, option, value)


def test_a_rule_is_used_when_asked(data, tmp_path, capsys):
    assert call(data, "--use", "season") == 0
    assert "forecast that is written is that of last season (7 steps)" in " ".join(capsys.readouterr().out.split())
    rows = read((tmp_path / "forecast" / "forecast.csv").read_text())
    for k, line in enumerate(rows):
        assert line["visits"] == row(DAYS - 7 + k).split(",")[1].rstrip("0").rstrip(".")
    assert call(data, "--use", "last") == 0
    rows = read((tmp_path / "forecast" / "forecast.csv").read_text())
    assert {line["visits"] for line in rows} == {row(DAYS - 1).split(",")[1].rstrip("0").rstrip(".")}


def refused(capsys, *options):
    assert cli.main(["forecast", *map(str, options)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ")
    return said


def test_what_is_missing_is_named(data, capsys):
    whole = {"--data": data, "--time-column": "day", "--value-column": "visits", "--horizon": 7}
    for name in whole:
        given = [part for other, value in whole.items() if other != name for part in (other, value)]
        assert f"{name}: missing" in refused(capsys, *given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--time-column", "date"], "site.csv: no column 'date'; there are day, visits, mail, weather"),
        (["--value-column", "visits,sales"], "site.csv: no column 'sales'; there are day, visits, mail, weather"),
        (["--horizon", "0"], "--horizon = 0; expected at least 1"),
        (["--horizon", "60"], "site.csv: --horizon = 60; expected at most 25 for 120 values"),
        (["--seed", "-1"], "--seed = -1; expected at least 0"),
        (["--freq", "fortnight"], "--freq = 'fortnight'; expected a number and a unit"),
        (["--freq", "2D"], "is off the grid"),
        (["--data", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["--logarithm", "--value-column", "mail", "--data", "negative.csv"], "has -5 at 2024-01-01; the logarithm"),
        (["--logarithm", "--data", "late.csv"], "'visits' has -3 at 2024-03-29; the logarithm needs values above -1"),
        (["--value-column", "weather", "--data", "constant.csv"], "column 'weather' is the constant 1"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_is_written(data, tmp_path, capsys, options, message):
    (tmp_path / "negative.csv").write_text(HEADER + "".join(f"{day(k)},1,{-5 - k},1\n" for k in range(90)))
    (tmp_path / "late.csv").write_text(HEADER + "".join(f"{day(k)},{k if k < 88 else -3},2,1\n" for k in range(90)))
    (tmp_path / "constant.csv").write_text(HEADER + "".join(f"{day(k)},1,2,1\n" for k in range(90)))
    given = {"--data": data, "--time-column": "day", "--value-column": "visits", "--horizon": 7}
    flags = [option for option in options if option == "--logarithm"]
    pairs = [option for option in options if option != "--logarithm"]
    given |= dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert message in refused(capsys, *flags, *(part for pair in given.items() for part in pair))
    assert not (tmp_path / "forecast").exists()


def test_a_run_of_something_else_is_refused(data, tmp_path, capsys):
    assert "forecast: no config.json" not in refused(capsys, tmp_path, "--data", data)
    (tmp_path / "config.json").write_text('{"task": {}}')
    assert "config.json describes no forecasting; expected" in refused(capsys, tmp_path, "--data", data)
    (tmp_path / "config.json").write_text('{"task": {"task": "forecasting"}}')
    assert "no scores.json, so it is not finished" in refused(capsys, tmp_path, "--data", data)
    (tmp_path / "scores.json").write_text("{}")
    assert "config.json describes no forecaster of a file's columns" in refused(capsys, tmp_path, "--data", data)


def test_newer_data_that_do_not_fit_are_refused(data, tmp_path, capsys):
    assert call(data) == 0
    short_one = write(tmp_path / "short.csv", range(5))
    assert "short.csv: 5 values; this forecaster reads the last 25" in refused(
        capsys, "forecast/gru", "--data", short_one
    )
    weekly = write(tmp_path / "hourly.csv", range(0, DAYS, 7))
    weekly.write_text(HEADER + "2024-01-01T00:00,1,2,3\n2024-01-01T01:00,2,3,4\n")
    assert "hourly.csv" in refused(capsys, "forecast/gru", "--data", weekly)


def test_other_data_in_the_same_directory_are_refused(data, tmp_path, capsys):
    assert call(data) == 0
    other = write(tmp_path / "other.csv", range(100))
    before = (tmp_path / "forecast" / "forecast.csv").read_text()
    given = ("--data", other, "--time-column", "day", "--value-column", "visits", "--horizon", 7)
    assert "task.data.sha256" in refused(capsys, *given)
    assert (tmp_path / "forecast" / "forecast.csv").read_text() == before
