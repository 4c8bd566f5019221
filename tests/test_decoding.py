"""Searches against all sequences of a tiny vocabulary, and against a beam search in plain Python.

The model is a table with a row for every prefix, so that each log-probability depends on the whole history and is
known exactly. Its carry is the number of the row.
"""

import itertools
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstm_gru.decoding import beam_search, greedy
from lstm_gru.errors import InputError

BOS, EOS, V, L, B = 1, 2, 4, 6, 24
LIMITS = np.arange(B) % (L + 1)
IDS = {"bos": BOS, "eos": EOS}
NOTHING = ((), -np.inf, -np.inf, False)
BEAM = {"beam": 3, "length_penalty": 0.7}

both_searches = pytest.mark.parametrize(
    ("search", "options"), [(beam_search, BEAM), (greedy, {"length_penalty": 0.7})], ids=["beam", "greedy"]
)


def random_tables(seed=0, length=L):
    """A table for each sentence: ``[B, prefixes, V]``. Sentences differ in sharpness and in how readily they end."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(B, 2 * V ** (length - 1), V)) * np.linspace(0.2, 3, B)[:, None, None]
    logits[:, :, EOS] += random.uniform(-3, 3, B)[:, None]
    return np.array(jax.nn.log_softmax(logits), np.float32)


def step(table, row, tokens):
    """The next row is the prefix as a number in base V, which starts with BOS."""
    row = row * table.shape[2] + tokens
    return jax.vmap(lambda table, row: table[row])(table, row), row


def start(tables):
    return np.zeros(len(tables), np.int32)


@partial(jax.jit, static_argnames=("search", "beam", "max_length", "length_penalty", "n_best", "forbidden"))
def compiled(search, tables, limits, **options):
    return search(step, tables, start(tables), limits=limits, **IDS, **options)


def searched(search, tables, limits=None, max_length=L, **options):
    """What a search finds; equal options share a compilation."""
    limits = np.full(len(tables), max_length) if limits is None else limits
    return jax.device_get(compiled(search, tables, limits, max_length=max_length, **options))


def following(table, prefix):
    row = BOS
    for token in prefix:
        row = row * table.shape[1] + token
    return np.where(table[row] < np.inf, table[row], -np.inf)


def penalty(length, alpha):
    return (5 + length) ** alpha / (5 + 1) ** alpha


def all_sequences(table, alpha, limit):
    """The exhaustive answer: all finished sequences by score, then all that are cut off by score."""
    finished, cut_off = [], []
    others = [token for token in range(V) if token != EOS]
    for length in range(limit):
        for prefix in itertools.product(others, repeat=length):
            log_prob = sum(following(table, prefix[:t])[token] for t, token in enumerate((*prefix, EOS)))
            finished.append(((*prefix, EOS), log_prob / penalty(length + 1, alpha), log_prob, True))
    for prefix in itertools.product(others, repeat=limit):
        log_prob = sum(following(table, prefix[:t])[token] for t, token in enumerate(prefix))
        cut_off.append((prefix, log_prob / penalty(limit, alpha), log_prob, False))
    best_first = partial(sorted, key=lambda hypothesis: -hypothesis[1])
    return best_first(finished) + best_first(cut_off)


def plain_beam(table, beam, alpha, limit, n_best=None):
    """Hypotheses, and the steps after which nothing can change; this search itself always goes to the limit."""
    n_best, live, finished, steps = n_best or beam, [((), np.float32(0))], [], None
    for t in range(limit + 1):
        worst = finished[n_best - 1][1] if len(finished) >= n_best else -np.inf
        reach = max((log_prob for _, log_prob in live), default=-np.inf) / penalty(limit, alpha)
        if steps is None and (t == limit or reach <= worst):
            steps = t
        if t == limit:
            break
        continuations = []
        for rank, (prefix, log_prob) in enumerate(live):
            for token, after in enumerate(following(table, prefix)):
                continuations.append((-(log_prob + after), rank, -after, token, (*prefix, token)))
        ranked = [(tokens, -minus) for minus, *_, tokens in sorted(continuations) if np.isfinite(minus)]
        for tokens, log_prob in ranked[:beam]:
            if tokens[-1] == EOS:
                finished.append((tokens, log_prob / penalty(t + 1, alpha), log_prob, True))
        finished.sort(key=lambda hypothesis: -hypothesis[1])
        live = [(tokens, log_prob) for tokens, log_prob in ranked if tokens[-1] != EOS][:beam]
    cut_off = [(tokens, log_prob / penalty(limit, alpha), log_prob, False) for tokens, log_prob in live]
    return (finished + cut_off)[:n_best], steps


def plain_greedy(table, limit):
    tokens, log_prob = (), np.float32(0)
    while len(tokens) < limit and EOS not in tokens:
        log_probs = following(table, tokens)
        tokens, log_prob = (*tokens, int(np.argmax(log_probs))), log_prob + log_probs.max()
    return NOTHING if log_prob == -np.inf else (tokens, log_prob, log_prob, EOS in tokens)


def assert_hypotheses(got, expected):
    """The search's arrays against lists of (tokens, score, log_prob, finished), shorter lists filled with nothing."""
    batch, count, length = got.tokens.shape
    rows = [(list(hypotheses) + [NOTHING] * count)[:count] for hypotheses in expected]
    padded = [[(*tokens, *[0] * (length - len(tokens))) for tokens, *_ in row] for row in rows]
    np.testing.assert_array_equal(got.tokens, np.array(padded, int).reshape(batch, count, length))
    np.testing.assert_array_equal(got.lengths, [[len(tokens) for tokens, *_ in row] for row in rows])
    np.testing.assert_allclose(got.scores, [[score for _, score, *_ in row] for row in rows], rtol=2e-6)
    np.testing.assert_allclose(got.log_probs, [[log_prob for *_, log_prob, _ in row] for row in rows], rtol=2e-6)
    np.testing.assert_array_equal(got.finished, [[finished for *_, finished in row] for row in rows])
    assert [leaf.dtype.name for leaf in got] == ["int32", "int32", "float32", "float32", "bool"]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_beam_wide_enough_finds_all_sequences(alpha):
    length = 4
    tables, limits = random_tables(length=length), np.minimum(LIMITS, length)
    everything = sum(3**t for t in range(length)) + 3**length
    widest = 3 ** (length - 1) * V
    options = {"beam": widest, "n_best": everything + 2, "length_penalty": alpha}
    got = searched(beam_search, tables, limits, length, **options)
    assert_hypotheses(got, [all_sequences(table, alpha, limit) for table, limit in zip(tables, limits, strict=True)])


@pytest.mark.parametrize(
    ("beam", "n_best", "alpha"), [(1, None, 5.0), (3, None, 0.7), (3, 1, 0.7), (4, None, 0.0), (2, 6, 0.5)]
)
def test_a_narrow_beam_is_the_plain_one(beam, n_best, alpha):
    """Which never stops early, and whose sentences and hypotheses do not know of each other."""
    tables = random_tables(seed=beam)
    options = {} if n_best is None else {"n_best": n_best}
    got = searched(beam_search, tables, LIMITS, beam=beam, length_penalty=alpha, **options)
    assert_hypotheses(got, [plain_beam(tables[b], beam, alpha, LIMITS[b], n_best)[0] for b in range(B)])


def test_the_cases_are_of_every_kind():
    """Early and late ends, none at all, better cut off than finished, and a beam that misses the best."""
    plain, wider = ([plain_beam(table, k, 0.7, L)[0] for table in random_tables(seed=3)] for k in (3, 9))
    assert {len(best[0][0]) for best in plain if best[0][3]} >= {1, 2, 3, 4}
    assert not all(best[0][3] for best in plain)
    assert any(first[3] and not last[3] and last[1] > first[1] for first, *_, last in plain)
    assert any(narrow[0][3] and narrow[0][1] < wide[0][1] for narrow, wide in zip(plain, wider, strict=True))


def test_greedy_takes_the_likeliest():
    tables = np.round(random_tables(seed=3), 1)  # With ties.
    got = searched(greedy, tables, LIMITS)
    assert_hypotheses(got, [[plain_greedy(table, limit)] for table, limit in zip(tables, LIMITS, strict=True)])
    assert 0 < got.finished.mean() < 1


def test_the_length_penalty_changes_the_scores_of_greedy_alone():
    tables = random_tables(seed=3)
    plain, divided = searched(greedy, tables, LIMITS), searched(greedy, tables, LIMITS, length_penalty=0.7)
    np.testing.assert_allclose(divided.scores, plain.log_probs / penalty(plain.lengths, 0.7), rtol=1e-6)
    chex.assert_trees_all_equal(divided._replace(scores=plain.scores), plain)


def test_a_beam_of_one_is_greedy_without_length_penalty():
    tables = np.round(random_tables(seed=4))  # With many ties.
    tables[:, ::7] = np.nan
    tables[:, ::5, 0] = -np.inf
    one = searched(beam_search, tables, LIMITS, beam=1, length_penalty=0.0)
    chex.assert_trees_all_equal(one, searched(greedy, tables, LIMITS))
    assert len(np.unique(one.lengths)) > 3


def test_a_beam_of_one_scores_no_less_than_greedy_with_length_penalty():
    tables = random_tables(seed=5)
    taken = searched(greedy, tables)
    one = searched(beam_search, tables, beam=1, length_penalty=5.0)
    np.testing.assert_array_equal(one.finished, taken.finished)
    assert (one.scores >= taken.log_probs / penalty(taken.lengths, 5.0) - 1e-6).all()
    longer = one.lengths > taken.lengths
    assert longer.any()
    np.testing.assert_array_equal(one.tokens[~longer], taken.tokens[~longer])


def counting(calls):
    """The model, and a note of each time it runs."""

    def counting_step(*arguments):
        jax.debug.callback(lambda: calls.append(1))
        return step(*arguments)

    return counting_step


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_stops_when_nothing_can_change(alpha):
    calls, tables = [], random_tables(seed=6)
    tables = np.round(tables) if alpha == 0 else tables  # With ties: what can only draw level changes nothing.
    options = {"beam": 2, "length_penalty": alpha, "max_length": L, **IDS}
    run = jax.jit(lambda table, limits: beam_search(counting(calls), table, start(table), limits=limits, **options))
    for table, limit in zip(tables, LIMITS, strict=True):
        calls.clear()
        jax.block_until_ready(run(table[None], np.array([limit])))
        jax.effects_barrier()
        assert len(calls) == plain_beam(table, 2, alpha, limit)[1]
    steps = [plain_beam(table, 2, alpha, L)[1] for table in tables]
    assert 1 < min(steps) < max(steps) == L


def test_greedy_stops_when_all_have_ended():
    calls, tables = [], random_tables(seed=6)[:2]
    tables[0, BOS, EOS] = tables[1, BOS, 3] = tables[1, BOS * V + 3, EOS] = 0
    got = greedy(counting(calls), jnp.asarray(tables), start(tables), max_length=L, **IDS)
    jax.effects_barrier()
    assert got.lengths.tolist() == [[1], [2]]
    assert len(calls) == 2


@both_searches
def test_a_batch_is_its_sentences_one_by_one(search, options):
    tables = random_tables(seed=7)
    together = searched(search, tables, LIMITS, **options)
    alone = [searched(search, tables[b : b + 1], LIMITS[b : b + 1], **options) for b in range(B)]
    chex.assert_trees_all_equal(together, jax.tree.map(lambda *leaves: np.concatenate(leaves), *alone))


@both_searches
def test_a_limit_is_a_shorter_bound(search, options):
    tables = random_tables(seed=8)
    shorter = searched(search, tables, max_length=4, **options)
    longer = searched(search, tables, np.full(B, 4), **options)
    assert not longer.tokens[:, :, 4:].any()
    chex.assert_trees_all_equal(longer._replace(tokens=longer.tokens[:, :, :4]), shorter)
    unlimited = searched(search, tables, **options)
    chex.assert_trees_all_equal(searched(search, tables, np.full(B, 99), **options), unlimited)
    assert (unlimited.lengths > 4).any()


@both_searches
def test_a_limit_of_nothing_is_an_empty_hypothesis_cut_off(search, options):
    for limit in (0, -1):
        got = searched(search, random_tables(), np.full(B, limit), **options)
        assert_hypotheses(got, [[((), 0.0, 0.0, False)]] * B)


@both_searches
def test_cut_off_hypotheses_are_flagged(search, options):
    tables = random_tables(seed=9)
    tables[:, :, EOS] = -np.inf
    got = searched(search, tables, **options)
    assert not got.finished.any()
    assert (got.lengths == L).all()
    np.testing.assert_allclose(got.scores, got.log_probs / penalty(L, options.get("length_penalty", 0)), rtol=1e-6)


@both_searches
def test_the_empty_translation(search, options):
    tables = random_tables(seed=10)
    tables[:, BOS] = np.log([0.02, 0.03, 0.9, 0.05])
    tokens, lengths, scores, log_probs, finished = (leaf[:, 0] for leaf in searched(search, tables, **options))
    assert (tokens == np.array([[EOS] + [0] * (L - 1)])).all()
    assert (lengths == 1).all()
    assert finished.all()
    np.testing.assert_array_equal(scores, log_probs)
    np.testing.assert_allclose(scores, np.full(B, np.log(0.9)), rtol=1e-6)


def test_what_is_no_log_probability_is_impossible():
    tables = random_tables(seed=11)
    holes = np.random.default_rng(0).choice([0, np.nan, np.inf, -np.inf], tables.shape, p=[0.4, 0.2, 0.2, 0.2])
    tables += holes.astype(np.float32)
    tables[3, BOS] = np.nan
    got = searched(beam_search, tables, **BEAM)
    assert_hypotheses(got, [plain_beam(table, 3, 0.7, L)[0] for table in tables])
    assert np.isneginf(got.scores[3]).all()
    assert_hypotheses(searched(greedy, tables), [[plain_greedy(table, L)] for table in tables])


@both_searches
def test_forbidden_tokens_are_impossible(search, options):
    tables = random_tables(seed=12)
    without = tables.copy()
    without[:, :, [BOS, 3]] = -np.inf
    got = searched(search, tables, forbidden=(BOS, 3), **options)
    chex.assert_trees_all_equal(got, searched(search, without, **options))
    assert set(np.unique(got.tokens)) == {0, EOS}
    assert {BOS, 3} < set(np.unique(searched(search, tables, **options).tokens))


def tied_tables(batch, length, vocabulary, values):
    """Few distinct values, exact in binary: most choices are among equals. In every other sentence the end is best."""
    shape = (batch, 2 * vocabulary ** (length - 1), vocabulary)
    tables = -np.random.default_rng(vocabulary).integers(1, values + 1, shape).astype(np.float32) / 2
    tables[::2, BOS, EOS] = -0.5
    return tables


@pytest.mark.parametrize(("batch", "length", "vocabulary", "values"), [(B, L, V, 3), (300, 1, 200, 40)])
def test_ties(batch, length, vocabulary, values):
    tables = tied_tables(batch, length, vocabulary, values)
    got = searched(beam_search, tables, max_length=length, beam=4, n_best=5, length_penalty=0.0)
    assert_hypotheses(got, [plain_beam(table, 4, 0.0, length, n_best=5)[0] for table in tables])


H, S = 6, 3


def network():
    random = np.random.default_rng(0)
    shapes = {"E": (V, H), "U": (H, H), "R": (H, H), "W": (H, V)}
    return {name: 1.5 * random.normal(size=shape) for name, shape in shapes.items()}


def network_step(p, memory, carry, tokens):
    """A recurrent network that reads one place of the memory after the other; its carry is a tree."""
    place = jax.vmap(lambda memory, count: memory[count % S])(memory["places"], carry["counts"][..., 0])
    h = jnp.tanh(p["E"][tokens] + carry["states"][0] @ p["R"] + place @ p["U"])
    return jax.nn.log_softmax(h @ p["W"]), {"states": (h,), "counts": carry["counts"] + 1}


def log_prob_of_whole(p, places, h, tokens):
    """The same network over a whole hypothesis, from its beginning, in float64."""
    total = 0.0
    for t, token in enumerate(tokens):
        h = np.tanh(p["E"][tokens[t - 1] if t else BOS] + h @ p["R"] + places[t % S] @ p["U"])
        logits = h @ p["W"]
        total += logits[token] - np.log(np.exp(logits).sum())
    return total


def test_step_by_step_is_the_network_over_the_whole_hypothesis():
    random = np.random.default_rng(1)
    p, places, first = network(), random.normal(size=(B, S, H)), random.normal(size=(B, H))
    carry = {"states": (jnp.asarray(first, jnp.float32),), "counts": jnp.zeros((B, 1), jnp.int32)}
    shapes = []

    @jax.jit
    def decode(p, places):
        def watched_step(*arguments):
            shapes.append(jax.tree.map(jnp.shape, arguments))
            return network_step(p, *arguments)

        options = {"beam": 4, "max_length": 8, "length_penalty": 0.6, "n_best": 7}
        return beam_search(watched_step, {"places": places}, carry, **options, **IDS)

    got = jax.device_get(decode(*jax.tree.map(np.float32, (p, places))))
    for b, n in np.argwhere(got.lengths > 0):
        tokens = got.tokens[b, n, : got.lengths[b, n]].tolist()
        assert (EOS in tokens) == got.finished[b, n]
        np.testing.assert_allclose(got.log_probs[b, n], log_prob_of_whole(p, places[b], first[b], tokens), rtol=1e-4)
    assert (got.lengths[:, 0] > 0).all()
    assert len(np.unique(got.lengths)) > 4
    assert shapes[0] == ({"places": (B, S, H)}, {"states": ((B, 4, H),), "counts": (B, 4, 1)}, (B, 4))


@both_searches
def test_equal_shapes_are_traced_once(search, options):
    traces = []

    @jax.jit
    def decode(tables, limits):
        def traced_step(*arguments):
            traces.append(1)
            return step(*arguments)

        return search(traced_step, tables, start(tables), limits=limits, max_length=L, **IDS, **options)

    decode(random_tables(seed=13), LIMITS)
    first = len(traces)
    decode(random_tables(seed=14), LIMITS[::-1])
    assert first == len(traces) > 0


def test_half_precision_log_probabilities_are_summed_in_single():
    tables = random_tables(seed=15).astype(jnp.bfloat16)
    got = searched(greedy, tables)
    chex.assert_trees_all_equal(got, searched(greedy, tables.astype(np.float32)))
    assert got.log_probs.dtype == np.float32


def tried(search=beam_search, memory=None, carry=None, **options):
    memory = np.zeros((2, 40, V)) if memory is None else memory
    carry = np.zeros(2, int) if carry is None else carry
    usual = {"max_length": 2, **IDS, **(BEAM if search is beam_search else {})}
    return search(step, memory, carry, **{**usual, **options})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: tried(max_length=0), "max_length = 0; expected a whole number of at least 1"),
        (lambda: tried(search=greedy, max_length=2.0), "max_length = 2.0; expected a whole number"),
        (lambda: tried(beam=0), "beam = 0; expected a whole number of at least 1"),
        (lambda: tried(beam=True), "beam = True; expected a whole number of at least 1"),
        (lambda: tried(n_best=0), "n_best = 0; expected a whole number of at least 1"),
        (lambda: tried(length_penalty=-0.1), "length_penalty = -0.1; expected a number of at least 0"),
        (lambda: tried(length_penalty=np.nan), "length_penalty = nan; expected a number"),
        (lambda: tried(search=greedy, length_penalty=-1), "length_penalty = -1; expected a number of at least 0"),
        (lambda: tried(limits=np.ones(3, int)), r"limits has shape \(3,\) .*; expected integers \(2,\)"),
        (lambda: tried(limits=np.ones(2)), "limits has .* type float32; expected integers"),
        (lambda: tried(carry=np.zeros(3, int)), r"leading axes \[\(2,\), \(3,\)\]; expected one for all"),
        (lambda: tried(memory=(), carry=()), r"leading axes \[\]; expected one for all, the sentences"),
        (lambda: tried(carry=np.int32(0)), r"leading axes \[\(\), \(2,\)\]; expected one for all"),
        (lambda: tried(memory=0.0, carry=()), r"leading axes \[\(\)\]; expected one for all"),
        (lambda: tried(eos=V), "eos: there is no token 4; expected one of 0 to 3"),
        (lambda: tried(search=greedy, forbidden=(0, -1)), "forbidden: there is no token -1; expected one of 0 to 3"),
        (lambda: tried(forbidden=(0, EOS)), r"forbidden: \(0, 2\) holds eos = 2; expected other tokens"),
        (lambda: tried(memory=np.zeros((2, 9, 1)), eos=0), r"step: log_probs has shape \(2, 3, 1\); .* V > 1"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


def test_log_probabilities_of_another_shape_are_refused():
    flat = lambda memory, carry, tokens: (jnp.zeros((2, V)), carry)  # noqa: E731
    with pytest.raises(InputError, match=r"log_probs has shape \(2, 4\); expected \[B, K, V\] of B, K = \(2, 1\)"):
        greedy(flat, (), np.zeros(2), max_length=3, **IDS)
