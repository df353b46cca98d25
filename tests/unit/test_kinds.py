"""A document given in the place of another kind: one fault, which says what it is and what to write."""

import re
from pathlib import Path
from types import MappingProxyType

import pytest

from arena.entry.loading import load_submissions
from arena.errors import InvalidInput
from arena.plugins import Plugins
from arena.world.library import load_network
from arena.world.suite import load_scenario, load_suite

DOCUMENTS = {
    "network": """\
        name: shop
        nodes: [{id: 0}, {id: 1, initial_stock: 30, holding_cost: 0.1}, {id: 2}]
        supply_links: [{supplier: 2, buyer: 1, lead_time: 1, price: 1, pipeline_holding_cost: 0}]
        market_links: [{retailer: 1, market: 0, price: 1, shortage_penalty: 0, mean_demand: 3}]
        """,
    "scenario": "{name: mine, network: serial, demand: {base_mean: 3}}",
    "suite": "{name: own, scenarios: [serial-stationary-backlog]}",
    "submission": "{name: my-rule, controller: echelon, track: blind}",
}
LOADERS = {
    "network": load_network,
    "scenario": load_scenario,
    "suite": load_suite,
    "submission": lambda path: load_submissions([path], Plugins(MappingProxyType({}))),
}
FIXES = {
    "network": r"`name: my-scenario` and `network: .*given\.yaml`",
    "scenario": r"--scenario .*given\.yaml",
    "suite": r"--suite .*given\.yaml",
    "submission": r"arena evaluate .*given\.yaml",
}
NAMES = {"network": "network", "scenario": "scenario", "suite": "suite", "submission": "manifest of a submission"}


def faults_of(kind: str, text: str, folder: Path) -> list[str]:
    path = folder / "given.yaml"
    path.write_text(text)
    try:
        loaded = LOADERS[kind](path)
    except InvalidInput as error:
        return [fault.describe() for fault in error.faults]
    return [fault.describe() for fault in getattr(loaded, "faults", ())]


@pytest.mark.parametrize("wanted", LOADERS)
@pytest.mark.parametrize("given", DOCUMENTS)
def test_another_kind_is_told_by_its_name(given, wanted, tmp_path):
    faults = faults_of(wanted, DOCUMENTS[given], tmp_path)
    if given == wanted:
        # Without plugins the controller of the manifest is not installed, which is no fault.
        assert faults == []
        return
    assert len(faults) == 1
    fix = "name a file of nodes and links" if wanted == "network" else FIXES[given]
    assert re.search(f"is (a|the) {NAMES[given]}, and (a|the) {NAMES[wanted]} is expected here; .*{fix}", faults[0])


@pytest.mark.parametrize(
    ("wanted", "text", "message"),
    [
        # Of the right kind, with a field of another: its own faults are told.
        ("scenario", "{name: mine, network: serial, nodes: []}", "nodes: is not a field here"),
        ("suite", "{name: own, scenarios: [serial-stationary-backlog], track: blind}", "track: is not a field here"),
        # Of no kind that is known.
        ("scenario", "{name: mine, netwrk: serial}", 'netwrk: is not a field here.*did you mean "network"'),
        ("network", "{name: mine}", "nodes: is required"),
    ],
)
def test_other_faults_are_told_one_by_one(wanted, text, message, tmp_path):
    assert re.search(message, " | ".join(faults_of(wanted, text, tmp_path)))


@pytest.mark.parametrize("given", ["scenario", "suite", "submission"])
def test_a_scenario_names_a_network_and_nothing_else(given, tmp_path):
    (tmp_path / "other.yaml").write_text(DOCUMENTS[given])
    faults = faults_of("scenario", "{name: mine, network: other.yaml}", tmp_path)
    assert len(faults) == 1
    assert re.search("a network is expected here; name a file of nodes and links", faults[0])
    (tmp_path / "other.yaml").write_text(DOCUMENTS["network"])
    assert faults_of("scenario", "{name: mine,  network: other.yaml}", tmp_path) == []
