"""Small models, saved and exported, and C compilers to build them with."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.toolchain import find_compiler
from rushlight.core.errors import CompileError
from rushlight.export.write import export_model, flags

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
WORDS = ["<unk>", "win", "money", "now", "don't", "hello", "friend", "2"]


def dense():
    rl.manual_seed(1)
    net = rl.nn.Sequential(rl.nn.Linear(36, 20), rl.nn.ReLU(), rl.nn.Linear(20, 3))
    task = {"kind": "image-classifier", "labels": ["a", "b", "c"], "shape": [36], "scale": 1 / 255}
    return net, task


def convolution():
    rl.manual_seed(2)
    net = rl.nn.Sequential(
        rl.nn.Conv2d(1, 4, 3, padding=1),
        rl.nn.BatchNorm(4),
        rl.nn.ReLU(),
        rl.nn.MaxPool2d(2),
        rl.nn.Flatten(),
        rl.nn.Dropout(0.25),
        rl.nn.Linear(4 * 4 * 4, 3),
    )
    task = {"kind": "image-classifier", "labels": ["x", "y", "z"], "shape": [1, 8, 8]}
    return net, {**task, "scale": 1 / 255}


def text():
    rl.manual_seed(3)
    net = rl.nn.Sequential(
        rl.nn.WordDropout(0.2, sentences=0.1), rl.nn.EmbeddingBag(len(WORDS), 5), rl.nn.Linear(5, 2)
    )
    return net, {"kind": "text-classifier", "labels": ["HAM", "SPAM"], "vocabulary": WORDS}


def motion():
    rl.manual_seed(5)
    net = rl.nn.Sequential(
        rl.nn.Conv1d(3, 5, 3, stride=2),
        rl.nn.ReLU(),
        rl.nn.MaxPool1d(4),
        rl.nn.Flatten(),
        rl.nn.Linear(5, 3),
    )
    task = {"kind": "signal-classifier", "labels": ["up", "down", "no \u2205"], "length": 10}
    return net, {**task, "channels": ["x", "y", "ang'le \u03b1"]}


def regressor():
    rl.manual_seed(4)
    net = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Tanh(), rl.nn.Linear(4, 2))
    return net, {"kind": "regressor", "inputs": 3}


def table():
    rl.manual_seed(6)
    net = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Tanh(), rl.nn.Linear(4, 3))
    return net, {"kind": "number-classifier", "labels": ["a", "no \u2205", "?c"], "inputs": 3}


MODELS = {
    "dense": dense,
    "convolution": convolution,
    "text": text,
    "motion": motion,
    "regressor": regressor,
    "table": table,
}


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Return a function that gives the path of a saved model."""
    folder = tmp_path_factory.mktemp("saved")

    def path(name):
        file = folder / f"{name}.safetensors"
        if not file.exists():
            net, task = MODELS[name]()
            rl.save(file, net, task=task)
        return file

    return path


@pytest.fixture(scope="session")
def exported(saved, tmp_path_factory):
    """Return a function that gives the folder of an exported model, with its C."""
    made = {}

    def folder(name, **options):
        key = (name, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("exported") / "c"
            rl.manual_seed(0)  # from which dropout goes on in C
            export_model(saved(name), "c", made[key], **options)
        return made[key]

    return folder


@pytest.fixture(scope="session", autouse=True)
def compiler():
    """Skip what needs a compiler where there is none."""
    try:
        return find_compiler()
    except CompileError:
        pytest.skip("there is no C compiler")


def commands():
    """Return the compilers of this machine, each as the words of its command."""
    found = {name: [name] for name in ("gcc", "clang") if shutil.which(name)}
    try:
        import ziglang

        found["zig"] = [str(Path(ziglang.__file__).parent / "zig"), "cc"]
    except ImportError:
        pass
    return found


def own():
    """Return the command, and the flags, with which compiled functions are built."""
    return list(find_compiler().command), list(flags(portable=False))


def run(*words, cwd, **options):
    """Run a command; return what it printed. Any failure shows what it said."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=200,
        **options,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout


def program(folder, name, command, options, output="program"):
    """Build the program of an exported model; return its path."""
    words = [*command, *options, *WARNINGS, f"{name}.c", "main.c", "-o", output, "-lm"]
    run(*words, cwd=folder)
    return folder / output


class Library:
    """The C of an exported model, built as a shared library and loaded."""

    def __init__(self, folder, name, command=None, options=None):
        mine, usual = own()
        words = [*(command or mine), *(usual if options is None else options), *WARNINGS]
        output = folder / f"lib{len(list(folder.iterdir()))}.so"
        run(*words, "-shared", "-fPIC", f"{name}.c", "-o", output, "-lm", cwd=folder)
        self.loaded = ctypes.CDLL(str(output))
        self.name = name

    def call(self, function, *arguments):
        """Call a function with arrays, which are passed as pointers, and numbers."""
        passed = [
            ctypes.c_void_p(x.ctypes.data) if isinstance(x, np.ndarray) else x for x in arguments
        ]
        return getattr(self.loaded, f"{self.name}_{function}")(*passed)
