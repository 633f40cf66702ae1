"""The Python file beside an exported shared library, which needs nothing but ctypes."""

import math

from rushlight._version import __version__
from rushlight.core.dtypes import DType
from rushlight.export.code import Code, Training
from rushlight.export.names import harmless
from rushlight.export.subject import Subject

_CTYPES = {"float32": "c_float", "float64": "c_double", "int64": "c_int64"}


def loader_text(code: Code, library: str) -> str:
    """Return the Python file that loads `library`, which lies beside it."""
    subject = code.subject
    facts = {
        "NAME": subject.name,
        "VERSION": __version__,
        "TITLE": harmless(subject.title),
        "LIBRARY": library,
        **_sizes(subject),
    }
    text = _COMMON + (_TEXTS if subject.words else _NUMBERS)
    if code.training is not None:
        text += _LEARNER + (_LEARNS_TEXTS if subject.words else _LEARNS_NUMBERS)
        facts.update(_training_facts(code.training))
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    return text


def _sizes(subject: Subject) -> dict[str, str]:
    taken = subject.inputs[0]
    return {
        "INPUTS": str(math.prod(taken.shape)),
        "TAKEN": _ctype(taken.dtype),
        "OUTPUTS": str(math.prod(subject.output.shape)),
        "NUMBER": _ctype(subject.output.dtype),
    }


def _training_facts(training: Training) -> dict[str, str]:
    learner = training.learner
    return {
        "BATCH": str(math.prod(learner.subject.inputs[0].shape)),
        "LABELS": str(math.prod(learner.labels.shape)),
        "LABEL": _ctype(learner.labels.dtype),
    }


def _ctype(dtype: DType) -> str:
    return _CTYPES[dtype.name]


_COMMON = '''\
"""@NAME@: a neural network, exported by Rushlight @VERSION@ from @TITLE@.

It needs Python's own ctypes and @LIBRARY@ beside this file. FACTS says what the network takes and
gives, LABELS what its outputs stand for.
"""

import ctypes
import json
import threading
from pathlib import Path

_library = ctypes.CDLL(str(Path(__file__).resolve().with_name("@LIBRARY@")))
_library.@NAME@_describe.restype = ctypes.c_char_p
_lock = threading.Lock()  # the library works in memory of its own

FACTS = json.loads(_library.@NAME@_describe())
LABELS = FACTS["labels"]

_Output = ctypes.@NUMBER@ * @OUTPUTS@
'''

_NUMBERS = '''\


def _array(kind, values, count, what):
    values = list(values)
    if len(values) != count:
        raise ValueError(f"the network takes {count} {what}, got {len(values)}")
    return (kind * count)(*values)


def predict(numbers):
    """Return the @OUTPUTS@ outputs for @INPUTS@ numbers: a list, or any flat array."""
    taken, output = _array(ctypes.@TAKEN@, numbers, @INPUTS@, "numbers"), _Output()
    with _lock:
        _library.@NAME@_predict(taken, output)
    return list(output)
'''

_TEXTS = '''\


def predict(ids):
    """Return the @OUTPUTS@ outputs for the ids of the words of a text."""
    ids, output = list(ids), _Output()
    with _lock:
        count = ctypes.c_int64(len(ids))
        failed = _library.@NAME@_predict((ctypes.c_int64 * len(ids))(*ids), count, output)
    if failed:
        raise ValueError("no ids, too many, or one that no word has")
    return list(output)
'''

_LEARNER = '''\


class Learner:
    """The network, which goes on learning."""

    def __init__(self):
        _library.@NAME@_state_size.restype = ctypes.c_int64
        _library.@NAME@_file_size.restype = ctypes.c_int64
        self._state = (ctypes.c_double * (_library.@NAME@_state_size() // 8 + 1))()
        _library.@NAME@_start(self._state)

    def save(self):
        """Return the bytes of a model file with what was learned."""
        file = ctypes.create_string_buffer(_library.@NAME@_file_size())
        _library.@NAME@_save(self._state, file)
        return file.raw

    def restore(self, file):
        """Go on from the bytes of a model file that was saved, or exported."""
        if _library.@NAME@_restore(self._state, file, ctypes.c_int64(len(file))):
            raise ValueError("this is another model's file")
'''

_LEARNS_NUMBERS = '''\

    def predict(self, numbers):
        """Return the @OUTPUTS@ outputs for @INPUTS@ numbers, by what was learned."""
        taken, output = _array(ctypes.@TAKEN@, numbers, @INPUTS@, "numbers"), _Output()
        with _lock:
            _library.@NAME@_predict_with(self._state, taken, output)
        return list(output)

    def train(self, numbers, labels, rate):
        """Learn from @BATCH@ numbers and @LABELS@ labels; return the loss."""
        taken = _array(ctypes.@TAKEN@, numbers, @BATCH@, "numbers")
        right = _array(ctypes.@LABEL@, labels, @LABELS@, "labels")
        loss = ctypes.@NUMBER@()
        with _lock:
            rate = ctypes.c_double(rate)
            failed = _library.@NAME@_train(self._state, taken, right, rate, ctypes.byref(loss))
        if failed:
            raise ValueError("a label is out of range")
        return loss.value
'''

_LEARNS_TEXTS = '''\

    def predict(self, ids):
        """Return the @OUTPUTS@ outputs for the ids of a text, by what was learned."""
        ids, output = list(ids), _Output()
        with _lock:
            taken, count = (ctypes.c_int64 * len(ids))(*ids), ctypes.c_int64(len(ids))
            failed = _library.@NAME@_predict_with(self._state, taken, count, output)
        if failed:
            raise ValueError("no ids, too many, or one that no word has")
        return list(output)

    def train(self, ids, label, rate):
        """Learn from the ids of a text and its label; return the loss."""
        ids, loss = list(ids), ctypes.@NUMBER@()
        taken, count = (ctypes.c_int64 * len(ids))(*ids), ctypes.c_int64(len(ids))
        right, rate = ctypes.byref(ctypes.c_int64(label)), ctypes.c_double(rate)
        with _lock:
            loss_at = ctypes.byref(loss)
            failed = _library.@NAME@_train(self._state, taken, count, right, rate, loss_at)
        if failed:
            raise ValueError("no ids, too many, or a number that is out of range")
        return loss.value
'''
