"""The table of attacks: it agrees with the corpus and other tests, and is what page and documentation show."""

import ast
import re
from pathlib import Path

import pytest
from records import make_record

from arena.report.attacks import APART, known_attacks
from arena.report.page import render_report
from arena.results.rows import OFFICIAL_ISOLATION
from arena.results.standings import compute_standings

CONTROLLERS = Path(__file__).parent / "controllers"
HELPERS = {"attempt.py", "system_calls.py", *(f"shadowing/{name}.py" for name in ("numpy", "json", "arena", "msgspec"))}
HELPERS |= {"shadowing/sitecustomize.py", "shadowing/usercustomize.py"}
CASES = [(attack, case) for attack in known_attacks() for case in attack.cases]


def classes():
    """Every controller in the corpus with its docstring: the classes whose docstring names a row."""
    found = {}
    for file in sorted(CONTROLLERS.rglob("*.py")):
        name = file.relative_to(CONTROLLERS).as_posix()
        if name in HELPERS:
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and re.match(r"Row \d", ast.get_docstring(node) or ""):
                found[f"{name}:{node.name}"] = ast.get_docstring(node)
    return found


def test_the_table_has_every_row():
    assert [attack.number for attack in known_attacks()] == list(range(1, 44))
    assert all(attack.cases or attack.tests for attack in known_attacks())


def test_the_table_and_the_corpus_are_the_same():
    named = {case.controller: attack.number for attack, case in CASES}
    assert len(named) == len(CASES)
    numbers = {controller: int(re.match(r"Row (\d+)", text)[1]) for controller, text in classes().items()}
    assert named == numbers


@pytest.mark.parametrize("node", sorted({test for attack in known_attacks() for test in attack.tests}))
def test_the_tests_that_the_table_names_exist(repository, node):
    file, *names = node.split("::")
    body = ast.parse((repository / file).read_text(encoding="utf-8")).body
    for name in names:
        (found,) = [one for one in body if isinstance(one, ast.ClassDef | ast.FunctionDef) and one.name == name]
        body = found.body
    assert names[-1].startswith("test_")


def test_only_what_is_open_somewhere_needs_something():
    assert all(case.open_at for _, case in CASES if case.needs is not None)


def test_at_strict_names_are_open_and_nothing_else_and_nothing_in_a_sandbox():
    """What is open at a level decides whether its results may be official: each of endless names is a bit."""
    assert [attack.number for attack in known_attacks() if not attack.holds_at("strict")] == [43]
    assert all(attack.holds_at("sandbox") for attack in known_attacks())
    assert not any(attack.holds_at("trusted") for attack in known_attacks())


def test_a_level_is_official_where_nothing_is_open():
    assert {level for level in APART if all(one.holds_at(level) for one in known_attacks())} == OFFICIAL_ISOLATION


def lines_of_the_table():
    """The table as the documentation shows it."""
    yield f"| | attack | verdict | controllers | {' | '.join(APART)} |"
    yield "|--:|---|---|--:|" + "---|" * len(APART)
    for attack in known_attacks():
        levels = ["holds" if attack.holds_at(level) else "open" for level in APART]
        tried = str(len(attack.cases)) if attack.cases else "tests"
        yield f"| {attack.number} | {attack.attack} | {attack.verdict} | {tried} | {' | '.join(levels)} |"


def test_the_documentation_shows_the_table(repository):
    page = (repository / "docs" / "attacks.md").read_text(encoding="utf-8")
    assert "\n".join(lines_of_the_table()) in page


def test_the_readme_tells_how_many_there_are(repository):
    text = " ".join((repository / "README.md").read_text(encoding="utf-8").split())
    open_at_process = sum(not attack.holds_at("process") for attack in known_attacks())
    assert f"{len(CASES)} hostile controllers" in text
    assert f"{open_at_process} of the {len(known_attacks())} rows are open" in text


@pytest.mark.parametrize("level", ["trusted", *APART])
def test_the_page_tells_what_holds_at_the_level_that_was_played_at(level):
    records = [make_record(isolation=level)]
    page = render_report(compute_standings(records, suite="test", scenarios=("north",), seeds=1), records)
    holding = sum(attack.holds_at(level) for attack in known_attacks())
    assert f"were played at isolation level {level}." in page
    assert f"{holding} of {len(known_attacks())} verdicts hold." in page
    assert page.count("open at this level") == len(known_attacks()) - holding


def test_a_page_of_several_levels_tells_what_holds_at_all_of_them():
    records = [make_record(isolation=level, seed_index=index) for index, level in enumerate(("process", "strict"))]
    page = render_report(compute_standings(records, suite="test", scenarios=("north",), seeds=2), records)
    assert "were played at isolation level process and strict." in page
    assert page.count("open at this level") == sum(not attack.holds_at("process") for attack in known_attacks())
