"""The spam filter: 300 epochs of 40 steps, one sentence each.

An embedding of 16, the mean of a sentence's words, a linear layer to two scores, cross entropy,
SGD. Every side is given the sentences as arrays of word numbers.
"""

import time

import numpy as np

import rushlight as rl
from benchmarks.sides import THREADS, TORCH, Figures, Measure, Task, check_loss
from rushlight.data import DataLoader, Dataset, Vocabulary
from rushlight.recipes import spam

WIDTH, RATE = 16, 0.1
SENTENCES = spam.SPAM + spam.HAM
LABELS = [1] * len(spam.SPAM) + [0] * len(spam.HAM)


def sizes(quick: bool) -> tuple[int, float]:
    """Return the epochs, and below what the mean loss of the last one must be."""
    return (2, 10.0) if quick else (300, 0.0012)


def numbers() -> tuple[list[np.ndarray], int]:
    """Return the word numbers of each sentence, and how many words there are."""
    vocabulary = Vocabulary.build(SENTENCES)
    return [vocabulary.encode(sentence) for sentence in SENTENCES], len(vocabulary)


def ours(quick: bool) -> Figures:
    return {"first": ours_once(quick), "again": ours_once(quick)}


def eager(quick: bool) -> Figures:
    return {"again": ours_once(quick, compiled=False)}


def ours_once(quick: bool, compiled: bool = True) -> float:
    rl.manual_seed(0)
    epochs, limit = sizes(quick)
    words, count = numbers()
    bags = [ids[None] for ids in words]
    data = Dataset(np.arange(len(words)), np.array(LABELS))
    started = time.perf_counter()
    model = spam.build(count, hidden=0, word_dropout=0.0)
    history = rl.fit(
        model,
        DataLoader(data, 1, shuffle=True, transform=lambda index, label: (bags[index[0]], label)),
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.SGD(model.parameters(), lr=RATE),
        epochs=epochs,
        progress=False,
        compiled=compiled,
    )
    seconds = time.perf_counter() - started
    check_loss(history.last.loss, limit, quick)
    return seconds


def pytorch(quick: bool) -> Figures:
    return {"first": pytorch_once(quick), "again": pytorch_once(quick)}


def pytorch_once(quick: bool) -> float:
    import torch

    class Filter(torch.nn.Module):  # a little quicker than EmbeddingBag
        def __init__(self, count: int) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(count, WIDTH)
            self.scores = torch.nn.Linear(WIDTH, 2)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.scores(self.words(ids).mean(1))

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    epochs, limit = sizes(quick)
    words, count = numbers()
    bags = [torch.from_numpy(ids)[None] for ids in words]
    labels = [torch.tensor([label]) for label in LABELS]
    started = time.perf_counter()
    model = Filter(count)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for _ in range(epochs):
        total = 0.0
        for index in torch.randperm(len(bags)).tolist():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(bags[index]), labels[index])
            loss.backward()
            optimizer.step()
            total += loss.item()
    seconds = time.perf_counter() - started
    check_loss(total / len(bags), limit, quick)
    return seconds


def by_hand(quick: bool) -> Figures:
    return {"first": by_hand_once(quick), "again": by_hand_once(quick)}


def by_hand_once(quick: bool) -> float:
    epochs, limit = sizes(quick)
    words, count = numbers()
    started = time.perf_counter()
    random = np.random.default_rng(0)
    table = random.standard_normal((count, WIDTH), np.float32)
    bound = WIDTH**-0.5
    weight = random.uniform(-bound, bound, (WIDTH, 2)).astype(np.float32)
    bias = random.uniform(-bound, bound, 2).astype(np.float32)
    rate = np.float32(RATE)
    for _ in range(epochs):
        total = 0.0
        for index in random.permutation(len(words)).tolist():
            ids, label = words[index], LABELS[index]
            mean = table[ids].sum(0) / np.float32(len(ids))
            scores = mean @ weight + bias
            scores -= scores.max()
            g = np.exp(scores)
            g /= g.sum()
            total -= float(np.log(g[label]))
            g[label] -= 1.0
            g *= rate
            g_mean = weight @ g
            weight -= mean[:, None] * g
            bias -= g
            np.subtract.at(table, ids, g_mean / np.float32(len(ids)))
    seconds = time.perf_counter() - started
    check_loss(total / len(words), limit, quick)
    return seconds


TASK = Task(
    {"ours": ours, "eager": eager, TORCH: pytorch, "NumPy": by_hand},
    (
        Measure("300 epochs, first fit of a process", "s", "first", "ours", (TORCH, "NumPy")),
        Measure("300 epochs, second fit", "s", "again", "ours", (TORCH, "NumPy")),
        Measure("300 epochs, op by op", "s", "again", "eager", (TORCH, "NumPy")),
    ),
)
