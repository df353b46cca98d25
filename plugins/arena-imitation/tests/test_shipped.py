"""The policies that the package ships: whole, small, made by a shipped recipe, and good at what they are for."""

import hashlib
import json
from pathlib import Path

import pytest
from shipped import cards_without_torch, checked, checked_at, profit_of, require_card_of

from arena import Track, discover, load_submissions
from arena_imitation import WEIGHTS
from arena_imitation.recipes import ImitationRecipe, load_recipe, recipe_names
from arena_rl.config import LearnedConfig
from arena_rl.controller import LearnedController, shipped_policies
from arena_rl.policies.policy_files import policy_stems, read_policy_file

STEMS = sorted(path.with_suffix("") for path in WEIGHTS.glob("*.safetensors"))
SUBMISSIONS = sorted(
    path
    for path in (Path(__file__).resolve().parents[3] / "submissions").glob("*.yaml")
    if "imitation-policy" in path.read_text(encoding="utf-8")
)
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    "scenario", ["serial-trend-seasonal-shock-lost-sales", "divergent-trend-seasonal-shock-backlog"]
)
@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_policy_earns_a_tenth_more_than_the_newsvendor(name, scenario):
    track: Track = "informed" if load_recipe(name).policy.informed else "blind"
    newsvendor = discover().controller("newsvendor").spec
    rule = newsvendor.factory(newsvendor.config())
    taught = LearnedController(shipped_policies(LearnedConfig(policy=name), WEIGHTS))
    assert profit_of(taught, scenario, track) > 1.1 * profit_of(rule, scenario, track) > 0


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
def test_a_shipped_policy_has_a_card_that_says_what_its_markdown_says(stem: Path):
    require_card_of(stem)


def test_every_submission_has_cards_of_the_weights_that_play_and_they_need_no_torch():
    found = cards_without_torch(Path(__file__).resolve().parents[3] / "submissions", "imitation-policy")
    assert found
    for name, digests in found.items():
        weights = [path.read_bytes() for path in WEIGHTS.glob(f"{name}.*safetensors")]
        assert digests, name
        assert {hashlib.sha256(one).hexdigest() for one in weights} <= set(digests), name


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
def test_a_shipped_policy_is_small_and_was_made_by_its_recipe(stem: Path):
    about = read_policy_file(stem)
    recipe = load_recipe(about.recipe)
    assert recipe.policy == about.shape
    assert stem.with_name(stem.name + ".safetensors").stat().st_size < 3 * MEGABYTE
    card = stem.with_name(stem.name + ".card.md").read_text()
    made_by = json.loads(card.partition("```json")[2].partition("```")[0])
    assert ImitationRecipe.model_validate_json(json.dumps(made_by)) == recipe


def test_every_recipe_has_a_policy_per_network_and_a_submission_of_its_track():
    assert {stem.name for stem in STEMS} == {
        f"{name}.{network}" for name in recipe_names() for network in load_recipe(name).networks
    }
    loaded = load_submissions(list(SUBMISSIONS)).require()
    assert sorted(one.name for one in loaded) == list(recipe_names())
    for one in loaded:
        policy = str(one.config["policy"])
        assert policy == one.name
        for stem in policy_stems(policy, WEIGHTS):
            assert read_policy_file(stem).shape.informed == (one.track == "informed")


@pytest.mark.parametrize("manifest", SUBMISSIONS, ids=lambda path: path.stem)
def test_a_submission_conforms_on_every_network_and_knows_no_more_than_its_track_tells(manifest: Path):
    result = checked(manifest)
    assert (result.findings, result.warnings) == ((), ())
    assert "information" in result.checks


@pytest.mark.parametrize("level", ["strict", "sandbox"])
def test_a_taught_policy_conforms_behind_the_locks(level):
    manifest = next(path for path in SUBMISSIONS if path.stem == "gnn-il")
    result = checked_at(level, manifest)
    assert (result["conforms"], result["isolation"]) == (True, level)
