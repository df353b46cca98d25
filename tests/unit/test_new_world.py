"""`arena new world`: a network and a scenario for a table of sales, which play as they are."""

from __future__ import annotations

import csv
import datetime
import json
import re
from pathlib import Path

import pytest
from commands import invoke
from hypothesis import given, strategies as st

from arena.documents import parse_document
from arena.errors import InvalidInput
from arena.scaffold.world import most_shops, new_world
from arena.scaffold.world.windows import choose_windows
from arena.world.data import DataSource, DemandData
from arena.world.library import load_network
from arena.world.parts import parts_of
from arena.world.suite import load_scenario

LONG = "day;shop;units\n" + "".join(
    f"{day:02d}.03.2024;{shop};{units},5\n" for day in range(1, 31) for shop, units in (("Süd", day), ("North", 3))
)
OPTIONS = [
    *("--layout", "long", "--date", "day", "--market", "shop", "--value", "units", "--separator", ";"),
    *("--decimal", ",", "--date-format", "%d.%m.%Y"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text(LONG, encoding="utf-8")
    return tmp_path


def recorded(markets: tuple[str, ...], periods: int = 10) -> tuple[DataSource, DemandData]:
    values = tuple(tuple(float(period) for period in range(periods)) for _ in markets)
    source = DataSource(file="sales.csv", layout="rows", market=("shop",), date_prefix="d_", date_format="number")
    return source, DemandData(markets=markets, start="1", frequency="period", values=values)


def test_it_writes_a_shop_per_series_and_windows_of_the_last_fifth() -> None:
    done = invoke(["new", "world", "my-shops", "--sales", "sales.csv", *OPTIONS])
    assert done.exit_code == 0, done.stderr
    scenario = load_scenario(Path("my-shops/scenario.yaml"))
    network = scenario.network
    assert [node.name for node in network.nodes] == ["supplier", "Süd", "North", "Süd customers", "North customers"]
    assert (scenario.horizon, scenario.windows, scenario.history) == (6, 1, 24)
    assert scenario.mean_path[:, :6].tolist() == [[day + 0.5 for day in range(25, 31)], [3.5] * 6]
    # (1 + lead time) periods of the mean before the windows: 13 and 3.5.
    assert [network.node(shop).initial_stock for shop in network.managed] == [26.0, 7.0]
    # Controllers that play the first parts alone may play it.
    assert parts_of(scenario) == ()


def test_with_a_warehouse_the_shops_are_supplied_by_it() -> None:
    done = invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS, "--warehouse", "--windows", "3"])
    assert done.exit_code == 0, done.stderr
    scenario = load_scenario(Path("w/scenario.yaml"))
    names = {node.id: node.name for node in scenario.network.nodes}
    ends = [(names[link.supplier], names[link.buyer]) for link in scenario.network.supply_links]
    assert ends == [("supplier", "warehouse"), ("warehouse", "Süd"), ("warehouse", "North")]
    assert (scenario.horizon, scenario.windows) == (2, 3)


def test_every_place_to_fill_in_is_listed_with_its_line() -> None:
    done = invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS, "--warehouse"])
    listed = re.findall(r"^  (\S+):(\d+)  (.*)$", done.stdout, re.MULTILINE)
    marked = [
        (str(path), str(number), line.partition("FILL IN: ")[2])
        for path in (Path("w/network.yaml"), Path("w/scenario.yaml"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "# FILL IN: " in line
    ]
    assert listed == marked
    assert len(listed) == 6


def test_it_plays_in_ranks(repository: Path) -> None:
    invoke(["new", "world", "my-shops", "--sales", "sales.csv", *OPTIONS, "--horizon", "5", "--windows", "2"])
    submissions = [str(repository / "submissions" / f"{name}.yaml") for name in ("ss", "newsvendor")]
    options = ["--scenario", "my-shops/scenario.yaml", "--seeds", "public:2", "--isolation", "trusted"]
    done = invoke(["evaluate", *submissions, *options, "--workers", "0", "--output", "out"])
    assert done.exit_code == 0, done.stderr
    ranked = json.loads(Path("out/standings.json").read_text(encoding="utf-8"))
    assert {row["submission"] for row in ranked["rows"]} == {"ss", "newsvendor"}
    assert all(row["episodes"] == 2 and row["forfeits"] == 0 for row in ranked["rows"])
    done = invoke(["export", "out", "--output", "table.csv"])
    assert done.exit_code == 0, done.stderr
    with Path("table-periods.csv").open(encoding="utf-8", newline="") as file:
        links = {(row["link_name"], row["origin"], row["destination"]) for row in csv.DictReader(file)}
    assert ("", "supplier", "Süd") in links
    assert ("Süd", "Süd", "Süd customers") in links
    with Path("table-nodes.csv").open(encoding="utf-8", newline="") as file:
        assert {row["node"] for row in csv.DictReader(file)} == {"Süd", "North"}


def test_the_table_is_found_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "worlds").mkdir()
    done = invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS, "--in", "worlds"])
    assert done.exit_code == 0, done.stderr
    assert 'file: "../../sales.csv"' in Path("worlds/w/scenario.yaml").read_text(encoding="utf-8")
    monkeypatch.chdir("/")
    assert load_scenario(tmp_path / "worlds" / "w" / "scenario.yaml").windows == 1


def test_flags_go_along() -> None:
    days = ",".join(f"d_{day}" for day in range(1, 11))
    Path("rows.csv").write_text(f"shop,{days}\nA,{','.join('1234567890')}\n", encoding="utf-8")
    Path("flags.csv").write_text(f"shop,{days}\nA,{','.join('1111111001')}\n", encoding="utf-8")
    table = ["--layout", "rows", "--market", "shop", "--date-prefix", "d_", "--date-format", "number"]
    done = invoke(["new", "world", "w", "--sales", "rows.csv", *table, "--in-stock", "flags.csv"])
    assert done.exit_code == 0, done.stderr
    data = load_scenario(Path("w/scenario.yaml")).demand.data
    assert data is not None
    assert data.in_stock == ((True,) * 7 + (False, False, True),)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--decimal", "."], "--decimal"),
        (["--horizon", "16", "--windows", "2"], "--windows: windows lie in the recorded periods, and 2 x 16"),
        (["--history", "25"], "--history 24"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(options: list[str], told: str) -> None:
    done = invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS, *options])
    assert done.exit_code != 0
    assert told in done.stderr
    assert not Path("w").exists()
    assert invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS]).exit_code == 0


def test_nothing_is_overwritten() -> None:
    Path("w").mkdir()
    done = invoke(["new", "world", "w", "--sales", "sales.csv", *OPTIONS])
    assert "exists already" in done.stderr
    assert list(Path("w").iterdir()) == []
    done = invoke(["new", "world", "My Shops", "--sales", "sales.csv", *OPTIONS])
    assert "NAME" in done.stderr
    assert "as in my-shops" in done.stderr


@given(
    names=st.lists(
        st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\x7f"), min_size=1, max_size=100)
        | st.sampled_from(["supplier", "warehouse", "a customers", "a", "1", "null", '"', "\\", "{x: 1}", "# no"]),
        min_size=1,
        max_size=4,
        unique=True,
    ),
    warehouse=st.booleans(),
)
def test_names_come_back_whatever_they_are(
    names: list[str], warehouse: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("names")
    source, data = recorded(tuple(names))
    made = new_world("w", folder, source, data, choose_windows(data), warehouse=warehouse)
    network = parse_document((made.folder / "network.yaml").read_bytes(), "network.yaml")
    assert [link["name"] for link in network["market_links"]] == names
    assert [link["retailer"] for link in network["market_links"]] == names


def test_as_many_shops_are_written_as_a_network_has_room_for(tmp_path: Path) -> None:
    most = most_shops(warehouse=True)
    source, data = recorded(tuple(f"{'long ' * 15}{number}" for number in range(most)))
    made = new_world("many", tmp_path, source, data, choose_windows(data), warehouse=True)
    network = load_network(made.folder / "network.yaml")
    assert (len(network.nodes), len(network.market_links)) == (2 * most + 2, most)
    assert 20_000 - 2 < len(network.nodes) + 1 <= 20_001


@pytest.mark.parametrize("warehouse", [False, True])
def test_more_shops_than_a_network_has_room_for_are_refused(tmp_path: Path, warehouse: bool) -> None:
    most = most_shops(warehouse=warehouse)
    assert 2 * most + 1 + warehouse <= 20_000 < 2 * (most + 1) + 1 + warehouse
    source, data = recorded(tuple(map(str, range(most + 1))))
    with pytest.raises(InvalidInput, match=r'20,000 nodes, two .*9,999 shops can be made, got "10000 markets"; choose'):
        new_world("more", tmp_path, source, data, choose_windows(data), warehouse=warehouse)


def test_names_that_make_the_file_too_large_are_refused(tmp_path: Path) -> None:
    source, data = recorded(tuple(f"{number} {chr(0x2028) * 90}" for number in range(5_000)))
    with pytest.raises(InvalidInput, match="and shorter names; the network's file has at most 16,777,216 bytes"):
        new_world("long", tmp_path, source, data, choose_windows(data))


def test_there_are_no_more_windows_than_public_seeds_unless_they_are_asked_for() -> None:
    days = [datetime.date(2014, 1, 1) + datetime.timedelta(day) for day in range(3_650)]
    Path("ten.csv").write_text("day,units\n" + "".join(f"{day},{day.day}\n" for day in days), encoding="utf-8")
    table = ["--layout", "long", "--date", "day", "--value", "units"]
    done = invoke(["new", "world", "ten-years", "--sales", "ten.csv", *table])
    assert "windows 10, periods in each 28" in done.stdout
    assert done.stdout.endswith("--seeds public:10\n")
    assert load_scenario("ten-years/scenario.yaml").windows == 10
    done = invoke(["new", "world", "more", "--sales", "ten.csv", *table, "--windows", "26"])
    assert done.stdout.endswith("--seeds hidden:26 --secret FILE (arena seeds new FILE makes one)\n")


def test_a_name_that_no_shop_can_have_is_refused(tmp_path: Path) -> None:
    source, data = recorded(("x" * 101,))
    with pytest.raises(InvalidInput, match="at most 100 characters"):
        new_world("w", tmp_path, source, data, choose_windows(data))
    source, data = recorded(("x" * 100,))
    assert new_world("w", tmp_path, source, data, choose_windows(data)).scenario.is_file()


@given(periods=st.integers(1, 2_000), length=st.none() | st.integers(1, 60), number=st.none() | st.integers(1, 30))
def test_windows_end_with_the_last_period(periods: int, length: int | None, number: int | None) -> None:
    _, data = recorded(("A",), periods)
    if (length or 1) * (number or 1) > periods:
        with pytest.raises(InvalidInput, match="are more than"):
            choose_windows(data, length, number)
        return
    chosen = choose_windows(data, length, number)
    assert chosen.start + chosen.length * chosen.number == periods
    assert length in (None, chosen.length)
    assert number in (None, chosen.number)
    assert 0 <= chosen.history <= chosen.start
    if length is None and (number or 1) <= periods / 5:
        assert chosen.length * chosen.number <= max(1, periods / 5)
