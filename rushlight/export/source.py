"""The C file of an exported model: the compiled program, its weights, and functions to call it."""

import re

from rushlight._version import __version__
from rushlight.compile.sources import runtime
from rushlight.export.arrays import array_text
from rushlight.export.binding import Held
from rushlight.export.blob import blob_text
from rushlight.export.calls import LOADED, PADDING, arguments, entry, parameters
from rushlight.export.code import Code, facts_json
from rushlight.export.learned import learned_text
from rushlight.export.names import c_string, comment, folded, harmless, renamed
from rushlight.export.subject import Subject

_ENTRY = re.compile(
    r'__attribute__\(\(visibility\("default"\)\)\) (int64_t rl_program\w*\(rl_call \*call\);)'
)
_YIELDS = "#if defined(__unix__) || defined(__APPLE__)"  # in barrier.h: may call the system


def source_text(code: Code, build: str) -> str:
    """Return the C file; `build` is the command that it tells to build it with."""
    subject = code.subject
    about = (
        f"{subject.name}: a neural network, exported by Rushlight {__version__} from "
        f"{harmless(subject.title)}. Its functions are told of in {subject.name}.h.\n\n"
        f"Build it with:  {build}"
    )
    parts = [
        comment(about),
        f'#include "{subject.name}.h"\n',
        _freestanding(code.program.source, subject.name),
        renamed(_POOL, subject.name).replace("POOL", _pool()),
        *([blob_text(code)] if code.blob else [_weights_text(one) for one in code.held]),
        _labels_text(subject),
        folded(renamed(_calls(code), subject.name)),
        learned_text(code),
        renamed(_DESCRIBE, subject.name).replace("FACTS", c_string(facts_json(code), " " * 11)),
    ]
    return "\n".join(part for part in parts if part)


def _freestanding(source: str, name: str) -> str:
    """Return a program's C without what needs an operating system, unless threads are wanted."""
    source = source.replace(_YIELDS, f"#if {name.upper()}_THREADS > 1")
    entry = _ENTRY.sub(r"__attribute__((noinline)) \1", source)
    return entry.replace("rl_program", f"{name}_program")


def _pool() -> str:
    """Return the C of the pool of threads, after the headers that it shares with programs."""
    text = runtime("barrier.h", "threads.c").removeprefix(runtime("barrier.h"))
    shown = '__attribute__((visibility("default"))) '
    return text.replace(shown, "static ").strip()


def _weights_text(one: Held) -> str:
    declaration = (
        f"static const {one.dtype.c} {one.name}[{max(1, one.array.size)}] "
        "__attribute__((aligned(64)))"
    )
    return f"/* {one.about} */\n{array_text(declaration, one.array, one.dtype)}"


def _labels_text(subject: Subject) -> str:
    if not subject.labels:
        return ""
    lines = ",\n    ".join(c_string(label, "    ") for label in subject.labels)
    count = len(subject.labels)
    return f"const char *const {subject.name}_labels[{count}] = {{\n    {lines},\n}};\n"


def _calls(code: Code) -> str:
    """Return the functions that ask the network."""
    subject = code.subject
    text = _CALLS.replace("PARAMETERS", parameters(subject))
    text = text.replace("ARGUMENTS", arguments(subject)).replace("ENTRY", entry(code.program))
    text = text.replace("BUFFERS", ", ".join(code.bound))
    padding = PADDING.replace("TAIL", str(code.tail)) if subject.words else ""
    return text.replace("    PREPARE\n", (LOADED if code.blob else "") + padding)


_POOL = """\
#if MODEL_THREADS > 1

POOL

#endif
"""

_CALLS = """\
/* Runs a program with its buffers, in memory for what lies between. */
static int model_run(rl_run *program, int threads, const void *const *buffers, void *arena)
{
    rl_call call = {.buffers = (void *const *)buffers, .arena = arena, .threads = threads};
#if MODEL_THREADS > 1
    call.parallel = rl_pool_run;
#endif
    return program(&call) != 0;
}

int model_predict_in(void *arena, PARAMETERS)
{
    PREPARE
    const void *const buffers[] = {BUFFERS};
    return model_run(ENTRY, buffers, arena);
}

int model_predict(PARAMETERS)
{
    static char arena[MODEL_ARENA] __attribute__((aligned(64)));
    return model_predict_in(arena, ARGUMENTS);
}
"""

_DESCRIBE = """\
const char *model_describe(void)
{
    return FACTS;
}
"""
