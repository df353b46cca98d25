"""Settings of the inventory rules. The defaults are the published ones."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RuleConfig(BaseModel):
    """Settings shared by all rules.

    Attributes:
        window: Blind track: number of latest periods whose demand gives the mean and the deviation.
        fewest_periods: Blind track: number of observed periods from which on the sample deviation is used;
            before, the deviation is the square root of the mean.
        prior_mean: Blind track: mean demand per market link and period expected before the first demand is seen.
            ``None`` derives it from the network, see `arena_heuristics.demand.prior_means`.
        fallback_mean: Blind track: the derived expectation where the network gives none (a retailer without stock).
        lead_time_weight: Price units that one period of lead time counts for when an order is split between suppliers.
        alternative_paths: How much of a market's demand a node with rivals prepares for, see
            `arena_heuristics.ordering.material_needs`. ``"whole"``: all of it, as every published rule does;
            ``"shared"``: the share that the split between suppliers sends its way; ``"auto"``: whole where the network
            has one market link, shared where it has several.
        standard_deviation: Informed track: standard deviation of a period's demand on a market link before the noise
            scale, units. ``None``: what the track tells, if the rule takes it (`deviation_is_told`), else √mean, as for
            Poisson demand.
    """

    # Built on first use: each episode starts in a fresh process and needs the settings of one rule only.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    window: int = Field(default=5, ge=1)
    fewest_periods: int = Field(default=3, ge=2)
    prior_mean: float | None = Field(default=None, gt=0)
    fallback_mean: float = Field(default=20.0, gt=0)
    lead_time_weight: float = Field(default=0.1, ge=0)
    alternative_paths: Literal["auto", "whole", "shared"] = "auto"
    standard_deviation: float | None = Field(default=None, ge=0)

    @property
    def deviation_is_told(self) -> bool:
        """Whether the rule takes the deviation that the informed track tells; published rules take Poisson's."""
        return False


class CriticalRatioConfig(RuleConfig):
    """Settings of the rules that weigh a shortage against holding stock.

    Attributes:
        critical_ratio: Probability of no shortage over the protection interval, for every node. ``None`` computes it
            per node from prices and costs.
        least_shortage_cost: Money per unit that a shortage costs at least at a node without a market.
        formulas: ``"published"``: those of the publication. A shortage costs what the node's own prices say, at a
            retailer the penalty alone (`arena.shortage_cost`), so that next to nothing is ordered where there are none.
            ``"textbook"``: at every node a shortage costs what it costs at the customers in the end, lost margin and
            penalty (`arena_heuristics.costs.underage_costs`); levels also cover the period that passes at every node
            before a delivery can be shipped on, nothing is ordered that comes too late to be sold, and the deviation of
            demand is that which the informed track tells.
    """

    critical_ratio: float | None = Field(default=None, gt=0, lt=1)
    least_shortage_cost: float = Field(default=0.5, ge=0)
    formulas: Literal["published", "textbook"] = "published"

    @property
    def deviation_is_told(self) -> bool:
        """Whether the formulas are the textbook's."""
        return self.formulas == "textbook"


class NewsvendorConfig(CriticalRatioConfig):
    """Settings of `arena_heuristics.newsvendor.Newsvendor`."""


class ReorderPointConfig(RuleConfig):
    """Settings of `arena_heuristics.reorder_point.ReorderPoint`.

    Attributes:
        service_level: Probability of no shortage over the protection interval at which the reorder point is set.
        fixed_cost_factor: Where ordering is free, the fixed cost of an order is taken as this multiple of the
            operating cost (factories) or of the holding cost (other nodes).
        deviation: Informed track: ``"poisson"``: that of Poisson demand, as published. ``"told"``: what the track tells
            (unless ``standard_deviation`` is set).
    """

    service_level: float = Field(default=0.95, gt=0, lt=1)
    fixed_cost_factor: float = Field(default=10.0, ge=0)
    deviation: Literal["poisson", "told"] = "poisson"

    @property
    def deviation_is_told(self) -> bool:
        """Whether the setting ``deviation`` says so."""
        return self.deviation == "told"


class ExponentialSmoothingConfig(CriticalRatioConfig):
    """Settings of `arena_heuristics.exponential_smoothing.ExponentialSmoothing`.

    Attributes:
        level_weight: Weight of the latest demand in the level (α).
        trend_weight: Weight of the latest change of level in the trend (β).
        error_weight: Weight of the latest squared forecast error in the error variance.
    """

    level_weight: float = Field(default=0.3, gt=0, le=1)
    trend_weight: float = Field(default=0.1, ge=0, le=1)
    error_weight: float = Field(default=0.1, gt=0, le=1)


class EchelonBaseStockConfig(CriticalRatioConfig):
    """Settings of `arena_heuristics.newsvendor.EchelonBaseStock`.

    Attributes:
        least_holding_cost: Money per unit and period that echelon stock costs at least.
    """

    least_holding_cost: float = Field(default=0.01, gt=0)


class ClarkScarfConfig(RuleConfig):
    """Settings of `arena_heuristics.echelon_levels.ClarkScarf`; those of the blind estimate are of no use to it.

    Attributes:
        distribution: Of a period's demand around its mean, as in a scenario's ``demand``. ``None``: distribution and
            deviation are those that the informed track tells.
        half_width: Of uniform demand before the noise scale, units. ``None``: the mean itself.
        backlog_cost: Money per unit short and period. ``None``: the shortage penalty where customers wait; where they
            do not, or where there is no penalty, penalty and contribution margin together.
        least_holding_cost: Money per unit and period that echelon stock costs at least.
    """

    distribution: Literal["poisson", "normal", "uniform"] | None = None
    half_width: float | None = Field(default=None, ge=0)
    backlog_cost: float | None = Field(default=None, gt=0)
    least_holding_cost: float = Field(default=1e-6, gt=0)

    @model_validator(mode="after")
    def _spread_fits_the_distribution(self) -> Self:
        for name, distribution in (("standard_deviation", "normal"), ("half_width", "uniform")):
            if getattr(self, name) is not None and self.distribution != distribution:
                raise ValueError(f"{name} is of {distribution} demand: remove it or set distribution: {distribution}")
        return self


class LocalBaseStockConfig(BaseModel):
    """Settings of `arena_heuristics.local_base_stock.LocalBaseStock`.

    Attributes:
        level_weight: Weight of the latest demand in the level (α).
        error_weight: Weight of the latest squared error in the error variance (ω).
        critical_ratio: Probability of no shortage over the protection interval, for every node. ``None`` computes it
            per node from its own prices and costs.
        least_shortage_cost: Money per unit that a shortage costs at least at a node without a market.
        lead_time_weight: Price units that one period of lead time counts for when an order is split between suppliers.
        information: What the full view is used for; the decentralised track has no other than ``"local"``.
            ``"echelon"``: all of it. ``"local"``: what each node would see on the decentralised track and no more, for
            comparison; orders are the same as there.
    """

    model_config = RuleConfig.model_config

    level_weight: float = Field(default=0.3, gt=0, le=1)
    error_weight: float = Field(default=0.05, gt=0, le=1)
    critical_ratio: float | None = Field(default=None, gt=0, lt=1)
    least_shortage_cost: float = Field(default=0.5, ge=0)
    lead_time_weight: float = Field(default=0.1, ge=0)
    information: Literal["echelon", "local"] = "echelon"
