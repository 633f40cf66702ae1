"""Shakespeare: a small GPT learns to write like him, one character after another.

Four blocks of attention read the last 64 characters of his plays and tell what comes next; what
they say is compared with what he wrote. The first nine tenths of the text are to learn from, the
rest to be validated on. With `--large` six blocks read 256 characters, which takes hours; give it
`--checkpoint FOLDER`, and it goes on with `--resume` wherever it was stopped.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import rushlight as rl
from rushlight.data import CharTokenizer, DataLoader, Dataset, shakespeare, windows
from rushlight.llm import Sampler, TextGenerator
from rushlight.models import GPT
from rushlight.recipes import Run, facts_of

LEARNT = 0.9  # the share of the text that is learnt from
WARMUP = 100  # steps
EVERY = 100  # steps in an epoch, after which progress is told and a checkpoint written
SAMPLE = 500  # characters, which are written at the end


@dataclass(frozen=True)
class Size:
    """How large the network is, and how it is trained."""

    layers: int
    heads: int
    width: int
    block: int  # characters in a window
    batch: int  # windows in a step
    steps: int
    dropout: float


SMALL = Size(layers=4, heads=4, width=128, block=64, batch=12, steps=2000, dropout=0.0)
LARGE = Size(layers=6, heads=6, width=384, block=256, batch=64, steps=5000, dropout=0.2)


def pieces(ids: Any, block: int, step: int = 1) -> Dataset:
    """Return the windows of a text, and with each the same window one character later."""
    return Dataset(windows(ids[:-1], block, step), windows(ids[1:], block, step))


def adamw(model: GPT, steps: int) -> tuple[rl.optim.AdamW, rl.optim.Schedule]:
    """Return the optimiser, and what makes its rate rise, then fall along a cosine.

    Matrices decay, the weights of norms do not.
    """
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if weight.ndim != 2]
    optimizer = rl.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.99),
    )
    cosine = rl.optim.CosineLR(optimizer, max(1, steps - WARMUP), low=1e-4)
    return optimizer, rl.optim.warmup(cosine, min(WARMUP, steps))


def train(
    steps: Annotated[int | None, "how many (default: 2,000; with --large 5,000)"] = None,
    seed: Annotated[int, "of the first weights, the windows drawn and the dropout"] = 0,
    large: Annotated[bool, "six blocks, 384 wide, that look back on 256 characters"] = False,
    **options: Any,
) -> Run:
    """Train on windows drawn at random, then say how well the rest of the text is told."""
    rl.manual_seed(seed)
    size = LARGE if large else SMALL
    text = shakespeare.load()
    tokenizer = CharTokenizer.build([text])
    ids = tokenizer.encode(text).astype("uint8")  # 65 characters
    cut = int(LEARNT * len(ids))
    model = GPT(len(tokenizer), size.layers, size.heads, size.width, size.block, size.dropout)
    steps = size.steps if steps is None else steps
    epochs = max(1, steps // EVERY)
    batches = -(-steps // epochs)
    data = DataLoader(
        pieces(ids[:cut], size.block),
        size.batch,
        replacement=True,
        batches=batches,
        seed=seed,
    )
    held = DataLoader(pieces(ids[cut:], size.block, step=size.block), batch_size=16)
    optimizer, schedule = adamw(model, epochs * batches)
    history = rl.fit(
        model,
        data,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs,
        validation=held if large else None,
        restore_best=large,
        clip_norm=1.0,
        **options,
    )
    loss, _ = rl.evaluate(model, held)
    writer = TextGenerator(model, tokenizer)
    sample = "".join(writer.write("\n", SAMPLE, Sampler(temperature=0.8, seed=seed)))
    facts = facts_of(history, seed=seed, validation_loss=loss, sample=sample)
    return Run(model, {"kind": "text-generator", **tokenizer.to_task()}, facts)
