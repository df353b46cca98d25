"""Configuration of the learned controllers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from arena import FrozenModel


class LearnedConfig(FrozenModel):
    """Which trained policy plays."""

    policy: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)] = Field(
        description="name of a policy that the package ships"
    )
