"""The replay of an episode as one HTML page that needs nothing but itself.

The page is a function of the episodes alone. Names that submissions chose reach it through the template engine, which
escapes, and as JSON that is never run; see `arena.report.html`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from arena.audit.replaying import ReplayedEpisode
from arena.errors import printable
from arena.report.html import DRAWING, SHARED, number, render_page
from arena.report.network_layout import Layout, lay_out
from arena.report.replay_data import MOST_NODE_PERIODS, Column, by_node, draws_slots, page_data
from arena.results.files import Kind, make_folder, read_head, write_text
from arena.results.folder import refuse_other_file
from arena.results.record import EpisodeRecord

__all__ = [
    "REPLAY",
    "linked_replays",
    "links_of",
    "refuse_replay",
    "render_replay",
    "replay_address",
    "write_replay",
    "written_replays",
]

FOLDER: Final = "replay"
"""Folder of replays inside a folder of results."""

_SCRIPTS: Final = (DRAWING, SHARED, "scripts/replay.js")
_LISTED_PERIODS: Final = 400
_NAME_LENGTH: Final = 60
_TOTALS: Final = ("on_hand", "in_transit", "requested", "demand", "sold", "unfilled", "revenue", "node_profit")
_PAGE: Final = re.compile(
    r"""<!doctype html>.*content="default-src 'none'; [^"]*".*<title>[^<]*: replay</title>""", re.DOTALL
)

_LINK: Final = re.compile(rf"{FOLDER}/[a-z0-9_-]+(?:\.[a-z0-9_-]+){{3}}\.html")

REPLAY: Final = Kind("replay of an episode", lambda path: _PAGE.match(read_head(path)) is not None)
"""A page that this module wrote: by its content security policy and its title."""


def replay_address(submission: str, scenario: str, seed_index: int, against: str | None = None) -> str:
    """Return where the replay of an episode lies, relative to its folder of results, as a path and as an address.

    Args:
        submission: name of the submission.
        scenario: slug of the scenario.
        seed_index: position of the seed in its plan.
        against: name of the submission beside it; None without one.

    >>> replay_address("newsvendor", "serial-m5-backlog", 3)
    'replay/newsvendor.serial-m5-backlog.3.7dfb2bf2.html'
    """
    names = [submission, scenario, *([] if against is None else [against])]
    # Different names may be spelled the same once they are safe; the digest keeps their files apart.
    digest = hashlib.sha256(json.dumps([*names, seed_index]).encode()).hexdigest()[:8]
    first, second, *other = map(_safe, names)
    pair = f"{first}-and-{other[0]}" if other else first
    return f"{FOLDER}/{pair}.{second}.{int(seed_index)}.{digest}.html"


def _safe(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "_", name.lower())[:_NAME_LENGTH]


def written_replays(folder: Path) -> set[str]:
    """Return the addresses of the replays that lie in a folder of results."""
    found = (f"{FOLDER}/{path.name}" for path in (folder / FOLDER).glob("*.html"))
    return {address for address in found if _LINK.fullmatch(address)}


def links_of(page: str) -> set[str]:
    """Return the addresses of the replays that a page of standings links to."""
    return set(_LINK.findall(page))


def linked_replays(addresses: Collection[str]) -> Callable[[EpisodeRecord], str | None] | None:
    """Return what tells the address of an episode's replay: its own, or one in which it stands first of two.

    Args:
        addresses: of the replays that there are.

    Returns:
        A function of an episode, which gives None where there is no replay; None if there is none at all.
    """
    if not addresses:
        return None
    by_episode: dict[tuple[str, str], list[str]] = {}
    for address in sorted(addresses):
        # replay/ first-and-other . scenario . index . digest . html
        _, scenario, index, _, _ = address.split(".")
        by_episode.setdefault((scenario, index), []).append(address)

    def find(record: EpisodeRecord) -> str | None:
        found = by_episode.get((_safe(record.scenario), str(record.seed_index)), ())
        own = replay_address(record.submission, record.scenario, record.seed_index) if found else ""
        if own in found:
            return own
        beside = f"{FOLDER}/{_safe(record.submission)}-and-"
        return next((address for address in found if address.startswith(beside)), None)

    return find


def refuse_replay(path: Path) -> None:
    """Refuse a place for a replay where something else lies.

    Raises:
        InvalidInput: the file is of a folder of results, or was not written as a replay.
    """
    refuse_other_file(path, REPLAY, "choose another place: --output FILE.html")


def write_replay(episodes: Sequence[ReplayedEpisode], path: Path) -> Path:
    """Write the page and return its path; an earlier replay is replaced in one step.

    Args:
        episodes: one, or two of the same scenario and seed.
        path: file to write; its folder is made.

    Raises:
        InvalidInput: a file that is no replay is in the way.
        ArenaError: the file cannot be written.
    """
    refuse_replay(path)
    text = render_replay(episodes)
    make_folder(path.parent)
    write_text(path, text, REPLAY)
    return path


def render_replay(episodes: Sequence[ReplayedEpisode]) -> str:
    """Return the page as HTML.

    Args:
        episodes: one, or two of the same scenario and seed.
    """
    first = episodes[0]
    layout = lay_out(first.scenario.network)
    data = page_data(episodes, layout)
    columns = [Column(**one) for one in data["columns"]]
    names = " and ".join(printable(one.record.submission) for one in episodes)
    totals = [column for column in columns if column.key in _TOTALS]
    return render_page(
        "replay.html.jinja",
        scripts=_SCRIPTS,
        data=data,
        title=f"{names}, {first.record.scenario}, seed {first.record.seed_index}",
        scenario=first.scenario.model_copy(update={"name": first.record.scenario}),
        seed_index=first.record.seed_index,
        periods=first.ledger.periods,
        layout=layout,
        columns=columns,
        totals=totals,
        unfilled=next(column.about for column in columns if column.key == "unfilled"),
        remarks=list(_remarks(episodes, layout, data)),
        runs=[_shown(one, [column.key for column in totals]) for one in episodes],
    )


def _shown(episode: ReplayedEpisode, keys: Sequence[str]) -> dict[str, Any]:
    """Return what the template shows of an episode."""
    record, ledger = episode.record, episode.ledger
    listed = min(ledger.periods, _LISTED_PERIODS)
    columns = {key: by_node(ledger, episode.scenario.network, key).sum(axis=1) for key in keys}
    so_far = np.cumsum(columns["node_profit"])
    money = ("revenue", "node_profit")
    return {
        "name": record.submission,
        "track": record.track,
        "profit": record.profit,
        "played": episode.played_profit,
        "outcome": record.outcome,
        "failure_period": record.failure_period,
        "left_out": ledger.periods - listed,
        "totals": [
            [
                *(number(float(values[period]), 2 if key in money else 1) for key, values in columns.items()),
                number(float(so_far[period]), 2),
            ]
            for period in range(listed)
        ],
    }


def _remarks(episodes: Sequence[ReplayedEpisode], layout: Layout, data: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader has to know before the drawing."""
    first = episodes[0]
    network = first.scenario.network
    if len(episodes) > 1 and not all(np.array_equal(one.ledger.demand, first.ledger.demand) for one in episodes):
        yield (
            "Customers of this scenario answer to how they are served, so that the two controllers met the same "
            "customers and not the same demand."
        )
    if layout.grouped:
        inner = f" {layout.inner_links:,} links within a box are not drawn." if layout.inner_links else ""
        yield (
            f"The network has {len(network.nodes):,} nodes. It is drawn by groups: a box is the sum over its nodes, "
            f"and a line the sum over its links.{inner} The tables list the nodes one by one."
        )
    elif not draws_slots(first.scenario, layout):
        yield (
            "Lead times are so long, or periods so many, that units are not drawn where they are on their way: a line "
            "is as thick as what is under way on it."
        )
    left_out = len(network.managed) - sum(row["single"] for row in data["rows"])
    if left_out and len(network.managed) > 1:
        yield (
            f"{left_out:,} of {len(network.managed):,} nodes, which move the least money, are not listed: a page lists "
            f"at most {MOST_NODE_PERIODS:,} nodes × periods × controllers. They are part of all sums; arena export "
            "writes every node."
        )
