"""The scenario schema, how scenarios refer to networks and series, and what is derived from them."""

import math
import re

import numpy as np
import pytest
import yaml

from arena.contract.tracks import TrackView
from arena.errors import InvalidInput, UnknownName
from arena.play.seats.translate import describe_briefing, rebuild_briefing
from arena.simulate.simulator import realised_demand
from arena.world.library import build_scenario, load_network
from arena.world.scenario import LARGEST_QUANTITY
from arena.world.suite import load_scenario

INLINE = {
    "nodes": [{"id": 0}, {"id": 1, "initial_stock": 30, "holding_cost": 0.1}, {"id": 2}],
    "supply_links": [{"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0}],
    "market_links": [{"retailer": 1, "market": 0, "price": 1, "shortage_penalty": 0}],
}


def scenario(**fields):
    return build_scenario({"name": "mine", "network": "serial", **fields}, "mine.yaml")


def without(*names):
    data = {"name": "mine", "network": "serial"}
    return {key: value for key, value in data.items() if key not in names}


RULES = [
    ({"name": "Mine"}, r'name: must match .*, got "Mine"; write: lower-case name', {"name": "mine-2"}),
    ({"demand": {"data": "sales.csv"}}, r"demand.data: .* how its table is read, .*write data: {file: sales.csv", {}),
    (
        {"demand": {"series": {"source": "m5", "layout": "long"}}},
        r'demand.series.layout: is not a field here, got "long"; choose from "source", "column"',
        {"demand": {"series": {"source": "m5"}}},
    ),
    ({"name": ""}, r"name: must have at least 1 characters", {"name": "m"}),
    ({"horizon": 0}, r"horizon: must be 1 or more", {"horizon": 1}),
    ({"horizon": 10_001}, r"horizon: must be 10000 or less", {"horizon": 10_000}),
    ({"horizon": True}, r"horizon: must be a whole number", {"horizon": 1}),
    ({"horizon": 30.0}, r"horizon: must be a whole number", {"horizon": 30}),
    ({"discount": 0}, r"discount: must be greater than 0", {"discount": 0.5}),
    ({"discount": 1.1}, r"discount: must be 1 or less", {"discount": 1}),
    ({"discount": math.nan}, r"discount: must be a finite number", {"discount": 1}),
    ({"discount": True}, r"discount: must be a number", {"discount": 1}),
    ({"fulfilment": "lost-sales"}, r'did you mean "lost_sales"', {"fulfilment": "lost_sales"}),
    ({"upstream_shortage": "lots"}, r"upstream_shortage: must be one of", {"upstream_shortage": "owed"}),
    ({"decentralised": 1.5}, r"decentralised: must be true or false", {"decentralised": True}),
    ({"horizn": 3}, r'horizn: is not a field here.*did you mean "horizon"', {"horizon": 3}),
    ({"goodwill": {"floor": 3}}, r"goodwill\.floor: 0 < floor <= cap", {"goodwill": {"floor": 1}}),
    ({"demand": {"nois_scale": 0}}, r'nois_scale: .*did you mean "noise_scale"', {"demand": {"noise_scale": 0}}),
    (
        {"demand": {"sampling": "inverse-cdf"}},
        r'sampling: .*did you mean "inverse_cdf"',
        {"demand": {"sampling": "inverse_cdf"}},
    ),
    ({"network": "seriall"}, r'unknown network, got "seriall"; did you mean "serial"', {"network": "serial"}),
    ({"network": 3}, r"network: must be a mapping", {"network": "w"}),
    ({"demand": {"series": "m6"}}, r'unknown demand series, got "m6"', {"demand": {"series": "m5"}}),
    (
        {"demand": {"series": {"source": "m5", "column": "unit"}}},
        r'unknown column, got "unit"; did you mean "units"',
        {"demand": {"series": {"source": "m5", "column": "units"}}},
    ),
    (
        {"demand": {"base_mean": 1e9, "shock": {"magnitude": 1000}, "trend": {"slope": 1}}},
        r"mean demand stays below 1e\+12",
        {"demand": {"base_mean": 1e8, "shock": {"magnitude": 100}, "trend": {"slope": 1}}},
    ),
]


@pytest.mark.parametrize(("wrong", "message", "right"), RULES, ids=range(len(RULES)))
def test_a_broken_rule_is_refused_and_its_sibling_is_not(wrong, message, right):
    with pytest.raises(InvalidInput, match=message):
        scenario(**wrong)
    assert scenario(**right).name.startswith("m")


@pytest.mark.parametrize("name", ["name", "network"])
def test_a_required_field_is_missed(name):
    with pytest.raises(InvalidInput, match=rf"{name}: is required"):
        build_scenario(without(name), "mine.yaml")
    assert build_scenario(without(), "mine.yaml").name == "mine"


def test_every_market_link_needs_a_mean():
    with pytest.raises(InvalidInput, match=r"network\.market_links\[0\]\.mean_demand: every market link has a mean"):
        scenario(network=INLINE)
    assert scenario(network=INLINE, demand={"base_mean": 3}).mean_path[0, 0] == 3
    assert scenario(network=INLINE, demand={"series": [4]}).mean_path[0, 0] == 4


def test_faults_of_the_scenario_its_network_and_its_series_come_at_once():
    with pytest.raises(InvalidInput) as caught:
        scenario(network="seriall", horizon=0, colour="red", demand={"series": "m6", "noise_scale": -1})
    told = str(caught.value)
    for expected in ("seriall", "horizon", "colour", "m6", "noise_scale"):
        assert expected in told
    assert len(caught.value.faults) == 5


def test_faults_of_an_inline_network_carry_their_place():
    broken = {**INLINE, "nodes": [*INLINE["nodes"], {"id": 1}]}
    with pytest.raises(InvalidInput, match=r"network\.nodes\[3\]\.id: ids are unique"):
        scenario(network=broken, demand={"base_mean": 3})


def test_a_network_by_name_by_path_and_inline_is_the_same_world(tmp_path):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.yaml").write_text(yaml.safe_dump(INLINE))
    (tmp_path / "scenario.yaml").write_text("name: mine\nnetwork: nets/mine.yaml\ndemand: {base_mean: 3}\n")
    by_path = load_scenario(tmp_path / "scenario.yaml")
    inline = scenario(network=INLINE, demand={"base_mean": 3})
    assert by_path.network == inline.network
    assert by_path.digest == inline.digest
    assert scenario(network="serial").network == load_network("serial")


def test_a_series_by_name_by_path_and_inline_is_the_same_demand(tmp_path):
    (tmp_path / "sales.csv").write_text("day,units\n1,4\n2,6\n")
    (tmp_path / "scenario.yaml").write_text(
        "name: mine\nnetwork: serial\ndemand: {series: {source: sales.csv, column: units, scale_to_mean: 10}}\n"
    )
    by_path = load_scenario(str(tmp_path / "scenario.yaml"))
    inline = scenario(demand={"series": {"values": [4, 6], "scale_to_mean": 10}})
    listed = scenario(demand={"series": [8, 12]})
    np.testing.assert_array_equal(by_path.mean_path, inline.mean_path)
    np.testing.assert_allclose(by_path.mean_path, listed.mean_path, rtol=1e-12)
    assert by_path.digest == inline.digest
    shipped = scenario(demand={"series": {"source": "m5", "scale_to_mean": 20}})
    assert abs(shipped.mean_path[0, :30].mean() - 20) < 1e-9


def test_shipped_scenarios_are_loaded_by_name(tmp_path):
    assert load_scenario("serial-stationary-backlog").network.name == "serial"
    with pytest.raises(UnknownName, match=r'did you mean "serial-stationary-backlog"'):
        load_scenario("serial-stationary-backlogs")
    with pytest.raises(InvalidInput, match=r"(?s)absent\.yaml.*check the path"):
        load_scenario(tmp_path / "absent.yaml")


@pytest.mark.parametrize(("name", "bound"), [("divergent", 3100), ("serial", 3200), ("diamond", 2700)])
def test_order_bound(name, bound):
    assert scenario(network=name).order_bound == bound


def test_order_bound_grows_with_the_horizon_and_exists_without_a_factory():
    assert scenario(horizon=10).order_bound == 200 + 100 * 10
    assert scenario(network=INLINE, demand={"base_mean": 3}).order_bound == LARGEST_QUANTITY == 1e6


def test_the_mean_path_reaches_past_the_horizon_by_the_longest_lead_time():
    made = scenario(demand={"base_mean": 20, "trend": {}})
    assert made.mean_path.shape == (1, 30 + 8)
    np.testing.assert_allclose(made.mean_path[0], 20 * (1 + 0.05 * np.arange(38)), rtol=1e-12)
    assert not made.mean_path.flags.writeable
    np.testing.assert_allclose(made.mean_demand(3, 5, 0.5), [[11.5, 12.0]], rtol=1e-12)
    assert scenario(demand={"base_mean": 1}).mean_demand(0, 1, 0.05)[0, 0] == 0.1


def test_the_digest_tells_worlds_apart_and_ignores_names():
    first = scenario()
    assert re.fullmatch(r"[0-9a-f]{64}", first.digest)
    renamed = scenario(name="other", note="a note", published_id="x")
    named = {**INLINE, "name": "n", "description": "d"}
    assert renamed.digest == first.digest
    assert (
        scenario(network=named, demand={"base_mean": 3}).digest
        == scenario(network=INLINE, demand={"base_mean": 3}).digest
    )
    different = [
        {"horizon": 29},
        {"discount": 0.99},
        {"fulfilment": "lost_sales"},
        {"goodwill": {}},
        {"goodwill": {"growth": 1.02}},
        {"upstream_shortage": "owed"},
        {"demand": {"noise_scale": 0}},
        {"demand": {"base_mean": 21}},
        {"demand": {"sampling": "inverse_cdf"}},
        {"demand": {"trend": {}}},
        {"network": "w"},
    ]
    digests = {scenario(**fields).digest for fields in different}
    assert len(digests | {first.digest}) == len(different) + 1


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("serial-stationary-backlog", "becb7918ba93f62fcb0e3f6177a87abf5f9931b45ac6992f9a76080d5b62549e"),
        ("serial-m5-backlog", "acbc503affbc5b74f13288af7434ae94b83e8244387dafeeb49f51084857de61"),
        (
            "divergent-trend-seasonal-shock-goodwill-backlog",
            "8592be9e19491efcd1860f18ea8374da5389c48a27c53a1b14ececdbfdd67feb",
        ),
    ],
)
def test_the_digests_of_the_published_worlds_stay(name, digest):
    """Results name their scenarios by digest. A field that came later takes no part where it has its default."""
    assert load_scenario(name).digest == digest


def test_an_anonymous_scenario_with_parallel_links_can_be_sent_to_an_oracle():
    """Parallel links need names, and a scenario is validated again in the process of the oracle's controller."""
    links = [{**link, "name": f"{name}-secret"} for link in INLINE["supply_links"][:1] for name in ("sea", "air")]
    network = {**INLINE, "supply_links": [*links, *INLINE["supply_links"][1:]]}
    named = scenario(network=network, demand={"base_mean": 5})
    told = TrackView(named, "oracle").brief(seed=1, realised_demand=realised_demand(named, 1), entropy=1)
    received = rebuild_briefing(*describe_briefing(told)).scenario
    assert received == named.anonymous()
    assert "secret" not in received.model_dump_json()
    assert received.digest == named.digest


def test_an_anonymous_scenario_is_the_same_world_without_its_names():
    network = {**INLINE, "name": "secret-network", "description": "secret place"}
    series = {"values": [4, 6], "name": "secret sales"}
    named = scenario(
        name="secret", published_id="secret id", note="secret", network=network, demand={"series": series}, goodwill={}
    )
    assert named.model_dump_json().count("secret") == 6
    anonymous = named.anonymous()
    assert "secret" not in anonymous.model_dump_json()
    assert anonymous.digest == named.digest
    np.testing.assert_array_equal(anonymous.mean_path, named.mean_path)
    assert build_scenario(anonymous.model_dump(mode="json", by_alias=True), "again") == anonymous


def test_a_scenario_written_out_and_read_again_is_the_same():
    first = load_scenario("divergent-m5-backlog")
    again = build_scenario(first.model_dump(mode="json", by_alias=True), "again")
    assert again == first
    assert again.digest == first.digest


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({"source": "m5", "column": 3}, "named by its header"),
        ({"source": "m5", "values": [1.0]}, "source or its values, not both"),
    ],
)
def test_a_series_is_never_read_another_way_than_written(series, message):
    data = {"name": "x", "network": "serial", "demand": {"series": series}}
    with pytest.raises(InvalidInput, match=message):
        build_scenario(data, "here")
    assert build_scenario({**data, "demand": {"series": {"source": "m5", "column": "units"}}}, "here").demand.series


def test_a_copy_with_changes_derives_everything_anew():
    scenario = load_scenario("serial-stationary-backlog")
    louder = scenario.model_copy(update={"demand": scenario.demand.model_copy(update={"base_mean": 40.0})})
    assert louder.mean_path[0, 0] == 40.0
    assert louder.digest != scenario.digest
    assert hash(louder) != hash(scenario)
    assert louder != scenario


def test_a_series_plays_means_below_the_floor_as_they_are_written():
    spare_part = scenario(demand={"series": [0.02]}, horizon=10_000)
    assert (spare_part.mean_demand(0, 10_000) == 0.02).all()
    # Poisson: the mean of 10 000 periods deviates by .0014; four deviations are allowed.
    assert realised_demand(spare_part, 42).mean() == pytest.approx(0.02, abs=0.0057)
    nothing = scenario(demand={"series": [0.0]})
    assert (realised_demand(nothing, 42) == 0).all()


def test_a_path_that_is_no_scenario_is_told_what_to_give(tmp_path):
    (tmp_path / "scenario.yaml").write_text("name: mine\nnetwork: serial\n", encoding="utf-8")
    (tmp_path / "sales.csv").write_text("day,units\n", encoding="utf-8")
    assert load_scenario(tmp_path / "scenario.yaml").name == "mine"
    with pytest.raises(InvalidInput, match=r"is a folder, and a scenario is a file; give .*scenario.yaml"):
        load_scenario(str(tmp_path))
    with pytest.raises(
        InvalidInput, match=r"is not a scenario's YAML file; .* arena new world NAME --sales .*sales.csv"
    ):
        load_scenario(str(tmp_path / "sales.csv"))
    with pytest.raises(UnknownName, match="unknown scenario"):
        load_scenario(str(tmp_path / "nothing"))
