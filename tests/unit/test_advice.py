"""The advice: what it reckons with, what an order is for, and what it warns of; worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
from planner import STOCK, TODAY, write_company

from arena.advice.advise import advise, read_today
from arena.advice.asking import FirstDecision
from arena.advice.calendar import Calendar
from arena.advice.controllers import load_controllers
from arena.advice.explain import Outlook
from arena.advice.forecast import forecast_demand
from arena.advice.needs import needs_by_point
from arena.advice.result import AdviceWarning, OrderLine
from arena.advice.variations import Variation, parse_share, with_lead_time, with_scaled_demand
from arena.errors import ArenaError, InvalidInput, UnknownName
from arena.plugins import discover
from arena.world.library import load_network
from arena.world.suite import load_scenario


def needs(controller: str) -> pytest.MarkDecorator:
    """Leave a case out where no installed plugin has the controller."""
    return pytest.mark.skipif(controller not in discover().controllers, reason=f"no plugin has {controller}")


# --- calendar, forecast, needs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "text", "date_format", "period"),
    [
        (Calendar("2024-02-12", "day"), "2024-02-12", None, 0),
        (Calendar("2024-02-12", "day"), "11.02.2024", "%d.%m.%Y", -1),
        (Calendar("2024-02-12", "week"), "2024-02-18", None, 0),
        (Calendar("2024-02-12", "week"), "2024-02-19", None, 1),
        (Calendar("2024-02-12", "14 days"), "2024-02-11", None, -1),
        (Calendar("2024-02", "month"), "2025-01-31", None, 11),
        (Calendar("2024-02-12", "day"), "3", "number", 3),
        (Calendar(), "-2", "number", -2),
    ],
)
def test_a_date_lies_in_its_period(calendar: Calendar, text: str, date_format: str | None, period: int) -> None:
    assert calendar.period_of(text, date_format) == period


def test_a_date_without_a_calendar_is_refused() -> None:
    found = Calendar().period_of("2024-02-12", None)
    assert isinstance(found, tuple)
    assert "the periods of this world have no dates" in found[0]


def test_a_forecast_of_days_is_that_of_the_weekday() -> None:
    week = np.array([1.0, 2, 3, 4, 5, 6, 7])
    units = np.concatenate([np.full(7, 100.0), np.tile(week, 8)])[
        :, None
    ]  # what is older than eight weeks is forgotten
    found = forecast_demand(units, None, "day", 9)
    np.testing.assert_allclose(found.mean[:, 0], [1, 2, 3, 4, 5, 6, 7, 1, 2], rtol=1e-12)
    np.testing.assert_allclose(found.deviation, [0.0], atol=1e-12)
    assert found.words == "the mean of each day of the week over the last 8 weeks"


def test_a_forecast_leaves_out_empty_shelves() -> None:
    units = np.array([[4.0], [0.0], [8.0]])
    found = forecast_demand(units, np.array([[True], [False], [True]]), "week", 2)
    np.testing.assert_allclose(found.mean, [[6.0], [6.0]], rtol=1e-12)
    np.testing.assert_allclose(found.deviation, [np.sqrt(8.0)], rtol=1e-12)  # of 4 and 8 around 6, with one mean


def test_a_market_that_was_always_sold_out_has_the_mean_of_its_sales() -> None:
    found = forecast_demand(np.array([[2.0], [4.0]]), np.zeros((2, 1), dtype=bool), "month", 1)
    np.testing.assert_allclose(found.mean, [[3.0]], rtol=1e-12)


def test_few_days_have_no_days_of_the_week() -> None:
    found = forecast_demand(np.arange(27.0)[:, None], None, "day", 1)
    np.testing.assert_allclose(found.mean, [[13.0]], rtol=1e-12)
    assert found.words == "the mean of the last 27 days"


def test_needs_go_up_the_network(tmp_path: Path) -> None:
    write_company(tmp_path)
    network = load_network(tmp_path / "network.yaml")
    needs = needs_by_point(network, np.array([[5.0, 2.0], [0.0, 1.0]]))
    np.testing.assert_allclose(needs, [[7, 5, 2], [1, 0, 1]], rtol=1e-12)


@pytest.mark.parametrize("name", ["assembly", "diamond"])
def test_a_factory_needs_its_components_and_several_suppliers_share(name: str) -> None:
    network = load_network(name)
    demand = np.ones((1, len(network.market_links)))
    needs = needs_by_point(network, demand)
    for place, point in enumerate(network.stock_points):
        sold = len(network.markets_of(point.node_id)) * 1.0
        for link in network.outbound(point.node_id):
            buyer = network.receiving_points[link]
            sold += needs[0, buyer] / len(network.stock_points[buyer].arrivals)
        assert needs[0, place] == pytest.approx(sold * point.consumption, rel=1e-12)


# --- today --------------------------------------------------------------------------------------------------------


def test_today_is_told_what_was_sold_and_expects_the_like(tmp_path: Path) -> None:
    today = read_today(write_company(tmp_path), tmp_path / "state.csv")
    scenario = today.scenario
    assert (scenario.history, scenario.windows) == (28, 1)
    assert today.history is not None
    np.testing.assert_array_equal(today.history[-1], [5, 2])  # 2024-02-11, a Sunday
    saturday = today.forecast.mean[5]
    np.testing.assert_allclose(saturday, [11.0, 1.5], rtol=1e-12)
    np.testing.assert_allclose(scenario.mean_path[:, :7], today.forecast.mean[:7].T, rtol=1e-12)
    assert scenario.deviation(scenario.mean_path)[1, 0] == pytest.approx(today.forecast.deviation[1], rel=1e-12)
    assert scenario.network.supply_links[1].initial_pipeline == (0, 8)


def test_a_newer_table_moves_today(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    newer = (tmp_path / "sales.csv").read_text() + "2024-02-12,4,0\n"
    (tmp_path / "newer.csv").write_text(newer)
    stock = STOCK.replace("2024-02-13", "2024-02-14")
    (tmp_path / "state.csv").write_text(stock)
    today = read_today(scenario, tmp_path / "state.csv", history=tmp_path / "newer.csv", today="2024-02-13")
    assert today.world.calendar.today == "2024-02-13"
    assert today.history is not None
    assert today.history[-1].tolist() == [4, 0]


def test_a_newer_table_may_be_shorter_than_the_windows(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    lines = (tmp_path / "sales.csv").read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join([lines[0], *lines[-3:]]) + "\n")
    today = read_today(scenario, tmp_path / "state.csv", history=tmp_path / "short.csv")
    assert today.scenario.history == 3


@pytest.mark.parametrize("told", ["-5", "true", "many", "1000000000"])
def test_a_history_that_is_no_number_of_periods_is_refused_with_a_newer_table_too(tmp_path: Path, told: str) -> None:
    scenario = write_company(tmp_path)
    text = scenario.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("history:")]
    scenario.write_text("\n".join([*kept, f"history: {told}"]) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="history: must be a whole number from 0 to"):
        read_today(scenario, tmp_path / "state.csv", history=tmp_path / "sales.csv")


def test_history_without_a_table_to_be_like_is_refused(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    text = scenario.read_text()
    scenario.write_text(text[: text.index("window")] + "demand: {base_mean: 3}\n")
    with pytest.raises(InvalidInput, match="names no table of demand, so that it is not known how a newer one is read"):
        read_today(scenario, tmp_path / "state.csv", history=tmp_path / "sales.csv")


def test_a_world_that_states_its_demand_is_advised_by_dates_or_numbers(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    text = scenario.read_text()
    scenario.write_text(text[: text.index("window")] + "demand: {base_mean: 3}\n")
    with pytest.raises(InvalidInput, match="the periods of this world have no dates"):
        read_today(scenario, tmp_path / "state.csv")
    head = "today: 2024-02-12\nfrequency: day\n"
    table = "tables: [{file: state.csv, node: node, on_hand: on_hand, backlog: backlog, supplier: supplier, "
    (tmp_path / "state.yaml").write_text(head + table + "on_order: on_order, arrival: arrival}]\n")
    today = read_today(scenario, tmp_path / "state.yaml")
    assert today.state.pipeline[1] == (0, 8)
    assert today.forecast.words == "the mean demand that the world states"
    (tmp_path / "state.yaml").write_text(
        head.replace(": day", ": month") + table + "on_order: on_order, arrival: arrival}]\n"
    )
    with pytest.raises(InvalidInput, match="is not the first day of a period of a month"):
        read_today(scenario, tmp_path / "state.yaml")


def test_a_rule_that_is_told_no_demand_is_warned_of(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    text = scenario.read_text()
    state = tmp_path / "state.csv"
    state.write_text("node,on_hand\ndepot,48\neast,9\nwest,14\n")
    stated = text[: text.index("window")] + "demand: {base_mean: 3}\n"
    for written, told in (
        (stated, ["newsvendor"]),
        (stated + "history: 28\n", []),
        (text, []),
    ):
        scenario.write_text(written)
        found = advise(scenario, state, ["newsvendor", "newsvendor:informed"])
        assert [one.controllers[0] for one in found.warnings if one.kind == "no_history"] == told


# --- what-ifs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["ten", "10", "+10", "-101%", "901%", "1e3%", "+-1%"])
def test_a_share_is_a_percentage(text: str) -> None:
    with pytest.raises(InvalidInput, match="is a percentage by which all demand changes"):
        parse_share(text, "--demand")


def test_a_what_if_scales_sales_and_forecast(tmp_path: Path) -> None:
    write_company(tmp_path)
    plain = read_today(tmp_path / "scenario.yaml", tmp_path / "state.csv")
    world = plain.world.varied(Variation(demand=1.5))
    assert world.recorded is not None
    assert plain.world.recorded is not None
    np.testing.assert_allclose(world.recorded.units, 1.5 * plain.world.recorded.units, rtol=1e-12)


@pytest.mark.parametrize("name", ["serial-stationary-backlog", "serial-transfer-backlog", "serial-m5-backlog"])
def test_a_what_if_scales_demand_that_is_stated(name: str) -> None:
    scenario = load_scenario(name)
    np.testing.assert_allclose(with_scaled_demand(scenario, 2.0).mean_path, 2 * scenario.mean_path, rtol=1e-12)


def test_without_any_demand_nothing_is_needed(tmp_path: Path) -> None:
    found = advise(write_company(tmp_path), tmp_path / "state.csv", ["newsvendor:informed"], demand=[0.0])
    lines = found.lines_of("newsvendor-informed", "demand -100 %")
    assert [line.order for line in lines] == [0, 0, 0]
    assert {line.purpose for line in lines} == {"nothing is needed up to 2024-02-23"}


def test_a_what_if_lengthens_fixed_lead_times_alone() -> None:
    scenario = load_scenario("serial-stationary-backlog")
    longer = with_lead_time(scenario, 2, "world")
    before = np.array(scenario.network.lead_times)
    np.testing.assert_array_equal(longer.network.lead_times, before + 2)
    with pytest.raises(InvalidInput, match="is a number of periods from 0 to 100"):
        with_lead_time(scenario, -1, "world")


# --- lines and warnings ---------------------------------------------------------------------------------------------


def explained(folder: Path, requested: list[float]) -> tuple[list[OrderLine], list[AdviceWarning]]:
    """Lines and all warnings of orders that nobody decided."""
    today = read_today(folder / "scenario.yaml", folder / "state.csv")
    outlook = Outlook(today)
    lines, warnings = outlook.lines("mine", "blind", "trusted", FirstDecision(np.array(requested), 0, False))
    return lines, [*outlook.warnings(), *warnings]


def test_an_order_is_raised_to_lots_and_explained(tmp_path: Path) -> None:
    write_company(tmp_path)
    lines, _ = explained(tmp_path, [0.0, 5.0, 3.0])
    depot, east, west = lines
    # Six units a day, and 12.5 on Saturday: 72.5 up to Thursday.
    assert (depot.order, depot.purpose) == (0, "no order: the stock lasts to 2024-02-21")
    # Monday and Tuesday need 4.5 each, before Wednesday; 9 + 8 - 2 = 15, so that 6 are left for Wednesday's 4.5.
    assert (east.requested, east.order, east.ships) == (5, 8, 8)
    assert (east.on_hand, east.on_order, east.backlog, east.position) == (9, 8, 2, 15)
    assert (east.needed, east.arrives, east.arrives_in) == (pytest.approx(9.0, rel=1e-12), "2024-02-14", 2)
    assert (east.covers_from, east.covers_until) == ("2024-02-15", "2024-02-16")
    assert east.purpose == "demand of 2024-02-15 to 2024-02-16"
    assert west.order == 5  # the minimum order


def test_warnings_are_given_of_what_an_order_cannot_mend(tmp_path: Path) -> None:
    write_company(tmp_path, STOCK.replace("east,9", "east,3").replace("depot,8,2024-02-13", "depot,,"))
    _, warnings = explained(tmp_path, [0.0, 0.0, 0.0])
    # 3 - 2 - 4.5 on Monday, and 4.5 more on Tuesday.
    assert [one.text for one in warnings if one.kind == "stock_out"] == [
        "east: short from 2024-02-12 on by up to 8 units; an order of today arrives on 2024-02-14"
    ]


def test_warnings_are_given_of_stock_without_a_use_and_of_too_large_orders(tmp_path: Path) -> None:
    write_company(tmp_path, STOCK.replace("west,14", "west,40"))
    _, warnings = explained(tmp_path, [0.0, 52.0, 0.0])
    # The west needs 1.5 units a day, for seven days; the east 6 times 4.5 and 11, of which it has 15.
    assert [(one.text, one.controllers) for one in warnings if one.kind == "never_sold"] == [
        ("depot: 23.5 of 72 units are not needed up to 2024-02-18", ()),
        ("west: 29.5 of 40 units are not needed up to 2024-02-18", ()),
        ("east: 29 of 52 ordered units are not needed up to 2024-02-18", ("mine",)),
    ]
    texts = {one.kind: one.text for one in warnings}
    assert texts["capacity"] == "depot: asked for 52, and can ship 48 today (it has 48 on hand); order the rest again"
    assert [one.controllers for one in warnings if one.kind == "capacity"] == [("mine",)]


@pytest.mark.parametrize(
    ("capacity", "why"),
    [
        (45, "can ship 44 today (its capacity is 45)"),  # in whole lots of 4
        (48, "can ship 48 today (its capacity is 48)"),
        (49, "can ship 48 today (it has 48 on hand)"),
    ],
)
def test_the_limit_that_binds_is_named(tmp_path: Path, capacity: int, why: str) -> None:
    write_company(tmp_path)
    network = tmp_path / "network.yaml"
    factory = f"initial_stock: 60, operating_cost: 1, capacity: {capacity},"
    network.write_text(network.read_text().replace("initial_stock: 60,", factory))
    _, warnings = explained(tmp_path, [0.0, 60.0, 0.0])
    (text,) = [one.text for one in warnings if one.kind == "capacity"]
    assert why in text


def test_an_order_that_the_backlog_takes_up_is_for_no_demand(tmp_path: Path) -> None:
    write_company(tmp_path, STOCK.replace("east,9,2", "east,0,100"))
    lines, _ = explained(tmp_path, [0.0, 8.0, 0.0])
    # 8 arrive and 100 wait, before 9 more are asked for.
    assert (lines[1].covers_from, lines[1].covers_until, lines[1].purpose) == (None, None, "what customers wait for")
    # 101 more than are needed up to its arrival are one unit too few for those who wait, and then some for demand.
    lines, _ = explained(tmp_path, [0.0, 104.0, 0.0])
    assert lines[1].purpose == "what customers wait for, and demand of 2024-02-14"


@pytest.mark.parametrize(
    ("horizon", "texts"),
    [
        # The mill's goods take three days to the depot, and one more to the west; the east's take two.
        (5, []),
        (4, ["mill → depot: what is ordered today reaches customers after the scenario's horizon of 4, "]),
        (2, ["mill → depot and 1 more: what is ordered today reaches customers after the scenario's horizon of 2, "]),
    ],
)
def test_a_horizon_that_is_too_short_is_warned_of(tmp_path: Path, horizon: int, texts: list[str]) -> None:
    scenario = write_company(tmp_path)
    scenario.write_text(scenario.read_text().replace("horizon: 7", f"horizon: {horizon}"))
    _, warnings = explained(tmp_path, [0.0, 0.0, 0.0])
    rest = "so that rules that plan to its end order too little; write a horizon of more than 4"
    assert [one.text for one in warnings if one.kind == "horizon"] == [text + rest for text in texts]


def test_warnings_are_given_of_full_stores(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    network = (tmp_path / "network.yaml").read_text()
    (tmp_path / "network.yaml").write_text(
        network.replace("name: west, initial_stock: 20", "name: west, initial_stock: 1, storage_capacity: 12")
    )
    _, warnings = explained(tmp_path, [0.0, 0.0, 9.0])
    assert scenario.exists()
    # 1.5 of 14 are sold before the order arrives.
    assert [one.text for one in warnings if one.kind == "storage"] == [
        "west: has 14 units on hand, and room for 12",
        "west: 9 units arrive, and there is room for 0",
    ]


# --- controllers ----------------------------------------------------------------------------------------------------


def test_controllers_are_named_or_described() -> None:
    blind, informed = load_controllers(["newsvendor", "newsvendor:informed"])
    assert [(one.name, one.track) for one in (blind, informed)] == [
        ("newsvendor", "blind"),
        ("newsvendor-informed", "informed"),
    ]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("newsvender", UnknownName, 'is neither a controller of .* nor a file.*did you mean "newsvendor"'),
        ("newsvendor:blinde", UnknownName, 'newsvendor plays on blind, informed.*did you mean "blind"'),
        pytest.param(
            *("oracle", InvalidInput, "knows the demand to come, which nobody knows today"), marks=needs("oracle")
        ),
        pytest.param(*("llm-tuner", InvalidInput, "asks a language model"), marks=needs("llm-tuner")),
        ("absent.yaml", InvalidInput, "absent.yaml"),
        ("", UnknownName, "is neither a controller"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_asked_is_refused(name: str, error: type[InvalidInput], message: str) -> None:
    with pytest.raises(error, match=message):
        load_controllers([name])


def test_nobody_is_asked_twice(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    with pytest.raises(InvalidInput, match="is named twice"):
        advise(scenario, tmp_path / "state.csv", ["ss", "ss"])
    with pytest.raises(InvalidInput, match="nobody is asked"):
        advise(scenario, tmp_path / "state.csv", [])
    for factor in (-0.1, 10.5, float("nan")):
        with pytest.raises(InvalidInput, match="multiplies all demand by a number from 0 to 10"):
            advise(scenario, tmp_path / "state.csv", ["ss"], demand=[factor])
    with pytest.raises(InvalidInput, match="are more than 50 cases"):
        advise(scenario, tmp_path / "state.csv", ["ss"], demand=[1.0 + one / 100 for one in range(1, 52)])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("track: oracle", "the oracle is told the demand to come, which nobody knows today"),
        (
            "track: blind\ncapabilities: [llm]\nconfig: {endpoint: {base_url: http://127.0.0.1:9/v1, model: small}}",
            "asks a language model, which arena advise does not do",
        ),
    ],
)
def test_a_manifest_that_cannot_be_asked_is_refused(tmp_path: Path, line: str, message: str) -> None:
    scenario = write_company(tmp_path)
    body = "    def __init__(self, endpoint=None): pass\n    def order(self, seen): return [0.0, 0.0, 0.0]\n"
    place = own(tmp_path, body)
    (place / "submission.yaml").write_text(f"name: own\ncontroller: own.py:Own\n{line}\n")
    with pytest.raises(InvalidInput, match=message):
        advise(scenario, tmp_path / "state.csv", place)


def own(folder: Path, body: str) -> Path:
    """A submission with code of its own."""
    place = folder / "own"
    place.mkdir()
    (place / "submission.yaml").write_text("name: own\ncontroller: own.py:Own\ntrack: blind\n")
    (place / "own.py").write_text(f"class Own:\n    def begin(self, briefing):\n        self.b = briefing\n{body}")
    return place


def test_code_of_its_own_sits_where_the_contest_would_seat_it(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    body = "    def order(self, seen):\n        return [0.0, float(self.b.history[-1, 0]), float(seen.on_hand[2])]\n"
    found = advise(scenario, tmp_path / "state.csv", [own(tmp_path, body), "ss"])
    mine, theirs = found.lines_of("own"), found.lines_of("ss")
    assert [line.requested for line in mine] == [0, 5, 14]
    assert mine[0].isolation != "trusted"
    assert theirs[0].isolation == "trusted"
    assert found.today == TODAY
    assert found.known_until == "2024-02-11"


def test_a_controller_that_fails_is_told_of(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    body = "    def order(self, seen):\n        raise ValueError('no idea')\n"
    with pytest.raises(ArenaError, match="own gives no order: exception: ValueError: no idea"):
        advise(scenario, tmp_path / "state.csv", own(tmp_path, body), isolation="process")


def test_orders_out_of_bounds_are_told_of(tmp_path: Path) -> None:
    scenario = write_company(tmp_path)
    body = "    def order(self, seen):\n        return [-1.0, 0.0, 0.0]\n"
    found = advise(scenario, tmp_path / "state.csv", own(tmp_path, body), isolation="process")
    assert "own: 1 order was brought within the bounds of 0 and the largest order" in [
        one.text for one in found.warnings
    ]
