"""What articles say of LSTM, GRU, plain RNN and Transformer, each claim with the measurements it is held against."""

from lstm_gru.report.claims import Claim
from lstm_gru.report.evidence import Counted, Scores, Times, TranslationTimes

EQUAL = ("width", "parameters")
AHEAD = {1: "a day ahead", 7: "7 days ahead", 28: "28 days ahead"}
PLAIN = {"lstm": "LSTM without attention", "gru": "GRU without attention"}
BOTH_ENDS = {"bilstm_attention": "BiLSTM with attention", "bigru_attention": "BiGRU with attention"}
TRANSLATORS = {
    **PLAIN,
    **{"lstm_attention": "LSTM with attention", "gru_attention": "GRU with attention"},
    **BOTH_ENDS,
}
ON_EQUAL = "what is equal: width, or the number of parameters"

CLAIMS = (
    Claim("An LSTM has three gates, a GRU has two.", (Counted("gru", "lstm", "gates", "less"),)),
    Claim(
        "An LSTM carries a cell state beside its hidden state, a GRU carries its hidden state alone.",
        (Counted("gru", "lstm", "states", "less"),),
    ),
    Claim(
        "A GRU has fewer parameters than an LSTM of the same width.", (Counted("gru", "lstm", "parameters", "less"),)
    ),
    Claim(
        "A GRU is faster than an LSTM, in training and in inference.",
        tuple(Times("gru", "lstm", what, equal) for what in ("training", "inference") for equal in EQUAL),
        depends_on=ON_EQUAL,
    ),
    Claim(
        "A GRU needs less memory than an LSTM.",
        tuple(Times("gru", "lstm", "memory", equal) for equal in EQUAL),
        depends_on=ON_EQUAL,
    ),
    Claim(
        "A plain RNN is cheaper than LSTM and GRU.",
        tuple(
            Times("rnn", other, what, equal, against=f", against the {other.upper()}")
            for other in ("lstm", "gru")
            for what in ("training", "inference", "memory")
            for equal in EQUAL
        ),
        depends_on=ON_EQUAL,
    ),
    Claim(
        "Gradients vanish in a plain RNN, and gates let them through.",
        tuple(
            Scores("vanishing_gradient", cell, "rnn", "more", f"{name}, {when} training", f"reach_{when}")
            for when in ("before", "after")
            for cell, name in (
                ("lstm_0", "LSTM with bias 0"),
                ("lstm", "LSTM with bias 1"),
                ("lstm_chrono", "chrono LSTM"),
                ("gru", "GRU with bias 0"),
                ("gru_1", "GRU with bias 1"),
            )
        ),
        depends_on="training, and before it on the bias that the gate starts with",
    ),
    Claim(
        "Near 1 the gate of the old state keeps it, and near 0 it forgets.",
        (
            Scores("vanishing_gradient", "lstm", "lstm_0", "more", "LSTM's f from 0.5 to 0.73", "remains_before"),
            Scores(
                "vanishing_gradient", "lstm_chrono", "lstm", "more", "LSTM's f from 0.73 to near 1", "remains_before"
            ),
            Scores("vanishing_gradient", "gru_1", "gru", "more", "GRU's z from 0.5 to 0.73", "remains_before"),
            *(
                Scores(task, start, other, "less", f"{name}, {move}")
                for task, name in (("adding", "adding"), ("copy_memory", "copying"))
                for start, other, move in (
                    ("gru_1", "gru", "GRU's z from 0.5 to 0.73"),
                    ("gru_chrono", "gru", "GRU's z from 0.5 to near 1"),
                    ("lstm", "lstm_0", "LSTM's f from 0.5 to 0.73"),
                    ("lstm_chrono", "lstm", "LSTM's f from 0.73 to near 1"),
                )
            ),
        ),
        depends_on="the task, where what is kept must be learned",
    ),
    Claim(
        "An LSTM needs each of its gates.",
        (
            *(
                Scores("lstm_ablations", without, whole, "more", f"chorales, {name}, against {article} LSTM")
                for whole, article in (("lstm", "the"), ("peephole_lstm", "the peephole"))
                for without, name in (
                    ("lstm_nig", "no input gate"),
                    ("lstm_nfg", "no forget gate"),
                    ("lstm_nog", "no output gate"),
                    ("lstm_cifg", "f = 1 - i"),
                )
            ),
            Scores("counting", "lstm_nfg", "peephole_lstm", "less", "counting aⁿbⁿ, no forget gate"),
            Scores("counting", "coupled_lstm", "lstm", "less", "counting aⁿbⁿ, f = 1 - i"),
        ),
        depends_on="the gate, the task, and whether the whole one has peepholes as those without a gate have",
    ),
    Claim(
        "A plain RNN forgets over long sequences what LSTM and GRU remember.",
        (
            *(
                Scores("adding", cell, "rnn", "less", f"{cell.upper()}, adding at T = {time}", f"error_{time}")
                for time in (50, 100, 200)
                for cell in ("lstm", "gru")
            ),
            Scores("copy_memory", "lstm", "rnn", "less", "LSTM, copying at T = 200"),
            Scores("copy_memory", "gru", "rnn", "less", "GRU, copying at T = 200"),
            Scores("copy_memory", "lstm", "irnn", "less", "LSTM, copying at T = 200, against the rectified RNN"),
            Scores("copy_memory", "gru", "irnn", "less", "GRU, copying at T = 200, against the rectified RNN"),
            Scores("copy_memory", "lstm_1000", "rnn_1000", "less", "LSTM, copying at T = 1,000", "nats_1000"),
            Scores("copy_memory", "gru_1000", "rnn_1000", "less", "GRU, copying at T = 1,000", "nats_1000"),
            *(
                Scores("counting", cell, "rnn", "more", f"{cell.upper()}, counting {strings}", f"counted_{language}")
                for language, strings in (("ab", "aⁿbⁿ"), ("abc", "aⁿbⁿcⁿ"))
                for cell in ("lstm", "gru")
            ),
        ),
        depends_on="the cell and on what is to be remembered",
    ),
    Claim(
        "For short sequences a plain RNN is as good as an LSTM.",
        (
            Scores("adding", "rnn", "lstm", "alike", "adding at T = 10", "error_10"),
            Scores("adding", "rnn", "lstm", "alike", "adding at T = 25", "error_25"),
            Scores("page_views", "rnn", "lstm", "alike", "page views (28 days)"),
            Scores("website_visitors", "rnn", "lstm", "alike", "website visitors (28 days)"),
            Scores("single_detector", "rnn", "lstm", "alike", "one detector (12 steps)"),
            Scores("road_network", "rnn", "lstm", "alike", "207 detectors (12 steps)"),
            Scores("danish_tags", "birnn", "bilstm", "alike", "tags of words (18 words)"),
            Scores("directions", "rnn_bidirectional", "lstm_bidirectional", "alike", "letters two away"),
            Scores("jsb_chorales", "rnn_equal", "lstm", "alike", "chorales, small (60 steps)"),
            Scores("jsb_chorales", "rnn_large", "lstm_large", "alike", "chorales, large (60 steps)"),
        ),
        depends_on="the task",
    ),
    Claim(
        "LSTM and GRU are alike in most tasks.",
        (
            Scores("page_views", "lstm", "gru", "alike", "page views"),
            Scores("website_visitors", "lstm", "gru", "alike", "website visitors"),
            Scores("single_detector", "lstm", "gru", "alike", "one detector"),
            Scores("road_network", "lstm", "gru", "alike", "207 detectors"),
            Scores("road_network", "graph_lstm", "graph_gru", "alike", "207 detectors on a graph"),
            Scores("danish_tags", "bilstm", "bigru", "alike", "tags of words"),
            Scores("directions", "lstm_bidirectional", "gru_bidirectional", "alike", "letters two away"),
            Scores("multi30k", "bilstm_attention", "bigru_attention", "alike", "translation from both ends"),
            Scores("multi30k", "lstm_attention", "gru_attention", "alike", "translation"),
            Scores("multi30k", "lstm", "gru", "alike", "translation without attention"),
            Scores("translation_grammar", "bilstm_attention", "bigru_attention", "alike", "translation of a grammar"),
            Scores("lstm_ablations", "lstm", "gru", "alike", "chorales, small"),
            Scores("jsb_chorales", "lstm_large", "gru_large", "alike", "chorales, large"),
            Scores("nottingham", "lstm", "gru_equal", "alike", "folk tunes, small"),
            Scores("depth", "lstm_1", "gru_1", "alike", "folk tunes, 100,000 parameters", "nats_nottingham"),
            Scores("nottingham", "lstm_large", "gru_large", "alike", "folk tunes, large"),
            Scores("adding", "lstm", "gru", "alike", "adding"),
            Scores("copy_memory", "lstm", "gru", "alike", "copying"),
            Scores("counting", "lstm", "gru", "alike", "counting"),
        ),
        depends_on="the task",
        mostly=True,
    ),
    Claim(
        "An LSTM remembers over longer sequences than a GRU.",
        (
            Scores("adding", "lstm", "gru", "less", "adding at T = 200"),
            Scores("adding", "lstm_chrono", "gru_chrono", "less", "adding at T = 200, both chrono"),
            Scores("adding", "lstm_600", "gru_600", "less", "adding at T = 600", "error_600"),
            Scores("copy_memory", "lstm", "gru", "less", "copying at T = 200"),
            Scores("copy_memory", "lstm_chrono", "gru_chrono", "less", "copying at T = 200, both chrono"),
            Scores("copy_memory", "lstm_1000", "gru_1000", "less", "copying at T = 1,000", "nats_1000"),
            Scores("counting", "lstm", "gru", "more", "counting aⁿbⁿ"),
            Scores("counting", "lstm", "gru", "more", "counting aⁿbⁿcⁿ", "counted_abc"),
            Scores("counting", "lstm_longer", "gru_longer", "more", "counting aⁿbⁿ, trained longer"),
            Scores("counting", "lstm_longer", "gru_longer", "more", "counting aⁿbⁿcⁿ, trained longer", "counted_abc"),
        ),
        depends_on="what is remembered: counts, or what was seen",
    ),
    Claim(
        "Reading from both ends is better than reading in one direction.",
        (
            *(
                Scores("directions", f"{cell}_bidirectional", f"{cell}_forward", "more", f"letters two away, {name}")
                for cell, name in (("rnn", "RNN"), ("lstm", "LSTM"), ("gru", "GRU"))
            ),
            *(
                Scores("danish_tags", f"bi{cell}", f"{cell}_{way}", "more", f"tags, {name}, against {way}")
                for cell, name in (("rnn", "RNN"), ("lstm", "LSTM"), ("gru", "GRU"))
                for way in ("forward", "backward")
            ),
            Scores("multi30k", "bilstm_attention", "lstm_attention", "more", "translation, LSTM"),
            Scores("multi30k", "bigru_attention", "gru_attention", "more", "translation, GRU"),
            *(
                Scores("website_visitors", "bigru", "gru", "less", f"visitors {ahead}, GRU", f"rmse_{days}")
                for days, ahead in AHEAD.items()
            ),
        ),
        depends_on="the task: words, whose right side tells something, or days, of which all are past",
    ),
    Claim(
        "Deeper networks are better.",
        tuple(
            Scores("depth", f"{cell}_{depth}", f"{cell}_1", "less", f"{name}, {depth} layers, {corpus}", f"nats_{key}")
            for key, corpus in (("jsb_chorales", "chorales"), ("nottingham", "folk tunes"))
            for cell, name in (("rnn", "RNN"), ("gru", "GRU"), ("lstm", "LSTM"))
            for depth in (2, 3, 4)
        ),
        depends_on="the corpus, the cell and the number of layers, at equal parameters",
    ),
    Claim(
        "A Transformer translates better than recurrent networks.",
        tuple(
            Scores(corpus, "transformer", other, expected, f"{where}, {name}", score)
            for corpus, where, others, score, expected in (
                ("multi30k", "descriptions", TRANSLATORS, "", "more"),
                ("multi30k", "perplexity of descriptions", BOTH_ENDS, "perplexity", "less"),
                ("translation_grammar", "grammar", {**PLAIN, **BOTH_ENDS}, "", "more"),
            )
            for other, name in others.items()
        ),
        depends_on="attention in the recurrent one, the corpus and the score",
    ),
    Claim(
        "A Transformer is faster than a recurrent network.",
        tuple(
            TranslationTimes("transformer", other, figure, expected)
            for other in TRANSLATORS
            for figure, expected in (
                ("training_tokens_per_second", "more"),
                ("greedy_seconds", "less"),
                ("beam_seconds", "less"),
            )
        ),
        depends_on="training or translating, here on two cores",
    ),
    Claim(
        "LSTM and GRU forecast visitors better than a plain RNN.",
        (
            *(
                Scores("website_visitors", cell, "rnn", "less", f"{cell.upper()}, {ahead}", f"rmse_{days}")
                for cell in ("lstm", "gru")
                for days, ahead in AHEAD.items()
            ),
            Scores("page_views", "lstm", "rnn", "less", "LSTM, page views"),
            Scores("page_views", "gru", "rnn", "less", "GRU, page views"),
        ),
        depends_on="how far ahead",
    ),
    Claim(
        "An LSTM forecasts visitors better than a GRU.",
        (
            *(
                Scores("website_visitors", "lstm", "gru", "less", ahead, f"rmse_{days}")
                for days, ahead in AHEAD.items()
            ),
            Scores("page_views", "lstm", "gru", "less", "page views, a year ahead"),
        ),
        depends_on="how far ahead",
    ),
)
