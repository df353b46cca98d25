"""The estimate of demand that the track of a briefing allows."""

from arena import Briefing, InformedBriefing
from arena_heuristics.config import RuleConfig
from arena_heuristics.demand import DemandEstimate, ForecastDemand, RememberedDemand, prior_means
from arena_heuristics.dependent_demand import DependentDemand
from arena_heuristics.sales import SeenSales
from arena_heuristics.supply import FloatArray

_FIRST_DISTRIBUTIONS = ("poisson", "normal", "uniform")


def estimate_for(briefing: Briefing, needs: FloatArray, config: RuleConfig) -> DemandEstimate:
    """Choose the estimate that the track of a briefing allows.

    Args:
        briefing: The episode's briefing.
        needs: Units of every material per unit of demand, (materials, market links).
        config: Settings of the estimate.

    Returns:
        A fresh estimate for the episode.
    """
    if isinstance(briefing, InformedBriefing):
        # The published rules take the first distributions for Poisson; they did not know of the later ones.
        given = config.standard_deviation is not None
        told = [] if given else [name for name in _FIRST_DISTRIBUTIONS if not config.deviation_is_told]
        poisson = [given or name in ("poisson", *told) for name in briefing.distributions]
        links = needs.shape[1]
        noise = briefing.noise_scales if len(briefing.noise_scales) == links else briefing.noise_scale
        if briefing.correlation is None and not briefing.autoregressions.any():
            return ForecastDemand(needs, noise, config.standard_deviation, poisson=poisson)
        dependent = DependentDemand(needs, noise, config.standard_deviation, poisson=poisson)
        dependent.set_dependence(briefing.autoregressions, briefing.correlation)
        return dependent
    priors = prior_means(briefing.network, config)
    return RememberedDemand(needs, priors, config, SeenSales(briefing, priors))
