"""The Python file beside an exported shared library, which needs nothing but ctypes."""

import math

from rushlight._version import __version__
from rushlight.core.dtypes import DType
from rushlight.export.code import Code
from rushlight.export.names import harmless

_CTYPES = {"float32": "c_float", "float64": "c_double"}


def loader_text(code: Code, library: str) -> str:
    """Return the Python file that loads `library`, which lies beside it."""
    subject = code.subject
    facts = {
        "NAME": subject.name,
        "VERSION": __version__,
        "TITLE": harmless(subject.title),
        "LIBRARY": library,
        "OUTPUTS": str(math.prod(subject.output.shape)),
        "NUMBER": _ctype(subject.output.dtype),
    }
    text = _COMMON + (_TEXTS if subject.words else _NUMBERS)
    if not subject.words:
        facts["INPUTS"] = str(math.prod(subject.inputs[0].shape))
        facts["TAKEN"] = _ctype(subject.inputs[0].dtype)
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    return text


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
_Input = ctypes.@TAKEN@ * @INPUTS@


def predict(numbers):
    """Return the @OUTPUTS@ outputs for @INPUTS@ numbers: a list, or any flat array."""
    numbers = list(numbers)
    if len(numbers) != @INPUTS@:
        raise ValueError(f"the network takes @INPUTS@ numbers, got {len(numbers)}")
    output = _Output()
    with _lock:
        _library.@NAME@_predict(_Input(*numbers), output)
    return list(output)
'''

_TEXTS = '''\
_library.@NAME@_predict.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p]


def predict(ids):
    """Return the @OUTPUTS@ outputs for the ids of the words of a text."""
    ids = list(ids)
    output = _Output()
    with _lock:
        failed = _library.@NAME@_predict((ctypes.c_int64 * len(ids))(*ids), len(ids), output)
    if failed:
        raise ValueError("no ids, too many, or one that no word has")
    return list(output)
'''
