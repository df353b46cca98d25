"""The namespace `arena`: complete, cheap to import, and honest about names it does not have."""

import subprocess
import sys

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
