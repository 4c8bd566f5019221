"""Everything, reproduced in order of cost: what comes when, and what becomes of experiments that cannot go on."""

import pytest

from lstm_gru import cli
from lstm_gru.commands import reproduce
from lstm_gru.errors import InputError, RunError, Stopped
from lstm_gru.experiment import experiment_names, load_experiment


@pytest.fixture
def done(capsys, monkeypatch):
    """A function that returns the exit code, what was reproduced, and what was said."""

    def run(*options, failures=()):
        asked = []

        def one(each, workers):
            asked.append(each)
            for name, error in failures:
                if each.experiment == name:
                    raise error

        monkeypatch.setattr(reproduce, "_reproduce", one)
        code = reproduce.reproduce(["all", *options])
        return code, asked, capsys.readouterr()

    return run


def test_the_cheapest_comes_first_and_what_is_on_demand_last(done):
    code, asked, said = done()
    assert code == 0
    names = [each.experiment for each in asked]
    count = len(experiment_names())
    assert sorted(names[:count]) == experiment_names()
    experiments = [load_experiment(name) for name in names[:count]]
    costs = [e.minutes * sum(map(e.seeds_of, e.variants)) / len(e.variants) for e in experiments]
    assert costs == sorted(costs)
    assert all((each.seeds, each.variants) == (None, ()) for each in asked[:count])
    assert names[count:] == ["adding", "copy_memory", "counting", "translation_grammar"]
    assert all(each.seeds == 1 for each in asked[count:])
    assert asked[count].variants == ("gru_600", "lstm_600", "lstm_chrono_600")
    assert "reproduce adding gru_600 lstm_600 lstm_chrono_600" in said.out


def test_a_number_of_seeds_brings_all_variants_in_at_once(done):
    for options, seeds in ((("--seeds", "2"), 2), (("--smoke",), None)):
        _, asked, _ = done(*options)
        assert [each.experiment for each in asked] == list(dict.fromkeys(each.experiment for each in asked))
        assert all((each.seeds, each.smoke) == (seeds, not seeds) for each in asked)


def test_a_smoke_run_of_everything_has_one_variant_of_each_kind(done):
    _, asked, said = done("--smoke")
    variants = {each.experiment: each.variants for each in asked}
    assert variants["depth"] == ("rnn_1", "rnn_2", "gru_1", "gru_2", "lstm_1", "lstm_2")
    assert variants["jsb_chorales"] == ("rnn", "lstm", "gru")
    assert {"rnn", "rnn_large"} <= set(variants["nottingham"])  # Without dropout, and with it.
    assert {"gru", "gru_1", "lstm_0", "lstm"} <= set(variants["adding"])
    assert "gru_600" not in variants["adding"]
    assert variants["counting"] == tuple(load_experiment("counting").variants)[:-2]  # They train longer.
    assert not done()[1][0].variants
    assert "reproduce depth\n" in said.out


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([("counting", InputError("no data"))], 2),
        ([("counting", RunError("gave up"))], 1),
        ([("counting", InputError("no data")), ("depth", RunError("gave up"))], 1),
    ],
)
def test_what_cannot_go_on_is_named_and_keeps_nothing_waiting(done, failures, code):
    found, asked, said = done(failures=failures)
    assert found == code
    assert {each.experiment for each in asked} == set(experiment_names())
    for name, error in failures:
        assert f"error: {error}" in said.err
        assert any(name in line and f"not done: {error}" in line for line in said.out.splitlines())


def test_a_stop_ends_it(done):
    with pytest.raises(Stopped):
        done(failures=[("directions", Stopped())])


def test_all_take_no_variants(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", "all", "--variants", "gru"])
    assert "--variants are those of one experiment; name" in capsys.readouterr().err
