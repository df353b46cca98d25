"""Parts of worlds beyond the first schema: what the shipped rules declare, and that they play any world of them."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from later_strategies import later_scenarios
from one_stage_world import SPECS, orders_of

from arena import InvalidInput, Network, Scenario, load_network
from arena.play.refusals import refuse_unplayed_parts
from arena.world.parts import MEANINGS, PARTS, parts_of
from arena_heuristics import arena_controllers

TEXTBOOK = {"formulas": "textbook"}
CASES = [(spec.name, track, {}) for spec in SPECS.values() for track in spec.tracks]
CASES += [(name, track, TEXTBOOK) for name, track, _ in CASES if name in ("newsvendor", "exp-smoothing", "echelon")]


# --- refusals -------------------------------------------------------------------------------------------------------


UNPLAYED = {"ss": "owed_penalties", "exp-smoothing": "autoregression", "local-base-stock": "priority"}
"""By rule: a part that it does not play. The others play all of them."""


def world_with(part: str) -> Scenario:
    """The serial network with one part."""
    fields = load_network("serial").model_dump(by_alias=True)
    if part == "owed_penalties":
        fields["supply_links"][0]["shortage_penalty"] = 1.0
    if part == "priority":
        fields["nodes"] = [one | {"priority": "links"} if one["id"] == 2 else one for one in fields["nodes"]]
    phi = 0.5 if part == "autoregression" else 0.0
    return Scenario(
        name="test",
        network=Network.model_validate(fields),
        demand={"autoregression": phi, "sampling": "inverse_cdf"},
        upstream_shortage="owed",
    )


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_part_that_a_rule_does_not_play_is_refused_by_name(name) -> None:
    part = UNPLAYED.get(name)
    if part is None:
        assert set(SPECS[name].plays) == set(PARTS)
        return
    scenario = world_with(part)
    assert parts_of(scenario) == (part,)
    submission = SimpleNamespace(path=Path(name), controller=name, plays=SPECS[name].plays, independent_only=False)
    with pytest.raises(InvalidInput, match=f"does not play: {MEANINGS[part]}"):
        refuse_unplayed_parts([submission], SimpleNamespace(scenarios=[scenario]))
    others = SimpleNamespace(path=Path(name), controller=name, plays=SPECS["newsvendor"].plays, independent_only=False)
    refuse_unplayed_parts([others], SimpleNamespace(scenarios=[scenario]))


def test_declared_parts_exist_and_stand_there_once() -> None:
    for spec in SPECS.values():
        assert spec.plays is not None
        assert len(set(spec.plays)) == len(spec.plays)
        assert set(spec.plays) <= set(PARTS)


def test_the_programs_play_all_parts() -> None:
    for spec in pytest.importorskip("arena_optimization").arena_controllers():
        assert sorted(spec.plays) == sorted(PARTS)


def test_the_page_says_what_is_declared(repository) -> None:
    of_language_models = pytest.importorskip("arena_llm").arena_controllers

    declared = {spec.name: set(spec.plays or ()) for spec in (*arena_controllers(), *of_language_models())}
    page = (repository / "docs" / "heuristics.md").read_text()
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page[page.index("## Parts of worlds") :].splitlines()
        if line.startswith("|")
    ]
    names = [re.findall(r"`([a-z-]+)`", cell) for cell in table[0][1:]]
    assert sorted(name for cell in names for name in cell) == sorted(declared)
    rows = {re.findall(r"`([a-z_]+)`", row[0])[0]: row[1:] for row in table[2:]}
    assert list(rows) == list(PARTS)
    for part, cells in rows.items():
        for cell, group in zip(cells, names, strict=True):
            for name in group:
                assert (cell == "yes") == (part in declared[name]), (part, name)


# --- any world ------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(later_scenarios(), st.sampled_from(CASES), st.integers(0, 9))
def test_every_world_is_played_alike_twice(scenario, case, seed) -> None:
    name, track, config = case
    nodes = scenario.network.managed if track == "decentralised" else (None,)
    first, second = (list(orders_of(scenario, name, track, nodes, seed, **config)) for _ in range(2))
    for orders in first:
        assert np.isfinite(orders).all()
        assert (orders >= 0).all()
    assert [orders.tolist() for orders in first] == [orders.tolist() for orders in second]


@pytest.mark.parametrize("shortage", ["lost", "owed"])
def test_a_node_by_itself_orders_as_with_the_full_view_and_local_information(shortage) -> None:
    network = load_network("tree")
    links = tuple(
        link.model_copy(update={"order_delay": i % 3, "initial_orders": (4.0,) * (i % 3)})
        for i, link in enumerate(network.supply_links)
    )
    delayed = Network.model_validate(network.model_copy(update={"supply_links": links}).model_dump(by_alias=True))
    written = {"fulfilment": "lost_sales", "visible_demand": "sales", "history": 6, "upstream_shortage": shortage}
    scenario = Scenario(name="test", network=delayed, **written)
    apart = orders_of(scenario, "local-base-stock", "decentralised", delayed.managed, 1)
    together = orders_of(scenario, "local-base-stock", "blind", (None,), 1, information="local")
    assert [each.tolist() for each in apart] == [each.tolist() for each in together]
