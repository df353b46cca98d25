"""The pages of a folder, held against what this arena writes from the rows, so that an edit of a page alone shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple, Protocol

from arena.audit.differences import Difference
from arena.audit.outcome import Unchecked
from arena.results.folder import BACKTEST_NAME, REPORT_NAME
from arena.results.reading import Results
from arena.results.record import EpisodeRecord, arena_version
from arena.results.rows import Standings
from arena.results.store import Store
from arena.world.scenario import Scenario
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


class RenderBacktest(Protocol):
    """Renders the page of a backtest, as `arena.report.backtest.render_backtest` does."""

    def __call__(self, results: Results, scenario: Scenario) -> str:
        """Return the page as HTML."""


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
    text = _read(folder / REPORT_NAME)
    if not isinstance(text, str):
        return text
    scenarios = [kept.scenario for kept in store.scenarios().values()]
    own = {one.name: one.note for one in scenarios if one.note}
    shipped = {one.name: one.note for one in shipped_scenarios().values() if one.note}
    expected = render(standings, records, notes=own, page=text)
    if text == expected:
        return PageCheck()
    # Commands that write a page anew know the notes of the arena's own scenarios only.
    if text == render(standings, records, notes=shipped, page=text):
        return PageCheck()
    return _compare(REPORT_NAME, text, expected, records)


def check_backtest(
    folder: Path, standings: Standings, records: Sequence[EpisodeRecord], store: Store, render: RenderBacktest
) -> PageCheck:
    """Hold the page of a backtest against what this arena writes.

    Args:
        folder: of results.
        standings: as stored.
        records: that they are about, as stored.
        store: of the folder, open.
        render: writes the page.
    """
    text = _read(folder / BACKTEST_NAME)
    if not isinstance(text, str):
        return text
    results = Results(folder, standings, tuple(records))
    played = {record.scenario_digest for record in records}
    scenarios = [kept.scenario for digest, kept in sorted(store.scenarios().items()) if digest in played]
    pages = [render(results, scenario) for scenario in scenarios]
    if text in pages:
        return PageCheck()
    if not pages:
        return PageCheck(unchecked=Unchecked(1, "page", f"the store holds no content of what {BACKTEST_NAME} shows"))
    return _compare(BACKTEST_NAME, text, pages[0], records)


def _read(path: Path) -> str | PageCheck:
    """Return the text of a page; what came of the look at it if it is not there or cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return PageCheck()
    except (OSError, UnicodeError) as error:
        return PageCheck(_difference(path.name, f"cannot be read: {error}", "a page"))


def _compare(name: str, text: str, expected: str, records: Sequence[EpisodeRecord]) -> PageCheck:
    """Return how a page departs from the one that is expected, unless another version of the arena wrote it."""
    others = sorted({record.arena_version for record in records} - {arena_version()})
    if others:
        why = f"it was written by version {', '.join(others)} of the arena, this is {arena_version()}"
        return PageCheck(unchecked=Unchecked(1, "page", why))
    lines = unified_diff(expected.splitlines(), text.splitlines(), lineterm="", n=0)
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    stored = next((line[1:].strip() for line in changed if line[0] == "+"), "without a line")
    wanted = next((line[1:].strip() for line in changed if line[0] == "-"), "no such line")
    return PageCheck(_difference(name, stored[:200], wanted[:200]))


def _difference(name: str, stored: str, expected: str) -> Difference:
    return Difference(name, "", "", None, "page", stored, expected)
