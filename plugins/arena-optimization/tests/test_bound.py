"""The certified bound under goodwill: no plan exceeds it, and it is close to what is played."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from strategies import changed, demands, networks, order_sequences, scenarios

from arena import Controller, OracleBriefing, Scenario, Simulator, Track, TrackView, load_scenario, realised_demand
from arena_heuristics.config import NewsvendorConfig, ReorderPointConfig
from arena_heuristics.newsvendor import Newsvendor
from arena_heuristics.reorder_point import ReorderPoint
from arena_optimization.config import BoundConfig, OracleConfig
from arena_optimization.controllers.bound import Bound, certified_plan
from arena_optimization.controllers.oracle import Oracle
from arena_optimization.programs.known_episode import play
from arena_optimization.programs.sentiment_graph import sentiment_graph
from arena_optimization.programs.sentiment_program import Proof, SentimentProgram

SEEDS = st.integers(0, 10_000)
QUICK = BoundConfig(search_solves=5, weights=(1.0,), search_periods=500)

CERTIFIED = scenarios(
    networks(2, 4, extensions=("bill_of_materials",)), demands(samplings=("inverse_cdf",)), goodwill=True, longest=6
)


def brief(scenario: Scenario, seed: int) -> OracleBriefing:
    view = TrackView(scenario, "oracle")
    briefing = view.brief(seed=1, entropy=seed, realised_demand=realised_demand(scenario, seed))
    assert isinstance(briefing, OracleBriefing)
    return briefing


def profit_of(controller: Controller, track: Track, scenario: Scenario, seed: int) -> float:
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    controller.begin(brief(scenario, seed) if track == "oracle" else view.brief(seed=1))
    simulator.start(seed)
    while not simulator.finished:
        simulator.step(controller.order(view.observe(simulator.state)))
    return float(simulator.ledger().reward.sum())


@settings(max_examples=12, deadline=None)
@given(scenario=CERTIFIED, seed=SEEDS, data=st.data())
def test_nobody_earns_more_than_the_bound(scenario: Scenario, seed: int, data: st.DataObject) -> None:
    plan = certified_plan(brief(scenario, seed), QUICK)
    assert plan.profit_bound is not None
    assert plan.played is not None
    assert plan.played.profit <= plan.profit_bound
    for _ in range(3):
        # The contest clips what is above the bound of orders, which is 0 where nobody has stock or capacity.
        orders = np.minimum(data.draw(order_sequences(scenario)), scenario.order_bound)
        assert play(brief(scenario, seed), orders).profit <= plan.profit_bound


@settings(max_examples=12, deadline=None)
@given(
    scenario=scenarios(networks(2, 4), demands(samplings=("inverse_cdf",)), goodwill=True, longest=12),
    seed=SEEDS,
    data=st.data(),
)
def test_the_graph_holds_every_sentiment_and_demand_of_the_simulator(
    scenario: Scenario, seed: int, data: st.DataObject
) -> None:
    graph = sentiment_graph(brief(scenario, seed))
    simulator = brief(scenario, seed).simulator()
    for orders in data.draw(order_sequences(scenario)):
        simulator.step(orders)
    ledger, node = simulator.ledger(), 0
    for period in range(scenario.horizon):
        assert graph.first[period] <= node < graph.first[period + 1]
        assert graph.sentiments[node] == pytest.approx(ledger.sentiment[period], rel=1e-11)
        assert graph.demand[node] == pytest.approx(ledger.demand[period], rel=1e-9, abs=1e-9)
        assert (ledger.unfilled[period] <= graph.most_owed[node] + 1e-9).all()
        if period + 1 < scenario.horizon:
            # Which way sentiment went: of the two successors, the one whose sentiment was met.
            ways = [graph.served[node], graph.short[node]]
            node = min(ways, key=lambda way: abs(graph.sentiments[way] - ledger.sentiment[period + 1]))


def test_sentiments_that_differ_by_rounding_share_a_node() -> None:
    # Without cap and floor in reach, sentiment is known from the number of short periods: one node more every period.
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog-inverse-cdf")
    free = changed(scenario, goodwill=changed(scenario.goodwill, cap=1000.0, floor=1e-3))  # type: ignore[type-var]
    graph = sentiment_graph(brief(free, 42))
    assert np.diff(graph.first).tolist() == list(range(1, 31))


@pytest.mark.parametrize("fulfilment", ["backlog", "lost-sales"])
def test_the_bound_of_the_serial_chain_is_close_and_above_every_controller(fulfilment: str) -> None:
    scenario, seed = load_scenario(f"serial-trend-seasonal-goodwill-{fulfilment}-inverse-cdf"), 123
    controller = Bound(BoundConfig())
    profit = profit_of(controller, "oracle", scenario, seed)
    report = controller.report()
    assert report.profit_bound is not None
    assert profit <= report.profit_bound <= 1.002 * profit
    assert report.fallbacks == 0
    others: list[tuple[Any, Track]] = [
        (Newsvendor(NewsvendorConfig()), "informed"),
        (ReorderPoint(ReorderPointConfig()), "informed"),
        (Oracle(OracleConfig()), "oracle"),
    ]
    for other, track in others:
        assert profit_of(other, track, scenario, seed) <= report.profit_bound


def test_a_bound_that_ran_out_of_time_is_a_looser_bound_and_the_plan_no_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = load_scenario("serial-trend-seasonal-goodwill-lost-sales-inverse-cdf")
    proved = certified_plan(brief(scenario, 42), BoundConfig()).played
    assert proved is not None
    # Only the proof is hurried: the search before it must end on a slow machine too.
    patient, config, given = SentimentProgram.solve, BoundConfig(search_solves=0), []

    def solve(program: SentimentProgram, time_limit: float) -> Proof:
        given.append(time_limit)
        return patient(program, 0.1)

    monkeypatch.setattr(SentimentProgram, "solve", solve)
    hurried = certified_plan(brief(scenario, 42), config)
    assert not hurried.is_fallback
    # What the search leaves of the time is the proof's.
    assert len(given) == 1
    assert 0 < given[0] < config.time_limit
    # In a tenth of a second a slow machine may prove nothing, and then reports nothing.
    assert hurried.profit_bound is None or hurried.profit_bound >= proved.profit


def test_direct_sampling_under_goodwill_has_no_bound_and_is_played_as_the_oracle_plays() -> None:
    scenario = load_scenario("serial-trend-seasonal-goodwill-lost-sales")
    controller = Bound(BoundConfig(search_solves=5))
    profit = profit_of(controller, "oracle", scenario, 42)
    assert controller.report().profit_bound is None
    assert profit == profit_of(Oracle(OracleConfig(search_solves=5)), "oracle", scenario, 42)


def test_exogenous_demand_is_bounded_by_the_program_of_the_oracle() -> None:
    scenario = load_scenario("serial-stationary-lost-sales")
    controller, oracle = Bound(BoundConfig()), Oracle(OracleConfig())
    assert profit_of(controller, "oracle", scenario, 42) == profit_of(oracle, "oracle", scenario, 42)
    assert controller.report() == oracle.report()
