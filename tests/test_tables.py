"""Series from CSV files: every way to write one gives the same series, and what is wrong is named with its line."""

import csv
import gzip
import hashlib
import io
import tracemalloc

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from lstm_gru.data import columns, timebase
from lstm_gru.data.columns import LineNumbers, read_columns
from lstm_gru.data.tables import read_series
from lstm_gru.data.timebase import TimeBase, parse_frequency
from lstm_gru.errors import InputError

DAYS = "ts,y\n2020-01-01,1\n2020-01-02,2\n"
many = hypothesis.settings(max_examples=100, deadline=None, derandomize=True)


def put(folder, content, name="a.csv"):
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def read(folder, content, *names, **options):
    return read_series(put(folder, content), time_column="ts", value_columns=names or ("y",), **options)


def test_a_series_has_the_grid_the_values_and_the_source_of_its_file(tmp_path):
    text = "ts,note,y,z\n2020-02-27,a,1.5,-1e3\n2020-02-28,b,,2\n2020-03-01,c,-2, 3 \n 2020-03-04 ,d, .5 ,4.\n"
    series = read(tmp_path, text, "z", "y")
    assert series.names == ("z", "y")
    assert (series.base.text(0), str(series.base), len(series)) == ("2020-02-27", "daily", 7)
    nan = np.nan
    np.testing.assert_array_equal(
        series.values.T, [[-1000, 2, nan, 3, nan, nan, 4], [1.5, nan, nan, -2, nan, nan, 0.5]]
    )
    assert series.values.dtype == np.float64
    assert series.source == {"file": "a.csv", "sha256": hashlib.sha256(text.encode()).hexdigest()}
    assert series.label == "z, y"
    np.testing.assert_array_equal(read(tmp_path, text, "y").values, series.values[:, 1:])


@pytest.mark.parametrize("cell", ["", " ", "NA", "na", "NaN", "nan", "null", "NULL", "None", "-", " - ", '"NA"', '""'])
def test_cells_without_a_number_are_nan(tmp_path, cell):
    series = read(tmp_path, f"ts,y\n2020-01-01,1\n2020-01-02,{cell}\n2020-01-03,3\n")
    np.testing.assert_array_equal(series.values[:, 0], [1, np.nan, 3])


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + DAYS,
        DAYS.replace("\n", "\r\n"),
        DAYS.replace("\n", "\r"),
        DAYS.rstrip("\n"),
        "\n \n" + DAYS.replace("\n", "\n\n"),
        DAYS + ",\n , \n\t\n\n",
        DAYS.replace(",", ";"),
        DAYS.replace(",", "\t"),
        DAYS.replace("ts,y", ' "ts", "y"'),
        '"ts";"a,b,c,d";"y"\n2020-01-01;;1\n2020-01-02;;2\n',
        'ts;"y, or z; or both";y\n2020-01-01;1,5;1,0\n2020-01-02;;2,0\n',
        'ts,"a;b;c;d",y\n2020-01-01,é,1\n2020-01-02,\u2028,2\n',
        'ts,"two\nlines",y\n2020-01-01,"x ""y"" \n\n",1\n2020-01-02,,2\n',
    ],
)
def test_the_same_series_however_it_is_written(tmp_path, text):
    series = read(tmp_path, text)
    np.testing.assert_array_equal(series.values, [[1.0], [2.0]])
    assert [series.base.text(0), series.base.text(1)] == ["2020-01-01", "2020-01-02"]


def test_gzip_is_recognised_by_suffix_or_content_and_hashed_as_it_is_stored(tmp_path):
    packed = gzip.compress(DAYS.encode())
    for name in ("a.csv.gz", "a.csv"):
        path = tmp_path / name
        path.write_bytes(packed)
        series = read_series(path, time_column="ts", value_columns=["y"])
        np.testing.assert_array_equal(series.values, [[1.0], [2.0]])
        assert series.source == {"file": name, "sha256": hashlib.sha256(packed).hexdigest()}


def test_semicolons_allow_a_decimal_comma_and_nothing_else_does(tmp_path):
    for text in ("ts;y\n2020-01-01;-1,5\n2020-01-02;2,25\n", "ts;y\n2020-01-01;-1.5\n2020-01-02;2.25\n"):
        np.testing.assert_array_equal(read(tmp_path, text).values, [[-1.5], [2.25]])
    with pytest.raises(InputError, match=r"line 3, column 'y': '1.234', after '950,5'; expected a decimal comma or a"):
        read(tmp_path, "ts;y\n2020-01-01;950,5\n2020-01-02;1.234\n")  # Thousands: neither reading is safe.
    for text in ('ts,y\n2020-01-01,"1,5"\n2020-01-02,2\n', "ts\ty\n2020-01-01\t1,5\n", "ts;y\n2020-01-01;1.234,5\n"):
        with pytest.raises(InputError, match=r"line 2, column 'y': '(1,5|1.234,5)' is not a finite number"):
            read(tmp_path, text)


def test_times_keep_the_zone_of_the_file(tmp_path):
    series = read(tmp_path, "ts,y\n2020-01-01T00:00+01:00,1\n2020-01-01T00:05+01:00,2\n2020-01-01T00:15+01:00,4\n")
    assert (str(series.base), series.base.zone, series.base.text(3)) == (
        "every 5 minutes",
        "+01:00",
        "2020-01-01T00:15:00+01:00",
    )
    np.testing.assert_array_equal(series.values[:, 0], [1, 2, np.nan, 4])


def test_local_time_in_spring_has_a_missing_hour(tmp_path):
    hours = ["00:00", "01:00", "03:00", "04:00"]
    series = read(tmp_path, "ts,y\n" + "".join(f"2020-03-29 {hour},1\n" for hour in hours))
    np.testing.assert_array_equal(series.values[:, 0], [1, 1, np.nan, 1, 1])


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (60, "line 5, column 'ts': '2020-10-25 02:00' is the same time as '2020-10-25 02:00' in line 4; expected"),
        (30, "line 8, column 'ts': '2020-10-25 02:00' comes before '2020-10-25 02:30' in line 7; expected ascending"),
    ],
)
def test_local_time_in_autumn_is_refused_with_both_lines(tmp_path, minutes, message):
    clocks = [hour * 60 + minute for hour in (0, 1, 2, 2, 3) for minute in range(0, 60, minutes)]
    rows = "".join(f"2020-10-25 {clock // 60:02}:{clock % 60:02},1\n" for clock in clocks)
    with pytest.raises(InputError, match=message + r".*\(UTC where local clocks are put back in autumn\)$"):
        read(tmp_path, "ts,y\n" + rows)


BAD = [
    ("", "^{}: empty; expected a header line and rows below it$"),
    ("\n \n", "^{}: empty; expected"),
    ("ts,y\n", "^{}: no rows below the header; expected at least two$"),
    ("ts,y\n\n,\n", "^{}: no rows below the header"),
    ("ts,y\n2020-01-01,1\n", "^{}: line 2, column 'ts': this is the only row; expected at least two"),
    ("ds,y\n2020-01-01,1\n", "^{}: no column 'ts'; there are ds, y$"),
    ("ts;v\n2020-01-01;1\n", "^{}: no column 'y'; there are ts, v$"),
    ("ds;v\n2020-01-01;1\n", "^{}: no column 'ts'; there are ds, v$"),
    (
        "[" + "x" * 200_000 + "]",
        "^{}: line 1: the row that begins here cannot be divided into cells .field larger than",
    ),
    ('\n\n"ts" x,y\n2020-01-01,1\n', "^{}: line 3: the row that begins here cannot be divided into cells"),
    ("ts|y\n2020-01-01|1\n", r"^{}: no column 'ts'; there are ts\|y$"),
    ("ts,y,y\n2020-01-01,1,2\n", "^{}: column 'y' is in the header 2 times; expected it once$"),
    ("ts,y\n2020-01-01,1\n\n2020-01-02\n", "^{}: line 4 has 1 cells; expected 2, as the header has$"),
    ("ts,y\n2020-01-01,1,\n", "^{}: line 2 has 3 cells; expected 2"),
    (DAYS + "01.02.2020,2\n", "^{}: line 4, column 'ts': '01.02.2020' is not a date or time of the form YYYY-MM-DD;"),
    (DAYS + ",2\n", "^{}: line 4, column 'ts': '' is not a date or time of the form"),
    ("ts,y\ntoday,1\n", "^{}: line 2, column 'ts': 'today' is not a date or time that is recognised; expected one"),
    ("ts,y\n03/04/2020,1\n03/05/2020,2\n", "^{}: line 2, column 'ts': '03/04/2020' may be 2020-03-04.* or 2020-04-03"),
    (DAYS + "2020-01-03,many\n", "^{}: line 4, column 'y': 'many' is not a finite number; expected one such as -3.14"),
    (DAYS + "2020-01-03,inf\n", "^{}: line 4, column 'y': 'inf' is not a finite number"),
    (DAYS + "2020-01-03,-1e999\n", "^{}: line 4, column 'y': '-1e999' is not a finite number"),
    (DAYS + "2020-01-03,1_000\n", "^{}: line 4, column 'y': '1_000' is not a finite number"),
    (DAYS + "2020-01-03,5%\n", "^{}: line 4, column 'y': '5%' is not a finite number"),
    (DAYS + "2020-01-02,3\n", "^{}: line 4, column 'ts': '2020-01-02' is the same time as '2020-01-02' in line 3;"),
    (DAYS + "\n2019-01-01,3\n", "^{}: line 5, column 'ts': '2019-01-01' comes before '2020-01-02' in line 3; expected"),
    (
        "ts,y\n2020-01-01T00:00+01:00,1\n2020-01-01T01:00+02:00,1\n",
        r"^{}: line 3, column 'ts': '2020-01-01T01:00\+02:00' has time zone \+02:00, and line 2 has \+01:00; expected",
    ),
    (
        "ts,y\n2020-01-01,1\n2020-01-02Z,1\n",
        "^{}: line 3.* has time zone Z, and line 2 has none; expected all in one zone",
    ),
    (DAYS + "2020-01-03,1\n2020-01-04T12:00,1\n", "^{}: line 5, column 'ts': 2020-01-04T12:00:00 is off the grid, "),
    ('ts,n,y\n2020-01-01,"\n\n",1\n\n2020-01-02,"\n",x\n', "^{}: line 6, column 'y': 'x' is not"),  # Where it begins.
    ('ts,"n\n",y\n2020-01-01,a,x\n', "^{}: line 3, column 'y': 'x' is not"),
    ('\n\nts,"n\n",y\n2020-01-01,a,x\n', "^{}: line 5, column 'y': 'x' is not"),
    (
        'ts,y\n2020-01-01,1\n2020-01-02,"2\n',
        r"^{}: line 3: the row that begins here cannot be divided .*unexpected end",
    ),
    ('ts,y\n2020-01-01,"1" 2\n', "^{}: line 2: the row that begins here cannot be divided into cells"),
    (DAYS.encode() + b"2020-01-03,\xff\n", "^{}: line 4: byte 0xff is not UTF-8 here; expected UTF-8 text$"),
    (b"ts,y,\xe4\n2020-01-03,1\n", "^{}: line 1: byte 0xe4 is not UTF-8 here"),
    (DAYS.encode("utf-16"), "^{}: line 1: byte 0xff is not UTF-8"),
    (
        DAYS + "2020-01-02T00:00:01,1\n2020-01-02T00:00:02,1\n2029-01-01,1\n",
        "^{}: line 6, column 'ts': from 2020-01-02T00:00:02 to 2029-01-01T00:00:00 there is a gap that makes 284,",
    ),
    ('ts,"two\n\nlines"\n2020-01-01,1\n', "^{}: no column 'y'; there are ts, two lines$"),
]


@pytest.mark.parametrize("chunk", [1, 4, 1 << 14])
@pytest.mark.parametrize(("content", "message"), BAD, ids=lambda value: "" if isinstance(value, bytes) else value[:40])
def test_what_is_wrong_is_named_with_its_line(tmp_path, monkeypatch, content, message, chunk):
    monkeypatch.setattr(columns, "CHUNK_CELLS", chunk)
    with pytest.raises(InputError, match=message.format(tmp_path / "a.csv")) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


def test_columns_are_asked_for_once_and_values_at_all(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: column 'y' is asked for twice; expected a column for each purpose$"):
        read(tmp_path, DAYS, "y", "y")
    with pytest.raises(InputError, match=r"a\.csv: column 'ts' is asked for twice"):
        read(tmp_path, DAYS, "ts")
    with pytest.raises(InputError, match=r"a\.csv: no column of values is asked for"):
        read_series(put(tmp_path, DAYS), time_column="ts", value_columns=[])


def test_a_column_is_named_with_single_spaces(tmp_path):
    series = read(tmp_path, 'ts," y \n in  m "\n2020-01-01,1\n2020-01-02,2\n', "y in m")
    np.testing.assert_array_equal(series.values, [[1.0], [2.0]])


def test_a_file_that_cannot_be_read_or_unpacked_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"/none\.csv: cannot be read \(No such file or directory\); expected a CSV file"
    ):
        read_series(tmp_path / "none.csv", time_column="ts", value_columns=["y"])
    with pytest.raises(InputError, match=r": cannot be read \(Is a directory\); expected"):
        read_series(str(tmp_path), time_column="ts", value_columns=["y"])
    whole = gzip.compress(
        (DAYS + "".join(f"2021-{m:02}-{d:02},{m}\n" for m in range(1, 13) for d in range(1, 29))).encode()
    )
    other_checksum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    for content in (DAYS.encode(), whole[:-9], whole[:40], other_checksum, whole[:10] + b"\xff" * 20, whole + b"more"):
        path = tmp_path / "bad.csv.gz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"/bad\.csv\.gz: not a whole gzip file \(.+\)$"):
            read_series(path, time_column="ts", value_columns=["y"])


def test_a_stream_that_breaks_off_is_named():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match=r"^a: cannot be read \(Input/output error\)$"):
        read_columns(io.BufferedReader(Broken()), "a", time_column="ts", value_columns=["y"])


def test_date_format_and_frequency_decide(tmp_path):
    text = "ts,y\n03/04/2020,1\n03/05/2020,2\n"
    assert read(tmp_path, text, date_format="%m/%d/%Y").base.text(1) == "2020-03-05"
    assert read(tmp_path, text, date_format="%d/%m/%Y").base.text(1) == "2020-05-03"
    series = read(tmp_path, text, date_format="%d/%m/%Y", frequency=parse_frequency("D"))
    assert (str(series.base), len(series), np.isnan(series.values).sum()) == ("daily", 31, 29)
    assert series.values[30] == 2


def test_progress_counts_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "CHUNK_CELLS", 6)
    seen = []
    read(tmp_path, "ts,y\n" + "".join(f"2020-01-{day:02},1\n" for day in range(1, 9)), progress=seen.append)
    assert seen == [3, 6, 8]


@many
@hypothesis.given(st.lists(st.lists(st.integers(1, 4)), max_size=6))
def test_line_numbers_are_kept_over_chunks(steps):
    lines, expected, line = LineNumbers(), [], 1
    for chunk in steps:
        chunk_lines = [line := line + step for step in chunk]
        lines.append(chunk_lines)
        expected += chunk_lines
    assert [lines[row] for row in range(len(expected))] == expected


# How a time is written in each form, and the zone behind it.
WRITTEN = {
    "%Y-%m-%d": "",
    "%Y-%m-%dT%H:%M:%S": "",
    "%Y-%m-%d %H:%M:%S.000": "Z",
    "%Y-%m-%dT%H:%M": "-03:30",
    "%m/%d/%Y": "",
    "%m/%d/%Y %I:%M:%S %p": "",
    "%d/%m/%Y %H:%M": "",
    "%d.%m.%Y": "",
    "%d.%m.%Y %H:%M:%S": "",
    "%Y/%m/%d %I:%M%p": "",
    "%Y-%m": "",
    "%s": "Z",
}


@st.composite
def tables(draw):
    """A base, its values with gaps, and the text of a file that has them."""
    form, zone = draw(st.sampled_from([*WRITTEN.items()]))
    month = np.datetime64("2019-11") + np.timedelta64(draw(st.integers(0, 50)), "M")
    if form == "%Y-%m":
        base = TimeBase(month, np.timedelta64(draw(st.sampled_from([1, 3])), "M"))
    else:
        steps = [86_400, 7 * 86_400, *([60, 300, 5400] if "%M" in form or form == "%s" else [])]
        step = np.timedelta64(draw(st.sampled_from(steps)), "s")
        thirteenth = month.astype("datetime64[D]") + np.timedelta64(12, "D")  # Which is not a month.
        start = thirteenth.astype("datetime64[s]")
        base = TimeBase(start, step, zone)
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    values = random.normal(size=(25, 2)) * 10.0 ** random.integers(-9, 9, size=(25, 2))
    values[random.random(values.shape) < 0.2] = np.nan
    values[[3, 4, 11, 17]] = np.nan
    rows = [row for row in range(25) if row not in (4, 11, 17)]
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=draw(st.sampled_from(",;\t")), lineterminator=draw(st.sampled_from(["\n", "\r\n"]))
    )
    writer.writerow(["y", "note", "ts", "z"])
    for row in rows:
        time = base.time(row)
        stamp = str(time.astype(int)) if form == "%s" else time.astype(object).strftime(form) + zone
        cells = ["" if np.isnan(value) else repr(float(value)) for value in values[row]]
        writer.writerow([cells[0], ["", "a;b,c", 'x\ny"'][row % 3], stamp, cells[1]])
    return base, values, file.getvalue()


@many
@hypothesis.given(tables(), st.booleans(), st.sampled_from([9, 60, 1 << 14]), st.sampled_from([7, 1 << 16]))
def test_what_is_written_is_read(tmp_path_factory, table, packed, chunk, block):
    base, values, text = table
    path = put(tmp_path_factory.getbasetemp(), text, "a.csv.gz" if packed else "a.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "CHUNK_CELLS", chunk)
        patch.setattr(columns, "BLOCK", block)
        series = read_series(path, time_column="ts", value_columns=["y", "z"])
    assert series.base == base
    np.testing.assert_array_equal(series.values, values)


@pytest.mark.parametrize("gaps", [False, True])
def test_memory_is_sixteen_bytes_a_row_and_a_chunk(tmp_path, monkeypatch, gaps):
    """The peaks of a short and of a long file differ by what the rows need; their text is twice as much."""
    monkeypatch.setattr(columns, "CHUNK_CELLS", 1 << 10)
    for module in (columns, timebase):
        monkeypatch.setattr(module, "BLOCK", 1 << 10)
    peaks = []
    for rows in (5_000, 30_000):
        times = np.datetime64("2020-01-01T00:00:00") + np.arange(rows) * np.timedelta64(60, "s")
        if gaps:
            times = times[np.arange(rows) % 100 < 98]
        path = put(tmp_path, "ts,y\n" + "".join(f"{time},-1234.5678\n" for time in times))
        tracemalloc.start()
        series = read_series(path, time_column="ts", value_columns=["y"])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert np.isnan(series.values).sum() == len(series) - len(times)
    assert peaks[1] - peaks[0] < 1.15 * 16 * 25_000
