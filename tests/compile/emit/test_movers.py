"""The C of movers against NumPy: in every order of memory, share by share, touching no more."""

import ctypes
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from rushlight.compile.emit.copies import Way, merged
from rushlight.compile.emit.movers import mover_code
from rushlight.compile.records import Buffer, Strided
from rushlight.core.dtypes import DType, as_dtype, float32, float64, int8, int64, uint8
from rushlight.core.kernels import Deposit, Join, RandomBits, Scan, Sort, Window, along
from rushlight.core.primitive import PRIMITIVES, Array, Spec
from rushlight.core.shapes import Shape
from rushlight.testing.cases import all_cases
from rushlight.testing.compare import assert_close, assert_identical

NODE = 41
LAYOUTS = ("plain", "reversed", "rotated", "channels last", "spaced", "backwards")
HEADERS = ("rushlight.h", "maths.h", "philox.h", "sort.h")
MOVERS = Window | Deposit | Join | Scan | Sort | RandomBits


class Call(ctypes.Structure):
    _fields_ = [
        ("buffers", ctypes.c_void_p),
        ("arena", ctypes.c_void_p),
        ("threads", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("parallel", ctypes.c_void_p),
        ("failed", ctypes.c_int64),
        ("found", ctypes.c_int64),
    ]


@dataclass
class Lying:
    """An array in memory: the bytes around it, where it is in them, and how it is described."""

    memory: Array
    view: Array
    strided: Strided


def lay(spec: Spec, layout: str, name: str = "x") -> Lying:
    """Memory for an array in a layout, all of it filled with something else."""
    rank = len(spec.shape)
    order, sizes = tuple(range(rank)), spec.shape
    step, start = 1, 0
    if layout == "reversed":
        order = order[::-1]
    elif layout == "rotated":
        order = (*order[1:], *order[:1])
    elif layout == "channels last" and rank > 2:
        order = (0, *order[2:], 1)
    elif layout in ("spaced", "backwards"):
        sizes = tuple(2 * n + 1 for n in spec.shape)
        step, start = (2, 1) if layout == "spaced" else (-2, -2)
    buffer = Buffer(name, sizes, spec.dtype, order)
    firsts = [start if start >= 0 else n + start for n in sizes]
    offset = sum(first * stride for first, stride in zip(firsts, buffer.strides, strict=True))
    strides = tuple(step * stride for stride in buffer.strides)
    memory = np.full(buffer.bytes, 0x5B, np.uint8).view(spec.dtype.storage)
    if 0 in spec.shape:
        offset = 0
    steps = tuple(stride * spec.dtype.itemsize for stride in strides)
    view = as_strided(memory[offset:], spec.shape, steps)
    return Lying(memory, view, Strided(buffer, spec.shape, strides, offset))


@dataclass
class Job:
    """A mover with its operands, and the results that it should have."""

    record: Any
    inputs: list[tuple[Array, DType]]
    wanted: list[tuple[Array, DType]]
    layout: str = "plain"
    in_place: bool = False
    name: str = ""
    lying: list[Lying] = field(default_factory=list)

    def fuses(self) -> bool:
        """Whether C may multiply and add at once, which rounds once."""
        return isinstance(self.record, Scan) and len(self.record.operands) > 1

    def code(self, number: int) -> Any:
        every = [*self.inputs, *self.wanted]
        self.lying = [
            lay(Spec(np.shape(array), dtype), self.layout, f"b{i}")
            for i, (array, dtype) in enumerate(every)
        ]
        if self.in_place:
            self.lying[-1] = self.lying[0]
        strided = [one.strided for one in self.lying]
        count = len(self.inputs)
        self.name = f"mover_{number}"
        made = mover_code(self.name, self.record, strided[:count], strided[count:], NODE)
        pointers = ", ".join(f"p[{i}]" for i in range(len(strided)))
        scratch = (
            f"static char scratch_{self.name}[{made.scratch + 1}] __attribute__((aligned(64)));"
        )
        entry = (
            f'{scratch}\n__attribute__((visibility("default"))) void run_{self.name}'
            "(void *const *p, int64_t first, int64_t last, rl_call *call);\n"
            f"void run_{self.name}(void *const *p, int64_t first, int64_t last, rl_call *call)\n"
            f"{{\n    {self.name}({pointers}, scratch_{self.name}, first, last, call);\n}}\n"
        )
        self.units = made.units
        return made.text + entry

    def run(self, library: ctypes.CDLL) -> tuple[list[Array], Call]:
        """Do the last half of the units and then the first, with the memory around looked after."""
        around = [np.ones(one.memory.shape, bool) for one in self.lying]
        for one, free in zip(self.lying, around, strict=True):
            self.of(one, free)[...] = False
            one.memory.view(np.uint8)[...] = 0x5B
        for one, (array, _) in zip(self.lying, self.inputs, strict=False):
            one.view[...] = array
        before = [one.memory.copy() for one in self.lying]
        places = [one.view.ctypes.data for one in self.lying]
        call = Call()
        pointers = (ctypes.c_void_p * len(places))(*places)
        half = self.units // 2
        run = library[f"run_{self.name}"]
        for first, last in ((half, self.units), (0, half), (half, half)):
            run(pointers, ctypes.c_int64(first), ctypes.c_int64(last), ctypes.byref(call))
        for one, free, old in zip(self.lying, around, before, strict=True):
            np.testing.assert_array_equal(one.memory[free], old[free], "outside of the view")
        count = len(self.inputs)
        for one, old in zip(self.lying[:count], before, strict=False):
            if one is not self.lying[-1]:
                np.testing.assert_array_equal(one.memory, old, "an operand")
        return [one.view.copy() for one in self.lying[count:]], call

    def of(self, one: Lying, memory: Array) -> Array:
        strides = tuple(stride * memory.itemsize for stride in one.strided.strides)
        return as_strided(memory[one.strided.offset :], one.strided.shape, strides)


def jobs_of_cases() -> dict[str, Job]:
    found = {}
    for case in all_cases():
        record = case.primitive.lower(*case.specs(), **case.params)
        if case.layout != "plain" or not isinstance(record, MOVERS):
            continue
        arrays = [case.arrays[i] for i in case.operands]
        results = case.primitive.numpy(*arrays, **case.params)
        specs = case.primitive.rule(*case.specs(), **case.params)
        several = isinstance(specs, tuple)
        wanted = [
            (np.asarray(array), spec.dtype)
            for array, spec in zip(
                results if several else (results,), specs if several else (specs,), strict=True
            )
        ]
        inputs = [(array, case.dtypes[i]) for array, i in zip(arrays, case.operands, strict=True)]
        for layout in LAYOUTS[::2]:
            found[f"{case} {layout}"] = Job(record, inputs, wanted, layout)
        if isinstance(record, Deposit) and record.based:
            found[f"{case} in place"] = Job(record, inputs, wanted, "plain", in_place=True)
    return found


def pooled(name: str, x: Array, layout: str, *, without_places: bool = False, **params: Any) -> Job:
    """The job of a pooling of `x`."""
    primitive = PRIMITIVES[name]
    params = {"ceil_mode": False, "padding": (0, 0), **params}
    dtype = as_dtype(x.dtype)
    results = primitive.numpy(x, **params)
    arrays = results if isinstance(results, tuple) else (results,)
    wanted = [(array, as_dtype(array.dtype)) for array in arrays]
    record = primitive.lower(Spec(x.shape, dtype), **params)
    return Job(record, [(x, dtype)], wanted[: 1 if without_places else 2], layout)


def unpooled(x: Array, layout: str, **params: Any) -> Job:
    """The job of what undoes the pooling of `x`."""
    primitive = PRIMITIVES["max_unpool2d"]
    params = {"ceil_mode": False, "padding": (0, 0), "dilation": (1, 1), **params}
    g, taps = PRIMITIVES["max_pool2d"].numpy(x, **params)
    params["size"] = x.shape[2:]
    wanted = [(primitive.numpy(taps, g, **params), float32)]
    inputs = [(taps, as_dtype(taps.dtype)), (g, float32)]
    record = primitive.lower(*[Spec(array.shape, dtype) for array, dtype in inputs], **params)
    return Job(record, inputs, wanted, layout)


def jobs_of_pools() -> dict[str, Job]:
    random = np.random.default_rng(5)
    odd = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0]
    strange = random.choice(np.array(odd, np.float32), (3, 17, 9, 8))
    lowest = np.full((1, 3, 6, 6), -np.inf, np.float32)
    whole = {"kernel": (2, 2), "stride": (2, 2)}
    partly = {"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)}
    gaps = {"kernel": (3, 2), "stride": (1, 3), "dilation": (2, 3), "padding": (1, 1)}
    found = {}
    for layout in LAYOUTS:
        for name, window in (("whole", whole), ("partly inside", partly), ("with gaps", gaps)):
            window = {"dilation": (1, 1), **window}
            for what, x in (("nan and ties", strange), ("all -inf", lowest)):
                found[f"max {name} {what} {layout}"] = pooled("max_pool2d", x, layout, **window)
            for dtype in (int8, uint8, int64, float64):
                x = random.integers(0, 9, (2, 5, 7, 7)).astype(dtype.storage)
                job = pooled("max_pool2d", x, layout, **window)
                found[f"max {name} {dtype} {layout}"] = job
        for name, window in (("whole", whole), ("partly inside", partly)):
            x = random.normal(size=(2, 19, 8, 9)).astype(np.float32)
            found[f"sum {name} {layout}"] = pooled("sum_pool2d", x, layout, **window)
            small = PRIMITIVES["sum_pool2d"].rule(
                Spec(x.shape, float32), **{"padding": (0, 0), "ceil_mode": False, **window}
            )
            g = random.normal(size=small.shape).astype(np.float32)
            job = pooled("sum_unpool2d", g, layout, size=(8, 9), **window)
            found[f"unsum {name} {layout}"] = job
        for name, window in (("whole", whole), ("partly inside", partly), ("with gaps", gaps)):
            x = random.normal(size=(2, 19, 8, 8)).astype(np.float32)
            found[f"unmax {name} {layout}"] = unpooled(x, layout, **window)
        x = random.normal(size=(2, 5, 6, 6)).astype(np.float32)
        alone = pooled("max_pool2d", x, layout, without_places=True, **whole, dilation=(1, 1))
        found[f"max without places {layout}"] = alone
        alone = pooled("max_pool2d", x, layout, without_places=True, **partly, dilation=(1, 1))
        found[f"max partly inside without places {layout}"] = alone
        wide = {"kernel": (6, 6), "stride": (6, 6)}  # more places than are written out
        found[f"sum of a plane {layout}"] = pooled("sum_pool2d", x, layout, **wide)
    return found


def deposit(
    record: Deposit, indices: Array, updates: Array, shape: Shape, layout: str, **more: Any
) -> Job:
    """The job of a deposit, its positions checked as the C checks them."""
    out = np.zeros(shape, updates.dtype)
    size = shape[record.axis]
    for place in np.ndindex(updates.shape):
        at = [sum(step * place[axis] for axis, step in term.steps) for term in record.out]
        where = [sum(step * place[axis] for axis, step in term.steps) for term in record.indices]
        position = int(indices[tuple(where)])
        if 0 <= position < size:
            at[record.axis] = position
            out[tuple(at)] += updates[place]
    inputs = [(array, as_dtype(array.dtype)) for array in (indices, updates)]
    return Job(record, inputs, [(out, as_dtype(out.dtype))], layout, **more)


def jobs_of_deposits() -> dict[str, Job]:
    random = np.random.default_rng(6)
    rows = PRIMITIVES["take_add"].lower(Spec((300,), int64), Spec((300, 40), float32), rows=2000)
    planes = PRIMITIVES["scatter_add"].lower(
        Spec((4, 6, 30), int64), Spec((4, 6, 30), float32), axis=2, size=90
    )
    found = {}
    for layout in LAYOUTS:
        numbers = random.integers(0, 50, 300) * 40  # many meet, and parts own ranges
        updates = random.normal(size=(300, 40)).astype(np.float32)
        found[f"rows of a large table {layout}"] = deposit(
            rows, numbers, updates, (2000, 40), layout
        )
        numbers = random.integers(0, 90, (4, 6, 30))
        updates = random.normal(size=(4, 6, 30)).astype(np.float32)
        found[f"planes {layout}"] = deposit(planes, numbers, updates, (4, 6, 90), layout)
        wrong = numbers.copy()
        wrong[1, 2, 3], wrong[3, 5, 29], wrong[0, 0, 0] = -1, 90, np.iinfo(np.int64).min
        found[f"planes out of range {layout}"] = deposit(planes, wrong, updates, (4, 6, 90), layout)
        wrong = np.array([0, 7, 2**63 + 5, 2**64 - 1, 1, 2], np.uint64)
        few = PRIMITIVES["take_add"].lower(Spec((6,), int64), Spec((6, 3), float32), rows=7)
        updates = random.normal(size=(6, 3)).astype(np.float32)
        found[f"rows out of range {layout}"] = deposit(few, wrong, updates, (7, 3), layout)
    return found


def jobs_of_joins() -> dict[str, Job]:
    random = np.random.default_rng(7)
    found = {}
    for layout in LAYOUTS:
        for axis in range(3):
            shapes = [[20, 15, 25], [20, 15, 25], [20, 15, 25]]
            shapes[1][axis], shapes[2][axis] = 1, 3
            parts = [random.normal(size=shape).astype(np.float32) for shape in shapes]
            specs = [Spec(part.shape, float32) for part in parts]
            record = PRIMITIVES["concat"].lower(*specs, axis=axis)
            wanted = [(np.concatenate(parts, axis), float32)]
            inputs = [(part, float32) for part in parts]
            found[f"concat along {axis} {layout}"] = Job(record, inputs, wanted, layout)
        x = random.normal(size=(9, 7, 15)).astype(np.float32)
        params = {"shape": (20, 16, 31), "start": (18, 1, 0), "step": (-2, 2, 2)}
        wanted = [(PRIMITIVES["place"].numpy(x, **params), float32)]
        record = PRIMITIVES["place"].lower(Spec(x.shape, float32), **params)
        found[f"place {layout}"] = Job(record, [(x, float32)], wanted, layout)
    return found


def jobs_of_bits() -> dict[str, Job]:
    random = PRIMITIVES["random_bits"]
    found = {}
    for layout in LAYOUTS:
        state = np.array([3, 4, 0xFFFFFFF0, 6], np.uint32)
        for shape in ((9001,), (3, 11, 25, 13)):
            results = random.numpy(state, shape=shape)
            wanted = [(array, as_dtype(array.dtype)) for array in results]
            record = random.lower(Spec((4,), as_dtype("uint32")), shape=shape)
            inputs = [(state, as_dtype("uint32"))]
            found[f"bits {shape} {layout}"] = Job(record, inputs, wanted, layout)
    return found


def jobs_of_scans() -> dict[str, Job]:
    """Rows of one and of many units, side by side and one behind the other."""
    random = np.random.default_rng(8)
    found = {}
    dtypes = itertools.cycle((float32, float64, int8, uint8, as_dtype("uint64")))
    for layout, axis in itertools.product(LAYOUTS, range(3)):
        x = random.normal(size=(9, 70, 33)).astype(np.float32)
        params = {"axis": axis, "reverse": axis == 1}
        record = PRIMITIVES["cumsum"].lower(Spec(x.shape, float32), **params)
        wanted = [(PRIMITIVES["cumsum"].numpy(x, **params), float32)]
        found[f"sums along {axis} {layout}"] = Job(record, [(x, float32)], wanted, layout)
        dtype = next(dtypes)
        x = random.integers(0, 40, (7, 101, 15)).astype(dtype.storage)
        params = {"axis": axis, "descending": axis == 1}
        record = PRIMITIVES["argsort"].lower(Spec(x.shape, dtype), **params)
        wanted = [(PRIMITIVES["argsort"].numpy(x, **params), int64)]
        found[f"order along {axis} {dtype} {layout}"] = Job(record, [(x, dtype)], wanted, layout)
    for size in (1, 2, 8, 9, 16, 17, 63, 64, 1000, 70001):
        x = random.integers(-size // 2, 1 + size // 2, (2, size)) * 77
        wanted = [(x.argsort(1, kind="stable"), int64)]
        found[f"order of {size}"] = Job(Sort(1), [(x, int64)], wanted)
    return found


JOBS = jobs_of_cases()
JOBS |= jobs_of_pools() | jobs_of_deposits() | jobs_of_joins() | jobs_of_bits() | jobs_of_scans()


@pytest.fixture(scope="module")
def library(compiled: Any) -> ctypes.CDLL:
    text = "\n".join(job.code(number) for number, job in enumerate(JOBS.values()))
    return ctypes.CDLL(str(compiled(text, *HEADERS)))


@pytest.mark.parametrize("name", JOBS)
def test_a_mover_gives_what_numpy_gives_and_touches_nothing_else(
    name: str, library: ctypes.CDLL
) -> None:
    job = JOBS[name]
    got, call = job.run(library)
    assert len(got) == len(job.wanted)
    for one, (other, _) in zip(got, job.wanted, strict=True):
        rounds = isinstance(job.record, Window | Deposit) or job.fuses()
        close = assert_close if rounds else assert_identical
        close(one, other)
    assert bool(call.failed) == ("out of range" in name)


def test_a_position_out_of_range_is_told_with_the_node(library: ctypes.CDLL) -> None:
    _, call = JOBS["planes out of range plain"].run(library)
    assert call.failed == NODE + 1
    assert call.found in (-1, 90, np.iinfo(np.int64).min)


def test_what_has_no_elements_has_no_units_but_the_state_still_moves_on() -> None:
    empty = Buffer("x", (0, 3), float32, (0, 1)).view()
    join = mover_code("join", Join(((along(0), along(1)),), True), [empty], [empty], NODE)
    assert join.units == 0
    state = Buffer("s", (4,), as_dtype("uint32"), (0,)).view()
    bits = Buffer("b", (0,), as_dtype("uint32"), (0,)).view()
    assert mover_code("bits", RandomBits(), [state], [bits, state], NODE).units == 1


def test_a_large_table_is_shared_out_by_ranges_of_its_rows() -> None:
    table = Buffer("t", (5000, 64), float32, (0, 1)).view()
    rows = Buffer("r", (8, 64), float32, (0, 1)).view()
    numbers = Buffer("n", (8,), int64, (0,)).view()
    record = PRIMITIVES["take_add"].lower(
        Spec(numbers.shape, int64), Spec(rows.shape, float32), rows=5000
    )
    assert isinstance(record, Deposit)
    assert mover_code("rows", record, [numbers, rows], [table], NODE).units > 1


def test_axes_that_lie_as_one_are_one() -> None:
    assert merged([Way(4, 6, 12), Way(2, 3, 6), Way(3, 1, 2)]) == [Way(24, 1, 2)]
    assert merged([Way(4, 6, 0), Way(6, 1, 1)]) == [Way(4, 6, 0), Way(6, 1, 1)]
    assert merged([Way(1, 7, 7)]) == []
