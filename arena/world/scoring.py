"""How a suite scores: the rule, and which scenarios it fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from arena.errors import FaultList, FieldFault, suggest
from arena.schemas import FrozenSchema, Positive, Slug
from arena.world.native_score import COUNTED, NativeScore
from arena.world.scenario import Scenario

Rule = Literal["share_of_oracle", "cost_ratio", "gap_closed", "native"]

LEAST_SCORE: Final = -1.0
"""Least value of a scenario under `cost_ratio` and `gap_closed`, so that no scenario drowns a suite."""

_LISTED: Final = 3


class ScoreRule(FrozenSchema):
    """The rule by which a suite scores. The suite's score is the mean over its scenarios.

    | rule | score of a submission on a scenario |
    |---|---|
    | `share_of_oracle` | mean profit / the oracle's mean profit, as published |
    | `cost_ratio` | optimal cost (if stated, else the oracle's mean cost) / mean cost, where there is no revenue |
    | `gap_closed` | (mean profit − the reference rule's) / (the oracle's mean profit − the reference rule's) |
    | `native` | the suite's native score on the scenario, its negative where lower is better; without an oracle |

    All means are over the same seeds, and the oracle's score is 1 (on a stated optimum near 1, by chance also above),
    but for `native`, whose scores have the unit that the suite says.
    """

    rule: Rule = Field(default="share_of_oracle", description="how a scenario is scored")
    reference: Slug | None = Field(
        default=None, description="submission whose profit is the zero of gap_closed; a real rule that people use"
    )
    optimal_costs: dict[str, Positive] = Field(
        default_factory=dict,
        description="by scenario, the proven least mean cost of an episode, money, in place of the oracle's cost",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, written: Any) -> Any:
        return {"rule": written} if isinstance(written, str) else written

    @model_validator(mode="after")
    def _fits_its_rule(self) -> ScoreRule:
        if self.rule == "gap_closed" and self.reference is None:
            rule = "the rule gap_closed measures from what a named rule earns"
            raise FaultList([FieldFault("reference", None, rule, "name its submission, for example reference: ss")])
        if self.rule != "gap_closed" and self.reference is not None:
            fix = "remove reference, or write rule: gap_closed"
            raise FaultList([FieldFault("reference", self.reference, f"the rule {self.rule} has no reference", fix)])
        if self.rule != "cost_ratio" and self.optimal_costs:
            fix = "remove optimal_costs, or write rule: cost_ratio"
            raise FaultList([FieldFault("optimal_costs", None, f"the rule {self.rule} compares no costs", fix)])
        return self

    def describe(self) -> str:
        """Return the rule as words that follow "the score is"."""
        if self.rule == "native":
            return "the suite's native score, its negative where lower is better"
        if self.rule == "share_of_oracle":
            return "mean profit / the oracle's mean profit"
        if self.rule == "gap_closed":
            part = f"(mean profit − that of {self.reference}) / (the oracle's mean profit − that of {self.reference})"
            return f"{part}, at least −1 on every scenario"
        if not self.optimal_costs:
            return "the oracle's mean cost / mean cost"
        return f"optimal cost / mean cost, the optimum being stated on {len(self.optimal_costs)} and else the oracle's"


def default_rule(scenarios: Sequence[Scenario], native: NativeScore | None = None) -> ScoreRule:
    """Return the rule of a suite that states none.

    It is `native` if the suite has a native score of money that counts; else `cost_ratio` if no scenario has revenue,
    else `share_of_oracle`.
    """
    if native is not None and native.is_counted:
        return ScoreRule(rule="native")
    costs_only = bool(scenarios) and not any(has_revenue(scenario) for scenario in scenarios)
    return ScoreRule(rule="cost_ratio" if costs_only else "share_of_oracle")


def has_revenue(scenario: Scenario) -> bool:
    """Tell whether customers pay anything."""
    return any(link.price > 0 for link in scenario.network.market_links)


def find_misfits(
    rule: ScoreRule, scenarios: Sequence[Scenario], native: NativeScore | None = None
) -> Iterator[FieldFault]:
    """Yield a fault for everything that a rule says of scenarios and that is not so.

    Args:
        rule: the suite's rule.
        scenarios: the suite's scenarios.
        native: the suite's native score.
    """
    if rule.rule == "native" and native is None:
        reason = "the rule native scores by the suite's native score, and the suite states none"
        yield FieldFault("score", rule.rule, reason, "add native, or choose another rule")
    elif rule.rule == "native" and native is not None and not native.is_counted:
        counted = " or ".join(COUNTED)
        reason = f"the rule native is for scores of {counted}, in which forfeits count, not of {native.indicator}"
        yield FieldFault("score", rule.rule, reason, "choose another rule; the native score is shown beside it")
    names = [scenario.name for scenario in scenarios]
    for name in rule.optimal_costs:
        if name not in names:
            rule_of_names = "no scenario of the suite has this name"
            yield FieldFault(f"score.optimal_costs.{name}", name, rule_of_names, suggest(name, names))
    earning = [scenario.name for scenario in scenarios if has_revenue(scenario)]
    if rule.rule == "cost_ratio" and earning:
        listed = ", ".join(earning[:_LISTED]) + (" and others" if len(earning) > _LISTED else "")
        reason = f"the rule cost_ratio is for scenarios without revenue, and customers pay on {listed}"
        fix = "score by share_of_oracle or gap_closed, or give these scenarios a suite of their own"
        yield FieldFault("score", rule.rule, reason, fix)
