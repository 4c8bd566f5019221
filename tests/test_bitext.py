"""Pairs of sentences: what a line is, what normalising changes, and errors that say where."""

import gzip
import hashlib
import os
import re
import unicodedata

import hypothesis
import pytest
from hypothesis import strategies as st

from lstm_gru.data import bitext as module
from lstm_gru.data.bitext import NORMALISATION, multi30k, normalise, read_bitext, read_tsv
from lstm_gru.data.fetch import PublicFile
from lstm_gru.errors import InputError

# Every character that ends a line for str.splitlines but must not end one in a file.
NOT_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
SPACES = " \t\r\n\xa0\u1680\u2000\u2003\u202f\u205f\u3000\u2581" + NOT_LINE_ENDS

many = hypothesis.settings(max_examples=300, deadline=None, derandomize=True)


def put(path, text):
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def pair(folder, src, trg, names=("a.de", "a.en")):
    return [put(folder / name, text) for name, text in zip(names, (src, trg), strict=True)]


def test_pairs_are_lines_and_the_source_says_what_was_read(tmp_path):
    paths = pair(tmp_path, "Ein Hund.\nZwei  Hunde. \n", "A dog.\nTwo dogs.\n")
    bitext = read_bitext(*paths)
    assert bitext.src == ("Ein Hund.", "Zwei Hunde.")
    assert bitext.trg == ("A dog.", "Two dogs.")
    assert len(bitext) == 2
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert bitext.source == {
        "src": {"file": "a.de", "sha256": sums[0]},
        "trg": {"file": "a.en", "sha256": sums[1]},
        "normalisation": NORMALISATION,
    }


def test_a_gz_file_is_unpacked_and_its_checksum_is_that_of_the_packed_file(tmp_path):
    paths = pair(tmp_path, "ä\nb\n", "c\nd\n", ("a.de.gz", "a.en"))
    bitext = read_bitext(*(str(path) for path in paths))
    assert (bitext.src, bitext.trg) == (("ä", "b"), ("c", "d"))
    assert bitext.source["src"] == {"file": "a.de.gz", "sha256": hashlib.sha256(paths[0].read_bytes()).hexdigest()}


@pytest.mark.parametrize("character", NOT_LINE_ENDS)
def test_only_a_line_feed_ends_a_line(tmp_path, character):
    assert len(f"x{character}y".splitlines()) == 2
    bitext = read_bitext(*pair(tmp_path, f"x{character}y\nz\n", "1\n2\n"))
    assert bitext.src == ("x y", "z")
    assert read_tsv(put(tmp_path / "a.tsv", f"x{character}y\t1\nz\t2\n")).src == ("x y", "z")


def test_byte_order_marks_windows_line_ends_and_a_missing_last_one(tmp_path):
    bitext = read_bitext(*pair(tmp_path, "\ufeffeins\r\nzwei\r\n", "\ufeffone\ntwo"))
    assert (bitext.src, bitext.trg) == (("eins", "zwei"), ("one", "two"))
    bitext = read_tsv(put(tmp_path / "a.tsv", "\ufeffeins\tone\r\nzwei\ttwo"))
    assert (bitext.src, bitext.trg) == (("eins", "zwei"), ("one", "two"))


def test_tabs_separate_in_a_tsv_file_and_are_white_space_elsewhere(tmp_path):
    path = put(tmp_path / "a.tsv.gz", " ein  Hund\ta\xa0dog \n")
    bitext = read_tsv(path)
    assert (bitext.src, bitext.trg) == (("ein Hund",), ("a dog",))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert bitext.source == {"file": "a.tsv.gz", "sha256": sha256, "normalisation": NORMALISATION}
    assert read_bitext(*pair(tmp_path, "a\tb\n", "c\n")).src == ("a b",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ma\u0308nner", "M\u00e4nner"),  # Composed.
        ("\u212b", "\u00c5"),  # The angstrom sign is the letter, canonically.
        ("½ ﬁ ² …", "½ ﬁ ² …"),  # Compatibility characters stay: they are other characters.
        ("Straße İ ẞ", "Straße İ ẞ"),  # Case stays.
        (f"{SPACES}a{SPACES}b{SPACES}", "a b"),
        ("a\u200bb\ufeffc", "a\u200bb\ufeffc"),  # These are no white space.
        ("a\ud800b\udfff\udc00c", "a\ufffdb\ufffd\ufffdc"),  # Lone surrogates are no characters.
        (SPACES, ""),
        ("", ""),
    ],
)
def test_normalise(text, expected):
    assert normalise(text) == expected


@many
@hypothesis.given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(SPACES)))
def test_normalised_text_is_one_line_in_nfc_that_stays_as_it_is(text):
    result = normalise(text)
    assert normalise(result) == result == unicodedata.normalize("NFC", result)
    assert re.sub(r"[\s\u2581]", "", unicodedata.normalize("NFC", text)) == result.replace(" ", "")
    assert len(result.splitlines()) <= 1
    assert not re.search(r"^\s|[^\S ]|  |\s$|\u2581", result)


@pytest.mark.parametrize(
    ("src", "trg", "message"),
    [
        ("a\nb\nc\n", "a\nb\n", r"^.*a\.de has 3 lines and .*a\.en has 2; expected a translation for each line$"),
        ("", "a\n", r"^.*a\.de: empty; expected one sentence a line$"),
        ("a\n", "\ufeff", r"^.*a\.en: empty; expected one sentence a line$"),
        ("a\n\nc\n", "a\nb\nc\n", r"^.*a\.de: line 2 is empty; expected a sentence$"),
        ("a\nb\nc\n", "a\nb\n \u2028\xa0\r\n", r"^.*a\.en: line 3 is empty; expected a sentence$"),
        ("a\n\n", "b\n\n", r"^.*a\.de: line 2 is empty; expected a sentence$"),
        (b"\n", b"\n", r"^.*a\.de: line 1 is empty"),
        ("a\n", b"ab\xc3\xa4\n", None),
        ("a\n", b"ab\xff\n", r"^.*a\.en: line 1, byte 3: 0xff is not UTF-8 here; expected UTF-8 text$"),
        ("x\xe4\nyy\nä".encode() + b"z\xe4b\n", "a\n", r"^.*a\.de: line 3, byte 4: 0xe4 is not UTF-8 here"),
        (b"\xef\xbb\xbfa\n\xc3", "a\n", r"^.*a\.de: line 2, byte 1: 0xc3 is not UTF-8 here"),
        ("a\n".encode("utf-16"), "a\n", r"^.*a\.de: line 1, byte 1: 0xff is not UTF-8 here"),
        (b"\xed\xa0\x80\n", "a\n", r"^.*a\.de: line 1, byte 1: 0xed is not UTF-8 here"),  # A surrogate.
    ],
)
def test_bad_text_is_named_with_its_line(tmp_path, src, trg, message):
    paths = pair(tmp_path, src, trg)
    if message is None:
        assert read_bitext(*paths).trg == ("abä",)
        return
    with pytest.raises(InputError, match=message):
        read_bitext(*paths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\nc d\n", r"^.*a\.tsv: line 2 has 0 tabs; expected exactly one, between source and target$"),
        ("a\tb\tc\n", r"^.*a\.tsv: line 1 has 2 tabs; expected exactly one, between source and target$"),
        ("a\tb\n\nc\td\n", r"^.*a\.tsv: line 2 has 0 tabs"),
        ("a\tb\n\td\n", r"^.*a\.tsv: line 2, source is empty; expected a sentence$"),
        ("a\tb\nc\t \r\n", r"^.*a\.tsv: line 2, target is empty; expected a sentence$"),
        ("", r"^.*a\.tsv: empty; expected one sentence a line$"),
        (b"a\tb\n\t\x80", r"^.*a\.tsv: line 2, byte 2: 0x80 is not UTF-8 here"),
    ],
)
def test_a_bad_tsv_file_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_tsv(put(tmp_path / "a.tsv", text))


def test_a_file_that_cannot_be_read_or_unpacked_is_named(tmp_path):
    with pytest.raises(InputError, match=r"/none\.de: cannot be read \(No such file or directory\)$"):
        read_bitext(tmp_path / "none.de", tmp_path / "none.en")
    with pytest.raises(InputError, match=r": cannot be read \(Is a directory\)$"):
        read_tsv(tmp_path)
    whole = gzip.compress(b"a\n" * 1000)
    other_checksum = whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]
    no_deflate = whole[:10] + b"\xff" * 20 + whole[30:]
    for content in (b"a\n", whole[:-9], other_checksum, no_deflate):
        path = tmp_path / "bad.gz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"/bad\.gz: not a whole gzip file \(.+\)$"):
            read_tsv(path)


def test_multi30k_reads_german_and_english_of_the_split_named(tmp_path, monkeypatch):
    (tmp_path / "multi30k").mkdir()
    files = {}
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("de", "en"):
            name = f"multi30k/{split}.{language}.gz"
            path = put(tmp_path / name, f"{split} {language}\n")
            files[name] = PublicFile(name, "", hashlib.sha256(path.read_bytes()).hexdigest(), "")
    monkeypatch.setattr(module, "FILES", files)
    for split, name in (("train", "train"), ("valid", "val"), ("test", "test_2016_flickr")):
        bitext = multi30k(split, tmp_path)
        assert (bitext.src, bitext.trg) == ((f"{name} de",), (f"{name} en",))
    with pytest.raises(InputError, match=r"^multi30k: split = 'dev'; expected one of train, valid, test$"):
        multi30k("dev", tmp_path)


@pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="LSTM_GRU_DATA names no data folder")
@pytest.mark.parametrize(("split", "pairs"), [("train", 29000), ("valid", 1014), ("test", 1000)])
def test_the_real_multi30k_has_its_documented_size(split, pairs):
    bitext = multi30k(split)
    assert len(bitext.src) == len(bitext.trg) == pairs
    if split == "train":
        assert bitext.src[0] == "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."
        assert bitext.trg[0] == "Two young, White males are outside near many bushes."
