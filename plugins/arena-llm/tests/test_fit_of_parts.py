"""The fit on worlds beyond the first schema: the rule itself is simulated; parts that it does not play are refused."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from later_strategies import later_scenarios

import arena_llm.fitting.__main__ as fitting
from arena import (
    InvalidInput,
    Network,
    Scenario,
    Simulator,
    TrackView,
    load_network,
    load_scenario,
    parts_of,
    realised_history,
)
from arena_llm import FITTED_PLAYS
from arena_llm.config import TunedBaseStockConfig
from arena_llm.fitting.batch import BatchOfEpisodes, obstacle_to_a_batch
from arena_llm.fitting.episodes import SimulatedEpisodes, episodes_of, refuse_unplayed
from arena_llm.parameters import DEFAULT_VALUES
from arena_llm.tuned import TunedBaseStock

DEFAULTS = np.array([[DEFAULT_VALUES]])


def serial(changes: dict | None = None, **written) -> Scenario:
    fields = load_network("serial").model_dump(by_alias=True)
    for kind, values in (changes or {}).items():
        fields[kind] = [row | (values if position == 1 else {}) for position, row in enumerate(fields[kind])]
    return Scenario(name="test", network=Network.model_validate(fields), **written)


def play(scenario: Scenario, track: str, seed: int) -> float:
    """Profit of the controller itself, with the published parameters."""
    view, simulator = TrackView(scenario, track), Simulator(scenario)
    controller = TunedBaseStock(TunedBaseStockConfig(parameters="defaults"))
    controller.begin(view.brief(seed=0, time_budget=1.0, history=realised_history(scenario, seed)))
    simulator.start(seed)
    profit = 0.0
    while not simulator.finished:
        profit += simulator.step(np.clip(controller.order(view.observe(simulator.state)), 0, view.largest_order))
    return profit


@pytest.mark.parametrize(("value", "pays"), [(0.4, False), (0.6, True)])
def test_the_rule_orders_too_late_only_if_the_terminal_value_pays(value, pays) -> None:
    """The factory buys raw material at 0.5, which a shop sells eight periods later at the earliest."""
    fields = load_network("serial").model_dump(by_alias=True)
    fields["nodes"] = [
        row | ({"terminal_value": value, "initial_stock": 0} if row["id"] == 3 else {}) for row in fields["nodes"]
    ]
    scenario = Scenario(name="test", network=Network.model_validate(fields), fulfilment="backlog")
    view, simulator = TrackView(scenario, "blind"), Simulator(scenario)
    controller = TunedBaseStock(TunedBaseStockConfig(parameters="defaults"))
    controller.begin(view.brief(seed=0, time_budget=1.0))
    simulator.start(1)
    bought = []
    while not simulator.finished:
        orders = controller.order(view.observe(simulator.state))
        bought.append(orders[2])
        simulator.step(orders)
    assert max(bought[:20]) > 0
    assert (max(bought[-5:]) > 0) == pays


@pytest.mark.parametrize("track", ["blind", "informed"])
def test_episodes_one_by_one_are_those_of_the_batch(track) -> None:
    scenario = load_scenario("serial-trend-seasonal-goodwill-backlog")
    together = BatchOfEpisodes(scenario, track, 2, streams="independent").play(np.repeat(DEFAULTS, 2, axis=0), 9)
    apart = SimulatedEpisodes(scenario, track, 2).play(np.repeat(DEFAULTS, 2, axis=0), 9)
    assert apart == pytest.approx(together, rel=1e-9)


@settings(max_examples=20)
@given(later_scenarios(), st.sampled_from(["blind", "informed"]), st.integers(0, 99))
def test_the_fit_plays_what_the_controller_plays_on_any_world_or_refuses_it(scenario, track, seed) -> None:
    unplayed = set(parts_of(scenario)) - set(FITTED_PLAYS)
    if unplayed:
        with pytest.raises(InvalidInput, match=f"the rule that is fitted does not play: .*{min(unplayed)}"):
            episodes_of(scenario, track, 1)
        return
    found = episodes_of(scenario, track, 1)
    assert isinstance(found, SimulatedEpisodes) == bool(parts_of(scenario) or obstacle_to_a_batch(scenario))
    if isinstance(found, SimulatedEpisodes):
        assert found.play(DEFAULTS, seed) == pytest.approx([play(scenario.window_at(0), track, seed)], rel=1e-9)


@pytest.mark.parametrize(
    ("scenario", "obstacle"),
    [
        (load_scenario("assembly-trend-seasonal-backlog"), "a bill of materials"),
        (serial({"supply_links": {"lot_size": 5}}), "lots or minimum orders"),
        (serial(upstream_shortage="owed"), "owed shortages"),
        (serial(history=5), "a history"),
        (serial(warm_up=5), "first periods that do not count"),
        (serial({"nodes": {"terminal_value": 0.5}}), "stock that is worth or costs money"),
    ],
)
def test_the_batch_refuses_what_its_estimates_leave_out(scenario, obstacle) -> None:
    with pytest.raises(ValueError, match=f"the batch plays no scenario with {obstacle}"):
        BatchOfEpisodes(scenario, "blind", 1)
    assert isinstance(episodes_of(scenario, "blind", 1), SimulatedEpisodes)


def test_a_world_of_which_a_part_is_not_played_is_refused_by_name() -> None:
    owing = serial({"supply_links": {"shortage_penalty": 1.0}}, upstream_shortage="owed")
    with pytest.raises(InvalidInput, match=r"does not play: penalties for what a supplier owes \(owed_penalties\)"):
        refuse_unplayed(serial(), owing)
    refuse_unplayed(serial(), serial(warm_up=2))


def training(folder, **written):
    """Settings and a suite of two rows, one per fulfilment mode."""
    chosen = {"seed": 7, "stages": 2, "generations": 3, "candidates": 6, "episodes": 3, "spread": 0.2}
    (folder / "settings.yaml").write_text(yaml.safe_dump(chosen | {"networks": ["serial"], "others": ["serial"]}))
    rows = [
        {
            "name": f"serial-{mode}",
            "network": load_network("serial").model_dump(by_alias=True, mode="json", exclude_defaults=True),
            "demand": {"base_mean": 15},
            "fulfilment": mode,
            "horizon": 20,
            **written,
        }
        for mode in ("backlog", "lost_sales")
    ]
    (folder / "training.yaml").write_text(yaml.safe_dump({"name": "small", "scenarios": rows}))
    places = ["--settings", str(folder / "settings.yaml"), "--training", str(folder / "training.yaml")]
    return ["blind", str(folder / "table.json"), "--network", "serial", *places]


def test_a_fit_on_a_world_with_parts_finds_better_parameters(tmp_path) -> None:
    pytest.importorskip("cma", reason="the fit needs the extra arena-llm[fit]")
    arguments = training(tmp_path, warm_up=4, history=25)
    fitting.main(arguments)
    table = fitting.FittedTable.model_validate_json((tmp_path / "table.json").read_text())
    scenario = fitting.load_suite(tmp_path / "training.yaml").scenarios[0]
    assert parts_of(scenario) == ("warm_up",)
    episodes = SimulatedEpisodes(scenario, "blind", 30)
    stages = np.array([table.entries[0].stages])
    fitted, plain = (episodes.play(np.repeat(one, 30, axis=0), 5).mean() for one in (stages, DEFAULTS))
    assert fitted > plain


def test_a_fit_begins_with_no_world_that_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fitting, "search", lambda *_: pytest.fail("the fit was begun"))
    arguments = training(tmp_path, warm_up=4)
    monkeypatch.setattr("arena_llm.fitting.episodes.FITTED_PLAYS", ())
    with pytest.raises(SystemExit, match="2"):
        fitting.main(arguments)
    assert not (tmp_path / "table.json").exists()
