"""The translator: lines keep their places, long ones are cut and nothing is lost, and a sentence stands for itself."""

import string
import unicodedata

import jax
import numpy as np
import pytest
from tools import filled

from lstm_gru import translator as module
from lstm_gru.data.bitext import normalise
from lstm_gru.data.subwords import BOS, EOS, PAD, UNK, train_bpe
from lstm_gru.data.text import sentences_of
from lstm_gru.errors import InputError
from lstm_gru.models.seq2seq import Seq2SeqConfig
from lstm_gru.models.transformer import TransformerConfig
from lstm_gru.translator import LONGEST, NONE, ROWS, SearchConfig, Translation, Translator, translation_model

TOKENIZER = train_bpe(["der Hund läuft. der Hut!", string.ascii_lowercase], ["the dog runs."], vocabulary_size=310)
RECURRENT = Seq2SeqConfig(embedding=8, encoder_features=6, features=8, bidirectional=False)
MODELS = {
    "recurrent": RECURRENT,
    "no attention": Seq2SeqConfig(embedding=8, encoder_features=6, features=8, bidirectional=False, attention="none"),
    "transformer": TransformerConfig(features=8, hidden=8, depth=1, heads=2),
}
GREEDY, BEAM = SearchConfig(beam=1), SearchConfig(beam=3)
SENTENCES = ["der Hund", "läuft der", "", "ein", "Hut", "der der", "\t \n", "x y", "der Hund"]


def made(name):
    """A translator of parameters so random that what it writes depends on what it reads."""
    shapes = jax.eval_shape(translation_model(MODELS[name], TOKENIZER.vocabulary_size).init, jax.random.key(0))
    return Translator(MODELS[name], filled(shapes, seed=0), TOKENIZER)


@pytest.fixture(scope="module")
def recurrent():
    return made("recurrent")


def joined(pieces):
    return [token for piece in pieces for token in piece]


def assert_alike(one, other):
    """The same texts, and scores up to the rounding of another place in a batch."""
    assert [found.text for found in one] == [found.text for found in other]
    np.testing.assert_allclose([found.score for found in one], [found.score for found in other], rtol=1e-5)


@pytest.mark.parametrize("search", [GREEDY, BEAM], ids=["greedy", "beam"])
def test_a_sentence_is_translated_alike_alone_and_among_others_and_lines_keep_their_places(recurrent, search):
    together = recurrent.translate(SENTENCES, search)
    assert len(together) == len(SENTENCES)
    for sentence, found in zip(SENTENCES, together, strict=True):
        assert_alike(found, recurrent.translate([sentence], search)[0])
    assert len({found[0].text for found in together}) > 5
    assert together[2] == together[6] == [Translation("", 0.0)]
    assert_alike(together[0], together[8])


def test_more_sentences_than_a_batch_keep_their_places(recurrent):
    words = [f"der {a}{b}" for a in "abcdefghij" for b in "klmnopqr"]
    assert len(words) > ROWS
    forwards, backwards = recurrent.translate(words, GREEDY), recurrent.translate(words[::-1], GREEDY)
    for one, other in zip(forwards, backwards[::-1], strict=True):
        assert_alike(one, other)
    assert len({found[0].text for found in forwards}) > 20


def test_nothing_is_translated_to_nothing(recurrent):
    assert recurrent.translate([], BEAM) == []
    assert recurrent.translate(["", "  "], BEAM, n_best=3) == [[Translation("", 0.0), NONE, NONE]] * 2


def test_the_n_best_are_n_sorted_and_begin_with_the_fewer_best(recurrent):
    three = recurrent.translate(SENTENCES, BEAM, n_best=3)
    for found, best in zip(three, recurrent.translate(SENTENCES, BEAM), strict=True):
        assert len(found) == 3
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True)
        assert_alike(found[:1], best)
    assert len({one.text for one in three[0]}) > 1


@pytest.mark.parametrize("n_best", [0, -1, 4])
def test_more_than_the_beam_or_none_is_refused(recurrent, n_best):
    with pytest.raises(InputError, match=f"^n_best = {n_best}; expected a number from 1 to the beam, 3$"):
        recurrent.translate(["der"], BEAM, n_best)


def test_a_beam_of_1_is_greedy_search_on_the_model_itself(recurrent):
    """Token by token with the call that trains, which knows neither steps nor searches."""
    model = translation_model(RECURRENT, TOKENIZER.vocabulary_size)
    call = jax.jit(model.apply)
    for sentence in ("der Hund", "Hut"):
        [src] = TOKENIZER.encode([sentence])
        written, log_prob, length = [], 0.0, module.bound(len(src))
        while len(written) < length:
            prefix = np.zeros((1, length), np.int32)
            prefix[0, : len(written) + 1] = [BOS, *written]
            lengths = np.array([len(src)]), np.array([len(written) + 1])
            log_p = jax.nn.log_softmax(call(recurrent.params, np.array([src]), lengths[0], prefix, lengths[1]))
            log_p = np.array(log_p[0, len(written)])
            log_p[[PAD, UNK, BOS]] = -np.inf
            log_prob += log_p.max()
            written.append(int(log_p.argmax()))
            if written[-1] == EOS:
                break
        [[found]] = recurrent.translate([sentence], GREEDY)
        assert found.text == TOKENIZER.decode([[token for token in written if token != EOS]])[0]
        lp = ((5 + len(written)) / 6) ** GREEDY.length_penalty
        np.testing.assert_allclose(found.score, log_prob / lp, rtol=1e-4)


def test_what_is_no_text_is_never_written(recurrent):
    bias = recurrent.params["embedding"]["bias"].at[np.array([PAD, UNK, BOS])].add(50)
    params = {**recurrent.params, "embedding": {**recurrent.params["embedding"], "bias": bias}}
    tempted = Translator(RECURRENT, params, TOKENIZER).translate(SENTENCES, GREEDY)
    for found, expected in zip(tempted, recurrent.translate(SENTENCES, GREEDY), strict=True):
        assert found[0].text == expected[0].text
        assert found[0].score < expected[0].score or not expected[0].text


@pytest.mark.parametrize(
    "text",
    [
        "Der Hund läuft! " * 300,
        "der Hund " * 2000,  # Without an end of a sentence.
        "q" * 1500,  # Nor of a word.
        "der Hund. " * 40 + "x" * 700 + " der Hut? " + "ein Hut; " * 100,
        "東京 " * 300 + "\u2581ein.\u2581Hund. \u3000ä" * 60,
    ],
    ids=["sentences", "words", "letters", "mixed", "bytes"],
)
def test_pieces_of_a_long_line_are_short_and_nothing_is_lost(recurrent, text):
    pieces = recurrent._pieces(text)
    assert max(map(len, pieces)) <= LONGEST
    assert min(map(len, pieces)) > 0
    assert joined(pieces) == TOKENIZER.encode([text])[0]
    assert len(pieces) < len(sentences_of(text)) + 1 + 2 * len(joined(pieces)) / LONGEST


def test_pieces_end_where_sentences_do_else_where_words_do(recurrent):
    found = [TOKENIZER.decode([piece])[0] for piece in recurrent._pieces("Der Hund läuft! Der Hut; nicht. " * 3)]
    assert found == ["Der Hund läuft!", "Der Hut; nicht."] * 3
    words = [word for piece in recurrent._pieces("xyzxyz " * 300) for word in TOKENIZER.decode([piece])[0].split()]
    assert set(words) == {"xyzxyz"}
    exactly = "q" * (LONGEST - 1)
    assert [len(piece) for piece in recurrent._pieces(exactly)] == [LONGEST]
    assert [len(piece) for piece in recurrent._pieces(exactly + "q")] == [LONGEST, 1]


def test_a_long_line_is_its_pieces_joined_and_keeps_its_place(recurrent, monkeypatch):
    parts = ["qxqxq", "zyzyz", "wvwvw"]  # Words of one sentence.
    lengths = [len(ids) for ids in TOKENIZER.encode(parts)]
    assert max(lengths) < lengths[1] + min(lengths[0], lengths[2])  # No two fit into one piece.
    monkeypatch.setattr(module, "LONGEST", max(lengths))
    alone = [found[0] for found in recurrent.translate(parts, GREEDY)]
    before, line, after = recurrent.translate(["Hut", " ".join(parts), "der"], GREEDY)
    assert line[0].text == " ".join(found.text for found in alone if found.text)
    np.testing.assert_allclose(line[0].score, np.mean([found.score for found in alone]), rtol=1e-5)
    assert_alike([before[0], after[0]], [found[0] for found in recurrent.translate(["Hut", "der"], GREEDY)])


def test_the_sentences_of_a_line_are_translated_one_by_one(recurrent):
    sentences = ["Der Hund läuft.", "Ein Hut!", "Nicht der Hund."]
    alone = [found[0] for found in recurrent.translate(sentences, BEAM)]
    [[line]] = recurrent.translate([" ".join(sentences)], BEAM)
    assert line.text == " ".join(found.text for found in alone if found.text)
    np.testing.assert_allclose(line.score, np.mean([found.score for found in alone]), rtol=1e-5)


def test_a_line_of_thousands_of_words_is_translated(recurrent):
    long = "der Hund läuft nicht weit " * 800
    found = recurrent.translate(["Hut", long, "der"], GREEDY)
    assert_alike([found[0][0], found[2][0]], [one[0] for one in recurrent.translate(["Hut", "der"], GREEDY)])
    assert len(found[1]) == 1
    assert np.isfinite(found[1][0].score)
    assert len(found[1][0].text) > 1000


@pytest.mark.parametrize("text", ["東", "\0", "👩\u200d🚀", "\ufeff", "<s> </s>", "\ud800", "a\udce2b"])
def test_unseen_characters_and_lone_surrogates_are_translated_to_one_line(recurrent, text):
    [[found]] = recurrent.translate([text], GREEDY)
    assert found.text == normalise(found.text) == unicodedata.normalize("NFC", found.text)
    assert np.isfinite(found.score)


@pytest.mark.parametrize("name", ["recurrent", "transformer"])
def test_alignments_are_distributions_over_the_subwords_of_the_source(name):
    translator = made(name)
    model = translation_model(MODELS[name], TOKENIZER.vocabulary_size)
    alignment = jax.jit(lambda params, *arguments: model.apply(params, *arguments, method="alignment"))
    for sentence, translation in (("der Hund läuft", "the dog"), ("Hut", "q" * 30)):
        weights, src, trg = translator.alignment(sentence, translation)
        ids = TOKENIZER.encode([sentence, translation])
        assert src == TOKENIZER.pieces(ids[0])
        assert trg == [*TOKENIZER.pieces(ids[1]), "⏎"]
        assert weights.shape == (len(trg), len(src))
        assert weights.min() >= 0
        lengths = np.array([len(src)]), np.array([len(trg)])
        arguments = np.array([ids[0]]), lengths[0], np.array([[BOS, *ids[1]]]), lengths[1]  # Without padding.
        np.testing.assert_allclose(weights, alignment(translator.params, *arguments)[0], atol=1e-5)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_alignments_need_attention():
    translator = made("no attention")
    assert not translator.attends
    with pytest.raises(InputError, match=r"^this model has no attention; nothing to show$"):
        translator.alignment("der", "the")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"beam": 0}, "beam = 0; expected a number at least 1 and at most 100"),
        ({"beam": 101}, "beam = 101; expected a number at least 1 and at most 100"),
        ({"length_penalty": -0.1}, "length_penalty = -0.1; expected a number at least 0"),
    ],
)
def test_a_search_out_of_range_is_named(fields, message):
    with pytest.raises(InputError, match=f"^SearchConfig: {message}$"):
        SearchConfig(**fields)
