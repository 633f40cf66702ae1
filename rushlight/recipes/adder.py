"""Adder: a GRU that adds numbers written as text: 12+345 gives 357.

It is told nothing of numbers. It reads the characters of a sum from right to left, as one adds on
paper, then says the digits of the result, the units first: the carry is what it must remember.
One pair of numbers in twenty is kept from it, for the test.
"""

from typing import Annotated, Any

import numpy as np

import rushlight as rl
from rushlight.core.philox import permutation
from rushlight.data import CharTokenizer, DataLoader, Dataset, Exchange
from rushlight.models import RecurrentLM
from rushlight.recipes import Run, facts_of

DIGITS = 3  # of each number, at most
LIMIT = 10**DIGITS
TESTED = LIMIT**2 // 20  # pairs that are kept for the test
SUMS = Exchange(
    CharTokenizer("+0123456789", specials=("padding", "begin")),
    question=2 * DIGITS + 1,
    answer=DIGITS + 1,
)


def build() -> RecurrentLM:
    """Return the network: ids (sums, time) to scores (sums, time, characters)."""
    return RecurrentLM(len(SUMS.tokenizer), width=16, hidden=128, kind="gru")


def draw(count: int, seed: int) -> tuple[Dataset, Dataset]:
    """Return sums to learn from, and those to be tested on, of `count` pairs drawn at random.

    Each number is below 10, 100 or 1,000, as often as the others, so that short ones come often
    too. No pair is in both parts, and none twice in the test.
    """
    generator = rl.Generator(seed)
    digits = generator.uniform((count, 2)).numpy() * DIGITS
    shares = generator.uniform((count, 2)).numpy()
    numbers = (shares * 10 ** (1 + digits.astype(np.int64))).astype(np.int64)
    tested = np.zeros(LIMIT**2, np.bool_)
    tested[permutation(len(tested), (seed, 0))[:TESTED]] = True
    kept = tested[numbers @ (LIMIT, 1)]
    return as_ids(numbers[~kept]), as_ids(np.unique(numbers[kept], axis=0))


def as_ids(pairs: Any) -> Dataset:
    """Return pairs of numbers (n, 2) as what is asked (n, 11) and what is to be said (n, 4)."""
    asked = SUMS.asked([f"{left}+{right}" for left, right in pairs.tolist()])
    answered = SUMS.answered([str(left + right) for left, right in pairs.tolist()])
    return Dataset(asked.astype(np.uint8), answered.astype(np.uint8))


def answers(scores: Any) -> Any:
    """Return the scores of the answer's characters, (sums, 4, characters)."""
    return scores[:, -SUMS.answer :]


def loss(scores: Any, answered: Any) -> rl.Tensor:
    """Return the mean cross entropy of the answer's characters."""
    return rl.nn.functional.cross_entropy(answers(scores), answered)  # type: ignore[no-any-return]


def exact(model: rl.nn.Module, sums: Dataset) -> float:
    """Return the share of sums whose answers are right in every character."""
    said = answers(rl.predict(model, sums).outputs.numpy()).argmax(-1)
    return float((said == sums.arrays[1]).all(1).mean())


def train(
    epochs: Annotated[int, "how often each sum is seen"] = 10,
    seed: Annotated[int, "of the sums, the first weights and the order"] = 0,
    sums: Annotated[int, "how many are drawn"] = 100_000,
    **options: Any,
) -> Run:
    """Train, then count how many sums of pairs that it never saw it gets right."""
    rl.manual_seed(seed)
    learn, test = draw(sums, seed)
    model = build()
    loader = DataLoader(learn, batch_size=128, shuffle=True, seed=seed)
    optimizer = rl.optim.AdamW(model.parameters(), lr=0.006)
    history = rl.fit(
        model,
        loader,
        loss=loss,
        optimizer=optimizer,
        schedule=rl.optim.OneCycleLR(optimizer, max(1, epochs * len(loader))),
        epochs=epochs,
        clip_norm=1.0,
        **options,
    )
    facts = facts_of(history, seed=seed, tested=len(test), test_accuracy=exact(model, test))
    return Run(model, {"kind": "text-to-text", **SUMS.to_task()}, facts)
