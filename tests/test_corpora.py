"""Corpora: which pairs are in which split, where they come from, and what does not go together."""

import gzip
import hashlib
import json
import os
from collections import Counter
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import strategies as st

from lstm_gru.data.bitext import Bitext, normalise
from lstm_gru.data.corpora import Corpus, CorpusConfig, hold_out, load_corpus
from lstm_gru.data.grammar import PHENOMENA, GrammarConfig, grammar_corpus
from lstm_gru.errors import InputError

few = hypothesis.settings(max_examples=200, deadline=None, derandomize=True)


def bitext(sources):
    """Pairs of the given source sentences, each with a translation of its own."""
    return Bitext(tuple(map(str, sources)), tuple(f"line {n}" for n in range(len(sources))), {"file": "x"})


def pairs(split):
    return list(zip(split.src, split.trg, strict=True))


def put(path, lines):
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def files(folder, lines=30):
    """A pair of files, and one of TAB-separated lines with other sentences."""
    return {
        "src": put(folder / "a.de", [f"satz {n}" for n in range(lines)]),
        "trg": put(folder / "a.en", [f"sentence {n}" for n in range(lines)]),
        "tsv": put(folder / "b.tsv.gz", [f"paar {n}\tpair {n}" for n in range(lines)]),
    }


@few
@hypothesis.given(
    sources=st.lists(st.integers(0, 40) | st.integers(0, 9999), min_size=1, max_size=80),
    names=st.sampled_from([["valid"], ["test"], ["valid", "test"]]),
    size=st.integers(1, 12),
)
def test_held_out_pairs_are_in_one_split_each_with_all_of_their_source(sources, names, size):
    whole, wanted, different = bitext(sources), min(size, len(sources) // 10), len(set(sources))
    if not wanted or different <= len(names):
        with pytest.raises(InputError, match="are too few to hold"):
            hold_out(whole, names, size)
        return
    once = sum(count == 1 for count in Counter(sources).values())
    hypothesis.assume(once > wanted * len(names))  # Else it depends on which are repeated.
    splits = hold_out(whole, names, size)
    assert sorted(splits) == sorted([*names, "train"])
    assert Counter(pair for split in splits.values() for pair in pairs(split)) == Counter(pairs(whole))
    for split in splits.values():
        assert split.source == whole.source
        lines = [int(target.split()[1]) for target in split.trg]
        assert lines == sorted(lines)
    seen = [set(split.src) for split in splits.values()]
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert {len(splits[name]) for name in names} == {wanted}


def test_what_is_held_out_is_always_the_same_and_not_the_first_lines():
    whole = bitext(range(200))
    one, again = (hold_out(whole, ["valid", "test"], 15) for _ in range(2))
    assert one == again
    assert {name: len(split) for name, split in one.items()} == {"valid": 15, "test": 15, "train": 170}
    for name in ("valid", "test"):
        assert len({int(source) // 50 for source in one[name].src}) == 4
    assert len(hold_out(whole, ["test"], 500)["test"]) == 20  # A tenth.


def test_a_source_with_more_pairs_than_a_split_may_have_stays_in_training():
    sources = [0] * 50 + list(range(1, 51))
    splits = hold_out(bitext(sources), ["valid", "test"], 500)
    assert {name: len(split) for name, split in splits.items()} == {"valid": 10, "test": 10, "train": 80}
    assert Counter(splits["train"].src).most_common(1)[0][1] == 50


@pytest.mark.parametrize(
    ("sources", "names", "message"),
    [
        (
            range(9),
            ["valid", "test"],
            "^9 pairs with 9 different .* to hold valid and test out; .* 10 with 3, or files$",
        ),
        (
            ["same"] * 300,
            ["valid"],
            "^300 pairs with 1 different .* to hold valid out; expected at least 10 with 2, or",
        ),
        ([1, 2] * 50, ["valid", "test"], "^100 pairs with 2 different source sentences are too few to hold valid and"),
    ],
)
def test_too_few_pairs_to_hold_any_out_are_named(sources, names, message):
    with pytest.raises(InputError, match=message):
        hold_out(bitext(list(sources)), names, 500)
    assert len(hold_out(bitext(range(10)), ["valid", "test"], 500)["train"]) == 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"corpus": "wmt"}, r"corpus = 'wmt'; expected one of multi30k, grammar"),
        ({"src": "a"}, r"src without trg; expected both, or tsv"),
        ({"trg": "a"}, r"trg without src; expected both, or tsv"),
        ({"src": "a", "tsv": "c"}, r"src without trg; expected both, or tsv"),
        ({"src": "a", "trg": "b", "tsv": "c"}, r"src, trg and tsv; expected two files or the one"),
        ({"tsv": "a", "valid_trg": "b"}, r"valid_trg without valid_src; expected both, or valid_tsv"),
        ({"tsv": "a", "test_src": "b"}, r"test_src without test_trg; expected both, or test_tsv"),
        (
            {"tsv": "a", "test_src": "b", "test_trg": "c", "test_tsv": "d"},
            r"test_src, test_trg and test_tsv; expected two files or the one",
        ),
        ({"valid_tsv": "a"}, r"valid_tsv without training files; expected src and trg, or tsv"),
        ({"test_src": "a", "test_trg": "b"}, r"test_src without training files; expected src and trg, or tsv"),
        ({"held_out": 0}, r"held_out = 0; expected a number at least 1"),
    ],
)
def test_fields_that_do_not_go_together_are_named(fields, message):
    with pytest.raises(InputError, match=f"^CorpusConfig: {message}$"):
        CorpusConfig(**fields)


def test_one_training_file_is_enough_and_the_rest_is_held_out_of_it(tmp_path):
    path = files(tmp_path)["tsv"]
    config = CorpusConfig(tsv=path, held_out=2)
    corpus = load_corpus(config)
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 26, "valid": 2, "test": 2}
    assert {pair for split in corpus.splits.values() for pair in pairs(split)} == {
        (f"paar {n}", f"pair {n}") for n in range(30)
    }
    assert corpus.settings["corpus"] == "files"
    assert corpus.settings["held_out"] == 2
    sha256 = hashlib.sha256((tmp_path / "b.tsv.gz").read_bytes()).hexdigest()
    assert corpus.settings["train"]["sha256"] == sha256
    assert set(corpus.settings) == {"corpus", "held_out", "train"}
    assert (corpus.labels, corpus.tested) == ({}, ("test",))
    assert load_corpus(CorpusConfig(tsv=path, held_out=2)) is corpus  # Read once.


def test_files_that_are_given_are_the_splits_as_they_are(tmp_path):
    given, other = files(tmp_path), tmp_path / "other"
    other.mkdir()
    valid, test = files(other, lines=3), put(tmp_path / "t.tsv", ["z\tzz", "y\tyy"])
    corpus = load_corpus(
        CorpusConfig(src=given["src"], trg=given["trg"], valid_src=valid["src"], valid_trg=valid["trg"], test_tsv=test)
    )
    assert pairs(corpus.splits["train"]) == [(f"satz {n}", f"sentence {n}") for n in range(30)]
    assert pairs(corpus.splits["valid"]) == [(f"satz {n}", f"sentence {n}") for n in range(3)]
    assert pairs(corpus.splits["test"]) == [("z", "zz"), ("y", "yy")]
    assert set(corpus.settings) == {"corpus", "train", "valid", "test"}
    assert corpus.settings["valid"]["src"]["sha256"] != corpus.settings["train"]["src"]["sha256"]
    assert json.loads(json.dumps(corpus.settings)) == corpus.settings


@pytest.mark.parametrize(("given", "held_out"), [("valid", "test"), ("test", "valid")])
def test_only_the_split_without_files_is_held_out(tmp_path, given, held_out):
    named = files(tmp_path)
    corpus = load_corpus(CorpusConfig(tsv=named["tsv"], **{f"{given}_{side}": named[side] for side in ("src", "trg")}))
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 27, held_out: 3, given: 30}
    assert not set(corpus.splits[held_out].src) & set(corpus.splits["train"].src)
    assert corpus.splits[given].src[0] == "satz 0"


def test_splits_are_trained_on_and_tested_whatever_order_they_are_read_in(tmp_path):
    given = files(tmp_path)
    corpus = load_corpus(CorpusConfig(tsv=given["tsv"], test_tsv=given["tsv"]))
    assert corpus.tested == ("test",)
    more = Corpus({name: corpus.splits["test"] for name in ("train", "test", "valid", "long", "wide")}, {}, {})
    assert more.tested == ("test", "long", "wide")


def test_a_file_that_is_wrong_is_named(tmp_path):
    given = files(tmp_path)
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read"):
        load_corpus(CorpusConfig(tsv=given["tsv"], test_tsv=str(tmp_path / "none.tsv")))
    short = put(tmp_path / "short.en", ["a"])
    with pytest.raises(InputError, match=r"a\.de has 30 lines and .*short\.en has 1; expected a translation"):
        load_corpus(CorpusConfig(src=given["src"], trg=short))


def test_the_grammar_is_a_corpus_with_labels_and_a_split_of_long_sentences():
    corpus, config = load_corpus(CorpusConfig(corpus="grammar")), GrammarConfig()
    grammar = grammar_corpus(replace(config, train=50))  # The others do not depend on it.
    sizes = {name: getattr(config, name) for name in ("train", "valid", "test", "long")}
    assert {name: len(split) for name, split in corpus.splits.items()} == sizes
    assert corpus.tested == ("test", "long")
    for name, split in corpus.splits.items():
        assert split.src[7] == grammar[name].pairs.src[7] == normalise(split.src[7])
        assert split.trg[7] == grammar[name].pairs.trg[7]
        assert len(corpus.labels[name]) == len(split)
        assert [set(labels) for labels in corpus.labels[name][:50]] == [set(p) for p in grammar[name].phenomena[:50]]
        assert all(list(labels) == sorted(labels) for labels in corpus.labels[name])
        assert {label for labels in corpus.labels[name] for label in labels} <= set(PHENOMENA)
    assert corpus.settings["grammar"]["train"] == config.train
    assert json.loads(json.dumps(corpus.settings)) == corpus.settings


def test_only_the_first_pairs_are_scored_where_so_many_are_asked_for():
    whole = load_corpus(CorpusConfig(corpus="grammar"))
    part = load_corpus(CorpusConfig(corpus="grammar", most_scored=3))
    assert pairs(part.splits["train"]) == pairs(whole.splits["train"])
    for split in ("valid", "test", "long"):
        assert pairs(part.splits[split]) == pairs(whole.splits[split])[:3]
        assert part.labels[split] == whole.labels[split][:3]
    assert part.settings == {**whole.settings, "most_scored": 3}
    with pytest.raises(InputError, match="most_scored = -1"):
        CorpusConfig(most_scored=-1)


@pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="LSTM_GRU_DATA names no data folder")
def test_the_real_multi30k_is_the_corpus_without_settings():
    corpus = load_corpus(CorpusConfig())
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 29000, "valid": 1014, "test": 1000}
    assert corpus.settings["corpus"] == "multi30k"
    assert corpus.settings["train"]["src"]["file"] == "train.de.gz"
    assert corpus.tested == ("test",)
