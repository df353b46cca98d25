"""What submissions asked of language models over a suite, and what a model is worth over plain fitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arena.results.intervals import percentile_interval
from arena.results.rows import Interval, LlmRow

if TYPE_CHECKING:
    from arena.results.decentralisation import Profits
    from arena.results.record import EpisodeRecord


def language_model_row(
    submission: str,
    records: Sequence[EpisodeRecord],
    fitted_rule: str | None,
    profits: Mapping[str, Profits | None],
) -> LlmRow | None:
    """Add up what a submission asked of language models; None if it asked nothing.

    Args:
        submission: its name.
        records: its episodes on the suite, those that the arena failed to play left out.
        fitted_rule: the submission that plays the same rule with fitted parameters; None if the manifest names none.
        profits: of both, where they have played every scenario and seed.
    """
    if not any(record.llm_calls for record in records):
        return None
    answered = any(record.llm_calls > record.llm_failures for record in records)
    worth, interval = _worth(profits.get(submission), profits.get(fitted_rule or "")) if answered else (None, None)
    costs = [record.llm_cost for record in records if record.llm_calls]
    models = {model for record in records for model in record.llm_model.split(", ") if model}
    return LlmRow(
        submission=submission,
        models=", ".join(sorted(models)),
        calls=sum(record.llm_calls for record in records),
        failures=sum(record.llm_failures for record in records),
        parse_failures=sum(record.parse_failures for record in records),
        repairs=sum(record.repairs for record in records),
        fallbacks=sum(record.fallbacks for record in records),
        fallback_episodes=sum(record.fallbacks > 0 for record in records),
        prompt_tokens=sum(record.prompt_tokens for record in records),
        completion_tokens=sum(record.completion_tokens for record in records),
        seconds=sum(record.llm_seconds for record in records),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
        fitted_rule=fitted_rule,
        worth=worth,
        worth_interval=interval,
    )


def _worth(mine: Profits | None, fitted: Profits | None) -> tuple[float | None, Interval | None]:
    """Mean profit over that of the fitted rule, and its interval; paired by seed."""
    if mine is None or fitted is None:
        return None, None
    draws = mine.draws.mean(axis=0) - fitted.draws.mean(axis=0)
    return float(mine.means.mean() - fitted.means.mean()), percentile_interval(draws)
