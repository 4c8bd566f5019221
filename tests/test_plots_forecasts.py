"""Pictures of forecasts: bands, gaps, styles, and times of any unit."""

import numpy as np
import pytest
from pictures import DAYS, HORIZONS, MINUTES, corners, drawn, errors, fan, gaps, texts, ticks, vertices, wave

from lstm_gru.plots import error_by_horizon, forecast_fan
from lstm_gru.plots.style import STRONG


def test_no_legend_for_what_is_not_drawn(tmp_path):
    assert "past years" not in texts(drawn(forecast_fan, tmp_path / "a.png", **fan(reference=None)))
    curves = {"lstm": (wave(30), "measured")}
    assert not any(
        "band" in text for text in texts(drawn(error_by_horizon, tmp_path / "a.png", **errors(curves=curves)))
    )


def test_a_forecast_of_what_nobody_has_seen_has_no_line_of_observations(tmp_path):
    unseen = drawn(forecast_fan, tmp_path / "a.png", **fan(observed=np.full(len(fan()["observed"]), np.nan)))
    assert "observed" not in texts(unseen)
    assert "observed" in texts(drawn(forecast_fan, tmp_path / "b.png", **fan()))


def test_bands_have_the_given_vertices(tmp_path):
    arguments = fan()
    found = vertices(drawn(forecast_fan, tmp_path / "a.png", **arguments))
    assert found >= corners(DAYS[30:].astype(float), arguments["lower"], arguments["upper"])
    found = vertices(drawn(error_by_horizon, tmp_path / "a.png", **errors()))
    assert found >= corners(HORIZONS, wave(30) - 0.5, wave(30) + 0.5)


def test_missing_days_are_gaps(tmp_path):
    names = ("history", "observed", "forecast", "lower", "upper", "reference")
    figure = drawn(forecast_fan, tmp_path / "a.png", **fan(**{name: gaps(fan()[name]) for name in names}))
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    for label in ("history", "observed", "forecast", "past years"):
        assert np.flatnonzero(np.isnan(lines[label])).tolist() == [0, 7, 29]


def test_styles_differ(tmp_path):
    curves = {name: (wave(30, level), "trivial") for level, name in enumerate("abcd")} | {"lstm": (wave(30),)}
    lines = drawn(error_by_horizon, tmp_path / "a.png", **errors(curves=curves, points=())).axes[0].lines
    assert [line.get_color() in STRONG for line in lines] == [False] * 4 + [True]
    assert len({str(line._dash_pattern) for line in lines}) == 5


MONTHS = np.datetime64("2014-03") + np.timedelta64(1, "M") * np.arange(60)
UNITS = {  # Times, the cutoff as it is written, the label of the axis, and some of its ticks.
    "minutes": (MINUTES[0] + 300 * np.arange(60), "2012-03-01 08:25", "time on 2012-03-01", {"07:00", "10:00"}),
    "days in nanoseconds": (DAYS.astype("datetime64[ns]"), "2015-01-30", "date", {"Jan 2015", "15 Feb"}),
    "months": (MONTHS, "2016-08", "date", {"2015", "2019"}),
}


@pytest.mark.parametrize(("times", "cutoff", "label", "some"), UNITS.values(), ids=UNITS)
def test_times_of_any_unit(times, cutoff, label, some, tmp_path):
    figure = drawn(forecast_fan, tmp_path / "a.png", **fan(history_dates=times[:30], dates=times[30:]))
    assert {f"cutoff {cutoff}", label} <= texts(figure)
    (axes,) = figure.axes
    assert some <= set(ticks(axes.xaxis))
    assert axes.get_xlim() == tuple(axes.convert_xunits(times[[0, -1]]))
    forecast = next(line for line in axes.lines if line.get_label() == "forecast")
    np.testing.assert_array_equal(forecast.get_xdata(orig=False), axes.convert_xunits(times[30:]))


def test_a_power_of_ten_stands_left_of_the_legend(tmp_path):
    names = ("history", "observed", "forecast", "lower", "upper", "reference")
    (axes,) = drawn(forecast_fan, tmp_path / "a.png", **fan(**{name: 1e6 * fan()[name] for name in names})).axes
    power = axes.yaxis.get_offset_text()
    assert "10^{7}" in power.get_text()
    assert 0 < power.get_window_extent().x0 < power.get_window_extent().x1 <= axes.get_legend().get_window_extent().x0


@pytest.mark.parametrize(
    ("horizons", "expected"),
    [(5 * np.arange(1, 13), [str(5 * n) for n in range(1, 13)]), ([15, 30, 45, 60], ["15", "30", "45", "60"])],
)
def test_few_horizons_have_a_tick_each(horizons, expected, tmp_path):
    curves = {"gru": (wave(len(horizons)),)}
    (axes,) = drawn(error_by_horizon, tmp_path / "a.png", **errors(horizons=horizons, curves=curves, points=())).axes
    assert ticks(axes.xaxis) == expected


def test_horizons_too_close_to_have_a_tick_each_have_round_ones(tmp_path):
    for horizons in (HORIZONS, np.append(np.arange(1, 30), 365)):
        (axes,) = drawn(error_by_horizon, tmp_path / "a.png", **errors(horizons=horizons)).axes
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert not any(box.count_overlaps(boxes) > 1 for box in boxes)


def test_a_single_horizon_is_a_point(tmp_path):
    curves = {"gru": (np.array([2.0]), "measured", np.array([0.1])), "last value": (np.array([3.0]), "trivial")}
    (axes,) = drawn(error_by_horizon, tmp_path / "a.png", **errors(horizons=[15], curves=curves, points=())).axes
    assert ticks(axes.xaxis) == ["15"]
    assert {line.get_marker() for line in axes.lines} == {"o"}
