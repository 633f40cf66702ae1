"""The parameters of exported functions, in C."""

from rushlight.compile.program import Program
from rushlight.export.subject import Subject


def entry(program: Program) -> str:
    """Return the name of a program in the C file, and on how many threads it runs."""
    threads = "MODEL_THREADS" if program.parallel else "1"
    return f"{program.entry.replace('rl_program', 'model_program')}, {threads}"


def parameters(subject: Subject) -> str:
    """Return the parameters of the function that asks, as C declares them."""
    shown = [one.parameter for one in subject.inputs]
    return ", ".join([*shown, f"{subject.output.dtype.c} *output"])


def arguments(subject: Subject) -> str:
    """Return the names of these parameters."""
    return ", ".join([*(one.name for one in subject.inputs), "output"])


PADDING = """\
    int64_t *const padded = (int64_t *)((char *)arena + MODEL_ARENA - TAIL);
    if (count < 1 || count > MODEL_WORDS)
        return 1;
    for (int64_t i = 0; i < MODEL_WORDS; i++)
        padded[i] = i < count ? ids[i] : 0;
"""

LOADED = """\
    if (model_blob == NULL)
        return 2;
"""
