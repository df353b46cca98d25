"""The outcome of a verification: what was checked, what differs, and what could not be checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from arena.audit.differences import Difference
from arena.results.fingerprint import Digests
from arena.results.rows import Removal
from arena.results.trusted import TrustedPackageRow


class Unchecked(NamedTuple):
    """Something that was not checked.

    Attributes:
        number: how many.
        what: rows, seeds, scenarios.
        why: the reason, and what would help.
    """

    number: int
    what: str
    why: str


@dataclass(frozen=True)
class Verification:
    """What came of a verification.

    Attributes:
        rows: rows of the store.
        recomputed: rows whose seed, demand and indicators were recomputed.
        replayed: rows whose indicators were recomputed from the demand as stored, because their seed is not known.
        lost: rows of episodes that the arena failed to play, which have neither orders nor indicators.
        drawn: scenarios that were drawn again.
        lines: lines of the table of episodes.
        commitment: commitment of the reveal, recomputed; None without one.
        oracles: submissions that scores are measured against.
        model_calls: lines of the transcript of language models, held against their digests.
        model_replays: rows whose episode was played again from the transcript.
        removals: marks of submissions that were taken out of the folder; their rows are checked and do not count.
        trusted: strangers' packages that ran in the arena's process, as the standings name them.
        digests: digests of the rows that the table of episodes names, recomputed.
        digests_kept: whether the standings hold digests, which they are held against.
        published: whether they were held against a digest that was published.
        round_digest: digest of the round that the folder was held against; None without one.
        played: episodes that were played again, all of them from the submissions that were given.
        play_seed: by which they were chosen; None if none were, or all.
        interrupted: whether Ctrl-C ended the playing before all of them were played.
        differences: what differs, in the order in which it was looked at: for each row the first of its values.
        unchecked: what was not checked.
        notices: what is no difference by itself and should be looked at, and which edits a changed digest may mean.
    """

    rows: int
    recomputed: int
    replayed: int
    lost: int
    drawn: int
    lines: int
    commitment: str | None
    oracles: tuple[str, ...]
    model_calls: int
    model_replays: int
    removals: tuple[Removal, ...]
    trusted: tuple[TrustedPackageRow, ...]
    digests: Digests
    digests_kept: bool
    published: bool
    round_digest: str | None
    played: int
    play_seed: int | None
    interrupted: bool
    differences: tuple[Difference, ...]
    unchecked: tuple[Unchecked, ...]
    notices: tuple[str, ...]

    @property
    def checked(self) -> int:
        """Rows of the store that were checked, as far as each can be."""
        return self.recomputed + self.replayed + self.lost
