"""Products: contractions of values as nests over memory, with what is done with each sum."""

from typing import cast

from rushlight.compile.emit.body import CALL, COLUMN, Body, Coefficients
from rushlight.compile.emit.contraction import contraction_code
from rushlight.compile.emit.tidy import without_unused
from rushlight.compile.fuse import Fuser
from rushlight.compile.memory import Memory
from rushlight.compile.records import Axis, Buffer, Emitted, Epilogue, Nest, Operand, Strided
from rushlight.compile.soft import Kernel, adds_up
from rushlight.core.kernels import Contraction, Terms
from rushlight.graph.ir import GraphValue


def product_code(name: str, fuser: Fuser, kernel: Kernel, memory: Memory) -> Emitted:
    """Return the C of a contraction with its epilogue."""
    node, record = kernel.op, cast(Contraction, kernel.record)
    left, right = memory.view(node.inputs[0]), memory.view(node.inputs[1])
    result = node.outputs[0]
    piecewise = adds_up(node, record)
    taps = record.taps if piecewise else ()
    space = _Space(record, taps, left, right, memory.strided.get(result))
    operands = [(left.buffer, space.left_offset), (right.buffer, space.right_offset)]
    if len(kernel.place) == 1:
        out = memory.strided[result]
        code = contraction_code(name, space.nest, result.dtype, None, piecewise)
        operands.append((out.buffer, space.out_offset))
        return Emitted(code, operands, {out.buffer}, scratch=True)
    epilogue = _EpilogueWriter(fuser, kernel, memory, space)
    code = contraction_code(name, space.nest, result.dtype, epilogue.write())
    operands += epilogue.pointers
    return Emitted(code, operands, epilogue.written, scratch=True)


class _Space:
    """The axes of a contraction by what they do, with how far they move in memory."""

    def __init__(
        self,
        record: Contraction,
        taps: tuple[int, ...],
        left: Strided,
        right: Strided,
        out: Strided | None,
    ) -> None:
        self.left_offset, lefts = _moves(record.left, left)
        self.right_offset, rights = _moves(record.right, right)
        self.out_offset, outs = _moves(record.out, out) if out is not None else (0, {})
        in_left, in_right, in_out = map(_axes, (record.left, record.right, record.out))
        shared = _axes(tuple(term for term in record.out if len(term.steps) > 1))
        groups: dict[str, list[tuple[int, Axis]]] = {
            name: [] for name in ("batch", "rows", "columns", "inner", "taps")
        }
        for axis, size in enumerate(record.sizes):
            if size == 1:
                continue
            moves = Axis(size, lefts.get(axis, 0), rights.get(axis, 0), outs.get(axis, 0))
            if axis in taps:
                group = "taps"
            elif axis not in in_out:
                group = "inner"
            elif axis in in_left and axis not in in_right:
                group = "batch" if record.taps and axis not in shared else "rows"
            elif axis in in_right and axis not in in_left:
                group = "columns"
            else:
                group = "batch"
            groups[group].append((axis, moves))
        for group, key in _ORDER.items():
            groups[group].sort(key=key, reverse=True)
        self.axes = [axis for name in ("batch", "rows", "columns") for axis, _ in groups[name]]
        self.nest = Nest(**{name: tuple(a for _, a in found) for name, found in groups.items()})


_ORDER = {
    "batch": lambda pair: (abs(pair[1].out), abs(pair[1].left)),
    "rows": lambda pair: (abs(pair[1].out), abs(pair[1].left)),
    "columns": lambda pair: (abs(pair[1].out), abs(pair[1].right)),
    "inner": lambda pair: (abs(pair[1].right), abs(pair[1].left)),
    "taps": lambda pair: abs(pair[1].out),
}


def _moves(terms: Terms, strided: Strided) -> tuple[int, dict[int, int]]:
    """Return the offset of the first element, and how far one step along each axis goes."""
    offset = strided.offset
    moves: dict[int, int] = {}
    for term, stride in zip(terms, strided.strides, strict=True):
        offset += term.start * stride
        for axis, step in term.steps:
            moves[axis] = moves.get(axis, 0) + step * stride
    return offset, moves


def _axes(terms: Terms) -> set[int]:
    return {axis for term in terms for axis, _ in term.steps}


class _EpilogueWriter:
    """Writes what is computed from each sum, as lines with placeholders."""

    def __init__(self, fuser: Fuser, kernel: Kernel, memory: Memory, space: _Space) -> None:
        self.kernel = kernel
        self.memory = memory
        self.axes = space.axes
        self.pointers: list[tuple[Buffer, int]] = []
        self.written: set[Buffer] = set()
        self._operands: dict[tuple[Buffer, int, tuple[int, ...]], str] = {}
        self.body = Body(fuser, kernel, memory.strided, self._read, set(range(len(kernel.sizes))))

    def write(self) -> Epilogue:
        result = self.kernel.defs[0]
        place = self.kernel.place[result]
        self.body.know(result, place, "{acc}", COLUMN)
        for value in self.kernel.defs:
            text = "{acc}" if value is result else self.body.define(value)[0]
            if value in self.memory.strided:
                self._store(value, text)
        prologue, lines = without_unused(self.body.lines[CALL], self.body.lines[COLUMN])
        operands = tuple(
            Operand(name, buffer.dtype, strides, buffer in self.written)
            for (buffer, _, strides), name in self._operands.items()
        )
        return Epilogue(operands, tuple(lines), tuple(prologue))

    def _store(self, value: GraphValue, text: str) -> None:
        strided = self.memory.strided[value]
        found = self.body.coefficients(strided, self.kernel.place[value])
        self.written.add(strided.buffer)
        self.body.statement(COLUMN, f"{self._read(strided, found)} = {text};")
        self.body.store(value)

    def _read(self, strided: Strided, found: Coefficients) -> str:
        offset, steps, _ = found
        moves = dict(steps)
        strides = tuple(moves.get(axis, 0) for axis in self.axes)
        key = (strided.buffer, offset, strides)
        name = self._operands.get(key)
        if name is None:
            name = strided.buffer.name
            if name in self._operands.values():
                name = f"{name}_at{len(self._operands)}"
            self._operands[key] = name
            self.pointers.append((strided.buffer, offset))
        return f"{name}[0]" if not any(strides) else f"{{{name}}}"
