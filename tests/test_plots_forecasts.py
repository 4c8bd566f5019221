"""Pictures of forecasts: bands, gaps, and styles."""

import numpy as np
from pictures import DAYS, HORIZONS, corners, drawn, errors, fan, gaps, texts, vertices, wave

from lstm_gru.plots import error_by_horizon, forecast_fan
from lstm_gru.plots.style import STRONG


def test_no_legend_for_what_is_not_drawn(tmp_path):
    assert "past years" not in texts(drawn(forecast_fan, tmp_path / "a.png", **fan(reference=None)))
    curves = {"lstm": (wave(30), "measured")}
    assert not any(
        "band" in text for text in texts(drawn(error_by_horizon, tmp_path / "a.png", **errors(curves=curves)))
    )


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
