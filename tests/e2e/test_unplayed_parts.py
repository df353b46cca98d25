"""Learned policies and parts of worlds that they are not told of: refused by name, before anything is played."""

import json
from pathlib import Path

import pytest
import yaml
from commands import invoke
from worlds_of_parts import WORLDS

from arena import InvalidInput, Suite, load_submissions
from arena.play.refusals import refuse_unplayed_parts
from arena.world.parts import MEANINGS, PARTS, parts_of

LEARNED = {"learned-policy": "arena-rl", "imitation-policy": "arena-imitation"}
"""Controllers, and the packages that they come from."""


@pytest.fixture(scope="module")
def learned(request: pytest.FixtureRequest) -> list[Path]:
    """Manifests of all shipped submissions that play a learned policy."""
    for package in LEARNED.values():
        pytest.importorskip(package.replace("-", "_"))
    folder = Path(str(request.config.rootpath)) / "submissions"
    manifests = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")}
    return sorted(path for path, content in manifests.items() if content["controller"] in LEARNED)


@pytest.mark.parametrize("part", PARTS)
def test_there_is_a_world_of_every_part(part) -> None:
    assert part in parts_of(WORLDS[part]())


@pytest.mark.parametrize("part", PARTS)
def test_every_shipped_learned_policy_is_refused_by_name(part, learned) -> None:
    submissions = load_submissions(learned).require()
    assert {submission.controller for submission in submissions} == set(LEARNED)
    suite = Suite(name="one", description="", scenarios=(WORLDS[part](),))
    with pytest.raises(InvalidInput) as refused:
        refuse_unplayed_parts(submissions, suite)
    assert sorted(fault.source for fault in refused.value.faults) == sorted(map(str, learned))
    assert all(f"{MEANINGS[part]} ({part}, in scenario world)" in str(fault) for fault in refused.value.faults)


def test_an_evaluation_refuses_them_and_plays_nothing(tmp_path, learned) -> None:
    world = tmp_path / "world.yaml"
    content = {"name": "world", "network": "serial", "warm_up": 2, "horizon": 4}
    world.write_text(yaml.safe_dump(content), encoding="utf-8")
    options = ["--scenario", str(world), "--isolation", "trusted", "--workers", "0", "--output", str(tmp_path / "r")]
    chosen = [next(path for path in learned if path.stem == stem) for stem in ("hdpo-blind", "dagger-blind")]
    found = invoke(["evaluate", *map(str, chosen), *options])
    assert found.exit_code == 2 or isinstance(found.exception, InvalidInput)
    told = found.output + str(found.exception)
    assert told.count("does not play: first periods that do not count (warm_up, in scenario world)") == 2
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("stem", ["hdpo-graph-blind", "dagger-blind"])
def test_a_check_says_which_parts_a_submission_is_refused_for(stem, learned) -> None:
    pytest.importorskip("torch")
    manifest = next(path for path in learned if path.stem == stem)
    found = invoke(["check", str(manifest), "--isolation", "trusted", "--json"])
    (result,) = json.loads(found.stdout)
    assert result["unplayed_parts"] == list(PARTS)
    assert result["independent_only"] is False
    shown = invoke(["check", str(manifest), "--isolation", "trusted"]).stdout
    assert "is refused where a world has: market links with demand of different kinds (market_demand); " in shown
    assert "first periods that do not count (warm_up)" in shown
