import gc
import weakref
from collections import namedtuple

import rushlight as rl
from rushlight.tree import LEAF, flatten, unflatten

Pair = namedtuple("Pair", "left right")


def test_every_tensor_of_a_tree_is_found_in_order_and_put_back() -> None:
    a, b, c, d = (rl.tensor(float(i)) for i in range(4))
    tree = {"x": [a, (b, 3)], "y": Pair(c, "text"), "z": None, "again": d}
    leaves, form = flatten(tree)
    assert [x.item() for x in leaves] == [0.0, 1.0, 2.0, 3.0]
    assert form == {"x": [LEAF, (LEAF, 3)], "y": Pair(LEAF, "text"), "z": None, "again": LEAF}
    again = unflatten(form, leaves)
    assert again["x"][1][0] is b
    assert type(again["y"]) is Pair
    assert again["y"].right == "text"


def test_a_tensor_alone_and_nothing_are_trees_too() -> None:
    x = rl.ones(2)
    leaves, form = flatten(x)
    assert leaves[0] is x
    assert unflatten(form, [x]) is x
    assert flatten(None) == ([], None)
    assert flatten([]) == ([], [])


def test_a_tensor_met_twice_is_two_leaves() -> None:
    x = rl.ones(2)
    assert len(flatten((x, [x]))[0]) == 2


def test_a_tensor_is_gone_with_the_last_tree_that_held_it() -> None:
    gc.disable()
    try:
        leaves, form = flatten({"a": [rl.ones(2)]})
        held = weakref.ref(leaves[0])
        tree = unflatten(form, leaves)
        assert held() is not None
        del leaves, tree
        assert held() is None
    finally:
        gc.enable()
