"""What the tests of files share: acting as a user who may not do everything."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder_of_an_ordinary_user() -> Iterator[Path]:
    """Give a folder to an ordinary user, and be that user for the test: root may do anything."""
    if os.name != "posix":
        pytest.skip("users and modes of POSIX")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)
