"""`arena.advise`: tomorrow's order of every link, from a world, today's stock and the sales up to now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arena.advice.asking import asking, refuse_unaskable
from arena.advice.controllers import OPTION, load_controllers
from arena.advice.explain import Outlook
from arena.advice.reading import StateRow, read_rows
from arena.advice.result import Advice, AdviceWarning, OrderLine
from arena.advice.source import load_state_source
from arena.advice.state import match_state
from arena.advice.today import Today, World, begin_today, load_world
from arena.advice.variations import Variation, refuse_impossible
from arena.entry.submission import Submission
from arena.errors import ABSENT, Fault, InvalidInput
from arena.jail.limits import Limits

MOST_CASES = 50
"""Most controllers times what-ifs."""


def advise(
    world: str | Path,
    state: str | Path,
    controllers: str | Path | Submission | Sequence[str | Path | Submission],
    *,
    history: str | Path | None = None,
    today: str | None = None,
    demand: Sequence[float] = (),
    lead_time: Sequence[int] = (),
    isolation: str | None = None,
    limits: Limits | None = None,
    trust: Sequence[str] = (),
) -> Advice:
    """Ask controllers for today's orders in a world that begins with the stock as it is.

    Each is asked for the first decision of an episode that begins today, with the briefing and the observation of its
    track. Where demand is recorded, the history is what was recorded, and what is to come is normal demand around a
    plain forecast (the mean of like periods), which the informed track is told.

    Args:
        world: a scenario's file, or the name of a shipped scenario.
        state: stock, open orders and waiting customers: a YAML file that names tables and columns, or one CSV file.
        controllers: one or more: manifest, folder, name of a plugin's controller, `NAME:TRACK`, or submission.
        history: a newer table of sales, read as the world says its own is; None for that one.
        today: date of the first period of the advice; with recorded demand it is checked, and None takes the period
            after the last recorded one.
        demand: what-ifs: factors on all demand, before today and after, each for itself.
        lead_time: what-ifs: periods that all lead times are longer, each for itself.
        isolation: level of all controllers; None: trusted for those of the arena's own plugins, and the strongest that
            works on this machine for all others.
        limits: deadlines and caps of controllers.
        trust: packages of strangers that this process may import.

    Returns:
        A line for every controller, what-if and supply link, and warnings.

    Raises:
        UnknownName: there is no such scenario or controller.
        InvalidInput: world, tables, options or controllers have faults; with one for each cause.
        ArenaError: a controller broke the contract.
        InfrastructureFailure: the arena failed to ask.
    """
    source, base, is_plain_csv = load_state_source(Path(state))
    loaded = load_world(world, None if history is None else Path(history), source, today)
    rows = read_rows(source, base, is_plain_csv=is_plain_csv)
    named = [controllers] if isinstance(controllers, str | Path | Submission) else list(controllers)
    submissions = _submissions(named, trust)
    variations = [
        Variation(),
        *(Variation(demand=one) for one in demand),
        *(Variation(lead_time=one) for one in lead_time),
    ]
    refuse_impossible(demand)
    _refuse_too_many(len(submissions), len(variations))
    lines: list[OrderLine] = []
    warnings: list[AdviceWarning] = []
    words = ""
    with asking(isolation, limits) as seats:
        for variation in dict.fromkeys(variations):
            today_of = _today(loaded.varied(variation), rows, str(state))
            refuse_unaskable(submissions, today_of, seats)
            words = words or today_of.forecast.words
            outlook = Outlook(today_of, variation.label)
            warnings += outlook.warnings()
            for one in submissions:
                decision = seats.ask(one, today_of)
                found, told = outlook.lines(one.name, one.track, seats.level_of(one), decision)
                lines += found
                warnings += told
    return Advice(
        world=loaded.scenario.name,
        today=loaded.calendar.label(0),
        known_until=None if loaded.recorded is None else loaded.recorded.last,
        forecast=words,
        horizon=loaded.scenario.horizon,
        lines=tuple(lines),
        warnings=tuple(_joined(warnings)),
    )


def read_today(
    world: str | Path, state: str | Path, *, history: str | Path | None = None, today: str | None = None
) -> Today:
    """Return the world of today, of which `advise` asks for the first decision; arguments as there.

    Raises:
        UnknownName: there is no such scenario.
        InvalidInput: world or tables have faults.
    """
    source, base, is_plain_csv = load_state_source(Path(state))
    loaded = load_world(world, None if history is None else Path(history), source, today)
    return _today(loaded, read_rows(source, base, is_plain_csv=is_plain_csv), str(state))


def _today(world: World, rows: Sequence[StateRow], state: str) -> Today:
    return begin_today(world, match_state(rows, world.scenario, world.calendar, state))


def _submissions(named: Sequence[str | Path | Submission], trust: Sequence[str]) -> list[Submission]:
    if not named:
        rule = "nobody is asked"
        raise InvalidInput([Fault(OPTION, "", ABSENT, rule, "name a controller, such as newsvendor, or a manifest")])
    names = [str(one) for one in named if not isinstance(one, Submission)]
    _refuse_doubled(names)
    loaded = iter(load_controllers(names, trust) if names else ())
    found = [one if isinstance(one, Submission) else next(loaded) for one in named]
    _refuse_doubled([one.name for one in found])
    return found


def _refuse_doubled(names: Sequence[str]) -> None:
    doubled = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if doubled is not None:
        raise InvalidInput([Fault(OPTION, "", doubled, "is named twice", "name each controller once")])


def _refuse_too_many(controllers: int, variations: int) -> None:
    if controllers * variations > MOST_CASES:
        rule = f"{controllers} controllers and {variations - 1} what-ifs are more than {MOST_CASES} cases"
        raise InvalidInput([Fault(OPTION, "", ABSENT, rule, "ask fewer at a time")])


def _joined(warnings: Sequence[AdviceWarning]) -> list[AdviceWarning]:
    """Return warnings, those of several controllers with the same words as one."""
    found: dict[tuple[str, str], AdviceWarning] = {}
    for one in warnings:
        key = (one.what_if, one.text)
        if key in found:
            one = found[key].model_copy(update={"controllers": (*found[key].controllers, *one.controllers)})
        found[key] = one
    return list(found.values())
