"""The driver: many steps in one call, each on the buffers that are its own."""


def test_steps_run_in_order_on_the_buffers_that_are_theirs_until_one_fails(run, sanitizer):
    run("driving.c", "drive.c", flags=sanitizer)
