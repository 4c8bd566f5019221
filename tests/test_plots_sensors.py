"""The maps of sensors by time: cells, colours, names, and that nothing is cut off."""

import numpy as np
import pytest
from pictures import MINUTES, drawn, heatmap, texts, ticks

from lstm_gru.plots import sensor_heatmap
from lstm_gru.plots.labels import text_box
from lstm_gru.plots.sensors import ERRORS, LACKING, VALUES


def network(count, **changes):
    observed = np.random.default_rng(0).normal(60, 5, (24, count))
    observed[0, 0] = np.nan
    names = [f"sensor {n}" for n in range(count)]
    return heatmap(observed=observed, forecast=observed + 1, sensors=names, **changes)


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    """The example, drawn once."""
    return drawn(sensor_heatmap, tmp_path_factory.mktemp("figure") / "a.png", **heatmap())


def meshes(figure):
    return [axes.collections[0] for axes in figure.axes[:3]]


def test_rows_are_sensors_from_the_top_and_columns_begin_at_their_times(figure):
    arguments = heatmap()
    observed, forecast = arguments["observed"], arguments["forecast"]
    for mesh, expected in zip(meshes(figure), (observed, forecast, np.abs(forecast - observed)), strict=True):
        np.testing.assert_allclose(mesh.get_array().filled(np.nan), expected.T)
        assert mesh.axes.get_ylim() == (3, 0)
        assert ticks(mesh.axes.yaxis) == arguments["sensors"]
        edges = mesh.axes.convert_xunits(np.append(MINUTES, MINUTES[-1] + np.timedelta64(300, "s")))
        np.testing.assert_array_equal(mesh.get_coordinates()[0, :, 0], edges)
        assert mesh.axes.get_xlim() == (edges[0], edges[-1])
    named = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:3]]
    assert named == [False, False, True]


def test_observed_and_forecast_have_one_scale_and_errors_begin_at_zero(figure):
    arguments = heatmap()
    observed, forecast, error = meshes(figure)
    assert observed.get_clim() == forecast.get_clim()
    assert observed.get_clim() == (np.min(arguments["forecast"]), np.max(arguments["forecast"]))
    assert error.get_clim() == pytest.approx((0, 3))
    assert observed.get_cmap() == forecast.get_cmap() != error.get_cmap()


def test_what_is_missing_is_grey_and_no_value_has_a_colour_near_it(figure, tmp_path):
    for mesh in meshes(figure):
        red, green, blue, _ = mesh.to_rgba(np.ma.masked_invalid([np.nan]))[0]
        assert (red, green, blue) == pytest.approx([int(LACKING[1:3], 16) / 255] * 3)
    for colours in (VALUES, ERRORS):
        assert 0.3 < red < 0.8  # neither the paper nor ink
        distances = np.linalg.norm(colours(np.linspace(0, 1, 256))[:, :3] - red, axis=1)
        assert distances.min() > 0.2
    complete = heatmap(observed=heatmap()["forecast"])
    assert "grey: missing" not in texts(drawn(sensor_heatmap, tmp_path / "b.png", **complete))


@pytest.mark.parametrize("count", [1, 12, 207])
def test_rows_are_whole_pixels_and_nothing_is_cut_off_or_covered(count, tmp_path):
    figure = drawn(sensor_heatmap, tmp_path / "a.png", **network(count, title="A title" * 5))
    panels, bars = figure.axes[:3], figure.axes[3:]
    row = panels[0].bbox.height / count
    assert row == pytest.approx(max(1, round(row)))
    assert 150 <= panels[0].bbox.height <= 480
    title, note = map(text_box, figure.texts)
    assert title.y0 > note.y1
    boxes = [note] + [axes.get_tightbbox() for axes in figure.axes]
    assert all(box.x0 > 0 and box.y0 > 0 for box in boxes)
    assert title.y1 < figure.bbox.height
    assert all(box.x1 < figure.bbox.width and box.y1 < figure.bbox.height for box in boxes)
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1 > boxes[2].y0 > boxes[3].y1
    assert min(bar.bbox.x0 for bar in bars) > panels[0].bbox.x1
    assert bars[0].bbox.y0 == pytest.approx(panels[1].bbox.y0)
    assert bars[1].bbox.intervaly == pytest.approx(panels[2].bbox.intervaly)
    names = [text_box(text) for text in panels[0].get_yticklabels()]
    assert not any(box.count_overlaps(names) > 1 for box in names)
    assert len(names) == min(count, 21)


def test_names_are_plain_text_and_not_too_long(tmp_path):
    sensors = ["$x^2$", "東", "the sensor behind the bridge"]
    axes = drawn(sensor_heatmap, tmp_path / "a.png", **heatmap(sensors=sensors)).axes[0]
    assert ticks(axes.yaxis) == ["$x^2$", "□", "the sensor behind t…"]
    assert not any(text.get_parse_math() for text in axes.get_yticklabels())


def test_a_constant_without_errors_is_drawn(tmp_path):
    constant, early = np.full((24, 3), 3.0), (np.arange(24) < 12)[:, None]
    never_both = np.where(early, constant, np.nan), np.where(early, np.nan, constant)
    for observed, forecast in ((np.full((24, 3), 3), constant), never_both):
        figure = drawn(sensor_heatmap, tmp_path / "a.png", **heatmap(observed=observed, forecast=forecast))
        assert [mesh.get_clim() for mesh in meshes(figure)] == [(3, 4), (3, 4), (0, 1)]


def test_large_numbers_are_written_out(tmp_path):
    arguments = heatmap()
    large = {name: 1e6 * arguments[name] for name in ("observed", "forecast")}
    figure = drawn(sensor_heatmap, tmp_path / "a.png", **heatmap(**large))
    assert "60000000" in ticks(figure.axes[3].yaxis)
    assert figure.axes[3].get_tightbbox().x1 < figure.bbox.width
