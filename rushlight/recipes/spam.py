"""Spam or not: forty short sentences, one a step.

Words become vectors, a sentence the mean of its words' vectors, and the mean a verdict. After
each sentence every weight moves a little against its gradient.
"""

from typing import Annotated, Any

import numpy as np

import rushlight as rl
from rushlight.data import DataLoader, Dataset, Ragged, Vocabulary
from rushlight.recipes import Run, facts_of

SPAM = [
    "Win a free prize now",
    "Claim your cash reward today",
    "Congratulations you won a free iPhone",
    "Click here to win money",
    "Limited offer buy now and save",
    "You have been selected for a free cruise",
    "Earn money fast from home",
    "Free entry win a holiday click the link",
    "Urgent your account won a bonus",
    "Get cheap loans now click here",
    "Double your money in one week",
    "Exclusive offer free gift card inside",
    "Act now to claim your free prize",
    "Lowest price pills order now",
    "Winner click to claim your iPhone",
]
HAM = [
    "Hello my friend how are you",
    "See you tomorrow at the office",
    "Can we meet for lunch today",
    "Thanks for your help yesterday",
    "The meeting is moved to three",
    "Happy birthday have a lovely day",
    "Please send me the report",
    "I will call you tomorrow evening",
    "Are you coming to dinner tonight",
    "Let us walk the dog in the park",
    "Good morning did you sleep well",
    "My train is late see you soon",
    "The children are at school",
    "Do you want to watch a film",
    "I left the keys on the table",
    "Hello mum I am home safe",
    "We are out of milk and bread",
    "Your friend from class said hello",
    "What time does the game start",
    "Could you water the plants please",
    "It was nice to see you",
    "Let me know when you arrive",
    "The doctor can see you on Monday",
    "I enjoyed the book you gave me",
    "See you at the station tomorrow",
]
SAMPLES = ["Win money now", "Free iPhone click", "Hello friend", "See you tomorrow"]


def build(words: int, hidden: int, word_dropout: float) -> rl.nn.Sequential:
    """Return the network: word numbers (sentences, words) to scores (sentences, 2)."""
    layers: list[rl.nn.Module] = [rl.nn.EmbeddingBag(words, 16)]
    if word_dropout:
        layers.insert(0, rl.nn.WordDropout(word_dropout, sentences=word_dropout / 4))
    if hidden:
        layers += [rl.nn.Linear(16, hidden), rl.nn.ReLU()]
    return rl.nn.Sequential(*layers, rl.nn.Linear(hidden or 16, 2))


def train(
    epochs: Annotated[int, "how often each sentence is seen"] = 300,
    seed: Annotated[int, "of the first weights, the order and the hidden words"] = 0,
    hidden: Annotated[int, "units of a ReLU layer in between; 0 for none"] = 0,
    word_dropout: Annotated[float, "share of words hidden in training; 0 for a plain run"] = 0.2,
    **options: Any,
) -> Run:
    """Train the filter.

    Hidden words read as the unknown word, which so learns to say little; and the steps shorten
    towards the end, or the last sentence that was all hidden would have the last word.
    """
    rl.manual_seed(seed)
    sentences = SPAM + HAM
    labels = np.array([1] * len(SPAM) + [0] * len(HAM))
    vocabulary = Vocabulary.build(sentences)

    data = Dataset(Ragged([vocabulary.encode(sentence) for sentence in sentences]), labels)
    model = build(len(vocabulary), hidden, word_dropout)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    steps = max(1, epochs * len(data))
    history = rl.fit(
        model,
        DataLoader(data, batch_size=1, shuffle=True, seed=seed),
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, steps, low=0.002) if word_dropout else None,
        epochs=epochs,
        **options,
    )
    clean = DataLoader(data, batch_size=1)
    loss, accuracy = rl.evaluate(model, clean, rl.nn.functional.cross_entropy)
    facts = facts_of(history, seed=seed, clean_loss=loss, clean_accuracy=accuracy)
    task = {"kind": "text-classifier", "labels": ["HAM", "SPAM"], **vocabulary.to_task()}
    return Run(model, task, facts)
