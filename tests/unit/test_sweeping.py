"""Settings of a sweep: read, multiplied, named, and entered as submissions like any other."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel, Field

from arena.contract.controller import ControllerSpec
from arena.entry.loading import LoadedSubmissions, load_submissions
from arena.entry.submission import take_snapshot
from arena.entry.sweeping import MOST_VARIANTS, Setting, make_variants, parse_setting, set_values
from arena.errors import InvalidInput
from arena.plugins import Plugins, RegisteredController
from arena.schemas import is_slug


class Cover(BaseModel, frozen=True, extra="forbid"):
    periods: float = Field(default=1.0, gt=0)


class BufferConfig(BaseModel, frozen=True, extra="forbid"):
    days: float = Field(default=3.0, ge=0)
    label: str = "none"
    cover: Cover = Cover()


SPEC = ControllerSpec("buffer", BufferConfig, ("blind",), lambda config: None, "Keeps days of demand.")  # type: ignore[arg-type, return-value]
PLUGINS = Plugins(MappingProxyType({"buffer": RegisteredController(SPEC, "buffers", "arena-buffers", "1.2")}))
CODE = "class Mine:\n    def __init__(self, days=3.0):\n        self.days = days\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ncontroller: buffer\ntrack: blind\nconfig: {label: plain}\n")
    return path


def load(path: Path, *settings: str) -> LoadedSubmissions:
    return load_submissions([path], PLUGINS, settings=settings)


def faults(path: Path, *settings: str) -> str:
    loaded = load(path, *settings)
    assert loaded.faults
    return "\n".join(str(fault) for fault in loaded.faults)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("mine.days=3", (3,)),
        ("mine.days=3,5.5,-1", (3, 5.5, -1)),
        ("mine.days= 3 , 5 ", (3, 5)),
        ("mine.days=true,null,on", (True, None, "on")),
        ("mine.days='a,b',\"c]\",d", ("a,b", "c]", "d")),
        ("mine.days=[1, 2],[3]", ([1, 2], [3])),
        ("mine.days=a=b", ("a=b",)),
    ],
)
def test_values_are_those_of_a_yaml_list(text: str, values: tuple[Any, ...]) -> None:
    assert parse_setting(text) == Setting("mine", "days", values)
    assert [type(value) for value in parse_setting(text).values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mine=3", "must name a submission, a key of its config and values"),
        ("mine.days", "must name a submission, a key of its config and values"),
        (".days=3", "must name a submission, a key of its config and values"),
        ("mine.days=", "must give at least one value"),
        ("mine.days=3,5,3", "gives 3 twice"),
        ("mine.days=[3", "the values must be a YAML list without its brackets"),
        ("mine.days=3], more: [5", "the values must be a YAML list without its brackets"),
        ("mine.days=3]\nmore: [5", "must give at least one value"),
        ("mine.days=&a 3,!!python/name:os.system x", "the values must be a YAML list without its brackets"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=rf"fault in --set:\s+{complaint}"):
        parse_setting(text)


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        (Setting("mine", "days", (3, 5.5, -1, 1e-05)), ["days-3", "days-5-5", "days-minus-1", "days-1e-05"]),
        (Setting("mine", "cover.periods", (True, None)), ["cover-periods-true", "cover-periods-null"]),
        (Setting("mine", "full_label", ("Two Words", [1, 2])), ["full-label-two-words", "full-label-1-2"]),
    ],
)
def test_a_variant_is_named_by_what_is_set(setting: Setting, names: list[str]) -> None:
    variants = make_variants("mine", [setting])
    assert [variant.name for variant in variants] == [f"mine-{name}" for name in names]
    assert [variant.settings for variant in variants] == [((setting.key, value),) for value in setting.values]


def test_a_value_without_a_letter_or_digit_is_named_by_a_digest() -> None:
    names = [variant.name for variant in make_variants("mine", [Setting("mine", "label", ("", "ä", "+"))])]
    assert len(set(names)) == 3
    assert all(is_slug(name) and len(name) == len("mine-label-") + 8 for name in names)


def test_the_name_of_a_variant_does_not_depend_on_the_others() -> None:
    alone = make_variants("mine", [Setting("mine", "label", ("x" * 80,))])
    among = make_variants("mine", [Setting("mine", "label", ("y" * 80, "x" * 80, "x" * 81))])
    assert alone[0] == among[1]
    assert len({variant.name for variant in among}) == 3
    assert all(is_slug(variant.name) for variant in among)


def test_settings_of_several_keys_multiply() -> None:
    settings = [Setting("mine", "days", (1, 2)), Setting("mine", "label", ("a", "b"))]
    assert [variant.name for variant in make_variants("mine", settings)] == [
        "mine-days-1-label-a",
        "mine-days-1-label-b",
        "mine-days-2-label-a",
        "mine-days-2-label-b",
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ([Setting("mine", "days", (1,)), Setting("mine", "days", (2,))], "mine.days.* give all values in one"),
        ([Setting("mine", "label", ("a b", "a-b"))], 'two variants of the name mine-label-a-b: label="a b" and label'),
        ([Setting("mine", "days", tuple(range(MOST_VARIANTS + 1)))], "makes 1001 variants of mine; at most 1000"),
    ],
)
def test_variants_that_cannot_be_told_apart_or_are_too_many_are_refused(
    settings: list[Setting], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        make_variants("mine", settings)
    assert len(make_variants("mine", [Setting("mine", "days", tuple(range(MOST_VARIANTS)))])) == MOST_VARIANTS


def test_a_nested_key_leaves_the_rest_of_the_config_as_it_is() -> None:
    config = {"cover": {"periods": 1, "of": "stock"}, "days": 3}
    assert set_values(config, [("cover.periods", 2), ("other.one", 1)], "--set") == {
        "cover": {"periods": 2, "of": "stock"},
        "days": 3,
        "other": {"one": 1},
    }
    assert config["cover"] == {"periods": 1, "of": "stock"}
    with pytest.raises(InvalidInput, match=r"(?s)--set x:.*config\.days: is a value and no group of settings.*got 3"):
        set_values(config, [("days.more", 2)], "--set x")


def test_variants_are_entered_beside_the_submission(mine: Path) -> None:
    loaded = load(mine, "mine.days=0,5", "mine.cover.periods=2").require()
    assert {one.name: (one.config["days"], one.config["cover"]["periods"]) for one in loaded} == {
        "mine": (3.0, 1.0),
        "mine-days-0-cover-periods-2": (0.0, 2.0),
        "mine-days-5-cover-periods-2": (5.0, 2.0),
    }
    assert {one.config["label"] for one in loaded} == {"plain"}
    assert len({one.digest for one in loaded}) == 3
    assert [one.settings for one in loaded] == [
        (),
        (("days", 0), ("cover.periods", 2)),
        (("days", 5), ("cover.periods", 2)),
    ]
    assert pickle.loads(pickle.dumps(loaded[1])) == loaded[1]


def test_a_variant_is_the_submission_that_a_manifest_would_make_of_it(mine: Path, tmp_path: Path) -> None:
    (variant,) = (one for one in load(mine, "mine.days=5").require() if one.settings)
    written = tmp_path / "other.yaml"
    written.write_text("name: mine-days-5\ncontroller: buffer\ntrack: blind\nconfig: {label: plain, days: 5}\n")
    (same,) = load(written).require()
    assert (variant.name, variant.digest, variant.manifest) == (same.name, same.digest, same.manifest)


def test_faults_of_a_variant_name_the_option(mine: Path) -> None:
    found = faults(mine, "mine.days=-1,5", "mine.cover.period=2")
    assert "--set mine.days=-1 --set mine.cover.period=2: config.days: must be 0 or more, got -1" in found
    assert 'config.cover.period: is not a field here, got 2; did you mean "periods"?' in found


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("mien.days=5", 'no submission of this name is entered, got "mien"; did you mean "mine"?'),
        ("mine.label.text=5", "config.label: is a value and no group of settings, so there is no label.text"),
        ("mine.days", "must name a submission"),
    ],
)
def test_a_setting_that_fits_nothing_is_refused(mine: Path, setting: str, complaint: str) -> None:
    assert complaint in faults(mine, setting)
    assert load(mine, "mine.days=5").faults == ()


def test_the_faults_of_a_submission_are_not_told_again_of_its_variants(mine: Path) -> None:
    mine.write_text(mine.read_text().replace("buffer", "bufer"))
    (fault,) = load(mine, "mine.days=1,2,3").faults
    assert fault.source == str(mine)
    mine.write_text(mine.read_text().replace("bufer", "buffer"))
    assert len(load(mine, "mine.days=-1,-2,3").faults) == 2


def test_a_variant_may_not_have_the_name_of_another_submission(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("name: mine-days-5\ncontroller: buffer\ntrack: blind\n")
    found = faults(tmp_path, "mine.days=5")
    assert "two submissions have this name" in found
    assert "mine.yaml with days=5" in found


def test_the_keys_of_own_code_are_those_of_its_class(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "submission.yaml").write_text('name: mine\ncontroller: "mine.py:Mine"\ntrack: blind\n')
    (folder / "mine.py").write_text(CODE)
    assert len(load(folder, "mine.days=1,2").require()) == 3
    found = faults(folder, "mine.dais=1,2")
    told = 'config.dais: is no argument of class Mine, got 1; did you mean "days"?'
    assert f"--set mine.dais=1: {told}" in found


def test_a_variant_of_own_code_is_copied_as_it_was_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "submission.yaml").write_text('name: mine\ncontroller: "mine.py:Mine"\ntrack: blind\n')
    (folder / "mine.py").write_text(CODE)
    (tmp_path / "copies").mkdir()
    plain, variant = load(folder, "mine.days=7").require()
    assert (plain.config, variant.config) == ({}, {"days": 7})
    copy = take_snapshot(variant, tmp_path / "copies")
    assert copy.digest == variant.digest != plain.digest
    assert copy.folder == tmp_path / "copies" / "mine-days-7"
    (folder / "mine.py").write_text(CODE + "# edited\n")
    with pytest.raises(InvalidInput, match="changed while it was being read"):
        take_snapshot(variant, tmp_path)
