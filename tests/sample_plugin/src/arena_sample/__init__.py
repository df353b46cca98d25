"""A third-party plugin with one controller, written against the public names of `arena` only."""

from typing import Any

from pydantic import BaseModel, Field

from arena import Controller, ControllerSpec, hookimpl


class Replenishment(BaseModel, frozen=True, extra="forbid"):
    """How much stock a node keeps."""

    cover: float = Field(default=1.0, gt=0, le=10)
    """Periods of demand kept beyond the lead time."""


class ConstantCoverConfig(BaseModel, frozen=True, extra="forbid"):
    """Configuration of constant-cover."""

    replenishment: Replenishment = Replenishment()
    """The one group of settings; nested, as configurations of larger plugins are."""


def make_controller(config: ConstantCoverConfig) -> Controller:
    """Return a fresh controller."""
    from arena_sample.constant_cover import ConstantCover

    return ConstantCover(config.replenishment.cover)


@hookimpl
def arena_controllers() -> list[ControllerSpec[Any]]:
    """Declare the controllers of this plugin."""
    spec = ControllerSpec(
        name="constant-cover",
        config=ConstantCoverConfig,
        tracks=("blind", "informed", "decentralised"),
        factory=make_controller,
        summary="Keep a constant number of periods of demand in stock and on its way.",
    )
    return [spec]
