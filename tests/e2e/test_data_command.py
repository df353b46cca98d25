"""`arena data describe`, from the outside: what it says of a table, and the pictures that it draws."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from commands import invoke

from arena.report.demand import sparkline

SALES = "day;shop;units\n01.02.2024;north;0\n02.02.2024;north;8,5\n01.02.2024;<b>;4\n02.02.2024;<b>;-1\n"
OPTIONS = ["--layout", "long", "--date", "day", "--market", "shop", "--value", "units", "--separator", ";"]
OPTIONS += ["--decimal", ",", "--date-format", "%d.%m.%Y", "--negative", "zero"]
FLAGS = "day;shop;full\n01.02.2024;north;0\n02.02.2024;north;1\n01.02.2024;<b>;1\n02.02.2024;<b>;1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "flags.csv").write_text(FLAGS)
    return tmp_path


def test_a_table_is_described():
    done = invoke(["data", "describe", "sales.csv", *OPTIONS])
    assert done.exit_code == 0, done.output
    first, _, _, north, other = done.stdout.rstrip().splitlines()
    assert first == (
        "sales.csv (long): 2 markets, 2 periods of a day (found from the dates) from 2024-02-01 to 2024-02-02, "
        "mean 3.125 units a period, 50 % zeros, 0 gaps filled, 1 negative value set to 0, no flags of stock"
    )
    assert north.split() == ["north", "4.25", "8.5", "50", "%", "▁█"]
    assert other.split() == ["<b>", "2", "4", "50", "%", "█▁"]


def test_flags_are_described_and_markets_limited():
    in_stock = ["--in-stock", "flags.csv", "--in-stock-value", "full"]
    done = invoke(["data", "describe", "sales.csv", *OPTIONS, *in_stock, "--markets", "1"])
    assert done.exit_code == 0, done.output
    assert "25 % out of stock" in done.stdout
    assert "… and 1 more; --markets 2 shows all" in done.stdout
    assert "<b>" not in done.stdout
    chosen = invoke(["data", "describe", "sales.csv", *OPTIONS, *in_stock, "--only", "<b>"])
    assert "1 market," in chosen.stdout
    assert "0 % out of stock" in chosen.stdout


def test_a_scenario_needs_no_options(folder):
    (folder / "data").mkdir()
    (folder / "sales.csv").rename(folder / "data" / "sales.csv")
    (folder / "data" / "mine.yaml").write_text(
        "name: mine\nnetwork: serial\ndemand:\n  data:\n    file: sales.csv\n    layout: long\n    date: day\n"
        '    market: shop\n    value: units\n    separator: ";"\n    decimal: ","\n    date_format: "%d.%m.%Y"\n'
        "    negative: zero\n"
    )
    done = invoke(["data", "describe", "data/mine.yaml", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["reading"]["file"] == "data/sales.csv"
    assert [row["market"] for row in told["markets"]] == ["north", "<b>"]
    assert told["markets"][0] == {"market": "north", "mean": 4.25, "largest": 8.5, "zeros": 0.5, "censored": None}
    both = invoke(["data", "describe", "data/mine.yaml", "--missing", "zero"])
    assert both.exit_code == 2
    assert "--missing is given besides; write it into the file, or leave it out" in both.stderr


def test_a_scenario_without_data_is_refused(folder):
    (folder / "mine.yaml").write_text("name: mine\nnetwork: serial\n")
    done = invoke(["data", "describe", "mine.yaml"])
    assert done.exit_code == 2
    assert "demand.data: the scenario has no recorded demand; write demand: {data: {file: …" in done.stderr


WRONG = [
    (
        ["--layout", "long", "--value", "units"],
        "--date: layout long needs this column; write its header, such as --date d",
    ),
    ([], "--layout: is required; add it: long: a row per date and market"),
    (OPTIONS[:8], 'line 1: columns here are separated by semicolons, and commas are expected; write --separator ";"'),
    ([*OPTIONS[:10], "--date-format", "%d.%m.%Y"], 'write --decimal ","'),
    (
        [*OPTIONS[:6], "--value", "unit", *OPTIONS[8:]],
        '--value: there is no such column, got "unit"; did you mean "unit',
    ),
    ([*OPTIONS, "--only", "south"], '--only: is not in the table, got "south"; did you mean "north"?'),
    ([*OPTIONS, "--frequency", "0"], "--frequency: is day, week, month, or a number of days"),
    ([*OPTIONS, "--in-stock", "flags.csv"], '--in-stock-value: there is no such column, got "units"'),
    ([*OPTIONS, "--in-stock-value", "full"], "--in-stock-value: is a column of the table of flags, and none is named"),
    (
        [*OPTIONS, "--output", "demand.pdf"],
        "a picture of demand ends with .html, .svg, .png; write --output demand.html",
    ),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:50] for _, message in WRONG])
def test_what_is_wrong_is_said_as_an_option_to_write(options, message):
    done = invoke(["data", "describe", "sales.csv", *options])
    assert done.exit_code == 2
    assert message in done.stderr


def test_the_markets_that_tell_rows_apart_can_be_typed(folder):
    (folder / "two.csv").write_text("day,shop,item,units\n2024-02-01,a,x,1\n2024-02-01,a,y,1\n2024-02-02,a,x,1\n")
    done = invoke(["data", "describe", "two.csv", *OPTIONS[:8]])
    assert done.exit_code == 2
    assert 'if another column tells them apart ("item"), write --market shop --market item or the like' in done.stderr


def test_pictures(folder):
    for ending in ("html", "svg", "png"):
        if ending == "png":
            pytest.importorskip("matplotlib", reason="PNG needs matplotlib")
        command = ["data", "describe", "sales.csv", *OPTIONS, "--in-stock", "flags.csv", "--in-stock-value", "full"]
        for _ in range(2):  # An earlier picture is replaced.
            done = invoke([*command, "--output", f"demand.{ending}"])
            assert done.exit_code == 0, done.output
            assert f"drawn: demand.{ending}" in done.stdout
    drawing = ElementTree.parse(folder / "demand.svg").getroot()
    assert len(drawing.findall(".//{*}polyline")) == 2
    assert [text.text for text in drawing.findall(".//{*}text")][1::2] == ["north", "<b>"]
    page = (folder / "demand.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert (folder / "demand.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_somebody_else_is_never_replaced(folder):
    (folder / "demand.svg").write_text("<svg/>")
    done = invoke(["data", "describe", "sales.csv", *OPTIONS, "--output", "demand.svg"])
    assert done.exit_code == 2
    assert "is not a picture of recorded demand that the arena wrote" in done.stderr
    assert (folder / "demand.svg").read_text() == "<svg/>"


def test_a_png_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    done = invoke(["data", "describe", "sales.csv", *OPTIONS, "--output", "demand.png"])
    assert done.exit_code == 2
    assert 'pip install "inventory-arena[render]", or write --output demand.svg' in done.stderr


def test_a_terminal_without_unicode_gets_a_plot_too(folder):
    command = [sys.executable, "-m", "arena", "data", "describe", "sales.csv", *OPTIONS]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "_#" in done.stdout


def test_a_long_series_is_drawn_by_its_means():
    assert sparkline([0.0, 2.0] * 500 + [4.0] * 1000, 4) == "▃▃██"
    assert sparkline([0.0] * 5, 10) == "▁▁▁▁▁"
    # A single unit in many periods is seen.
    assert sparkline([100.0, 0.1, 0.0], 10) == "█▂▁"
