"""The C file of an exported model: the compiled program, its weights, and functions to call it."""

import json
import re
from dataclasses import dataclass

import numpy as np

from rushlight._version import __version__
from rushlight.compile.emit.program import compile_graph
from rushlight.compile.program import Program, Slot, state_tensors
from rushlight.compile.sources import runtime
from rushlight.core.primitive import Array
from rushlight.export.arrays import array_text, in_order
from rushlight.export.names import c_string, comment, harmless
from rushlight.export.subject import Buffer, Subject
from rushlight.graph.ir import Graph

_ENTRY = re.compile(
    r'__attribute__\(\(visibility\("default"\)\)\) (int64_t rl_program\w*\(rl_call \*call\);)'
)
_YIELDS = "#if defined(__unix__) || defined(__APPLE__)"  # in barrier.h: may call the system


@dataclass(frozen=True)
class Weights:
    """One array that the C holds: its name there, and its elements as the program wants them."""

    name: str
    about: str
    slot: Slot
    array: Array

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return int(self.array.nbytes)


@dataclass(frozen=True)
class Code:
    """The program of a subject, and what it is bound to."""

    subject: Subject
    program: Program
    weights: tuple[Weights, ...]

    @property
    def arena(self) -> int:
        """Bytes of memory that a call needs beside the scratch of each thread."""
        return -(-self.program.arena // 64) * 64 + 8 * self.subject.words

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        return sum(one.array.size for one in self.weights)


def code_of(subject: Subject) -> Code:
    """Return the program of a subject.

    Raises:
        NotImplementedError: an op has no C yet.
    """
    graph = subject.graph()
    program = compile_graph(graph)
    return Code(subject, program, tuple(_weights(subject, graph, program)))


def _weights(subject: Subject, graph: Graph, program: Program) -> list[Weights]:
    """Return what the C must hold: the parameters and the constants, in the program's order."""
    names = {id(x): name for name, x in subject.model.state_dict().items()}
    names |= {id(x): name for name, x in subject.model.named_parameters()}
    tensors = state_tensors(graph)
    found = []
    for slot in program.slots:
        if slot.role == "state":
            tensor = tensors[slot.index]
            array = np.asarray(tensor.data)
            name = names.get(id(tensor), tensor.name or "weights")
        elif slot.role == "constant":
            array = graph.constants[slot.index][0]
            name = "a constant"
        else:
            continue
        shape = " x ".join(map(str, slot.shape)) or "one number"
        about = f"{name}: {slot.dtype.name} {shape}"
        if slot.order != tuple(range(len(slot.order))):
            about += ", in memory by axes " + ", ".join(map(str, slot.order))
        ordered = in_order(array, slot.order)
        found.append(Weights(f"weights_{len(found)}", harmless(about), slot, ordered))
    return found


def renamed(text: str, name: str) -> str:
    """Return C in which what begins with `model_` begins with the name of a model."""
    text = re.sub(r"\bmodel_", f"{name}_", text)
    return re.sub(r"(\b|-D)MODEL_", rf"\g<1>{name.upper()}_", text)


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
        *(_weights_text(one) for one in code.weights),
        _labels_text(subject),
        renamed(_calls(code), subject.name),
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


def _weights_text(one: Weights) -> str:
    declaration = (
        f"static const {one.slot.dtype.c} {one.name}[{max(1, one.array.size)}] "
        "__attribute__((aligned(64)))"
    )
    return f"/* {one.about} */\n{array_text(declaration, one.array, one.slot.dtype)}"


def _labels_text(subject: Subject) -> str:
    if not subject.labels:
        return ""
    lines = ",\n    ".join(c_string(label, "    ") for label in subject.labels)
    return f"const char *const {subject.name}_labels[{len(subject.labels)}] = {{\n    {lines},\n}};\n"


def _calls(code: Code) -> str:
    """Return the functions that the header declares."""
    subject, program = code.subject, code.program
    pointers = {("result", 0): "output"}
    for index, one in enumerate(subject.inputs):
        pointers["argument", index] = one.name if one.shape else f"&{one.name}"
    bound = {(one.slot.role, one.slot.index): one.name for one in code.weights}
    if subject.words:
        pointers["argument", 0] = "padded"
    buffers = ", ".join((pointers | bound)[slot.role, slot.index] for slot in program.slots)
    arguments = ", ".join([*(one.name for one in subject.inputs), "output"])
    text = _CALLS.replace("BUFFERS", buffers).replace("PARAMETERS", parameters(subject))
    text = text.replace("ARGUMENTS", arguments)
    return text.replace("    PREPARE\n", _PADDING if subject.words else "")


def facts(code: Code) -> dict[str, object]:
    """Return what is to be known of an exported model, as JSON can hold it."""
    subject = code.subject
    return {
        "name": subject.name,
        "kind": subject.kind,
        "rushlight": __version__,
        "inputs": [_facts_of(one) for one in subject.inputs],
        "output": _facts_of(subject.output),
        "labels": list(subject.labels),
        "scale": subject.task.get("scale"),
        "parameters": code.parameters,
    }


def facts_json(code: Code) -> str:
    """Return the facts as one line of JSON in ASCII."""
    return json.dumps(facts(code))


def _facts_of(buffer: Buffer) -> dict[str, object]:
    return {"name": buffer.name, "shape": list(buffer.shape), "dtype": buffer.dtype.name}


def parameters(subject: Subject) -> str:
    """Return the parameters of the function that asks, as C declares them."""
    shown = [one.parameter for one in subject.inputs]
    return ", ".join([*shown, f"{subject.output.dtype.c} *output"])


_POOL = """\
#if MODEL_THREADS > 1

POOL

#endif
"""

_PADDING = """\
    int64_t *const padded = (int64_t *)((char *)arena + MODEL_ARENA) - MODEL_WORDS;
    if (count < 1 || count > MODEL_WORDS)
        return 1;
    for (int64_t i = 0; i < MODEL_WORDS; i++)
        padded[i] = i < count ? ids[i] : 0;
"""

_CALLS = """\
int model_predict_in(void *arena, PARAMETERS)
{
    PREPARE
    const void *const buffers[] = {BUFFERS};
    rl_call call = {.buffers = (void *const *)buffers, .arena = arena, .threads = MODEL_THREADS};
#if MODEL_THREADS > 1
    call.parallel = rl_pool_run;
#endif
    return model_program(&call) != 0;
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
