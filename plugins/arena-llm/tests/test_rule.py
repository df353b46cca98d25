"""The rule, by hand; its batch; the fitted tables; the fit."""

import json
from importlib.resources import as_file, files

import numpy as np
import pytest
import yaml

import arena_llm.fitting.__main__ as fitting
from arena import Observation, Scenario, Simulator, TrackView, load_network, load_scenario, load_suite
from arena.testing import check_controller, check_information
from arena_llm.config import TunedBaseStockConfig
from arena_llm.fitted import ANY_NETWORK, load_fitted, network_shape
from arena_llm.fitting.batch import BatchOfEpisodes
from arena_llm.parameters import BOUNDS, NAMES, default_parameters, make_parameters
from arena_llm.rule import OrderingRule
from arena_llm.tuned import TunedBaseStock

TRACKS = ("blind", "informed")


def observation(**changes) -> Observation:
    given = {
        "period": 0,
        "last_demand": np.zeros(1),
        "last_unfilled": np.zeros(1),
        "on_hand": np.array([100.0, 100.0, 200.0]),
        "component_stock": np.zeros(0),
        "pipeline": np.zeros(8),
        "in_transit": np.zeros(3),
        "owed": np.zeros(3),
        "sentiment": 1.0,
    }
    return Observation(**(given | changes))


def rule_on(scenario: str, track: str = "blind") -> OrderingRule:
    return OrderingRule(TrackView(load_scenario(scenario), track).brief(seed=0, time_budget=1.0))


def test_orders_on_the_serial_network_by_hand():
    """Before any demand the mean is 100 / (4 + 1) = 20 and the deviation √20; lead times are 4, 4 and 0."""
    orders = rule_on("serial-stationary-backlog").orders(observation(), default_parameters())
    safety = np.sqrt(20.0)
    target = np.array([100 + safety * np.sqrt(5), 100 + safety * np.sqrt(5), 20 + safety])
    wanted = np.array([1.0, 0.8, 0.6]) * np.maximum(target - [100, 100, 200], 0)
    assert orders == pytest.approx(wanted, rel=1e-12)
    assert orders[2] == 0


def test_each_parameter_does_what_it_says():
    values = dict(zip(NAMES, (2.0, 0.0, 0.05, 0.5, 1.5, 2.0), strict=True))
    parameters = make_parameters(list(values.values()))
    empty = observation(
        on_hand=np.zeros(3),
        in_transit=np.array([50.0, 0, 0]),
        last_unfilled=np.array([30.0]),
        period=1,
        last_demand=np.array([20.0]),
    )
    orders = rule_on("serial-stationary-backlog").orders(empty, parameters)
    # The retailer has 50 under way and owes 30; the bound is 3200, of which a twentieth may be ordered.
    assert orders == pytest.approx([0.5 * (200 - 20), 160.0, 2.0 * 40], rel=1e-12)


def test_lost_sales_owe_nothing():
    lost = observation(last_unfilled=np.array([30.0]), last_demand=np.array([20.0]), period=1, on_hand=np.zeros(3))
    parameters = make_parameters([1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    assert rule_on("serial-stationary-lost-sales").orders(lost, parameters)[0] == pytest.approx(100, rel=1e-12)
    assert rule_on("serial-stationary-backlog").orders(lost, parameters)[0] == pytest.approx(130, rel=1e-12)


def play(controller, scenario: Scenario, track: str, seed: int) -> float:
    view = TrackView(scenario, track)
    simulator = Simulator(scenario)
    simulator.start(seed)
    controller.begin(view.brief(seed=0, time_budget=1.0))
    profit = 0.0
    while not simulator.finished:
        orders = np.clip(controller.order(view.observe(simulator.state)), 0, view.largest_order)
        profit += simulator.step(orders)
    return profit


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize(
    "name",
    [
        "serial-m5-backlog",
        "divergent-trend-seasonal-shock-goodwill-lost-sales",
        "tree-trend-seasonal-backlog",
        "w-trend-seasonal-lost-sales",
    ],
)
def test_the_batch_of_the_fit_plays_what_the_controller_plays(name, track):
    scenario = load_scenario(name)
    schedule = load_fitted(track).schedule(scenario.network, scenario.fulfilment)
    values = np.array([[getattr(stage, parameter) for parameter in NAMES] for stage in schedule])
    batch = BatchOfEpisodes(scenario, track, 3, streams="independent")
    profits = batch.play(np.broadcast_to(values, (3, *values.shape)), seed=42)
    expected = [play(TunedBaseStock(TunedBaseStockConfig()), scenario, track, 42 + index) for index in range(3)]
    assert profits == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("track", TRACKS)
def test_fitted_tables_are_whole_and_within_bounds(track):
    table = load_fitted(track)
    assert table.track == track
    assert {(entry.network, entry.fulfilment) for entry in table.entries} == {
        (network, mode) for network in ("divergent", "serial", ANY_NETWORK) for mode in ("backlog", "lost_sales")
    }
    low, high = (np.array(side) for side in zip(*BOUNDS, strict=True))
    for entry in table.entries:
        stages = np.array(entry.stages)
        assert stages.shape == (table.settings["stages"], 6)
        assert ((low <= stages) & (stages <= high)).all()
    for network in ("divergent", "serial"):
        shape = network_shape(load_network(network))
        assert {entry.shape for entry in table.entries if entry.network == network} == {shape}


def test_a_shape_is_of_roles_and_lead_times():
    network = load_network("serial")
    dearer = network.supply_links[0].model_copy(update={"price": 9.0})
    slower = network.supply_links[0].model_copy(update={"lead_time": 5})
    rest = network.supply_links[1:]
    assert network_shape(network.model_copy(update={"supply_links": (dearer, *rest)})) == network_shape(network)
    assert network_shape(network.model_copy(update={"supply_links": (slower, *rest)})) != network_shape(network)


@pytest.mark.parametrize("track", TRACKS)
def test_fitted_parameters_are_worth_far_more_than_the_defaults(track):
    """A part of what was measured on the whole core: here against the defaults, on two rows and two public seeds."""
    gained = []
    for name in ("serial-trend-seasonal-backlog", "divergent-trend-seasonal-goodwill-backlog"):
        scenario = load_scenario(name)
        profits = [
            sum(
                play(TunedBaseStock(TunedBaseStockConfig(parameters=parameters)), scenario, track, seed)
                for seed in (42, 123)
            )
            for parameters in ("fitted", "defaults")
        ]
        gained.append(profits[0] / profits[1])
    assert min(gained) > 1.05


def test_the_fitted_rule_conforms():
    assert check_controller("tuned-base-stock").warnings == ()
    check_information("tuned-base-stock", networks=("serial", "w"))


def test_training_holds_no_row_of_the_core():
    core = {scenario.digest for scenario in load_suite("core").scenarios}
    with as_file(files("arena_llm.fitting") / "training.yaml") as path:
        training = load_suite(path).scenarios
    assert len(training) == len({scenario.digest for scenario in training}) > 200
    assert core.isdisjoint(scenario.digest for scenario in training)
    assert all(scenario.demand.base_mean is None for scenario in training)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".", "is a folder; name a file in it"),
        ("mine.json", "is not a fitted table, and is not replaced; move it away"),
        ("mine.json/below", "cannot be written (Not a directory); choose another place"),
        ("none/table.json", "cannot be written (No such file or directory); choose another place"),
    ],
)
def test_a_fit_that_could_not_be_written_is_not_begun(tmp_path, monkeypatch, capsys, name, told):
    monkeypatch.setattr(fitting, "fit", lambda *_: pytest.fail("the fit was begun"))
    (tmp_path / "mine.json").write_text("[]")
    with pytest.raises(SystemExit, match="2"):
        fitting.main(["blind", str(tmp_path / name)])
    assert told in capsys.readouterr().err
    assert (tmp_path / "mine.json").read_text() == "[]"


def test_a_fit_replaces_a_table_and_is_not_lost_with_the_disk(tmp_path, monkeypatch, capsys):
    table = load_fitted("blind")
    monkeypatch.setattr(fitting, "fit", lambda *_: table)
    output = tmp_path / "table.json"
    for _ in range(2):
        fitting.main(["blind", str(output)])
    assert load_fitted("blind") == table.model_validate_json(output.read_text())

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fitting.Path, "replace", fill)
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        fitting.main(["blind", str(output)])
    told = capsys.readouterr()
    assert "cannot be written (No space left on device); standard output has the table" in told.err
    assert table.model_validate_json(told.out) == table
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]


def test_a_short_fit_writes_a_table_and_repeats_itself(tmp_path):
    pytest.importorskip("cma", reason="the fit needs the extra arena-llm[fit]")
    settings = {
        "seed": 7,
        "stages": 2,
        "generations": 4,
        "candidates": 8,
        "episodes": 6,
        "spread": 0.2,
        "networks": ["serial"],
        "others": ["serial"],
    }
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    training = {
        "name": "small",
        "scenarios": [
            {"name": f"serial-level-{mode}", "network": "serial", "demand": {"base_mean": 15}, "fulfilment": mode}
            for mode in ("backlog", "lost_sales")
        ],
    }
    (tmp_path / "training.yaml").write_text(yaml.safe_dump(training), encoding="utf-8")
    written = []
    for name in ("one.json", "two.json"):
        fitting.main(
            [
                "blind",
                str(tmp_path / name),
                "--network",
                "serial",
                "--settings",
                str(tmp_path / "settings.yaml"),
                "--training",
                str(tmp_path / "training.yaml"),
            ]
        )
        written.append((tmp_path / name).read_text(encoding="utf-8"))
    assert written[0] == written[1]
    entries = json.loads(written[0])["entries"]
    assert [entry["fulfilment"] for entry in entries] == ["backlog", "lost_sales"]
    scenario = load_suite(tmp_path / "training.yaml").scenarios[0]
    batch = BatchOfEpisodes(scenario, "blind", 200)
    defaults = np.array([[getattr(default_parameters(), name) for name in NAMES]])
    plain = batch.play(np.broadcast_to(defaults, (200, 1, 6)), 5).mean()
    fitted = batch.play(np.broadcast_to(np.array(entries[0]["stages"]), (200, 2, 6)), 5).mean()
    assert fitted > plain
