"""The spam filter: 300 epochs of 40 steps, one sentence each.

An embedding of 16, the mean of a sentence's words, a linear layer to two scores, cross entropy,
SGD. Every side is given the sentences as arrays of word numbers; a whole process of ours makes
those first.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import rushlight as rl
from benchmarks.native import Watched, need_driven
from benchmarks.sides import ROOT, TORCH, Figures, Measure, Task, check_loss, threads
from rushlight.data import Dataset, Ragged, Vocabulary
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
    train(quick)
    steps, whole = train(quick)
    program = f"from benchmarks.spam import train; train({quick})"
    return {"steps": steps, "fit": whole, "process": seconds_of("-c", program)}


def eager(quick: bool) -> Figures:
    return {"fit": train(quick, compiled=False)[1]}


def train(quick: bool, compiled: bool = True) -> tuple[float, float]:
    """Return the seconds of the steps inside `fit`, and of `fit` with tracing and all."""
    rl.manual_seed(0)
    epochs, limit = sizes(quick)
    words, count = numbers()
    data = Watched(Dataset(Ragged(words), np.array(LABELS)), batch_size=1, shuffle=True)
    started = time.perf_counter()
    model = spam.build(count, hidden=0, word_dropout=0.0)
    history = rl.fit(
        model,
        data,
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.SGD(model.parameters(), lr=RATE),
        epochs=epochs,
        progress=False,
        compiled=compiled,
    )
    ended = time.perf_counter()
    check_loss(history.last.loss, limit, quick)
    return ended - (need_driven(data) if compiled else started), ended - started


def pytorch(quick: bool) -> Figures:
    import torch

    from benchmarks.spam_pytorch import train

    torch.set_num_threads(threads())
    epochs, limit = sizes(quick)
    words, _ = numbers()
    train(words, LABELS, 2)
    seconds, loss = train(words, LABELS, epochs)
    check_loss(loss, limit, quick)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentences.npz"
        ends = np.cumsum([len(ids) for ids in words])
        np.savez(path, words=np.concatenate(words), ends=ends, labels=LABELS)
        process = seconds_of("-m", "benchmarks.spam_pytorch", str(path), str(epochs))
    return {"steps": seconds, "fit": seconds, "process": process}


def seconds_of(*arguments: str) -> float:
    """Return the seconds that a whole Python process takes."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)
    return time.perf_counter() - started


def by_hand(quick: bool) -> Figures:
    epochs, limit = sizes(quick)
    words, count = numbers()
    random = np.random.default_rng(0)
    table = random.standard_normal((count, WIDTH), np.float32)
    bound = WIDTH**-0.5
    weight = random.uniform(-bound, bound, (WIDTH, 2)).astype(np.float32)
    bias = random.uniform(-bound, bound, 2).astype(np.float32)
    rate = np.float32(RATE)
    started = time.perf_counter()
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
    return {"steps": seconds, "fit": seconds}


TASK = Task(
    {"ours": ours, "eager": eager, TORCH: pytorch, "NumPy": by_hand},
    (
        Measure("12,000 steps inside fit", "s", "steps", "ours", (TORCH, "NumPy")),
        Measure("a second fit, traced anew", "s", "fit", "ours", (TORCH, "NumPy")),
        Measure("the whole process, warm cache", "s", "process", "ours", (TORCH,)),
        Measure("op by op", "s", "fit", "eager", (TORCH, "NumPy")),
    ),
    once=("eager",),
)
