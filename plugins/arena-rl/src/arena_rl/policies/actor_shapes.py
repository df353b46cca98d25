"""Sizes of the policies that are trained by their rewards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Width = Annotated[int, Field(ge=1, le=1024)]


class _ActorShape(BaseModel, frozen=True, extra="forbid"):
    informed: bool
    hidden: tuple[Width, ...] = Field(default=(256, 128), min_length=1, description="widths of the last layers but one")

    @property
    def frames(self) -> int:
        """How many of the latest observations are read."""
        return 1


class MlpShape(_ActorShape):
    """A multilayer perceptron on everything the track shows."""

    kind: Literal["mlp"] = "mlp"
    squashed: bool = Field(default=False, description="actions end in a hyperbolic tangent, as soft actor-critic wants")


class GnnShape(_ActorShape):
    """Attention along the supply links of the network, conditioned on them: up the network, then down."""

    kind: Literal["gnn"] = "gnn"
    width: Width = 64
    rounds: int = Field(default=3, ge=1, le=8, description="layers in each direction")


class TransformerShape(_ActorShape):
    """A transformer encoder with one token per node and frame."""

    kind: Literal["transformer"] = "transformer"
    width: Width = 64
    layers: int = Field(default=3, ge=1, le=8)
    heads: int = Field(default=4, ge=1, le=16, description="divides the width")
    feedforward: int = Field(default=256, ge=1, le=4096)
    memory: int = Field(default=1, ge=1, le=16, description="latest observations that are read, as tokens of their own")

    @property
    def frames(self) -> int:
        """How many of the latest observations are read."""
        return self.memory


class ResidualShape(_ActorShape):
    """One perceptron for every supply link: the newsvendor's order times 1 + δ, δ bounded."""

    kind: Literal["residual"] = "residual"
    hidden: tuple[Width, ...] = Field(default=(64, 64), min_length=1, description="widths of the last layers but one")
    bound: float = Field(default=0.5, gt=0, le=1, description="largest |δ|")


ActorShape = MlpShape | GnnShape | TransformerShape | ResidualShape
