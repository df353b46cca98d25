"""The pages about data of demand: the fields are those of the schema, and the how-to's commands print what it shows."""

import re
import shlex
from pathlib import Path

import pytest
from commands import invoke
from pydantic import BaseModel

from arena.world.data import DataSource
from arena.world.data.source import FlagSource


def fields_of(model: type[BaseModel]) -> str:
    """The table of a schema's fields, as it stands on the page."""
    lines = ["| field | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default}`" if field.default is not None else ""
        meaning = (field.description or "").replace("|", r"\|")
        assert meaning, f"{name} has no description"
        lines.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(lines).replace('`","`', "`,`")


@pytest.mark.parametrize("model", [DataSource, FlagSource])
def test_the_reference_has_the_fields_of_the_schema(repository: Path, model: type[BaseModel]) -> None:
    page = (repository / "docs" / "reference" / "data.md").read_text(encoding="utf-8")
    assert fields_of(model) in page


def how_to(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "own-data.md").read_text(encoding="utf-8")


def test_the_how_to_prints_what_it_shows(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    files = re.findall(r'```csv title="(.*?)"\n(.*?)```', how_to(repository), re.DOTALL)
    assert [name for name, _ in files] == ["till.csv", "kiosks.csv", "items.csv", "shelf.csv"]
    for name, content in files:
        Path(name).write_text(content, encoding="utf-8")
    blocks = re.findall(r"```console\n\$ arena ((?:data|new) .*?)\n(.*?)```", how_to(repository), re.DOTALL)
    assert len(blocks) == 7
    for command, shown in blocks:
        done = invoke(shlex.split(command))
        printed = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
        assert printed == [line.rstrip() for line in shown.splitlines()], command


def test_the_scenario_of_the_how_to_can_be_described(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in re.findall(r'```csv title="(.*?)"\n(.*?)```', how_to(repository), re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")
    (scenario,) = re.findall(r"```yaml\n(name: kiosks\n.*?)```", how_to(repository), re.DOTALL)
    Path("kiosks.yaml").write_text(scenario, encoding="utf-8")
    done = invoke(["data", "describe", "kiosks.yaml"])
    assert done.exit_code == 0, done.stderr
    assert "2 markets, 6 periods of a day" in done.stdout


@pytest.mark.parametrize("word", ["CSV", "Excel", "own", "data", "Parquet"])
def test_a_search_finds_the_how_to(repository: Path, word: str) -> None:
    assert word in how_to(repository)
    assert "Your own network and data" in (repository / "mkdocs.yml").read_text(encoding="utf-8")
