"""Play until decided: hidden seeds in batches, until every pair of neighbours in the table is decided or a budget ends.

Each batch is an evaluation of its own with more seeds, so that whatever ends the run, the same call goes on where it
stopped. Intervals and ranks hold at any stop; see `arena.results.sequential`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from arena.contract.seeds import MOST_SEEDS, HiddenSeeds, SeedPlan
from arena.entry.submission import Submission
from arena.errors import ABSENT, Fault, InvalidInput, StoreError
from arena.play.counted import counted_records
from arena.play.evaluate import Evaluation, evaluate
from arena.play.refusals import refuse_absent_windows
from arena.results.folder import STORE_NAME
from arena.results.rows import StoppingRule
from arena.results.sequential import next_seeds
from arena.results.store import Store
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
    refuse_absent_windows(suite, rule.budget)
    if seeds.count > rule.budget:
        reason = f"the first batch has {seeds.count} seeds per scenario, and the budget is less"
        raise InvalidInput([Fault("--budget", "", rule.budget, reason, "raise the budget, or lower hidden:N")])
    count = max(seeds.count, _seeds_there(Path(output), suite, seeds, submissions))
    if count > rule.budget:
        reason = f"the folder has {count} seeds per scenario already, and the budget is less"
        raise InvalidInput([Fault("--budget", "", rule.budget, reason, f"use {count} or more")])
    while True:
        evaluation = evaluate(submissions, suite, replace(seeds, count=count), output=output, stopping=rule, **options)
        following = next_seeds(count, rule.budget, evaluation.standings.neighbours)
        if batch_ended is not None:
            batch_ended(evaluation, following)
        if following <= count:
            return evaluation
        count = following


def _seeds_there(folder: Path, suite: Suite, seeds: HiddenSeeds, submissions: Sequence[Submission]) -> int:
    """Return how many seeds per scenario everybody in a folder has played; 0 for a folder without any.

    Raises:
        InvalidInput: somebody in the folder does not play now, and would be left behind.
    """
    try:
        with Store(folder / STORE_NAME, read_only=True) as store:
            records = counted_records(store, suite, replace(seeds, count=MOST_SEEDS), submissions)
    except StoreError:
        return 0  # Whoever writes to it hears why.
    absent = sorted({record.submission for record in records} - {one.name for one in submissions})
    if absent:
        reason = f"it has other submissions, which would be left behind: {', '.join(absent)}"
        fix = "name all of them, or remove these with arena results remove"
        raise InvalidInput([Fault(str(folder), "", ABSENT, reason, fix)])
    played: dict[tuple[str, str], set[int]] = {}
    for record in records:
        played.setdefault((record.submission, record.scenario), set()).add(record.seed_index)
    names = {record.submission for record in records}
    each = (played.get((name, scenario.name), set()) for name in names for scenario in suite.scenarios)
    return min((next(index for index in range(len(one) + 1) if index not in one) for one in each), default=0)
