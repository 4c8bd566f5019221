"""Subwords: nothing is lost, the same text gives the same model, and sizes that do not fit are named."""

import hashlib
import os
import pickle
import unicodedata

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from sentencepiece import SentencePieceTrainer

from lstm_gru.data.bitext import multi30k
from lstm_gru.data.subwords import BOS, BYTES, EOS, PAD, UNK, Tokenizer, train_bpe
from lstm_gru.errors import InputError

GERMAN = ("der Hund läuft", "die Hunde laufen schnell", "der Hut ist schön", "Straße und Hunde")
ENGLISH = ("the dog runs", "the dogs run fast", "the hat is nice", "street and dogs")
CHARACTERS = set("".join(GERMAN + ENGLISH))
LEAST = 4 + 256 + len(CHARACTERS)
TOKENIZER = train_bpe(GERMAN, ENGLISH, vocabulary_size=LEAST + 20)

many = hypothesis.settings(max_examples=500, deadline=None, derandomize=True)
# Any text, with a preference for what the library itself gives a meaning.
texts = st.lists(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from(["\u2581", "\u2585", "\0", "\t", "\n", "\u2028", " ", "<s>", "</s>", "<pad>", "<unk>", "<0x41>"])
    | st.sampled_from(["Hund", "der", "ä", "a\u0308", "½", "東", "👩\u200d🚀", "\ufeff", "\U0010ffff"])
).map("".join)


def normalised(text):
    """NFC and single spaces, written without the code under test."""
    words = "".join(" " if c.isspace() or c == "\u2581" else c for c in unicodedata.normalize("NFC", text)).split(" ")
    return " ".join(word for word in words if word)


@many
@hypothesis.given(st.lists(texts, max_size=4))
def test_every_text_comes_back_normalised_and_nothing_is_unknown(sentences):
    ids = TOKENIZER.encode(sentences)
    assert TOKENIZER.decode(ids) == [normalised(text) for text in sentences]
    assert all(EOS < token < TOKENIZER.vocabulary_size for row in ids for token in row)
    assert [not row for row in ids] == [not normalised(text) for text in sentences]


@many
@hypothesis.given(st.lists(st.lists(st.integers(0, LEAST + 19), max_size=12), max_size=3))
def test_whatever_a_model_emits_is_decoded_to_one_line_each(ids):
    lines = TOKENIZER.decode(ids)
    assert len(lines) == len(ids)
    assert all(line == normalised(line) and len(line.splitlines()) <= 1 for line in lines)


def test_marks_leave_no_trace_and_arrays_are_rows_too():
    [row] = TOKENIZER.encode(["der Hund"])
    marked = np.array([[BOS, *row, EOS, PAD, PAD], [PAD] * (len(row) + 4)], np.int32)
    assert TOKENIZER.decode(marked) == ["der Hund", ""]
    assert TOKENIZER.decode([]) == TOKENIZER.encode([]) == []
    assert TOKENIZER.decode([[]]) == [""]
    assert TOKENIZER.decode([TOKENIZER.encode(["ä東"])[0][:-1]]) == ["ä\ufffd\ufffd"]  # Two of its three bytes.


def test_pieces_are_words_and_their_continuations_with_a_hyphen():
    tokenizer = train_bpe(["ab ab ab abc"], vocabulary_size=4 + 256 + 4 + 2)
    assert tokenizer.pieces(tokenizer.encode(["ab abc"])[0]) == ["ab", "ab", "-c"]
    assert tokenizer.pieces(tokenizer.encode(["ab ä"])[0]) == ["ab", "", "-<0xC3>", "-<0xA4>"]
    assert tokenizer.pieces([]) == []
    assert tokenizer.pieces(np.array([EOS], np.int32)) == ["-</s>"]
    [ids] = TOKENIZER.encode(GERMAN[3:])
    rejoined = "".join(piece[1:] if piece.startswith("-") else f" {piece}" for piece in TOKENIZER.pieces(ids))
    assert rejoined == f" {GERMAN[3]}"


def test_words_of_both_sides_become_subwords_cased():
    assert [len(row) for row in TOKENIZER.encode(["Hund", "the", "Hund the"])] == [1, 1, 2]
    tokenizer = train_bpe(["ABAB abab", "ABAB"], vocabulary_size=4 + 256 + 5 + 4)
    assert tokenizer.encode(["ABAB"]) != tokenizer.encode(["abab"])
    assert tokenizer.decode(tokenizer.encode(["ABAB abab"])) == ["ABAB abab"]


def test_ids_and_size_are_as_stated():
    assert (PAD, UNK, BOS, EOS, BYTES) == (0, 1, 2, 3, 256)
    assert TOKENIZER.vocabulary_size == LEAST + 20
    assert TOKENIZER.encode(["\x00"])[0][-1] == EOS + 1  # The first byte, after a space.
    assert TOKENIZER.settings["vocabulary_size"] == LEAST + 20
    assert TOKENIZER.settings["sha256"] == TOKENIZER.sha256 == hashlib.sha256(TOKENIZER.model).hexdigest()
    assert "NFC" in TOKENIZER.settings["normalisation"]


def test_the_same_text_gives_the_same_bytes_and_other_text_others():
    again = train_bpe(GERMAN, ENGLISH, vocabulary_size=LEAST + 20)
    assert again.model == TOKENIZER.model
    assert again == TOKENIZER
    assert hash(again) == hash(TOKENIZER)
    assert train_bpe(GERMAN + ENGLISH, vocabulary_size=LEAST + 20).model == TOKENIZER.model
    assert train_bpe(GERMAN, ENGLISH, vocabulary_size=LEAST + 19) != TOKENIZER
    decomposed = [unicodedata.normalize("NFD", text).replace(" ", "\xa0 ") for text in GERMAN]
    assert train_bpe(decomposed, ENGLISH, vocabulary_size=LEAST + 20) == TOKENIZER


def test_the_model_is_all_there_is():
    ids = TOKENIZER.encode(GERMAN)
    for copy in (Tokenizer(TOKENIZER.model), pickle.loads(pickle.dumps(TOKENIZER))):
        assert copy == TOKENIZER
        assert copy.encode(GERMAN) == ids
    assert repr(TOKENIZER) == "Tokenizer()"


def test_training_and_use_print_nothing_and_write_no_file(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    tokenizer = train_bpe(GERMAN, vocabulary_size=LEAST)
    tokenizer.decode(tokenizer.encode(["Hund", "", "\0"]))
    with pytest.raises(InputError):
        train_bpe(GERMAN, vocabulary_size=5000)
    with pytest.raises(InputError):
        Tokenizer(b"")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_no_sentence_is_left_out_of_training_for_its_length_or_its_characters():
    long, reserved = "q " * 5000, "ж\u2585ж"
    tokenizer = train_bpe([long, reserved, "the dog"], vocabulary_size=4 + 256 + 9)
    known = {character: len(tokenizer.encode([f"d {character}"])[0]) for character in "qжz東"}
    assert known == {"q": 4, "ж": 4, "z": 4, "東": 6}  # The space, d, the space, and z and 東 as bytes.


@pytest.mark.parametrize("size", [-1, 0, 4, 260, LEAST - 1])
def test_a_size_too_small_for_the_characters_is_named(size):
    message = f"^vocabulary_size = {size} is too small for {len(CHARACTERS)} different characters; .* least {LEAST}$"
    with pytest.raises(InputError, match=message):
        train_bpe(GERMAN, ENGLISH, vocabulary_size=size)
    assert train_bpe(GERMAN, ENGLISH, vocabulary_size=LEAST).vocabulary_size == LEAST


def test_a_size_too_large_for_the_text_is_named_with_the_largest():
    message = r"^vocabulary_size = 8000 is too large for 8 sentences; expected at most (\d+)$"
    with pytest.raises(InputError, match=message) as caught:
        train_bpe(GERMAN, ENGLISH, vocabulary_size=8000)
    most = int(str(caught.value).split()[-1])
    assert train_bpe(GERMAN, ENGLISH, vocabulary_size=most).vocabulary_size == most
    with pytest.raises(InputError, match=f"at most {most}$"):
        train_bpe(GERMAN, ENGLISH, vocabulary_size=most + 1)


@pytest.mark.parametrize("sides", [(), ([], []), ([""], [" \n"]), (["\u2585"],)])
def test_without_text_there_is_nothing_to_learn(sides):
    with pytest.raises(InputError, match=r"^train_bpe: no text; expected sentences to learn subwords from$"):
        train_bpe(*sides, vocabulary_size=300)


@pytest.mark.parametrize("model", [b"", b"no model", TOKENIZER.model[:-50]])
def test_bytes_that_are_no_model_are_named_by_their_checksum(model):
    sha256 = hashlib.sha256(model).hexdigest()
    with pytest.raises(InputError, match=rf"^subword model {sha256}: not a model of sentencepiece \(.+\)$"):
        Tokenizer(model)


def test_a_model_with_other_ids_is_refused(tmp_path):
    parts = []
    writer = type("Writer", (), {"write": lambda self, part: parts.append(part)})()
    SentencePieceTrainer.train(
        sentence_iterator=iter(GERMAN), model_writer=writer, vocab_size=40, model_type="bpe", minloglevel=2
    )
    with pytest.raises(InputError, match=r"expected pad_id, unk_id, bos_id, eos_id to be 0, 1, 2, 3$"):
        Tokenizer(b"".join(parts))


@pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="LSTM_GRU_DATA names no data folder")
def test_every_sentence_of_the_real_multi30k_comes_back():
    train = multi30k("train")
    tokenizer = train_bpe(train.src, train.trg, vocabulary_size=8000)
    for split in ("train", "valid", "test"):
        for side in (multi30k(split).src, multi30k(split).trg):
            assert tokenizer.decode(tokenizer.encode(side)) == list(side)
