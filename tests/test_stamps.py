"""Dates and times as files write them: what each form means, which one is taken, and errors that say where."""

import numpy as np
import pytest

from lstm_gru.data.stamps import FORMS, infer_form, read_stamps, strptime_form
from lstm_gru.errors import InputError

BY_NAME = {form.name: form for form in FORMS}
SPRING = "2024-03-05T00:00:00"


def place(row):
    return f"a.csv: line {row + 2}, column 'ts'"


@pytest.mark.parametrize(
    ("name", "text", "iso", "zone"),
    [
        ("YYYY-MM-DD", "2024-03-05", SPRING, ""),
        ("YYYY-MM-DD", "2024-3-5", SPRING, ""),
        ("YYYY-MM-DD", "2024-03-05T07:08", "2024-03-05T07:08:00", ""),
        ("YYYY-MM-DD", "2024-03-05 07:08:09", "2024-03-05T07:08:09", ""),
        ("YYYY-MM-DD", "2024-03-05 7:08:09.000", "2024-03-05T07:08:09", ""),
        ("YYYY-MM-DD", "2024-03-05T07:08:09Z", "2024-03-05T07:08:09", "Z"),
        ("YYYY-MM-DD", "2024-03-05 07:08:09.000000+01:00", "2024-03-05T07:08:09", "+01:00"),
        ("YYYY-MM-DD", "2024-03-05 07:08:09-0330", "2024-03-05T07:08:09", "-0330"),
        ("YYYY-MM-DD", "2024-03-05 07:08:09+00", "2024-03-05T07:08:09", "+00"),
        ("YYYY-MM-DD", "2024-03-05 07:08 UTC", "2024-03-05T07:08:00", " UTC"),
        ("YYYY-MM-DD", "2024-03-05+01:00", SPRING, "+01:00"),
        ("MM/DD/YYYY", "03/05/2024", SPRING, ""),
        ("MM/DD/YYYY", "3/5/2024 7:08 AM", "2024-03-05T07:08:00", ""),
        ("MM/DD/YYYY", "3/5/2024 07:08:09 pm", "2024-03-05T19:08:09", ""),
        ("MM/DD/YYYY", "3/5/2024  12:08PM", "2024-03-05T12:08:00", ""),
        ("MM/DD/YYYY", "3/5/2024 12:08 Am", "2024-03-05T00:08:00", ""),
        ("MM/DD/YYYY", "3/5/2024 11:59 Pm", "2024-03-05T23:59:00", ""),
        ("DD/MM/YYYY", "05/03/2024", SPRING, ""),
        ("DD/MM/YYYY", "05/03/2024 0:00", SPRING, ""),
        ("DD.MM.YYYY", "5.3.2024", SPRING, ""),
        ("DD.MM.YYYY", "05.03.2024 23:59:59", "2024-03-05T23:59:59", ""),
        ("YYYY/MM/DD", "2024/03/05", SPRING, ""),
        ("YYYY/MM/DD", "2024/03/05 1:00 PM", "2024-03-05T13:00:00", ""),
        ("YYYY-MM", "2024-03", "2024-03-01T00:00:00", ""),
        ("Unix seconds (ten digits)", "1709596800", SPRING, "Z"),
        ("Unix seconds (ten digits)", "1709622489", "2024-03-05T07:08:09", "Z"),
    ],
)
def test_each_form_is_read(name, text, iso, zone):
    times, zones = read_stamps(BY_NAME[name], [text, text], place)
    assert times.dtype == "datetime64[s]"
    assert [str(time) for time in times] == [iso] * 2
    assert list(zones) == [zone] * 2
    readable = [form.name for form in FORMS if not is_refused(form, text)]
    assert set(readable) == ({"MM/DD/YYYY", "DD/MM/YYYY"} if text.count("/") == 2 and name[0] != "Y" else {name})


def is_refused(form, text):
    try:
        read_stamps(form, [text], place)
    except InputError:
        return True
    return False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "24-03-05",
        "2024-03-05T24:00",
        "2024-03-05 07:60",
        "2024-03-05 07:08:60",
        "2024-03-05 07:08:09.5",
        "2024-03-05 07",
        "2024-03-05 07:08:09 CET",
        "2024-03-05 13:00 PM",
        "2024-03-05 0:00 AM",
        "2024-03-05 AM",
        "3/5/24",
        "13/13/2024",
        "5.3.24",
        "2024.03.05",
        "170959680",
        "1709596800000",
        "1709596800.5",
        "2024-03-05, noon",
        "now",
        "٢٠٢٤-03-05",
    ],
)
def test_what_no_form_reads_is_named_with_what_would_be_right(text):
    message = (
        r"^a.csv: line 2, column 'ts': '.*' is not a date or time that is recognised; expected one such as 2024-01"
    )
    with pytest.raises(InputError, match=message):
        infer_form([text], place)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("12/01/2024", "13/01/2024"), "DD/MM/YYYY"),
        (("01/12/2024", "01/13/2024"), "MM/DD/YYYY"),
        # Both readings exist; in one of them the steps are 1, 1 and 30, in the other months.
        (("11/01/2023", "12/01/2023", "01/01/2024", "02/01/2024"), "MM/DD/YYYY"),
        (("01/11/2023", "01/12/2023", "01/01/2024", "01/02/2024"), "DD/MM/YYYY"),
        (("1/2/2024 22:00", "1/2/2024 23:00", "1/3/2024 0:00", "1/3/2024 1:00"), "MM/DD/YYYY"),
        (("1/2/2024 22:00", "1/2/2024 23:00", "2/2/2024 0:00", "2/2/2024 1:00"), "DD/MM/YYYY"),
        (("1/2/2024 11:00 PM", "1/3/2024 12:00 AM", "1/3/2024 1:00 AM"), "MM/DD/YYYY"),
        (("2024-01-05", "2024-01-05 01:00", "2024-01-05 02:00"), "YYYY-MM-DD"),  # Midnight without its time, as of R.
        (("2024-01", "2024-02"), "YYYY-MM"),
        (("1709596800", "1709596801"), "Unix seconds (ten digits)"),
    ],
)
def test_the_form_with_the_most_regular_steps_is_taken(texts, name):
    assert infer_form(texts, place).name == name


@pytest.mark.parametrize(
    "texts",
    [
        ("03/04/2024", "03/05/2024", "03/06/2024"),  # Days or months.
        ("03/04/2024 10:00", "03/04/2024 11:00"),
        ("03/04/2024", "03/04/2024"),
        ("03/04/2024",),
    ],
)
def test_two_readings_that_are_equally_good_are_both_named(texts):
    message = (
        rf"^a.csv: line 2, column 'ts': '{texts[0]}' may be 2024-03-04T\S+ \(MM/DD/YYYY\) or 2024-04-03T\S+ "
        r"\(DD/MM/YYYY\), and the rows after it do not tell; --date-format decides, as a pattern of strptime, such as "
    )
    with pytest.raises(InputError, match=message):
        infer_form(texts, place)


@pytest.mark.parametrize("last", ["14/13/2024", "2024-01-14", "", "soon"])
def test_the_row_up_to_which_the_best_form_reaches_is_named(last):
    message = (
        rf"^a.csv: line 5, column 'ts': '{last}' is not a date or time of the form DD/MM/YYYY; expected it in every "
        r"row, in whole seconds$"
    )
    with pytest.raises(InputError, match=message):
        infer_form(["11/01/2024", "12/01/2024", "13/01/2024", last, "x"], place)
    with pytest.raises(InputError, match=message):
        read_stamps(BY_NAME["DD/MM/YYYY"], ["11/01/2024", "12/01/2024", "13/01/2024", last, "x"], place)


@pytest.mark.parametrize(
    ("pattern", "text", "iso", "zone"),
    [
        ("%d %b %Y", "5 Mar 2024", SPRING, ""),
        ("%m/%d/%y", "3/5/24", SPRING, ""),
        ("%Y%m%d%H", "2024030507", "2024-03-05T07:00:00", ""),
        ("%Y", "2024", "2024-01-01T00:00:00", ""),
        ("%Y-%m-%d %H:%M:%S.%f%z", "2024-03-05 07:08:09.0+0100", "2024-03-05T07:08:09", "+01:00"),
    ],
)
def test_a_pattern_of_strptime_is_read(pattern, text, iso, zone):
    times, zones = read_stamps(strptime_form(pattern), [text], place)
    assert (str(times[0]), zones[0]) == (iso, zone)
    assert np.isnat(times).sum() == 0


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("%d.%m.%Y", "2024-03-05"), ("%Q", "2024"), ("%Y %Y", "2024 2024"), ("%", "x"), ("%S.%f", "1.5")],
)
def test_what_a_pattern_does_not_fit_is_named_with_it(pattern, text):
    message = rf"^a.csv: line 2, column 'ts': '{text}' is not a date or time of the form --date-format '{pattern}'; "
    with pytest.raises(InputError, match=message):
        read_stamps(strptime_form(pattern), [text], place)
