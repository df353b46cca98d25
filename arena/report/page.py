"""The standings as one HTML page that needs nothing but itself: no font, no picture and no script from elsewhere.

Everything that a submission had a hand in (names, messages, versions) reaches the page through a template engine that
escapes, or as JSON that scripts write as text. The tables are there without scripts, which only sort, search, draw
and compare. A content security policy forbids whatever else could be loaded or run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from arena.report.cells import group_scenarios
from arena.report.forfeits import list_forfeits
from arena.report.heat import cut_for_paper, shade_profits
from arena.report.html import DRAWING, SHARED, render_page
from arena.report.indicators import GROUPS, IndicatorTable, tabulate_indicators, write_value
from arena.report.native import native_table
from arena.report.neighbours import count_decided, describe_rule, verdict_lines
from arena.report.plots import tick_labels
from arena.report.prices import price_information, price_lines
from arena.report.provenance import describe_provenance, group_notes, hold_attacks
from arena.report.replay import linked_replays, links_of, written_replays
from arena.report.standings_data import Replay, collect_data, tells_of_hidden
from arena.report.standings_rows import count_divisors, explain_missing_score, fit_ranked, table_row
from arena.report.times import tabulate_times
from arena.results.files import PAGE, make_folder, write_text
from arena.results.paired import tabulate_episodes
from arena.results.rows import OFFICIAL_ISOLATION
from arena.world.suite import shipped_scenarios

if TYPE_CHECKING:
    from arena.results.record import EpisodeRecord
    from arena.results.rows import Standings

__all__ = ["SCRIPTS", "render_again", "render_report", "write_report"]

SCRIPTS: Final = (
    DRAWING,
    SHARED,
    *(
        f"scripts/standings/{name}.js"
        for name in ("page", "sorting", "columns", "zoom", "heat", "charts", "compare", "episodes", "downloads")
    ),
)
"""Scripts of the page, in the order in which they run."""


def write_report(
    standings: Standings,
    records: Sequence[EpisodeRecord],
    path: str | Path,
    *,
    notes: Mapping[str, str] | None = None,
) -> Path:
    """Write the page. It links to the replays of episodes that lie beside it.

    Args:
        standings: the standings of the contest.
        records: its records, for episodes, forfeits and provenance.
        path: file to write; an older page is replaced in one step, so that a reader never sees half of it.
        notes: by scenario, what a reader of its results must know; None for the notes of the arena's own scenarios.

    Returns:
        The path.

    Raises:
        InvalidInput: A file that is no page of standings is in the way.
        ArenaError: The file cannot be written.
    """
    path = Path(path)
    if notes is None:
        notes = {scenario.name: scenario.note for scenario in shipped_scenarios().values() if scenario.note}
    replay = linked_replays(written_replays(path.parent))
    text = render_report(standings, records, notes=notes, replay=replay)
    make_folder(path.parent)
    write_text(path, text, PAGE)
    return path


def render_again(
    standings: Standings, records: Sequence[EpisodeRecord], *, notes: Mapping[str, str] | None = None, page: str
) -> str:
    """Return the page as HTML, with the links to replays that another rendering of it has.

    Args:
        standings: as for `write_report`.
        records: as for `write_report`.
        notes: as for `write_report`.
        page: the other rendering.
    """
    return render_report(standings, records, notes=notes, replay=linked_replays(links_of(page)))


def render_report(
    standings: Standings,
    records: Sequence[EpisodeRecord],
    *,
    notes: Mapping[str, str] | None = None,
    replay: Replay | None = None,
) -> str:
    """Return the page as HTML.

    Args:
        standings: as for `write_report`.
        records: as for `write_report`.
        notes: as for `write_report`.
        replay: tells where an episode's replay lies beside the page; None if there are no replays.
    """
    shown = set(standings.scenarios)
    kept = [record for record in records if record.scenario in shown and record.seed_index < standings.seeds]
    everybody = (*standings.rows, *standings.reference)
    columns = [row.submission for row in everybody]
    axis = fit_ranked(standings)
    cells = group_scenarios(standings)
    heat = shade_profits(standings, cells)
    indicators = tabulate_indicators(standings, kept)
    episodes = tabulate_episodes(standings, kept)
    return render_page(
        "report.html.jinja",
        scripts=SCRIPTS,
        data=collect_data(standings, kept, episodes, indicators, replay, cells),
        standings=standings,
        by_score=standings.ranked_by == "score",
        axis=tick_labels(axis),
        rows=[table_row(row, standings, axis) for row in standings.rows],
        reference=[table_row(row, standings, axis) for row in standings.reference],
        official=any(row.official for row in standings.rows),
        weak=any(row.isolation not in OFFICIAL_ISOLATION for row in standings.rows),
        fallbacks=any(row.fallbacks for row in everybody),
        repetitions=any(row.repetitions for row in everybody),
        divisors=count_divisors(standings),
        bounds=any(row.mean_bound is not None for row in standings.reference),
        missing_score=next(
            (
                why
                for row in standings.rows
                if not row.unranked_because and (why := explain_missing_score(row, standings))
            ),
            None,
        ),
        neighbours=verdict_lines(standings),
        rule_in_words=describe_rule(standings),
        decided=count_decided(standings.neighbours),
        prices=[price_lines(one) for one in standings.prices],
        information=price_information(episodes),
        native=native_table(standings),
        cells=cells,
        heat=heat,
        paper=list(cut_for_paper(columns, heat)),
        columns=columns,
        indicator_groups=_indicator_groups(indicators),
        times=tabulate_times(columns, kept),
        notes=group_notes(standings.scenarios, notes or {}),
        forfeits=list_forfeits(standings, kept),
        hidden=tells_of_hidden(standings, kept),
        levels=sorted({record.isolation for record in kept}),
        attacks=hold_attacks(kept),
        provenance=describe_provenance(standings, kept),
        digests=sorted({(record.submission, record.submission_digest) for record in kept}),
    )


def _indicator_groups(table: IndicatorTable) -> list[tuple[str, list[str], list[tuple[str, list[tuple[str, float]]]]]]:
    """Return, by heading, the labels of its indicators, and a line of texts and values per submission."""
    groups = []
    for group in GROUPS:
        places = [place for place, one in enumerate(table.indicators) if one.group == group]
        lines = [
            (
                name,
                [(write_value(values[place], table.indicators[place].unit), values[place]) for place in places],
            )
            for name, values in zip(
                table.submissions, np.where(np.isfinite(table.overall), table.overall, np.nan).tolist(), strict=True
            )
        ]
        if places and lines:
            groups.append((group, [table.indicators[place].label for place in places], lines))
    return groups
