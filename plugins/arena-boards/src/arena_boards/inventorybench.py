"""InventoryBench's instances, read from `instances.jsonl`, and its scenarios.

Source: J. Baek, Y. Fu, W. Ma and T. Peng, AI Agents for Inventory Control: Human-LLM-OR Complementarity
(arXiv 2602.12631); repository TianyiPeng/InventoryBench, MIT.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import Field

from arena import DemandData, FrozenSchema, InvalidInput, Network, Scenario, Window, parse_as
from arena_boards.baseline_reward import baseline_reward
from arena_boards.faults import refuse, require_folder
from arena_boards.inventorybench_folders import FAMILIES, LEAD_TIMES, find_layout, read_layout
from arena_boards.options import InventoryBenchOptions

FILE: Final = "instances.jsonl"
SAMPLES: Final = 5
"""Demand samples before the first period."""
PERIODS: Final = {"real": 47, "synthetic": 50}
"""Periods of an instance, by family."""
COUNTS: Final = {"real": (106, 200), "synthetic": (125, 240)}
"""Stated instances of a cell, by family: of the file of whole articles and patterns, and of the whole board."""
PROMISED: Final = {"0": 0, "4": 4, "stochastic": 2}
"""Promised lead time by cell, periods."""
LONGEST: Final = 4
"""Longest lead time that occurs anywhere on the board, periods."""
LAW: Final = (1, 2, 3, None)
"""The stated law of stochastic lead times: each with probability 1/4; None is a lost order."""

_ID: Final = re.compile(r"(real|synthetic)_trajectory/lead_time_(0|4|stochastic)/([a-z0-9_-]+(?:/[a-z0-9_-]+)*)")
_ALLOWED: Final[Mapping[str, set[int | None]]] = {"0": {0}, "4": {4}, "stochastic": {1, 2, 3, None}}
_LARGEST_FILE: Final = 64 * 1024 * 1024


class Instance(FrozenSchema):
    """An instance as the board states it."""

    id: str = Field(max_length=120)
    """Its folder on the board, such as `real_trajectory/lead_time_0/108775044`."""
    promised_lead_time: int = Field(ge=0, le=1000)
    """Periods."""
    price: float = Field(gt=0, le=1e6, allow_inf_nan=False)
    """Money per unit sold."""
    holding_cost: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    """Money per unit left at the end of a period."""
    history: tuple[int, ...] = Field(min_length=1, max_length=1000)
    """Units demanded before the first period, oldest first."""
    demand: tuple[int, ...] = Field(min_length=1, max_length=1000)
    """Units demanded by period."""
    lead_times: tuple[int | None, ...] = Field(min_length=1, max_length=1000)
    """Periods until the order of each period arrives; None: it is lost."""
    or_baseline_reward: float | None = None
    """Reward of the authors' baseline, money; None if it is not stated."""

    @property
    def family(self) -> str:
        """`real` or `synthetic`."""
        return self.id.split("_", 1)[0]

    @property
    def lead_time(self) -> str:
        """`0`, `4` or `stochastic`."""
        return self.id.split("/")[1].removeprefix("lead_time_")

    @property
    def cell(self) -> str:
        """Name of its cell, such as `real-lead-time-0`."""
        return f"{self.family}-lead-time-{self.lead_time}"

    @property
    def name(self) -> str:
        """Name of its scenario: the cell, and its folders joined by points."""
        return ".".join([self.cell, *self.id.split("/")[2:]])


def read_instances(folder: Path, *, complete: bool = True) -> tuple[Instance, ...]:
    """Read the instances of a folder: its `instances.jsonl`, or else the layout of the board's repository.

    Every instance is checked against the board's rules, and where the reward of the authors' baseline is stated, that
    rule is played and has to earn it exactly.

    Args:
        folder: the folder.
        complete: whether the count of every cell has to be a stated one.

    Raises:
        InvalidInput: with the first fault of the files.
    """
    require_folder(folder)
    file = folder / FILE
    if file.is_file():
        source, instances = file, tuple(_read_lines(file))
    else:
        source = find_layout(folder)
        instances = tuple(_checked(values, place) for place, values in read_layout(source))
    if not instances:
        refuse(source, "", "", "holds no instance", "give the board's own folder or file")
    ids = Counter(instance.id for instance in instances)
    doubled = next((name for name, times in ids.items() if times > 1), None)
    if doubled is not None:
        refuse(source, "id", doubled, "stands twice", "keep one of them")
    if complete:
        _check_counts(source, instances)
    return instances


def _read_lines(file: Path) -> Iterator[Instance]:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            refuse(file, "", file.stat().st_size, f"is larger than {_LARGEST_FILE} bytes", "give the board's file")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        refuse(file, "", file.name, "is not UTF-8 text", "get the file anew")
    except OSError as error:
        refuse(file, "", file.name, f"cannot be read: {error.strerror or error}", "check its permissions")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{file}: line {number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            refuse(file, f"line {number}", line[:60], "is not a JSON object", "get the file anew: it is cut or mixed")
        if not isinstance(values, dict):
            refuse(file, f"line {number}", line[:60], "is not a JSON object", "give the board's own file")
        yield _checked(values, place)


def _checked(values: Mapping[str, Any], place: str) -> Instance:
    """Return an instance that keeps the board's rules."""
    instance = parse_as(Instance, values, place)
    if _ID.fullmatch(instance.id) is None:
        rule = "is a folder of the board, such as real_trajectory/lead_time_0/108775044"
        refuse(place, "id", instance.id, rule, "give the board's own files")
    periods = PERIODS[instance.family]
    for field, found, stated in (
        ("promised_lead_time", instance.promised_lead_time, PROMISED[instance.lead_time]),
        ("history", len(instance.history), SAMPLES),
        ("demand", len(instance.demand), periods),
        ("lead_times", len(instance.lead_times), periods),
    ):
        if found != stated:
            rule = f"the board has {stated} in {instance.cell}"
            refuse(place, field, found, rule, "get the file anew: it is cut or mixed")
    if min(*instance.history, *instance.demand) < 0:
        refuse(place, "demand", min(instance.demand), "demand is 0 or more", "get the file anew")
    if not set(instance.lead_times) <= _ALLOWED[instance.lead_time]:
        rule = f"lead times of {instance.cell} are {sorted(map(str, _ALLOWED[instance.lead_time]))}"
        refuse(place, "lead_times", str(set(instance.lead_times)), rule, "get the file anew: it is mixed")
    if sum(instance.demand) == 0:
        refuse(place, "demand", 0, "something is demanded, since the score divides by it", "get the file anew")
    if all(each is None for each in instance.lead_times):
        refuse(place, "lead_times", "all lost", "some order arrives", "get the file anew")
    stated_reward = instance.or_baseline_reward
    if stated_reward is not None:
        earned = baseline_reward(instance)
        if abs(earned - stated_reward) > 1e-6 * max(1.0, abs(stated_reward)):
            rule = f"the authors' baseline earns {earned:g} on this instance"
            refuse(place, "or_baseline_reward", stated_reward, rule, "get the file anew: it is altered")
    return instance


def _check_counts(source: Path, instances: Sequence[Instance]) -> None:
    counts = Counter(instance.cell for instance in instances)
    for which in (0, 1):
        stated = {f"{family}-lead-time-{lead}": COUNTS[family][which] for family in FAMILIES for lead in LEAD_TIMES}
        if counts == stated:
            return
    found = ", ".join(f"{count} of {cell}" for cell, count in sorted(counts.items()))
    rule = "the board has 200 real and 240 synthetic instances in each of six cells; the file of whole articles and "
    rule += "patterns has 106 and 125"
    refuse(source, "", found, rule, "get the whole data, or write complete: false for a part of it")


# --- scenarios ------------------------------------------------------------------------------------------------------


def build_inventorybench(options: InventoryBenchOptions) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Build the scenarios of the board.

    Args:
        options: the folder, the slice and the lead times.

    Returns:
        The scenarios, in the order of the files, and the cell of each by its name.

    Raises:
        InvalidInput: a file breaks a rule of the board, or the slice is empty.
    """
    instances = read_instances(options.data, complete=options.complete)
    chosen = [instance for instance in instances if options.slice in ("all", instance.family, instance.cell)]
    if not chosen:
        refuse(options.data, "slice", options.slice, "no instance of the folder is in it", "write slice: all")
    seed = options.redrawn_seed
    scenarios = tuple(
        make_scenario(instance, instance.lead_times if seed is None else redraw(instance, seed)) for instance in chosen
    )
    return scenarios, {instance.name: instance.cell for instance in chosen}


def redraw(instance: Instance, seed: int) -> tuple[int | None, ...]:
    """Return lead times of the board's stated law in place of its one realised sequence.

    On the board all stochastic instances of a family share one sequence. Here each instance has a sequence of its own,
    which depends on the seed and its id alone. The law is the one that the board's documentation states: 1, 2, 3 and
    lost with probability 1/4 each, independently of each other. Fixed lead times stay as they are.

    Args:
        instance: the instance.
        seed: of the draw.

    Returns:
        Periods by order period; None: the order is lost.
    """
    if instance.lead_time != "stochastic":
        return instance.lead_times
    key = int.from_bytes(hashlib.sha256(f"{seed} {instance.id}".encode()).digest()[:16], "big")
    generator = np.random.default_rng(key)
    while True:  # A sequence that loses every order has probability 4^-47, and no world can play it.
        drawn = tuple(LAW[place] for place in generator.integers(len(LAW), size=len(instance.lead_times)).tolist())
        if any(each is not None for each in drawn):
            return drawn


def make_scenario(instance: Instance, lead_times: Sequence[int | None]) -> Scenario:
    """Return the world of an instance: one stock point with unlimited supply and recorded demand.

    Every cell is told of in the same way: a promised lead time, and one longest lead time for the whole board, which
    arena tells wherever lead times vary. That takes a value after the last period of the series, which is never played;
    without it the longest lead time would tell a fixed cell from a stochastic one.

    Args:
        instance: the instance.
        lead_times: periods by order period; None: lost.
    """
    series = ["lost" if each is None else each for each in lead_times]
    units = (*instance.history, *instance.demand)
    network = {
        "nodes": [{"id": 0}, {"id": 1, "initial_stock": 0.0, "holding_cost": instance.holding_cost}, {"id": 2}],
        "supply_links": [
            {
                "supplier": 0,
                "buyer": 1,
                "lead_time": instance.promised_lead_time,
                "price": 0.0,
                "pipeline_holding_cost": 0.0,
                "lot_size": 1.0,
                "lead_time_series": {"values": [*series, LONGEST], "may_cross": True},
            }
        ],
        "market_links": [{"retailer": 1, "market": 2, "price": instance.price, "shortage_penalty": 0.0}],
    }
    data = DemandData(markets=("2",), start="0", frequency="period", values=(tuple(map(float, units)),))
    try:
        return Scenario(
            name=instance.name,
            network=Network.model_validate(network),
            demand={"data": data},
            fulfilment="lost_sales",
            horizon=len(instance.demand),
            history=len(instance.history),
            window=Window(start=len(instance.history), count=1),
            visible_arrivals="total",
        )
    except ValueError as error:  # The board's rules are checked before; this is a fault of numbers out of range.
        raise InvalidInput(getattr(error, "faults", ())) from error
