"""The page of standings of an evaluation that is still running, from what its store holds so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arena.report.page import render_report
from arena.results.folder import STORE_NAME
from arena.results.scores import Scoring
from arena.results.standings import compute_standings
from arena.results.store import Store
from arena.world.native_score import NativeScore
from arena.world.randomness import draws_nothing
from arena.world.scoring import ScoreRule
from arena.world.suite import Suite

__all__ = ["live_terms", "render_live"]


def live_terms(
    suite: Suite, seeds: int | None, seed_plan: str, commitment: str | None, contract: str
) -> dict[str, Any]:
    """Return what standings need besides the store, as values of JSON.

    Args:
        suite: what is played.
        seeds: number of seeds per scenario; None for all that the store holds, as of a run until decided.
        seed_plan: label of the seed plan.
        commitment: commitment to hidden seeds; None for public ones.
        contract: digest of the rules.
    """
    return {
        "suite": suite.name,
        "scenarios": {scenario.digest: scenario.name for scenario in suite.scenarios},
        "score_rule": suite.score_rule.model_dump(mode="json"),
        "scored_by": suite.scored_by,
        "native": None if suite.native is None else suite.native.model_dump(mode="json"),
        "draws_nothing": all(map(draws_nothing, suite.scenarios)),
        "seeds": seeds,
        "seed_plan": seed_plan,
        "commitment": commitment,
        "contract_digest": contract,
    }


def render_live(folder: Path, terms: Mapping[str, Any]) -> str:
    """Return the page about the episodes that a store holds so far; whoever has not played all of them has no rank.

    Args:
        folder: folder of results, which an evaluation may be writing.
        terms: as from `live_terms`.

    Raises:
        StoreError: the store cannot be read.
        ValueError: the terms are not whole.
    """
    try:
        names = terms["scenarios"]
        native = None if terms["native"] is None else NativeScore.model_validate(terms["native"])
        scoring = Scoring(ScoreRule.model_validate(terms["score_rule"]), terms["scored_by"], native=native)
        with Store(folder / STORE_NAME, read_only=True) as store:
            removed = store.removals.digests()
            stored = store.records(contract_digest=terms["contract_digest"], seed_plan=terms["commitment"] or "public")
        found = [
            one.model_copy(update={"scenario": names[one.scenario_digest]})
            for one in stored
            if one.scenario_digest in names
            and (terms["seeds"] is None or one.seed_index < terms["seeds"])
            and one.submission_digest not in removed
        ]
        newest = {one.submission: one.submission_digest for one in sorted(found, key=lambda one: one.finished_at)}
        records = [one for one in found if one.submission_digest == newest[one.submission]]
        standings = compute_standings(
            records,
            suite=terms["suite"],
            scenarios=list(names.values()),
            seeds=terms["seeds"] or 1 + max((one.seed_index for one in records), default=0),
            seed_plan=terms["seed_plan"],
            commitment=terms["commitment"],
            scoring=scoring,
            draws_nothing=terms["draws_nothing"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the terms are not whole: {error}") from error
    return render_report(standings, records)
