"""Pairings of an evaluation: its submissions' own, and those of the submissions that earlier calls entered."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from arena.entry.submission import Submission
from arena.errors import InvalidInput
from arena.results.folder import STANDINGS_NAME
from arena.results.pairings import Pairing
from arena.results.reading import read_standings
from arena.results.store import Store


def enter_pairings(submissions: Sequence[Submission], store: Store, folder: Path) -> dict[str, Pairing]:
    """Keep with whom submissions are compared, and return that of all submissions that the folder knows.

    Args:
        submissions: those of this call; their manifests replace what was kept under their names.
        store: open.
        folder: of results, of the selection that is played. Its standings show the pairings of stores that kept none.

    Raises:
        StoreError: the store cannot be read or written.
    """
    given = {one.name: Pairing(one.manifest.full_view, one.manifest.fitted_rule) for one in submissions}
    return store.pairings.enter(given, _shown(folder))


def _shown(folder: Path) -> dict[str, Pairing]:
    if not (folder / STANDINGS_NAME).exists():
        return {}
    with contextlib.suppress(InvalidInput):  # Damaged standings are written anew.
        standings = read_standings(folder, to_rewrite=True)
        views = {one.submission: one.full_view for one in standings.prices}
        rules = {one.submission: one.fitted_rule for one in standings.language_models if one.fitted_rule}
        return {name: Pairing(views.get(name), rules.get(name)) for name in {**views, **rules}}
    return {}
