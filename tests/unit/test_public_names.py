"""The namespace `arena`: complete, cheap to import, and honest about names it does not have."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import arena

HEAVY = ("gymnasium", "matplotlib", "numpy", "openai", "pandas", "pettingzoo", "pydantic", "pyomo", "scipy", "torch")
NEVER = ("openai", "pandas", "pettingzoo", "pyomo", "torch")


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement."""
    # -I: the working directory stays off the path, so that the installed arena is what is imported.
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("name", arena.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(arena, name) is not None
    assert name in dir(arena)


def test_unknown_name_is_an_attribute_error() -> None:
    assert arena.Network.__name__ == "Network"
    with pytest.raises(AttributeError, match="module 'arena' has no attribute 'Netwrok'"):
        arena.Netwrok  # noqa: B018 - the access is the test


def test_import_loads_no_heavy_library() -> None:
    assert "numpy" in modules_after("from arena import Simulator"), "the probe does not see what is loaded"
    assert not modules_after("import arena").intersection(HEAVY)


def test_public_names_need_no_learning_or_modelling_library() -> None:
    loaded = modules_after("import arena\nfor name in arena.__all__: getattr(arena, name)")
    assert not loaded.intersection(NEVER)


def test_what_the_page_of_contests_shows_can_be_imported(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "contest.md").read_text(encoding="utf-8")
    shown: set[str] = set()
    for path in re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE):
        try:
            module = importlib.import_module(path)
        except ImportError:
            shown.add(path.rpartition(".")[2])
            continue
        shown |= {name for name, one in vars(module).items() if getattr(one, "__module__", "") == path}
    assert "Removal" in shown
    assert shown <= set(arena.__all__)


def test_every_error_that_a_public_docstring_names_is_public() -> None:
    from arena import errors

    own = {name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, errors.ArenaError)}
    named: set[str] = set()
    for name in arena.__all__:
        public = getattr(arena, name)
        for documented in (public, *(vars(public).values() if inspect.isclass(public) else ())):
            text = inspect.getdoc(documented) or ""
            named |= set(re.findall(r"^ {4}(\w+): ", text.partition("Raises:")[2], re.MULTILINE)) & own
    assert "StoreAgeError" in named
    assert named <= set(arena.__all__)


def test_every_room_that_contributors_are_sent_to_is_there(repository: Path) -> None:
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| a question about \| room \|\n(.*?)\n\n", text, re.DOTALL)
    for path in re.findall(r"`([\w/.-]+)`", table):
        assert (repository / path).exists() or (repository / "arena" / path).exists(), path
    assert "lead_time" in (repository / "arena" / "world" / "nodes_and_links.py").read_text(encoding="utf-8")
