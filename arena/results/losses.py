"""Losses: episodes that the tables of a folder name and its store does not hold, and that writing tables would drop."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from arena.errors import ABSENT, Fault, InvalidInput, StoreError, printable
from arena.results.folder import EPISODES_NAME, REPORT_NAME, STANDINGS_NAME, STORE_NAME
from arena.results.reading import read_standings
from arena.results.record import EpisodeKey
from arena.results.store import Store

_LISTED = 5


def refuse_losses(folder: Path, entered: Collection[str], elsewhere: Path) -> None:
    """Refuse to write the tables of a folder anew where they would lose episodes of submissions that do not play now.

    Args:
        folder: of results; it need not exist.
        entered: names of the submissions that play now: what the store lacks of theirs is played again.
        elsewhere: another folder, for the message.

    Raises:
        InvalidInput: the tables name such episodes.
    """
    path = folder / STORE_NAME
    try:
        with Store(path, read_only=True) as store:
            keys: Iterable[EpisodeKey] = store.keys()
    except StoreError:
        if path.exists() and path.stat().st_size:
            return  # Whoever opens it to write is told.
        keys = ()
    tables = ", ".join((EPISODES_NAME, STANDINGS_NAME, REPORT_NAME))
    fix = (
        f"restore a copy of {STORE_NAME}, enter these submissions too so that they are played again, or write "
        f"--output {elsewhere}; to give them up, remove {tables} first"
    )
    _refuse(folder, _losses(folder, keys, entered), fix)


def refuse_to_cut(folder: Path, store: Store, spared: Collection[str] = ()) -> None:
    """Refuse to rewrite the tables of a folder from a store that does not hold all of their episodes.

    Args:
        folder: of results.
        store: its store, open.
        spared: names of submissions that are to leave the tables anyway.

    Raises:
        InvalidInput: the tables name episodes that the store does not hold.
    """
    fix = f"restore a copy of {STORE_NAME}, or play them again by arena evaluate; then give this command again"
    _refuse(folder, _losses(folder, store.keys(), spared), fix)


def _refuse(folder: Path, lost: Counter[str], fix: str) -> None:
    if not lost:
        return
    names = ", ".join(f"{printable(name)}: {number}" for name, number in sorted(lost.items())[:_LISTED])
    more = f" and {len(lost) - _LISTED} more submissions" if len(lost) > _LISTED else ""
    number = lost.total()
    rule = f"its tables name {number:,} episode{'' if number == 1 else 's'} that {STORE_NAME} does not hold"
    raise InvalidInput([Fault(str(folder), "", ABSENT, f"{rule} ({names}{more})", fix)])


def _losses(folder: Path, keys: Iterable[EpisodeKey], spared: Collection[str]) -> Counter[str]:
    """Return, by submission, how many episodes of the tables the store does not hold, under whichever rules."""
    held = {(key.submission_digest, key.scenario_digest, key.seed_plan, str(key.seed_index)) for key in keys}
    lost: Counter[str] = Counter()
    try:
        with (folder / EPISODES_NAME).open(encoding="utf-8-sig", newline="") as file:
            for line in csv.DictReader(file):
                plan = line.get("commitment") or "public"
                key = (line["submission_digest"], line["scenario_digest"], plan, line["seed_index"])
                if key not in held:
                    lost[line["submission"]] += 1
    except (OSError, ValueError, KeyError, csv.Error):
        # Without that table, standings tell no more than who has played.
        lost = Counter() if held else _played(folder)
    return Counter({name: number for name, number in lost.items() if name not in spared})


def _played(folder: Path) -> Counter[str]:
    try:
        standings = read_standings(folder)
    except InvalidInput:
        return Counter()
    return Counter({row.submission: row.episodes for row in (*standings.rows, *standings.reference) if row.episodes})
