"""Helpers of the tests: small mixes, batches and policies."""

import numpy as np
import torch

from arena import Network, Scenario
from arena.training_worlds import ScenarioMix, WeightedFamily, broad_effects, published_effects
from arena_rl.episodes.batches import EpisodeBatch, EpisodeRun, demand_sampler, make_batch
from arena_rl.inputs.observations import BatchObservation
from arena_rl.policies.actor import ActorPolicy
from arena_rl.policies.actor_networks import ActorShape, GnnShape, MlpShape, ResidualShape, TransformerShape
from arena_rl.policies.dense import DensePolicy, DenseShape
from arena_rl.policies.graph_network import GraphPolicy, GraphShape

MIX = ScenarioMix(families=[WeightedFamily(family=published_effects()), WeightedFamily(family=broad_effects())])


def scenario_on(network: Network, seed: int = 1, **rules: bool) -> Scenario:
    return MIX.draw(np.random.default_rng(seed), network, **rules)


def episodes_of(scenario: Scenario, count: int, *, informed: bool, seed: int = 1) -> EpisodeBatch:
    demands = MIX.draw_demands(np.random.default_rng(seed), scenario, count)
    return make_batch(scenario, demands, informed=informed)


def first_situation(batch: EpisodeBatch) -> BatchObservation:
    return EpisodeRun(batch, demand_sampler(batch, torch.Generator().manual_seed(1))).observe(0)


def small_graph(*, informed: bool = True, seed: int = 3) -> GraphPolicy:
    """Untrained, with weights large enough that every input matters."""
    torch.manual_seed(seed)
    policy = GraphPolicy(GraphShape(informed=informed, width=16, rounds=2))
    with torch.no_grad():
        policy.out.weight.mul_(5.0)
        policy.out.bias[1] = -2.0
    return policy


def small_dense(episodes: EpisodeBatch, *, seed: int = 3) -> DensePolicy:
    torch.manual_seed(seed)
    briefing = episodes.briefing
    shape = DenseShape(informed=briefing.informed, width=16, layers=1)
    return DensePolicy(shape, briefing.compiled.network, briefing.structure)


def actor_shape(kind: str, informed: bool) -> ActorShape:
    """Small shapes by name."""
    small = {"informed": informed, "hidden": (16, 8)}
    return {
        "mlp": MlpShape(**small),
        "squashed": MlpShape(**small, squashed=True),
        "gnn": GnnShape(**small, width=8, rounds=2),
        "transformer": TransformerShape(**small, width=8, heads=2, layers=1, feedforward=16),
        "frames": TransformerShape(**small, width=8, heads=2, layers=1, feedforward=16, memory=4),
        "residual": ResidualShape(**small),
    }[kind]


def untrained_actor(kind: str, episodes: EpisodeBatch, *, seed: int = 3) -> ActorPolicy:
    """Untrained, with a last layer large enough that inputs matter."""
    torch.manual_seed(seed)
    briefing = episodes.briefing
    policy = ActorPolicy(actor_shape(kind, briefing.informed), briefing.compiled.network, briefing.structure)
    with torch.no_grad():
        policy.actor.out.weight.mul_(30.0)
        if policy.forecaster is not None:
            policy.forecaster.skip.bias += 1.0  # some demand is forecast before any was seen
    return policy.requires_grad_(False)
