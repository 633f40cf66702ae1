"""What a gradient rule says that it reads is what it reads: no more is kept, no less is guarded."""

import pytest

from rushlight.core.bind import bind
from rushlight.core.dtypes import float64
from rushlight.core.primitive import PRIMITIVES, Value
from rushlight.creation import ones_like
from rushlight.testing.cases import cases


class Unread(Value):
    """A value of which only the shape and dtype may be looked at."""

    def __init__(self, spec):
        self._spec = spec

    @property
    def shape(self):
        return self._spec.shape

    @property
    def dtype(self):
        return self._spec.dtype

    def __getattr__(self, name):
        raise AssertionError(f"the rule reads {name} of a value that it does not save")


@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES.values() if p.differentiable], ids=repr
)
def test_a_rule_reads_only_what_it_saves(primitive):
    checked = 0
    for case in cases(primitive, float64):
        if case.layout != "plain" or case.operands != tuple(range(len(case.arrays))):
            continue  # the same rule on other memory, or on one value twice
        inputs = case.inputs()
        result = bind(primitive, *inputs, **case.params)
        one = not isinstance(result, tuple)
        g = ones_like(result) if one else tuple(ones_like(y) for y in result)
        y = Unread(result.spec) if one and not primitive.uses_output else result
        for wrt, x in enumerate(inputs):
            if x.dtype.is_float:
                saved = set(primitive.saves(wrt, len(inputs)))
                given = [x if i in saved else Unread(x.spec) for i, x in enumerate(inputs)]
                primitive.vjp(wrt, g, y, *given, **case.params)
                checked += 1
    assert checked > 0
