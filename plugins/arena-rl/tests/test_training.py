"""Training: the same whether interrupted or not, and what it leaves behind can be played."""

import errno
import json
import re
import sys
import types
from pathlib import Path

import pytest
import torch
import yaml
from commands import invoke
from learning import episodes_of, scenario_on, small_graph
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from arena import ArenaError, InvalidInput, TrainingCard, TrainingPoint, TrainingRequest, UnknownName, load_network
from arena_rl import arena_trainings
from arena_rl.policies.policy_files import (
    SHIPPED,
    PolicyFile,
    load_policy,
    read_policy_file,
    save_policy,
    shipped_policy,
    signature,
)
from arena_rl.training.recipes import Recipe, load_recipe, recipe_names
from arena_rl.training.train import Training, make_learner, train

SMALL = """
name: small
summary: a training of seconds
learner: LEARNER
policy: POLICY
NETWORKS
worlds:
  - network: WORLD
    mix:
      families:
        - family: {kind: effects, base_mean: [10, 30]}
        - family: {kind: series}
steps: 5760
seed: 3
points: 3
"""
HDPO = SMALL.replace("LEARNER", "{kind: hdpo, batches: 2, episodes: 8}")


def from_rewards(learner: str, policy: str) -> str:
    """A training by rewards on the serial network, of six updates."""
    text = SMALL.replace("LEARNER", f"{{environments: 16, {learner}}}").replace("WORLD", "divergent")
    text = text.replace("POLICY", f"{{{policy}, informed: true, hidden: [8]}}").replace(
        "NETWORKS", "networks: [serial]"
    )
    return text.replace("        - family: {kind: series}\n", "").replace("5760", "2880")


ON_POLICY = "batch: 120, epochs: 2"
SOFT = "kind: sac, batch: 32, memory: 2000, first_steps: 480, gradients: 1"
KINDS = {
    "dense": HDPO.replace("POLICY", "{kind: dense, informed: false, width: 8, layers: 1}")
    .replace("NETWORKS", "networks: [serial]")
    .replace("WORLD", "divergent"),
    "graph": HDPO.replace("POLICY", "{kind: graph, informed: true, width: 8, rounds: 2}")
    .replace("NETWORKS", "")
    .replace("WORLD", "{managed: [2, 4]}"),
    "ppo": from_rewards(f"kind: ppo, {ON_POLICY}", "kind: mlp"),
    "ppo-frames": from_rewards(
        f"kind: ppo, {ON_POLICY}", "kind: transformer, memory: 2, width: 8, heads: 1, layers: 1, feedforward: 8"
    ),
    "residual": from_rewards(f"kind: ppo, {ON_POLICY}", "kind: residual"),
    "pdppo": from_rewards(f"kind: pdppo, {ON_POLICY}", "kind: mlp"),
    "bpo": from_rewards(f"kind: bpo, {ON_POLICY}", "kind: mlp"),
    "sac": from_rewards(SOFT, "kind: mlp, squashed: true"),
}
MISMATCHED = [
    (HDPO.replace("POLICY", "{kind: mlp, informed: true}").replace("WORLD", "serial"), "hdpo trains policies of kind"),
    (
        KINDS["ppo"].replace("kind: mlp", "kind: dense").replace(", hidden: [8]", ""),
        "ppo trains no policy of kind dense",
    ),
    (KINDS["ppo"].replace("network: divergent", "network: {managed: [2, 4]}"), "ppo trains on one network"),
    (KINDS["ppo"].replace("kind: mlp", "kind: mlp, squashed: true"), "sac, and no other"),
    (KINDS["sac"].replace(", squashed: true", ""), "sac, and no other"),
    (KINDS["ppo"].replace("kind: ppo", "kind: ppo, caution: 0.8"), "caution is that of a blind policy"),
]


@pytest.fixture(autouse=True)
def _few_validation_episodes(monkeypatch):
    monkeypatch.setattr("arena_rl.training.train._VALIDATION_EPISODES", 8)


@pytest.mark.parametrize(("text", "match"), MISMATCHED)
def test_a_learner_refuses_policies_and_worlds_that_are_not_its_own(text, match, tmp_path):
    path = tmp_path / "mismatched.yaml"
    path.write_text(text.replace("NETWORKS", ""))
    with pytest.raises(InvalidInput, match=match):
        load_recipe(str(path))


class KilledError(Exception):
    pass


def training(kind: str, folder: Path) -> Training:
    path = folder / "small.yaml"
    path.write_text(KINDS[kind])
    recipe = load_recipe(str(path))
    return Training(recipe, make_learner, recipe.networks[0] if recipe.networks else None, folder)


def test_a_network_plays_the_worlds_that_name_it_and_stands_in_where_none_does(tmp_path):
    path = tmp_path / "small.yaml"
    world = "{network: %s, mix: {goodwill: %s, families: [{family: {kind: effects}}]}}"
    worlds = f"worlds: [{world % ('serial', 0.1)}, {world % ('divergent', 0.2)}, {world % ('serial', 0.3)}]"
    who = "name: small\nsummary: s\nlearner: {kind: hdpo}\npolicy: {kind: dense, informed: false}"
    path.write_text(f"{who}\n{worlds}\nsteps: 1\n")
    recipe = load_recipe(str(path))
    for network, shares in (("serial", [0.1, 0.3]), ("divergent", [0.2]), ("tree", [0.1, 0.2, 0.3])):
        copy = tmp_path / f"copy-of-{network}.json"
        copy.write_text(load_network(network).model_copy(update={"name": "mine"}).model_dump_json(by_alias=True))
        for reference in (network, str(copy)):
            found = Training(recipe, make_learner, reference, tmp_path).worlds
            assert [each.mix.goodwill for each in found] == shares
            assert {each.network for each in found} == {reference}


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_goes_on_to_the_same_weights(kind, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    points: list[TrainingPoint] = []
    expected = training(kind, whole).run(points.append)

    def kill(point: TrainingPoint) -> None:
        if point.steps == points[1].steps:
            raise KilledError

    with pytest.raises(KilledError):
        training(kind, cut).run(kill)
    again: list[TrainingPoint] = []
    found = training(kind, cut).run(again.append)
    assert [point.steps for point in again] == [point.steps for point in points[2:]]
    assert found.read_bytes() == expected.read_bytes()
    assert (found.parent / "curve.csv").read_text() == (expected.parent / "curve.csv").read_text()


def test_a_training_leaves_weights_card_and_logs(tmp_path):
    written = training("graph", tmp_path).run(lambda point: None)
    card = written.with_name("small.card.md").read_text()
    assert "arena train small" in card
    assert "5,760 environment steps" in card
    data = TrainingCard.model_validate_json(written.with_name("small.card.json").read_text())
    assert (data.name, data.steps, data.recipe, data.digest) == ("small", 5_760, "small", "")
    assert f"Validation at the end: {data.score:.4f}" in card
    assert [f"{point.steps:,}" for point in data.curve] == re.findall(r"^\| ([\d,]+) \|", card, re.MULTILINE)
    assert f"torch {torch.__version__}" in card
    assert list((written.parent / "tensorboard").iterdir())
    batch = episodes_of(scenario_on(load_network("w")), 2, informed=True)
    policy = load_policy(written.with_suffix(""), batch.briefing)
    assert sum(weight.numel() for weight in policy.parameters()) > 1_000


def test_a_training_replaces_no_file_of_somebody_else(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(KINDS["dense"])
    request = TrainingRequest(tmp_path / "out")
    folder = tmp_path / "out" / "small.serial"
    folder.mkdir(parents=True)
    names = (
        "small.serial.safetensors",
        "small.serial.json",
        "small.serial.card.md",
        "small.serial.card.json",
        "curve.csv",
    )
    for name in names:
        (folder / name).write_text("mine")
    points: list[TrainingPoint] = []
    with pytest.raises(ArenaError, match="not written by a training, and never replaced") as told:
        train(str(path), request, points.append)
    assert all(str(folder / name) in str(told.value) for name in names)
    assert "move them away, or choose another folder: --out FOLDER" in str(told.value)
    assert [(folder / name).read_text() for name in names] == ["mine"] * len(names)
    assert points == []
    for name in names:
        (folder / name).write_bytes(b"")
    (written,) = train(str(path), request, points.append)
    # Its own files are replaced by a training from the beginning.
    weights = written.read_bytes()
    (folder / "checkpoint.safetensors").unlink()
    assert train(str(path), request, points.append) == (written,)
    assert written.read_bytes() == weights


@pytest.mark.parametrize("failing", ["training.checkpoint", "policies.policy_files"])
def test_a_disk_that_fills_up_keeps_the_last_checkpoint(failing, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    expected = training("dense", whole).run(lambda point: None).read_bytes()
    calls: list[Path] = []

    def fill(tensors: dict[str, torch.Tensor], path: Path, *rest: dict[str, str]) -> None:
        calls.append(path)
        save_file(tensors, path, *rest)
        if len(calls) == (2 if failing == "training.checkpoint" else 1):
            raise SafetensorError("I/O error: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"arena_rl.{failing}.save_file", fill)
        with pytest.raises(
            ArenaError, match=r"\.safetensors: cannot be written \(I/O error: No space left on device\)"
        ):
            training("dense", cut).run(lambda point: None)
    left = sorted(path.name for path in (cut / "small.serial").iterdir() if path.name != "tensorboard")
    assert left == ["checkpoint.safetensors", "curve.csv"]
    assert training("dense", cut).run(lambda point: None).read_bytes() == expected


@pytest.mark.parametrize("fails_at_once", [True, False])
def test_logs_that_cannot_be_written_stop_no_training(fails_at_once, tmp_path, caplog, monkeypatch):
    class FullDisk:
        def __init__(self, folder: str) -> None:
            if fails_at_once:
                raise OSError(errno.ENOSPC, "no space")

        def add_scalar(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, "no space")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FullDisk  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert training("dense", tmp_path).run(lambda point: None).exists()
    assert caplog.text.count("no more TensorBoard logs: they cannot be written (no space)") == 1


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    training("dense", tmp_path).run(lambda point: None)
    other = training("dense", tmp_path)
    other.digest = "another"
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors: belongs to another training"):
        other.run(lambda point: None)


@pytest.mark.parametrize(("package", "recipe"), [("arena_rl", "hdpo-informed"), ("arena_imitation", "dagger-informed")])
def test_a_network_with_parts_that_no_policy_is_told_of_is_trained_for_by_nobody(package, recipe, tmp_path):
    pytest.importorskip(package)
    network = load_network("serial").model_dump(by_alias=True, mode="json", exclude_none=True)
    network["nodes"][1]["terminal_value"] = 0.5
    network["supply_links"][0]["order_delay"] = 1
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(network), encoding="utf-8")
    done = invoke(["train", recipe, "--network", str(path), "--steps", "7680", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    told = " ".join(done.stderr.split())
    assert "learned policies are told nothing of this, and would not play it" in told
    assert "(order_delays)" in told
    assert "(terminal_values)" in told
    assert not (tmp_path / "out").exists()


def test_the_command_tells_of_a_foreign_checkpoint_without_a_traceback(tmp_path):
    arguments = ["train", "hdpo-informed", "--network", "serial", "--steps", "15360", "--out", str(tmp_path)]
    assert invoke(arguments).exit_code == 0
    done = invoke([*arguments, "--seed", "9"])
    assert done.exit_code == 2
    assert "belongs to another training" in done.stderr


def test_a_training_without_its_library_is_refused_and_says_what_to_install(tmp_path, monkeypatch):
    # As on a machine without it: whatever other tests imported of it is forgotten for this one.
    for name in [name for name in sys.modules if name.partition(".")[0] == "stable_baselines3"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "arena_rl.learners.reward_learner", raising=False)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    arguments = ["train", "ppo-mlp-informed", "--network", "serial", "--steps", "7680", "--out", str(tmp_path)]
    done = invoke(arguments)
    assert done.exit_code == 2
    assert "learner ppo needs stable_baselines3: pip install 'arena-rl[train]'" in " ".join(done.stderr.split())


def _zeros(path: Path) -> None:
    path.write_bytes(b"\x00" * 100)


def _about_nothing(path: Path) -> None:
    save_file({"policy.weight": torch.zeros(1)}, path, {"about": "{}"})


@pytest.mark.parametrize("write", [_zeros, _about_nothing])
def test_a_damaged_checkpoint_is_refused(tmp_path, write):
    one = training("dense", tmp_path)
    one.folder.mkdir()
    write(one.folder / "checkpoint.safetensors")
    with pytest.raises(ValueError, match="is no checkpoint"):
        one.run(lambda point: None)


def test_a_dense_policy_plays_its_own_network_and_track_only(tmp_path):
    stem = training("dense", tmp_path).run(lambda point: None).with_suffix("")
    serial = episodes_of(scenario_on(load_network("serial")), 1, informed=False).briefing
    load_policy(stem, serial)
    assert read_policy_file(stem).network == signature(load_network("serial"))
    other = episodes_of(scenario_on(load_network("w")), 1, informed=False).briefing
    with pytest.raises(ValueError, match="trained for the network 'serial' and no other"):
        load_policy(stem, other)
    informed = episodes_of(scenario_on(load_network("serial")), 1, informed=True).briefing
    with pytest.raises(ValueError, match="a policy of the blind track and cannot play the informed one"):
        load_policy(stem, informed)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda stem: stem.with_suffix(".safetensors").write_bytes(b"no"), "the weights cannot be read"),
        (lambda stem: stem.with_suffix(".safetensors").unlink(), "the weights cannot be read"),
        (lambda stem: stem.with_suffix(".json").write_text("{}"), "describes no policy"),
        (lambda stem: stem.with_suffix(".json").unlink(), "a policy is NAME.json and NAME.safetensors"),
    ],
)
def test_damaged_weights_are_told(damage, match, tmp_path):
    stem = tmp_path / "small"
    policy = small_graph()
    save_policy(stem, policy, PolicyFile(shape=policy.shape, recipe="small"))
    briefing = episodes_of(scenario_on(load_network("w")), 1, informed=True).briefing
    load_policy(stem, briefing)
    damage(stem)
    with pytest.raises(ValueError, match=match):
        load_policy(stem, briefing)


def test_every_shipped_recipe_is_a_training():
    specs = {spec.name: spec for spec in arena_trainings()}
    assert tuple(sorted(specs)) == recipe_names()
    for name, spec in specs.items():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert spec.summary == recipe.summary


def test_steps_and_seed_replace_the_recipes(tmp_path):
    run = next(spec.run for spec in arena_trainings() if spec.name == "hdpo-informed")
    points: list[TrainingPoint] = []
    request = TrainingRequest(tmp_path, network="serial", steps=15_360, seed=9)
    (written,) = run(request, points.append)
    assert [point.steps for point in points] == [15_360]
    card = written.with_name("hdpo-informed.serial.card.md").read_text()
    assert json.loads(card.partition("```json")[2].partition("```")[0])["seed"] == 9


def test_a_recipe_with_a_fault_is_told(tmp_path):
    path = tmp_path / "faulty.yaml"
    path.write_text(KINDS["graph"].replace("width: 8", "width: wide"))
    with pytest.raises(InvalidInput, match="width"):
        load_recipe(str(path))
    with pytest.raises(UnknownName, match="hdpo-informed"):
        load_recipe("hdpo-informd")


def test_a_policy_that_is_not_shipped_is_told():
    briefing = episodes_of(scenario_on(load_network("w")), 1, informed=True).briefing
    with pytest.raises(ValueError, match="no policy 'hdpo-nothing' is shipped"):
        shipped_policy("hdpo-nothing", briefing)


def brief_continuation(**shape: int) -> Recipe:
    """A training of a moment that starts from a shipped policy, with next to no learning rate."""
    recipe = load_recipe("hdpo-graph-informed")
    learner = recipe.learner.model_copy(update={"learning_rate": 1e-12, "batches": 1, "episodes": 2})
    policy = recipe.policy.model_copy(update=shape)
    return recipe.model_copy(update={"learner": learner, "policy": policy, "steps": 60})


@pytest.mark.parametrize("shape", [{"width": 24}, {"rounds": 3}])
def test_a_training_does_not_start_from_a_policy_of_another_shape(shape, tmp_path):
    with pytest.raises(ValueError, match="same shape"):
        Training(brief_continuation(**shape), make_learner, None, tmp_path).run(lambda point: None)


def test_a_training_starts_from_the_weights_of_the_policy_that_its_recipe_names(tmp_path):
    written = Training(brief_continuation(), make_learner, None, tmp_path).run(lambda point: None)
    torch.testing.assert_close(load_file(written), load_file(SHIPPED / "hdpo-graph-zero-shot.safetensors"))
