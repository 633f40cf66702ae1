"""Vectors: no wider than the target's, and parts of them touch nothing else."""

import re


def test_parts_of_a_vector_touch_no_memory_beyond_them(run, target):
    assert re.fullmatch(r"(4|8|16) lanes\n", run("vec_part.c", flags=target))


def test_a_vector_is_no_wider_than_the_registers_of_the_target(builder, target):
    # A wider one would be passed in memory, which gcc warns of, and a warning is an error here.
    source = '#include "vec.h"\nrl_vec sum(rl_vec a, rl_vec b);\n'
    builder.library(source + "rl_vec sum(rl_vec a, rl_vec b) { return a + b; }\n", target)


def test_loads_and_stores_are_clean_under_sanitizers(run, sanitizer):
    run("vec_part.c", flags=sanitizer)
