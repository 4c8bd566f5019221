"""Axes of time: how times are written, and that ticks are there, few, and apart."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lstm_gru.plots.style import empty_figure
from lstm_gru.plots.times import axis_label, date_ticks, require_times, written

SECONDS = np.datetime64("2012-02-28T23:50:00")


@pytest.mark.parametrize(
    ("times", "first", "label"),
    [
        (np.array(["1999", "2000"], "M8[Y]"), "1999", "date"),
        (np.array(["1999-12", "2000-01"], "M8[M]"), "1999-12", "date"),
        (np.array(["1999-12-30", "2000-01-06"], "M8[W]"), "1999-12-30", "date"),
        (np.array(["1999-12-30", "2000-01-06"], "M8[D]"), "1999-12-30", "date"),
        (np.array(["1999-12-30", "2000-01-06"], "M8[ns]"), "1999-12-30", "date"),
        (np.array(["1999-12-30T05", "1999-12-30T06"], "M8[h]"), "1999-12-30 05:00", "time on 1999-12-30"),
        (SECONDS + np.array([0, 600]), "2012-02-28 23:50", "time, 2012-02-28 to 2012-02-29"),
        (SECONDS + np.array([0, 20]), "2012-02-28 23:50:00", "time on 2012-02-28"),
        (SECONDS.astype("M8[ns]") + np.array([0, 20 * 10**9]), "2012-02-28 23:50:00", "time on 2012-02-28"),
        (SECONDS.astype("M8[ms]") + np.array([0, 20]), "2012-02-28 23:50:00.000", "time on 2012-02-28"),
    ],
)
def test_times_are_written_as_fine_as_needed(times, first, label):
    assert written(times[0], times) == first
    assert axis_label(times) == label


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.arange(3), r"when: int64 \(3,\), expected one axis of datetime64"),
        (np.full((2, 2), SECONDS), r"when: datetime64\[s\] \(2, 2\), expected one axis"),
        (SECONDS + np.array([], int), "when: empty"),
        (SECONDS + np.array([0, 0]), "when: some are NaT or not in ascending order"),
        (np.array(["NaT", "2012-01-01"], "M8[D]"), "when: some are NaT"),
        (np.array(["NaT"], "M8[D]"), "when: some are NaT"),
    ],
)
def test_what_is_no_axis_of_time_is_named(times, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        require_times("when", times)


SPANS = [f"{n}m" for n in (2, 7, 45, 70, 295, 600)] + [f"{n}D" for n in (1, 3, 5, 9, 21, 36, 70, 120, 200, 700, 4000)]


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("start", ["2012-02-20T03:07:40", "2015-12-27T00:00:00"])
def test_ticks_are_there_few_and_apart(start, span):
    start = np.datetime64(start)
    figure, axes = empty_figure("Title", ("time", "value"))
    axes.plot([start, start + np.timedelta64(int(span[:-1]), span[-1])], [0, 1])
    axes.margins(x=0)
    date_ticks(axes)
    FigureCanvasAgg.draw(figure.canvas)
    labels = [
        label for label in axes.get_xticklabels() if axes.get_xlim()[0] <= label.get_position()[0] <= axes.get_xlim()[1]
    ]
    assert 3 <= len(labels) <= 11
    assert all(label.get_text() for label in labels)
    boxes = [label.get_window_extent().expanded(1.1, 1) for label in labels]
    assert not any(box.count_overlaps(boxes) > 1 for box in boxes)
