"""Tables at every width: nothing is cut, numbers stay whole, and no line is wider than was asked for."""

import re

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from arena.cli.layout import Drawing, Layout, fold, lay_out

WIDTHS = (40, 60, 80, 120)
COLUMNS = (
    "rank",
    "submission",
    "track",
    "score",
    "mean profit",
    "95 % interval",
    "immediate fill rate",
    "forfeits",
    "episodes",
)
RIGHT = (COLUMNS[0], *COLUMNS[3:])
OPTIONAL = ("track", "score", "forfeits", "episodes")
ROWS = [
    ("reference", "oracle", "oracle", "1.000", "1,392.1", "1.000 … 1.000", "89.1 %", "0", "220"),
    ("12–15", "ppo-transformer-informed", "informed", "0.985", "-12,369.8", "0.980 … 0.988", "87.7 %", "0", "220"),
    ("1", "a name with spaces", "blind", "–", "7.5", "–", "7.0 %", "0", "220"),
]


def lines_of(laid: Layout) -> list[str]:
    return [*laid.heading, *laid.body]


def standings(width: int | None, rows: list[tuple[str, ...]] = ROWS) -> Layout:
    return lay_out(COLUMNS, rows, right=RIGHT, width=width, optional=OPTIONAL, title=2)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_standings_fit_and_every_number_is_whole(width: int) -> None:
    lines = lines_of(standings(width))
    assert max(map(cell_len, lines)) <= width
    words = {word.rstrip(",") for word in re.split(r"[\s;]+", "\n".join(lines))}
    for row in ROWS:
        for cell in (row[0], *row[3:]):
            assert set(cell.split()) <= words, cell


@pytest.mark.parametrize("width", WIDTHS)
def test_names_are_shown_in_full(width: int) -> None:
    laid = standings(width)
    start = laid.heading[-2].index("submission") if laid.heading else 0
    end = laid.heading[-2].index("mean" if "track" not in laid.heading[-2] else "track") if laid.heading else width
    names = squeezed("".join(line[start:end] for line in laid.body))
    for row in ROWS:
        assert squeezed(row[1]) in names


def test_the_standings_are_a_table_at_80_and_blocks_at_40() -> None:
    assert standings(80).heading[-1] == "─" * len(standings(80).heading[-1])
    assert standings(80).body[-1] == "all rows: forfeits 0, episodes 220"
    assert standings(40).heading == ()
    assert standings(40).body[:3] == (
        "reference oracle",
        "    track: oracle; score: 1.000;",
        "    mean profit: 1,392.1;",
    )


def test_without_a_limit_a_row_is_a_line_and_no_column_is_left_out() -> None:
    laid = standings(None)
    assert len(laid.body) == len(ROWS)
    assert "forfeits   episodes" in laid.heading[0]
    assert laid.body[1].split("   ")[-1].strip() == "220"


def test_a_column_that_differs_is_not_left_out() -> None:
    rows = [(*row[:7], forfeits, *row[8:]) for row, forfeits in zip(ROWS, ("0", "0", "33"), strict=True)]
    for width in WIDTHS[:3]:
        text = "\n".join(lines_of(standings(width, rows)))
        assert "33" in text
        assert "all rows: episodes 220" in text


def test_headings_stand_above_their_numbers() -> None:
    laid = lay_out(("name", "units sold"), [("a", "12"), ("bb", "7")], right=("units sold",))
    assert lines_of(laid) == ["name   units sold", "─" * 17, "a              12", "bb              7"]
    narrow = lay_out(("name of the market", "units sold"), [("a", "12"), ("bb", "7")], right=("units sold",), width=20)
    heads = ["name of the    units", "market          sold", "─" * 20]
    assert lines_of(narrow) == [*heads, "a                 12", "bb                 7"]


def test_drawings_take_the_width_that_is_there() -> None:
    bar = Drawing(lambda width: "#" * width, most=40)  # As wide as its column.
    assert lay_out(("name", ""), [("a", bar)], width=None).body == ("a      " + "#" * 40,)
    assert lay_out(("name", ""), [("a", bar)], width=30).body == ("a     " + "#" * 24,)


def test_long_words_are_broken_after_a_joint() -> None:
    assert fold("stochastic-program-blind", 20) == ["stochastic-program-", "blind"]
    assert fold("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert fold("two words", 9) == ["two words"]
    assert fold("two words", 8, indent=2) == ["two", "  words"]
    assert fold("", 8) == [""]


TEXT = st.text(st.sampled_from("ab1-_ .…长é"), max_size=30).map(lambda text: " ".join(text.split()))


@given(
    st.lists(st.tuples(TEXT, TEXT, st.integers(-(10**9), 10**9).map(str)), max_size=5),
    st.integers(20, 130),
)
def test_nothing_is_lost_and_no_line_is_too_wide(rows: list[tuple[str, str, str]], width: int) -> None:
    columns = ("name", "a longer heading", "units")
    laid = lay_out(columns, rows, right=("units",), width=width)
    lines = lines_of(laid)
    assert max(map(cell_len, lines), default=0) <= width
    shown = sorted(squeezed("".join(lines)))
    for row in rows:
        assert set(squeezed("".join(row))) <= set(shown)
    count = sum(len(squeezed("".join(row))) for row in rows)
    body = squeezed("".join(laid.body))
    if laid.heading:
        assert len(body) == count
    for _, _, number in rows:
        assert number in " ".join(laid.body).replace(";", " ").split()


@given(TEXT, st.integers(2, 40))
def test_folding_keeps_every_letter(text: str, width: int) -> None:
    lines = fold(text, width)
    assert squeezed("".join(lines)) == squeezed(text)
    assert all(cell_len(line) <= width for line in lines)
