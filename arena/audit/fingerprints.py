"""The digests of a folder's rows, held against those that its standings keep and against one that was published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from arena.audit.differences import Difference
from arena.errors import Fault, InvalidInput
from arena.results.fingerprint import Digests, SubmissionDigests
from arena.results.folder import STANDINGS_NAME, STORE_NAME

SHORTEST: Final = 12
"""Characters of a published digest, at least: fewer could fit by chance, or be made to fit."""

_DIGEST: Final = re.compile(f"[0-9a-f]{{{SHORTEST},64}}")

EDITED_RESULTS: Final = (
    "another results digest: orders or demand, an outcome, an indicator, a report, an isolation level or a name was "
    "edited, or a row was added or taken out"
)
EDITED_RUN: Final = (
    "another digest of the run: the limits, the suite or how it scores, a refused, removed or trusted submission or "
    "package, the stopping rule or the round was edited in standings.json or in the store"
)
EDITED_REST: Final = (
    "the same results digest and another full digest: a measured time, a date, a version, a message, a number of "
    "repetitions or the name of the suite was edited"
)


def check_published(digest: str) -> str:
    """Return a digest that was published, or its beginning, in lower case.

    Raises:
        InvalidInput: it is no digest, or too short.
    """
    text = digest.strip().lower()
    if not _DIGEST.fullmatch(text):
        rule = f"a digest is {SHORTEST} to 64 hexadecimal digits"
        raise InvalidInput([Fault("--digest", "", digest, rule, "give the whole digest, as it was published")])
    return text


def digest_differences(kept: Digests, found: Digests) -> Iterator[Difference]:
    """Yield what differs between the digests that standings keep and those of the rows that there are.

    Args:
        kept: in the standings.
        found: of the rows.
    """
    before = {(one.submission, one.submission_digest): one for one in kept.submissions}
    after = {(one.submission, one.submission_digest): one for one in found.submissions}
    told = False
    for name, digest in dict.fromkeys([*before, *after]):
        one = _difference(before.get((name, digest)), after.get((name, digest)))
        if one is not None:
            told = True
            yield Difference(STANDINGS_NAME, name, "", None, *one)
    if kept.run != found.run:
        told = True
        yield Difference(STANDINGS_NAME, "", "", None, "digests.run", kept.run, found.run)
    for column in ("episodes", "results", "full"):
        stored, recomputed = getattr(kept, column), getattr(found, column)
        # Where a submission was named, the digests over all follow.
        if stored != recomputed and not told:
            told = True
            yield Difference(STANDINGS_NAME, "", "", None, f"digests.{column}", stored, recomputed)


def _difference(kept: SubmissionDigests | None, found: SubmissionDigests | None) -> tuple[str, object, object] | None:
    """Return the first column in which the digests of a submission differ, with both values."""
    if kept is None or found is None:
        stored, recomputed = (0 if one is None else one.episodes for one in (kept, found))
        return "digests.episodes", stored, recomputed
    for column in ("episodes", "results", "full"):
        stored, recomputed = getattr(kept, column), getattr(found, column)
        if stored != recomputed:
            return f"digests.{column}", stored, recomputed
    return None


def published_difference(published: str, found: Digests) -> Difference | None:
    """Return the difference to a digest that was published; None if the results or the full digest begins with it."""
    if found.results.startswith(published) or found.full.startswith(published):
        return None
    shown = f"{found.results} (results), {found.full} (full)"
    return Difference(STORE_NAME, "", "", None, "digest as published", published, shown)


def explain_digests(differences: list[Difference]) -> Iterator[str]:
    """Yield which edits may be behind changed digests, and behind a changed number of rows.

    Args:
        differences: of the folder.
    """
    columns = {one.column for one in differences}
    if "digests.episodes" in columns:
        named = [one for one in differences if one.column == "digests.episodes"]
        gone = sorted({one.submission for one in named if one.submission and one.recomputed == 0})
        if gone:
            yield f"no row is left of {', '.join(gone)}: a submission was deleted without arena results remove"
        if any(one.recomputed != 0 for one in named):
            yield "another number of rows than standings.json was written from: seeds or episodes were dropped or added"
    if "digests.results" in columns:
        yield EDITED_RESULTS
    if "digests.run" in columns:
        yield EDITED_RUN
    if "digests.full" in columns:
        yield EDITED_REST
    if "digest as published" in columns and not any(column.startswith("digests.") for column in columns):
        yield (
            "the folder agrees with itself and not with the digest that was published: rows and tables were edited "
            "together (orders, outcomes, levels, dates or versions changed, submissions or seeds dropped), or more was "
            "played since, or the folder was upgraded; arena verify --play shows whether the orders are those of the "
            "submissions, and --round what was to be played"
        )
