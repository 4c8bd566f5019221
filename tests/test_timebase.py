"""Regular times: indices and texts against Python's calendar, and grids recognised from stamps with gaps."""

import calendar
import datetime
from collections import Counter

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from lstm_gru.data import timebase as module
from lstm_gru.data.timebase import TimeBase, infer_base, parse_frequency, regularity
from lstm_gru.errors import InputError

many = hypothesis.settings(max_examples=200, deadline=None, derandomize=True)


def seconds(step, start="2019-12-30T00:00:00", zone=""):
    return TimeBase(np.datetime64(start, "s"), np.timedelta64(step, "s"), zone)


def months(step, start="2019-11", **day):
    return TimeBase(np.datetime64(start, "M"), np.timedelta64(step, "M"), **day)


def stamps(*texts):
    return np.array(texts, "datetime64[s]")


def infer(*texts, **options):
    return infer_base(stamps(*texts), "row {}".format, **options)


def test_times_are_those_of_python_at_a_fixed_distance():
    base = seconds(5400)
    for index in (0, 1, 16, 62, 5000, -3):
        expected = datetime.datetime(2019, 12, 30) + index * datetime.timedelta(minutes=90)
        assert base.time(index).astype(object) == expected
        assert base.index(expected.isoformat()) == base.index(np.datetime64(expected)) == index
        assert base.index(base.text(index)) == index
    assert base.time(np.arange(3)).tolist() == [base.time(k).astype(object) for k in range(3)]
    assert base.time(0).dtype == "datetime64[s]"


@pytest.mark.parametrize("day", [1, 15, 29, 30, 31])
@pytest.mark.parametrize("step", [1, 3, 12])
def test_months_have_their_day_or_their_last(step, day):
    base = months(step, day=day)
    for index in (0, 1, 3, 4, 7, 51, -11):
        year, month = divmod(2019 * 12 + 10 + index * step, 12)
        date = datetime.date(year, month + 1, min(day, calendar.monthrange(year, month + 1)[1]))
        assert base.text(index) == str(date)
        assert base.time(index) == np.datetime64(date, "s")
        assert base.index(str(date)) == base.index(str(date)[:7]) == base.index(np.datetime64(date, "M")) == index


def test_months_keep_their_time_of_day():
    base = months(1, day=15, clock=np.timedelta64(43_200, "s"))
    assert base.text(2) == "2020-01-15T12:00:00"
    assert base.index("2020-01-15T12:00") == 2
    with pytest.raises(InputError, match=r"^2020-01-15 is not a time of the series"):
        base.index("2020-01-15")


@pytest.mark.parametrize(
    ("base", "index", "text"),
    [
        (seconds(86_400), 2, "2020-01-01"),
        (seconds(7 * 86_400, zone="+01:00"), 1, "2020-01-06+01:00"),
        (seconds(86_400, "2019-12-30T12:00:00"), 2, "2020-01-01T12:00:00"),
        (seconds(3600), 48, "2020-01-01T00:00:00"),
        (seconds(300, zone="Z"), 1, "2019-12-30T00:05:00Z"),
        (seconds(86_401), 0, "2019-12-30T00:00:00"),
        (months(1, zone=" UTC"), 1, "2019-12-01 UTC"),
    ],
)
def test_texts_are_dates_where_all_times_are_midnights(base, index, text):
    assert base.text(index) == text
    assert base.index(text) == index


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2020-01-01T00:30", "2020-01-01T00:30 is not a time of the series, which is hourly from 2019-12-30T00:00:00"),
        ("2020-02-30", "2020-02-30 is not a date or time; expected one such as 2019-12-30T00:00:00"),
        ("today", "today is not a date or time; expected one such as"),
        ("", " is not a date or time; expected"),
        ("2020-01-01T00:00Z", "2020-01-01T00:00Z is not a date or time"),  # The series has no zone.
        (np.datetime64("2020-01-01T00:00:01"), "2020-01-01T00:00:01 is not a time of the series"),
        (np.datetime64("NaT", "s"), "NaT is not a date or time"),
    ],
)
def test_what_is_not_on_the_grid_has_no_index(time, message):
    with pytest.raises(InputError, match=f"^{message}"):
        seconds(3600).index(time)


def test_a_month_or_a_day_that_the_grid_leaves_out_has_no_index():
    assert months(3).index("2020-02") == 1
    for time in ("2020-01", "2020-02-02", np.datetime64("2020-03", "M")):
        with pytest.raises(InputError, match=r"is not a time of the series, which is quarterly from 2019-11-01$"):
            months(3).index(time)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (1, "every second"),
        (30, "every 30 seconds"),
        (60, "every minute"),
        (90, "every 90 seconds"),
        (300, "every 5 minutes"),
        (3600, "hourly"),
        (5400, "every 90 minutes"),
        (21_600, "every 6 hours"),
        (86_400, "daily"),
        (864_000, "every 10 days"),
        (604_800, "weekly"),
        (1_209_600, "every 2 weeks"),
    ],
)
def test_a_fixed_step_in_words(step, words):
    assert seconds(step).describe() == str(seconds(step)) == words


def test_months_in_words():
    words = {1: "monthly", 2: "every 2 months", 3: "quarterly", 6: "every 6 months", 12: "yearly", 24: "every 2 years"}
    assert {step: str(months(step)) for step in words} == words


def test_bases_are_equal_when_all_their_fields_are():
    same = [seconds(60), seconds(60), seconds(60, zone="Z"), seconds(61), months(1, "2019-12"), months(2, "2019-12")]
    assert [base == same[0] for base in same] == [True, True, False, False, False, False]
    assert months(1) != seconds(60, "2019-11-01")  # The starts are equal, the steps cannot be compared.
    assert len({*same}) == 5
    assert seconds(60) != "every minute"


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("5min", (300, "s")),
        ("15 min", (900, "s")),
        ("s", (1, "s")),
        ("30s", (30, "s")),
        ("h", (3600, "s")),
        ("1h", (3600, "s")),
        (" 6H ", (21_600, "s")),
        ("D", (86_400, "s")),
        ("2d", (172_800, "s")),
        ("W", (604_800, "s")),
        ("M", (1, "M")),
        ("MS", (1, "M")),
        ("3M", (3, "M")),
        ("012M", (12, "M")),
    ],
)
def test_frequencies(text, step):
    parsed = parse_frequency(text)
    assert (int(parsed.astype(int)), np.datetime_data(parsed.dtype)[0]) == step


@pytest.mark.parametrize(
    "text", ["", "5", "m", "ms", "0h", "00min", "-1h", "1.5h", "5 minutes!", "1234567s", "h1", "²h"]
)
def test_what_is_no_frequency_is_refused_with_the_forms(text):
    with pytest.raises(InputError, match=r"^--freq = .*; expected a number and a unit: s, min, h, D .*, such as 5min"):
        parse_frequency(text)


@many
@hypothesis.given(
    st.sampled_from([seconds(1), seconds(300, "2020-02-28T23:58:30", "Z"), seconds(86_400), seconds(7 * 86_400)])
    | st.builds(months, st.sampled_from([1, 3, 12]), day=st.integers(1, 31)),
    st.lists(st.sampled_from([1, 1, 1, 2, 5]), min_size=4, max_size=40),
)
def test_a_grid_with_gaps_is_recognised(base, steps):
    """From the stamps alone, where single steps outnumber the others."""
    hypothesis.assume(Counter(steps).most_common(1)[0][0] == 1)
    rows = np.cumsum([0, *steps])
    dates = base.time(rows).astype("datetime64[D]")
    all_last = ((dates + np.timedelta64(1, "D")).astype("datetime64[M]") > dates.astype("datetime64[M]")).all()
    hypothesis.assume(base.day == 31 or not all_last)  # As every year in November, on the 30th.
    found = infer_base(base.time(rows), str, zone=base.zone)
    np.testing.assert_array_equal(found.time(np.arange(rows[-1])), base.time(np.arange(rows[-1])))
    assert (found.start, str(found), found.zone) == (base.start, str(base), base.zone)


@pytest.mark.parametrize(
    ("texts", "words", "following"),
    [
        (("2020-01-01", "2020-02-01", "2020-03-01"), "monthly", "2020-04-01"),
        (("2020-01-31", "2020-02-29", "2020-03-31"), "monthly", "2020-04-30"),
        (("2020-06-30", "2020-09-30"), "quarterly", "2020-12-31"),  # The last days, not the 30th.
        (("2020-01-30", "2020-02-29", "2020-03-30"), "monthly", "2020-04-30"),
        (("2020-12-30", "2021-01-30", "2021-03-30"), "monthly", "2021-04-30"),
        (("2020-01-15T06:00", "2020-02-15T06:00", "2020-03-15T06:00"), "monthly", "2020-04-15T06:00:00"),
        (("2018-07-01", "2019-07-01", "2020-07-01"), "yearly", "2021-07-01"),
        (("2019-12-31", "2020-12-31"), "yearly", "2021-12-31"),
        (("2020-01-01", "2020-01-29", "2020-02-26"), "every 4 weeks", "2020-03-25"),
        (("2020-01-01T00:00", "2020-02-01T06:00"), "every 750 hours", "2020-03-03T12:00:00"),
        (("2020-01-31", "2020-03-01", "2020-03-31"), "every 30 days", "2020-04-30"),
        (("2020-01-01", "2020-01-02"), "daily", "2020-01-03"),
        (("2020-01-01T00:00", "2020-01-01T01:00", "2020-01-01T03:00"), "hourly", "2020-01-01T04:00:00"),
        (("2020-01-01T00:00", "2020-01-01T03:00", "2020-01-01T04:00"), "hourly", "2020-01-01T05:00:00"),  # A tie.
    ],
)
def test_steps_are_months_where_these_fit(texts, words, following):
    base = infer(*texts)
    assert str(base) == words
    assert base.text(base.index(texts[-1]) + 1) == following


def test_the_shortest_of_the_most_common_steps_is_taken():
    hours = np.cumsum([0, 6, 6, 2, 2, 4, 6, 2])
    base = infer_base(stamps("2020-01-01") + hours * np.timedelta64(3600, "s"), str)
    assert str(base) == "every 2 hours"


def test_a_row_off_the_grid_is_named(monkeypatch):
    times = ("2020-01-01T00:00", "2020-01-01T02:00", "2020-01-01T04:00", "2020-01-01T05:00", "2020-01-01T07:00")
    message = (
        r"^row 3: 2020-01-01T05:00:00Z is off the grid, which is every 2 hours from 2020-01-01T00:00:00Z; "
        r"a finer step, given by --freq, may hold all rows$"
    )
    for block in (1, 2, 3, 100):
        monkeypatch.setattr(module, "BLOCK", block)
        with pytest.raises(InputError, match=message):
            infer(*times, zone="Z")
        assert str(infer(*times, frequency=parse_frequency("1h"))) == "hourly"


def test_a_given_frequency_is_taken_as_it_is():
    monthly = ("2020-01-01", "2020-02-01", "2020-03-01")
    assert str(infer(*monthly, frequency=parse_frequency("D"))) == "daily"
    assert str(infer("2020-01-31", "2020-03-31", frequency=parse_frequency("M"))) == "monthly"
    assert infer("2020-01-31", "2020-03-31", frequency=parse_frequency("M")).text(1) == "2020-02-29"
    with pytest.raises(InputError, match=r"^row 1: 2020-02-01T00:00:00 is off the grid, which is quarterly from"):
        infer(*monthly, frequency=parse_frequency("3M"))
    with pytest.raises(
        InputError, match=r"^row 1: 2020-01-02T00:00:00 is off the grid, which is monthly from 2020-01-01;"
    ):
        infer("2020-01-01", "2020-01-02", "2020-02-01", frequency=parse_frequency("M"))
    with pytest.raises(
        InputError, match=r"^row 2: 2020-02-16T06:00:00 is off the grid, which is monthly from 2020-01-15T06"
    ):
        infer("2020-01-15T06:00", "2020-02-15T06:00", "2020-02-16T06:00", frequency=parse_frequency("M"))


def test_a_single_row_has_no_step():
    for frequency in (None, parse_frequency("D")):
        with pytest.raises(InputError, match=r"^row 0: this is the only row; expected at least two"):
            infer("2020-01-01", frequency=frequency)


def test_a_grid_too_long_to_hold_is_refused_with_its_widest_gap(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 1000)
    message = (
        r"^row 2: from 2020-01-01T00:01:00 to 2020-01-01T16:40:00 there is a gap that makes 1,001 rows, every minute; "
        r"expected at most 1,000, "
    )
    times = ["2020-01-01T00:00", "2020-01-01T00:01", "2020-01-01T16:39", "2020-01-01T16:40"]
    assert infer(*times[:3]).index("2020-01-01T16:39") == 999
    with pytest.raises(InputError, match=message):
        infer(*times[:2], times[3])


def test_regularity_is_the_share_of_the_most_common_step():
    assert regularity(stamps("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-05")) == 2 / 3
    assert regularity(stamps("2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01")) == 1
    assert regularity(stamps("2020-01-01", "2020-01-02", "2020-01-02")) == 0
    assert regularity(stamps("2020-01-01", "2020-01-02", "2020-01-01")) == 0
    assert regularity(stamps("2020-01-01")) == 1
