"""Settings of the controllers. Importing this module imports no solver."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ProgramConfig(BaseModel):
    """Settings of every rolling program.

    Attributes:
        time_share: Part of the time for a decision that programs may take; then the fallback answers.
        gap: Relative gap at which an integer program (fixed costs, lots, minimum orders, storage) counts as solved.
        nodes: Nodes of the search tree that an integer program of 100 columns may take; others in proportion.
        iterations: Iterations of the simplex method that a linear program may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    time_share: float = Field(default=0.7, gt=0, le=1)
    gap: float = Field(default=5e-3, ge=0)
    nodes: int = Field(default=2_000, ge=1)
    iterations: int = Field(default=1_000_000, ge=1)


class PublishedProgramConfig(ProgramConfig):
    """Settings of the published programs.

    Attributes:
        window: Blind track: number of latest periods whose demand gives the mean.
        prior_mean: Blind track: mean demand per market link and period expected before the first demand is seen; the
            published programs take 20. ``None``: initial stock of the retailer / (longest lead time + 1).
    """

    window: int = Field(default=5, ge=1)
    prior_mean: float | None = Field(default=None, gt=0)


class DeterministicProgramConfig(PublishedProgramConfig):
    """Settings of `arena_optimization.controllers.published.DeterministicProgram`."""


class MultiStageProgramConfig(PublishedProgramConfig):
    """Settings of `arena_optimization.controllers.published.MultiStageProgram`.

    Attributes:
        paths: Number of sampled paths of demand.
        random_periods: First periods of a path that are sampled; the later ones are the rounded mean.
    """

    paths: int = Field(default=10, ge=1, le=1_000)
    random_periods: int = Field(default=3, ge=0)


class PublishedOracleConfig(BaseModel):
    """Settings of `arena_optimization.controllers.oracle.PublishedOracle`.

    Attributes:
        gap: Relative gap at which an integer program counts as solved.
        nodes: Nodes of the search tree that an integer program of 100 columns may take; others in proportion, a tenth
            in the search under goodwill, and five times as many on exogenous demand, where two programs are solved.
        iterations: Iterations of the simplex method that a linear program may take.
        search_periods: On exogenous demand, periods that may be simulated to improve the plan of an integer program
            that was not proved to be optimal.
        time_limit: Seconds for all programs of an episode: a safety net, since what it cuts off depends on the
            machine. Whoever is caught by it has played a fallback.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gap: float = Field(default=1e-6, ge=0)
    nodes: int = Field(default=2_000, ge=1)
    iterations: int = Field(default=1_000_000, ge=1)
    search_periods: int = Field(default=30_000, ge=0)
    time_limit: float = Field(default=20.0, gt=0)


class OracleConfig(PublishedOracleConfig):
    """Settings of `arena_optimization.controllers.oracle.Oracle`.

    Attributes:
        weights: Under goodwill, prices on a shortage that are tried, in lost later margin.
        search_solves: Under goodwill, programs that may be solved to improve the service pattern.
        integer_solves: Under goodwill, integer programs that may be solved after the fixed point; then the search over
            orders, which may simulate `search_periods`, goes on from the best plan.
    """

    weights: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    search_solves: int = Field(default=120, ge=0)
    integer_solves: int = Field(default=8, ge=0)


class BoundConfig(OracleConfig):
    """Settings of `arena_optimization.controllers.bound.Bound`."""

    gap: float = Field(default=1e-3, ge=0)


class GoodwillConfig(BaseModel):
    """Guesses that hold until the sentiment shows better: a shortage costs more than a service gains.

    Attributes:
        growth: Factor on the sentiment after a full service.
        decay: Factor after a shortage.
        cap: Largest sentiment.
        floor: Smallest sentiment.
        possible_loss: Share of later demand that a shortage may cost, as long as sentiment cannot have shown whether it
            moves at all (before period 2).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    growth: float = Field(default=1.02, ge=1.0, le=10.0)
    decay: float = Field(default=0.93, gt=0.0, le=1.0)
    cap: float = Field(default=5.0, gt=0.0, le=1_000.0)
    floor: float = Field(default=0.05, gt=0.0)
    possible_loss: float = Field(default=0.1, ge=0.0, le=1.0)


class LevelConfig(BaseModel):
    """Which filters there are; the priors of pace and dispersion are independent of each other.

    Attributes:
        memories: Shares of its precision that the belief keeps from one period to the next, equally probable: 0.5
            follows the last two periods, 0.95 the last twenty.
        dispersions: Ratios of variance to mean of demand: from nearly none to lumpy.
        dispersion_deviation: Standard deviation of the normal prior of the logarithm of that ratio around 0 (Poisson).
        largest_step: Bound of the standard deviation of a step of the log level.
        wander: Factor on the steps of the level in coming periods; above 1, the level may do what it has not done yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    memories: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = Field(default=(0.5, 0.7, 0.85, 0.95), min_length=1)
    dispersions: tuple[Annotated[float, Field(gt=0.0)], ...] = Field(
        default=(0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0), min_length=1
    )
    dispersion_deviation: float = Field(default=1.5, gt=0.0)
    wander: float = Field(default=1.5, ge=0.0)
    largest_step: float = Field(default=0.5, ge=0.0)


class StructureConfig(BaseModel):
    """Prior of the structure, and size of the population.

    Attributes:
        particles: Number of particles.
        moves: Metropolis moves of every particle per period, alternately one of either kind.
        presence: Prior probability of each effect.
        least_growth: Least change of the trend over the whole horizon, relative to the level at its start.
        most_growth: Largest; the change is uniform between both.
        most_amplitude: The season's amplitude is uniform from 0 to this.
        shortest_season: Periods of a season; its logarithm is uniform.
        longest_season: In horizons.
        size_deviation: Standard deviation of the normal prior of the logarithm of the shock's size around 0.
        dispersion_deviation: The same for variance / mean of demand: Poisson, give or take.
        least_dispersion: Bounds of that ratio.
        most_dispersion: Likewise.
        future_shocks: Whether a shock that has not come yet is foretold. An open-loop plan cannot wait and see, and
            hoards against it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    particles: int = Field(default=1000, ge=16)
    moves: int = Field(default=4, ge=0)
    presence: float = Field(default=0.7, gt=0, lt=1)
    least_growth: float = Field(default=-0.9, gt=-1)
    most_growth: float = Field(default=3.0)
    most_amplitude: float = Field(default=0.9, gt=0, lt=1)
    shortest_season: float = Field(default=5.0, gt=1)
    longest_season: float = Field(default=2.0, gt=0)
    size_deviation: float = Field(default=0.7, gt=0)
    dispersion_deviation: float = Field(default=0.7, gt=0)
    least_dispersion: float = Field(default=0.05, gt=0)
    most_dispersion: float = Field(default=40.0, gt=0)
    future_shocks: bool = False


class BeliefConfig(BaseModel):
    """The prior, in broad terms.

    Attributes:
        level_shape: Shape of the gamma prior of a market link's level; its relative deviation is 1/√shape.
        level_factor: Factor on the prior mean that the network suggests, see `arena.presumed_demand`.
        fallback_level: Prior mean, units per period, where the network suggests none.
        structure_share: Prior probability of the hypothesis "structure".
        spread: Factor on the standard normal numbers that paths are made from; 1 is what is believed, less makes paths
            more alike.
        structure: The hypothesis "structure".
        level: The hypothesis "level".
        goodwill: What is believed about sentiment before it has shown its dynamics.
        history: Latest periods before the first one that are learnt from, where a history is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    level_shape: float = Field(default=2.0, gt=0.0)
    level_factor: float = Field(default=1.0, gt=0.0)
    fallback_level: float = Field(default=10.0, gt=0.0)
    structure_share: float = Field(default=0.7, gt=0.0, lt=1.0)
    spread: float = Field(default=1.0, ge=0.0)
    structure: StructureConfig = StructureConfig()
    level: LevelConfig = LevelConfig()
    goodwill: GoodwillConfig = GoodwillConfig()
    history: int = Field(default=100, ge=0)


class StochasticProgramConfig(ProgramConfig):
    """Settings of `arena_optimization.controllers.stochastic_program.StochasticProgram` on both tracks.

    Attributes:
        paths: Number of paths of demand.
        integer_paths: The same where the program is an integer program.
        pooled_paths: The same where unfilled customers wait and paths cost little; see
            `arena_optimization.programs.pooled_program`.
        lookahead_paths: The same where every independent part of the network is one stock point, which is planned by
            look-ahead (`arena_optimization.lookahead`); 0 leaves these to programs as well.
        longest_horizon: Periods that a program plans at most.
        whole_periods: First periods in which whole decisions must be whole; later ones are relaxed.
        shortage_weight: Factor on the price of a shortage under goodwill.
        rounds: Under goodwill, programs per start: each is made for the demand that the plan before would meet.
        switching_gain: Under goodwill, by how much the plan for full service must be better, relative to the profit, to
            replace the plan that goes on from the last one.
        belief: Blind track: what is believed about demand before any is seen.
    """

    paths: int = Field(default=32, ge=1, le=1_000)
    integer_paths: int = Field(default=8, ge=1, le=1_000)
    pooled_paths: int = Field(default=128, ge=1, le=10_000)
    lookahead_paths: int = Field(default=512, ge=0, le=10_000)
    longest_horizon: int = Field(default=60, ge=1)
    whole_periods: int = Field(default=4, ge=1)
    shortage_weight: float = Field(default=3.0, ge=0)
    rounds: int = Field(default=2, ge=1, le=20)
    switching_gain: float = Field(default=0.005, ge=0)
    belief: BeliefConfig = BeliefConfig()
