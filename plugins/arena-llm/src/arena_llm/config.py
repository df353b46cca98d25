"""Settings of the controllers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from arena import LlmEndpoint


class TunerConfig(BaseModel):
    """Settings of `arena_llm.tuner.Tuner` as ``llm-tuner``.

    Attributes:
        endpoint: the language model that is asked, once an episode; an answer that cannot be used costs one question
            more.
        prompt: version of the prompt's template. 2 tells of the parts of a world beyond the first schema, and of its
            history; on other worlds it asks what 1 asks. 1 is refused on worlds with such parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: LlmEndpoint
    prompt: Literal[1, 2] = 2


class AdaptiveConfig(TunerConfig):
    """Settings of `arena_llm.tuner.Tuner` as ``llm-adaptive``.

    Attributes:
        revise_every: periods from one question to the next; each may cost two questions of the episode. Where the
            organiser allows fewer, the parameters in force stay to the end.
    """

    model_config = TunerConfig.model_config

    revise_every: int = Field(default=5, ge=1)


class TunedBaseStockConfig(BaseModel):
    """Settings of `arena_llm.tuned.TunedBaseStock`.

    Attributes:
        parameters: ``"fitted"``: the package's table for the track; ``"defaults"``: the published defaults throughout,
            which is the plain rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Literal["fitted", "defaults"] = "fitted"
