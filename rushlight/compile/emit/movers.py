"""Movers: the C of kernels that move elements and compute little.

Each is a function of its operands' first elements (the caller adds the offsets of views) and of
its results', which share no memory with them but for a deposit in place; then scratch, the units
to do, and the call, to which a position out of range is told.
"""

from collections.abc import Sequence

from rushlight.compile.emit.attention import attention_code
from rushlight.compile.emit.copies import Way, write_fill
from rushlight.compile.emit.deposits import deposit_code
from rushlight.compile.emit.scans import scan_code, sort_code
from rushlight.compile.emit.text import Text, offset, pointer
from rushlight.compile.emit.windows import window_code
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.kernels import (
    Attention,
    Deposit,
    Join,
    RandomBits,
    Record,
    Scan,
    Sort,
    Term,
    Terms,
    Window,
)
from rushlight.core.shapes import size_of

FEW_UNITS, LITTLE = 16, 4096  # how many units a join has, if it moves more than so many elements
WORDS = 4096  # random words of a unit
SCATTERED_WORDS = 256  # the same where they do not lie in order


def mover_code(
    name: str, record: Record, inputs: Sequence[Strided], outputs: Sequence[Strided], node: int
) -> KernelCode:
    """Return the C of a mover.

    Args:
        name: what its function is called.
        record: what it does: a Deposit, a Join, a Scan, a Sort, a Window or RandomBits.
        inputs: the operands in memory, in the order of the record.
        outputs: the results in memory.
        node: the number under which an index out of range is told.
    """
    if isinstance(record, Window):
        return window_code(name, record, inputs, outputs)
    if isinstance(record, Deposit):
        return deposit_code(name, record, inputs, outputs[0], node)
    if isinstance(record, Join):
        return _join_code(name, record, inputs, outputs[0])
    if isinstance(record, Scan):
        return scan_code(name, record, inputs, outputs[0])
    if isinstance(record, Sort):
        return sort_code(name, record, inputs[0], outputs[0])
    if isinstance(record, RandomBits):
        return _random_code(name, inputs[0], outputs)
    if isinstance(record, Attention):
        return attention_code(name, record, inputs, outputs)
    raise NotImplementedError(f"no mover for {type(record).__name__}")


def _join_code(name: str, record: Join, inputs: Sequence[Strided], out: Strided) -> KernelCode:
    """Return the C of a join; a unit is a slice of the result, zeros first where some stay."""
    axes = _unit_axes(out)
    units = 0 if 0 in out.shape else size_of(tuple(out.shape[axis] for axis in axes))
    text = Text()
    pointers = [pointer(x, f"x{i}") for i, x in enumerate(inputs)]
    with text.function(name, [*pointers, pointer(out, "y", written=True)]):
        if units:
            with text.loop("unit", "last", "first"):
                text.indices("unit", [(f"i{axis}", out.shape[axis]) for axis in axes])
                steps = [(f"i{axis}", out.strides[axis]) for axis in axes]
                text.line(f"{out.dtype.c} *part = y + {offset(*steps)};")
                if not record.covered:
                    inside = [axis for axis in range(len(out.shape)) if axis not in axes]
                    ways = [Way(out.shape[axis], out.strides[axis]) for axis in inside]
                    write_fill(text, "part", ways)
                for number, (x, window) in enumerate(zip(inputs, record.windows, strict=True)):
                    if 0 not in x.shape:
                        _write_window(text, f"x{number}", x, window, out, axes)
    return KernelCode(str(text), units)


def _unit_axes(out: Strided) -> list[int]:
    """Return the outermost axes of an array, as many as make enough units."""
    axes: list[int] = []
    if size_of(out.shape) <= LITTLE:
        return axes
    order = sorted(range(len(out.shape)), key=lambda axis: -abs(out.strides[axis]))
    long = [axis for axis in order if out.shape[axis] > 1]
    for axis in long[:-1]:
        axes.append(axis)
        if size_of(tuple(out.shape[one] for one in axes)) >= FEW_UNITS:
            break
    return axes or long[:1]


def _write_window(
    text: Text, name: str, x: Strided, window: Terms, out: Strided, axes: Sequence[int]
) -> None:
    """Write the copy of what a unit has of one operand."""
    conditions: list[str] = []
    start, ways, source = 0, [], []
    with text.block(""):
        for axis, term in enumerate(window):
            own, step = term.steps[0] if term.steps else (None, 1)
            size = x.shape[own] if own is not None else 1
            stride = x.strides[own] if own is not None else 0
            if axis not in axes:
                start += term.start * out.strides[axis]
                ways.append(Way(size, step * out.strides[axis], stride))
            elif (term.start, step, size) == (0, 1, out.shape[axis]):
                source.append((f"i{axis}", stride))
            else:
                conditions += _write_index(text, axis, Term(term.start, ((axis, step),)), size)
                source.append((f"own{axis}", stride))
        condition = f"if ({' && '.join(conditions)})" if conditions else ""
        with text.block(condition):
            text.line(f"const {x.dtype.c} *from = {name} + {offset(*source)};")
            text.line(f"{x.dtype.c} *to = part + {start};")
            write_fill(text, "to", ways, "from")


def _write_index(text: Text, axis: int, term: Term, size: int) -> list[str]:
    """Write which index of an operand a place of the result is; return when it is one at all."""
    own, step = f"own{axis}", term.steps[0][1]
    distance = f"i{axis} - {term.start}" if term.start else f"i{axis}"
    if step == 1:
        text.line(f"const int64_t {own} = {distance};")
        return [f"{own} >= 0", f"{own} < {size}"]
    text.line(f"const int64_t {own} = ({distance}) / {step};")
    return [f"{own} >= 0", f"{own} < {size}", f"{own} * {step} == {distance}"]


def _random_code(name: str, state: Strided, outputs: Sequence[Strided]) -> KernelCode:
    """Return the C of random words and of the state that follows."""
    bits, following = outputs
    count = size_of(bits.shape)
    in_order = _is_in_order(bits)
    words = WORDS if in_order else SCATTERED_WORDS
    text = Text()
    pointers = [pointer(state, "state"), pointer(bits, "bits", written=True)]
    with text.function(name, [*pointers, pointer(following, "following", written=True)]):
        step = state.strides[0]
        parts = ", ".join(f"state[{word * step}]" for word in range(4))
        text.line(f"const uint32_t key[4] = {{{parts}}};")
        with text.block("if (first == 0 && last > 0)"):
            text.line("uint32_t next[4];")
            text.line(f"rl_philox_advance(key, {count}, next);")
            for word in range(4):
                text.line(f"following[{word * following.strides[0]}] = next[{word}];")
        if count:
            with text.block("if (first < last)"):
                end = f"last * {words} < {count} ? last * {words} : {count}"
                text.line(f"const int64_t begin = first * {words};")
                text.line(f"const int64_t end = {end};")
                if in_order:
                    text.line("rl_philox_fill(key, begin, end - begin, bits + begin);")
                else:
                    _write_scattered(text, bits, words)
    return KernelCode(str(text), max(1, -(-count // words)), headers=("philox.h",))


def _is_in_order(x: Strided) -> bool:
    """Return whether the elements lie one after another in row-major order."""
    step = 1
    for size, stride in reversed(list(zip(x.shape, x.strides, strict=True))):
        if size != 1 and stride != step:
            return False
        step *= size
    return True


def _write_scattered(text: Text, bits: Strided, words: int) -> None:
    """Write the words of units, each to where its element lies."""
    text.line(f"uint32_t part[{words}];")
    with text.block(f"for (int64_t at = begin; at < end; at += {words})"):
        text.line(f"const int64_t count = end - at < {words} ? end - at : {words};")
        text.line("rl_philox_fill(key, at, count, part);")
        with text.loop("word", "count"):
            text.line("const int64_t number = at + word;")
            named = [(f"i{axis}", size) for axis, size in enumerate(bits.shape) if size > 1]
            text.indices("number", named)
            steps = [(f"i{axis}", bits.strides[axis]) for axis, n in enumerate(bits.shape) if n > 1]
            text.line(f"bits[{offset(*steps)}] = part[word];")
