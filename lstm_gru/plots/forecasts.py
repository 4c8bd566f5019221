"""Forecasts: one with its interval over time, and how the error of several grows with the horizon."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_gru.plots.checks import require_a_value, require_any, require_length
from lstm_gru.plots.labels import label_ends, label_points
from lstm_gru.plots.style import BLUE, DASHES, INK, TEXT_SIZE, TRIVIAL, VERMILION, band, empty_figure, strokes, write
from lstm_gru.plots.times import axis_label, date_ticks, require_times, written

MOST_TICKS = 15  # With so many distances between horizons or fewer, each horizon has one.


class Curve(NamedTuple):
    """One line of `error_by_horizon`; a plain tuple in the same order does as well.

    Attributes:
      values: ``[H]``; NaN where undefined.
      style: "measured" is drawn in colour, "trivial" in dashed grey.
      spread: ``[H]``, standard deviation over seeds, drawn as a band on both sides.
    """

    values: np.ndarray
    style: Literal["trivial", "measured"] = "measured"
    spread: np.ndarray | None = None


def forecast_fan(
    path: Path,
    *,
    title: str,
    value_label: str,
    history_dates: np.ndarray,
    history: np.ndarray,
    dates: np.ndarray,
    observed: np.ndarray,
    forecast: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    reference: np.ndarray | None = None,
    reference_label: str = "",
) -> None:
    """Write one forecast with its 80 % interval, beside what was observed before and after the cutoff.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      value_label: the quantity with its unit.
      history_dates: ``[P]``, ``datetime64`` of any unit in ascending order; the last one is the cutoff.
      history: ``[P]``; NaN leaves a gap.
      dates: ``[H]``, ``datetime64`` of any unit in ascending order, after the cutoff.
      observed: ``[H]``; NaN leaves a gap, and all of them leave the line out.
      forecast: ``[H]``.
      lower: ``[H]``, the 10 % quantile.
      upper: ``[H]``, the 90 % quantile.
      reference: ``[H]``, another forecast, drawn as a thin dashed line.
      reference_label: its name.

    Raises:
      ValueError: naming the argument whose length, order or label is wrong.
    """
    after = {"observed": observed, "forecast": forecast, "lower": lower, "upper": upper}
    if reference is not None:
        after["reference"] = reference
        if not reference_label:
            raise ValueError("reference_label: empty, but there is a reference")
    require_times("history_dates", history_dates)
    require_times("dates", dates)
    require_length("history", history, "history_dates", history_dates)
    for name, values in after.items():
        require_length(name, values, "dates", dates)
    if not dates[0] > history_dates[-1]:
        raise ValueError(f"dates: begin on {dates[0]}, expected after the cutoff {history_dates[-1]}")
    write(path, _forecast_fan(title, value_label, (history_dates, history), dates, after, reference_label))


def error_by_horizon(
    path: Path,
    *,
    title: str,
    error_label: str,
    horizons: np.ndarray,
    curves: Mapping[str, Curve | tuple],
    points: Sequence[tuple[str, float, float]] = (),
    horizon_label: str = "horizon (days after the cutoff)",
) -> None:
    """Write how the error grows with the horizon, each line labelled at its right end.

    Args:
      path: the PNG file.
      title: what is seen, in one line.
      error_label: the error with its unit.
      horizons: ``[H]``, ascending, in the unit of ``horizon_label``.
      curves: name to `Curve` or ``(values [H], style)`` or ``(values [H], style, spread [H])``.
      points: ``(name, horizon, error)`` of single figures, published ones for example.
      horizon_label: the horizon with its unit.

    Raises:
      ValueError: naming the curve whose length or style is wrong, or which has no value.
    """
    curves = {name: Curve(*curve) for name, curve in curves.items()}
    require_any(curves)
    for name, curve in curves.items():
        require_length(f"curves[{name!r}].values", curve.values, "horizons", horizons)
        require_a_value(f"curves[{name!r}].values", curve.values)
        if curve.spread is not None:
            require_length(f"curves[{name!r}].spread", curve.spread, "horizons", horizons)
        if curve.style not in ("trivial", "measured"):
            raise ValueError(f"curves[{name!r}].style: {curve.style!r}, expected 'trivial' or 'measured'")
    write(path, _error_by_horizon(title, (horizon_label, error_label), horizons, curves, points))


def _forecast_fan(
    title: str,
    value_label: str,
    history: tuple[np.ndarray, np.ndarray],
    dates: np.ndarray,
    after: Mapping[str, np.ndarray],
    reference_label: str,
) -> Figure:
    times = np.concatenate([history[0], dates])
    figure, axes = empty_figure(title, (axis_label(times), value_label))
    handles = axes.plot(*history, color="#8a8a8a", linewidth=0.9, label="history")
    # A missing day breaks the line; the dots also show a day that stands between two missing ones.
    dots = {"marker": ".", "markersize": 4, "markeredgewidth": 0, "linewidth": 0.4}
    if not np.isnan(after["observed"]).all():  # Of the future nothing is known yet.
        handles += axes.plot(dates, after["observed"], color=INK, **dots, zorder=4, label="observed")
    handles += axes.plot(dates, after["forecast"], color=BLUE, linewidth=1.6, zorder=3, label="forecast")
    band = {"color": BLUE, "alpha": 0.25, "linewidth": 0}
    handles.append(axes.fill_between(dates, after["lower"], after["upper"], **band, zorder=1.5, label="80 % interval"))
    if "reference" in after:
        dashed = {"color": VERMILION, "linewidth": 1.3, "linestyle": DASHES[0]}
        handles += axes.plot(dates, after["reference"], **dashed, zorder=3.5, label=reference_label)
    axes.set_xlim(history[0][0], dates[-1])
    date_ticks(axes)
    _mark_cutoff(axes, history[0][-1], written(history[0][-1], times))
    spacing = {"columnspacing": 1.6, "borderpad": 0.2, "borderaxespad": 0.2}
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": len(handles)}
    axes.legend(handles=handles, frameon=False, fontsize=TEXT_SIZE, **place, **spacing)
    return figure


def _mark_cutoff(axes: Axes, cutoff: np.datetime64, name: str) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (high - low))  # room for the label above all values
    axes.axvline(cutoff, color=INK, linewidth=1)
    start, end = axes.get_xlim()
    early = axes.convert_xunits(cutoff) < start + 0.2 * (end - start)  # no room for it on the left
    axes.annotate(
        f"cutoff {name}",
        (cutoff, 1),
        xycoords=("data", "axes fraction"),
        xytext=(6 if early else -6, -3),
        textcoords="offset points",
        ha="left" if early else "right",
        va="top",
        color=INK,
        fontsize=TEXT_SIZE,
    )


def _error_by_horizon(
    title: str,
    labels: tuple[str, str],
    horizons: np.ndarray,
    curves: Mapping[str, Curve],
    points: Sequence[tuple[str, float, float]],
) -> Figure:
    banded = any(curve.spread is not None for curve in curves.values())
    figure, axes = empty_figure(title, labels, "band: ± 1 standard deviation over seeds" if banded else "")
    strong, grey, dashes, lines = iter(strokes(len(curves))), cycle(TRIVIAL), cycle(DASHES), []
    for name, curve in curves.items():
        if curve.style == "measured":
            stroke = next(strong)
            look = {"color": stroke.colour, "linewidth": 2, "linestyle": stroke.line, "zorder": 3}
        else:
            look = {"color": next(grey), "linewidth": 1.3, "linestyle": next(dashes)}
        look["marker"] = "o" if len(horizons) == 1 else None
        lines += axes.plot(horizons, curve.values, **look, label=name)
        if curve.spread is not None:
            band(axes, horizons, curve.values - curve.spread, curve.values + curve.spread, look["color"])
    if len(horizons) > 1:
        axes.set_xlim(horizons[0], horizons[-1])
    if np.ptp(horizons) <= MOST_TICKS * min(np.diff(horizons), default=np.inf):
        axes.set_xticks(horizons)
    for _, horizon, value in points:
        axes.plot([horizon], [value], "D", color=INK, markersize=7, markeredgecolor="white", zorder=5, clip_on=False)
    label_ends(axes, lines)
    label_points(axes, points)
    return figure
