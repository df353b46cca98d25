"""The page of a folder, held against what this arena writes from the rows, so that an edit of the page alone shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple, Protocol

from arena.audit.differences import Difference
from arena.audit.outcome import Unchecked
from arena.results.folder import REPORT_NAME
from arena.results.record import EpisodeRecord, arena_version
from arena.results.rows import Standings
from arena.results.store import Store
from arena.world.suite import shipped_scenarios


class Render(Protocol):
    """Renders the page, as `arena.report.page.render_again` does: auditing has no pages of its own."""

    def __call__(
        self,
        standings: Standings,
        records: Sequence[EpisodeRecord],
        *,
        notes: Mapping[str, str] | None = None,
        page: str,
    ) -> str:
        """Return the page as HTML, with the links of `page` to replays: those come and go with the files."""


class PageCheck(NamedTuple):
    """What came of the look at a page; both None where it agrees, or there is none.

    Attributes:
        difference: that it is another one.
        unchecked: why it was not compared.
    """

    difference: Difference | None = None
    unchecked: Unchecked | None = None


def check_page(
    folder: Path, standings: Standings, records: Sequence[EpisodeRecord], store: Store, render: Render
) -> PageCheck:
    """Hold the page of a folder against what this arena writes.

    Args:
        folder: of results.
        standings: as stored.
        records: that they are about, as stored.
        store: of the folder, open.
        render: writes the page.
    """
    try:
        text = (folder / REPORT_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return PageCheck()
    except (OSError, UnicodeError) as error:
        return PageCheck(_difference(f"cannot be read: {error}", "a page"))
    scenarios = [kept.scenario for kept in store.scenarios().values()]
    own = {one.name: one.note for one in scenarios if one.note}
    shipped = {one.name: one.note for one in shipped_scenarios().values() if one.note}
    expected = render(standings, records, notes=own, page=text)
    if text == expected:
        return PageCheck()
    # Commands that write a page anew know the notes of the arena's own scenarios only.
    if text == render(standings, records, notes=shipped, page=text):
        return PageCheck()
    others = sorted({record.arena_version for record in records} - {arena_version()})
    if others:
        why = f"it was written by version {', '.join(others)} of the arena, this is {arena_version()}"
        return PageCheck(unchecked=Unchecked(1, "page", why))
    lines = unified_diff(expected.splitlines(), text.splitlines(), lineterm="", n=0)
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    stored = next((line[1:].strip() for line in changed if line[0] == "+"), "without a line")
    wanted = next((line[1:].strip() for line in changed if line[0] == "-"), "no such line")
    return PageCheck(_difference(stored[:200], wanted[:200]))


def _difference(stored: str, expected: str) -> Difference:
    return Difference(REPORT_NAME, "", "", None, "page", stored, expected)
