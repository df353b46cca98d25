"""The standings as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.cli.console import print_table
from arena.cli.native_table import print_native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arena.results.compared import Interval, LlmRow, PriceOfDecentralisation
    from arena.results.record import EpisodeRecord
    from arena.results.rows import (
        Removal,
        StandingRow,
        Standings,
    )

_DASH = "–"
_MESSAGE_WIDTH = 300


def print_standings(standings: Standings) -> None:
    """Print the ranked submissions and the references.

    Below: whose profit scores are shares of, or why there is none, the price of decentralisation, what was asked of
    language models, and the digests of the rows.
    """
    from arena.errors import printable
    from arena.report.standings_rows import count_divisors, explain_missing_score, share_by_fallback

    everybody = (*standings.rows, *standings.reference)
    by_score = standings.ranked_by == "score"
    # A column of zeros would only make the table wide.
    fallbacks = any(row.fallbacks for row in everybody)
    measured = ("score", "mean profit", "95 % interval", "immediate fill rate")
    figures = (*measured, "forfeits", *(("fallbacks",) if fallbacks else ()), "episodes")
    rows = [_cells(row, by_score, fallbacks) for row in everybody]
    print_table(
        ("rank", "submission", "track", *figures),
        rows,
        right=("rank", *figures),
        optional=("track", "score", "forfeits", "episodes"),
        title=2,
    )
    kind, _, _ = standings.seed_plan.partition(":")
    ranked_by = "score" if by_score else "mean profit"
    seeds = f"{standings.seeds} {kind} seed{'' if standings.seeds == 1 else 's'}"
    print(f"\n{standings.suite}, {seeds}; the interval is of the {ranked_by}")
    if standings.commitment is None and standings.rows:
        print("not official: public seeds are known to everybody; play a round for that (arena round new)")
    elif standings.round_digest is None and standings.rows:
        print("not official: practice on hidden seeds, outside of any round; commit to one first (arena round new)")
    elif standings.round_digest is not None:
        print(f"played in the round {standings.round_digest}")
    if standings.oracles:
        # Not always the oracle that the suite names: that one may not have played.
        divisors = ", ".join(f"{printable(name)} on {number}" for name, number in count_divisors(standings))
        print(f"the oracle is {divisors} of {len(standings.scenarios)} scenarios")
    if any(row.score is not None for row in everybody):
        print(f"the score is {standings.score_rule.describe()}, the mean over scenarios ({standings.score_rule.rule})")
    if standings.unit == "scenario":
        print("no seed changes anything in these scenarios; intervals and ranks are over scenarios")
    print_native(standings)
    if standings.accept_fallbacks:
        print("scored by request are scenarios too on which the oracle answered decisions by its fallback")
    _print_neighbours(standings)
    for row in standings.rows:
        if row.unranked_because:
            print(f"no rank for {printable(row.submission)}: {printable(row.unranked_because)}")
        elif row.fallbacks:
            print(f"{printable(row.submission)}: {row.fallbacks:,} decisions by its fallback, {share_by_fallback(row)}")
        if row.repetitions:
            again = "1 episode was" if row.repetitions == 1 else f"{row.repetitions:,} times an episode was"
            print(f"{printable(row.submission)}: {again} played again after an attempt that broke off")
    judged = [row for row in standings.rows if not row.unranked_because]
    reason = next((why for row in judged if (why := explain_missing_score(row, standings))), None)
    if reason:
        print(f"no score: {reason}")
    if standings.refused:
        print(f"refused: {', '.join(printable(one.path) for one in standings.refused)}")
    for one in standings.not_playing:
        print(f"does not play this suite: {printable(one.submission)}: {printable(one.reason, _MESSAGE_WIDTH)}")
    for mark in standings.removals:
        print(describe_removal(mark))
    for price in standings.prices:
        print(f"price of decentralisation: {_price(price)}")
    for model in standings.language_models:
        print(f"language model: {_model(model)}")
    if standings.digests is not None:
        print(f"results digest: {standings.digests.results}")
        print(f"full digest: {standings.digests.full}")


def print_forfeits(standings: Standings, records: Sequence[EpisodeRecord]) -> None:
    """Print why episodes were forfeited: per submission and reason how many, and one of them in full."""
    from arena.errors import printable

    for lost in _forfeits(standings, records):
        first = lost[0]
        name, outcome = first.submission, first.outcome
        period = "" if first.failure_period is None else f", period {first.failure_period}"
        place = f"on {first.scenario}, seed {first.seed_index}{period}"
        number = "1 episode" if len(lost) == 1 else f"{len(lost):,} episodes"
        message = printable(first.failure_message, _MESSAGE_WIDTH)
        print(f"forfeits of {printable(name)}: {number}, {outcome}; {place}: {message}")


def forfeits_as_json(standings: Standings, records: Sequence[EpisodeRecord]) -> list[dict[str, Any]]:
    """Return why episodes were forfeited, as `print_forfeits` groups them; fields are those of the first record."""
    return [
        {
            "submission": lost[0].submission,
            "outcome": lost[0].outcome,
            "episodes": len(lost),
            "first": {
                "scenario": lost[0].scenario,
                "seed_index": lost[0].seed_index,
                "failure_period": lost[0].failure_period,
                "failure_message": lost[0].failure_message,
            },
        }
        for lost in _forfeits(standings, records)
    ]


def _forfeits(standings: Standings, records: Sequence[EpisodeRecord]) -> list[list[EpisodeRecord]]:
    """Return the forfeited episodes of each submission and outcome, by scenario and seed."""
    shown = set(standings.scenarios)
    groups: dict[tuple[str, str], list[EpisodeRecord]] = {}
    for record in records:
        if record.scenario in shown and record.outcome not in ("ok", "infrastructure"):
            groups.setdefault((record.submission, record.outcome), []).append(record)
    return [sorted(groups[key], key=lambda record: (record.scenario, record.seed_index)) for key in sorted(groups)]


def _print_neighbours(standings: Standings) -> None:
    """Print what came of a run that was played until decided."""
    from arena.report.neighbours import count_decided, describe_rule, verdict_lines

    if standings.stopping is None:
        return
    print(f"{describe_rule(standings)}; intervals and ranks hold at any stop")
    print(f"{count_decided(standings.neighbours)}\n")
    lines = verdict_lines(standings)
    if lines:
        heads = ("upper", "lower", "difference", "interval", "verdict", "seeds needed")
        rows = [(one.upper, one.lower, one.difference, one.interval, one.verdict, one.needed) for one in lines]
        print_table(heads, rows, right=("difference", "interval", "seeds needed"))
        print()


def describe_removal(mark: Removal) -> str:
    """Return a sentence on a submission that was taken out of a folder of results."""
    from arena.errors import printable

    content = f"{printable(mark.submission)} (content {mark.submission_digest[:12]}…)"
    reason = f": {printable(mark.reason, 500)}" if mark.reason else ""
    again = (
        "do not count" if mark.entered_again is None else f"count again since it was entered on {mark.entered_again}"
    )
    return f"removed: {content} on {mark.removed_at}{reason}; its {mark.episodes:,} episodes {again}"


def _cells(row: StandingRow, by_score: bool, fallbacks: bool) -> tuple[str, ...]:
    interval = row.score_interval if by_score else row.profit_interval
    return (
        row.kind or (_DASH if row.rank is None else str(row.rank)),
        row.submission,
        row.track,
        _DASH if row.score is None else f"{row.score:.3f}",
        _DASH if row.mean_profit is None else f"{row.mean_profit:,.1f}",
        _range(interval, 3 if by_score else 1),
        _DASH if row.immediate_fill_rate is None else f"{100 * row.immediate_fill_rate:.1f} %",
        str(row.forfeits),
        *((f"{row.fallbacks:,}",) if fallbacks else ()),
        str(row.episodes) if row.complete else f"{row.episodes} of {row.expected_episodes}",
    )


def _price(one: PriceOfDecentralisation) -> str:
    from arena.errors import printable

    names = f"{printable(one.submission)} against {printable(one.full_view)}, the same rule with the full view"
    if one.price is None:
        return f"not known, since not both have played every episode: {names}"
    interval = "" if one.price_interval is None else f" (95 % interval {_range(one.price_interval, 1)})"
    share = "" if one.share is None else f", {100 * one.share:.1f} % of profit"
    return f"{one.price:,.1f} per episode{interval}{share}: {names}"


def _model(one: LlmRow) -> str:
    from arena.errors import printable

    asked = f"{printable(one.submission)} asked {printable(one.models) or 'one that never answered'}"
    counts = (
        f"{one.calls:,} questions, {one.failures:,} without an answer",
        f"{one.parse_failures:,} answers of no use ({one.repairs:,} mended)",
        f"{one.fallback_episodes:,} episodes with a fallback",
        f"{one.prompt_tokens:,} + {one.completion_tokens:,} tokens",
        f"{one.seconds:,.1f} s",
    )
    cost = "" if one.cost is None else f", cost {one.cost:,.4f}"
    text = f"{asked}: {', '.join(counts)}{cost}"
    if one.worth is None:
        return text
    interval = "" if one.worth_interval is None else f" (95 % interval {_range(one.worth_interval, 1)})"
    return f"{text}; worth {one.worth:,.1f} per episode over {printable(one.fitted_rule or '')}{interval}"


def _range(interval: Interval | None, digits: int) -> str:
    return _DASH if interval is None else f"{interval.low:,.{digits}f} … {interval.high:,.{digits}f}"
