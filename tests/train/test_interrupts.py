"""Ctrl-C in the middle of things. All signals here are real ones."""

import signal
import time

import pytest

from rushlight.train import interrupts
from rushlight.train.interrupts import Interrupted, Interrupts


def press():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_waits_for_the_check():
    reached = []
    with pytest.raises(Interrupted), Interrupts() as held:
        press()
        reached.append("the end of the step")
        held.check()
        reached.append("too far")
    assert reached == ["the end of the step"]


def test_ctrl_c_that_nobody_checks_is_raised_at_the_end():
    reached = []
    with pytest.raises(KeyboardInterrupt), Interrupts():
        press()
        reached.append("the end")
    assert reached == ["the end"]


def test_ctrl_c_sent_twice_in_a_moment_is_one():
    with pytest.raises(Interrupted), Interrupts() as held:
        press()
        press()
        held.check()


def test_a_second_ctrl_c_later_is_raised_at_once():
    with pytest.raises(KeyboardInterrupt) as caught, Interrupts():
        press()
        time.sleep(interrupts.INSIST_S + 0.01)
        press()
        pytest.fail("the second Ctrl-C was held back")
    assert caught.type is KeyboardInterrupt


def test_where_nothing_can_break_ctrl_c_is_raised_at_once():
    with pytest.raises(Interrupted), Interrupts() as held, held.at_once():
        press()
        pytest.fail("Ctrl-C was held back")


def test_ctrl_c_pressed_before_is_raised_where_nothing_can_break():
    with pytest.raises(Interrupted), Interrupts() as held:
        press()
        with held.at_once():
            pytest.fail("Ctrl-C was held back")


def test_after_the_block_ctrl_c_is_as_before():
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_a_handler_of_the_program_stays(handler):
    signal.signal(signal.SIGINT, handler)
    try:
        with Interrupts() as held:
            assert signal.getsignal(signal.SIGINT) is handler
            press()
            assert not held.pending
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
