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
    learn, test = split(
        Dataset(np.arange(len(labels)), labels), [0.8, 0.2], seed=number, stratify=-1
    )
    return learn, test


def train(
    epochs: Annotated[int, "how often each message is seen"] = 40,
    seed: Annotated[int, "of the first weights, the order and the words left out"] = 0,
    division: Annotated[int, "which of many random divisions into training and test part"] = 0,
    **options: Any,
) -> Run:
    """Train on 4,459 messages, then count what it gets right of the 1,115 others."""
    rl.manual_seed(seed)
    texts = [text for _, text in sms.load()]
    learn, test = (part.arrays for part in divide(division))
    vocabulary = Vocabulary.build((texts[i] for i in learn[0]), max_size=KNOWN, tokenizer=TOKENS)

    def numbers(positions: Any, longest: int | None = None) -> Any:
        return pad([vocabulary.encode(texts[i]) for i in positions], longest)[0]

    model = build()
    data = Dataset(numbers(learn[0], LONGEST), learn[1])
    loader = DataLoader(data, batch_size=32, shuffle=True, seed=seed)
    optimizer = rl.optim.SGD(model.parameters(), lr=1.0)
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, max(1, epochs * len(loader))),
        epochs=epochs,
        **options,
    )
    scores, _ = rl.predict(model, Dataset(numbers(test[0]), test[1]))
    tested = {f"test_{measure.__name__}": measure(scores, test[1]) for measure in MEASURES}
    facts = facts_of(history, seed=seed, division=division, **tested)
    task = {"kind": "text-classifier", "labels": list(sms.LABELS), **vocabulary.to_task()}
    return Run(model, task, facts)
