"""Snapshots: all that plays can read is in the digest, wherever a submission is played from."""

import os
import py_compile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arena.contract.seeds import PublicSeeds
from arena.entry.loading import load_submissions
from arena.entry.submission import snapshots
from arena.errors import InvalidInput
from arena.play.evaluate import evaluate
from arena.testing import check_submission
from arena.world.suite import Suite, shipped_scenarios

SUITE = Suite(name="one", description="", scenarios=(shipped_scenarios()["serial-m5-backlog"],))
MANIFEST = "name: sly\ncontroller: mine.py:Sly\ntrack: blind\n"
BY_COMMENT = """
from pathlib import Path

import numpy as np

class Sly:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)
        own = Path(__file__).with_name("submission.yaml")
        self.amount = 20.0 if own.exists() and "twenty" in own.read_text() else 0.0

    def order(self, observation):
        return np.full(self.links, self.amount)
"""
BY_HELPER = """
import numpy as np
from helper import AMOUNT

class Sly:
    def begin(self, briefing):
        self.links = len(briefing.network.supply_links)

    def order(self, observation):
        if AMOUNT != 1:
            raise RuntimeError(f"stale bytecode says {AMOUNT}")
        return np.full(self.links, 1.0)
"""


def submission(folder: Path, code: str, comment: str = "") -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(code)
    (folder / "submission.yaml").write_text(MANIFEST + comment)
    (one,) = load_submissions([folder]).require()
    return one


def test_a_rule_in_a_comment_of_the_manifest_changes_nothing(tmp_path: Path) -> None:
    plain, commented = (
        submission(tmp_path / name, BY_COMMENT, text) for name, text in (("a", ""), ("b", "# twenty\n"))
    )
    assert plain.digest == commented.digest
    profits = {
        one.path: evaluate(
            [one], SUITE, PublicSeeds(1), output=tmp_path / f"of-{one.path.name}", isolation="trusted", workers=0
        )
        .records[0]
        .profit
        for one in (plain, commented)
    }
    assert len(set(profits.values())) == 1


@pytest.mark.parametrize("isolation", ["trusted", "process"])
def test_a_check_runs_no_stale_bytecode(tmp_path: Path, isolation: Any) -> None:
    folder = tmp_path / "sly"
    one = submission(folder, BY_HELPER)
    helper = folder / "helper.py"
    helper.write_text("AMOUNT = 2\n")
    # Bytecode that is never held against its source: whoever imports the folder itself runs it.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(helper), doraise=True, invalidation_mode=mode)
    helper.write_text("AMOUNT = 1\n")
    (one,) = load_submissions([folder]).require()
    found = check_submission(one, isolation=isolation, networks=["serial"])
    assert found.findings == ()


def test_a_snapshot_holds_what_the_digest_covers(tmp_path: Path) -> None:
    one = submission(tmp_path / "sly", BY_COMMENT)
    (tmp_path / "sly" / "data").mkdir()
    (tmp_path / "sly" / "data" / "table.csv").write_text("1\n")
    (one,) = load_submissions([tmp_path / "sly"]).require()
    with snapshots([one, one]) as copies:
        folders = [copy.folder for copy in copies]
        assert len({*folders, one.folder}) == 3
        for folder in folders:
            files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
            assert files == {"mine.py", "data/table.csv"}
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize(("one", "other"), [("Helper.py", "helper.py"), ("caf\u00e9.txt", "cafe\u0301.txt")])
def test_two_files_that_some_systems_take_for_one_are_refused(tmp_path: Path, one: str, other: str) -> None:
    submission(tmp_path / "sly", BY_COMMENT)
    for name in (one, other):
        (tmp_path / "sly" / name).write_text("A = 1\n")
    if len({path.name for path in (tmp_path / "sly").iterdir()}) < 4:
        pytest.skip("this file system takes them for one")
    with pytest.raises(InvalidInput, match="some systems take its name"):
        load_submissions([tmp_path / "sly"]).require()


LOOK = """
import os, stat

import numpy as np

def look(folder):
    for path, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            full = os.path.join(path, name)
            status = os.lstat(full)
            yield os.path.relpath(full, folder), status.st_mode, status.st_mtime_ns, status.st_nlink, status.st_blocks
            yield sorted(os.listxattr(full)) if hasattr(os, "listxattr") else ()
"""


def seen(folder: Path) -> list[Any]:
    """What code that plays can see of its folder beside the bytes of its files, in the copy that plays."""
    (one,) = load_submissions([folder]).require()
    space: dict[str, Any] = {}
    exec(LOOK, space)
    with snapshots([one]) as copies:
        return [one.digest, sorted(map(str, space["look"](copies[0].folder)))]


def prepared(folder: Path) -> Path:
    submission(folder, BY_COMMENT)
    (folder / "data").mkdir()
    (folder / "data" / "table.csv").write_bytes(b"1" + bytes(100_000))
    return folder


def sparse(folder: Path) -> None:
    with (folder / "data" / "table.csv").open("wb") as file:
        file.write(b"1")
        file.truncate(100_001)


def xattr(folder: Path) -> None:
    try:
        os.setxattr(folder / "mine.py", "user.rule", b"twenty")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")


SIDE_CHANNELS = {
    "times": lambda folder: os.utime(folder / "mine.py", (20, 20)),
    "times of a folder": lambda folder: os.utime(folder / "data", (20, 20)),
    "permission to run": lambda folder: (folder / "mine.py").chmod(0o755),
    "permission to write": lambda folder: (folder / "data" / "table.csv").chmod(0o400),
    "an empty folder": lambda folder: (folder / "twenty").mkdir(),
    "an ignored folder": lambda folder: (folder / "__pycache__").mkdir() or (folder / "__pycache__" / "20").touch(),
    "an ignored folder of a tool": lambda folder: (folder / ".git").mkdir() or (folder / ".git" / "20").touch(),
    "holes": sparse,
    "attributes": xattr,
}


@pytest.mark.parametrize("channel", SIDE_CHANNELS)
def test_what_no_digest_covers_is_the_same_in_every_snapshot(tmp_path: Path, channel: str) -> None:
    plain, marked = prepared(tmp_path / "plain"), prepared(tmp_path / "marked")
    SIDE_CHANNELS[channel](marked)  # type: ignore[no-untyped-call]
    assert seen(plain) == seen(marked)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mask_of_the_organiser_shows_nowhere(tmp_path: Path, umask: int) -> None:
    folder = prepared(tmp_path / "plain")
    usual = seen(folder)
    before = os.umask(umask)
    try:
        assert seen(folder) == usual
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/submission.yaml", b"twenty"),
        ("submission.yml", b"twenty"),
        ("helper.pyc", b"twenty"),
        (".hidden", b"twenty"),
        ("data/.gitignore", b"*"),
        ("twenty", b""),
        ("data/__pycache__x", b""),
        ("data\\submission.yaml", b""),
    ],
)
def test_every_file_that_plays_is_in_the_digest_by_name_and_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    folder = prepared(tmp_path / "plain")
    (before,) = load_submissions([folder]).require()
    (folder / name).write_bytes(content)
    (after,) = load_submissions([folder]).require()
    assert after.digest != before.digest
    with snapshots([after]) as copies:
        assert copies[0].folder is not None
        assert (copies[0].folder / name).read_bytes() == content


def link(folder: Path) -> None:
    (folder / "link.py").symlink_to(folder / "mine.py")


def link_of_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder / "data", target_is_directory=True)


def hard_link(folder: Path) -> None:
    (folder / "again.py").hardlink_to(folder / "mine.py")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize("make", [link, link_of_folder, hard_link, pipe])
def test_what_may_hold_other_bytes_later_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = prepared(tmp_path / "plain")
    make(folder)
    with pytest.raises(InvalidInput, match="a submission is made of ordinary files"):
        load_submissions([folder]).require()
