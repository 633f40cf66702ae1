"""Spam or not: 5,574 real text messages, four of every five to learn from.

A message is a bag of its words, marks, and pairs of neighbours; every digit reads as 0, so that a
telephone number is told by its length. Each has a vector of 16 numbers, a message is their sum
over the square root of how many there are, and a linear layer makes the verdict.
"""

from typing import Annotated, Any

import numpy as np

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Tokenizer, Vocabulary, pad, sms, split
from rushlight.recipes import Run, facts_of

TOKENS = Tokenizer(punctuation=True, ngrams=(1, 2), fold_digits=True)
KNOWN = 10_000  # words, marks and pairs
EPOCHS = 40
LONGEST = 128  # of which are read of a message in training
MEASURES = (rl.metrics.accuracy, rl.metrics.precision, rl.metrics.recall, rl.metrics.f1)


def build() -> rl.nn.Sequential:
    """Return the network: numbers of words (messages, words) to scores (messages, 2).

    Half of the words are left out at random in training, so that no verdict hangs on one of them.
    Vectors begin as zeros: a word of which training says little goes on saying little.
    """
    return rl.nn.Sequential(
        rl.nn.WordDropout(0.5),
        rl.nn.EmbeddingBag(KNOWN, 16, mode="sqrtn", init="zeros", padding=0),
        rl.nn.Linear(16, 2),
    )


def divide(number: int) -> tuple[Dataset, Dataset]:
    """Return positions and labels of the messages to learn from, and of those to be tested on.

    A fifth of the spam and a fifth of the rest are for the test.
    """
    labels = np.array([sms.LABELS.index(label) for label, _ in sms.load()])
    messages = Dataset(np.arange(len(labels)), labels)
    learn, test = split(messages, [0.8, 0.2], seed=number, stratify=-1)
    return learn, test


def learn(
    messages: Dataset, epochs: int = EPOCHS, seed: int = 0, **options: Any
) -> tuple[rl.nn.Module, Vocabulary, rl.History]:
    """Return a network that has learnt from messages, its vocabulary, and what happened."""
    rl.manual_seed(seed)
    positions, labels = messages.arrays
    texts = texts_at(positions)
    vocabulary = Vocabulary.build(texts, max_size=KNOWN, tokenizer=TOKENS)
    ids, _ = pad([vocabulary.encode(text) for text in texts], LONGEST)
    loader = DataLoader(Dataset(ids, labels), batch_size=32, shuffle=True, seed=seed)
    model = build()
    optimizer = rl.optim.SGD(model.parameters(), lr=1.0)
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, epochs * len(loader)),
        epochs=epochs,
        **options,
    )
    return model, vocabulary, history


def answers(model: rl.nn.Module, vocabulary: Vocabulary, messages: Dataset) -> Any:
    """Return the scores of messages, (n, 2)."""
    ids, _ = pad([vocabulary.encode(text) for text in texts_at(messages.arrays[0])])
    return rl.predict(model, Dataset(ids)).outputs


def texts_at(positions: Any) -> list[str]:
    """Return messages by their positions in the collection."""
    texts = [text for _, text in sms.load()]
    return [texts[position] for position in positions]


def train(
    epochs: Annotated[int, "how often each message is seen"] = EPOCHS,
    seed: Annotated[int, "of the first weights, the order and the words left out"] = 0,
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
