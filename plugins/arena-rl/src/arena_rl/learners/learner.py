"""The interface of all learners, their settings in a recipe, and the state of their optimisers in a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import torch
from pydantic import Field
from torch import Tensor

from arena import FrozenSchema

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Caution = Annotated[float, Field(gt=0, lt=1)]


class LearnerState(NamedTuple):
    """State of a learner, on which its next update depends.

    Attributes:
        tensors: tensors by name.
        values: values that JSON can hold, by name.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Learner(Protocol):
    """Improves a policy, update by update.

    Attributes:
        updates_done: updates so far.
        updates: updates of the whole training.
        steps_per_update: environment steps of one update.
        packages: distributions beside torch and numpy that it uses, for the training card.
    """

    updates_done: int
    updates: int
    steps_per_update: int
    packages: Sequence[str]

    def update(self) -> float:
        """Improve the policy once; returns the loss."""

    def state(self) -> LearnerState:
        """State on which the next update depends."""

    def restore(self, state: LearnerState) -> None:
        """Continue from the state of an equal learner; its values may hold more than `state` gave."""


# --- settings ---------------------------------------------------------------------------------------------------------


class HdpoSettings(FrozenSchema):
    """Hindsight differentiable policy optimisation: gradients of the profit through the dynamics (arXiv 2306.11246)."""

    kind: Literal["hdpo"] = "hdpo"
    learning_rate: Positive = Field(default=3e-3, description="of Adam, at the start; it falls as a cosine to 0")
    clip: Positive = Field(default=0.5, description="largest norm of a gradient")
    batches: int = Field(default=4, ge=1, description="scenarios played side by side for one gradient")
    episodes: int = Field(default=128, ge=1, description="episodes of each, with their own demand")
    foresight: float = Field(
        default=0.05, ge=0, description="weight of the deviance of a blind policy's own forecast in the loss"
    )
    surrogate_width: Positive = Field(default=3.0, description="smoothing of the stock-out indicator, units")
    feedback: Fraction = Field(
        default=1.0,
        description="share of the gradient that flows on through the stocks that the policy sees, per period",
    )


class _RewardSettings(FrozenSchema):
    """Settings of all learners that see rewards only; every update plays one episode per environment."""

    learning_rate: Positive = Field(default=3e-4, description="of Adam")
    environments: int = Field(default=256, ge=2, description="episodes played side by side")
    gamma: Fraction = Field(default=0.995, description="discount of later rewards")
    caution: Caution | Annotated[tuple[Caution, ...], Field(min_length=2)] = Field(
        default=0.5,
        description="of a blind policy's forecast: one too small weighs caution / (1 - caution) times one too large; "
        "of several that is taken with which the policy earns most before it has learnt anything",
    )

    @property
    def cautions(self) -> tuple[float, ...]:
        """Values of caution that are tried."""
        return self.caution if isinstance(self.caution, tuple) else (self.caution,)


class _OnPolicySettings(_RewardSettings):
    batch: int = Field(default=256, ge=2, description="decisions per gradient")
    epochs: int = Field(default=10, ge=1, description="passes over what was played")
    gae_lambda: Fraction = Field(default=0.9, description="mixture of advantages over one and more periods")
    clip: Positive = Field(default=0.2, description="largest change of a ratio of probabilities")
    entropy: float = Field(default=0.005, ge=0, description="weight of the entropy bonus")
    value: float = Field(default=0.5, ge=0, description="weight of the critic's loss")
    gradient_norm: Positive = Field(default=0.5, description="largest norm of a gradient")
    target_kl: Positive | None = Field(default=0.03, description="divergence at which the passes end early")
    log_deviation: float = Field(default=-0.5, description="logarithm of the actions' first standard deviation")


class PpoSettings(_OnPolicySettings):
    """Proximal policy optimisation, by Stable-Baselines3 (arXiv 1707.06347)."""

    kind: Literal["ppo"] = "ppo"


class PdppoSettings(_OnPolicySettings):
    """Post-decision PPO: a second critic values the state after orders and before demand (arXiv 2504.05150)."""

    kind: Literal["pdppo"] = "pdppo"
    advantage: Literal["maximum", "surprise"] = Field(
        default="maximum",
        description="maximum: the larger of the two critics' advantages, as published; surprise: the advantage less "
        "what the period's demand surprised the second critic by",
    )


class BpoSettings(_OnPolicySettings):
    """Bounded policy optimisation: distance of each ratio from the best within its bounds (arXiv 2604.18578)."""

    kind: Literal["bpo"] = "bpo"


class SacSettings(_RewardSettings):
    """Soft actor-critic, by Stable-Baselines3 (arXiv 1801.01290)."""

    kind: Literal["sac"] = "sac"
    environments: int = Field(default=32, ge=2, description="episodes played side by side")
    gamma: Fraction = Field(default=0.99, description="discount of later rewards")
    batch: int = Field(default=256, ge=2, description="decisions per gradient")
    tau: Fraction = Field(default=0.005, description="step of the target critics towards the critics")
    memory: int = Field(default=200_000, ge=1, description="decisions that are remembered")
    first_steps: int = Field(default=5_000, ge=0, description="environment steps of random actions before learning")
    entropy: Positive = Field(
        default=0.005,
        description="weight of the entropy bonus at the start; it is tuned. 1, as usual, drowns the profit",
    )
    gradients: int = Field(default=2, ge=1, description="gradients per period of the batch of episodes")


OnPolicySettings = PpoSettings | PdppoSettings | BpoSettings
RewardSettings = OnPolicySettings | SacSettings
LearnerSettings = Annotated[
    HdpoSettings | PpoSettings | PdppoSettings | BpoSettings | SacSettings, Field(discriminator="kind")
]


# --- optimisers in checkpoints ----------------------------------------------------------------------------------------


def optimizer_tensors(name: str, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser as tensors, under names that begin with the given one."""
    return {
        f"{name}.{number}.{entry}": torch.as_tensor(value).clone()
        for number, state in optimizer.state_dict()["state"].items()
        for entry, value in state.items()
    }


def restore_optimizer(name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore an optimiser of the same parameters from `optimizer_tensors`."""
    state = optimizer.state_dict()
    state["state"] = {}
    for key, value in tensors.items():
        if key.startswith(f"{name}."):
            number, entry = key.removeprefix(f"{name}.").split(".")
            state["state"].setdefault(int(number), {})[entry] = value.clone()
    optimizer.load_state_dict(state)


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose names begin with a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
