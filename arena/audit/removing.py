"""The removal of a submission from a folder of results: its episodes no longer count, and a mark stays of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from arena.audit.rewriting import Rewritten, TablesToRewrite
from arena.errors import Fault, InvalidInput, StoreError, unknown_name
from arena.results.folder import STORE_NAME
from arena.results.rows import Removal
from arena.results.store import Store, refuse_other_age

LONGEST_REASON: Final = 500
"""Characters of a reason."""


@dataclass(frozen=True)
class Removed:
    """What came of a removal.

    Attributes:
        marks: the marks of the submission, one for each content that it had in the folder.
        already: whether it had been removed before.
        tables: what was written anew; None if the folder has no tables yet.
    """

    marks: tuple[Removal, ...]
    already: bool
    tables: Rewritten | None


def remove(folder: str | Path, submission: str, reason: str = "") -> Removed:
    """Take a submission out of a folder of results, with every content that it was entered with.

    Its episodes stay in the store and no longer count in standings, tables and page; all of these are about the others
    from now on, and bear the mark. `arena evaluate` with the same content takes it in again: no episode is played a
    second time. With another content it is played as a new submission, and the mark stays.

    Args:
        folder: as an evaluation wrote it.
        submission: name of the submission.
        reason: why, for the mark; the mark of a submission that is removed already keeps its own.

    Raises:
        UnknownName: the folder holds no episode of such a submission.
        InvalidInput: the reason is too long, a table is of another layout or names episodes of others that the store
            does not hold, or a file is in the way that the arena did not write.
        StoreAgeError: the store is older or newer than this arena.
        StoreError: the store is missing, damaged, or being written by another process.
        ArenaError: a file cannot be written; the same call writes the tables then.
    """
    if len(reason) > LONGEST_REASON:
        rule = f"a reason has at most {LONGEST_REASON} characters, not {len(reason)}"
        raise InvalidInput([Fault("--reason", "", reason, rule, "say it shorter, and link to the rest")])
    folder = Path(folder)
    path = folder / STORE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: there is no such store; name a folder that arena evaluate wrote")
    refuse_other_age(path)
    tables = TablesToRewrite(folder)
    with Store(path) as store:
        records = store.records()
        contents = Counter(record.submission_digest for record in records if record.submission == submission)
        if not contents:
            raise unknown_name("submission", submission, sorted({one.submission for one in records}), str(folder))
        tables.refuse_to_cut(store, [submission])
        counting = {digest: number for digest, number in contents.items() if digest not in store.removals.digests()}
        if counting:
            store.removals.put(submission, counting, reason)
        marks = tuple(one for one in store.removals.all() if one.submission_digest in contents)
        return Removed(marks, not counting, tables.write(store))
