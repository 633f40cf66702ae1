"""The labelled examples that a saved network is evaluated on: a known data set, or files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.core.errors import DataError, UsageError, did_you_mean
from rushlight.data import fashion_mnist, gestures, mnist, sms
from rushlight.data.folders import image_items, text_folder
from rushlight.data.tables import read_csv
from rushlight.predictor import KINDS, Predictor
from rushlight.recipes.gesture import TEST_WEARERS
from rushlight.recipes.sms import divide
from rushlight.recipes.spam import HAM, SPAM

TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Examples:
    """Inputs with what is right for each.

    Attributes:
        name: of the data, for people.
        inputs: texts; pictures, uint8 (n, ...); signals, float32 (n, channels, length); or
            numbers (n, inputs).
        targets: the places of the right labels among those of the network, or numbers.
        notes: what was left out.
        files: that the inputs come from, where each has one.
    """

    name: str
    inputs: Any
    targets: Any
    notes: tuple[str, ...] = ()
    files: Sequence[str] = ()


def load_examples(predictor: Predictor, data: str | None) -> Examples:
    """Return the examples that `data` names: a known data set, a file or a folder.

    Without a name, they are those that the network's recipe keeps for the test.

    Raises:
        UsageError: there is no such data, or the network takes other inputs.
        DataError, FormatError: the files are broken, or have labels that the network has not.
    """
    name = data or _of_recipe(predictor)
    kind, load = _KNOWN.get(name, (None, None))
    if kind is None or load is None:
        return _from_files(predictor, Path(name))
    if kind != predictor.kind:
        raise UsageError(f"{name} is {KINDS[kind]}, but the network takes {KINDS[predictor.kind]}")
    return load(predictor)


def _of_recipe(predictor: Predictor) -> str:
    recipe = str(predictor.training.get("recipe", ""))
    for start, name in _RECIPES.items():
        if recipe.startswith(start):
            return name
    raise UsageError(
        "the file does not say what to evaluate on" + (recipe and f": its recipe is {recipe:.40}"),
        hint=f"name the data: {', '.join(_KNOWN)}, a file or a folder",
    )


# Data sets that are known by name


def _mnist(predictor: Predictor) -> Examples:
    return _pictures(predictor, "MNIST, test part", mnist.load(), [str(n) for n in range(10)])


def _fashion(predictor: Predictor) -> Examples:
    pictures = fashion_mnist.load()
    return _pictures(predictor, "Fashion-MNIST, test part", pictures, fashion_mnist.LABELS)


def _pictures(predictor: Predictor, name: str, pictures: Any, labels: Sequence[str]) -> Examples:
    places = np.array(_places(predictor, labels, name))
    return Examples(name, pictures.test_images, places[pictures.test_labels])


def _sms(predictor: Predictor) -> Examples:
    """Return the messages that a recipe of them does not learn from; of another recipe, all."""
    labels, texts = zip(*sms.load(), strict=True)
    chosen, name = np.arange(len(texts)), "SMS Spam Collection, all messages"
    if predictor.training.get("recipe") in ("sms", "sms-attention"):
        chosen = divide(predictor.training.get("division", 0))[1].arrays[0]
        name = "SMS Spam Collection, test part"
    return _texts(predictor, name, [texts[i] for i in chosen], [labels[i] for i in chosen])


def _spam(predictor: Predictor) -> Examples:
    labels = ["SPAM"] * len(SPAM) + ["HAM"] * len(HAM)
    return _texts(predictor, "the sentences of the recipe spam", [*SPAM, *HAM], labels)


def _gestures(predictor: Predictor) -> Examples:
    """Return the traces of the wearers that the recipe gesture does not learn from."""
    strangers = gestures.load(TEST_WEARERS, seed=predictor.training.get("seed", 0))
    traces, numbers = strangers.arrays
    name = "gestures of wearers never seen"
    places = np.array(_places(predictor, strangers.labels, name))
    return Examples(name, traces, places[numbers])


_KNOWN: dict[str, tuple[str, Callable[[Predictor], Examples]]] = {
    "mnist": ("image-classifier", _mnist),
    "fashion-mnist": ("image-classifier", _fashion),
    "sms": ("text-classifier", _sms),
    "spam": ("text-classifier", _spam),
    "gesture": ("signal-classifier", _gestures),
}
_RECIPES = {  # by how their names start
    "digits": "mnist",
    "fashion": "fashion-mnist",
    "sms": "sms",
    "spam": "spam",
    "gesture": "gesture",
}


# Files


def _from_files(predictor: Predictor, path: Path) -> Examples:
    if not os.path.exists(path):
        hint = did_you_mean(str(path), _KNOWN)
        raise UsageError(f"there is no data {str(path)!r:.200}", hint=hint)
    form = "folder" if os.path.isdir(path) else "table"
    if form == "table" and path.suffix.lower() not in TABLES:
        raise UsageError(f"{path} is no table: {', '.join(TABLES)}")
    read = _READERS.get((predictor.kind, form))
    if read is None:
        raise UsageError(f"{path} is a {form}, but the network takes {KINDS[predictor.kind]}")
    return read(predictor, path)


def _text_folder(predictor: Predictor, path: Path) -> Examples:
    texts, labels, names = text_folder(path)
    return _texts(predictor, str(path), texts, [names[label] for label in labels])


def _picture_folder(predictor: Predictor, path: Path) -> Examples:
    items = image_items(path, size=1)
    files, labels = items.source.files, items.source.labels
    places = np.array(_places(predictor, items.labels, str(path)))
    pixels = [predictor.read_picture(file)[0] for file in files]
    return Examples(str(path), np.stack(pixels), places[labels], files=files)


def _text_table(predictor: Predictor, path: Path) -> Examples:
    """Return the texts in a table of labels and texts; a first line without a label is a title."""
    if path.suffix.lower() == ".csv":
        columns = list(read_csv(path, header=False).values())
    else:
        columns = list(read_csv(path, header=False, delimiter="\t", quotes=None).values())
    if len(columns) != 2:
        count = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
        raise DataError(f"{path} has {count}", hint="a label, then a text")
    labels, texts = ([str(cell) for cell in column] for column in columns)
    if len(labels) > 1 and _place(predictor, labels[0]) is None:
        labels, texts = labels[1:], texts[1:]
    return _texts(predictor, str(path), texts, labels)


def _labelled_table(predictor: Predictor, path: Path) -> Examples:
    """Return rows of numbers and a label, which is the column of texts, or else the last."""
    columns = list(read_csv(path, missing="refuse").values())
    inputs = predictor.task["inputs"]
    texts = [place for place, column in enumerate(columns) if isinstance(column, list)]
    if len(columns) != inputs + 1 or len(texts) > 1:
        fact = f"{path} has {len(columns)} columns, {len(texts)} of them texts"
        raise DataError(fact, hint=f"{inputs} of numbers, and a label")
    labels = [str(label) for label in columns.pop(texts[0] if texts else -1)]
    table = np.stack(columns, axis=1).astype(np.float64)
    if not np.isfinite(table).all():
        raise DataError(f"{path} has a number that is not finite")
    return Examples(str(path), table, np.array(_places(predictor, labels, str(path))))


def _number_table(predictor: Predictor, path: Path) -> Examples:
    columns = list(read_csv(path, missing="refuse").values())
    if any(isinstance(column, list) for column in columns):
        raise DataError(f"{path} has a column that is not made of numbers")
    inputs = predictor.task.get("inputs")
    if not isinstance(inputs, int) or not 0 < inputs < len(columns):
        fact = f"{path} has {len(columns)} columns, but the network takes {inputs} numbers"
        raise DataError(fact, hint="the inputs, then what is right for them")
    table = np.stack(columns, axis=1).astype(np.float64)
    if not np.isfinite(table).all():
        raise DataError(f"{path} has a number that is not finite")
    return Examples(str(path), table[:, :inputs], table[:, inputs:])


_READERS: dict[tuple[str, str], Callable[[Predictor, Path], Examples]] = {
    ("image-classifier", "folder"): _picture_folder,
    ("text-classifier", "folder"): _text_folder,
    ("text-classifier", "table"): _text_table,
    ("number-classifier", "table"): _labelled_table,
    ("regressor", "table"): _number_table,
}


# Labels


def _texts(
    predictor: Predictor, name: str, texts: Sequence[str], labels: Sequence[str]
) -> Examples:
    """Return the examples of texts in which there is a word."""
    places = _places(predictor, labels, name)
    kept = [i for i, text in enumerate(texts) if len(predictor.vocabulary.encode(text))]
    empty = len(texts) - len(kept)
    if not kept:
        raise DataError(f"{name}: there is no text with a word in it")
    notes = (f"{empty} without a word left out",) if empty else ()
    return Examples(name, [texts[i] for i in kept], np.array([places[i] for i in kept]), notes)


def _places(predictor: Predictor, labels: Sequence[str], name: str) -> list[int]:
    """Return which of the network's labels each label is."""
    found = {label: _place(predictor, label) for label in dict.fromkeys(labels)}
    for label, place in found.items():
        if place is None:
            hint = did_you_mean(label, predictor.labels)
            raise DataError(f"{name} has the label {label!r:.60}, the network has not", hint=hint)
    return [place for label in labels if (place := found[label]) is not None]


def _place(predictor: Predictor, label: str) -> int | None:
    """Return the place of a label among the network's, in capitals or not."""
    if label in predictor.labels:
        return predictor.labels.index(label)
    folded = [known.casefold() for known in predictor.labels]
    same = label.strip().casefold()
    return folded.index(same) if folded.count(same) == 1 else None
