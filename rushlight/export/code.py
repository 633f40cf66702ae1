"""The programs of an exported model, and what their buffers are bound to."""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.compile.emit.program import compile_graphs
from rushlight.compile.program import Program, Slot, state_tensors
from rushlight.core.dtypes import BY_CODE, DType
from rushlight.core.errors import UsageError
from rushlight.core.primitive import Array
from rushlight.export.binding import Held, Order, Store, bind_program
from rushlight.export.learning import Learner
from rushlight.export.subject import Buffer, Subject
from rushlight.formats.safetensors import load_file
from rushlight.formats.safetensors_header import LENGTH_SIZE
from rushlight.graph.ir import Graph

LIMIT = 4 << 20


@dataclass(frozen=True, eq=False)
class Field:
    """A state that training changes: one array of the struct of all of them.

    Attributes:
        name: in the struct.
        about: what it is, for people.
        slot: of the training step, with its order of axes.
        start: the array in the file with its first values; None where these are zeros.
        tensor: what it is in the model.
    """

    name: str
    about: str
    slot: Slot
    start: str | None
    tensor: Any


@dataclass(frozen=True, eq=False)
class Training:
    """The training step of an exported model.

    Attributes:
        learner: what it was made of.
        program: its C.
        bound: what its slots are bound to.
        fields: what it changes.
        asked: what the slots of the other program are bound to when it answers by what has been
            learned.
    """

    learner: Learner
    program: Program
    bound: list[str]
    fields: list[Field]
    asked: list[str]
    stored: list["Stored"]

    @property
    def tail(self) -> int:
        """Bytes of a call's memory for the ids of a text."""
        return rounded(8 * self.learner.subject.words)

    @property
    def arena(self) -> int:
        """Bytes of memory that a step needs beside the scratch of each thread."""
        return rounded(self.program.arena) + self.tail


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor of the model file.

    Attributes:
        place: where in the file it begins.
        array: as the file has it.
        dtype: of its elements.
        order: of its axes, where it is in memory.
        field: where training changes it, else None.
        held: the array in the C file, where training does not.
    """

    place: int
    array: Array
    dtype: DType
    order: Order
    field: Field | None
    held: str | None


@dataclass(frozen=True, eq=False)
class Code:
    """All that the C of a model is made of.

    Attributes:
        subject: the model.
        program: the C that answers, and all other C.
        bound: what its slots are bound to.
        held: arrays in the file.
        training: the training step, if it is exported too.
        header: the first bytes of the model file, before its tensors.
        size: of the model file.
        limit: how many bytes of arrays the C file holds; more are in a file beside it.
    """

    subject: Subject
    program: Program
    bound: list[str]
    held: list[Held]
    training: Training | None
    header: bytes
    size: int
    limit: int = LIMIT

    @property
    def parameters(self) -> int:
        """How many numbers the parameters of the network are."""
        return sum(x.size for x in self.subject.model.parameters())

    @property
    def blob(self) -> bool:
        """Whether the arrays are too large for the C file, so that they are in one beside it."""
        return sum(one.array.nbytes for one in self.held) > self.limit

    @property
    def tail(self) -> int:
        """Bytes of a call's memory for the ids of a text."""
        return rounded(8 * self.subject.words)

    @property
    def arena(self) -> int:
        """Bytes of memory that a call needs beside the scratch of each thread."""
        return rounded(self.program.arena) + self.tail


def rounded(size: int) -> int:
    """Return a size in bytes made up to a multiple of 64.

    >>> rounded(0), rounded(65)
    (0, 128)
    """
    return -(-size // 64) * 64


def code_of(
    subject: Subject,
    learner: Learner | None,
    path: str | os.PathLike[str],
    limit: int = LIMIT,
) -> Code:
    """Return the C of a subject and of its training step, if there is to be one.

    Args:
        subject: the model.
        learner: trains it.
        path: the model file, which learned weights are saved like.
        limit: how many bytes of arrays the C file may hold.

    Raises:
        UsageError: an op has no C yet.
    """
    graphs = [subject.graph()]
    if learner is not None:
        graphs.append(learner.graph())
    try:
        programs = compile_graphs(graphs)
    except NotImplementedError as error:
        raise UsageError(f"there is no C for {error} yet") from None
    store = Store(subject.model)
    bound = bind_program(graphs[0], programs[0], store, _given(subject, True), "output")
    header, size = _file(path)
    training = None
    if learner is not None:
        training = _training(graphs, programs, store, subject, learner)
        training.stored.extend(_stored(path, header, store, subject, training.fields))
    return Code(subject, programs[0], bound, store.held, training, header, size, limit)


def _file(path: str | os.PathLike[str]) -> tuple[bytes, int]:
    """Return all that a model file holds before its tensors, and its size."""
    with open(path, "rb") as file:
        length = file.read(LENGTH_SIZE)
        header = length + file.read(int.from_bytes(length, "little"))
        return header, file.seek(0, os.SEEK_END)


def _stored(
    path: str | os.PathLike[str],
    header: bytes,
    store: Store,
    subject: Subject,
    fields: list[Field],
) -> list[Stored]:
    """Return the tensors of a model file, and where the C has them."""
    state = subject.model.state_dict()
    by_id = {id(field.tensor): field for field in fields}
    layout = json.loads(header[LENGTH_SIZE:])
    found = []
    with load_file(path) as file:
        for name in file.names:
            stored = file.tensor(name)
            array, dtype = np.array(stored.array), BY_CODE[stored.dtype]
            place = len(header) + layout[name]["data_offsets"][0]
            owner = state.get(name)
            field = by_id.get(id(owner))
            if field is not None:
                found.append(Stored(place, array, dtype, field.slot.order, field, None))
                continue
            order = store.order_of(owner) or tuple(range(array.ndim))
            if owner is None:
                held = store.constant(array, dtype, order)
            else:
                held = store.tensor(owner, order)
            found.append(Stored(place, array, dtype, order, None, held))
    return found


def _given(subject: Subject, padded: bool) -> list[str]:
    """Return pointers to the arguments of a function; the ids of a text are padded."""
    names = [one.name if one.shape else f"&{one.name}" for one in subject.inputs]
    return ["padded", *names[1:]] if subject.words and padded else names


def _training(
    graphs: list[Graph],
    programs: list[Program],
    store: Store,
    subject: Subject,
    learner: Learner,
) -> Training:
    """Return the training step, all of whose states but the learning rate go into a struct."""
    fields = _fields(graphs[1], programs[1], store)
    states = {id(field.tensor): f"state->{field.name}" for field in fields}
    lr = {id(learner.optimizer.lr): "&rate"}
    given = [*_given(learner.subject, True), "labels"]
    bound = bind_program(graphs[1], programs[1], store, given, "loss", states | lr)
    _check_orders(graphs[0], programs[0], fields)
    given = _given(subject, True)
    asked = bind_program(graphs[0], programs[0], store, given, "output", states)
    return Training(learner, programs[1], bound, fields, asked, [])


def _fields(graph: Graph, program: Program, store: Store) -> list[Field]:
    tensors = state_tensors(graph)
    found: list[Field] = []
    for slot in program.slots:
        if slot.role != "state" or slot.index not in program.written:
            continue
        tensor = tensors[slot.index]
        start = store.tensor(tensor, slot.order) if bool(np.any(np.asarray(tensor.data))) else None
        held = {one.name: one.about for one in store.held}
        about = held[start] if start else f"{store.name_of(tensor)}, zeros to begin with"
        found.append(Field(f"state_{len(found)}", about, slot, start, tensor))
    return found


def _check_orders(graph: Graph, program: Program, fields: list[Field]) -> None:
    """Raise UsageError if a program wants a field's axes in another order than training does."""
    tensors = state_tensors(graph)
    orders = {id(tensors[s.index]): s.order for s in program.slots if s.role == "state"}
    for field in fields:
        if orders.get(id(field.tensor), field.slot.order) != field.slot.order:
            raise UsageError("the training step wants the weights in another order in memory")


def facts_json(code: Code) -> str:
    """Return what is to be known of an exported model, as one line of JSON in ASCII."""
    subject = code.subject
    facts = {
        "name": subject.name,
        "kind": subject.kind,
        "rushlight": __version__,
        "inputs": [_facts_of(one) for one in subject.inputs],
        "output": _facts_of(subject.output),
        "labels": list(subject.labels),
        "scale": subject.task.get("scale"),
        "parameters": code.parameters,
        "learns": code.training is not None,
    }
    return json.dumps(facts)


def _facts_of(buffer: Buffer) -> dict[str, object]:
    return {"name": buffer.name, "shape": list(buffer.shape), "dtype": buffer.dtype.name}
