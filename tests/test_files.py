"""JSON as it stands in files."""

import json

import pytest

from lstm_gru.errors import InputError
from lstm_gru.files import require_json, write_json


def test_a_list_of_numbers_is_one_line_and_nothing_else_changes(tmp_path):
    others = {
        "text": "[ 1,  2 ]",
        "lines": "[\n1,  2]",
        "words": ["a", 1],
        "truths": [True, 1],
        "nothing": [None, 1],
        "empty": [],
        "x": 1.5,
    }
    write_json(tmp_path / "others.json", others)
    assert (tmp_path / "others.json").read_text() == json.dumps(others, indent=2) + "\n"
    numbers = {"folds": {"a": [1.5, -2e-09, 3]}, "rows": [[1, 2], [3]]}
    write_json(tmp_path / "numbers.json", numbers)
    written = (tmp_path / "numbers.json").read_text()
    assert json.loads(written) == numbers
    assert '\n    "a": [1.5, -2e-09, 3]\n' in written
    assert "\n    [1, 2],\n    [3]\n" in written


def test_what_a_finished_run_should_have_is_named(tmp_path):
    with pytest.raises(InputError, match=rf"^{tmp_path}: no scores.json; expected a finished run of counting$"):
        require_json(tmp_path / "scores.json", "counting")
    write_json(tmp_path / "scores.json", [1, 2])
    assert require_json(tmp_path / "scores.json", "counting") == [1, 2]
