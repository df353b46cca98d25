"""The tables of a folder of results, written anew after its store was changed by hand: upgraded, or mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.audit.tables import Line, read_lines, recompute_standings
from arena.contract.version import contract_digest, earlier_digests
from arena.errors import InvalidInput
from arena.results.export import write_episodes
from arena.results.files import EPISODES, PAGE, STANDINGS, Wanted, find_obstacles, write_text
from arena.results.folder import EPISODES_NAME, REPORT_NAME, STANDINGS_NAME
from arena.results.losses import refuse_to_cut
from arena.results.reading import read_standings
from arena.results.record import EpisodeRecord
from arena.results.rows import Standings
from arena.results.sealing import seal
from arena.results.store import Store


@dataclass(frozen=True)
class Rewritten:
    """Tables that were written anew.

    Attributes:
        standings: the standings.
        records: their records, under the names that scenarios have in the tables.
    """

    standings: Standings
    records: tuple[EpisodeRecord, ...]


class TablesToRewrite:
    """The tables of a folder as they are before its store is changed.

    What they are about stays: suite, scenarios, seeds, and the content that counts of every submission. An interruption
    between two of the files does no harm, since either says enough to write both.

    Args:
        folder: of results.

    Raises:
        InvalidInput: a table is of another layout, or a file is in the way that the arena did not write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        wanted = ((EPISODES_NAME, EPISODES), (STANDINGS_NAME, STANDINGS), (REPORT_NAME, PAGE))
        faults = find_obstacles((Wanted(folder / name, kind) for name, kind in wanted), "name another folder")
        if faults:
            raise InvalidInput(faults)
        self._standings: Standings | None = None
        self._lines: Sequence[Line] = ()
        # An evaluation that was interrupted before it wrote both has none to keep, and writes them when it goes on.
        if all((folder / name).exists() for name in (EPISODES_NAME, STANDINGS_NAME)):
            self._standings, self._lines = read_standings(folder, to_rewrite=True), read_lines(folder)

    def refuse_to_cut(self, store: Store, spared: Sequence[str] = ()) -> None:
        """Refuse to go on where the tables name episodes that the store does not hold: they would lose them silently.

        Args:
            store: open, and not changed yet.
            spared: names of submissions that are to leave the tables.

        Raises:
            InvalidInput: the tables name such episodes.
        """
        if self._standings is not None:
            refuse_to_cut(self._folder, store, spared)

    def write(self, store: Store) -> Rewritten | None:
        """Write table of episodes and standings from what the store holds now.

        Returns:
            What was written; None if the folder has no tables, or none of their episodes is under the present rules.

        Raises:
            ArenaError: a file cannot be written; then it is as it was.
            StoreError: the store cannot be read.
        """
        stored = self._standings
        if stored is None:
            return None
        digest = stored.contract_digest or contract_digest()
        if digest in earlier_digests():
            digest = contract_digest()
        names = {
            (line["submission_digest"], line["scenario_digest"], line["seed_index"]): line["scenario"]
            for line in self._lines
        }
        records = [
            record.model_copy(update={"scenario": name})
            for record in store.records(contract_digest=digest, seed_plan=stored.commitment or "public")
            if (name := names.get((record.submission_digest, record.scenario_digest, str(record.seed_index))))
        ]
        if names and not records:
            return None
        removed = store.removals.digests()
        kept = [record for record in records if record.submission_digest not in removed]
        divided = Counter(stored.oracles.values()).most_common()
        standings = recompute_standings(
            # As in every folder, the last seed in the tables tells how many there are.
            stored.model_copy(update={"seeds": 1 + max((record.seed_index for record in kept), default=-1)}),
            kept,
            [*(name for name, _ in divided), None],
            store.removals.all(),
        )
        standings = seal(standings, store, kept)
        write_episodes(kept, stored.suite, self._folder / EPISODES_NAME)
        write_text(self._folder / STANDINGS_NAME, standings.model_dump_json(indent=2) + "\n", STANDINGS)
        return Rewritten(standings, tuple(kept))
