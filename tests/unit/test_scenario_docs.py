"""The page about the scenario's file: every field of every schema, and examples that load."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from arena import Network, Scenario
from arena.documents import parse_document
from arena.schemas import LARGEST, parse_as
from arena.world.customers import Window
from arena.world.data import DemandData
from arena.world.demand import Demand, Goodwill, Seasonal, Series, Shock, Trend
from arena.world.dependence import Correlation
from arena.world.lead_times import LeadTimeDistribution, LeadTimeSeries
from arena.world.library import build_scenario
from arena.world.nodes_and_links import Component, MarketLink, Node, SupplyLink

# Each schema, and the fields under which its example stands on the page.
SCHEMAS: Mapping[type[BaseModel], tuple[str, ...]] = {
    Scenario: (),
    Window: ("window",),
    Correlation: ("correlation",),
    Goodwill: ("goodwill",),
    Demand: ("demand",),
    Series: ("demand", "series"),
    DemandData: ("demand", "data"),
    Trend: ("demand", "trend"),
    Seasonal: ("demand", "seasonal"),
    Shock: ("demand", "shock"),
    Network: (),
    Node: ("nodes",),
    Component: ("bill_of_materials",),
    SupplyLink: ("supply_links",),
    LeadTimeDistribution: ("lead_time_distribution",),
    LeadTimeSeries: ("lead_time_series",),
    MarketLink: ("market_links",),
}
SECTIONS = {
    Network: "network",
    DemandData: "data",
    LeadTimeDistribution: "lead-time-distribution",
    LeadTimeSeries: "lead-time-series",
    SupplyLink: "supply-link",
    MarketLink: "market-link",
}
ENDS = ("supplier", "buyer", "retailer", "market", "suppliers")
NUMBERS = {"number": "number", "integer": "whole number"}


def anchor(model: type[BaseModel]) -> str:
    return SECTIONS.get(model, model.__name__.lower())


def type_in_words(told: Mapping[str, Any]) -> str:
    """The type of a field in its JSON Schema, in words of the page; an empty default says that it may be absent."""
    if "$ref" in told:
        name = told["$ref"].rpartition("/")[2]
        (model,) = (model for model in SCHEMAS if model.__name__ == name)
        return f"[{anchor(model).replace('-', ' ')}](#{anchor(model)})"
    if "anyOf" in told:
        return " or ".join(type_in_words(one) for one in told["anyOf"] if one.get("type") != "null")
    if "allOf" in told:
        (only,) = told["allOf"]
        return type_in_words(only)
    if "const" in told:
        return f"`{told['const']}`"
    if "enum" in told:
        return " or ".join(f"`{one}`" for one in told["enum"])
    kind = told["type"]
    if kind == "array":
        return "list of " + re.sub(r"^(list|(?:whole )?number)\b", r"\1s", type_in_words(told["items"]))
    if kind in NUMBERS:
        return NUMBERS[kind] + bounds(told)
    return {"string": "text", "boolean": "true or false"}[kind]


def bounds(told: Mapping[str, Any]) -> str:
    parts = []
    for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")):
        limit = told.get(key)
        if limit is not None and limit != LARGEST and not (key == "exclusiveMinimum" and "minimum" in told):
            parts.append(f"{sign} {limit:,}".replace(".0", "").replace("-", "−"))
    return f" {', '.join(parts)}" if parts else ""


def with_bounds(told: Mapping[str, Any], field: Any) -> Mapping[str, Any]:
    """The JSON Schema of a field with the bounds that it does not tell: those that are checked after another rule."""
    keys = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
    own = {key: getattr(rule, name) for rule in field.metadata for name, key in keys.items() if hasattr(rule, name)}
    return {**told, **own} if told.get("type") in NUMBERS else told


def default_in_words(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "`{}`"
    if field.default is None:
        return ""
    return f"`{field.default:.4g}`" if isinstance(field.default, float) else f"`{json.dumps(field.default)}`"


def table_of(model: type[BaseModel]) -> str:
    """The table of a schema's fields, as it stands on the page."""
    types = model.model_json_schema()["properties"]
    lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        written = field.alias or name
        assert field.description, f"{name} has no description"
        meaning = field.description.replace("|", r"\|").replace("{}", "`{}`")
        kind, default = type_in_words(with_bounds(types[written], field)), default_in_words(field)
        if name in ENDS:
            kind = "id or name" if name != "suppliers" else "list of ids or names"
        if (model, name) == (Node, "id"):
            default = "its position"
        lines.append(f"| `{written}` | {kind} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def sections(repository: Path) -> dict[str, str]:
    """Text of each section by its anchor."""
    page = (repository / "docs" / "reference" / "scenario.md").read_text(encoding="utf-8")
    parts = re.split(r"^##+ .*\{ #([\w-]+) \}$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("model", SCHEMAS, ids=lambda model: model.__name__)
def test_the_page_has_the_fields_of_the_schema(sections: Mapping[str, str], model: type[BaseModel]) -> None:
    assert table_of(model) in sections[anchor(model)]


@pytest.mark.parametrize("model", SCHEMAS, ids=lambda model: model.__name__)
def test_the_example_is_valid(sections: Mapping[str, str], model: type[BaseModel]) -> None:
    example = re.findall(r"```yaml\n(.*?)```", sections[anchor(model)], re.DOTALL)[0]
    found: Any = parse_document(example.encode(), "example")
    if model is Scenario:
        assert build_scenario(found, "example").name
        return
    for field in SCHEMAS[model]:
        found = found[field]
    for one in found if isinstance(found, list) else [found]:
        numbered = {"id": 0, **one} if model is Node else one
        assert parse_as(model, ids_for_names(numbered), "example") is not None


def ids_for_names(example: Any) -> Any:
    """A part of a network that is checked for itself: a number stands for each name, which only a network knows."""
    found: dict[str, Any] = {key: 0 if key in ENDS else value for key, value in example.items()}
    if "bill_of_materials" in found:
        found["bill_of_materials"] = [ids_for_names(line) for line in found["bill_of_materials"]]
    if "suppliers" in found:
        found["suppliers"] = [0 for _ in example["suppliers"]]
    return found


def test_a_series_is_read_from_its_source_and_column(sections: Mapping[str, str], tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml title=\"my-scenario.yaml\"\n(.*?)```", sections["series"], re.DOTALL)
    (tmp_path / "sales.csv").write_text("week,units,returns\n1,8,1\n2,12,0\n", encoding="utf-8")
    scenario = build_scenario(parse_document(example.encode(), "example"), "example", base=tmp_path)
    assert scenario.demand.series is not None
    assert scenario.demand.series.levels(2).tolist() == [16.0, 24.0]
    for word in ("`source`", "`column`"):
        assert f"| {word} |" in sections["series"]


def test_the_page_is_linked(repository: Path) -> None:
    assert "reference/scenario.md" in (repository / "mkdocs.yml").read_text(encoding="utf-8")
    assert "../reference/scenario.md" in (repository / "docs/how-to/network.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["perish", "share", "transshipment", "disruption"])
def test_it_says_what_is_missing(sections: Mapping[str, str], word: str) -> None:
    assert word in sections["not-yet"].lower()
