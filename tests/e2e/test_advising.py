"""`arena advise` and `arena backtest` as a planner types them, and the how-to that leads to both."""

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from commands import invoke
from pages import embedded
from planner import TODAY, write_company

from arena.advice.result import OrderLine
from arena.advice.source import StateSource, StateTable
from arena.plugins import discover
from arena.report.html import number
from arena.results.reading import read_results
from arena.world.suite import load_scenario


def how_to(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "tomorrow.md").read_text(encoding="utf-8")


@pytest.fixture
def company(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the how-to in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, content in re.findall(r'```(?:csv|yaml) title="(.*?)"\n(.*?)```', how_to(repository), re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")
    return tmp_path


# --- the how-to -------------------------------------------------------------------------------------------------------


def test_the_how_to_prints_what_it_shows(repository: Path, company: Path) -> None:
    blocks = re.findall(r"```console\n\$ arena (.*?)\n(.*?)```", how_to(repository), re.DOTALL)
    assert [command.split()[0] for command, _ in blocks] == ["data", *["advise"] * 3, "backtest", "advise"]
    for command, text in blocks:
        done = invoke(shlex.split(command))
        shown = [line.rstrip() for line in text.splitlines()]
        printed = [line.rstrip() for line in done.stdout.splitlines()]
        if shown[0] == "…":
            assert printed[1 - len(shown) :] == shown[1:], command
        else:
            printed += [line.rstrip() for line in done.stderr.splitlines()]
            assert printed == shown, command
    profits = re.findall(r"^\| ([a-z-]+) \| ([0-9,]+) \|$", how_to(repository), re.MULTILINE)
    table = read_results(company / "backtest").table
    # Without the plugin of the oracle the others play.
    shown_profits = {name: text for name, text in profits if name != "oracle" or name in discover().controllers}
    assert shown_profits == {row.submission: number(row.mean_profit, 0) for row in (*table.rows, *table.reference)}
    with (company / "order.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert [row["order"] for row in rows if row["buyer"] == "Lyon"] == ["60.0"]


def test_the_message_that_the_how_to_tells_of_is_given(company: Path) -> None:
    broken = (company / "broken.yaml").read_text(encoding="utf-8").replace("Wating", "Waiting")
    (company / "broken.yaml").write_text(broken, encoding="utf-8")
    done = invoke(["advise", "scenario.yaml", "--state", "broken.yaml", "--controller", "newsvendor"])
    assert done.exit_code == 2
    told = 'line 4, Counted: must have a point before decimals, and this has a comma, got "58,5"; write decimal: ","'
    assert done.stderr.splitlines()[1:] == [f"  {told}"]


@pytest.mark.parametrize("forgotten", ["state.yaml", "scenario.yaml"])
def test_who_forgets_one_of_the_two_dates_is_told(company: Path, forgotten: str) -> None:
    sales = (company / "sales.csv").read_text(encoding="utf-8").splitlines()
    cells = ["20.05.24", *["7"] * (len(sales) - 1)]
    newer = [";".join((*line.split(";")[:-1], cell, "0")) for line, cell in zip(sales, cells, strict=True)]
    (company / "sales.csv").write_text("\n".join(newer) + "\n", encoding="utf-8")
    changes = {"state.yaml": ("2024-05-20", "2024-05-27"), "scenario.yaml": ("13.05.24", "20.05.24")}
    for file, (before, after) in changes.items():
        text = (company / file).read_text(encoding="utf-8")
        assert before in text
        if file != forgotten:
            (company / file).write_text(text.replace(before, after), encoding="utf-8")
    done = invoke(["advise", "scenario.yaml", "--state", "state.yaml", "--controller", "newsvendor"])
    assert done.exit_code == 2
    assert "sales are recorded up to" in done.stderr


@pytest.mark.parametrize("word", ["order", "plants", "warehouses", "stores", "decimal comma", "what if", "backtest"])
def test_a_search_finds_the_how_to(repository: Path, word: str) -> None:
    assert word in how_to(repository)
    assert "how-to/tomorrow.md" in (repository / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [StateSource, StateTable])
def test_the_reference_has_the_fields_of_the_state_file(repository: Path, model: type[StateSource]) -> None:
    page = (repository / "docs" / "reference" / "advice.md").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default}`" if field.default is not None else ""
        meaning = (field.description or "").replace("|", r"\|")
        assert meaning
        assert f"| `{name}` | {default} | {meaning} |".replace('`","`', "`,`") in page


def test_the_reference_has_the_columns_of_the_orders(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "advice.md").read_text(encoding="utf-8")
    for name, field in OrderLine.model_fields.items():
        assert f"| `{name}` | {field.description} |" in page


# --- advise -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def corner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small company in the working folder."""
    monkeypatch.chdir(tmp_path)
    return write_company(tmp_path)


ADVISE = ["advise", "scenario.yaml", "--state", "state.csv"]


def test_json_and_csv_and_workbook_say_the_same(corner: Path) -> None:
    pytest.importorskip("xlsxwriter")
    command = [*ADVISE, "--controller", "ss", "--controller", "newsvendor:informed", "--demand", "+10%"]
    done = invoke([*command, "--json", "--output", "orders.csv"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["today"] == TODAY
    with Path("orders.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(told["lines"]) == 2 * 2 * 3
    for row, line in zip(rows, told["lines"], strict=True):
        assert (row["controller"], row["what_if"], row["link"]) == (line["controller"], line["what_if"], line["link"])
        assert float(row["order"]) == line["order"]
        assert row["purpose"] == line["purpose"]
    assert invoke([*command, "--output", "orders.xlsx"]).exit_code == 0
    assert Path("orders.xlsx").read_bytes().startswith(b"PK")
    assert invoke([*command, "--output", "orders.xlsx"]).exit_code == 0  # its own is replaced


def test_a_workbook_leaves_no_other_file(corner: Path) -> None:
    pytest.importorskip("xlsxwriter")
    before = set(Path().iterdir())
    done = invoke([*ADVISE, "--controller", "ss", "--output", "orders.xlsx"])
    assert done.exit_code == 0, done.stderr
    assert set(Path().iterdir()) - before == {Path("orders.xlsx")}


@pytest.mark.parametrize("name", ["absent/orders.csv", "absent/orders.xlsx"])
def test_an_output_in_a_missing_folder_is_refused_before_anybody_is_asked(
    corner: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.advice.asking.Asking.ask", lambda *_: pytest.fail("was asked"))
    done = invoke([*ADVISE, "--controller", "ss", "--output", name])
    assert done.exit_code == 2
    assert "lies in a folder that is not there; make the folder, or name another" in done.stderr


def test_a_row_has_the_warnings_of_its_order(corner: Path) -> None:
    Path("mine").mkdir()
    (Path("mine") / "submission.yaml").write_text(
        "name: mine\ncontroller: mine.py:Mine\ntrack: blind\n", encoding="utf-8"
    )
    code = "class Mine:\n    def begin(self, briefing):\n        pass\n"
    code += "    def order(self, observation):\n        return [-1.0, 44.0, 20.0]\n"
    (Path("mine") / "mine.py").write_text(code, encoding="utf-8")
    done = invoke([*ADVISE, "--controller", "mine", "--isolation", "trusted", "--output", "orders.csv"])
    assert done.exit_code == 0, done.stderr
    with Path("orders.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["buyer"]: row for row in csv.DictReader(file)}
    assert all("mine: 1 order was brought within the bounds" in row["warnings"] for row in rows.values())
    # The depot has 48: the east, which stands first, gets all that it asked for, and the west 4 of 20.
    assert float(rows["east"]["ships"]) == float(rows["east"]["order"]) == 44
    assert "depot: asked for" not in rows["east"]["warnings"]
    assert "depot: asked for 64, and can ship 48 today" in rows["west"]["warnings"]


def test_what_the_arena_did_not_write_is_kept(corner: Path) -> None:
    for name in ("sales.csv", "orders.txt"):
        before = Path(name).read_bytes() if Path(name).exists() else b""
        done = invoke([*ADVISE, "--controller", "ss", "--output", name])
        assert done.exit_code == 2
        if name == "sales.csv":
            assert "is not a table of orders that the arena wrote; a file of somebody else" in done.stderr
        assert (Path(name).read_bytes() if Path(name).exists() else b"") == before


def test_a_world_that_was_made_from_sales_is_advised(corner: Path) -> None:
    done = invoke(["new", "world", "mine", "--sales", "sales.csv", "--layout", "wide", "--date", "day", "--warehouse"])
    assert done.exit_code == 0, done.stderr
    Path("state.csv").write_text("node,on_hand\nwarehouse,50\neast,12\nwest,3\n", encoding="utf-8")
    done = invoke(["advise", "mine/scenario.yaml", "--state", "state.csv", "--controller", "newsvendor"])
    assert done.exit_code == 0, done.stderr
    assert f"mine: orders of {TODAY}, sales known to 2024-02-11" in done.stdout
    assert "warehouse → east" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--controller", "newsvender"], 'did you mean "newsvendor"'),
        (["--controller", "ss", "--demand", "ten"], "--demand"),
        (["--controller", "ss", "--lead-time", "-1"], "--lead-time"),
        (
            ["--controller", "ss", "--history", "absent.csv"],
            "absent.csv:\n  there is no such file; check the path, which is relative to the working",
        ),
        (["--controller", "ss", "--history", "."], ".:\n  is a folder, and a table is a file"),
        (["--controller", "ss", "--isolation", "strong"], "isolation level"),
        (["--controller", "ss", "--today", "2024-02-14"], "today: "),
    ],
)
def test_a_wrong_option_has_a_message_and_no_traceback(corner: Path, options: list[str], message: str) -> None:
    done = invoke([*ADVISE, *options])
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_text_of_a_world_cannot_steer_the_terminal(corner: Path) -> None:
    network = Path("network.yaml").read_text(encoding="utf-8")
    Path("network.yaml").write_text(
        network.replace("name: mill}", 'name: "[red]mill"}').replace("r: mill", 'r: "[red]mill"')
    )
    state = Path("state.csv").read_text(encoding="utf-8").replace("mill", "[red]mill")
    Path("state.csv").write_text(state, encoding="utf-8")
    done = invoke([*ADVISE, "--controller", "ss"])
    assert done.exit_code == 0, done.stderr
    assert "[red]mill → depot" in done.stdout


# --- backtest ---------------------------------------------------------------------------------------------------------


def test_a_backtest_shows_the_stock_and_the_money_of_the_ledger(corner: Path) -> None:
    command = ["backtest", "scenario.yaml", "--submissions", "ss", "--submissions", "oracle", "--workers", "0"]
    done = invoke([*command, "--isolation", "trusted"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["backtest/report.html", "backtest/backtest.html"]
    page = Path("backtest/backtest.html").read_text(encoding="utf-8")
    data = embedded(page)
    results = read_results("backtest")
    nodes = results.nodes()
    assert data["nodes"] == ["all nodes", "depot", "east", "west"]
    assert (data["windows"], data["labels"][0], data["labels"][-1]) == ([0, 7], "2024-01-29", "2024-02-11")
    for policy in data["policies"]:
        ours = nodes[nodes.submission == policy["name"]]
        for part in ("revenue", "holding_cost", "procurement_cost", "shortage_penalty", "profit"):
            assert policy["money"][part] == pytest.approx(ours[part].sum(), abs=1e-3)
        for place, node in enumerate(data["nodes"]):
            for index, series in enumerate(policy["stock"][place]):
                chosen = ours[(ours.seed_index == index) & ((ours.node == node) | (place == 0))]
                assert series == pytest.approx(chosen.groupby("period").on_hand.sum().tolist(), abs=1e-3)
        profits = [record.profit for record in results.records if record.submission == policy["name"]]
        assert sum(map(sum, policy["earned"])) == pytest.approx(sum(profits), abs=1e-2)
    before = page
    assert invoke([*command, "--isolation", "trusted"]).exit_code == 0
    assert Path("backtest/backtest.html").read_text(encoding="utf-8") == before
    assert invoke(["verify", "backtest"]).exit_code == 0
    (old,) = set(re.findall('<td class="right"><b>(.*?)</b></td>', before)[:1])
    Path("backtest/backtest.html").write_text(before.replace(f"<b>{old}</b>", "<b>9,999.0</b>", 1), encoding="utf-8")
    edited = invoke(["verify", "backtest"])
    assert edited.exit_code == 1, edited.stderr
    assert "differs: backtest.html: page is" in edited.stdout
    assert "<b>9,999.0</b>" in edited.stdout
    Path("backtest/backtest.html").unlink()
    assert invoke(["verify", "backtest"]).exit_code == 0


def test_a_backtest_needs_windows(corner: Path) -> None:
    text = corner.read_text(encoding="utf-8")
    corner.write_text(re.sub(r"window: .*\n", "", text).replace("history: 28\n", ""), encoding="utf-8")
    done = invoke(["backtest", "scenario.yaml", "--submissions", "ss"])
    assert done.exit_code == 2
    assert "has no windows of recorded demand, so that there is nothing to go back to" in done.stderr


def test_a_backtest_of_another_world_is_refused(corner: Path, tmp_path: Path) -> None:
    from arena.errors import InvalidInput
    from arena.report.backtest import write_backtest

    command = ["backtest", "scenario.yaml", "--submissions", "ss", "--isolation", "trusted", "--workers", "0"]
    assert invoke(command).exit_code == 0
    other = load_scenario(corner).model_copy(update={"horizon": 5})
    with pytest.raises(InvalidInput, match="no episode of corner as it is now was played here"):
        write_backtest(read_results("backtest"), other)


def test_a_backtest_of_many_windows_says_what_is_left_out(corner: Path) -> None:
    text = corner.read_text(encoding="utf-8")
    windows = "window: {start: 28, stride: 1, count: 12}\nhistory: 28"
    corner.write_text(re.sub(r"window: .*\nhistory: 28", windows, text).replace("horizon: 7", "horizon: 2"), "utf-8")
    done = invoke(["backtest", "scenario.yaml", "--submissions", "ss", "--isolation", "trusted", "--workers", "0"])
    assert done.exit_code == 0, done.stderr
    assert "plays 10 of 12 windows; for all: arena evaluate --scenario scenario.yaml --seeds hidden:12" in done.stderr
    shutil.rmtree("backtest")
