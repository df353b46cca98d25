"""Lessons, what is learnt from them, and trainings: losses by hand, who plays, and that a kill loses nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from commands import invoke

from arena import InvalidInput, TrainingPoint, load_network
from arena.training_worlds import ScenarioMix, WeightedFamily, broad_effects
from arena_imitation import arena_trainings
from arena_imitation.expert import Expert
from arena_imitation.lessons import Lessons, concatenate, imitation_loss, play_lesson
from arena_imitation.recipes import load_recipe, recipe_names
from arena_imitation.training import make_learner
from arena_rl.episodes.batches import EpisodeBatch, make_batch
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_networks import MlpShape
from arena_rl.training.train import Training

MIX = ScenarioMix(families=[WeightedFamily(family=broad_effects())])


def batch_on(network: str, count: int = 3, *, goodwill: bool = False, informed: bool = True) -> EpisodeBatch:
    generator = np.random.default_rng(1)
    scenario = MIX.draw(generator, load_network(network), backlog=True, goodwill=goodwill)
    return make_batch(scenario, MIX.draw_demands(generator, scenario, count), informed=informed)


def pupil_of(batch: EpisodeBatch) -> ActorPolicy:
    torch.manual_seed(1)
    shape = MlpShape(informed=batch.briefing.informed, hidden=(16,))
    return ActorPolicy(shape, batch.briefing.compiled.network, batch.briefing.structure)


def lessons_of(net: list[float], expert: list[float], playable: float = 1.0) -> Lessons:
    column = torch.tensor(net)[:, None]
    return Lessons(torch.zeros(len(net), 1), column, torch.tensor(expert)[:, None], torch.full_like(column, playable))


# --- losses -----------------------------------------------------------------------------------------------------------


def test_the_loss_by_hand():
    """Wanted actions: 0.5; at most 0.2; by the bound 2. The pupil's: 0; 0.3, then −5; 0."""
    lessons = lessons_of([1.0, -0.2, -9.0], [1.5, 0.0, 1.0])
    actions = torch.tensor([[0.0], [0.3], [0.0]])
    expected = (0.9 * 0.5**2 + 0.1 * 0.1**2 + 0.9 * 2.0**2) / 3
    assert imitation_loss(actions, lessons, bound=2.0, caution=0.9).item() == pytest.approx(expected)
    actions[1] = -5.0  # orders nothing, as the teacher does
    expected = (0.9 * 0.5**2 + 0.9 * 2.0**2) / 3
    assert imitation_loss(actions, lessons, bound=2.0, caution=0.9).item() == pytest.approx(expected)


def test_orders_that_cannot_be_played_teach_nothing():
    lessons = lessons_of([1.0], [2.0], playable=0.0)
    assert imitation_loss(torch.zeros(1, 1), lessons, bound=3.0, caution=0.5).item() == 0.0


@pytest.mark.parametrize("caution", [0.5, 0.9])
def test_what_is_learnt_is_an_expectile(caution):
    """The constant e at which caution × mean excess above e equals (1 − caution) × mean excess below it."""
    taught = torch.rand(400, generator=torch.Generator().manual_seed(1))
    lessons = lessons_of([0.0] * 400, taught.tolist())
    found = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([found], lr=0.02)
    for _ in range(600):
        optimizer.zero_grad()
        imitation_loss(found.expand(400, 1), lessons, bound=3.0, caution=caution).backward()
        optimizer.step()
    level = found.item()
    above, below = (taught - level).clamp(min=0).mean().item(), (level - taught).clamp(min=0).mean().item()
    assert caution * above == pytest.approx((1 - caution) * below, rel=1e-2)
    assert level == pytest.approx(taught.mean().item(), abs=1e-3) if caution == 0.5 else level > 0.65


# --- lessons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goodwill", [False, True])
@pytest.mark.parametrize("informed", [False, True])
def test_a_lesson_has_every_decision_and_is_repeated_by_its_seed(informed, goodwill):
    batch = batch_on("divergent", goodwill=goodwill, informed=informed)
    pupil, expert = pupil_of(batch), Expert(batch.briefing, shortage_weight=1.5)
    one, two, other = (
        play_lesson(pupil, batch, expert, np.random.default_rng(seed), pupil_plays=True) for seed in (1, 1, 2)
    )
    links = batch.briefing.compiled.links
    assert one.features.shape == (30 * 3, pupil.input_size)
    assert one.net_requirements.shape == one.expert_orders.shape == one.playable.shape == (30 * 3, links)
    assert (one.expert_orders > 0).any()
    for column, again in zip(one.columns, two.columns, strict=True):
        torch.testing.assert_close(again, column, rtol=0, atol=0)
    assert not torch.equal(one.expert_orders, other.expert_orders)
    # The last orders of raw material would come too late; those between managed nodes always count.
    assert one.playable.reshape(30, 3, links)[0].all()
    assert not one.playable.reshape(30, 3, links)[-1].all()


def test_teacher_and_pupil_come_into_states_of_their_own():
    batch = batch_on("serial")
    pupil, expert = pupil_of(batch), Expert(batch.briefing, shortage_weight=1.5)
    taught, tried = (
        play_lesson(pupil, batch, expert, np.random.default_rng(1), pupil_plays=plays) for plays in (False, True)
    )
    torch.testing.assert_close(taught.features[:3], tried.features[:3])
    assert not torch.allclose(taught.features[30:], tried.features[30:])


def test_the_latest_decisions_are_remembered():
    parts = [lessons_of([float(number)] * 2, [0.0] * 2) for number in range(3)]
    assert concatenate(parts, 3).net_requirements.flatten().tolist() == [1.0, 2.0, 2.0]


# --- trainings --------------------------------------------------------------------------------------------------------

SMALL = """
name: small
summary: for tests
learner: {{kind: {kind}, batches: 2, episodes: 3, gradients: 3, batch: 16}}
policy: {{kind: {policy}, informed: {informed}, hidden: [8]}}
networks: [serial]
worlds:
  - network: serial
    mix: {{families: [{{family: {{kind: effects, base_mean: [20, 20]}}}}]}}
steps: 540
points: 4
"""
REFINED = """
refinement: {learner: {kind: ppo, environments: 6, batch: 30, epochs: 1}, steps: 360}
"""
KINDS = {
    "dagger": SMALL.format(kind="dagger", policy="mlp", informed="true"),
    "blind": SMALL.format(kind="dagger", policy="mlp", informed="false"),
    "refined": SMALL.format(kind="cloning", policy="gnn, width: 8, rounds: 1", informed="true") + REFINED,
}


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def short_fit(monkeypatch):
    from arena_rl.learners.forecaster_fit import fit

    monkeypatch.setattr("arena_imitation.learner.fit", lambda *given, **named: fit(*given, **named, gradients=2))


def training(kind: str, folder: Path) -> Training:
    folder.mkdir(exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(KINDS[kind])
    return Training(load_recipe(str(path)), make_learner, "serial", folder)


@pytest.mark.parametrize("kill_at", [0, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_goes_on_to_the_same_weights(kind, kill_at, tmp_path):
    points: list[TrainingPoint] = []
    expected = training(kind, tmp_path / "whole").run(points.append)
    last = min(kill_at, len(points) - 2)

    def kill(point: TrainingPoint) -> None:
        if point.steps == points[last].steps:
            raise KilledError

    with pytest.raises(KilledError):
        training(kind, tmp_path / "cut").run(kill)
    again: list[TrainingPoint] = []
    found = training(kind, tmp_path / "cut").run(again.append)
    assert [point.steps for point in again] == [point.steps for point in points[last + 1 :]]
    assert found.read_bytes() == expected.read_bytes()
    card = found.with_name("small.serial.card.md").read_text()
    assert "arena-imitation 0" in card
    assert ("stable-baselines3" in card) == (kind == "refined")


def test_a_refinement_begins_where_the_imitation_ended(tmp_path):
    small = training("refined", tmp_path)
    pupil = small.start_policy()
    learner = make_learner(small.recipe, pupil, small.worlds)
    assert (learner.updates, learner.steps_per_update) == (3 + 2, 180)
    for _ in range(3):
        learner.update()
    mean, weights = pupil.mean.clone(), pupil.actor.out.weight.detach().clone()
    learner.update()
    # The new inputs count for little against the earlier ones, and one update moves the actor a little.
    assert 0 < (pupil.mean - mean).abs().max() < 0.01 * mean.abs().max()
    assert 0 < (pupil.actor.out.weight - weights).abs().max() < 0.01


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"policy": {"kind": "residual", "informed": True}}, "an oracle teaches policies of kind mlp .* not residual"),
        ({"policy": {"kind": "mlp", "squashed": True, "informed": True}}, "an oracle teaches policies"),
        ({"policy": {"kind": "transformer", "memory": 2, "informed": True}}, "with memory 1"),
        ({"policy": {"kind": "dense", "informed": True}}, "not dense"),
        ({"refinement": {"learner": {"kind": "ppo"}, "steps": 10, "more": 1}}, "refinement.more: "),
        ({"refinement": {"learner": {"kind": "ppo", "environments": 7}, "steps": 10}}, "environments: 256"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_is_refused(change, match, tmp_path):
    data = yaml.safe_load((Path(sys.modules["arena_imitation"].__file__).parent / "recipes/gnn-il.yaml").read_text())
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(data | change))
    with pytest.raises(InvalidInput, match=match):
        load_recipe(str(path))


def test_every_shipped_recipe_is_a_training():
    assert tuple(sorted(spec.name for spec in arena_trainings())) == recipe_names()


def test_a_training_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    for name in ("arena_imitation.learner", "arena_imitation.expert", "arena_optimization.programs.path_program"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "arena_optimization.programs.path_program", None)
    arguments = ["train", "dagger-informed", "--network", "serial", "--out", str(tmp_path)]
    done = invoke(arguments)
    assert done.exit_code == 2
    assert "pip install 'arena-imitation[train]'" in " ".join(done.stderr.split())


def test_the_command_refuses_a_network_with_an_integer_program(tmp_path, monkeypatch):
    """Before a blind pupil's forecaster is fitted, which takes a minute."""
    monkeypatch.setattr("arena_imitation.learner.fit", lambda *given, **named: pytest.fail("fitted in vain"))
    data = load_network("serial").model_dump(mode="json", by_alias=True)
    data["supply_links"][0]["fixed_ordering_cost"] = 10.0
    network = tmp_path / "network.yaml"
    network.write_text(yaml.safe_dump(data))
    arguments = ["train", "dagger-blind", "--network", str(network), "--out", str(tmp_path / "out")]
    done = invoke(arguments)
    assert done.exit_code == 2
    assert "its oracle is an integer program, too slow to teach" in " ".join(done.stderr.split())


def test_the_command_trains_for_another_network(tmp_path):
    arguments = ["train", "dagger-informed", "--network", "w", "--steps", "1", "--out", str(tmp_path)]
    done = invoke(arguments)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "dagger-informed.w" / "dagger-informed.w.safetensors").exists()
