"""One example of every picture, and what the tests of pictures read from a figure."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lstm_gru.plots import (
    Curve,
    alignment,
    confusion,
    distributions,
    error_by_horizon,
    forecast_fan,
    gate_activations,
    learning_curves,
    score_by_length,
    sensor_heatmap,
)

MINUTES = np.datetime64("2012-03-01T06:00:00") + np.timedelta64(300, "s") * np.arange(24)
DAYS = np.datetime64("2015-01-01") + np.timedelta64(1, "D") * np.arange(60)
HORIZONS = np.arange(1, 31)
STEPS = np.arange(0, 50, 10)


def wave(count, level=8.0):
    return level + np.sin(np.arange(count))


def gaps(values):
    """The same values without the first, one in the middle, and the last."""
    values = values.copy()
    values[[0, 7, -1]] = np.nan
    return values


def fan(**changes):
    forecast = wave(30)
    return {
        "title": "A forecast",
        "value_label": "views (log)",
        "history_dates": DAYS[:30],
        "history": wave(30),
        "dates": DAYS[30:],
        "observed": wave(30, 8.1),
        "forecast": forecast,
        "lower": forecast - 1,
        "upper": forecast + 2,
        "reference": wave(30, 7.0),
        "reference_label": "past years",
    } | changes


def errors(**changes):
    curves = {"lstm": (wave(30), "measured", np.full(30, 0.5)), "last week": Curve(wave(30, 9.0), "trivial")}
    return {
        "title": "Errors",
        "error_label": "RMSE (log)",
        "horizons": HORIZONS,
        "curves": curves,
        "points": [("Prophet, published", 10, 8.5)],
    } | changes


def learning(**changes):
    values = np.stack([wave(5, level) for level in (1.0, 2.0, 6.0)])
    return {"title": "Learning", "value_label": "RMSE", "curves": {"gru": (STEPS, values)}} | changes


def lengths(**changes):
    values = np.stack([wave(4, level) for level in (20.0, 21.0, 25.0)])
    return {
        "title": "Lengths",
        "score_label": "BLEU",
        "length_label": "source words",
        "edges": [1, 10, 15, 16, 30],
        "counts": [7, 12, 3, 0],
        "curves": {"lstm": values, "gru": values[:2] + 5},
    } | changes


def attention(**changes):
    weights = np.random.default_rng(0).dirichlet(np.ones(4), 3)
    src, trg = ("Zwei", "Hunde", "spielen", "."), ("two", "dogs", "play")
    return {"title": "Attention", "weights": weights, "src": src, "trg": trg} | changes


def confused(**changes):
    pairs = [("NOUN", "NOUN")] * 3 + [("NOUN", "VERB"), ("VERB", "NOUN")]
    return {"title": "Confusion", "names": ["NOUN", "VERB", "X"], "pairs": pairs} | changes


def runs(**changes):
    values = {"LSTM": [4.0, 1.0, 2.0, 3.0, 5.0], "GRU": [7.0, np.nan, 7.0]}
    return {"title": "Counting", "value_label": "largest n", "values": values} | changes


def gated(**changes):
    candidate = np.stack([wave(6, 0.0), wave(6, -0.5)], axis=-1)
    gates = {"forward f": np.abs(candidate) / 2, "forward g": candidate}
    named = {"candidates": ["forward g"], "order_by": ["forward f"]}
    return {"title": "Gates", "steps": list("en hund"[:6]), "gates": gates} | named | changes


def heatmap(**changes):
    observed = np.stack([wave(24, level) for level in (60.0, 55.0, 20.0)], axis=-1)
    return {
        "title": "Sensors",
        "value_label": "speed (mph)",
        "times": MINUTES,
        "observed": np.where(observed > 60.9, np.nan, observed),
        "forecast": observed + np.array([2, -3, 0]),
        "sensors": ["773869", "767541", "767542"],
    } | changes


PICTURES = {
    "fan": (forecast_fan, fan),
    "errors": (error_by_horizon, errors),
    "learning": (learning_curves, learning),
    "lengths": (score_by_length, lengths),
    "attention": (alignment, attention),
    "confusion": (confusion, confused),
    "runs": (distributions, runs),
    "gates": (gate_activations, gated),
    "sensors": (sensor_heatmap, heatmap),
}


def drawn(write, path, **arguments):
    """Write the picture and return its figure."""
    written, as_before = [], FigureCanvasAgg.print_png

    def print_png(canvas, *arguments, **options):
        written.append(canvas.figure)
        as_before(canvas, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasAgg, "print_png", print_png)
        write(path, **arguments)
    return written[0]


def texts(figure):
    """All that is written in a figure except the numbers at the ticks."""
    found = set()
    for axes in figure.axes:
        legend = axes.get_legend()
        parts = [*axes.texts, *(legend.get_texts() if legend else ())]
        found |= {axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()}
        found |= {text.get_text().strip() for text in parts}
    return found | {text.get_text() for text in figure.texts}


def ticks(axis):
    """What is written at the ticks."""
    return [text.get_text() for text in axis.get_ticklabels()]


def vertices(figure):
    """Corners of the first band."""
    (path,) = figure.axes[0].collections[0].get_paths()
    return {(x, round(y, 9)) for x, y in path.vertices}


def corners(x, lower, upper):
    return {(a, round(b, 9)) for a, b in zip([*x, *x], [*lower, *upper], strict=True)}
