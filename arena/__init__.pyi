# The public names of the arena, each once: arena/__init__.py loads them on first use, type checkers read them here.
# The order is that of the rooms. What is stable, and how a name is retired: docs/stability.md.
from .advice.advise import advise as advise
from .advice.result import Advice as Advice, AdviceWarning as AdviceWarning, OrderLine as OrderLine
from .advice.writing import write_advice as write_advice
from .audit.outcome import Verification as Verification
from .audit.verify import verify as verify
from .contract.controller import (
    Controller as Controller,
    ControllerReport as ControllerReport,
    ControllerSpec as ControllerSpec,
)
from .contract.kpi import Kpis as Kpis, measure as measure
from .contract.language_model import (
    Llm as Llm,
    LlmAnswer as LlmAnswer,
    LlmClient as LlmClient,
    LlmClientSpec as LlmClientSpec,
    LlmEndpoint as LlmEndpoint,
    LlmFailure as LlmFailure,
    LlmLimits as LlmLimits,
    LlmMessage as LlmMessage,
    LlmQuestion as LlmQuestion,
    LlmUnavailable as LlmUnavailable,
)
from .contract.messages import (
    Briefing as Briefing,
    InformedBriefing as InformedBriefing,
    InformedObservation as InformedObservation,
    LocalObservation as LocalObservation,
    Observation as Observation,
    OracleBriefing as OracleBriefing,
    Track as Track,
)
from .contract.orders import CheckedOrders as CheckedOrders, check_orders as check_orders
from .contract.seeds import (
    EpisodeSeed as EpisodeSeed,
    HiddenSeeds as HiddenSeeds,
    PublicSeeds as PublicSeeds,
    Reveal as Reveal,
    Secret as Secret,
    SeedPlan as SeedPlan,
    hidden_seeds as hidden_seeds,
    new_secret as new_secret,
    read_reveal as read_reveal,
    read_secret as read_secret,
    reveal_secret as reveal_secret,
)
from .contract.suites import SuiteSpec as SuiteSpec
from .contract.tracks import TrackView as TrackView
from .contract.training import (
    TrainingPoint as TrainingPoint,
    TrainingRequest as TrainingRequest,
    TrainingSpec as TrainingSpec,
)
from .contract.version import contract_digest as contract_digest
from .documents import load_document as load_document
from .entry.loading import LoadedSubmissions as LoadedSubmissions, load_submissions as load_submissions
from .entry.submission import Manifest as Manifest, Submission as Submission
from .entry.suites import load_suite as load_suite
from .errors import (
    ArenaError as ArenaError,
    ContractViolation as ContractViolation,
    EpisodeEnded as EpisodeEnded,
    Fault as Fault,
    InfrastructureFailure as InfrastructureFailure,
    InvalidInput as InvalidInput,
    Outcome as Outcome,
    PluginError as PluginError,
    StoreAgeError as StoreAgeError,
    StoreError as StoreError,
    UnknownName as UnknownName,
    unknown_name as unknown_name,
)
from .hookspecs import hookimpl as hookimpl, hookspec as hookspec
from .inventory_theory import (
    contribution_margins as contribution_margins,
    critical_ratio as critical_ratio,
    holding_cost as holding_cost,
    lost_goodwill_price as lost_goodwill_price,
    newsvendor_quantile as newsvendor_quantile,
    order_up_to_level as order_up_to_level,
    presumed_demand as presumed_demand,
    shortage_cost as shortage_cost,
    standard_normal_quantile as standard_normal_quantile,
)
from .jail.isolation import Isolation as Isolation
from .jail.limits import Limits as Limits
from .llm.access import LlmAccess as LlmAccess
from .play.evaluate import Evaluation as Evaluation, Interrupted as Interrupted, evaluate as evaluate
from .play.rounds import make_round as make_round
from .play.until_decided import evaluate_until_decided as evaluate_until_decided
from .plugins import Plugins as Plugins, RegisteredController as RegisteredController, discover as discover
from .progress import Progress as Progress
from .report.backtest import write_backtest as write_backtest
from .report.page import write_report as write_report
from .results.compared import (
    Interval as Interval,
    LlmRow as LlmRow,
    PriceOfDecentralisation as PriceOfDecentralisation,
    ScenarioPrice as ScenarioPrice,
)
from .results.fingerprint import Digests as Digests, SubmissionDigests as SubmissionDigests
from .results.head_to_head import Comparison as Comparison, Difference as Difference, compare as compare
from .results.reading import Results as Results, read_results as read_results
from .results.record import EpisodeRecord as EpisodeRecord, PlayedEpisode as PlayedEpisode
from .results.rounds import (
    Participant as Participant,
    Round as Round,
    RoundScenario as RoundScenario,
    RoundSuite as RoundSuite,
    RoundTerms as RoundTerms,
    read_round as read_round,
    write_round as write_round,
)
from .results.rows import (
    NativeResult as NativeResult,
    NeighbourVerdict as NeighbourVerdict,
    Rank as Rank,
    RefusedSubmission as RefusedSubmission,
    Removal as Removal,
    ScenarioRow as ScenarioRow,
    StandingRow as StandingRow,
    Standings as Standings,
    StoppingRule as StoppingRule,
    UnplayedSubmission as UnplayedSubmission,
    UnscoredScenario as UnscoredScenario,
)
from .results.scores import Scoring as Scoring
from .results.standings import compute_standings as compute_standings
from .schemas import FrozenSchema as FrozenSchema, parse_as as parse_as
from .simulate.arrivals import draw_lead_times as draw_lead_times
from .simulate.compiled import CompiledScenario as CompiledScenario, compile_scenario as compile_scenario
from .simulate.dynamics import smooth_stock_out as smooth_stock_out, step as step
from .simulate.ledger import Ledger as Ledger
from .simulate.sentiment import next_sentiment as next_sentiment
from .simulate.simulator import (
    Simulator as Simulator,
    State as State,
    realised_demand as realised_demand,
    realised_history as realised_history,
)
from .simulate.states import BatchState as BatchState, Flows as Flows, initial_state as initial_state
from .simulate.streams import episode_generator as episode_generator
from .world.customers import Window as Window
from .world.data.demand_data import DemandData as DemandData
from .world.data.reading import Reading as Reading, read_data as read_data
from .world.data.source import DataSource as DataSource
from .world.demand import (
    Demand as Demand,
    Goodwill as Goodwill,
    Seasonal as Seasonal,
    Shock as Shock,
    Trend as Trend,
)
from .world.dependence import Correlation as Correlation
from .world.lead_times import (
    LeadTimeDistribution as LeadTimeDistribution,
    LeadTimeSeries as LeadTimeSeries,
)
from .world.library import load_network as load_network
from .world.native_score import NativeScore as NativeScore, PublishedResult as PublishedResult
from .world.network import Network as Network
from .world.nodes_and_links import (
    Component as Component,
    MarketLink as MarketLink,
    Node as Node,
    SupplyLink as SupplyLink,
)
from .world.parts import describe_part as describe_part, parts_of as parts_of
from .world.quantiles import poisson_quantiles as poisson_quantiles
from .world.scenario import Scenario as Scenario
from .world.scoring import ScoreRule as ScoreRule
from .world.stock_points import StockPoint as StockPoint
from .world.suite import Suite as Suite, load_scenario as load_scenario
from .world.written import network_content as network_content

__version__: str
