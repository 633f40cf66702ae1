"""Names: a character LSTM reads first names from all over the world, and makes up more of them.

It reads one letter after another and tells the next from what it remembers; the end of a line is
a letter too, so it also learns where names end. What it makes up is not in the list. One name in
ten is kept from it, to be validated on.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.core.philox import permutation
from rushlight.data import CharTokenizer, DataLoader, names
from rushlight.llm import Sampler, TextGenerator
from rushlight.models import RecurrentLM
from rushlight.recipes import Run, facts_of
from rushlight.recipes.shakespeare import pieces

END = "\n"  # of a name
BLOCK = 32  # letters in a piece of the list, about five names
BATCH = 64
EVERY = 50  # steps in an epoch
ORDERS = 10  # in which the list is read
MADE_UP = 20  # names, at the end


def build(tokenizer: CharTokenizer) -> RecurrentLM:
    """Return the network: letters (batch, time) to scores of the next (batch, time, letters)."""
    return RecurrentLM(len(tokenizer), width=32, hidden=128, kind="lstm", dropout=0.4)


def divide(seed: int) -> tuple[list[str], list[str]]:
    """Return the names to learn from, and one in ten to be validated on."""
    known = names.load()
    shuffled = [known[place] for place in permutation(len(known), (seed, 0))]
    held = len(known) // 10
    return shuffled[held:], shuffled[:held]


def as_text(some: list[str], orders: int) -> str:
    """Return names one a line, all of them in one order after another.

    Which name comes after which says nothing, and so that this is not learnt there are many.
    """
    lines = [
        some[place] for number in range(orders) for place in permutation(len(some), (1, number))
    ]
    return END + "".join(name + END for name in lines)


def made_up(model: RecurrentLM, tokenizer: CharTokenizer, count: int, seed: int = 0) -> list[str]:
    """Return names that the network makes up and that are in no list, each once."""
    known = set(names.load())
    letters = TextGenerator(model, tokenizer).write(END, 40 * count, Sampler(0.8, seed=seed))
    lines = "".join(letters).split(END)[:-1]  # the last one may not be whole
    new = [name for name in dict.fromkeys(lines) if name and name not in known]
    return new[:count]


def train(
    steps: Annotated[int, "how many"] = 400,
    seed: Annotated[int, "of the first weights, the names kept back and the dropout"] = 0,
    **options: Any,
) -> Run:
    """Train on pieces of the list, then make names up."""
    rl.manual_seed(seed)
    learn, held = divide(seed)
    tokenizer = CharTokenizer.build([END, *names.load()])
    letters, others = (tokenizer.encode(as_text(one, ORDERS)) for one in (learn, held))
    epochs = max(1, steps // EVERY)
    batches = -(-steps // epochs)
    data = DataLoader(pieces(letters, BLOCK), BATCH, replacement=True, batches=batches, seed=seed)
    validation = DataLoader(pieces(others, BLOCK, step=BLOCK), BATCH)
    model = build(tokenizer)
    optimizer = rl.optim.AdamW(model.parameters(), lr=0.008)
    history = rl.fit(
        model,
        data,
        optimizer=optimizer,
        schedule=rl.optim.CosineLR(optimizer, epochs * batches),
        epochs=epochs,
        validation=validation,
        **options,
    )
    sample = "\n".join(made_up(model, tokenizer, MADE_UP, seed))
    task = {"kind": "text-generator", **tokenizer.to_task()}
    return Run(model, task, facts_of(history, seed=seed, sample=sample))
