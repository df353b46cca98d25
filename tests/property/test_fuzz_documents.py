"""Mutated manifests, scenarios, suites, networks and demand tables against their loaders.

Whatever the bytes: a value that passed every check, or `InvalidInput`, told in few words, in bounded time and memory.
The default run looks at fifteen hundred documents; `-m slow` at ten thousand of the same kind.
"""

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from arena.entry.loading import load_submissions
from arena.errors import LISTED_FAULTS, ArenaError, InvalidInput
from arena.plugins import Plugins
from arena.world.library import load_network, load_series
from arena.world.scenario import Scenario
from arena.world.suite import load_scenario, load_suite

LONGEST_MESSAGE: Final = (LISTED_FAULTS + 2) * 2_000
"""Characters of an error: so many faults, each of a place, a rule, a value and a suggestion that are all shortened."""
MOST_SECONDS: Final = 20.0
"""Processor time that a document may take: a bound on what it can make the loaders do, not a measure of their speed."""
MOST_MEMORY: Final = 256 * 2**20
"""Memory that a document of a few KiB may take; a suite may stand for ten thousand scenarios."""

MANIFEST: Final = """\
name: my-rule
controller: mine.py:Mine
track: blind
config: {level: 12.5, names: [a, b], nested: {deep: true}}
capabilities: []
preload: [numpy, scipy.optimize]
authors: ["Ada", 'Bob']
licence: MIT
description: >-
  Orders up to
  a level.
"""

NETWORK: Final = """\
name: assembly
description: a network
nodes:
  - {id: 0}
  - {id: 1, initial_stock: 120, holding_cost: 0.030}
  - id: 2
    initial_stock: 200
    capacity: 70
    operating_cost: 0.02
    yield: 0.9
    holding_cost: 0.015
    bill_of_materials:
      - {suppliers: [3], units: 1}
      - {suppliers: [4], units: 2}
  - &maker {id: 3, initial_stock: 300, capacity: 80, operating_cost: 0.008, holding_cost: 0.01}
  - {id: 4, initial_stock: 250, capacity: 60, operating_cost: 0.005, holding_cost: 0.008, storage_capacity: 900}
  - {id: 5}
supply_links:
  - {supplier: 2, buyer: 1, lead_time: 2, price: 2.0, pipeline_holding_cost: 0.010}
  - {supplier: 3, buyer: 2, lead_time: 3, price: 1.0, pipeline_holding_cost: 0.008}
  - {supplier: 4, buyer: 2, lead_time: 6, price: 0.7, pipeline_holding_cost: 0.005, fixed_ordering_cost: 3}
  - {supplier: 5, buyer: 3, lead_time: 1, price: 0.3, pipeline_holding_cost: 0}
  - {supplier: 5, buyer: 4, lead_time: 0, price: 0.2, pipeline_holding_cost: 0}
market_links:
  - {retailer: 1, market: 0, price: 3.0, shortage_penalty: 0.20, mean_demand: 20}
"""

SCENARIO: Final = """\
name: my-scenario
network: serial
horizon: 30
fulfilment: backlog
demand:
  trend: {slope: 0.05}
  seasonal: {amplitude: 0.5, frequency: 0.2}
  shock: {time: 15, magnitude: 2}
  series: {source: m5, scale_to_mean: 20}
  noise_scale: 1
goodwill: {growth: 1.01, decay: 0.9, cap: 2, floor: 0.2}
note: for the reader
"""

SUITE: Final = """\
name: my-suite
description: a suite
draw_seed: 7
blocks:
  - name: rows
    published_id: "A|$network|$demand"
    set: {horizon: 30}
    draw: &everywhere
      - {path: "network.nodes[*].initial_stock", loguniform: [0.6, 1.2], scale: true}
    matrix:
      network:
        - {label: serial, set: {network: serial}}
        - {label: w, set: {network: w}}
      demand:
        - label: trend
          set: {demand: {trend: {}}}
          draw:
            - {path: demand.trend.slope, uniform: [-0.01, 0.06]}
        - {label: stationary, draw: *everywhere}
scenarios:
  - serial-stationary-backlog
  - {name: own, network: diamond, fulfilment: lost_sales, demand: {series: [1, 2, 3.5]}}
"""

TABLE: Final = "date,units\n2024-01-01,3\n2024-01-02,4.5\n2024-01-03,0\n"

DOCUMENTS: Final = {
    "manifest": MANIFEST,
    "network": NETWORK,
    "scenario": SCENARIO,
    "suite": SUITE,
    "table": TABLE,
}

_SCALAR: Final = re.compile(r"[A-Za-z0-9_.$|:*-]+|[\[\]{},&\"'>]")

ODD_SCALARS: Final = (
    "9" * 90, "-" + "9" * 90, "9" * 5000, "1e308", "1e309", "-1e308", "1e-320", "5e-324", ".nan", ".inf", "-.inf",
    "-0.0", "0", "-1", "1.0000000000000002", "9223372036854775808", "0x1F", "0o17", "017", "1_000", "1:30",
    "1:30:00.5", "2024-01-01", "2024-01-01T00:00:00Z", "true", "yes", "null", "~", "", "''", '""', "NaN",
    "Infinity", "<<", "=", "*maker", "*everywhere", "*nobody", "&again x", "&loop [*loop]",
    "!!python/object/apply:os.system [ls]", "!!binary aGk=", "!!set {a}", "!local x", "!!float 1", "{}", "[]",
    "[[]]", "{a: {b: {c: 1}}}", "{? [a, b] : 1}", "{1: 2}", "{~: 1}", "? a\n: b", "<<: *maker", "{<<: {id: 9}}",
    "|\n  a\n  b", '"\\ud800"', '"\\0"', '"\\x1b[31m"', '"\\u202e"', "\ufeff", "\x00", "\x85", "\u2028",
    "\U0001f4e6", "../../../etc/passwd", "/dev/zero", "/etc/passwd", "./", ".", "serial.yaml", "$network",
    "${network}", "$", "%YAML 1.1", "---", "...", "# no", "@", "`", "a" * 2_000, "[" * 40, "{a: " * 40, "- " * 40,
    "[" + ", ".join(["1"] * 1_000) + "]", "loguniform: [0, 1]", "uniform: [1, -1]", "integer: [3, 2]", "[*]",
    "nodes[-1].id", "nodes[99999999999].id", "network.nodes[*].id", "oracle", "decentralised", "os.py:Mine",
    "numpy",
)  # fmt: skip
ODD_BYTES: Final = (
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\r\n",
    b"\r",
    b"\t",
    b"\xff\xfe",
    b"\x1b[2J",
)


@st.composite
def mutated(draw: st.DrawFn, text: str) -> bytes:
    """A document after some accidents to its words, lines and bytes."""
    for _ in range(draw(st.integers(1, 3))):
        lines = text.splitlines(keepends=True) or [""]
        line = draw(st.integers(0, len(lines) - 1))
        words = [match.span() for match in _SCALAR.finditer(text)] or [(0, 0)]
        start, stop = words[draw(st.integers(0, len(words) - 1))]
        accident = draw(
            st.sampled_from(("word", "word", "word", "delete", "swap", "double", "drop", "indent", "splice"))
        )
        if accident == "word":
            text = text[:start] + draw(st.sampled_from(ODD_SCALARS)) + text[stop:]
        elif accident == "delete":
            text = text[:start] + text[stop:]
        elif accident == "swap":
            other, end = words[draw(st.integers(0, len(words) - 1))]
            text = text[:start] + text[other:end] + text[stop:]
        elif accident == "double":
            text = "".join([*lines[: line + 1], lines[line], *lines[line + 1 :]])
        elif accident == "drop":
            text = "".join(lines[:line] + lines[line + 1 :])
        elif accident == "indent":
            text = "".join([*lines[:line], " " * draw(st.integers(1, 4)) + lines[line], *lines[line + 1 :]])
        elif accident == "splice":
            others = draw(st.sampled_from(sorted(DOCUMENTS.values()))).splitlines(keepends=True)
            text = "".join(lines[:line] + others[draw(st.integers(0, len(others) - 1)) :])
    content = bytearray(text.encode("utf-8"))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 2))] = draw(st.sampled_from(ODD_BYTES) | st.binary(max_size=2))
    return bytes(content)


documents = st.sampled_from(sorted(DOCUMENTS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.one_of(*[mutated(DOCUMENTS[kind])] * 7, st.binary(max_size=40)))
)
"""Kind and bytes of a document."""


class Loaders:
    """The loaders, each fed a document from a file as its users would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._own = folder / "own"
        self._own.mkdir()
        (self._own / "mine.py").write_text("class Mine:\n    def __init__(self, **config):\n        pass\n")
        self._plugins = Plugins(MappingProxyType({}))

    def load(self, kind: str, content: bytes) -> Any:
        """What a document says.

        Raises:
            InvalidInput: It says nothing that may be said.
        """
        # A new name for each: what was read from a file that has not changed since is not read again.
        self._count += 1
        path = self._folder / f"{kind}-{self._count}{'.csv' if kind == 'table' else '.yaml'}"
        if kind == "manifest":
            path = self._own / "submission.yaml"
        path.write_bytes(content)
        try:
            if kind == "manifest":
                return load_submissions([self._own], self._plugins).require()
            loaders: dict[str, Callable[[Path], Any]] = {
                "network": load_network,
                "scenario": load_scenario,
                "suite": load_suite,
                "table": load_series,
            }
            return loaders[kind](path)
        finally:
            path.unlink()


@pytest.fixture(scope="module")
def loaders(tmp_path_factory: pytest.TempPathFactory) -> Loaders:
    loaders = Loaders(tmp_path_factory.mktemp("documents"))
    for kind, text in DOCUMENTS.items():
        loaders.load(kind, text.encode())  # What is loaded once for all, such as shipped networks, is not measured.
    return loaders


def judge(loaders: Loaders, kind: str, content: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    found, refusal = None, None
    try:
        found = loaders.load(kind, content)
    except InvalidInput as error:
        refusal = error
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - started <= MOST_SECONDS
    assert peak <= MOST_MEMORY
    if refusal is not None:
        message = str(refusal)
        assert len(message) <= LONGEST_MESSAGE
        assert all(character == "\n" or character.isprintable() for character in message)
        assert all(fault.rule for fault in refusal.faults)
    for scenario in [found] if isinstance(found, Scenario) else getattr(found, "scenarios", ()):
        # What passed can be kept and read again, and is the same.
        assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)).digest == scenario.digest


def over_documents(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a property over so many documents."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        # The loaders hold nothing that one example could leave to the next.
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
        return settings(max_examples=examples, suppress_health_check=checks)(given(document=documents)(test))

    return decorate


@over_documents(1_500)
def test_any_document_is_a_value_or_its_faults(loaders: Loaders, document: tuple[str, bytes]) -> None:
    judge(loaders, *document)


@pytest.mark.slow
@over_documents(10_000)
def test_any_of_very_many_documents_is_a_value_or_its_faults(loaders: Loaders, document: tuple[str, bytes]) -> None:
    judge(loaders, *document)


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_the_documents_before_any_accident_are_values(loaders: Loaders, kind: str) -> None:
    assert loaders.load(kind, DOCUMENTS[kind].encode())
    assert loaders.load(kind, b"\xef\xbb\xbf" + DOCUMENTS[kind].replace("\n", "\r\n").encode())


@pytest.mark.parametrize("kind", sorted(DOCUMENTS.keys() - {"suite"}))
def test_every_odd_word_in_many_places_is_a_value_or_its_faults(loaders: Loaders, kind: str) -> None:
    text = DOCUMENTS[kind]
    places = [match.span() for match in _SCALAR.finditer(text)]
    for number, odd in enumerate(ODD_SCALARS):
        for start, stop in places[number % 11 :: 11]:  # Every eleventh place, others for the next word.
            judge(loaders, kind, (text[:start] + odd + text[stop:]).encode("utf-8"))


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_a_document_of_megabytes_is_told_in_a_line(loaders: Loaders, kind: str) -> None:
    size = 17 * 1024 * 1024 if kind in ("table", "manifest", "network", "scenario") else 1024 * 1024 + 1
    with pytest.raises(ArenaError, match=r"larger than (1048576|16777216)|at most 16777216|holds 17\.0 MiB") as caught:
        loaders.load(kind, DOCUMENTS[kind].encode().ljust(size, b"#"))
    assert len(str(caught.value)) < 1_000
