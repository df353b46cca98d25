"""The data of the boards, where they are."""

import os
from pathlib import Path

import pytest
from unhurried import load_profile

load_profile()


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the boards' data, named by ARENA_REFERENCE; they are not part of this repository."""
    folder = Path(os.environ.get("ARENA_REFERENCE", Path(__file__).parents[4] / "shared" / "reference"))
    if not (folder / "vn2").is_dir():
        pytest.skip(f"the data of the boards are not at {folder}; set ARENA_REFERENCE to the folder that holds them")
    return folder
