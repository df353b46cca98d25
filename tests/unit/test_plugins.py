"""Discovery: metadata without imports, one fault per broken plugin, and no silent choice between two of a name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_plugins import controller_source, write_plugin
from pydantic import BaseModel

from arena import ControllerSpec, PluginError, UnknownName
from arena.plugins import Plugins, check_spec, discover, list_entry_points, load_plugin, make_manager

# The tests look at a group of their own, so that what is installed beside the arena is not in their way.
GROUP = "arena-test"

Install = Callable[..., None]


def discover_all() -> Plugins:
    """Import every plugin of the group into this process, as somebody who trusts them all."""
    return discover(GROUP, trust=sorted({entry.distribution for entry in list_entry_points(GROUP)}))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes a plugin and puts it on the import path; arguments of `write_plugin`."""

    def make(distribution: str, module: str, source: str, **more: Any) -> None:
        monkeypatch.syspath_prepend(write_plugin(tmp_path, distribution, module, source, **more))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


def test_listing_reads_metadata_and_imports_nothing(install: Install) -> None:
    install("fake-loud", "fake_loud", "raise SystemExit('imported')")
    (entry,) = list_entry_points(GROUP)
    assert (entry.name, entry.value, entry.distribution, entry.version) == (
        "fake_loud",
        "fake_loud",
        "fake-loud",
        "1.0",
    )
    assert "fake_loud" not in sys.modules


def test_a_plugin_gives_its_controllers_with_their_origin(install: Install) -> None:
    install("fake-good", "fake_good", controller_source("steady"))
    plugins = discover_all()
    assert plugins.failures == ()
    registered = plugins.controller("steady")
    assert (registered.plugin, registered.distribution, registered.version) == ("fake_good", "fake-good", "1.0")
    assert registered.spec.tracks == ("blind",)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_library", "ModuleNotFoundError: .*'no_such_library'"),
        ("def broken(:", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError('first\\nsecond \\x1b[31m')", r"RuntimeError: first\\nsecond \\x1b\[31m"),
        (
            controller_source("x", hook="arena_controlers"),
            'there is no hook "arena_controlers"; did you mean "arena_con',
        ),
        ("def arena_controllers(): return []", "it implements no hook; define arena_controllers"),
        (
            "from arena import hookimpl\n@hookimpl\ndef arena_controllers(): return []",
            "arena_controllers gave no controller; return a list of arena.ControllerSpec",
        ),
        (
            "from arena import hookimpl\n@hookimpl\ndef arena_controllers(): return 7",
            "arena_controllers gave a int; return a list of arena.ControllerSpec",
        ),
        (
            "from arena import hookimpl\n@hookimpl\ndef arena_controllers(): return ['newsvendor']",
            "arena_controllers gave a str; it must give arena.ControllerSpec",
        ),
        (
            "from arena import hookimpl\n@hookimpl\ndef arena_controllers(surprise): return []",
            "PluginValidationError: .*surprise",
        ),
        (controller_source("Not A Slug"), 'controller "Not A Slug": the name is not a slug'),
        (
            controller_source("twice").replace("return [", "return 2 * ["),
            'it gives controller "twice" twice; give each controller its own name',
        ),
    ],
)
def test_a_broken_plugin_is_one_line_and_the_others_go_on(install: Install, source: str, cause: str) -> None:
    install("fake-broken", "fake_broken", source)
    install("fake-good", "fake_good", controller_source("steady"))
    plugins = discover_all()
    assert list(plugins.controllers) == ["steady"]
    (failure,) = plugins.failures
    assert (failure.entry_point, failure.distribution) == ("fake_broken", "fake-broken")
    with pytest.raises(PluginError, match=cause):
        raise PluginError(failure.message)
    assert "\n" not in str(failure)
    assert str(failure).startswith('plugin "fake_broken" of fake-broken: ')


def test_an_exception_with_a_broken_text_does_not_stop_discovery(install: Install) -> None:
    source = "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd"
    install("fake-odd", "fake_odd", source)
    (failure,) = discover_all().failures
    assert failure.message == "Odd: its text could not be read"


def test_a_controller_name_given_by_two_plugins_is_an_error_that_names_both(install: Install) -> None:
    install("fake-one", "fake_one", controller_source("steady"))
    install("fake-two", "fake_two", controller_source("steady"))
    both = 'controller "steady" is given twice, by plugin "fake_one" of fake-one and by plugin "fake_two" of fake-two'
    with pytest.raises(PluginError, match=both):
        discover_all()


def test_an_entry_point_declared_by_two_packages_is_an_error_that_names_both(install: Install) -> None:
    install("fake-one", "fake_one", controller_source("steady"), entry_points={"rules": "fake_one"})
    install("fake-two", "fake_two", controller_source("calm"), entry_points={"rules": "fake_two"})
    both = r'plugin "rules" is declared twice, by fake-one \(fake_one\) and fake-two \(fake_two\); uninstall one'
    with pytest.raises(PluginError, match=both):
        discover_all()
    with pytest.raises(PluginError, match=both):
        load_plugin("rules", GROUP)
    assert [entry.distribution for entry in list_entry_points(GROUP)] == ["fake-one", "fake-two"]


def test_one_plugin_is_loaded_without_the_others(install: Install) -> None:
    install("fake-good", "fake_good", controller_source("steady"))
    install("fake-loud", "fake_loud", "raise RuntimeError('imported')")
    assert [one.spec.name for one in load_plugin("fake_good", GROUP)] == ["steady"]
    assert "fake_loud" not in sys.modules
    with pytest.raises(PluginError, match='plugin "fake_loud" of fake-loud: RuntimeError: imported'):
        load_plugin("fake_loud", GROUP)
    with pytest.raises(UnknownName, match='unknown plugin, got "fake_goods"; did you mean "fake_good"'):
        load_plugin("fake_goods", GROUP)


def test_an_unknown_controller_is_told_with_its_neighbour_and_what_failed(install: Install) -> None:
    install("fake-broken", "fake_broken", "import no_such_library")
    install("fake-good", "fake_good", controller_source("steady"))
    plugins = discover_all()
    message = (
        'unknown controller, got "steadi"; did you mean "steady"?; not loaded: plugin "fake_broken" of fake-broken'
    )
    with pytest.raises(UnknownName) as caught:
        plugins.controller("steadi")
    assert str(caught.value).startswith(message)


def test_every_manager_is_new_and_knows_the_hooks() -> None:
    first, second = make_manager(), make_manager()
    assert first is not second
    assert first.get_plugins() == set()
    assert hasattr(first.hook, "arena_controllers")


class Frozen(BaseModel, frozen=True, extra="forbid"):
    """A configuration as it should be."""


class Loose(BaseModel):
    """A configuration that may change and takes anything."""


class HoldsLoose(BaseModel, frozen=True, extra="forbid"):
    """A configuration with a loose one inside."""

    parts: tuple[Loose, ...] | None = None


def a_spec(**changes: Any) -> ControllerSpec[Any]:
    fields: dict[str, Any] = {
        "name": "steady",
        "config": Frozen,
        "tracks": ("blind", "informed"),
        "factory": lambda config: None,
        "summary": "orders the same in every period",
    }
    return ControllerSpec(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "Steady"}, "is not a slug"),
        ({"name": "a--b"}, "is not a slug"),
        ({"name": "a" * 65}, "at most 64 characters"),
        ({"name": None}, "is not a slug"),
        ({"summary": " "}, "summary must be one line"),
        ({"summary": "two\nlines"}, "summary must be one line"),
        ({"tracks": ()}, "tracks must be a tuple of at least one of blind, informed"),
        ({"tracks": ["blind"]}, "tracks must be a tuple"),
        ({"tracks": ("blnd",)}, 'track "blnd" is unknown; did you mean "blind"'),
        ({"tracks": ("blind", "blind")}, "a track is named twice"),
        ({"config": {}}, "config must be a pydantic model class"),
        ({"config": Loose}, "configuration model Loose must be frozen and forbid extras"),
        ({"config": HoldsLoose}, "configuration model Loose must be frozen and forbid extras"),
        ({"factory": None}, "factory must be callable"),
        ({"preload": ["numpy"]}, "preload must be a tuple of module names"),
        ({"preload": ("numpy", "nunpy.fft")}, 'preload must be a library that .*"nunpy.fft"; did you mean "numpy.fft"'),
    ],
)
def test_a_specification_is_validated(changes: dict[str, Any], rule: str) -> None:
    check_spec(a_spec())
    with pytest.raises(PluginError, match=rule):
        check_spec(a_spec(**changes))
