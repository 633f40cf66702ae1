"""The spam filter in PyTorch: `python -m benchmarks.spam_pytorch SENTENCES.npz EPOCHS`.

A program of its own, so that its whole process can be timed with nothing of ours in it.
"""

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

WIDTH, RATE = 16, 0.1


class Filter(torch.nn.Module):  # a little quicker than EmbeddingBag
    def __init__(self, count: int) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(count, WIDTH)
        self.scores = torch.nn.Linear(WIDTH, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.scores(self.words(ids).mean(1))


def train(words: Sequence[np.ndarray], answers: Sequence[int], epochs: int) -> tuple[float, float]:
    """Return the seconds that training took, and the mean loss of the last epoch."""
    torch.manual_seed(0)
    bags = [torch.from_numpy(ids)[None] for ids in words]
    labels = [torch.tensor([label]) for label in answers]
    model = Filter(1 + max(int(ids.max()) for ids in words))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    started = time.perf_counter()
    for _ in range(epochs):
        total = 0.0
        for index in torch.randperm(len(bags)).tolist():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(bags[index]), labels[index])
            loss.backward()
            optimizer.step()
            total += loss.item()
    return time.perf_counter() - started, total / len(bags)


def main() -> None:
    path, epochs = sys.argv[1:]
    with np.load(path) as arrays:
        words = np.split(arrays["words"], arrays["ends"][:-1])
        labels = arrays["labels"].tolist()
    train(words, labels, int(epochs))


if __name__ == "__main__":
    main()
