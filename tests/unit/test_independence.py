"""Controllers that plan one stock point after another: which worlds they play, and how they are left out of others."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from commands import invoke
from fake_plugins import controller_source, write_plugin
from pydantic import BaseModel

from arena import ControllerSpec, PluginError, Scenario, Suite, load_scenario, load_submissions
from arena.declarations import check_promises
from arena.play.refusals import find_unplayed
from arena.plugins import Plugins
from arena.world.independence import find_dependence


def world(**more: object) -> Scenario:
    """Two shops that buy from raw materials, and nothing else."""
    content = {
        "name": "two-shops",
        "horizon": 5,
        "demand": {"base_mean": 10},
        "fulfilment": "lost_sales",
        "network": {
            "name": "shops",
            "nodes": [
                {"id": 0, "initial_stock": 10, "holding_cost": 0.1},
                {"id": 1, "initial_stock": 10, "holding_cost": 0.1},
                {"id": 2},
                {"id": 3},
                {"id": 4},
            ],
            "supply_links": [
                {"supplier": 2, "buyer": 0, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0},
                {"supplier": 2, "buyer": 1, "lead_time": 1, "price": 1, "pipeline_holding_cost": 0},
            ],
            "market_links": [
                {"retailer": 0, "market": 3, "price": 2, "shortage_penalty": 0},
                {"retailer": 1, "market": 4, "price": 2, "shortage_penalty": 0},
            ],
        },
    }
    return Scenario.model_validate({**content, **more})


def test_shops_that_buy_from_plenty_are_independent() -> None:
    assert find_dependence(world()) == ""


def test_a_shared_capacity_ties_them() -> None:
    network = world().network
    nodes = tuple(node.model_copy(update={"capacity": 10.0}) if node.id == 2 else node for node in network.nodes)
    tied = world().model_copy(update={"network": network.model_copy(update={"nodes": nodes})})
    assert find_dependence(tied) == "2 nodes share the capacity of node 2"


def test_sentiment_ties_them() -> None:
    assert find_dependence(world(goodwill={})) == "customers' sentiment is one for all nodes"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("serial-stationary-backlog", "node 1 buys from node 2, which keeps a stock, too"),
        ("assembly-trend-seasonal-lost-sales", "buys from node|several components"),
    ],
)
def test_shipped_chains_are_dependent(name: str, why: str) -> None:
    assert re.search(why, find_dependence(load_scenario(name)))


@pytest.fixture
def entered(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "subs"
    for name in ("plain", "alone"):
        (folder / name).mkdir(parents=True)
        (folder / name / "submission.yaml").write_text(f"name: {name}\ncontroller: mine.py:Plain\ntrack: blind\n")
        (folder / name / "mine.py").write_text(
            "import numpy as np\n\n\nclass Plain:\n    def begin(self, briefing):\n"
            "        self.links = len(briefing.order_bound)\n\n"
            "    def order(self, observation):\n        return np.full(self.links, 9.0)\n"
        )
    return [folder / "plain", folder / "alone"]


def test_who_plays_independent_worlds_alone_is_found_with_the_reason(entered: list[Path]) -> None:
    plain, alone = load_submissions(entered, Plugins({})).require()
    alone = replace(alone, independent_only=True)
    chains = Suite(name="chains", description="", scenarios=(world(), load_scenario("serial-stationary-backlog")))
    assert list(find_unplayed([plain, alone], chains)) == [
        (
            alone,
            "stock points that depend on one another (node 1 buys from node 2, which keeps a stock, too, "
            "in scenario serial-stationary-backlog)",
        )
    ]
    assert list(find_unplayed([plain, alone], Suite(name="shops", description="", scenarios=(world(),)))) == []


PLUGIN = controller_source("one-by-one").replace('tracks=("blind",)', 'tracks=("blind",), independent_only=True')


@pytest.mark.parametrize("trust", [True, False])
def test_an_evaluation_lists_them_and_exits_with_0(
    tmp_path: Path, entered: list[Path], monkeypatch: pytest.MonkeyPatch, trust: bool
) -> None:
    place = write_plugin(tmp_path / "plugins", "fake-alone", "fake_alone", PLUGIN)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("PYTHONPATH", str(place))
    alone = tmp_path / "alone.yaml"
    alone.write_text("name: one-by-one\ncontroller: one-by-one\ntrack: blind\n")
    chain, shops = tmp_path / "chain.yaml", tmp_path / "shops.yaml"
    chain.write_text(yaml.safe_dump({"name": "chain", "network": "serial", "horizon": 4}))
    shops.write_text(yaml.safe_dump(world().model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    options = ["--isolation", "trusted" if trust else "process", "--workers", "0", "--seeds", "public:1"]
    options += ["--trust", "fake-alone"] if trust else []
    out = tmp_path / "out"
    found = invoke(["evaluate", str(entered[0]), str(alone), "--scenario", str(chain), *options, "--output", str(out)])
    assert found.exit_code == 0, found.output
    assert "left out: one-by-one does not play this suite: stock points that depend on one another" in found.stderr
    assert "does not play this suite: one-by-one: stock points" in found.stdout
    standings = json.loads((out / "standings.json").read_text())
    assert [one["submission"] for one in standings["not_playing"]] == ["one-by-one"]
    assert standings["refused"] == []
    assert "<h2>Not playing</h2>" in (out / "report.html").read_text()
    assert invoke(["verify", str(out)]).exit_code == 0
    both = tmp_path / "both"
    found = invoke(["evaluate", str(entered[0]), str(alone), "--scenario", str(shops), *options, "--output", str(both)])
    assert found.exit_code == 0, found.output
    assert len(json.loads((both / "standings.json").read_text())["rows"]) == 2
    strict = [str(entered[0]), str(alone), "--scenario", str(chain), *options, "--output", str(tmp_path / "strict")]
    refused = invoke(["evaluate", *strict, "--refuse-faulty"])
    assert refused.exit_code == 2 or refused.exception is not None


def test_the_promise_is_true_or_false() -> None:
    class Config(BaseModel, frozen=True, extra="forbid"):
        pass

    spec = ControllerSpec("mine", Config, ("blind",), lambda config: None, "one line", independent_only="yes")  # type: ignore[arg-type, return-value]
    with pytest.raises(PluginError, match=r'independent_only must be True or False, got "yes"'):
        check_promises(spec)
    assert check_promises(replace(spec, independent_only=True)) == 'controller "mine"'
