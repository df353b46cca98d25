"""Demand of each market link, what is played as it is written, recorded data with windows, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from strategies import changed

from arena import InvalidInput, Scenario, Simulator, TrackView, load_scenario
from arena.contract.kpi import measure
from arena.envs import InventoryEnv, InventoryVectorEnv
from arena.envs.parallel import parallel_env
from arena.schemas import parse_as
from arena.simulate.simulator import realised_demand, realised_history
from arena.world.data import DemandData
from arena.world.demand import Demand, Series
from arena.world.library import build_scenario

#: Two shops of one warehouse, each with a market of its own.
NETWORK: dict[str, Any] = {
    "nodes": [
        {"id": 0},
        {"id": 1, "initial_stock": 100, "holding_cost": 0.1},
        {"id": 2, "initial_stock": 10, "holding_cost": 0.2},
        {"id": 3, "initial_stock": 10, "holding_cost": 0.2},
        {"id": 4},
        {"id": 5},
    ],
    "supply_links": [
        {"supplier": 0, "buyer": 1, "lead_time": 2, "price": 0.5, "pipeline_holding_cost": 0.0},
        {"supplier": 1, "buyer": 2, "lead_time": 1, "price": 1.0, "pipeline_holding_cost": 0.0},
        {"supplier": 1, "buyer": 3, "lead_time": 0, "price": 1.0, "pipeline_holding_cost": 0.0},
    ],
    "market_links": [
        {"retailer": 2, "market": 4, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 5},
        {"retailer": 3, "market": 5, "price": 2.0, "shortage_penalty": 0.1, "mean_demand": 0.02},
    ],
}
DATA: dict[str, Any] = {
    "markets": ["4", "5"],
    "start": "2024-01-01",
    "frequency": "day",
    "values": [[float(i % 7) for i in range(20)], [float(i) / 2 for i in range(20)]],
    "in_stock": [[i % 3 > 0 for i in range(20)], [True] * 20],
}


def written(**fields: Any) -> Scenario:
    return build_scenario({"name": "two-shops", "network": NETWORK, "horizon": 4, **fields}, "test.yaml")


def with_links(*demands: dict[str, Any] | None) -> dict[str, Any]:
    links = [
        link if demand is None else {**link, "demand": demand}
        for link, demand in zip(NETWORK["market_links"], demands, strict=True)
    ]
    return {**NETWORK, "market_links": links}


def named_links(*names: str) -> list[dict[str, Any]]:
    """The market links of the network, with these names."""
    return [{**link, "name": name} for link, name in zip(NETWORK["market_links"], names, strict=True)]


def demand_of(scenario: Scenario, seed: int = 42) -> np.ndarray:
    found = realised_demand(scenario, seed)
    assert found is not None
    return found


# --- own demand -----------------------------------------------------------------------------------------------------


def test_a_market_link_with_a_demand_of_its_own_plays_it_and_the_others_the_scenarios() -> None:
    network = with_links(None, {"series": [1, 2, 3], "noise_scale": 0})
    scenario = written(network=network, demand={"base_mean": 7.0, "noise_scale": 0})
    np.testing.assert_array_equal(demand_of(scenario), [[7, 1], [7, 2], [7, 3], [7, 3]])
    assert [demand.base_mean for demand in scenario.demands] == [7.0, None]


def test_an_own_demand_equal_to_the_scenarios_changes_no_number() -> None:
    demand = {"base_mean": 7.0, "distribution": "normal"}
    alike = [written(demand=demand), written(network=with_links(demand, None), demand=demand)]
    np.testing.assert_array_equal(*map(demand_of, alike))
    assert alike[0].digest != alike[1].digest, "they are written otherwise"


def test_a_briefing_holds_no_demand_of_a_market_link_and_tells_the_informed_how_each_moves() -> None:
    own = {"base_mean": 3.0, "distribution": "gamma", "shape": 2.0, "noise_scale": 0.5, "autoregression": 0.3}
    scenario = written(network=with_links(None, own))
    for track, node in (("blind", None), ("informed", None), ("decentralised", 3)):
        told = TrackView(scenario, track, node).brief(seed=1)  # type: ignore[arg-type]
        assert all(link.demand is None and link.mean_demand is None for link in told.network.market_links)
    informed = TrackView(scenario, "informed")
    told = informed.brief(seed=1)
    assert told.distributions == ("poisson", "gamma")  # type: ignore[attr-defined]
    np.testing.assert_array_equal(told.noise_scales, [1.0, 0.5])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(told.autoregressions, [0.0, 0.3])  # type: ignore[attr-defined]
    assert told.noise_scale == 1.0  # type: ignore[attr-defined]
    simulator = Simulator(scenario)
    simulator.start(1)
    seen = informed.observe(simulator.state)
    deviation = [5**0.5, 0.5 * 3 / 2**0.5]
    np.testing.assert_allclose(seen.forecast_deviation[:, 0], deviation, rtol=1e-12)  # type: ignore[attr-defined]


# --- played as it is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
def test_a_spare_part_is_demanded_as_seldom_as_it_is_written(sampling: str) -> None:
    """Order up to 1, lead time 10, lost sales: the fill rate is 1 / (1 + 10 λ + …) = .819 by simulation elsewhere.

    Over 40 episodes of 10,000 periods, 8,000 units are demanded; their standard error is 90, that of the fill rate
    below .006: tolerances are four of them.
    """
    network = {
        "nodes": [{"id": 0}, {"id": 1, "initial_stock": 1, "holding_cost": 0.1}, {"id": 2}],
        "supply_links": [{"supplier": 0, "buyer": 1, "lead_time": 10, "price": 1.0, "pipeline_holding_cost": 0.0}],
        "market_links": [{"retailer": 1, "market": 2, "price": 5.0, "shortage_penalty": 1.0, "mean_demand": 0.02}],
    }
    scenario = build_scenario(
        {
            "name": "spare-part",
            "network": network,
            "demand": {"sampling": sampling},
            "fulfilment": "lost_sales",
            "horizon": 10_000,
        },
        "spare.yaml",
    )
    envs = InventoryVectorEnv(scenario, 40, autoreset_mode="Disabled")
    observations, _ = envs.reset(seed=1)
    demanded = lost = 0.0
    for _ in range(scenario.horizon):
        position = observations[:, 2] + observations[:, 3:13].sum(axis=1)
        observations, *_ = envs.step(np.maximum(0.0, 1.0 - position)[:, None])
        demanded += observations[:, 0].sum()
        lost += observations[:, 1].sum()
    assert demanded / 400_000 == pytest.approx(0.02, abs=0.0009)
    assert 1 - lost / demanded == pytest.approx(0.819, abs=0.024)


@pytest.mark.parametrize("sampling", ["direct", "inverse_cdf"])
def test_nothing_is_nothing(sampling: str) -> None:
    shocked = {"base_mean": 9.0, "shock": {"time": 2, "magnitude": 0}, "sampling": sampling}
    found = demand_of(written(demand=shocked))
    assert (found[:2] > 0).any()
    assert not found[2:].any()
    assert not demand_of(written(demand={"base_mean": 0, "sampling": sampling})).any()


def test_empirical_values_are_units_where_nothing_gives_a_mean_and_else_relative_to_it() -> None:
    bare = [{key: value for key, value in link.items() if key != "mean_demand"} for link in NETWORK["market_links"]]
    values = {"distribution": "empirical", "values": [0, 0, 0, 7]}
    asis = written(network={**NETWORK, "market_links": bare}, demand=values, horizon=200)
    assert set(demand_of(asis).ravel().tolist()) == {0.0, 7.0}
    assert asis.mean_path[0, 0] == 1.75
    scaled = written(demand={**values, "base_mean": 3.5}, horizon=200)
    assert set(demand_of(scaled).ravel().tolist()) == {0.0, 14.0}


# --- data -----------------------------------------------------------------------------------------------------------


def test_recorded_data_are_played_exactly_by_the_names_of_markets() -> None:
    swapped = {**DATA, "markets": ["5", "4"], "values": DATA["values"][::-1], "in_stock": DATA["in_stock"][::-1]}
    for data in (DATA, swapped):
        scenario = written(demand={"data": data})
        np.testing.assert_array_equal(demand_of(scenario), np.array(DATA["values"]).T[:4])
    assert written(demand={"data": DATA}).digest == written(demand={"data": swapped}).digest
    moved = {**DATA, "start": "2019-05-05"}
    assert written(demand={"data": DATA}).digest == written(demand={"data": moved}).digest, "no date is played"


def test_by_order_the_first_market_is_that_of_the_first_market_link() -> None:
    scenario = written(demand={"data": {**DATA, "markets": ["north", "south"]}, "by": "order"})
    np.testing.assert_array_equal(demand_of(scenario), np.array(DATA["values"]).T[:4])


def test_one_market_link_alone_may_be_recorded() -> None:
    one = {**DATA, "markets": ["5"], "values": DATA["values"][1:], "in_stock": None}
    scenario = written(network=with_links(None, {"data": one}), demand={"base_mean": 2.0, "noise_scale": 0})
    np.testing.assert_array_equal(demand_of(scenario), [[2, 0], [2, 0.5], [2, 1], [2, 1.5]])


def test_the_kth_window_is_the_episode_of_the_series_that_was_cut_out() -> None:
    scenario = written(demand={"data": DATA}, window={"start": 3, "stride": 2}, history=3)
    assert scenario.windows == 7
    for index in range(scenario.windows):
        played = scenario.window_at(index)
        first = 3 + 2 * index
        cut = {**DATA, "values": [row[first : first + 4] for row in DATA["values"]], "in_stock": None}
        alone = written(demand={"data": cut})
        np.testing.assert_array_equal(demand_of(played), demand_of(alone))
        np.testing.assert_array_equal(played.mean_path, alone.mean_path)
        before = np.array(DATA["values"]).T[first - 3 : first]
        np.testing.assert_array_equal(realised_history(played, 1), before)
        flags = np.array(DATA["in_stock"]).T[first - 3 : first]
        told = TrackView(played, "blind").brief(seed=1, history=before)
        np.testing.assert_array_equal(told.history_in_stock, flags)
        local = TrackView(played, "decentralised", 3).brief(seed=1, history=before)
        np.testing.assert_array_equal(local.history, before[:, 1:])
        np.testing.assert_array_equal(local.history_in_stock, flags[:, 1:])
    with pytest.raises(ValueError, match="has 7 windows, and window 7 is asked for"):
        scenario.window_at(7)


def test_windows_of_a_series_are_drawn_around_their_own_part_of_it() -> None:
    values = [float(i) for i in range(14)]
    scenario = written(demand={"series": values, "noise_scale": 0}, window={"start": 2, "count": 3}, history=2)
    path = scenario.window_at(1).mean_path
    np.testing.assert_array_equal(path[0], [6, 7, 8, 9, 9, 9, 9])
    np.testing.assert_array_equal(scenario.window_at(1).history_path[0], [4, 5])


def test_nothing_of_the_future_of_data_is_told() -> None:
    """Two worlds whose data differ from period 2 on, told to blind and local controllers up to then."""
    other = {**DATA, "values": [row[:2] + [50.0 + 9 * i for i in range(18)] for row in DATA["values"]]}
    worlds = [written(demand={"data": data}) for data in (DATA, other)]
    for track, node in (("blind", None), ("decentralised", 2), ("decentralised", 3)):
        told = []
        for world in worlds:
            view, simulator = TrackView(world, track, node), Simulator(world)  # type: ignore[arg-type]
            simulator.start(1)
            frames = [repr(view.brief(seed=1))]
            for _ in range(3):
                frames.append(view.observe(simulator.state).vector.tobytes().hex())
                simulator.step(np.full(3, 4.0))
            told.append(frames)
        assert told[0] == told[1]


def test_the_scenario_of_an_oracle_has_equal_content_and_no_names() -> None:
    named = {**DATA, "markets": ["Wien", "Graz"]}
    scenario = written(demand={"data": named, "by": "order"}, window={"start": 3}, history=2).window_at(2)
    bare = scenario.anonymous()
    assert bare.digest == scenario.digest
    assert "Wien" not in bare.model_dump_json()
    again = parse_as(Scenario, bare.model_dump(mode="json", by_alias=True), "dumped")
    assert again.digest == scenario.digest
    np.testing.assert_array_equal(demand_of(again), demand_of(scenario))


def test_environments_draw_windows_and_tell_histories() -> None:
    scenario = written(demand={"data": DATA}, window={"start": 3, "stride": 2}, history=3)
    env, envs = InventoryEnv(scenario), InventoryVectorEnv(scenario, 50)
    _, info = env.reset(seed=3, options={"window": 4})
    assert info["window"] == 4
    np.testing.assert_array_equal(info["history"], np.array(DATA["values"]).T[8:11])
    seen, *_ = env.step(np.zeros(3))
    np.testing.assert_array_equal(seen[:2], np.array(DATA["values"]).T[11])
    with pytest.raises(ValueError, match="has 7 windows, and window 7"):
        env.reset(options={"window": 7})
    for unfit in (1.5, True, "two"):
        with pytest.raises(TypeError, match="window must be a whole number"):
            env.reset(options={"window": unfit})
    assert set(envs.reset(seed=3, options={"window": 2})[1]["window"].tolist()) == {2}
    with pytest.raises(ValueError, match="has 7 windows, and window 7"):
        envs.reset(options={"window": [7] * 50})
    with pytest.raises(ValueError, match="num_envs is 50, got 2"):
        envs.reset(options={"window": [1, 2]})
    each = np.arange(50) % 7
    np.testing.assert_array_equal(envs.reset(seed=3, options={"window": each})[1]["window"], each)
    _, infos = envs.reset(seed=3)
    assert set(infos["window"].tolist()) == set(range(7))
    observations, *_ = envs.step(np.zeros((50, 3)))
    np.testing.assert_array_equal(observations[:, :2], np.array(DATA["values"]).T[3 + 2 * infos["window"]])
    assert infos["history"].shape == (50, 3, 2)
    local = parallel_env(scenario)
    _, told = local.reset(seed=3, options={"window": 4})
    np.testing.assert_array_equal(told["node_3"]["history"], info["history"][:, 1:])
    assert told["node_1"]["history"].shape == (3, 0)


# --- sales instead of demand ------------------------------------------------------------------------------------------


def test_where_only_sales_are_seen_losses_are_not() -> None:
    scenario = written(demand={"series": [30, 5, 3], "noise_scale": 0}, fulfilment="lost_sales", visible_demand="sales")
    simulator = Simulator(scenario)
    simulator.start(1)
    for track, node in (("blind", None), ("informed", None), ("decentralised", 2)):
        seen = TrackView(scenario, track, node).observe(simulator.state)  # type: ignore[arg-type]
        assert (seen.in_stock == 1).all()
    simulator.step([0.0, 0.0, 0.0])
    blind = TrackView(scenario, "blind").observe(simulator.state)
    assert blind.last_demand.tolist() == [10, 10]
    assert blind.last_unfilled.tolist() == [0, 0]
    assert blind.in_stock.tolist() == [0, 0]
    assert blind.vector[-2:].tolist() == [0, 0]
    ledger = simulator.ledger()
    assert measure(ledger, scenario).fill_rate == pytest.approx(1 / 3, rel=1e-12), "what is counted is what happened"


# --- what is refused --------------------------------------------------------------------------------------------------

CONSTANT = {"base_mean": 5}
RULES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"demand": {"distribution": "negative_binomial"}},
        r"demand\.dispersion: negative_binomial demand needs this field",
        {"demand": {"distribution": "negative_binomial", "dispersion": 0.5}},
    ),
    (
        {"demand": {"dispersion": 0.5}},
        r"demand\.dispersion: only negative_binomial demand has this field",
        {"demand": {"distribution": "negative_binomial", "dispersion": 0.5}},
    ),
    (
        {"demand": {"distribution": "empirical", "values": [0, 0]}},
        r"demand\.values: empirical demand has a value above 0",
        {"demand": {"distribution": "empirical", "values": [0, 1]}},
    ),
    (
        {"demand": {"distribution": "empirical", "values": [0, 1], "weights": [1]}},
        r"demand\.weights: there is a weight for each of the 2 values, got .*1 weights",
        {"demand": {"distribution": "empirical", "values": [0, 1], "weights": [1, 0.5]}},
    ),
    (
        {"demand": {**CONSTANT, "autoregression": 0.5, "sampling": "direct"}},
        r"demand\.sampling: only inverse_cdf can play this demand \(autoregression: 0\.5\)",
        {"demand": {**CONSTANT, "autoregression": 0.5}},
    ),
    (
        {"demand": {"autoregression": 1}},
        r"demand\.autoregression: must be less than 1",
        {"demand": {"autoregression": 0}},
    ),
    (
        {"correlation": {"common": 0.5}},
        r"demand\.sampling: correlated demand is sampled by inverse CDF.*write sampling: inverse_cdf",
        {"correlation": {"common": 0.5}, "demand": {"sampling": "inverse_cdf"}},
    ),
    (
        {"correlation": {"matrix": [[1]]}, "demand": {"sampling": "inverse_cdf"}},
        r"correlation\.matrix: .* row and a column for each of the 2 market links",
        {"correlation": {"matrix": [[1, 0.5], [0.5, 1]]}, "demand": {"sampling": "inverse_cdf"}},
    ),
    (
        {"correlation": {"matrix": [[1, 0.5], [0.4, 1]]}, "demand": {"sampling": "inverse_cdf"}},
        r"correlation\.matrix\[1\]\[0\]: .*symmetric, and matrix\[0\]\[1\] is 0\.5",
        {"correlation": {"matrix": [[1, 0.4], [0.4, 1]]}, "demand": {"sampling": "inverse_cdf"}},
    ),
    (
        {"correlation": {"matrix": [[1, 0.9], [0.9, 2]]}, "demand": {"sampling": "inverse_cdf"}},
        r"correlation\.matrix\[1\]\[1\]: must be 1 or less",
        {"correlation": {"matrix": [[1, 0.9], [0.9, 1]]}, "demand": {"sampling": "inverse_cdf"}},
    ),
    ({"correlation": {}}, r"correlation\.common: is either a common factor or a matrix", {"correlation": None}),
    (
        {"demand": {"data": {**DATA, "markets": ["4", "Graz"]}}},
        r"links without data: network\.market_links\[1\] \(3 to 5\); data without a market link: Graz.*by: order",
        {"demand": {"data": {**DATA, "markets": ["4", "Graz"]}, "by": "order"}},
    ),
    (
        {
            "network": {**NETWORK, "market_links": named_links("Linz", "Graz")},
            "demand": {"data": {**DATA, "markets": ["Linz", "graz"]}},
        },
        r'links without data: .*\[1\].*data without a market link: graz.*name them alike \("Graz" and "graz"\)',
        {
            "network": {**NETWORK, "market_links": named_links("Linz", "graz")},
            "demand": {"data": {**DATA, "markets": ["Linz", "graz"]}},
        },
    ),
    (
        {"demand": {"data": {**DATA, "markets": ["4", "5", "6"], "in_stock": None, "values": [[1] * 20] * 3}}},
        r"data without a market link: 6.*; name market links so, or read no other data: markets: \[.4., .5.\]",
        {"demand": {"data": {**DATA, "markets": ["4", "5"], "in_stock": None, "values": [[1] * 20] * 2}}},
    ),
    (
        {"demand": {"data": DATA, "trend": {}}},
        r"demand\.trend: recorded data are played as they are",
        {"demand": {"data": DATA}},
    ),
    ({"demand": {"data": DATA, "noise_scale": 1}}, r"demand\.noise_scale: recorded data", {"demand": {"data": DATA}}),
    (
        {"demand": {"data": DATA}, "horizon": 21},
        r"demand\.data: periods 0 to 20 are played, and 20 were recorded.*past_end: repeat",
        {"demand": {"data": {**DATA, "past_end": "repeat"}}, "horizon": 21},
    ),
    (
        {"demand": {"data": DATA}, "history": 2},
        r"history: .*begins with period 0.*write window: \{start: 2\}",
        {"demand": {"data": DATA}, "history": 2, "window": {"start": 2}},
    ),
    (
        {"demand": {"data": DATA}, "window": {"length": 5}},
        r"window\.length: .*the horizon is 4, got 5; write horizon: 5",
        {"demand": {"data": DATA}, "window": {"length": 5}, "horizon": 5},
    ),
    (
        {"demand": {"data": DATA}, "window": {"count": 6}},
        r"demand\.data: periods 0 to 23 are played, and 20 were recorded",
        {"demand": {"data": DATA}, "window": {"count": 5}},
    ),
    ({"window": {}}, r"window: .* this scenario has neither", {"window": {}, "demand": {"data": DATA}}),
    (
        {"visible_demand": "sales"},
        r"visible_demand: where customers wait, everybody sees how many do",
        {"visible_demand": "sales", "fulfilment": "lost_sales"},
    ),
    (
        {"visible_demand": "sales", "fulfilment": "lost_sales", "goodwill": {}},
        r"visible_demand: customers' sentiment is seen",
        {"visible_demand": "sales", "fulfilment": "lost_sales"},
    ),
]


@pytest.mark.parametrize(("wrong", "message", "right"), RULES, ids=range(len(RULES)))
def test_a_broken_rule_is_refused_and_its_sibling_is_not(
    wrong: dict[str, Any], message: str, right: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        written(**wrong)
    assert len(caught.value.faults) == 1
    assert written(**right)


def test_a_matrix_that_no_demands_could_have_is_refused() -> None:
    data = {
        "name": "three",
        "network": {
            **NETWORK,
            "nodes": [*NETWORK["nodes"], {"id": 6}],
            "market_links": [*NETWORK["market_links"], {**NETWORK["market_links"][0], "market": 6}],
        },
        "demand": {"sampling": "inverse_cdf"},
        "correlation": {"matrix": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]},
    }
    with pytest.raises(InvalidInput, match=r"correlation\.matrix: .*positive semidefinite.*smallest eigenvalue -0\.8"):
        build_scenario(data, "test.yaml")


def test_demands_of_market_links_refer_to_series_as_the_scenarios_does(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("units\n3\n4\n", encoding="utf-8")
    network = with_links({"series": "sales.csv", "noise_scale": 0}, None)
    (tmp_path / "network.yaml").write_text(yaml.safe_dump(network), encoding="utf-8")
    for reference in (network, "network.yaml"):
        scenario = build_scenario({"name": "own", "network": reference, "horizon": 2}, "own.yaml", base=tmp_path)
        np.testing.assert_array_equal(demand_of(scenario)[:, 0], [3, 4])
    broken = with_links(None, {"series": "absent.csv"})
    with pytest.raises(InvalidInput, match=r"absent\.csv:\s+there is no such file"):
        build_scenario({"name": "own", "network": broken}, "own.yaml", base=tmp_path)


# --- digests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("serial-stationary-backlog", "becb7918ba93f62fcb0e3f6177a87abf5f9931b45ac6992f9a76080d5b62549e"),
        ("serial-m5-backlog", "acbc503affbc5b74f13288af7434ae94b83e8244387dafeeb49f51084857de61"),
        (
            "divergent-trend-seasonal-shock-goodwill-backlog-inverse-cdf",
            "14920fc8845a59c457c180932d5f125e24fef6b95c415f46a0fefe4d47f7ae35",
        ),
        ("assembly-trend-seasonal-lost-sales", "34a67cff9d2b505241e867dbbbc552f5af5083ac7ea9376e6872c1f0ccdf6f06"),
    ],
)
def test_what_a_version_adds_changes_no_digest_of_a_scenario_without_it(name: str, digest: str) -> None:
    assert load_scenario(name).digest == digest


@pytest.mark.parametrize(
    "fields",
    [
        {"history": 1},
        {"visible_demand": "sales", "fulfilment": "lost_sales"},
        {"demand": Demand(distribution="gamma", shape=2.0)},
        {"demand": Demand(distribution="gamma", shape=3.0)},
        {"demand": Demand(autoregression=0.5)},
        {"demand": Demand(data=DemandData(**DATA))},
        {"demand": Demand(data=DemandData(**{**DATA, "values": DATA["values"][::-1]}))},
    ],
)
def test_what_is_used_takes_part_in_the_digest(fields: dict[str, Any]) -> None:
    without = written()
    assert changed(without, **fields).digest not in {without.digest, changed(without, fulfilment="lost_sales").digest}


def test_a_window_takes_part_in_the_digest() -> None:
    demand = Demand(series=Series(values=tuple(map(float, range(30)))))
    first, second = (changed(written(), demand=demand, window={"start": start}) for start in (0, 1))
    assert len({first.digest, second.digest, changed(written(), demand=demand).digest}) == 3


def test_many_wrong_entries_of_a_table_are_one_fault() -> None:
    written(demand={"data": DATA})
    for unfit, told in (("x", "must be a number"), (-1, "must be 0 or more")):
        values = [[unfit] * len(row) for row in DATA["values"]]
        with pytest.raises(
            InvalidInput, match=rf"values\[0\]\[0\]: {told} \([0-9]+ entries break this rule\)"
        ) as caught:
            written(demand={"data": {**DATA, "values": values}})
        assert len(caught.value.faults) == 1
