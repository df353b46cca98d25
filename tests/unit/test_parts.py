"""Parts of worlds by name: found in scenarios, declared by controllers, and refused where the two do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from strategies import changed

from arena import load_scenario
from arena.entry.submission import Manifest, Submission
from arena.errors import InvalidInput
from arena.play.refusals import refuse_unplayed_parts
from arena.world.parts import MEANINGS, PARTS, parts_of
from arena.world.scenario import Scenario
from arena.world.suite import Suite

SERIAL = load_scenario("serial-stationary-lost-sales")
FIRST, *OTHERS = SERIAL.network.supply_links


def with_link(**changes: object) -> Scenario:
    links = (changed(FIRST, **changes), *OTHERS)
    return changed(SERIAL, network=changed(SERIAL.network, supply_links=links))


def with_market(**changes: object) -> Scenario:
    (link,) = SERIAL.network.market_links
    return changed(SERIAL, network=changed(SERIAL.network, market_links=(changed(link, **changes),)))


def with_node(**changes: object) -> Scenario:
    nodes = tuple(changed(node, **changes) if node.id == 2 else node for node in SERIAL.network.nodes)
    return changed(SERIAL, network=changed(SERIAL.network, nodes=nodes))


LAW = {"values": (1, 4), "probabilities": (0.5, 0.5)}
USING = {
    "autoregression": lambda: changed(
        SERIAL, demand=changed(SERIAL.demand, autoregression=0.5, sampling="inverse_cdf")
    ),
    "visible_sales": lambda: changed(SERIAL, visible_demand="sales"),
    "varying_lead_times": lambda: with_link(lead_time_distribution=LAW),
    "hidden_arrivals": lambda: changed(with_link(lead_time_distribution=LAW), visible_arrivals="total"),
    "order_delays": lambda: with_link(order_delay=1),
    "initial_pipeline": lambda: with_link(initial_pipeline=(3.0,)),
    "initial_backlog": lambda: with_market(initial_backlog=3.0),
    "market_fulfilment": lambda: with_market(waiting_share=0.5),
    "priority": lambda: with_node(priority="links"),
    "terminal_values": lambda: with_node(terminal_value=-0.5),
    "warm_up": lambda: changed(SERIAL, warm_up=5),
}


def entered(plays: tuple[str, ...] | None) -> Submission:
    manifest = Manifest(name="rule", controller="rule", track="blind")
    return replace(Submission("rule", manifest, Path("rule.yaml"), "", None, "rule", "blind", {}), plays=plays)  # type: ignore[arg-type]


def test_every_part_has_a_meaning() -> None:
    assert list(MEANINGS) == list(PARTS)


def test_published_scenarios_have_no_parts() -> None:
    assert parts_of(SERIAL) == ()


@pytest.mark.parametrize("part", USING)
def test_a_part_is_found_and_refused_unless_it_is_declared(part: str) -> None:
    scenario = USING[part]()
    assert part in parts_of(scenario)
    suite = Suite(name="one", description="One world.", scenarios=(scenario,))
    with pytest.raises(InvalidInput, match=rf"does not play: .*\({part}, in scenario {scenario.name}\)"):
        refuse_unplayed_parts([entered(())], suite)
    # Siblings: one that declares all of them, one that vouches for all that it is told of, and a world without parts.
    refuse_unplayed_parts([entered(parts_of(scenario)), entered(None)], suite)
    refuse_unplayed_parts([entered(())], Suite(name="one", description="One world.", scenarios=(SERIAL,)))


def test_a_submission_is_refused_once_whatever_it_does_not_play() -> None:
    suite = Suite(
        name="one",
        description="One world.",
        scenarios=(changed(with_link(order_delay=1, initial_pipeline=(3.0,)), warm_up=2),),
    )
    with pytest.raises(InvalidInput) as refused:
        refuse_unplayed_parts([entered(())], suite)
    assert len(refused.value.faults) == 1
