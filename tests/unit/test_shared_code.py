"""Manifests that share the folder of their code: what may be named, and what the digest covers."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from arena.entry.loading import LoadedSubmissions, load_submissions
from arena.entry.submission import Submission, take_snapshot
from arena.errors import InvalidInput
from arena.plugins import Plugins

CODE = "class Mine:\n    def __init__(self, days=3.0):\n        self.days = days\n"


def manifest(path: Path, code: str | None = "my-rule", **fields: object) -> Path:
    values = {"name": path.stem, "controller": '"mine.py:Mine"', "track": "blind", **fields}
    lines = [f"{name}: {value}\n" for name, value in values.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines) + ("" if code is None else f'code: "{code}"\n'))
    return path


def rule(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(CODE)
    (folder / "data").mkdir()
    (folder / "data" / "table.csv").write_text("1,2\n")
    return folder


def load(*paths: Path) -> LoadedSubmissions:
    return load_submissions(paths, Plugins(MappingProxyType({})))


def only(path: Path) -> Submission:
    (submission,) = load(path).require()
    return submission


def faults(path: Path) -> str:
    loaded = load(path)
    assert loaded.faults
    return "\n".join(str(fault) for fault in loaded.faults)


def test_several_manifests_share_one_folder(tmp_path: Path) -> None:
    rule(tmp_path / "my-rule")
    for days in (1, 2, 3):
        manifest(tmp_path / f"days-{days}.yaml", config=f"{{days: {days}}}")
    loaded = load(tmp_path).require()
    assert [(one.name, one.config) for one in loaded] == [(f"days-{days}", {"days": days}) for days in (1, 2, 3)]
    assert {one.folder for one in loaded} == {tmp_path / "my-rule"}
    assert len({one.digest for one in loaded}) == 3


@pytest.mark.parametrize("code", ["my-rule", "./my-rule/", "../submissions/my-rule"])
def test_the_folder_is_named_from_the_manifest(tmp_path: Path, code: str) -> None:
    folder = rule(tmp_path / "submissions" / "my-rule")
    submission = only(manifest(tmp_path / "submissions" / "a.yaml", code))
    assert submission.folder is not None
    assert submission.folder.samefile(folder)


def test_a_folder_of_manifests_may_name_a_folder_beside_it(tmp_path: Path) -> None:
    rule(tmp_path / "my-rule")
    manifest(tmp_path / "sweep" / "a.yaml", "../my-rule")
    manifest(tmp_path / "sweep" / "b.yaml", "../my-rule")
    assert [one.name for one in load(tmp_path / "sweep").require()] == ["a", "b"]


def test_the_folder_may_be_a_submission_itself_whose_manifest_is_not_part_of_it(tmp_path: Path) -> None:
    folder = rule(tmp_path / "my-rule")
    manifest(folder / "submission.yaml", None, name="whole")
    manifest(tmp_path / "a.yaml")
    whole, other = load(tmp_path).require()[::-1]
    assert (whole.name, other.name) == ("whole", "a")
    manifest(folder / "submission.yaml", None, name="renamed")
    assert only(tmp_path / "a.yaml").digest == other.digest
    (tmp_path / "copies").mkdir()
    copy = take_snapshot(other, tmp_path / "copies").folder
    assert copy is not None
    assert sorted(path.name for path in copy.rglob("*")) == ["data", "mine.py", "table.csv"]


def test_the_digest_covers_every_file_and_not_the_place(tmp_path: Path) -> None:
    folder = rule(tmp_path / "my-rule")
    before = only(manifest(tmp_path / "a.yaml")).digest
    folder.rename(tmp_path / "renamed")
    assert only(manifest(tmp_path / "a.yaml", "renamed")).digest == before
    (tmp_path / "renamed" / "data" / "table.csv").write_text("1,3\n")
    assert only(tmp_path / "a.yaml").digest != before


def test_it_is_the_submission_that_a_folder_of_its_own_would_be(tmp_path: Path) -> None:
    rule(tmp_path / "one" / "my-rule")
    folder = rule(tmp_path / "two" / "a")
    manifest(folder / "submission.yaml", None, name="a")
    assert only(manifest(tmp_path / "one" / "a.yaml")).digest == only(folder).digest


def test_a_snapshot_plays_what_was_loaded(tmp_path: Path) -> None:
    folder = rule(tmp_path / "my-rule")
    submission = only(manifest(tmp_path / "a.yaml"))
    (tmp_path / "copies").mkdir()
    copy = take_snapshot(submission, tmp_path / "copies")
    assert copy.folder == tmp_path / "copies" / "a"
    assert (copy.folder / "mine.py").read_text() == CODE
    (folder / "mine.py").write_text(CODE + "# edited\n")
    with pytest.raises(InvalidInput, match=r"my-rule:\s+changed while it was being read"):
        take_snapshot(submission, tmp_path)


@pytest.mark.parametrize(
    "code",
    [
        "/etc",
        "../../my-rule",
        "..",
        ".",
        "",
        ".ssh",
        "a/.hidden",
        "../.ssh",
        "a/../../b",
        "~/x",
        "a\\b",
        "x" * 300,
        "a//../b",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(tmp_path: Path, code: str) -> None:
    rule(tmp_path / "my-rule")
    path = manifest(tmp_path / "a.yaml")
    path.write_text(path.read_text().replace('"my-rule"', f"'{code}'"))
    assert "code: must name a folder beside the manifest, or beside its folder by one leading .." in faults(path)
    assert load(manifest(tmp_path / "a.yaml")).faults == ()


def test_a_link_on_the_way_is_refused(tmp_path: Path) -> None:
    rule(tmp_path / "elsewhere" / "my-rule")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "mine" / "my-rule").symlink_to(tmp_path / "elsewhere" / "my-rule")
    for code in ("my-rule", "linked/my-rule"):
        told = faults(manifest(tmp_path / "mine" / "a.yaml", code))
        assert f'is a symbolic link, got "{code}"; name the folder that holds the code itself' in told


def test_a_link_in_the_folder_is_refused(tmp_path: Path) -> None:
    (rule(tmp_path / "my-rule") / "passwords").symlink_to("/etc/passwd")
    assert "passwords: is a symbolic link; a submission is made of ordinary files" in faults(
        manifest(tmp_path / "a.yaml")
    )


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("no-rule", "there is no folder "),
        ("my-rule/mine.py", "mine.py is no folder, got "),
        ("my-rule/data", 'controller: is no file of the submission, got "mine.py"'),
    ],
)
def test_a_folder_without_the_code_is_refused(tmp_path: Path, code: str, complaint: str) -> None:
    rule(tmp_path / "my-rule")
    assert complaint in faults(manifest(tmp_path / "a.yaml", code))


def test_a_folder_of_its_own_and_another_are_one_too_many(tmp_path: Path) -> None:
    rule(tmp_path / "my-rule")
    folder = rule(tmp_path / "own")
    manifest(folder / "submission.yaml", "../my-rule", name="own")
    assert "code: a submission with a folder of its own has its code there" in faults(folder)
    assert "call the manifest own.yaml and put it beside the folder" in faults(folder)


def test_a_plugins_controller_has_no_folder(tmp_path: Path) -> None:
    rule(tmp_path / "my-rule")
    path = manifest(tmp_path / "a.yaml", controller="buffer")
    assert "code: goes with a class of a file in it, and the manifest names a plugin's controller" in faults(path)


def test_a_folder_that_no_manifest_names_is_still_told(tmp_path: Path) -> None:
    rule(tmp_path / "my-rule")
    rule(tmp_path / "forgotten")
    manifest(tmp_path / "a.yaml")
    assert "1 folder has no submission.yaml (forgotten)" in faults(tmp_path)
