"""Rows of standings that compare two submissions, and the interval of a mean."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Interval(BaseModel):
    """A 95 % confidence interval of a mean over seeds, by the rule of `arena.results.statistics`.

    That of a run which may be stopped at any time is by the rule of `arena.results.sequential`. It is missing where
    there are fewer than two seeds, and where all seeds gave the same value: one episode that was played ten times does
    not say how far others lie apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    """Lower end."""
    high: float
    """Upper end."""


class ScenarioPrice(BaseModel):
    """The price of decentralisation on one scenario; fields as in `PriceOfDecentralisation`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str
    """Slug of the scenario."""
    profit: float
    """Mean profit of the decentralised submission."""
    full_view_profit: float
    """Mean profit of the same rule with the full view."""
    price: float
    """The second less the first."""
    price_interval: Interval | None
    """Of the price."""
    share: float | None
    """Price / profit with the full view."""
    share_interval: Interval | None
    """Of the share."""


class PriceOfDecentralisation(BaseModel):
    """What a decentralised submission earns less than the same rule with the full view, compared seed by seed.

    The numbers are None unless both have played every scenario and seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the decentralised submission."""
    full_view: str
    """Name of the submission that its manifest calls the same rule with the full view."""
    profit: float | None = None
    """Mean over scenarios of the decentralised submission's mean profit."""
    full_view_profit: float | None = None
    """The same of the other submission."""
    price: float | None = None
    """The second less the first, money per episode; negative if the full view earned less."""
    price_interval: Interval | None = None
    """Of the price, paired by seed."""
    share: float | None = None
    """Price / profit with the full view; None unless that is positive."""
    share_interval: Interval | None = None
    """Of the share, a ratio of two means over the same seeds."""
    by_scenario: tuple[ScenarioPrice, ...] = ()
    """The price on every scenario, in the order of the suite."""


class LlmRow(BaseModel):
    """What one submission asked of language models, over the episodes of the suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submission: str
    """Name of the submission."""
    models: str
    """The models that answered, as the endpoint named them; empty if none did."""
    calls: int
    """Questions."""
    failures: int
    """Questions without an answer."""
    parse_failures: int
    """Answers of no use, self-reported."""
    repairs: int
    """Of these, those that were mended, self-reported."""
    fallbacks: int
    """Decisions answered by the fallback, self-reported."""
    fallback_episodes: int
    """Episodes with such a decision."""
    prompt_tokens: int
    """Tokens asked."""
    completion_tokens: int
    """Tokens answered."""
    seconds: float
    """Duration of the questions."""
    cost: float | None
    """By the prices of the manifest; None without prices."""
    fitted_rule: str | None
    """The submission that plays the same rule with parameters fitted offline; None if the manifest names none."""
    worth: float | None
    """What the model is worth over plain fitting: mean profit less that of `fitted_rule`, money per episode; None
    unless both have played every scenario and seed."""
    worth_interval: Interval | None
    """Of the worth, paired by seed."""
