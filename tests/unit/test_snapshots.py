"""Snapshots: all that plays can read is in the digest, wherever a submission is played from."""

import py_compile
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
