"""Shakespeare: a small GPT that writes one character after another."""

from typing import Annotated, Any

import numpy as np

import rushlight as rl
from rushlight.data import DataLoader, Dataset, shakespeare
from rushlight.models import GPT
from rushlight.recipes import Run, facts_of

BLOCK, BATCH, STEPS = 64, 12, 2000


def windows(ids: Any, block: int, **options: Any) -> DataLoader:
    """Return batches of windows of a text: ids (batch, block) and, one later, what follows."""
    text = rl.tensor(ids)
    inside = np.arange(block + 1)

    def prepare(starts: Any) -> Any:
        rows = rl.take(text, starts.unsqueeze(1) + inside).cast("int64")
        return rows[:, :-1], rows[:, 1:]

    return DataLoader(Dataset(np.arange(len(ids) - block)), prepare=prepare, **options)


def train(
    steps: Annotated[int, "how many"] = STEPS,
    seed: Annotated[int, "of the first weights and the windows drawn"] = 0,
    **options: Any,
) -> Run:
    """Train."""
    rl.manual_seed(seed)
    text = shakespeare.load()
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    ids = np.array([number[c] for c in text], np.uint8)
    cut = int(0.9 * len(ids))
    model = GPT(len(characters), 4, 4, 128, BLOCK)
    data = windows(
        ids[:cut], BLOCK, batch_size=BATCH, replacement=True, batches=steps // 10, seed=seed
    )
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = rl.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.99),
        weight_decay=0.1,
    )
    cosine = rl.optim.CosineLR(optimizer, max(1, steps - 100), low=1e-4)
    schedule = rl.optim.warmup(cosine, 100)
    history = rl.fit(
        model, data, optimizer=optimizer, schedule=schedule, epochs=10, clip_norm=1.0, **options
    )
    held = ids[cut:]
    rows = np.arange(0, len(held) - BLOCK, BLOCK)[:, None] + np.arange(BLOCK)
    validation = DataLoader(
        Dataset(held[rows].astype(np.int64), held[rows + 1].astype(np.int64)), 64
    )
    loss, _ = rl.evaluate(model, validation)
    task = {"kind": "text-generator", "characters": "".join(characters)}
    print(write(model, characters))
    return Run(model, task, facts_of(history, validation_loss=loss))


def write(model: GPT, characters: Any, tokens: int = 300) -> str:
    """Return text that the model makes up."""
    ids = [0]
    random = np.random.default_rng(0)
    with rl.no_grad():
        for _ in range(tokens):
            scores = model(rl.tensor([ids[-model.block :]]))[0, -1]
            chances = scores.softmax().numpy().astype(np.float64)
            ids.append(int(random.choice(len(characters), p=chances / chances.sum())))
    return "".join(characters[i] for i in ids)
