"""Networks of the largest size: loaded, played and stored. How long it takes is `benchmarks/large_networks.py`'s."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from large_networks import SUBMISSION, ConstantHost, tree, write

from arena import InvalidInput, load_network, load_scenario
from arena.contract.seeds import PublicSeeds
from arena.documents import MAX_BYTES, WORLD_BYTES
from arena.jail.limits import Limits
from arena.play.match import play
from arena.results.store import Store
from arena.simulate.compiled import compile_scenario
from arena.simulate.dynamics import step
from arena.simulate.simulator import Simulator
from arena.simulate.states import initial_state

NODES = 20_000


def test_the_largest_network_is_loaded_played_stored_and_read(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, NODES, 3))
    assert (tmp_path / "tree.yaml").stat().st_size > MAX_BYTES
    assert len(scenario.network.nodes) == NODES
    played = play(SUBMISSION, scenario, PublicSeeds().episode(scenario.digest, 0), ConstantHost(), Limits())
    assert played.record.outcome == "ok"
    with Store(tmp_path / "store", read_only=False) as store:
        store.put(played, suite="large")
        store.put_scenarios([scenario], {})
    with Store(tmp_path / "store", read_only=True) as store:
        [key] = store.keys()
        requested, drawn = store.arrays(key)
        assert store.record(key).profit == played.record.profit
        assert store.scenarios()[scenario.digest].scenario.digest == scenario.digest
    again = Simulator(scenario)
    again.replay(drawn)
    for orders in requested:
        again.step(orders)
    np.testing.assert_allclose(again.ledger().reward.sum(), played.record.profit, rtol=1e-12)


def test_profits_by_node_are_the_same_whether_their_map_is_dense_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario("divergent-stationary-backlog")
    compiled = compile_scenario(scenario)
    generator = np.random.default_rng(3)
    state = initial_state(compiled, 4, np.zeros(1))
    for period in range(3):
        orders = generator.uniform(0, 40, (4, compiled.links))
        demand = generator.uniform(0, 40, (4, compiled.markets))
        after, dense = step(compiled, state, orders, demand)
        with monkeypatch.context() as patched:
            patched.setattr("arena.simulate.compiled._LARGEST_MAP", 0)
            _, sparse = step(compiled, state, orders, demand)
        np.testing.assert_allclose(sparse.node_profit, dense.node_profit, rtol=1e-12, atol=1e-12, err_msg=str(period))
        np.testing.assert_allclose(sparse.node_profit.sum(axis=1), dense.reward, rtol=1e-12)
        state = after


def test_a_larger_file_is_refused_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "network.yaml"
    path.write_bytes(b"name: x\n#".ljust(WORLD_BYTES + 1, b"x"))
    with pytest.raises(InvalidInput, match=f"larger than {WORLD_BYTES} bytes"):
        load_network(path)
    path.write_text(json.dumps(tree(NODES + 2)))
    with pytest.raises(InvalidInput, match="nodes"):
        load_network(path)
