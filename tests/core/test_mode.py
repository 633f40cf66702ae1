import threading

import pytest

import rushlight as rl
from rushlight.core.mode import grad_mode, mode


def test_no_grad_is_a_block_and_a_decorator() -> None:
    w = rl.ones(2, requires_grad=True)

    @rl.no_grad()
    def doubled(x: rl.Tensor) -> rl.Tensor:
        return x * 2.0

    with rl.no_grad():
        assert not (w * 2.0).requires_grad
    for _ in range(2):
        assert not doubled(w).requires_grad
    assert (w * 2.0).requires_grad


def test_enable_grad_switches_on_again_inside() -> None:
    w = rl.ones(2, requires_grad=True)
    with rl.no_grad():
        with rl.enable_grad():
            assert (w * 2.0).requires_grad
        assert not (w * 2.0).requires_grad


@pytest.mark.parametrize("switch", [rl.no_grad, rl.detect_anomaly])
def test_an_exception_switches_back(switch) -> None:
    before = (mode.grad, mode.anomaly)
    with pytest.raises(KeyError), switch():
        raise KeyError
    assert (mode.grad, mode.anomaly) == before


def test_each_thread_has_its_own_mode() -> None:
    w = rl.ones(2, requires_grad=True)
    seen = []
    with rl.no_grad(), grad_mode(False):
        thread = threading.Thread(target=lambda: seen.append((w * 2.0).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_generator_under_no_grad_does_not_keep_it_for_its_caller() -> None:
    w = rl.ones(2, requires_grad=True)

    def results():
        with rl.no_grad():
            yield w * 2.0

    (y,) = list(results())
    assert not y.requires_grad
    assert (w * 2.0).requires_grad
