"""What every picture promises: size, equal bytes, labels, refusals that name the argument."""

import struct

import numpy as np
import pytest
from pictures import (
    DAYS,
    MINUTES,
    PICTURES,
    STEPS,
    attention,
    drawn,
    errors,
    fan,
    gated,
    heatmap,
    learning,
    lengths,
    texts,
    wave,
)

from lstm_gru.plots import (
    alignment,
    confusion,
    error_by_horizon,
    forecast_fan,
    gate_activations,
    learning_curves,
    score_by_length,
    sensor_heatmap,
)

every = pytest.mark.parametrize(("write", "arguments"), PICTURES.values(), ids=PICTURES)


@every
def test_writes_a_picture_of_plausible_size(write, arguments, tmp_path):
    write(tmp_path / "a.png", **arguments())
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    if write in (alignment, confusion):  # of three words to four, of three classes
        assert 350 <= width <= 500
        assert 250 <= height <= 450
    else:
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


RUNS = "line: mean of {} runs; band: from the smallest to the largest"
LABELS = {
    "fan": {
        "views (log)",
        "date",
        "cutoff 2015-01-30",
        "history",
        "observed",
        "forecast",
        "80 % interval",
        "past years",
    },
    "errors": {"RMSE (log)", "horizon (days after the cutoff)", "lstm", "last week", "Prophet, published"}
    | {"band: ± 1 standard deviation over seeds"},
    "learning": {"RMSE", "training step", "gru", RUNS.format(3)},
    "lengths": {"BLEU", "source words (number of sentences)", "lstm", "gru", RUNS.format("2 to 3")},
    "attention": {"attention weight"},
    "confusion": {"share of a row (right) in a column (found)"},
    "gates": {"forward f", "forward g"}
    | {"a row is a unit, the same in a layer's maps; gates: 0 dark, 1 light; others: blue below 0, red above"},
    "runs": {"largest n", "box: quartiles and median of 2 to 5 runs; points: runs"},
    "sensors": {"observed", "forecast", "absolute error", "sensor", "time on 2012-03-01", "grey: missing"}
    | {"speed (mph)", "error: speed (mph)"},
}


@pytest.mark.parametrize("name", PICTURES)
def test_labels_appear(name, tmp_path):
    write, arguments = PICTURES[name]
    figure = drawn(write, tmp_path / "a.png", **arguments())
    assert texts(figure) - {""} == LABELS[name] | {arguments()["title"]}


@pytest.mark.parametrize(("order_by", "first"), [(["f"], 1), ([], 0)])
def test_a_row_is_the_same_unit_in_all_maps_of_a_layer(order_by, first, tmp_path):
    gates = {"i": np.array([[0.9, 0.2]]), "f": np.array([[0.3, 0.8]]), "layer 2 i": np.array([[0.1, 0.4]])}
    figure = drawn(gate_activations, tmp_path / "a.png", title="Gates", steps=["a"], gates=gates, order_by=order_by)
    maps = [axes.collections[0].get_array().ravel().tolist() for axes in figure.axes[::2]]
    order = [first, 1 - first]
    assert maps == [gates["i"][0][order].tolist(), gates["f"][0][order].tolist(), [0.4, 0.1]]


@pytest.mark.parametrize("name", ["history", "observed", "forecast", "lower", "upper", "reference"])
def test_unequal_lengths_of_a_fan_name_the_argument(name, tmp_path):
    with pytest.raises(ValueError, match=rf"^{name}: shape \(29,\), expected \(30,\) as "):
        forecast_fan(tmp_path / "a.png", **fan(**{name: wave(29)}))


@pytest.mark.parametrize(
    ("write", "arguments", "message"),
    [
        (forecast_fan, fan(reference_label=""), "reference_label: empty"),
        (forecast_fan, fan(dates=DAYS[29:59]), "dates: begin on 2015-01-30"),
        (forecast_fan, fan(history_dates=DAYS[:0], history=wave(0)), "history_dates: empty"),
        (forecast_fan, fan(dates=DAYS[:29:-1]), "dates: some are NaT or not in ascending order"),
        (forecast_fan, fan(history_dates=np.arange(30)), r"history_dates: int64 \(30,\), expected .* of datetime64"),
        (gate_activations, gated(gates={}), "gates: empty"),
        (gate_activations, gated(steps=["a"]), r"gates\['forward f'\]: shape \(6, 2\), expected \[1, H\]"),
        (gate_activations, gated(gates={"f": np.full((6, 2), np.nan)}), r"gates\['f'\]: some values are NaN"),
        (error_by_horizon, errors(curves={}), "curves: empty"),
        (error_by_horizon, errors(curves={"a": (wave(29),)}), r"curves\['a'\].values: shape \(29,\)"),
        (error_by_horizon, errors(curves={"a": (wave(30), "measured", wave(2))}), r"curves\['a'\].spread"),
        (error_by_horizon, errors(curves={"a": (wave(30), "bold")}), r"curves\['a'\].style: 'bold'"),
        (error_by_horizon, errors(curves={"a": (np.full(30, np.nan),)}), r"curves\['a'\].values: nothing"),
        (learning_curves, learning(curves={}), "curves: empty"),
        (learning_curves, learning(curves={"a": (STEPS, wave(5))}), r"curves\['a'\]: values \(5,\)"),
        (learning_curves, learning(curves={"a": (STEPS, np.ones((0, 5)))}), r"curves\['a'\]: values \(0, 5\)"),
        (
            learning_curves,
            learning(curves={"a": (STEPS, np.ones((2, 4)))}),
            r"steps \(5,\), expected \(4,\) or \(2, 4\)",
        ),
        (learning_curves, learning(curves={"a": (np.ones((3, 5)), np.ones((2, 5)))}), r"steps \(3, 5\), expected"),
        (
            learning_curves,
            learning(curves={"a": (STEPS[::-1], np.ones((2, 5)))}),
            r"curves\['a'\]: steps are .* not in",
        ),
        (learning_curves, learning(curves={"a": (STEPS, np.full((2, 5), np.nan))}), r"curves\['a'\]: nothing"),
        (score_by_length, lengths(curves={}), "curves: empty"),
        (score_by_length, lengths(edges=[1]), r"edges: \[1\], expected two or more"),
        (score_by_length, lengths(edges=[1, 9, 9, 12, 15]), "edges: .* in ascending order"),
        (score_by_length, lengths(counts=[1] * 5), r"counts: shape \(5,\), expected \(4,\)"),
        (score_by_length, lengths(curves={"a": np.ones((2, 5))}), r"curves\['a'\]: \(2, 5\), expected \[runs, 4\]"),
        (score_by_length, lengths(curves={"a": np.ones((0, 4))}), r"curves\['a'\]: \(0, 4\)"),
        (score_by_length, lengths(curves={"a": np.full((2, 4), np.nan)}), r"curves\['a'\]: nothing"),
        (alignment, attention(src=[]), "src: empty"),
        (alignment, attention(trg=[]), "trg: empty"),
        (alignment, attention(trg=["a"] * 4), r"weights: shape \(3, 4\), expected \(4, 4\)"),
        (alignment, attention(weights=np.full((3, 4), 1.1)), "weights: some are NaN or not from 0 to 1"),
        (alignment, attention(weights=np.full((3, 4), np.nan)), "weights: some are NaN"),
        (sensor_heatmap, heatmap(times=MINUTES[::-1]), "times: some are NaT or not in ascending order"),
        (
            sensor_heatmap,
            heatmap(times=np.append(MINUTES[:-1], MINUTES[-1] + np.timedelta64(300, "s"))),
            "times: steps of 300 seconds to 600 seconds, expected equal ones",
        ),
        (sensor_heatmap, heatmap(times=MINUTES[:1]), "times: one and so no step"),
        (sensor_heatmap, heatmap(sensors=[]), "sensors: empty"),
        (sensor_heatmap, heatmap(sensors=["a"] * 4), r"observed: shape \(24, 3\), expected \(24, 4\) as times and"),
        (sensor_heatmap, heatmap(forecast=np.ones((3, 24))), r"forecast: shape \(3, 24\), expected \(24, 3\)"),
        (sensor_heatmap, heatmap(observed=np.full((24, 3), np.nan)), "observed: nothing but NaN"),
    ],
)
def test_wrong_arguments_are_named(write, arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "a.png", **arguments)
    assert not list(tmp_path.iterdir())
