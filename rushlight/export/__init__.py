"""Networks taken away: as C, as a shared library, as a program, with no Python left in them."""
