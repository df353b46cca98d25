"""The advice and a match agree: whatever the state, the order is the one that a match from it logs in period 0."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from planner import write_company

from arena.advice.advise import advise, read_today
from arena.advice.asking import round_to_lots
from arena.advice.controllers import load_controllers
from arena.advice.today import Today
from arena.contract.seeds import PublicSeeds
from arena.jail.limits import Limits
from arena.play import table
from arena.play.match import play
from arena.play.seats.trusted import TrustedHost
from arena.simulate.compiled import compile_scenario

CONTROLLERS = ("newsvendor", "ss", "echelon", "exp-smoothing", "newsvendor:informed", "echelon:informed")

units = st.integers(0, 60)


@st.composite
def states(draw: st.DrawFn) -> str:
    """State files of the small company, valid ones."""
    rows = [
        f"depot,{draw(units)},,,,",
        f"east,{draw(units)},{draw(st.integers(0, 9))},,,",
        f"west,{draw(units)},,,,",
    ]
    for node, supplier, lead_time in (("depot", "mill", 3), ("east", "depot", 2), ("west", "depot", 1)):
        for day in draw(st.sets(st.integers(0, lead_time - 1))):
            rows.append(f"{node},,,{supplier},{draw(st.integers(1, 30))},2024-02-{12 + day}")
    return "\n".join(["node,on_hand,backlog,supplier,on_order,arrival", *draw(st.permutations(rows))]) + "\n"


@given(state=states(), name=st.sampled_from(CONTROLLERS), capacity=st.none() | st.integers(0, 40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_order_is_that_of_a_match_in_whole_lots_within_capacity(
    state: str, name: str, capacity: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        scenario = write_company(Path(folder), state)
        if capacity is not None:
            network = Path(folder) / "network.yaml"
            text = network.read_text().replace("{name: mill}", f"{{name: mill, capacity: {capacity}}}")
            network.write_text(text)
        today = read_today(scenario, Path(folder) / "state.csv")
        (submission,) = load_controllers([name])
        advice = advise(scenario, Path(folder) / "state.csv", submission)
        logged = first_logged(today, submission, patched)
    lines = advice.lines
    np.testing.assert_array_equal([line.requested for line in lines], logged)
    compiled = compile_scenario(today.scenario)
    np.testing.assert_array_equal([line.order for line in lines], round_to_lots(compiled, logged))
    for line in lines:
        lots = line.order / line.lot_size if line.lot_size else 0.0
        assert lots == pytest.approx(round(lots), abs=1e-9)
        assert line.order >= line.requested - 1e-9
        assert line.ships is not None
        assert line.ships <= line.order + 1e-9
        assert line.position == line.on_hand + line.on_order - line.backlog
    depot, *shops = lines
    assert depot.ships is not None
    assert depot.ships <= (np.inf if capacity is None else capacity) + 1e-9
    assert sum(line.ships or 0.0 for line in shops) <= depot.on_hand + 1e-9
    short = {one.node for one in advice.warnings if one.kind == "capacity"}
    assert short == {line.supplier for line in lines if (line.ships or 0.0) < line.order - 1e-6}


def first_logged(today: Today, submission, patched: pytest.MonkeyPatch) -> np.ndarray:
    """Orders that a match logs in period 0; the history is the recorded one, which a match of it would have drawn."""
    assert today.history is not None
    patched.setattr(table, "realised_history", lambda scenario, entropy: today.history)
    seed = PublicSeeds().episode(today.scenario.digest, 0)
    return play(submission, today.scenario, seed, TrustedHost(), Limits()).requested[0]


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_world_that_states_its_demand_needs_no_patch(tmp_path: Path, name: str) -> None:
    scenario = write_company(tmp_path)
    text = scenario.read_text()
    scenario.write_text(text[: text.index("window")] + "history: 20\ndemand: {base_mean: 3}\n")
    (tmp_path / "state.csv").write_text("node,on_hand,backlog\ndepot,20,\neast,1,3\nwest,6,\n")
    today = read_today(scenario, tmp_path / "state.csv")
    (submission,) = load_controllers([name])
    seed = PublicSeeds().episode(today.scenario.digest, 0)
    logged = play(submission, today.scenario, seed, TrustedHost(), Limits()).requested[0]
    advice = advise(scenario, tmp_path / "state.csv", name)
    np.testing.assert_array_equal([line.requested for line in advice.lines], logged)


@given(state=states(), factor=st.sampled_from([0.5, 1.25, 2.0]))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_more_demand_never_orders_less(state: str, factor: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenario = write_company(Path(folder), state)
        advice = advise(scenario, Path(folder) / "state.csv", "newsvendor", demand=[factor])
    as_it_is, varied = (advice.lines_of(*case) for case in advice.cases)
    for before, after in zip(as_it_is, varied, strict=True):
        assert (after.order - before.order) * (factor - 1) >= -1e-9
        assert after.needed == pytest.approx(factor * before.needed, rel=1e-9)
