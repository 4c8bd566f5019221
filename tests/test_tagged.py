"""Column files: what a word and a tag is, what is left out, and errors that say where."""

import gzip
import hashlib
import os

import pytest

from lstm_gru.data.tagged import NORMALISATION, danish, read_tagged
from lstm_gru.errors import InputError

CONLLU = """# sent_id = 1
# text = Vi kan.
1-2\tVikan\t_\t_\t_\t_\t_\t_\t_\t_
1\tVi\tvi\tPRON\t_\t_\t2\tnsubj\t_\t_
2\tkan\tkunne\tAUX\t_\t_\t0\troot\t_\t_
2.1\tgå\tgå\tVERB\t_\t_\t_\t_\t_\t_
3\t.\t.\tPUNCT\t_\t_\t2\tpunct\t_\t_

1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_

"""


def put(folder, text, name="a.tsv"):
    content = text if isinstance(text, bytes) else text.encode()
    path = folder / name
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_two_columns_are_word_and_tag(tmp_path):
    path = put(tmp_path, "Vi\tPRON\nkan\tAUX\n\n#\tSYM\n")
    tagged = read_tagged(path)
    assert tagged.words == (("Vi", "kan"), ("#",))
    assert tagged.tags == (("PRON", "AUX"), ("SYM",))
    assert len(tagged) == 2
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    assert tagged.source == {"file": "a.tsv", "sha256": checksum, "normalisation": NORMALISATION}


def test_a_first_word_that_looks_like_a_comment_is_a_word(tmp_path):
    assert read_tagged(put(tmp_path, "#\tSYM\n1\tNUM\n")).words == (("#", "1"),)


def test_a_comment_may_hold_tabs_and_stand_anywhere(tmp_path):
    commented = "# text = a\tb\n" + CONLLU.replace("2\tkan", "#note\tof\tsomebody\n2\tkan")
    assert read_tagged(put(tmp_path, commented)).words == (("Vi", "kan", "."), ("#",))


def test_conllu_is_read_without_comments_multiword_tokens_and_empty_nodes(tmp_path):
    tagged = read_tagged(put(tmp_path, CONLLU, "a.conllu"))
    assert tagged.words == (("Vi", "kan", "."), ("#",))
    assert tagged.tags == (("PRON", "AUX", "PUNCT"), ("SYM",))


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n \n\n"])
def test_blank_lines_at_the_end_are_no_sentences(tmp_path, end):
    assert len(read_tagged(put(tmp_path, f"a\tX\n\nb\tY{end}"))) == 2


def test_line_ends_byte_order_mark_packing_and_composition_change_nothing(tmp_path):
    plain = read_tagged(put(tmp_path, "på\tADP\n\nb\tY\n"))
    for name, text in {
        "crlf.tsv": "på\tADP\r\n\r\nb\tY\r\n",
        "mark.tsv": "\ufeffpå\tADP\n\nb\tY\n",
        "packed.tsv.gz": "på\tADP\n\nb\tY\n",
        "decomposed.tsv": "pa\u030a\tADP\n\nb\tY\n",
    }.items():
        other = read_tagged(put(tmp_path, text, name))
        assert (other.words, other.tags) == (plain.words, plain.tags)


def test_words_may_hold_spaces_and_line_separators(tmp_path):
    assert read_tagged(put(tmp_path, "10 000\tNUM\na\u2028b\tX\n")).words == (("10 000", "a\u2028b"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tX\nb\n", "line 2 has 1 column; expected 2 separated by tabs, as before"),
        ("a\tX\nb\tY\tZ\n", "line 2 has 3 columns; expected 2"),
        ("a\tX\nb Y\n", "line 2 has no tab, but 2 columns separated by spaces; expected 2 separated by tabs"),
        ("a X\n", "line 1 has no tab, but 2 columns separated by spaces; expected word TAB tag, or the ten columns"),
        ("a\tb\tX\n", "line 1 has 3 columns; expected word TAB tag, or the ten columns of CoNLL-U"),
        ("a\tX\n\n\nb\tY\n", "line 3 ends a sentence of no words; expected one blank line between two sentences"),
        ("\na\tX\n", "line 1 ends a sentence of no words"),
        ("a\tX\n \t\nb\t\n", "line 3: its tag is empty"),
        ("a\tX\n \tY\n", "line 2: its word is empty"),
        (CONLLU + "1\ta\n", "line 11 has 2 columns; expected 10"),
        ("# sent_id = 1\n\n" + CONLLU, "line 2 ends a sentence of no words"),
        (CONLLU + "# sent_id = 3\n", "line 11 ends a sentence of no words"),
        ("\n\n", "line 0 ends a sentence of no words"),
        (CONLLU.replace("PRON", "_"), "line 4: its tag is _; expected word TAB tag, or the ten columns of CoNLL-U"),
        ("", "empty; expected word TAB tag, or the ten columns of CoNLL-U"),
        (b"a\tX\n\xff\tY\n", "line 2, byte 1: 0xff is not UTF-8 here"),
    ],
)
def test_bad_input_is_named_with_its_line(tmp_path, text, words):
    path = put(tmp_path, text)
    with pytest.raises(InputError) as error:
        read_tagged(path)
    assert str(error.value).startswith(f"{path}: {words}")


def test_a_missing_file_and_an_unknown_split_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read \(No such file"):
        read_tagged(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="danish: split = 'dev'; expected one of train, valid, test"):
        danish("dev")


@pytest.mark.skipif("LSTM_GRU_DATA" not in os.environ, reason="LSTM_GRU_DATA is not set")
def test_danish_is_the_published_size():
    splits = {split: danish(split) for split in ("train", "valid", "test")}
    assert {split: len(tagged) for split, tagged in splits.items()} == {"train": 4868, "valid": 322, "test": 322}
    assert len({tag for tags in splits["train"].tags for tag in tags}) == 17
