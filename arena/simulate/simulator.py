"""One episode: the scenario's demand stream joined with the dynamics, and the ledger that comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from arena.errors import EpisodeEnded
from arena.simulate.arrivals import Arrivals, draw_lead_times
from arena.simulate.columns import SCALAR
from arena.simulate.compiled import MONEY_PARTS, CompiledScenario
from arena.simulate.customers import Customers, draw_history, history_generator
from arena.simulate.dynamics import advance
from arena.simulate.ledger import Ledger
from arena.simulate.orders import order_array, refuse_non_finite
from arena.simulate.prepared import prepare, prepare_compiled
from arena.simulate.states import Columns, Movements, initial_columns
from arena.simulate.streams import episode_generator
from arena.simulate.values import frozen_value
from arena.world.scenario import Scenario


@dataclass(frozen=True)
class State:
    """What the world is before a period; arrays are copies, read-only, units throughout.

    It holds everything any track shows, and nothing of the future.
    """

    period: int
    """Period about to be played, from 0."""
    demand: NDArray[np.float64]
    """Demand of the last period, (market links,); zero before the first."""
    unfilled: NDArray[np.float64]
    """Unfilled units at the end of the last period, (market links,)."""
    on_hand: NDArray[np.float64]
    """Units on hand, (managed nodes,)."""
    component_stock: NDArray[np.float64]
    """Units of each component of a bill of materials, (components,)."""
    pipeline: NDArray[np.float64]
    """Units under way by link, oldest order first, flat (see Network.pipeline_offsets)."""
    in_transit: NDArray[np.float64]
    """Units under way, (supply links,)."""
    unseen: NDArray[np.float64]
    """Orders that suppliers have not seen, by link, oldest first, flat (see Network.delay_offsets)."""
    received: NDArray[np.float64]
    """Units delivered in the last period, (supply links,); zero before the first."""
    arrived: NDArray[np.float64]
    """The same by age, where lead times vary, flat (see Network.arrival_offsets)."""
    owed: NDArray[np.float64]
    """Units the supplier still owes, (supply links,)."""
    sentiment: float
    """Customers' sentiment in the last period."""
    requested: NDArray[np.float64]
    """Orders requested in the last period, (supply links,)."""
    seen: NDArray[np.float64]
    """Orders that suppliers saw in the last period, (supply links,): those requested, unless orders are delayed."""
    sold: NDArray[np.float64] = field(default_factory=lambda: _frozen([]))
    """Units sold in the last period, (market links,); zero before the first."""
    in_stock: NDArray[np.float64] = field(default_factory=lambda: _frozen([]))
    """1 where the shelf that serves a market link was not empty at the end of the last period, (market links,)."""


_NOTHING: Final[NDArray[np.float64]] = np.empty(0)
_NOTHING.flags.writeable = False


def _frozen(values: Any) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


class Simulator:
    """Plays episodes of one scenario, one at a time.

    Example:
        >>> from arena import Simulator, load_scenario
        >>> simulator = Simulator(load_scenario("serial-stationary-backlog"))
        >>> simulator.start(42)
        >>> while not simulator.finished:
        ...     profit = simulator.step([20.0, 20.0, 20.0])
        >>> round(float(simulator.ledger().reward.sum()), 2)
        758.03
    """

    def __init__(self, scenario: Scenario, compiled: CompiledScenario | None = None) -> None:
        """Prepare a scenario.

        Args:
            scenario: what to play.
            compiled: the scenario compiled, if at hand; by default it is compiled once as long as it lives.
        """
        self.scenario = scenario
        prepared = prepare(scenario) if compiled is None else prepare_compiled(compiled)
        self.compiled = prepared.compiled
        self._places, self._gaps = prepared.places, prepared.gaps
        self._customers = Customers(scenario)
        self._generator: np.random.Generator | None = None
        self._recorded: list[list[float]] | None = None
        self._arrivals: Arrivals | None = None
        self._no_lead_times: NDArray[np.int64] = np.empty((scenario.horizon, 0), dtype=np.int64)
        self._lead_times = self._no_lead_times
        self._log: list[tuple[Any, ...]] = []
        self._initial = initial_columns(self.compiled)
        self._columns = self._initial
        self._ages = self.compiled.network.arrival_offsets[-1]

    def start(self, seed: SupportsIndex | np.random.Generator) -> None:
        """Begin a new episode.

        Args:
            seed: of the episode's random stream, or the stream itself (then continued).
        """
        self._generator = seed if isinstance(seed, np.random.Generator) else episode_generator(seed)
        self._customers.begin()
        varies = self.compiled.network.varying_links
        self._begin(draw_lead_times(self.scenario, self._generator) if varies else self._no_lead_times)

    def replay(self, demand: NDArray[np.float64], lead_times: NDArray[np.int64] | None = None) -> None:
        """Begin an episode that was played before: its demand and lead times are given, and nothing is drawn.

        Args:
            demand: of that episode, as its ledger holds it: units, shape (horizon, market links).
            lead_times: of that episode, as its ledger holds them: periods, shape (horizon, links whose lead time
                varies), -1 for orders that never arrived; needed where there are such links.

        Raises:
            ValueError: If a shape is another, a demand is negative or not finite, or a lead time is longer than
                the longest one.
        """
        shape = (self.scenario.horizon, self.compiled.markets)
        if demand.shape != shape or not (np.isfinite(demand) & (demand >= 0)).all():
            raise ValueError(f"recorded demand has shape {shape} and is 0 or more throughout")
        varying = self.compiled.network.varying_links
        table = np.empty((self.scenario.horizon, 0), dtype=np.int64) if lead_times is None else lead_times
        if varying or table.size:
            longest = [self.compiled.network.supply_links[position].slots for position in varying]
            shape = (self.scenario.horizon, len(varying))
            if table.shape != shape or not ((table >= -1) & (table <= longest)).all():
                raise ValueError(f"recorded lead times have shape {shape} and are -1 to {longest} periods")
        self._generator = episode_generator(0)  # a stream that nothing is drawn from
        self._begin(table)
        self._recorded = demand.tolist()

    def _begin(self, lead_times: NDArray[np.int64]) -> None:
        network = self.compiled.network
        self._recorded = None
        self._lead_times = lead_times
        self._arrivals = Arrivals(network, lead_times) if network.varying_links else None
        self._log = []
        self._columns = self._initial

    @property
    def period(self) -> int:
        """The period about to be played, from 0; the horizon when the episode is over."""
        return self._columns.period

    @property
    def finished(self) -> bool:
        """Whether all periods were played."""
        return self._columns.period >= self.scenario.horizon

    @property
    def columns(self) -> Columns:
        """The world before the coming period, as floats; what environments read, not to be changed."""
        return self._columns

    @property
    def last(self) -> Movements | None:
        """What moved in the last period, as floats; None before the first."""
        return self._log[-1][1] if self._log else None

    def step(self, orders: Any) -> float:
        """Play one period.

        Args:
            orders: requested units per supply link, finite; negative requests count as zero.

        Returns:
            Profit of the whole network in the period, money, discounted.

        Raises:
            EpisodeEnded: After the last period, or before the first :meth:`start`.
            ContractViolation: If orders are not a finite number per supply link.
        """
        columns, generator = self._columns, self._generator
        if generator is None:
            raise EpisodeEnded("no episode is running: call start(seed) first")
        if columns.period >= self.scenario.horizon:
            raise EpisodeEnded(
                f"the episode is over after {self.scenario.horizon} periods: call start(seed) for the next one"
            )
        asked = order_array(orders, (self.compiled.links,))
        requests: list[float] = asked.tolist()
        total = sum(requests)
        if total - total != 0.0:  # cheaper than a look at every order, and wrong only for sums beyond floating point
            refuse_non_finite(asked)
        recorded, customers = self._recorded, self._customers

        def demand(sentiment: float) -> list[float]:
            if recorded is not None:
                return recorded[columns.period]
            return customers.single(generator, columns.period, sentiment)

        placed = [request if request > 0.0 else 0.0 for request in requests]
        arriving = () if self._arrivals is None else self._arrivals.in_period(columns.period)
        after, moved = advance(self.compiled, columns, placed, demand, SCALAR, None, arriving)
        self._columns = after
        self._log.append((requests, moved, columns.unfilled, after))
        return float(moved.reward)

    @property
    def state(self) -> State:
        """The world before the coming period."""
        compiled, columns, stocks = self.compiled, self._columns, self._columns.on_hand
        requested, moved, _, _ = self._log[-1] if self._log else (None, None, None, None)
        no_orders, no_demand = [0.0] * compiled.links, [0.0] * compiled.markets
        parts: tuple[Iterable[float], ...] = (
            no_demand if moved is None else moved.demand,
            columns.unfilled,
            compiled.by_node(stocks),
            [stocks[point] for point in compiled.component_points],
            chain.from_iterable(columns.pipeline),
            columns.in_transit,
            chain.from_iterable(columns.unseen),
            no_orders if moved is None else moved.received,
            [0.0] * self._ages if moved is None else chain.from_iterable(moved.arrived),
            columns.owed,
            no_orders if requested is None else requested,
            no_demand if moved is None else moved.sold,
            [stocks[seller] > 0.0 for seller in compiled.sellers],
        )
        # One array, cut into the parts of `Prepared.places`: an array for each takes several times as long.
        whole = _frozen([*chain.from_iterable(parts)])
        values: dict[str, Any] = {name: whole[place] for name, place in self._places}
        for name in self._gaps:
            values[name] = _NOTHING
        values["period"], values["sentiment"] = columns.period, columns.sentiment
        is_delayed = moved is not None and compiled.has_order_delays
        values["seen"] = _frozen(moved.seen) if is_delayed else values["requested"]
        return frozen_value(State, values)

    def ledger(self) -> Ledger:
        """The periods played so far, as a ledger of read-only arrays."""
        compiled, log = self.compiled, self._log
        links, markets, points = compiled.links, compiled.markets, len(compiled.stock_points)

        def table(rows: list[Any], width: int) -> NDArray[np.float64]:
            return np.array(rows, dtype=np.float64).reshape(len(log), width)

        rows = table([moved.rows for _, moved, _, _ in log], compiled.flow_rows)
        money = compiled.money(rows)
        if compiled.is_weighted:
            weights = np.array([compiled.period_weight(period) for period in range(len(log))])[:, None]
            money = {name: amounts * weights for name, amounts in money.items()}
        terminal = np.zeros((len(log), len(compiled.network.managed)))
        if compiled.has_terminal_values and len(log) == compiled.horizon:
            terminal[-1] = compiled.terminal_values(rows[-1:])[0]
        lost = np.zeros((len(log), links))
        varying = list(compiled.network.varying_links)
        if varying:
            lost[:, varying] = table([moved.lost for _, moved, _, _ in log], len(varying))
        stock = rows[:, 2 * links : 2 * links + points]
        market_rows = rows[:, 2 * links + points :]
        carried = table([before for _, _, before, _ in log], markets)
        scrapped = np.zeros((len(log), points))
        if compiled.storage:
            scrapped = table([moved.scrapped for _, moved, _, _ in log], points)
        costs = [money[name] for name in MONEY_PARTS if name != "revenue"]
        return Ledger(
            requested=table([requests for requests, _, _, _ in log], links),
            filled=rows[:, :links].copy(),
            received=table([moved.received for _, moved, _, _ in log], links),
            in_transit=rows[:, links : 2 * links].copy(),
            owed=table([after.owed for _, _, _, after in log], links),
            on_hand=compiled.stock_by_node(stock),
            component_stock=stock[:, list(compiled.component_points)],
            scrapped=compiled.stock_by_node(scrapped),
            demand=table([moved.demand for _, moved, _, _ in log], markets),
            carried_backlog=carried if compiled.backlog else carried * np.array(compiled.carried_shares),
            sold=market_rows[:, :markets].copy(),
            unfilled=market_rows[:, markets : 2 * markets].copy(),
            sentiment=np.array([after.sentiment for _, _, _, after in log], dtype=np.float64),
            node_profit=money["revenue"] - np.sum(costs, axis=0) + terminal,
            reward=np.array([moved.reward for _, moved, _, _ in log], dtype=np.float64),
            initial_on_hand=compiled.stock_by_node(np.array(compiled.initial_stock)),
            terminal_value=terminal,
            lost=lost,
            lead_times=self._lead_times[: len(log)].copy(),
            **money,
        )


def realised_demand(scenario: Scenario, seed: SupportsIndex) -> NDArray[np.float64] | None:
    """The demand trace that an episode of this seed will see.

    Args:
        scenario: what is played; with windows, that of the episode (`Scenario.window_at`).
        seed: of the episode.

    Returns:
        Shape (horizon, market links), units; None under goodwill, where demand depends on what is played.
    """
    if scenario.goodwill is not None:
        return None
    generator, customers = episode_generator(seed), Customers(scenario)
    return _frozen([customers.single(generator, period, 1.0) for period in range(scenario.horizon)])


def realised_history(scenario: Scenario, seed: SupportsIndex) -> NDArray[np.float64]:
    """What customers demanded before an episode of this seed.

    Args:
        scenario: what is played; with windows, that of the episode (`Scenario.window_at`).
        seed: of the episode.

    Returns:
        Units, shape (history, market links), oldest period first; nothing of it depends on what is played.
    """
    markets = len(scenario.network.market_links)
    if not scenario.history:
        return _frozen(np.empty((0, markets)))
    return draw_history(scenario, history_generator(seed), lambda: episode_generator(seed).random(markets))
