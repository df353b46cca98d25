# The public names of the arena, each once: arena/__init__.py loads them on first use, type checkers read them here.
# The order is that of the rooms. What is stable, and how a name is retired: docs/stability.md.
from .audit.verify import Verification as Verification
from .audit.verify import verify as verify
from .contract.controller import (
    Controller as Controller,
)
from .contract.controller import (
    ControllerReport as ControllerReport,
)
from .contract.controller import (
    ControllerSpec as ControllerSpec,
)
from .contract.kpi import Kpis as Kpis
from .contract.kpi import measure as measure
from .contract.language_model import (
    Llm as Llm,
)
from .contract.language_model import (
    LlmAnswer as LlmAnswer,
)
from .contract.language_model import (
    LlmClient as LlmClient,
)
from .contract.language_model import (
    LlmClientSpec as LlmClientSpec,
)
from .contract.language_model import (
    LlmEndpoint as LlmEndpoint,
)
from .contract.language_model import (
    LlmFailure as LlmFailure,
)
from .contract.language_model import (
    LlmLimits as LlmLimits,
)
from .contract.language_model import (
    LlmMessage as LlmMessage,
)
from .contract.language_model import (
    LlmQuestion as LlmQuestion,
)
from .contract.language_model import (
    LlmUnavailable as LlmUnavailable,
)
from .contract.orders import CheckedOrders as CheckedOrders
from .contract.orders import check_orders as check_orders
from .contract.seeds import (
    EpisodeSeed as EpisodeSeed,
)
from .contract.seeds import (
    HiddenSeeds as HiddenSeeds,
)
from .contract.seeds import (
    PublicSeeds as PublicSeeds,
)
from .contract.seeds import (
    Reveal as Reveal,
)
from .contract.seeds import (
    Secret as Secret,
)
from .contract.seeds import (
    SeedPlan as SeedPlan,
)
from .contract.seeds import (
    hidden_seeds as hidden_seeds,
)
from .contract.seeds import (
    new_secret as new_secret,
)
from .contract.seeds import (
    read_reveal as read_reveal,
)
from .contract.seeds import (
    read_secret as read_secret,
)
from .contract.seeds import (
    reveal_secret as reveal_secret,
)
from .contract.tracks import (
    Briefing as Briefing,
)
from .contract.tracks import (
    InformedBriefing as InformedBriefing,
)
from .contract.tracks import (
    InformedObservation as InformedObservation,
)
from .contract.tracks import (
    LocalObservation as LocalObservation,
)
from .contract.tracks import (
    Observation as Observation,
)
from .contract.tracks import (
    OracleBriefing as OracleBriefing,
)
from .contract.tracks import (
    Track as Track,
)
from .contract.tracks import (
    TrackView as TrackView,
)
from .contract.training import (
    TrainingPoint as TrainingPoint,
)
from .contract.training import (
    TrainingRequest as TrainingRequest,
)
from .contract.training import (
    TrainingSpec as TrainingSpec,
)
from .contract.version import contract_digest as contract_digest
from .documents import load_document as load_document
from .entry.loading import LoadedSubmissions as LoadedSubmissions
from .entry.loading import load_submissions as load_submissions
from .entry.submission import Manifest as Manifest
from .entry.submission import Submission as Submission
from .errors import (
    ArenaError as ArenaError,
)
from .errors import (
    ContractViolation as ContractViolation,
)
from .errors import (
    EpisodeEnded as EpisodeEnded,
)
from .errors import (
    Fault as Fault,
)
from .errors import (
    InfrastructureFailure as InfrastructureFailure,
)
from .errors import (
    InvalidInput as InvalidInput,
)
from .errors import (
    PluginError as PluginError,
)
from .errors import (
    StoreError as StoreError,
)
from .errors import (
    UnknownName as UnknownName,
)
from .errors import (
    unknown_name as unknown_name,
)
from .hookspecs import hookimpl as hookimpl
from .hookspecs import hookspec as hookspec
from .inventory_theory import (
    contribution_margins as contribution_margins,
)
from .inventory_theory import (
    critical_ratio as critical_ratio,
)
from .inventory_theory import (
    holding_cost as holding_cost,
)
from .inventory_theory import (
    lost_goodwill_price as lost_goodwill_price,
)
from .inventory_theory import (
    newsvendor_quantile as newsvendor_quantile,
)
from .inventory_theory import (
    order_up_to_level as order_up_to_level,
)
from .inventory_theory import (
    presumed_demand as presumed_demand,
)
from .inventory_theory import (
    shortage_cost as shortage_cost,
)
from .inventory_theory import (
    standard_normal_quantile as standard_normal_quantile,
)
from .jail.isolation import Isolation as Isolation
from .jail.limits import Limits as Limits
from .llm.access import LlmAccess as LlmAccess
from .play.evaluate import Evaluation as Evaluation
from .play.evaluate import Interrupted as Interrupted
from .play.evaluate import evaluate as evaluate
from .plugins import Plugins as Plugins
from .plugins import RegisteredController as RegisteredController
from .plugins import discover as discover
from .progress import Progress as Progress
from .report.page import write_report as write_report
from .results.reading import Results as Results
from .results.reading import read_results as read_results
from .results.record import EpisodeRecord as EpisodeRecord
from .results.record import Outcome as Outcome
from .results.record import PlayedEpisode as PlayedEpisode
from .results.rows import (
    Interval as Interval,
)
from .results.rows import (
    LlmRow as LlmRow,
)
from .results.rows import (
    PriceOfDecentralisation as PriceOfDecentralisation,
)
from .results.rows import (
    ScenarioPrice as ScenarioPrice,
)
from .results.rows import (
    ScenarioRow as ScenarioRow,
)
from .results.rows import (
    StandingRow as StandingRow,
)
from .results.rows import (
    Standings as Standings,
)
from .results.standings import compute_standings as compute_standings
from .schemas import FrozenSchema as FrozenSchema
from .schemas import parse_as as parse_as
from .simulate.compiled import CompiledScenario as CompiledScenario
from .simulate.compiled import compile_scenario as compile_scenario
from .simulate.dynamics import (
    BatchState as BatchState,
)
from .simulate.dynamics import (
    Flows as Flows,
)
from .simulate.dynamics import (
    initial_state as initial_state,
)
from .simulate.dynamics import (
    smooth_stock_out as smooth_stock_out,
)
from .simulate.dynamics import (
    step as step,
)
from .simulate.ledger import Ledger as Ledger
from .simulate.sentiment import next_sentiment as next_sentiment
from .simulate.simulator import Simulator as Simulator
from .simulate.simulator import State as State
from .simulate.simulator import realised_demand as realised_demand
from .world.demand import (
    Demand as Demand,
)
from .world.demand import (
    Goodwill as Goodwill,
)
from .world.demand import (
    Seasonal as Seasonal,
)
from .world.demand import (
    Shock as Shock,
)
from .world.demand import (
    Trend as Trend,
)
from .world.library import load_network as load_network
from .world.network import Network as Network
from .world.nodes_and_links import (
    Component as Component,
)
from .world.nodes_and_links import (
    MarketLink as MarketLink,
)
from .world.nodes_and_links import (
    Node as Node,
)
from .world.nodes_and_links import (
    SupplyLink as SupplyLink,
)
from .world.quantiles import poisson_quantiles as poisson_quantiles
from .world.scenario import Scenario as Scenario
from .world.stock_points import StockPoint as StockPoint
from .world.suite import Suite as Suite
from .world.suite import load_scenario as load_scenario
from .world.suite import load_suite as load_suite

__version__: str
