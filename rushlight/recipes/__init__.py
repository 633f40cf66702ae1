"""The recipes: short programs that each train one network, written to be read.

A recipe is a module with a `train` function; its parameters are the options of
`rushlight train NAME`, and its module's docstring what the command line says about it.
"""

import ast
import importlib.util
import sys
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
    """Return the `train` function of a recipe, or of the Python file of that name, which is run.

    Raises UsageError where there is none.
    """
    if name.endswith(".py"):
        return _train_of(Path(name))
    known = recipes()
    if name not in known:
        raise UsageError(f"there is no recipe {name!r}", hint=did_you_mean(name, known))
    train: Callable[..., Run] = load(f"rushlight.recipes.{name.replace('-', '_')}").train
    return train


def _train_of(path: Path) -> "Callable[..., Run]":
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r:.200}")
    spec = importlib.util.spec_from_file_location(f"rushlight_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{str(path)!r:.200} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "train", None)):
        raise UsageError(f"{str(path)!r:.200} has no function train, as a recipe has")
    train: Callable[..., Run] = module.train
    return train
