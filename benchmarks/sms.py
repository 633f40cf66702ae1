"""The SMS Spam Collection: F1 of spam on ten random divisions, the same ones for every side.

The rivals are what one takes first for such texts, linear models of scikit-learn, on its own words
and on runs of characters; the last one gets our tokens. No side sees a test part before it is
asked about it: our settings were chosen by folds of the training part of division 0 and are the
same on all ten, the rivals' are those that one finds recommended.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.sides import SKLEARN, Figures, Measure, Task
from rushlight.data import sms
from rushlight.recipes import sms as recipe
from rushlight.train.metrics import f1

DIVISIONS = 10


def figures(ask: Callable[[int, bool], tuple[Any, Any]], quick: bool) -> Figures:
    """Return F1 in percent, and the seconds to learn and answer, given what does that.

    Args:
        ask: takes the number of a division and whether to be quick; returns answers and labels.
        quick: one division instead of ten.
    """
    scores, seconds = [], []
    for number in range(1 if quick else DIVISIONS):
        started = time.perf_counter()
        answers, labels = ask(number, quick)
        seconds.append(time.perf_counter() - started)
        scores.append(100 * float(f1(answers, labels)))
    print("F1 of each:", *[f"{score:.2f}" for score in scores], file=sys.stderr)
    return {
        "first": scores[0],
        "median": statistics.median(scores),
        "seconds": statistics.median(seconds),
    }


def ours(number: int, quick: bool) -> tuple[Any, Any]:
    learn, test = recipe.divide(number)
    model, vocabulary, _ = recipe.learn(learn, epochs=1 if quick else recipe.EPOCHS, progress=False)
    return recipe.answers(model, vocabulary, test), test.arrays[1]


def linear(number: int, quick: bool, features: str, kind: str) -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.svm import LinearSVC

    texts = np.array([text for _, text in sms.load()], dtype=object)
    (learn, labels), (test, wanted) = [part.arrays for part in recipe.divide(number)]
    makers = {
        "naive Bayes": MultinomialNB,
        "SVM": LinearSVC,
        "logistic": partial(LogisticRegression, C=100, max_iter=1000),
    }
    vectors, model = vectorizer(features), makers[kind]()
    model.fit(vectors.fit_transform(texts[learn]), labels)
    return model.predict(vectors.transform(texts[test])), wanted


def vectorizer(features: str) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    if features == "counts":
        return CountVectorizer()
    options: dict[str, dict[str, Any]] = {
        "TF-IDF": {},
        "characters": {"analyzer": "char_wb", "ngram_range": (2, 5), "sublinear_tf": True},
        "our tokens": {"analyzer": recipe.TOKENS, "min_df": 2, "sublinear_tf": True},
    }
    return TfidfVectorizer(**options[features])


RIVALS: Sequence[tuple[str, str]] = (
    ("counts", "naive Bayes"),
    ("counts", "SVM"),
    ("counts", "logistic"),
    ("TF-IDF", "SVM"),
    ("TF-IDF", "logistic"),
    ("characters", "SVM"),
    ("our tokens", "SVM"),
)
NAMES = {f"{SKLEARN}: {features}, {kind}": (features, kind) for features, kind in RIVALS}
SIDES: dict[str, Callable[[bool], Figures]] = {"ours": partial(figures, ours)} | {
    name: partial(figures, partial(linear, features=features, kind=kind))
    for name, (features, kind) in NAMES.items()
}
MEASURE = partial(Measure, ours="ours", rivals=tuple(NAMES), threads=1)
TASK = Task(
    SIDES,
    (
        MEASURE("F1 of spam, division 0", "%", "first", more=True),
        MEASURE("F1, median of ten divisions", "%", "median", more=True),
        MEASURE("learn and be tested, 1 thread", "s", "seconds"),
    ),
    threads=dict.fromkeys(SIDES, 1),
    once=tuple(SIDES),
)
