"""Translation with an encoder-decoder over subwords that both languages share, as a task for the common loop.

The subwords are learned from the training pairs. The checkpoint is chosen by BLEU of greedy translations of the
validation pairs; the test pairs are translated by beam search and greedily, once, at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from lstm_gru.bleu import bleu
from lstm_gru.config import TrainConfig, require
from lstm_gru.data.corpora import Corpus, CorpusConfig, load_corpus
from lstm_gru.data.subwords import Tokenizer, train_bpe
from lstm_gru.data.token_batches import TokenBatches, choose_boundaries, pair_batches
from lstm_gru.files import write_bytes
from lstm_gru.inside import look
from lstm_gru.lengths import valid_steps
from lstm_gru.losses import cross_entropy
from lstm_gru.models.seq2seq import Seq2SeqConfig
from lstm_gru.models.transformer import TransformerConfig
from lstm_gru.plots import alignment
from lstm_gru.task import Batch, Inside, Params, Split, Task, kept, numbered
from lstm_gru.tasks.translated import TranslatedPair, pairs_path, perplexity, scores, write_pairs
from lstm_gru.translator import ROWS, WIDTHS, ModelConfig, SearchConfig, Translation, Translator, translation_model

TOKENIZER_FILE = "tokenizer.model"
ALIGNMENT_FILE = "alignment.png"
GREEDY = SearchConfig(beam=1)
ALIGNED_WORDS = (9, 14)  # Length of the sentence whose alignment is drawn: telling, and small enough to read.
ARCHITECTURES: dict[str, type[ModelConfig]] = {"recurrent": Seq2SeqConfig, "transformer": TransformerConfig}


@dataclass(frozen=True)
class TextConfig:
    """How sentences become batches, and what is asked of the model."""

    vocabulary_size: int = 4000
    """Subwords of both languages together."""
    tokens_per_batch: int = 2048
    """Largest number of target tokens in a batch, padding included."""
    shapes: int = 8
    """Largest number of different shapes of batches; each is compiled once."""
    max_length: int = 64
    """Most subwords of either side of a training pair; longer pairs are left out of training."""
    label_smoothing: float = 0.1
    """Share ε of the probability that is asked for all tokens alike."""

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
          InputError: naming the field, its value and the range.
        """
        for name in ("vocabulary_size", "shapes", "max_length"):
            require(self, name, low=1)
        require(self, "tokens_per_batch", low=self.max_length)
        require(self, "label_smoothing", low=0, below=1)


@dataclass(frozen=True)
class RecurrentTranslation:
    """Everything that a run with a recurrent model can change."""

    model: Seq2SeqConfig = field(default_factory=Seq2SeqConfig)
    data: Annotated[CorpusConfig, tyro.conf.arg(name="")] = field(default_factory=CorpusConfig)
    text: TextConfig = field(default_factory=TextConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class TransformerTranslation:
    """Everything that a run with the Transformer can change."""

    model: TransformerConfig = field(default_factory=TransformerConfig)
    data: Annotated[CorpusConfig, tyro.conf.arg(name="")] = field(default_factory=CorpusConfig)
    text: TextConfig = field(default_factory=TextConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


TranslationConfig = RecurrentTranslation | TransformerTranslation


def few_pairs(config: TranslationConfig) -> TranslationConfig:
    """Return the configuration of a run to try things out: batches of one shape, and few pairs to score."""
    data, text = replace(config.data, most_scored=2), replace(config.text, shapes=1)
    return replace(config, data=data, text=text, search=replace(config.search, beam=2))


@dataclass(frozen=True)
class Encoded:
    """A corpus as subword ids, without marks of start and end.

    Attributes:
      corpus: the sentences.
      tokenizer: its subwords.
      ids: of each split, those of the source and of the target sentences.
      boundaries: widths of the training batches.
    """

    corpus: Corpus
    tokenizer: Tokenizer
    ids: dict[str, tuple[list[list[int]], list[list[int]]]]
    boundaries: tuple[int, ...]

    def batches(self, config: TextConfig, seed: int) -> TokenBatches:
        """Return the training batches."""
        options = {"boundaries": self.boundaries, "tokens_per_batch": config.tokens_per_batch, "seed": seed}
        return TokenBatches(*self.ids["train"], **options)


@cache  # All models of an experiment read the same corpus.
def encoded(data: CorpusConfig, text: TextConfig) -> Encoded:
    """Return a corpus with subwords learned from its training pairs.

    Raises:
      InputError: when files cannot be read, or hold too little for so many subwords.
    """
    corpus = load_corpus(data)
    train = corpus.splits["train"]
    tokenizer = train_bpe(train.src, train.trg, vocabulary_size=text.vocabulary_size)
    ids = {name: (tokenizer.encode(split.src), tokenizer.encode(split.trg)) for name, split in corpus.splits.items()}
    boundaries = choose_boundaries(*ids["train"], shapes=text.shapes, max_length=text.max_length)
    return Encoded(corpus, tokenizer, ids, boundaries)


def translation(config: TranslationConfig, settings: Mapping[str, Any]) -> Task:
    """Return the task of translating a corpus.

    Args:
      config: settings; ``config.train.seed`` decides the batches.
      settings: JSON values that name the run, kept in its directory beside the configuration.

    Raises:
      InputError: when the corpus cannot be read, or is too small.
    """
    data = encoded(config.data, config.text)
    corpus, tokenizer = data.corpus, data.tokenizer
    batches = data.batches(config.text, config.train.seed)
    init, loss, token_losses = _functions(config.model, tokenizer.vocabulary_size, config.text.label_smoothing)

    def forced(params: Params, split: str) -> np.ndarray:
        """Of each pair the negative log-likelihood of the target in nats, and its subwords; ``[N, 2]``."""
        sums = np.zeros((len(corpus.splits[split]), 2))
        for lines, batch in pair_batches(*data.ids[split], rows=ROWS, boundaries=WIDTHS):
            sums[lines] = np.stack([token_losses(params, batch), batch["trg_lengths"]], axis=-1)[: len(lines)]
        return sums

    @kept
    def translated(params: Params) -> dict[str, list[TranslatedPair]]:
        """All splits that are only tested."""
        translator = Translator(config.model, params, tokenizer)
        return {
            name: _translate(translator, corpus, name, config.search, forced(params, name)) for name in corpus.tested
        }

    def evaluate(params: Params, split: Split) -> dict[str, float]:
        if split == "test":
            return scores(translated(params)["test"])
        greedy = _best(Translator(config.model, params, tokenizer), corpus.splits["valid"].src, GREEDY)
        return {
            "perplexity": perplexity(forced(params, "valid")),
            "bleu": bleu([best.text for best in greedy], corpus.splits["valid"].trg, lowercase=True).value,
        }

    def finish(params: Params, run_dir: Path) -> None:
        for split, rows in translated(params).items():
            write_pairs(pairs_path(run_dir, split), rows)
        write_bytes(run_dir / TOKENIZER_FILE, tokenizer.model)
        translator = Translator(config.model, params, tokenizer)
        if translator.attends:
            draw_alignment(run_dir / ALIGNMENT_FILE, translator, translated(params)["test"])

    def inside(params: Params, number: int) -> Inside:
        sentence = numbered(corpus.splits["test"].src, number, "test sentences")
        [ids] = tokenizer.encode([sentence])
        model = translation_model(config.model, tokenizer.vocabulary_size)
        record = model.apply(params, np.array([ids]), method="record")
        return look(f"encoder, sentence {number} of the test", tokenizer.pieces(ids), record)

    return Task(
        init=init,
        batch=batches.batch,
        loss=loss,
        evaluate=evaluate,
        selects=("valid_bleu", "max"),
        finish=finish,
        inside=inside if isinstance(config, RecurrentTranslation) else None,
        settings={
            **settings,
            "task": "translation",
            "data": {**corpus.settings, "too_long_to_train_on": batches.left_out},
            "subwords": tokenizer.settings,
            "architecture": _architecture(config.model),
            "model": asdict(config.model),
            "text": asdict(config.text),
            "search": asdict(config.search),
        },
    )


def draw_alignment(path: Path, translator: Translator, pairs: Sequence[TranslatedPair]) -> None:
    """Draw the attention of the first translation that is long enough to tell something and short enough to read."""
    low, high = ALIGNED_WORDS
    words = [len(pair.src.split()) for pair in pairs]
    pair = pairs[int(np.argmin([max(low - count, count - high, 0) for count in words]))]  # Or of the nearest one.
    draw_attention(path, translator, pair.src, pair.beam)


def draw_attention(path: Path, translator: Translator, sentence: str, translation: str) -> None:
    """Draw the attention of a translation to its sentence, which is not empty."""
    weights, src, trg = translator.alignment(sentence, translation)
    alignment(path, title="Attention of each target subword to the source", weights=weights, src=src, trg=trg)


def _translate(
    translator: Translator, corpus: Corpus, split: str, search: SearchConfig, forced: np.ndarray
) -> list[TranslatedPair]:
    src, reference = corpus.splits[split].src, corpus.splits[split].trg
    greedy = (best.text for best in _best(translator, src, GREEDY))
    nats, subwords = forced[:, 0].tolist(), forced[:, 1].astype(int).tolist()
    labels = corpus.labels.get(split, ((),) * len(src))
    columns = zip(src, reference, _best(translator, src, search), greedy, nats, subwords, labels, strict=True)
    return [TranslatedPair(s, r, *best, *rest) for s, r, best, *rest in columns]


def _best(translator: Translator, src: Sequence[str], search: SearchConfig) -> list[Translation]:
    return [found[0] for found in translator.translate(src, search)]


def _architecture(config: ModelConfig) -> str:
    return next(name for name, kind in ARCHITECTURES.items() if isinstance(config, kind))


@cache  # Runs of one configuration share these functions, and so what is compiled of them.
def _functions(config: ModelConfig, vocabulary_size: int, smoothing: float) -> tuple[Any, Any, Any]:
    model = translation_model(config, vocabulary_size)

    def logits_and_weight(params: Params, batch: Batch, key: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        inputs = (batch[name] for name in ("src", "src_lengths", "trg_in", "trg_lengths"))
        logits = model.apply(params, *inputs, key)
        return logits, valid_steps(batch["trg_lengths"], logits.shape[1]).astype(jnp.float32)

    def loss(params: Params, batch: Batch, key: jax.Array) -> tuple[Any, Any]:
        logits, weight = logits_and_weight(params, batch, key)
        return cross_entropy(logits, batch["trg_out"], weight, smoothing), {
            "nats": cross_entropy(logits, batch["trg_out"], weight)
        }

    def token_losses(params: Params, batch: Batch) -> jax.Array:
        """Of each row the negative log-likelihood of its target, ``[B]``."""
        logits, weight = logits_and_weight(params, batch, None)
        return jax.vmap(lambda *row: cross_entropy(*row)[0])(logits, batch["trg_out"], weight)

    return jax.jit(model.init), loss, jax.jit(token_losses)
