"""Calendar features: against Python's own calendar, and which calendars a series can tell something about."""

import datetime
import math

import numpy as np
import pytest

from lstm_gru.data.calendar import calendar_features, fitting_calendars

TIMES = np.array(["2023-12-31T23:00:00", "2024-02-29T06:30:00", "1969-07-20T20:17:40"], "datetime64[s]")
MOMENTS = [time.item() for time in TIMES]


def test_weekday_and_month_are_those_of_pythons_calendar():
    assert calendar_features(TIMES, ("week",)).argmax(axis=-1).tolist() == [moment.weekday() for moment in MOMENTS]
    assert calendar_features(TIMES, ("months",)).argmax(axis=-1).tolist() == [moment.month - 1 for moment in MOMENTS]
    for name in ("week", "months"):
        assert (calendar_features(TIMES, (name,)).sum(axis=-1) == 1).all()


def test_time_of_day_and_of_year_are_angles_in_harmonics():
    for moment, day, year in zip(
        MOMENTS, calendar_features(TIMES, ("day",)), calendar_features(TIMES, ("year",)), strict=True
    ):
        midnight = moment.replace(hour=0, minute=0, second=0)
        share_of_day = (moment - midnight) / datetime.timedelta(days=1)
        share_of_year = (midnight - midnight.replace(month=1, day=1)).days / 365.25
        for features, share, count in ((day, share_of_day, 4), (year, share_of_year, 3)):
            angles = [2 * math.pi * share * k for k in range(1, count + 1)]
            expected = [*map(math.sin, angles), *map(math.cos, angles)]
            np.testing.assert_allclose(features, expected, atol=1e-12)


def test_features_stand_side_by_side_for_times_of_any_shape():
    features = calendar_features(TIMES[:2].reshape(1, 2), ("week", "day"))
    assert features.shape == (1, 2, 15)
    np.testing.assert_array_equal(features[0, :, :7], calendar_features(TIMES[:2], ("week",)))
    assert calendar_features(TIMES, ()).shape == (3, 0)


@pytest.mark.parametrize(
    ("step", "steps", "expected"),
    [
        (np.timedelta64(300, "s"), 575, ()),
        (np.timedelta64(300, "s"), 576, ("day",)),
        (np.timedelta64(3600, "s"), 24 * 14, ("day", "week")),
        (np.timedelta64(86_400, "s"), 13, ()),
        (np.timedelta64(86_400, "s"), 800, ("week", "year")),
        (np.timedelta64(7 * 86_400, "s"), 110, ("year",)),
        (np.timedelta64(1, "M"), 23, ()),
        (np.timedelta64(1, "M"), 24, ("months",)),
        (np.timedelta64(3, "M"), 8, ("months",)),
        (np.timedelta64(12, "M"), 100, ()),
    ],
)
def test_a_calendar_fits_when_its_period_was_seen_twice(step, steps, expected):
    assert fitting_calendars(step, steps) == expected
