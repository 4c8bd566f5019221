"""The pictures: size, bytes, labels, gaps, bands and refusals."""

import struct

import numpy as np
import pytest

from lstm_gru import plots

DAYS = np.datetime64("2015-01-01") + np.arange(60)
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
    curves = {"lstm": (wave(30), "measured", np.full(30, 0.5)), "last week": plots.Curve(wave(30, 9.0), "trivial")}
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


WRITERS = {"fan": (plots.forecast_fan, fan), "errors": (plots.error_by_horizon, errors)}
WRITERS["learning"] = (plots.learning_curves, learning)
every = pytest.mark.parametrize(("write", "arguments"), WRITERS.values(), ids=WRITERS)


@pytest.fixture
def figure(monkeypatch, tmp_path):
    """``(write, **arguments) -> Figure``: what a function would have written."""

    def build(write, **arguments):
        built = []
        with monkeypatch.context() as patch:
            patch.setattr(plots, "_write", lambda path, figure: built.append(figure))
            write(tmp_path / "never.png", **arguments)
        return built[0]

    return build


def texts(figure):
    """All that is written in a figure except the numbers at the ticks."""
    (axes,) = figure.axes
    legend = axes.get_legend()
    found = [*figure.texts, *axes.texts, *(legend.get_texts() if legend else ())]
    return {axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in found)}


def vertices(figure):
    """Corners of the first band."""
    (path,) = figure.axes[0].collections[0].get_paths()
    return {(x, round(y, 9)) for x, y in path.vertices}


def corners(x, lower, upper):
    return {(a, round(b, 9)) for a, b in zip([*x, *x], [*lower, *upper], strict=True)}


@every
def test_writes_a_picture_of_plausible_size(write, arguments, tmp_path):
    write(tmp_path / "a.png", **arguments())
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert 1200 <= width <= 1400
    assert 400 <= height <= 800
    assert 10_000 < len(content) < 300_000


@every
def test_equal_data_give_equal_bytes(write, arguments, tmp_path):
    for name in ("a.png", "b.png"):
        write(tmp_path / name, **arguments())
    write(tmp_path / "c.png", **arguments(title="Another"))
    first, second, other = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == second != other
    assert b"Software" not in first


@every
def test_labels_appear(write, arguments, figure):
    expected = {
        "A forecast": {"views (log)", "date", "cutoff 2015-01-30", "history", "observed", "forecast", "80 % interval"}
        | {"past years"},
        "Errors": {"RMSE (log)", "horizon (days after the cutoff)", "lstm", "last week", "Prophet, published"}
        | {"band: ± 1 standard deviation over seeds"},
        "Learning": {"RMSE", "training step", "gru", "line: mean of 3 runs; band: from the smallest to the largest"},
    }
    title = arguments()["title"]
    assert texts(figure(write, **arguments())) - {""} == expected[title] | {title}


def test_no_legend_for_what_is_not_drawn(figure):
    assert "past years" not in texts(figure(plots.forecast_fan, **fan(reference=None)))
    curves = {"lstm": (wave(30), "measured")}
    assert not any("band" in text for text in texts(figure(plots.error_by_horizon, **errors(curves=curves))))
    single = {"gru": (STEPS, wave(5)[None])}
    assert not any("band" in text for text in texts(figure(plots.learning_curves, **learning(curves=single))))


def test_bands_have_the_given_vertices(figure):
    arguments = fan()
    drawn = vertices(figure(plots.forecast_fan, **arguments))
    assert drawn >= corners(DAYS[30:].astype(float), arguments["lower"], arguments["upper"])
    drawn = vertices(figure(plots.error_by_horizon, **errors()))
    assert drawn >= corners(HORIZONS, wave(30) - 0.5, wave(30) + 0.5)
    drawn = vertices(figure(plots.learning_curves, **learning()))
    assert drawn >= corners(STEPS, wave(5, 1.0), wave(5, 6.0))


def test_the_line_of_several_runs_is_their_mean(figure):
    (line,) = figure(plots.learning_curves, **learning()).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), wave(5, 3.0))


def test_missing_days_are_gaps(figure, tmp_path):
    names = ("history", "observed", "forecast", "lower", "upper", "reference")
    arguments = fan(**{name: gaps(fan()[name]) for name in names})
    plots.forecast_fan(tmp_path / "a.png", **arguments)
    lines = {line.get_label(): line.get_ydata() for line in figure(plots.forecast_fan, **arguments).axes[0].lines}
    for label in ("history", "observed", "forecast", "past years"):
        assert np.flatnonzero(np.isnan(lines[label])).tolist() == [0, 7, 29]
    runs = np.stack([gaps(wave(9)), wave(9)])
    plots.learning_curves(tmp_path / "b.png", **learning(curves={"gru": (np.arange(9), runs)}))


def test_a_curve_is_labelled_where_its_values_end(figure):
    curves = {"lstm": (gaps(wave(30)), "measured", gaps(np.ones(30)))}
    (label, _) = figure(plots.error_by_horizon, **errors(curves=curves)).axes[0].texts
    assert label.xy == (29, wave(30)[28])


def test_styles_differ(figure):
    curves = {name: (wave(30, level), "trivial") for level, name in enumerate("abcd")} | {"lstm": (wave(30),)}
    lines = figure(plots.error_by_horizon, **errors(curves=curves, points=())).axes[0].lines
    assert [line.get_color() in plots.STRONG for line in lines] == [False] * 4 + [True]
    assert len({str(line._dash_pattern) for line in lines}) == 5


def test_labels_of_equal_ends_do_not_overlap(figure):
    curves = {f"cell {n}": (wave(30, 8 + n / 100), "measured") for n in range(6)}
    built = figure(plots.error_by_horizon, **errors(curves=curves))
    boxes = [plots._box(text) for text in built.axes[0].texts]
    assert not any(box.count_overlaps(boxes) > 1 for box in boxes)  # each one overlaps itself
    assert all(box.x0 > 0 and box.x1 < plots.WIDTH * plots.DPI for box in boxes)


@pytest.mark.parametrize("point", [(1, 8.5), (30, 8.0), (1, 7.0), (30, 9.0)])
def test_a_point_at_the_edge_keeps_its_name_inside(point, figure):
    axes = figure(plots.error_by_horizon, **errors(points=[("a published figure", *point)])).axes[0]
    box = plots._box(axes.texts[-1])
    assert axes.bbox.x0 < box.x0
    assert box.x1 < axes.bbox.x1


@pytest.mark.parametrize("seed", range(5))
def test_spread_apart_keeps_order_gap_and_bounds(seed):
    positions = np.random.default_rng(seed).uniform(0, 100, 6)
    result = plots._spread_apart(positions, 10, (5, 95))
    assert np.argsort(result).tolist() == np.argsort(positions).tolist()
    assert np.diff(np.sort(result)).min() > 10 - 1e-9
    assert result.min() >= 5
    assert result.max() <= 95


def test_spread_apart_moves_no_more_than_needed():
    np.testing.assert_allclose(plots._spread_apart(np.array([50.0, 20.0, 50.0]), 10, (0, 100)), [45, 20, 55])
    np.testing.assert_allclose(plots._spread_apart(np.array([1.0, 1.0]), 10, (0, 100)), [0, 10])


@pytest.mark.parametrize("name", ["history", "observed", "forecast", "lower", "upper", "reference"])
def test_unequal_lengths_of_a_fan_name_the_argument(name, tmp_path):
    with pytest.raises(ValueError, match=rf"^{name}: shape \(29,\), expected \(30,\) as "):
        plots.forecast_fan(tmp_path / "a.png", **fan(**{name: wave(29)}))


@pytest.mark.parametrize(
    ("write", "arguments", "message"),
    [
        (plots.forecast_fan, fan(reference_label=""), "reference_label: empty"),
        (plots.forecast_fan, fan(dates=DAYS[29:59]), "dates: begin on 2015-01-30"),
        (plots.forecast_fan, fan(history_dates=DAYS[:0], history=wave(0)), "history_dates: empty"),
        (plots.error_by_horizon, errors(curves={}), "curves: empty"),
        (plots.error_by_horizon, errors(curves={"a": (wave(29),)}), r"curves\['a'\].values: shape \(29,\)"),
        (plots.error_by_horizon, errors(curves={"a": (wave(30), "measured", wave(2))}), r"curves\['a'\].spread"),
        (plots.error_by_horizon, errors(curves={"a": (wave(30), "bold")}), r"curves\['a'\].style: 'bold'"),
        (plots.error_by_horizon, errors(curves={"a": (np.full(30, np.nan),)}), r"curves\['a'\].values: nothing"),
        (plots.learning_curves, learning(curves={}), "curves: empty"),
        (plots.learning_curves, learning(curves={"a": (STEPS, wave(5))}), r"curves\['a'\]: values \(5,\)"),
        (plots.learning_curves, learning(curves={"a": (STEPS, np.ones((0, 5)))}), r"curves\['a'\]: values \(0, 5\)"),
        (plots.learning_curves, learning(curves={"a": (STEPS, np.ones((2, 4)))}), r"expected \[runs, 5\]"),
    ],
)
def test_wrong_arguments_are_named(write, arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "a.png", **arguments)
    assert not list(tmp_path.iterdir())
