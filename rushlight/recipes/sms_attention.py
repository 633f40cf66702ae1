"""Spam or not, with attention: the words of a message look at each other before it is judged.

The messages, their tokens and the measure are those of the recipe `sms`. There, what a word adds is
the same in every message; here it also depends on what the word finds where it looks.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Ragged, Vocabulary, sms
from rushlight.models import AttentionClassifier
from rushlight.recipes import Run, facts_of
from rushlight.recipes.sms import KNOWN, MEASURES, TOKENS, divide, texts_at

EPOCHS = 40
LONGEST = 200  # words, marks and pairs that are read of a message in training
BUCKETS = 4  # widths of rows of words


def build(words: int) -> AttentionClassifier:
    """Return the network: numbers of words (messages, words) to scores (messages, 2)."""
    return AttentionClassifier(words, len(sms.LABELS), width=16, heads=1, dropout=0.3)


def rows(vocabulary: Vocabulary, messages: Dataset, longest: int | None = None) -> Dataset:
    """Return messages as numbers of words, and their labels."""
    positions, labels = messages.arrays
    words = [vocabulary.encode(text)[:longest] for text in texts_at(positions)]
    return Dataset(Ragged(words), labels)


def only_words(ids: Any, _lengths: Any, labels: Any) -> Any:
    """Return a batch without lengths: to this network, padding is a word that nobody looks at."""
    return ids, labels


def optimizer_of(model: AttentionClassifier) -> rl.optim.SGD:
    """Return steps of SGD, smaller for attention, whose output is a product of words."""
    others = [*model.embedding.parameters(), *model.out.parameters()]
    attention = list(model.attention.parameters())
    return rl.optim.SGD([{"params": others, "lr": 1.0}, {"params": attention, "lr": 0.3}])


def learn(
    messages: Dataset, epochs: int = EPOCHS, seed: int = 0, **options: Any
) -> tuple[AttentionClassifier, Vocabulary, rl.History]:
    """Return a network that has learnt from messages, its vocabulary, and what happened."""
    rl.manual_seed(seed)
    texts = texts_at(messages.arrays[0])
    vocabulary = Vocabulary.build(texts, max_size=KNOWN, tokenizer=TOKENS)
    loader = DataLoader(
        rows(vocabulary, messages, LONGEST),
        batch_size=32,
        shuffle=True,
        seed=seed,
        buckets=BUCKETS,
        prepare=only_words,
    )
    model = build(len(vocabulary))
    optimizer = optimizer_of(model)
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, epochs * len(loader)),
        clip_norm=1.0,
        epochs=epochs,
        **options,
    )
    return model, vocabulary, history


def answers(model: rl.nn.Module, vocabulary: Vocabulary, messages: Dataset) -> Any:
    """Return the scores of messages, (n, 2)."""
    loader = DataLoader(rows(vocabulary, messages), 64, buckets=BUCKETS, prepare=only_words)
    return rl.predict(model, loader).outputs


def train(
    epochs: Annotated[int, "how often each message is seen"] = EPOCHS,
    seed: Annotated[int, "of the first weights, the order and the words hidden"] = 0,
    division: Annotated[int, "which of many random divisions into training and test part"] = 0,
    **options: Any,
) -> Run:
    """Train on 4,460 messages, then count what it gets right of the 1,114 others."""
    known, strangers = divide(division)
    model, vocabulary, history = learn(known, epochs, seed, **options)
    scores, labels = answers(model, vocabulary, strangers), strangers.arrays[1]
    tested = {f"test_{measure.__name__}": measure(scores, labels) for measure in MEASURES}
    facts = facts_of(history, seed=seed, division=division, **tested)
    task = {"kind": "text-classifier", "labels": list(sms.LABELS), **vocabulary.to_task()}
    return Run(model, task, facts)
