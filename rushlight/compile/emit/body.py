"""The body of a kernel's loops: statements that compute elements, each where it is first known.

A value that moves with no axis of the loops is computed once a call, one that moves with rows only
once a row, the rest in the innermost loop.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from rushlight.compile.access import Place, Places, broadcast, substitute
from rushlight.compile.fuse import Fuser
from rushlight.compile.records import Strided
from rushlight.compile.soft import Kernel, choice_places, fold_places
from rushlight.core.dtypes import DType
from rushlight.core.kernels import Deposit, Fold, Lookup, Map
from rushlight.core.shapes import size_of
from rushlight.graph.ir import GraphValue, Node

CALL, ROW, COLUMN = range(3)  # how often a statement is done: the levels of the loops

Coefficients = tuple[int, tuple[tuple[int, int], ...], tuple[tuple[str, int], ...]]


class Body:
    """Statements for the elements that a kernel computes, by level.

    Args:
        fuser: what each value is computed from.
        kernel: whose defs they are.
        memory: of every value that lies in memory, where.
        read: makes the C that reads an element: of a view, at an offset with steps along axes.
        inner: the axes of the innermost loop.
    """

    def __init__(
        self,
        fuser: Fuser,
        kernel: Kernel,
        memory: Mapping[GraphValue, Strided],
        read: Callable[[Strided, Coefficients], str],
        inner: set[int],
    ) -> None:
        self.fuser = fuser
        self.kernel = kernel
        self.memory = memory
        self.read = read
        self.inner = inner
        self.lines: tuple[list[str], list[str], list[str]] = ([], [], [])
        self.constants = {value: array for array, value in fuser.graph.constants}
        self._known: dict[tuple[GraphValue | Node, Places], tuple[str, int]] = {}
        self._variables: dict[str, int] = {}  # index variables -> their level
        self._stand_ins: dict[GraphValue, str] = {}
        self._stored: set[GraphValue] = set()
        self._count = 0
        self._taken = {strided.buffer.name for strided in memory.values()}
        self.checks = False  # whether an index is checked here
        self.raw: set[int] = set()  # axes whose index itself is compared with one that is data

    def value(self, value: GraphValue, places: Places) -> tuple[str, int]:
        """Return the C of an element of a value, a name or a number, and its level."""
        root, places = self.fuser.views.places(value, places)
        key = (root, places)
        if key not in self._known:
            self._known[key] = self._make(root, places)
        return self._known[key]

    def know(self, value: GraphValue, places: Places, text: str, level: int) -> None:
        """Say what C stands for an element that was computed elsewhere."""
        self._known[(value, places)] = (text, level)

    def stand_in(self, value: GraphValue, text: str) -> None:
        """Say where a def is kept for loops after the one that computes it."""
        self._stand_ins[value] = text

    def store(self, value: GraphValue) -> None:
        """Say that a def is in memory for loops after the one that computes it."""
        self._stored.add(value)

    def forget(self, level: int) -> None:
        """Forget what is known at a level and further in, where a loop ends."""
        self._known = {k: known for k, known in self._known.items() if known[1] < level}

    def define(self, value: GraphValue) -> tuple[str, int]:
        """Compute a def of the kernel at its own place."""
        text, level = self.compute(value, self.kernel.place[value])
        self.know(value, self.kernel.place[value], text, level)
        return text, level

    def level(self, places: Places) -> int:
        """Return how far in the loops an index is known."""
        found = CALL
        for place in places:
            for axis, _ in place.steps:
                found = max(found, COLUMN if axis in self.inner else ROW)
            if place.variable is not None:
                found = max(found, self._variables[place.variable])
        return found

    def _make(self, root: GraphValue, places: Places) -> tuple[str, int]:
        array = self.constants.get(root)
        if array is not None and array.size == 1:
            return literal(array.item(), root.dtype), CALL
        if root in self.kernel.place:
            own = places == self.kernel.place[root]
            if own and root in self._stand_ins:
                return self._stand_ins[root], COLUMN
            if not own or root not in self._stored:
                return self.compute(root, places)
        if root in self.memory:
            strided = self.memory[root]
            text = self.read(strided, self.coefficients(strided, places))
            level = self.level(places)
            if root in self.kernel.place:
                level = max(level, ROW)
            name = self.name(strided.buffer.name)
            self.statement(level, f"const {c_type(root.dtype)} {name} = {text};")
            return name, level
        return self.compute(root, places)

    def compute(self, value: GraphValue, places: Places) -> tuple[str, int]:
        """Write the statement for an element of a soft node's result; return its name and level."""
        node = self.fuser.producer[value]
        record = self.fuser.records[node]
        if isinstance(record, Lookup):
            return self._look_up(node, record, places)
        if isinstance(record, Deposit):
            return self._choose(node, record, places)
        if isinstance(record, Fold):
            x = node.inputs[0]
            there = fold_places(node, record, places, self.kernel)
            text, level = self.value(x, there)
            return record.finish.format(a=text), level
        if not isinstance(record, Map):
            raise TypeError(f"{node.primitive} is not computed element by element")
        operands = [self.value(x, broadcast(places, x.shape)) for x in node.inputs]
        texts = dict(zip(record.operands, (text for text, _ in operands), strict=True))
        level = max((level for _, level in operands), default=CALL)
        name = self.name(node.primitive.name)
        text = record.text.format(**texts)
        self.statement(level, f"const {c_type(value.dtype)} {name} = {text};")
        return name, level

    def _look_up(self, node: Node, record: Lookup, places: Places) -> tuple[str, int]:
        table, indices = node.inputs
        position = self._position(node, indices, substitute(record.indices, places), table, record)
        found = list(substitute(record.table, places))
        found[record.axis] = Place(variable=position)
        if size_of(table.shape) == 0:
            return literal(0, table.dtype), CALL
        return self.value(table, tuple(found))

    def _choose(self, node: Node, record: Deposit, places: Places) -> tuple[str, int]:
        indices, updates = node.inputs[:2]
        there = choice_places(node, record, places)
        result = node.outputs[0]
        where = substitute(record.indices, there)
        position = self._position(node, indices, where, result, record)
        update, level = self.value(updates, there)
        mine = places[record.axis]
        level = max(level, self.level((mine,)), self._variables[position])
        name = self.name(node.primitive.name)
        here = place_text(mine)
        self.raw.update(axis for axis, _ in mine.steps)
        text = f"{position} == {here} ? {update} : 0"
        self.statement(level, f"const {c_type(result.dtype)} {name} = {text};")
        return name, level

    def _position(
        self, node: Node, indices: GraphValue, places: Places, of: GraphValue, record: Any
    ) -> str:
        index, level = self.value(indices, places)
        size = of.shape[record.axis]
        key = (node, places)
        if key in self._known:
            return self._known[key][0]
        name = self.name("at")
        number = self.fuser.number[node]
        checked = f"rl_index(call, {number}, (int64_t){index}, {size})"
        self.statement(level, f"const int64_t {name} = {checked};")
        self._variables[name] = level
        self.checks = True
        self._known[key] = (name, level)
        return name

    def coefficients(self, strided: Strided, places: Places) -> Coefficients:
        """Return the offset, the steps along axes and the variable parts of an element's index."""
        offset, variables = strided.offset, []
        steps: dict[int, int] = {}
        for place, stride in zip(places, strided.strides, strict=True):
            offset += place.start * stride
            for axis, step in place.steps:
                steps[axis] = steps.get(axis, 0) + step * stride
            if place.variable is not None:
                variables.append((place.variable, place.scale * stride))
        return offset, tuple(sorted((a, s) for a, s in steps.items() if s)), tuple(variables)

    def name(self, stem: str) -> str:
        """Return a C name that is not taken."""
        while True:
            self._count += 1
            name = f"{stem}_{self._count}"
            if name not in self._taken:
                return name

    def statement(self, level: int, text: str) -> None:
        self.lines[level].append(text)


def c_type(dtype: DType) -> str:
    """Return what C calls a number that is not in memory: a bool as wide as its operands."""
    return "int" if dtype.kind == "bool" else dtype.c


def axis_name(axis: int) -> str:
    """Return what C calls the index along an axis of the loops."""
    return f"i{axis}"


def place_text(place: Place) -> str:
    """Return an index along one axis as C."""
    more = ((place.variable, place.scale),) if place.variable else ()
    return sum_text(place.start, place.steps, more)


def sum_text(
    offset: int, steps: Iterable[tuple[int, int]], more: Iterable[tuple[str, int]] = ()
) -> str:
    """Return the C of an offset, steps times axes, and variables times numbers.

    >>> sum_text(5, ((0, -1), (1, 3)), (("at_2", 4),)), sum_text(0, ())
    ('at_2 * 4 + i1 * 3 + 5 - i0', '0')
    """
    terms = [(axis_name(axis), step) for axis, step in steps] + list(more)
    terms.sort(key=lambda term: -abs(term[1]))
    parts = [(_times(name, abs(step)), step > 0) for name, step in terms]
    if offset:
        parts.append((str(abs(offset)), offset > 0))
    parts.sort(key=lambda part: not part[1])  # a sum had better not begin with a minus
    text = "".join(f" {'+' if positive else '-'} {part}" for part, positive in parts)
    if text.startswith(" - "):
        return "-" + text[3:]
    return text[3:] or "0"


def _times(name: str, step: int) -> str:
    return name if step == 1 else f"{name} * {step}"


def literal(number: Any, dtype: DType) -> str:
    """Return a number as C writes it, exactly.

    >>> from rushlight.core.dtypes import float32, int64
    >>> literal(0.1, float32), literal(-3, int64), literal(float("-inf"), float32)
    ('0.1f', '(INT64_C(-3))', '(-INFINITY)')
    """
    if dtype.is_float and not dtype.is_half:
        if math.isnan(number):
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "(-INFINITY)"
        text = repr(float(number)) if dtype.itemsize == 8 else f"{np.float32(number)!s}f"
        return f"({text})" if text.startswith("-") else text
    if dtype.kind == "bool":
        return "1" if number else "0"
    if dtype.itemsize == 8 and dtype.kind == "int":
        if number == -(2**63):
            return "INT64_MIN"
        return f"(INT64_C({number}))" if number < 0 else f"INT64_C({number})"
    if dtype.itemsize == 8:
        return f"UINT64_C({number})"
    if dtype.kind == "uint" and dtype.itemsize == 4:
        return f"{number}u"
    return f"({number})" if number < 0 else str(number)
