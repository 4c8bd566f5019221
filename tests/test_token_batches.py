"""Batches: every pair once an epoch, few shapes, each row what its pair is, a pure function of (seed, step)."""

import itertools
import os
from collections import Counter

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from lstm_gru.data.bitext import multi30k
from lstm_gru.data.subwords import BOS, EOS, PAD, train_bpe
from lstm_gru.data.token_batches import TokenBatches, choose_boundaries, ordered_batches, pair_batches
from lstm_gru.errors import InputError

few = hypothesis.settings(max_examples=150, deadline=None, derandomize=True)


def corpus(lengths):
    """Pairs of the given lengths in which every token is another, so that no mistake in a row goes unseen."""
    tokens = itertools.count(4)
    take = lambda n: list(itertools.islice(tokens, n))  # noqa: E731
    return [take(s) for s, _ in lengths], [take(t) for _, t in lengths]


def width(src, trg):
    """The room a pair needs: the source, or the target and its end."""
    return max(len(src), len(trg) + 1)


lengths = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60)


@st.composite
def settings(draw):
    src, trg = corpus(draw(lengths))
    narrowest = min(map(width, src, trg))
    boundaries = sorted(draw(st.sets(st.integers(1, 14), max_size=4)) | {draw(st.integers(narrowest, 14))})
    hypothesis.assume(boundaries[-1] >= narrowest)
    tokens = draw(st.integers(boundaries[-1], 60))
    return src, trg, {"boundaries": boundaries, "tokens_per_batch": tokens, "seed": draw(st.integers(0, 9))}


def an_epoch(batches, epoch=0):
    steps = batches.steps_per_epoch
    return [batches.batch(step) for step in range(epoch * steps, (epoch + 1) * steps)]


def pairs_in(batch):
    """The pairs of a batch, as plain lists, read with its lengths; checks all that a row promises."""
    for row in zip(*(batch[name] for name in ("src", "src_lengths", "trg_in", "trg_out", "trg_lengths")), strict=True):
        src, src_length, trg_in, trg_out, trg_length = row
        assert not src[src_length:].any()
        assert not trg_in[trg_length:].any()
        assert not trg_out[trg_length:].any()
        if trg_length == 0:
            assert src_length == 0
            continue
        assert trg_in[0] == BOS
        assert trg_out[trg_length - 1] == EOS
        np.testing.assert_array_equal(trg_in[1:trg_length], trg_out[: trg_length - 1])
        yield tuple(src[:src_length].tolist()), tuple(trg_out[: trg_length - 1].tolist())


@few
@hypothesis.given(settings())
def test_an_epoch_holds_every_pair_that_fits_once_and_in_the_narrowest_bucket(case):
    src, trg, options = case
    batches = TokenBatches(src, trg, **options)
    boundaries = options["boundaries"]
    fitting = [(tuple(s), tuple(t)) for s, t in zip(src, trg, strict=True) if width(s, t) <= boundaries[-1]]
    assert batches.left_out == len(src) - len(fitting)
    for epoch in (0, 1, 5):
        seen = []
        for batch in an_epoch(batches, epoch):
            seen += (inside := list(pairs_in(batch)))
            assert inside  # No batch of nothing but filling.
            narrowest = {min(b for b in boundaries if b >= width(*pair)) for pair in inside}
            assert {batch["src"].shape[1]} == narrowest
        assert Counter(seen) == Counter(fitting)


@few
@hypothesis.given(settings())
def test_shapes_are_few_and_full(case):
    src, trg, options = case
    batches = TokenBatches(src, trg, **options)
    shapes = Counter()
    tokens = positions = 0
    for batch in an_epoch(batches, 2):
        rows, columns = batch["src"].shape
        assert batch["trg_in"].shape == batch["trg_out"].shape == (rows, columns)
        assert batch["src_lengths"].shape == batch["trg_lengths"].shape == (rows,)
        assert rows == options["tokens_per_batch"] // columns
        assert all(array.dtype == np.int32 for array in batch.values())
        shapes[rows, columns] += 1
        tokens += batch["src_lengths"].sum() + batch["trg_lengths"].sum()
        positions += batch["src"].size + batch["trg_out"].size
    assert sorted(shapes) == sorted(batches.shapes)
    assert batches.padding == pytest.approx(1 - tokens / positions)
    needed = Counter(min(b for b in options["boundaries"] if b >= w) for w in fitting_widths(src, trg, options))
    for (rows, columns), count in shapes.items():
        assert count == -(-needed[columns] // rows)  # Only a bucket's last batch is filled.


def fitting_widths(src, trg, options):
    return [w for w in map(width, src, trg) if w <= options["boundaries"][-1]]


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one.keys() | other.keys())


def example(seed=0, pairs=200):
    random = np.random.default_rng(3)
    src, trg = corpus(random.integers(1, 12, (pairs, 2)))
    return TokenBatches(src, trg, boundaries=(5, 9, 13), tokens_per_batch=50, seed=seed)


def test_a_batch_is_a_pure_function_of_seed_and_step():
    batches, again = example(), example()
    steps = np.random.default_rng(0).permutation(4 * batches.steps_per_epoch)
    one = {step: batches.batch(step) for step in range(4 * batches.steps_per_epoch)}
    assert all(same(again.batch(int(step)), one[step]) for step in steps)  # Jumping between epochs.
    one[0]["src"][:] = -1  # A batch belongs to whoever asked for it.
    assert same(batches.batch(0), again.batch(0))


def test_epochs_and_seeds_differ_in_the_pairs_of_a_batch_and_in_the_order_of_batches():
    def description(seed, epoch):
        batches = an_epoch(example(seed), epoch)
        return [batch["src"].shape for batch in batches], {frozenset(pairs_in(batch)) for batch in batches}

    (order, groups), *others = [description(*case) for case in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (1, 1))]
    for other_order, other_groups in others:
        assert order != other_order
        assert len(groups & other_groups) < len(groups) / 2
    assert description(0, 1) == description(0, 1)
    assert description(0, 1) != description(1, 0)


def test_batches_of_all_buckets_are_mixed():
    order = [batch["src"].shape[1] for batch in an_epoch(example())]
    changes = sum(one != other for one, other in itertools.pairwise(order))
    assert changes > len(order) / 3


def test_one_batch_by_hand():
    batches = TokenBatches([[7, 8, 9], [5]], [[6], [4, 4]], boundaries=(3,), tokens_per_batch=11, seed=0)
    expected = {
        (7, 8, 9): ([7, 8, 9], 3, [BOS, 6, PAD], [6, EOS, PAD], 2),
        (5,): ([5, PAD, PAD], 1, [BOS, 4, 4], [4, 4, EOS], 3),
    }
    batch = batches.batch(0)
    names = ("src", "src_lengths", "trg_in", "trg_out", "trg_lengths")
    rows = [tuple(batch[name][i].tolist() for name in names) for i in range(3)]
    assert list(batch) == list(names)
    assert sorted(rows[:2]) == sorted(expected.values())
    assert rows[2] == ([PAD] * 3, 0, [PAD] * 3, [PAD] * 3, 0)
    assert (batches.steps_per_epoch, batches.shapes, batches.left_out) == (1, ((3, 3),), 0)
    assert batches.padding == pytest.approx(1 - 9 / 18)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trg_ids": [[4]]}, r"^2 source and 1 target sentences; expected as many$"),
        ({"tokens_per_batch": 6}, r"^tokens_per_batch = 6; expected at least the last of boundaries = \(3, 7\)$"),
        ({"boundaries": (1, 2)}, r"^none of 2 pairs is at most 2 tokens long; nothing to learn$"),
        ({"src_ids": [], "trg_ids": []}, r"^none of 0 pairs"),
        ({"boundaries": (7, 3)}, r"^boundaries = \(7, 3\); expected ascending widths of at least 1$"),
        ({"boundaries": (3, 3)}, r"^boundaries = \(3, 3\); expected ascending"),
        ({"boundaries": (0, 3)}, r"^boundaries = \(0, 3\); expected ascending"),
        ({"boundaries": ()}, r"^boundaries = \(\); expected ascending"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    options = {"src_ids": [[4, 5, 6]] * 2, "trg_ids": [[4], [5]], "boundaries": (3, 7), "tokens_per_batch": 7}
    options |= {"seed": 0} | change
    with pytest.raises(InputError, match=message):
        TokenBatches(options.pop("src_ids"), options.pop("trg_ids"), **options)


@few
@hypothesis.given(lengths, st.integers(1, 4), st.integers(1, 14))
def test_boundaries_leave_the_least_padding_of_all_choices(pair_lengths, shapes, max_length):
    src, trg = corpus(pair_lengths)
    widths = [w for w in map(width, src, trg) if w <= max_length]
    if not widths:
        with pytest.raises(InputError, match=f"^max_length = {max_length}: no pair of {len(src)} is that short; "):
            choose_boundaries(src, trg, shapes=shapes, max_length=max_length)
        return
    boundaries = choose_boundaries(src, trg, shapes=shapes, max_length=max_length)

    def cost(choice):
        return sum(min(b for b in choice if b >= w) for w in widths)

    others = sorted(set(widths) - {max(widths)})
    choices = [(*c, max(widths)) for n in range(shapes) for c in itertools.combinations(others, n)]
    assert cost(boundaries) == min(map(cost, choices))
    assert len(boundaries) <= shapes
    assert list(boundaries) == sorted(set(boundaries))
    assert boundaries[-1] == max(widths)
    assert all(type(b) is int for b in boundaries)  # They go into a run's settings.


@few
@hypothesis.given(
    st.lists(st.integers(0, 12) | st.integers(0, 200), max_size=40),
    st.integers(1, 7),
    st.sets(st.integers(1, 14), min_size=1, max_size=4).map(sorted),
)
def test_ordered_batches_hold_every_line_once_from_short_to_long(source_lengths, rows, boundaries):
    src, _ = corpus([(n, 0) for n in source_lengths])
    found, shapes = {}, {}
    previous = 0
    for lines, ids, row_lengths in ordered_batches(src, rows=rows, boundaries=boundaries):
        assert 1 <= len(lines) <= len(ids)
        for line, row, length in zip(lines.tolist(), ids, row_lengths, strict=False):
            assert line not in found
            found[line] = row[:length].tolist()
            assert not row[length:].any()
            assert length >= previous
            previous = length
        assert not ids[len(lines) :].any()
        assert not row_lengths[len(lines) :].any()
        assert ids.dtype == row_lengths.dtype == np.int32
        size, columns = ids.shape
        assert shapes.setdefault(columns, size) == size
        if columns <= boundaries[-1]:
            assert columns == min(b for b in boundaries if b >= previous)
            assert size == rows
        else:
            assert columns / 2 < previous <= columns
            assert size == 1 or size * columns <= rows * boundaries[-1]
    assert [found[line] for line in range(len(src))] == src


def test_lines_of_equal_length_keep_their_order():
    src = [[4] * (i * i % 5) for i in range(100)]
    batches = ordered_batches(src, rows=9, boundaries=(5,))
    assert [line for batch in batches for line in batch.lines] == sorted(range(100), key=lambda i: len(src[i]))


def test_ordered_batches_of_nothing_are_none_and_bad_boundaries_are_named():
    assert list(ordered_batches([], rows=2, boundaries=(3,))) == []
    with pytest.raises(InputError, match=r"^boundaries = \(3, 2\); expected ascending"):
        list(ordered_batches([[4]], rows=2, boundaries=(3, 2)))


@few
@hypothesis.given(lengths, st.integers(1, 7), st.sets(st.integers(1, 14), min_size=1, max_size=4).map(sorted))
def test_pair_batches_hold_every_pair_once_on_its_line_from_short_to_long(pair_lengths, rows, boundaries):
    src, trg = corpus(pair_lengths)
    found, previous = {}, 0
    for lines, batch in pair_batches(src, trg, rows=rows, boundaries=boundaries):
        size, columns = batch["src"].shape
        inside = list(pairs_in(batch))
        assert len(inside) == len(lines) <= size
        assert batch["trg_lengths"].tolist() == [len(t) + 1 for _, t in inside] + [0] * (size - len(lines))
        assert all(array.dtype == np.int32 for array in batch.values())
        for line, pair in zip(lines.tolist(), inside, strict=True):
            assert line not in found
            found[line] = tuple(map(list, pair))
            assert width(*pair) >= previous
            previous = width(*pair)
        if columns <= boundaries[-1]:
            assert (size, columns) == (rows, min(b for b in boundaries if b >= previous))
        else:
            assert columns / 2 < previous <= columns
            assert size == 1 or size * columns <= rows * boundaries[-1]
    assert [found[line] for line in range(len(src))] == list(zip(src, trg, strict=True))


def test_a_pair_has_the_same_arrays_in_either_kind_of_batch():
    src, trg = corpus([(3, 2), (4, 1), (2, 3), (1, 0), (0, 1), (0, 0), (4, 3)])
    training = an_epoch(TokenBatches(src, trg, boundaries=(4,), tokens_per_batch=4 * len(src), seed=0))[0]
    [(lines, batch)] = pair_batches(src, trg, rows=len(src), boundaries=(4,))
    assert list(batch) == list(training)
    ours, theirs = (
        sorted(tuple(np.concatenate([np.ravel(array[row]) for array in arrays.values()])) for row in range(len(src)))
        for arrays in (batch, training)
    )
    assert ours == theirs
    assert batch["src"].dtype == training["src"].dtype
    for row, line in enumerate(lines):
        assert batch["src_lengths"][row] == len(src[line])


def test_pair_batches_of_nothing_are_none_and_bad_boundaries_are_named():
    assert list(pair_batches([], [], rows=2, boundaries=(3,))) == []
    with pytest.raises(InputError, match=r"^boundaries = \(3, 2\); expected ascending"):
        list(pair_batches([[4]], [[5]], rows=2, boundaries=(3, 2)))


@pytest.mark.skipif(not os.environ.get("LSTM_GRU_DATA"), reason="LSTM_GRU_DATA names no data folder")
def test_the_real_multi30k_needs_few_shapes_and_little_padding():
    train = multi30k("train")
    tokenizer = train_bpe(train.src, train.trg, vocabulary_size=8000)
    src, trg = tokenizer.encode(train.src), tokenizer.encode(train.trg)
    boundaries = choose_boundaries(src, trg, shapes=8, max_length=100)
    batches = TokenBatches(src, trg, boundaries=boundaries, tokens_per_batch=4096, seed=0)
    assert len(batches.shapes) == 8
    assert batches.left_out == 0
    assert batches.padding < 0.18
    seen = Counter(pair for batch in an_epoch(batches) for pair in pairs_in(batch))
    assert seen == Counter(zip(map(tuple, src), map(tuple, trg), strict=True))
