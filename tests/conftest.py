"""What all tests share: the Hypothesis profile, the places of files, and the markers and limits of tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from unhurried import load_profile

if TYPE_CHECKING:
    from seats import Hosts

REPOSITORY = Path(__file__).resolve().parent.parent

#: After so long a slow test is taken to hang; the limit of all others is in pyproject.toml.
SLOW_SECONDS = 3600

load_profile()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    parity = REPOSITORY / "tests" / "parity"
    for item in items:
        if parity in item.path.parents:
            item.add_marker(pytest.mark.parity)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout: submissions, scenarios and the sample plugin are below it."""
    return REPOSITORY


@pytest.fixture(scope="session")
def host_at() -> Iterator["Hosts"]:
    """Hosts by isolation level, shared by the tests of a run; a level that does not work here skips the test."""
    from seats import Hosts  # Most tests play nothing, and need not wait for this.

    hosts = Hosts()
    yield hosts
    hosts.close()


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of the published results, named by ARENA_REFERENCE; they are not part of this repository."""
    folder = Path(os.environ.get("ARENA_REFERENCE", REPOSITORY.parent / "shared" / "reference"))
    if not (folder / "published_episodes.csv").is_file():
        pytest.skip(f"the published results are not at {folder}; set ARENA_REFERENCE to the folder that holds them")
    return folder
