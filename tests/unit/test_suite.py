"""Suites: the shipped ones row by row, and how a matrix is expanded or refused."""

import itertools
from collections import Counter

import pytest

from arena import Goodwill, Seasonal, Trend, load_network
from arena.errors import InvalidInput, UnknownName
from arena.world.contest_draws import DrawKey, public_key
from arena.world.suite import load_suite, scenario_names, suite_names

BOTH = (True, False)


def published_core():
    """Published ids of the contract's blocks A, B and D."""
    for network, effects, goodwill, backlog in itertools.product(
        ("base", "serial"), ("trend+seasonal", "trend+seasonal+shock"), BOTH, BOTH
    ):
        yield f"A_Core|{network}|{effects}|GW:{goodwill}|BL:{backlog}|MARL:False"
    for network, backlog in itertools.product(("base", "serial"), BOTH):
        yield f"B_PaperReplication|{network}|stationary|GW:False|BL:{backlog}|MARL:False"
    for network in ("base", "serial"):
        yield f"D_WalmartM5|{network}|M5_volatile|GW:False|BL:True|MARL:False"


def published_multi_agent():
    for network, effects in itertools.product(("base", "serial"), ("trend+seasonal", "trend+seasonal+shock")):
        yield f"C_MARL|{network}|{effects}|GW:False|BL:True|MARL:True"


def facts(scenario):
    """What a published id says, read off the scenario itself."""
    demand = scenario.demand
    network = {"divergent": "base", "serial": "serial"}[scenario.network.name]
    effects = "+".join(name for name in ("trend", "seasonal", "shock") if getattr(demand, name) is not None)
    label = "M5_volatile" if demand.series is not None else effects or "stationary"
    goodwill, backlog = scenario.goodwill is not None, scenario.fulfilment == "backlog"
    return f"{network}|{label}|GW:{goodwill}|BL:{backlog}|MARL:{scenario.decentralised}"


@pytest.mark.parametrize(
    ("name", "expected"), [("core", set(published_core())), ("multi-agent", set(published_multi_agent()))]
)
def test_the_published_rows(name, expected):
    scenarios = load_suite(name).scenarios
    assert len(scenarios) == len(expected)
    assert {scenario.published_id for scenario in scenarios} == expected


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("core", 22),
        ("multi-agent", 4),
        ("smoke", 4),
        ("networks", 10),
        ("certified", 8),
        ("classic", 25),
        ("stress", 30),
        ("transfer", 24),
    ],
)
def test_size_and_names_of_the_shipped_suites(name, rows):
    suite = load_suite(name)
    names = [scenario.name for scenario in suite.scenarios]
    assert (suite.name, len(names), len(set(names))) == (name, rows, rows)
    assert set(names) <= set(scenario_names())
    assert len({scenario.digest for scenario in suite.scenarios}) == rows


def test_the_shipped_suites_are_these():
    shipped = {"certified", "classic", "core", "multi-agent", "networks", "smoke", "stress", "transfer"}
    assert set(suite_names()) == shipped


@pytest.mark.parametrize("name", ["core", "multi-agent"])
def test_a_published_row_is_what_its_id_says(name):
    for scenario in load_suite(name).scenarios:
        assert scenario.published_id.split("|", 1)[1] == facts(scenario)
        assert (scenario.horizon, scenario.discount, scenario.upstream_shortage) == (30, 1.0, "lost")
        assert scenario.demand.noise_scale == (0.0 if scenario.demand.series else 1.0)
        assert abs(scenario.mean_path[0, 0] - 20) < 1e-9 or scenario.demand.series is not None
        assert scenario.decentralised == (name == "multi-agent")


def test_the_rows_with_a_known_demand_say_so():
    rows = [scenario for scenario in load_suite("core").scenarios if scenario.demand.noise_scale == 0]
    assert len(rows) == 2
    assert all("informed" in scenario.note and "seeds are one episode" in scenario.note for scenario in rows)


def test_the_rows_whose_stock_exceeds_the_demand_say_so():
    for scenario in load_suite("core").scenarios:
        stock = sum(node.initial_stock or 0.0 for node in scenario.network.nodes)
        ample = stock > scenario.mean_path[:, : scenario.horizon].sum()
        assert ample == scenario.name.startswith("divergent") == ("initial stock" in scenario.note)


def test_the_smoke_suite_is_a_part_of_the_core():
    core = {scenario.name: scenario for scenario in load_suite("core").scenarios}
    for scenario in load_suite("smoke").scenarios:
        assert core[scenario.name] == scenario


def test_a_certified_row_is_a_goodwill_row_of_the_core_but_for_its_sampling():
    core = {scenario.name: scenario for scenario in load_suite("core").scenarios if scenario.goodwill is not None}
    certified = load_suite("certified").scenarios
    assert {scenario.name for scenario in certified} == {f"{name}-inverse-cdf" for name in core}
    for scenario in certified:
        row = core[scenario.name.removesuffix("-inverse-cdf")]
        assert scenario.demand.sampling == "inverse_cdf"
        published = scenario.model_copy(
            update={"demand": scenario.demand.model_copy(update={"sampling": row.demand.sampling})}
        )
        assert published.digest == row.digest != scenario.digest
        assert "certified upper bound" in scenario.note
        assert scenario.published_id is None


def properties(scenario):
    """What a row of the suite stress is, read off the scenario itself."""
    demand = scenario.demand
    return {
        "network": scenario.network.name,
        "demand": tuple(name for name in ("trend", "seasonal", "shock") if getattr(demand, name) is not None),
        "goodwill": scenario.goodwill is not None,
        "fulfilment": scenario.fulfilment,
    }


def test_the_stress_suite_is_a_half_in_which_every_two_properties_meet():
    rows = [properties(scenario) for scenario in load_suite("stress").scenarios]
    assert len({tuple(row.values()) for row in rows}) == 30
    counts = {"network": 5, "demand": 3, "goodwill": 2, "fulfilment": 2}
    for name, count in counts.items():
        assert len({row[name] for row in rows}) == count
    for one, other in itertools.combinations(counts, 2):
        pairs = Counter((row[one], row[other]) for row in rows)
        even = 30 / (counts[one] * counts[other])
        assert len(pairs) == counts[one] * counts[other]
        assert all(abs(times - even) < 1 for times in pairs.values())


def test_the_numbers_of_the_stress_suite_are_drawn_and_its_structure_is_not():
    public, again = load_suite("stress"), load_suite("stress", public_key(20260511))
    assert public == again
    hidden, other = (load_suite("stress", DrawKey(key)) for key in (b"one", b"other"))
    for suite in (hidden, other):
        assert [scenario.name for scenario in suite.scenarios] == [scenario.name for scenario in public.scenarios]
        assert [properties(one) for one in suite.scenarios] == [properties(one) for one in public.scenarios]
    digests = [scenario.digest for suite in (public, hidden, other) for scenario in suite.scenarios]
    assert len(set(digests)) == 90
    assert {drawing.public_seed for drawing in public.drawings.values()} == {20260511}
    assert {drawing.public_seed for drawing in hidden.drawings.values()} == {None}


def test_every_number_of_the_stress_suite_that_a_controller_could_be_fitted_to_is_drawn():
    """Base mean, slope, amplitude, phase, shock, goodwill, noise and stocks: no default of the core is left."""
    defaults = {name: load_network(name) for name in ("divergent", "serial", "diamond", "tree", "w")}
    for scenario in load_suite("stress", DrawKey(b"any")).scenarios:
        demand, network = scenario.demand, defaults[scenario.network.name]
        assert demand.base_mean is None
        means = zip(scenario.network.market_links, network.market_links, strict=True)
        assert len({round(mine.mean_demand / theirs.mean_demand, 9) for mine, theirs in means} - {1.0}) == 1
        stocks = zip(scenario.network.nodes, network.nodes, strict=True)
        factors = {round(mine.initial_stock / theirs.initial_stock, 9) for mine, theirs in stocks if mine.initial_stock}
        assert len(factors - {1.0}) == 1
        assert demand.noise_scale != 1
        if demand.trend is not None:
            assert demand.trend.slope != Trend().slope
            assert demand.seasonal.amplitude != Seasonal().amplitude
            assert demand.seasonal.phase != Seasonal().phase
        if scenario.goodwill is not None:
            usual = Goodwill()
            assert all(getattr(scenario.goodwill, name) != getattr(usual, name) for name in Goodwill.model_fields)


def written(tmp_path, text):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    return path


MATRIX = """
name: mine
blocks:
  - set: {horizon: 7, demand: {noise_scale: 0}}
    published_id: "$net/$mode"
    matrix:
      net:
        - {label: serial, published: S, set: {network: serial}}
        - {label: w, published: W, set: {network: w, horizon: 9}}
      mode:
        - {label: "", published: B}
        - {label: busy, set: {demand: {base_mean: 50}}}
"""


def test_a_matrix_is_every_combination_and_mappings_merge(tmp_path):
    suite = load_suite(written(tmp_path, MATRIX))
    rows = {scenario.name: scenario for scenario in suite.scenarios}
    assert list(rows) == ["serial", "serial-busy", "w", "w-busy"]
    assert [scenario.horizon for scenario in suite.scenarios] == [7, 7, 9, 9]
    assert [scenario.published_id for scenario in suite.scenarios] == ["S/B", "S/", "W/B", "W/"]
    assert rows["w-busy"].demand.noise_scale == 0
    assert rows["w-busy"].demand.base_mean == 50
    assert rows["w"].demand.base_mean is None


def test_a_suite_lists_names_paths_and_scenarios(tmp_path):
    (tmp_path / "own.yaml").write_text("name: own\nnetwork: w\n")
    text = "name: mine\nscenarios: [serial-stationary-backlog, own.yaml, {name: inline, network: tree}]\n"
    names = [scenario.name for scenario in load_suite(written(tmp_path, text)).scenarios]
    assert names == ["serial-stationary-backlog", "own", "inline"]


DRAWING = """
name: mine
draw_seed: 5
blocks:
  - draw: [{path: demand.base_mean, uniform: [10, 30]}]
    draws: 3
    set: {demand: {base_mean: 20}}
    matrix:
      network:
        - {label: serial, set: {network: serial}}
        - {label: w, set: {network: w}, draw: [{path: demand.base_mean, uniform: [40, 50]}]}
  - matrix: {network: [{label: fixed, set: {network: serial}}]}
"""


def test_a_block_draws_several_scenarios_from_every_combination(tmp_path):
    suite = load_suite(written(tmp_path, DRAWING))
    means = {scenario.name: scenario.demand.base_mean for scenario in suite.scenarios}
    assert list(means) == ["serial-1", "serial-2", "serial-3", "w-1", "w-2", "w-3", "fixed"]
    assert len(set(means.values())) == 7
    assert all(10 <= means[f"serial-{number}"] <= 30 for number in (1, 2, 3))
    assert all(40 <= means[f"w-{number}"] <= 50 for number in (1, 2, 3))
    assert set(suite.drawings) == set(means) - {"fixed"}


@pytest.mark.parametrize(
    ("text", "message", "right"),
    [
        (DRAWING.replace("draw_seed: 5", ""), r"draw_seed: a suite that draws states its public seed", DRAWING),
        (DRAWING.replace("draws: 3", "draws: 0"), r"blocks\[0\]\.draws: must be 1 or more", DRAWING),
        (DRAWING.replace("uniform: [10, 30]", "uniform: 10"), r"blocks\[0\]\.draw\[0\]\.uniform", DRAWING),
        (DRAWING.replace("demand.base_mean", "demand.base"), r'(?s)2 faults.*did you mean "base_mean"', DRAWING),
        ("name: mine\n", r"a suite has at least one scenario", "name: mine\nscenarios: [serial-stationary-backlog]\n"),
        (
            "name: mine\nscenarios: [serial-m5-backlog, serial-m5-backlog]\n",
            r"every scenario of a suite has its own name",
            "name: mine\nscenarios: [serial-m5-backlog]\n",
        ),
        (
            "name: mine\nscenarios: [serial-m5-backlogs]\n",
            r'did you mean "serial-m5-backlog"',
            "name: mine\nscenarios: [serial-m5-backlog]\n",
        ),
        ("name: Mine\nscenarios: [serial-m5-backlog]\n", r"name: must match the pattern", MATRIX),
        ("name: mine\nblocks: [{matrix: {}}]\n", r"blocks\[0\]\.matrix: must have at least 1", MATRIX),
        (MATRIX.replace("set: {network: serial}", "sets: {}"), r'sets: .*did you mean "set"', MATRIX),
        (MATRIX.replace("horizon: 7", "horizn: 7"), r'(?s)4 faults.*horizn: .*did you mean "horizon"', MATRIX),
        (MATRIX.replace("network: w", "network: v"), r"(?s)2 faults.*unknown network", MATRIX),
        (MATRIX.replace("label: serial", 'label: ""'), r"name: must have at least 1 characters", MATRIX),
    ],
    ids=range(13),
)
def test_a_broken_suite_is_refused_and_its_sibling_is_not(tmp_path, text, message, right):
    with pytest.raises(InvalidInput, match=message):
        load_suite(written(tmp_path, text))
    assert load_suite(written(tmp_path, right)).name == "mine"


def test_an_unknown_suite_is_refused():
    with pytest.raises(UnknownName, match=r'unknown suite, got "cor"; did you mean "core"'):
        load_suite("cor")
    assert load_suite("core").name == "core"


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("core", "oracle-published"),
        ("multi-agent", "oracle-published"),
        ("smoke", "oracle-published"),
        ("stress", "oracle-published"),
        ("certified", None),
    ],
)
def test_a_suite_of_published_rows_is_scored_by_the_published_oracle(name, oracle):
    assert load_suite(name).scored_by == oracle


@pytest.mark.parametrize("refused", ["The Best", "the--best", "the-best-", '""'])
def test_what_scores_are_divided_by_is_the_name_of_a_submission(tmp_path, refused):
    path = tmp_path / "own.yaml"
    path.write_text(f"{{name: own, scored_by: {refused}, scenarios: [serial-m5-backlog]}}")
    with pytest.raises(InvalidInput, match="scored_by"):
        load_suite(path)
    path.write_text("{name: own, scored_by: the-best, scenarios: [serial-m5-backlog]}")
    assert load_suite(path).scored_by == "the-best"
