"""Where the tags lie, and that the best accuracy of a direction is what the best guesser reaches."""

from collections import Counter, defaultdict

import pytest

from lstm_gru.data.one_sided import DISTANCE, KINDS, SIZES, best_accuracy, one_sided
from lstm_gru.errors import InputError


def test_tags_are_the_letters_two_places_away():
    for split, size in SIZES.items():
        past, future, both = (one_sided(kind, split) for kind in KINDS)
        assert past.words == future.words == both.words
        assert len(past) == size
        for words, before, after, together in zip(past.words, past.tags, future.tags, both.tags, strict=True):
            assert before == ("-", "-", *words[:-DISTANCE])
            assert after == (*words[DISTANCE:], "-", "-")
            assert together == tuple(f"{one}{two}" for one, two in zip(before, after, strict=True))


def test_splits_share_no_sequence():
    train, valid, test = (set(one_sided("past", split).words) for split in SIZES)
    assert len(train | valid | test) == len(train) + len(valid) + len(test)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_no_guesser_of_one_direction_is_better_than_the_bound(kind, direction):
    """One that knows the place and the letters that matter guesses, for each, what is most frequent in training."""
    data = {split: one_sided(kind, split) for split in ("train", "test")}
    seen = defaultdict(Counter)

    def view(words, place):
        step = -DISTANCE if direction == "forward" else DISTANCE
        return place, words[place + step] if 0 <= place + step < len(words) else "-"

    for words, tags in zip(data["train"].words, data["train"].tags, strict=True):
        for place, tag in enumerate(tags):
            seen[view(words, place)][tag] += 1
    right = [
        seen[view(words, place)].most_common(1)[0][0] == tag
        for words, tags in zip(data["test"].words, data["test"].tags, strict=True)
        for place, tag in enumerate(tags)
    ]
    assert 100 * sum(right) / len(right) == pytest.approx(best_accuracy(kind, direction), abs=1.5)


def test_another_kind_or_split_is_refused():
    with pytest.raises(
        InputError, match="'present', 'test'; expected one of past, future, both, and one of train, valid"
    ):
        one_sided("present", "test")
    with pytest.raises(InputError, match="'past', 'dev'"):
        one_sided("past", "dev")
