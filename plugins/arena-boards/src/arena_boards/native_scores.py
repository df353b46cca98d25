"""The boards' own scores, and what was published on them."""

from __future__ import annotations

from typing import Final

from arena import NativeScore, PublishedResult

_PAPER: Final = "arXiv 2602.12631; over all 1,320 instances"
_CELLS: Final = (
    "real-lead-time-0",
    "real-lead-time-4",
    "real-lead-time-stochastic",
    "synthetic-lead-time-0",
    "synthetic-lead-time-4",
    "synthetic-lead-time-stochastic",
)

_CLAIRVOYANT: Final = "clairvoyant that knows lead times"

#: Name, score over the whole board, and the score of every cell in their order.
_INVENTORYBENCH: Final = (
    (_CLAIRVOYANT, 0.866, (1.0, 0.894, 0.704, 1.0, 0.916, 0.680)),
    ("best of nine hybrids of a language model and a rule", 0.538, (0.772, 0.309, 0.353, 0.860, 0.558, 0.411)),
    ("best rule", 0.445, ()),
)

_VN2: Final = (
    ("best known, after the competition", "public repositories", 4_487.0),
    ("winner of 185", "arXiv 2601.18919", 4_677.0),
    ("official benchmark", "VN2 Inventory Planning Challenge, 2025", 5_248.0),
)


def inventorybench_score(cells: dict[str, str], *, as_published: bool, whole: bool) -> NativeScore:
    """Return InventoryBench's score: max(0, reward / (price × total demand)), the mean over instances.

    Args:
        cells: cell of each scenario.
        as_published: whether the lead times of the board are played; otherwise nothing published is comparable.
        whole: whether all cells are played; otherwise only results by cell are comparable.
    """
    published = (
        PublishedResult(
            name=name,
            source=_PAPER,
            score=score if whole else None,
            cells=dict(zip(_CELLS, by_cell, strict=True)) if by_cell else {},
            reference=name == _CLAIRVOYANT,
        )
        for name, score, by_cell in _INVENTORYBENCH
        if whole or by_cell
    )
    return NativeScore(
        name="normalised reward",
        indicator="profit",
        per="full_revenue",
        least=0.0,
        cells=cells,
        published=tuple(published) if as_published else (),
    )


def vn2_score(cells: dict[str, str]) -> NativeScore:
    """Return VN2's score: cost of the eight weeks in euros, the mean over windows. Lower is better.

    Args:
        cells: cell of each scenario; published results are of the competition's weeks alone.
    """
    is_competition = set(cells.values()) == {"competition"}
    published = (PublishedResult(name=name, source=source, score=score) for name, source, score in _VN2)
    return NativeScore(
        name="cost in euros",
        indicator="cost",
        better="lower",
        cells=cells,
        published=tuple(published) if is_competition else (),
    )


def panel_score(cells: dict[str, str]) -> NativeScore:
    """Return the score of a suite of recorded sales: the mean cost of a window. Lower is better."""
    return NativeScore(name="cost", indicator="cost", better="lower", cells=cells)
