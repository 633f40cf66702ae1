"""Averages of weights: exchanged, copied, saved, misused."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import EMA, SWA


def followed(kind=EMA, values=((1.0, 2.0), (3.0, 6.0)), **options):
    layer = rl.nn.Linear(1, 1)
    average = kind(layer, **options)
    for weight, bias in values:
        layer.weight.assign([[weight]])
        layer.bias.assign([bias])
        average.update()
    return layer, average


def values_of(layer):
    return [layer.weight.item(), layer.bias.item()]


def test_an_ema_begins_with_the_first_weights_that_it_sees():
    _, average = followed(decay=0.75)
    assert [tensor.item() for tensor in average.averages.values()] == [1.5, 3.0]


def test_a_warmup_forgets_the_first_weights_sooner():
    _, average = followed(decay=0.75, warmup=True)  # (1 + 2) / (10 + 2) is 0.25
    np.testing.assert_allclose(average.averages["weight"].numpy(), [[2.5]], rtol=1e-6)


def test_an_equal_average_is_the_mean():
    _, average = followed(SWA, [(1.0, 0.0), (2.0, 3.0), (6.0, 9.0)])
    np.testing.assert_allclose(average.averages["weight"].numpy(), [[3.0]], rtol=1e-6)
    np.testing.assert_allclose(average.averages["bias"].numpy(), [4.0], rtol=1e-6)


def test_the_averages_are_the_weights_inside_of_the_block_only():
    layer, average = followed(decay=0.75)
    with average.swapped():
        assert values_of(layer) == [1.5, 3.0]
    assert values_of(layer) == [3.0, 6.0]
    assert average.averages["weight"].item() == 1.5


def test_the_weights_are_back_after_an_error_in_the_block():
    layer, average = followed(decay=0.75)
    with pytest.raises(ValueError, match="stop"), average.swapped():
        raise ValueError("stop")
    assert values_of(layer) == [3.0, 6.0]


def test_averages_are_copied_to_the_module_or_to_another():
    layer, average = followed(decay=0.75)
    other = rl.nn.Linear(1, 1)
    average.copy_to(other)
    assert values_of(other) == [1.5, 3.0]
    assert values_of(layer) == [3.0, 6.0]
    average.copy_to()
    assert values_of(layer) == [1.5, 3.0]
    layer.weight.assign([[9.0]])
    assert average.averages["weight"].item() == 1.5


def test_a_module_that_does_not_fit_is_refused_and_unchanged():
    _, average = followed()
    with pytest.raises(rl.ShapeError, match="weight has shape"):
        average.copy_to(rl.nn.Linear(2, 1))
    with pytest.raises(rl.ModuleError, match="unexpected: bias"):
        average.copy_to(rl.nn.Linear(1, 1, bias=False))


def test_a_list_of_parameters_is_followed_too():
    w = rl.tensor([1.0])
    average = SWA(iter([w]))
    average.update()
    assert average.averages["0"].tolist() == [1.0]


def test_a_saved_average_goes_on():
    values = [(1.0, 2.0), (3.0, 6.0), (4.0, 1.0), (0.5, 0.25)]
    _, whole = followed(values=values, decay=0.9, warmup=True)
    _, first = followed(values=values[:2], decay=0.9, warmup=True)
    layer = rl.nn.Linear(1, 1)
    second = EMA(layer, decay=0.9, warmup=True)
    second.load_state_dict(first.state_dict())
    for weight, bias in values[2:]:
        layer.weight.assign([[weight]])
        layer.bias.assign([bias])
        second.update()
    for name, tensor in whole.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name].numpy(), tensor.numpy())


def test_an_update_leaves_the_weights_alone():
    layer, average = followed()
    before = layer.weight.numpy()
    average.update()
    assert layer.weight.numpy() is before or np.array_equal(layer.weight.numpy(), before)
    assert layer.weight.requires_grad


MISTAKES = [
    (lambda: EMA(rl.nn.Linear(1, 1), decay=1.0), "decay must be a number of at least 0 and below"),
    (lambda: EMA(rl.nn.Linear(1, 1), warmup=2), "warmup must be True or False, not 2"),
    (lambda: EMA(5), "int is no list of parameters"),
    (lambda: SWA(rl.ones(1)), "one Tensor is no list of parameters"),
    (lambda: EMA([]), "at least one parameter is needed"),
    (lambda: EMA([rl.arange(3)]), "parameter 0 is int64, which cannot be trained"),
    (lambda: SWA([rl.ones(1)]).load_state_dict({}), "the state does not fit SWA; missing: count"),
]


@pytest.mark.parametrize(("mistake", "fact"), MISTAKES, ids=[fact for _, fact in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
