"""One episode computed again from what the store holds of it: scenario, orders, demand and the index of its seed.

No controller takes part. The logged orders are played into the scenario, whose demand is drawn anew from the seed where
that is known, and taken from the store where it is not; every indicator follows. What cannot follow from the orders,
such as timings, the name of a failure, or a report of the controller, is looked at only for what the contract says
of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arena.audit.differences import TOLERANCE, Mismatch, same
from arena.contract.kpi import measure
from arena.contract.seeds import SeedPlan
from arena.contract.tracks import largest_order
from arena.jail.isolation import strength
from arena.jail.limits import Limits
from arena.results.attempts import Precedent
from arena.results.columns import KPI_COLUMNS
from arena.results.record import EpisodeRecord, key_of
from arena.results.stored import EpisodeStatus, Series, StoredEpisode
from arena.simulate.ledger import Ledger
from arena.simulate.prepared import prepare
from arena.simulate.simulator import Simulator
from arena.world.scenario import Scenario

_COSTS: Final = ("procurement_cost", "holding_cost", "operating_cost", "shortage_penalty", "fixed_ordering_cost")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Recomputed:
    """An episode computed again.

    Attributes:
        record: the record as it should be: stored indicators where they agree, recomputed ones where they do not.
        mismatch: the first value of the row that differs; None if all agree.
        ledger: of the orders as played again; None where nothing can be played.
    """

    record: EpisodeRecord
    mismatch: Mismatch | None
    ledger: Ledger | None = None


def recompute(
    record: EpisodeRecord,
    series: Series,
    simulator: Simulator,
    seeds: SeedPlan | None,
    known: Collection[str] = KPI_COLUMNS,
) -> Recomputed:
    """Compute an episode again.

    Args:
        record: as stored.
        series: its orders and demand.
        simulator: of its scenario, or of its window of it, see `simulator_of`.
        seeds: the plan that its seed comes from; None if that is not known. Then the demand is taken as stored.
        known: indicators that the record has. The others are computed, and are no mismatch.
    """
    requested, drawn = series
    mismatches = [*_seed(record, seeds), *_reports(record, simulator.scenario)]
    unplayable = _unplayable(record, requested, drawn, simulator)
    if unplayable is not None or any(mismatch.column == "seed_index" for mismatch in mismatches):
        mismatches += [] if unplayable is None else [unplayable]
        return Recomputed(record, mismatches[0])
    ledger = None
    if record.outcome == "infrastructure":
        expected: dict[str, float] = dict.fromkeys(KPI_COLUMNS, math.nan)
    else:
        mismatches += _orders_after_a_forfeit(record, requested)
        entropy = None if seeds is None else seeds.episode(record.scenario_digest, record.seed_index).entropy
        demand, lead_times = series.split(simulator.compiled.markets)
        ledger = _play(simulator, requested, demand, lead_times, entropy)
        mismatches += _first_difference("demand", demand, ledger.demand)
        mismatches += _first_difference("lead_times", lead_times, ledger.lead_times)
        expected = measure(ledger, simulator.scenario).model_dump()
        if record.outcome != "ok":
            expected["profit"] = min(expected["profit"], 0.0)
    money = sum(abs(expected[name]) for name in ("revenue", *_COSTS))
    differing = {
        name: value
        for name, value in expected.items()
        # Profit is what is left of much larger sums, and as exact as they are.
        if not same(getattr(record, name), value, money if name == "profit" else 0.0)
    }
    mismatches += [Mismatch(name, getattr(record, name), value) for name, value in differing.items() if name in known]
    return Recomputed(record.model_copy(update=differing), mismatches[0] if mismatches else None, ledger)


def simulator_of(scenario: Scenario, index: int, last: Simulator | None = None) -> Simulator:
    """Return a simulator of what the seed of an index plays of a scenario.

    Args:
        scenario: as it is stored.
        index: of the seed.
        last: the simulator that was used last; it is returned if it fits.
    """
    played = scenario.window_at(index)
    if last is not None and (last.scenario is played or (scenario.windows > 1 and last.scenario == played)):
        return last
    return Simulator(played, prepare(scenario).compiled)


def window_mismatch(record: EpisodeRecord, scenario: Scenario) -> Mismatch | None:
    """Return what is wrong with the seed of a record of a scenario that has no window for it."""
    if scenario.window is None or 0 <= record.seed_index < scenario.windows:
        return None
    return Mismatch("seed_index", record.seed_index, f"0 to {scenario.windows - 1}, as there are windows")


def kept_twice(stored: StoredEpisode, status: EpisodeStatus) -> Iterator[Mismatch]:
    """Yield what the store keeps twice, as its key and in the record, and differently.

    Args:
        stored: a row.
        status: how it was played, as the store keeps it beside the record.
    """
    record = stored.record
    for column, kept, written in zip(stored.key._fields, stored.key, key_of(record), strict=True):
        if kept != written:
            yield Mismatch(column, written, kept)
    for column, kept in status._asdict().items():
        if kept != getattr(record, column):
            yield Mismatch(column, getattr(record, column), kept)


def repetition_mismatch(record: EpisodeRecord, requested: Array, precedent: Precedent | None) -> Mismatch | None:
    """Return the first value that an episode does not share with earlier attempts at it; None if it repeats them.

    Args:
        record: as stored.
        requested: its orders, units, shape (periods, supply links).
        precedent: orders of attempts that broke off, as stored; None if there are none.
    """
    if precedent is None or strength(precedent.isolation) > strength(record.isolation):
        # Attempts at a stronger level came after an episode that was finished at a weaker one.
        return None
    if record.repetitions < precedent.attempts:
        return Mismatch("repetitions", record.repetitions, precedent.attempts)
    if record.outcome == "infrastructure":
        return None
    bound = precedent.requested
    if bound.shape[1:] != requested.shape[1:] or len(bound) > len(requested):
        return Mismatch("requested.shape", requested.shape, bound.shape)
    return next(_first_difference("requested", requested[: len(bound)], bound), None)


def deadline_mismatch(record: EpisodeRecord, limits: Limits | None) -> Mismatch | None:
    """Return a limit on decisions that an episode was held to and the store does not record; None if there is none.

    Args:
        record: as stored.
        limits: that the store records for all episodes; None if it records none.
    """
    times = record.decision_times
    if limits is None or times is None:
        return None
    for column, kept, common in (
        ("first_deadline", times.first_deadline, limits.first_decision),
        ("deadline", times.deadline, limits.decision),
    ):
        if kept != common:
            return Mismatch(f"decision_times.{column}", kept, common)
    return None


def _seed(record: EpisodeRecord, seeds: SeedPlan | None) -> Iterator[Mismatch]:
    if seeds is None:
        return
    if not 0 <= record.seed_index < seeds.count:
        yield Mismatch("seed_index", record.seed_index, f"0 to {seeds.count - 1}")
        return
    seed = seeds.episode(record.scenario_digest, record.seed_index)
    expected = str(seed.entropy) if seed.public else None
    if record.seed != expected:
        yield Mismatch("seed", record.seed, expected)


def _reports(record: EpisodeRecord, scenario: Scenario) -> Iterator[Mismatch]:
    """What the contract says of an episode's end, of decisions and of reports."""
    if record.outcome == "ok":
        if record.decisions != scenario.horizon:
            yield Mismatch("decisions", record.decisions, scenario.horizon)
        if record.failure_period is not None:
            yield Mismatch("failure_period", record.failure_period, None)
    elif record.outcome != "infrastructure":
        if not 0 <= record.decisions <= scenario.horizon:
            yield Mismatch("decisions", record.decisions, f"0 to {scenario.horizon}")
        if record.failure_period not in (None, record.decisions):
            yield Mismatch("failure_period", record.failure_period, record.decisions)
    seats = len(scenario.network.managed) if record.track == "decentralised" else 1
    yield from _ending(record, scenario.horizon, seats)
    if not 0 <= record.fallbacks <= (seats * record.decisions if record.outcome == "ok" else 0):
        yield Mismatch("fallbacks", record.fallbacks, "0, or with outcome ok at most the decisions of all seats")
    for name in ("parse_failures", "repairs"):
        told = getattr(record, name)
        if told < 0 or (told and record.outcome != "ok"):
            yield Mismatch(name, told, "0, or with outcome ok more")
    if record.profit_bound is not None and (record.outcome != "ok" or record.track != "oracle"):
        yield Mismatch("profit_bound", record.profit_bound, "none but on track oracle with outcome ok")


def _ending(record: EpisodeRecord, horizon: int, seats: int) -> Iterator[Mismatch]:
    """What an episode's end leaves in its record: an `ok` that was turned into a forfeit, or back, is seen by that.

    Args:
        record: as stored.
        horizon: periods of the scenario.
        seats: controllers of the episode.
    """
    if record.outcome == "infrastructure":
        return
    if record.outcome == "ok" and record.failure_message:
        yield Mismatch("failure_message", record.failure_message, "empty, as with every outcome ok")
    timed = None if record.decision_times is None else record.decision_times.number
    if record.outcome == "ok":
        if timed not in (None, seats * horizon):
            yield Mismatch("decision_times", f"{timed} decisions", f"{seats * horizon}: all of the episode")
    elif record.repetitions == 0:
        # One that was played again takes the orders of earlier attempts as its own, which were timed back then.
        if record.failure_period is None and record.decisions not in (0, horizon):
            yield Mismatch("decisions", record.decisions, f"0 or {horizon}: it failed in no period")
        least = seats * record.decisions + (record.failure_period is not None)
        most = seats * (record.decisions + (record.failure_period is not None))
        if timed is not None and not least <= timed <= most:
            wanted = f"{least} to {most}" if most > least else str(least)
            yield Mismatch("decision_times", f"{timed} decisions", f"{wanted}: up to the failure and no more")


def _unplayable(record: EpisodeRecord, requested: Array, drawn: Array, simulator: Simulator) -> Mismatch | None:
    """What keeps logged series from being played: another shape than the scenario's, or values out of bounds."""
    network, markets = simulator.compiled.network, simulator.compiled.markets
    varying = network.varying_links
    if drawn.ndim == 2 and drawn.shape[1] != markets + len(varying):
        return Mismatch("demand.shape", drawn.shape, (len(requested), markets + len(varying)))
    demand, lead_times = drawn[:, :markets], drawn[:, markets:]
    periods = 0 if record.outcome == "infrastructure" else simulator.scenario.horizon
    bound = largest_order(simulator.scenario, record.track)
    for name, values, links, largest in (
        ("requested", requested, simulator.compiled.links, bound),
        ("demand", demand, simulator.compiled.markets, np.finfo(np.float64).max),
    ):
        if values.shape != (periods, links):
            return Mismatch(f"{name}.shape", values.shape, (periods, links))
        place = _first(~((values >= 0) & (values <= largest)))
        if place is not None:
            return Mismatch(_cell(name, place), float(values[place]), f"0 to {largest:g}")
    longest = np.array([network.supply_links[position].slots for position in varying])
    place = _first(~((lead_times >= -1) & (lead_times <= longest) & (lead_times == np.round(lead_times))))
    if place is not None:
        return Mismatch(_cell("lead_times", place), float(lead_times[place]), "whole periods up to the longest, or -1")
    return None


def _orders_after_a_forfeit(record: EpisodeRecord, requested: Array) -> Iterator[Mismatch]:
    if record.outcome != "ok":
        expected = requested.copy()
        expected[max(0, record.decisions) :] = 0.0
        yield from _first_difference("requested", requested, expected)


def _play(
    simulator: Simulator, requested: Array, demand: Array, lead_times: NDArray[np.int64], entropy: int | None
) -> Ledger:
    if entropy is None:
        simulator.replay(demand, lead_times)
    else:
        simulator.start(entropy)
    for orders in requested:
        simulator.step(orders)
    return simulator.ledger()


def _first_difference(name: str, stored: NDArray[Any], recomputed: NDArray[Any]) -> Iterator[Mismatch]:
    tolerance = TOLERANCE * np.maximum(1.0, np.maximum(np.abs(stored), np.abs(recomputed)))
    place = _first(np.abs(stored - recomputed) > tolerance)
    if place is not None:
        yield Mismatch(_cell(name, place), float(stored[place]), float(recomputed[place]))


def _first(wrong: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Period and link of the first place that is wrong."""
    if not wrong.any():
        return None
    period, link = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return int(period), int(link)


def _cell(name: str, place: tuple[int, int]) -> str:
    return f"{name}[{place[0]}][{place[1]}]"
