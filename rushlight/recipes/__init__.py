"""The recipes: short programs that each train one network, written to be read.

A recipe is a module with a `train` function; its parameters are the options of
`rushlight train NAME`, and its module's docstring what the command line says about it.
"""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.core.errors import UsageError, did_you_mean
from rushlight.core.lazy import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from rushlight.nn.module import Module
    from rushlight.train.history import History


@dataclass
class Run:
    """What a recipe gives back: the network, what it takes to use it, and what to say of it."""

    model: "Module"
    task: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


def facts_of(history: "History", **more: Any) -> dict[str, Any]:
    """Return what is said of a training: its epochs, its last figures, and what else is given."""
    last = history.last
    facts = {"epochs": len(history), "train_loss": last.loss, "train_accuracy": last.accuracy}
    if last.validation_loss is not None:
        facts["validation_loss"] = last.validation_loss
        facts["validation_accuracy"] = last.validation_accuracy
    return facts | more


def recipes() -> dict[str, str]:
    """Return the name and the first line of each recipe, without importing any.

    >>> recipes()["spam"]
    'Spam or not: forty short sentences, one a step.'
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        found[path.stem.replace("_", "-")] = text.partition("\n")[0]
    return found


def recipe(name: str) -> "Callable[..., Run]":
    """Return the `train` function of a recipe."""
    known = recipes()
    if name not in known:
        raise UsageError(f"there is no recipe {name!r}", hint=did_you_mean(name, known))
    train: Callable[..., Run] = load(f"rushlight.recipes.{name.replace('-', '_')}").train
    return train
