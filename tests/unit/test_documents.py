"""Documents: whatever the bytes, the answer is a mapping of plain values or an InvalidInput."""

import os
from enum import Enum
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import example, given, strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from arena import documents
from arena.documents import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, load_document, parse_document
from arena.errors import ABSENT, FaultList, FieldFault, InvalidInput
from arena.schemas import MAX_FAULTS, Count, Finite, Fraction01, NonNegative, Positive, load_as, parse_as
from arena.world.network import Network

VALID = b"name: serial\nnodes:\n- id: 1\n  stock: 2.5\n- &n {id: 2, stock: 1e-3}\n- *n\nnote: |\n  text\n"


@pytest.fixture(autouse=True, params=["C", "Python"])
def parser(request, monkeypatch):
    """Both parsers of PyYAML, because an installation may have only the one in Python."""
    loader = yaml.SafeLoader if request.param == "Python" else getattr(yaml, "CSafeLoader", None)
    if loader is None:
        pytest.skip("this PyYAML was built without the C parser")
    monkeypatch.setattr(documents, "_LOADER", loader)


def read(text):
    return parse_document(text.encode() if isinstance(text, str) else text, "d.yaml")


def test_reads_plain_values():
    nodes = [{"id": 1, "stock": 2.5}, {"id": 2, "stock": 0.001}, {"id": 2, "stock": 0.001}]
    assert read(VALID) == {"name": "serial", "nodes": nodes, "note": "text\n"}


def test_aliased_values_are_copies():
    first, second = read("a: [&x [1], *x]")["a"]
    assert first == second
    assert first is not second


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("1", 1), ("-7", -7), ("+3", 3), ("0", 0), ("1e-3", 1e-3), ("1E3", 1000.0),
        (".5", 0.5), ("2.", 2.0), ("-1.5e+2", -150.0),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"), ("007", "007"), ("0o7", "0o7"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("=", "="),
        ("'1'", "1"), ('"true"', "true"), ("1e", "1e"), (".", "."), ("\u0661", "\u0661"), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars(text, value):
    found = read(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object/apply:os.system [ls]", r"line 1: tags are not allowed, got .*python/object"),
        ("a: 1\nb: !x 2", r"line 2: tags are not allowed"),
        ("a: !!str 2", r"line 1: tags are not allowed"),
        ("a: ! 2", r"line 1: tags are not allowed"),
        ("a: !!set {x}", r"tags are not allowed"),
        ("x: &x {b: 1}\na:\n  <<: *x", r"line 3: merge keys are not allowed"),
        ("a: 1\nb: 2\na: 3", r'line 3: this key stands already in line 1, got "a"'),
        ("a: {b: 1, b: 2}", r"line 1: this key stands already"),
        ("1: a", r"line 1: a key must be text, got 1; quote it"),
        ("true: a", r"a key must be text, got True"),
        ("~: a", r"a key must be text, got None"),
        ("[a]: b", r"a key must be text, got \['a'\]|a key must be text, got \[\"a\"\]"),
        ("a: 1\n---\nb: 2", r"line 2: holds a second document"),
        ("a: &a [*a]", r"this alias stands inside its own anchor, got \"\*a\""),
        ("&a {b: *a}", r"this alias stands inside its own anchor"),
        ("a: *b", r"this alias has no anchor"),
        ("a: .inf", r"must be a finite number"),
        ("a: -.INF", r"must be a finite number"),
        ("a: .nan", r"must be a finite number"),
        ("a: 1e999", r"must be a finite number"),
        ("a: " + "9" * 5000, r"a number has at most 100 characters"),
        ("a: [1", r"line \d: is not YAML"),
        ("a: b: c", r"line 1: is not YAML"),
        ("\ta: 1", r"line 1: is not YAML: a tab begins the line, and only spaces indent; write spaces"),
        ('a: "\\ud800"', r"is not YAML|half a surrogate"),
        ('a: "\\UFFFFFFFF"', r"is not YAML"),
        ("a: \x00", r"a character that YAML does not allow"),
        ("a: \x1b[31m", r"a character that YAML does not allow"),
        ("", r"must be a mapping of fields"),
        ("- a", r"must be a mapping of fields, got \[\"a\"\]|must be a mapping of fields, got \['a'\]"),
        ("text", r'must be a mapping of fields, got "text"'),
        (b"a: 1\nb: \xff", r"line 2: is not UTF-8 text"),
        ("a: 1".encode("utf-16"), r"is not UTF-8 text"),
    ],
)  # fmt: skip
def test_refused_text(text, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        read(text)
    assert str(caught.value).startswith("1 fault in d.yaml:\n")


def test_all_faults_of_the_text_are_told_at_once():
    with pytest.raises(InvalidInput, match="3 faults in") as caught:
        read("a: !x 1\n2: b\na: 3\n")
    assert [fault.field for fault in caught.value.faults] == ["line 1", "line 2", "line 3"]


def test_byte_order_mark_is_taken():
    assert read(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_depth_is_bounded():
    def nested(levels):
        return "a: " + "[" * (levels - 1) + "]" * (levels - 1)

    assert read(nested(MAX_DEPTH))
    with pytest.raises(InvalidInput, match="nested deeper than"):
        read(nested(MAX_DEPTH + 1))
    with pytest.raises(InvalidInput, match="nested deeper than"):
        read("a: " + "[" * 500_000)


def test_depth_counts_what_aliases_expand_to():
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, MAX_DEPTH - 1))
    assert read(chain)
    with pytest.raises(InvalidInput, match="nested deeper than"):
        read(chain + f"z: [*a{MAX_DEPTH - 2}]\n")


def test_number_of_aliases_is_bounded():
    assert read("a: &a 1\nb: [" + "*a, " * MAX_ALIASES + "]")
    with pytest.raises(InvalidInput, match="more than 100 aliases"):
        read("a: &a 1\nb: [" + "*a, " * (MAX_ALIASES + 1) + "]")


def test_alias_bomb_is_refused():
    bomb = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    with pytest.raises(InvalidInput, match="more than 100000 values, aliases expanded"):
        read(bomb)
    assert len(read(bomb[: bomb.index("a4:")])["a3"]) == 9


def test_number_of_values_is_bounded(monkeypatch):
    monkeypatch.setattr(documents, "MAX_NODES", 5)
    assert read("a: [1, 2]") == {"a": [1, 2]}  # mapping, key, list, two numbers
    with pytest.raises(InvalidInput, match="more than 5 values"):
        read("a: [1, 2, 3]")


def test_number_of_faults_is_bounded():
    with pytest.raises(InvalidInput) as caught:
        read("".join(f"{i}: x\n" for i in range(MAX_FAULTS + 500)))
    assert len(caught.value.faults) == MAX_FAULTS


def test_size_is_bounded(tmp_path):
    path = tmp_path / "d.yaml"
    path.write_bytes(b"a: 1\n#" + b"x" * (MAX_BYTES - 6))
    assert load_document(path) == {"a": 1}
    path.write_bytes(b"a: 1\n#" + b"x" * (MAX_BYTES - 5))
    with pytest.raises(InvalidInput, match="is larger than 1048576 bytes"):
        load_document(path)


def test_size_is_looked_at_before_reading(tmp_path):
    path = tmp_path / "d.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)  # a sparse file of a tebibyte
    with pytest.raises(InvalidInput, match="is larger than"):
        load_document(path)


def test_only_regular_files_are_read(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    link = tmp_path / "link.yaml"
    link.symlink_to(pipe)
    for path in (pipe, link, tmp_path, type(tmp_path)("/dev/zero")):
        with pytest.raises(InvalidInput, match="must be a regular file"):
            load_document(path)
    good = tmp_path / "good.yaml"
    good.write_text("a: 1")
    link.unlink()
    link.symlink_to(good)
    assert load_document(link) == {"a": 1}


def test_unreadable_paths_are_told(tmp_path):
    with pytest.raises(InvalidInput, match="there is no such file"):
        load_document(tmp_path / "missing.yaml")
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            load_document(tmp_path / name)


def answers(content):
    """A document, or an InvalidInput whose text is printable; any other error fails the test."""
    try:
        document = parse_document(content, "d.yaml")
    except InvalidInput as error:
        text = str(error)
    else:
        assert isinstance(document, dict)
        text = ""
    assert all(line.isprintable() for line in text.split("\n"))


@given(st.binary(max_size=300))
@example(b"%YAML " + b"1" * 5000 + b".1\n---\na: 1")
@example(b'a: "\\U00110000"')
@example(b"? ? ? ?")
@example(b"%TAG ! !!\n--- {a: 1}")
def test_any_bytes_are_answered(content):
    answers(content)


@given(
    st.lists(st.sampled_from([*"abx01.-+:?&*!|>%@`'\"#{}[],<~ \t\n\\\0\x85\u2028", "&a ", "*a", "<<: ", "---\n", "!!"]))
)
def test_any_text_of_marks_is_answered(pieces):
    answers("".join(pieces).encode())


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.binary(max_size=3)), min_size=1, max_size=5))
def test_any_mutation_is_answered(changes):
    content = bytearray(VALID)
    for position, piece in changes:
        content[position : position + 1] = piece
    answers(bytes(content))


class Colour(Enum):
    RED = "red"


class Link(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    lead_time: Count
    price: NonNegative = 1.0
    share: float = Field(default=1.0, alias="yield", le=1)


class Trend(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["trend"] = "trend"
    slope: Finite


class Shock(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["shock"] = "shock"
    magnitude: Finite


class Chain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(description="the slug of the chain")
    supply_links: tuple[Link, ...] = ()
    named_links: dict[str, Link] = {}
    role: Literal["factory", "distributor"] = "factory"
    colour: Colour = Colour.RED
    discount: Fraction01 = 1.0
    scale: Positive = 1.0
    offset: Finite = 0.0
    active: Annotated[bool, Field(strict=True)] = True
    part: Trend | None = None
    change: Annotated[Trend | Shock, Field(discriminator="kind")] | None = None
    nested: "Chain | None" = None

    @model_validator(mode="after")
    def _lead_times_differ(self):
        seen = [link.lead_time for link in self.supply_links]
        faults = [
            FieldFault(f"supply_links[{i}].lead_time", time, "is used twice", "choose another")
            for i, time in enumerate(seen)
            if seen.count(time) > 1
        ]
        if faults:
            raise FaultList(faults)
        if self.name == "bad":
            raise ValueError("this name is taken")
        return self


def told(**data):
    with pytest.raises(InvalidInput, match=r"in c\.yaml") as caught:
        parse_as(Chain, {"name": "a", **data}, "c.yaml")
    return [fault.describe() for fault in caught.value.faults]


def test_valid_data_becomes_a_model():
    chain = parse_as(Chain, {"name": "a", "supply_links": [{"lead_time": 2, "price": 3, "yield": 0.5}]}, "c.yaml")
    assert chain.supply_links == (Link.model_validate({"lead_time": 2, "price": 3.0, "yield": 0.5}),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"supply_links": [{"lead_time": -1}]}, "supply_links[0].lead_time: must be 0 or more, got -1"),
        ({"supply_links": [{"lead_time": True}]}, "supply_links[0].lead_time: must be a whole number, got True"),
        ({"supply_links": [{"lead_time": 2.0}]}, "supply_links[0].lead_time: must be a whole number, got 2.0"),
        ({"supply_links": [{"lead_time": "2"}]}, 'supply_links[0].lead_time: must be a whole number, got "2"'),
        ({"supply_links": [{}]}, "supply_links[0].lead_time: is required; add it"),
        ({"supply_links": [{"lead_time": 1, "yield": 2}]}, "supply_links[0].yield: must be 1 or less, got 2"),
        ({"supply_links": [{"lead_time": 1, "prise": 2}]},
         'supply_links[0].prise: is not a field here, got 2; did you mean "price"?'),
        ({"supply_links": [{"lead_time": 1, "q": 2}]},
         'supply_links[0].q: is not a field here, got 2; choose from "lead_time", "price", "yield"'),
        ({"named_links": {"x": {"lead_tim": 1, "lead_time": 1}}},
         'named_links.x.lead_tim: is not a field here, got 1; did you mean "lead_time"?'),
        ({"part": {"slope": 1, "slop": 2}}, 'part.slop: is not a field here, got 2; did you mean "slope"?'),
        ({"change": {"kind": "trend", "slope": "x"}}, 'change.slope: must be a number, got "x"'),
        ({"change": {"kind": "shock"}}, "change.magnitude: is required; add it"),
        ({"supply_links": 3}, "supply_links: must be a list, got 3"),
        ({"supply_links": [3]}, "supply_links[0]: must be a mapping of fields, got 3"),
        ({"role": "factori"},
         'role: must be one of \'factory\' or \'distributor\', got "factori"; did you mean "factory"?'),
        ({"colour": "rad"}, 'colour: must be one of \'red\', got "rad"; did you mean "red"?'),
        ({"name": 3}, "name: must be text, got 3"),
        ({"active": 1}, "active: must be true or false, got 1"),
        ({"discount": 0}, "discount: must be greater than 0, got 0"),
        ({"discount": 1.5}, "discount: must be 1 or less, got 1.5"),
        ({"scale": 0}, "scale: must be greater than 0, got 0"),
        ({"scale": True}, "scale: must be a number, got True"),
        ({"scale": "1"}, 'scale: must be a number, got "1"'),
        ({"offset": float("nan")}, "offset: must be a finite number, got nan"),
        ({"name": "bad"}, "this name is taken"),
        ({"nested": {"name": "bad"}}, "nested: this name is taken"),
        ({"nested": {}}, "nested.name: is required; add it: the slug of the chain"),
    ],
)  # fmt: skip
def test_each_rule_has_its_words(data, message):
    assert told(**data) == [message]


def test_all_faults_are_told_at_once():
    assert len(told(name=1, scale=0, supply_links=[{}, {"x": 1}])) == 5


def test_fault_list_is_unpacked_with_prefixed_paths():
    links = [{"lead_time": 1}, {"lead_time": 2}, {"lead_time": 1}]
    assert told(nested={"name": "b", "supply_links": links}) == [
        "nested.supply_links[0].lead_time: is used twice, got 1; choose another",
        "nested.supply_links[2].lead_time: is used twice, got 1; choose another",
    ]
    assert parse_as(Chain, {"name": "a", "supply_links": links[:2]}, "c.yaml").name == "a"


def test_missing_field_has_no_value():
    with pytest.raises(InvalidInput, match="name: is required") as caught:
        parse_as(Chain, {}, "c.yaml")
    assert caught.value.faults[0].value is ABSENT


def test_faults_of_a_model_are_bounded():
    lines = told(**{f"x{i}": 1 for i in range(MAX_FAULTS + 5)})
    assert len(lines) == MAX_FAULTS + 1
    assert lines[-1] == "has 5 faults more"


def test_largest_numbers_are_finite():
    assert parse_as(Chain, read("name: a\noffset: " + "9" * 100), "c.yaml").offset == pytest.approx(1e100, rel=1e-9)


def test_load_model_names_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("name: a\n")
    assert load_as(Chain, path).name == "a"
    path.write_text("name: 1\n")
    with pytest.raises(InvalidInput, match=r"1 fault in .*c\.yaml:\n  name: must be text, got 1"):
        load_as(Chain, path)


class Lists(BaseModel):
    pair: tuple[Count, ...] = Field(default=(1, 2), min_length=2)
    listed: list[Count] = Field(default=[1, 2], min_length=2)
    pairs: tuple[Annotated[tuple[Count, ...], Field(min_length=2)], ...] = ()
    named: dict[str, Count] = Field(default={"a": 1}, min_length=1)


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        # A faulty entry does not make its list too short.
        ({"pair": [1, -1]}, ["pair[1]: must be 0 or more, got -1"]),
        ({"listed": ["x", -1]}, ['listed[0]: must be a whole number, got "x"', "listed[1]: must be 0 or more, got -1"]),
        ({"pairs": [[1, 2], [1, -1]]}, ["pairs[1][1]: must be 0 or more, got -1"]),
        ({"named": {"a": -1}}, ["named.a: must be 0 or more, got -1"]),
        # One that is too short is told, faulty entries or not, beside another's faults or not.
        ({"pair": [1]}, ["pair: must have at least 2 entries, got [1]"]),
        ({"pair": [-1]}, ["pair[0]: must be 0 or more, got -1", "pair: must have at least 2 entries, got [-1]"]),
        (
            {"pairs": [[1, -1], [1]]},
            ["pairs[0][1]: must be 0 or more, got -1", "pairs[1]: must have at least 2 entries, got [1]"],
        ),
    ],
)
def test_a_list_is_too_short_only_if_it_has_too_few_entries(data, faults):
    with pytest.raises(InvalidInput, match=r"in c\.yaml") as caught:
        parse_as(Lists, data, "c.yaml")
    assert [fault.describe() for fault in caught.value.faults] == faults


def test_a_network_with_one_wrong_number_has_one_fault():
    network = {
        "nodes": [{"id": 0}, {"id": 1, "initial_stock": -10, "holding_cost": 1}, {"id": 2}],
        "supply_links": [{"supplier": 2, "buyer": 1, "lead_time": 1, "price": 0, "pipeline_holding_cost": 0}],
        "market_links": [{"retailer": 1, "market": 0, "price": 0, "shortage_penalty": 4, "mean_demand": 10}],
    }
    with pytest.raises(InvalidInput, match=r"initial_stock: must be 0 or more, got -10") as caught:
        parse_as(Network, network, "n.yaml")
    assert len(caught.value.faults) == 1
    network["nodes"][1]["initial_stock"] = 10
    assert parse_as(Network, network, "n.yaml")
