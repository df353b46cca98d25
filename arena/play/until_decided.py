"""Play until decided: hidden seeds in batches, until every pair of neighbours in the table is decided or a budget ends.

Each batch is an evaluation of its own with more seeds, so that whatever ends the run, the same call goes on where it
stopped. Intervals and ranks hold at any stop; see `arena.results.sequential`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from arena.contract.seeds import HiddenSeeds, SeedPlan
from arena.entry.submission import Submission
from arena.errors import Fault, InvalidInput
from arena.play.evaluate import Evaluation, evaluate
from arena.results.folder import seeds_there
from arena.results.rows import StoppingRule
from arena.results.sequential import next_seeds
from arena.world.suite import Suite


def evaluate_until_decided(
    submissions: Sequence[Submission],
    suite: Suite,
    seeds: SeedPlan,
    rule: StoppingRule,
    *,
    output: str | Path,
    batch_ended: Callable[[Evaluation, int], None] | None = None,
    **options: Any,
) -> Evaluation:
    """Evaluate on more and more hidden seeds, until the table is decided or the budget ends.

    Args:
        submissions: who plays.
        suite: what is played.
        seeds: hidden seeds; their count is that of the first batch. A folder that has more goes on from there.
        rule: margin and budget.
        output: folder of results.
        batch_ended: told of every batch: its evaluation, and the seeds per scenario after the next one (as many as
            there are if none follows).
        **options: of `arena.evaluate`.

    Returns:
        The evaluation of all seeds. `standings.neighbours` has the verdicts.

    Raises:
        InvalidInput: the seeds are public, or the first batch is larger than the budget; also as `arena.evaluate`.
        Interrupted: Ctrl-C; the tables are those of the last whole batch.
        ArenaError: as `arena.evaluate`.
    """
    if not isinstance(seeds, HiddenSeeds):
        fix = "play hidden seeds: --seeds hidden:30 --secret FILE"
        raise InvalidInput([Fault("--until-decided", "", seeds.label, "there are ten public seeds and no more", fix)])
    if seeds.count > rule.budget:
        reason = f"the first batch has {seeds.count} seeds per scenario, and the budget is less"
        raise InvalidInput([Fault("--budget", "", rule.budget, reason, "raise the budget, or lower hidden:N")])
    count = max(seeds.count, seeds_there(Path(output), seeds.commitment))
    while True:
        evaluation = evaluate(submissions, suite, replace(seeds, count=count), output=output, stopping=rule, **options)
        following = next_seeds(count, rule.budget, evaluation.standings.neighbours)
        if batch_ended is not None:
            batch_ended(evaluation, following)
        if following <= count:
            return evaluation
        count = following
