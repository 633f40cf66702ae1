"""PyTorch, for the tests that compare with it; they are skipped, and say so, where it is not."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not here to compare with")
