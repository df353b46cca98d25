"""Configuration of the controllers that play trained policies, here and in arena-imitation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from arena import FrozenSchema

PolicyName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


class LearnedConfig(FrozenSchema):
    """Choice of the trained policy that plays."""

    policy: PolicyName = Field(description="name of a policy that the package ships")
    otherwise: PolicyName | None = Field(
        default=None,
        description="policy of arena-rl that plays the networks that the first was not trained for; absent: they are "
        "refused. Its decisions are counted as fallbacks",
    )
