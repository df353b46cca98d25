"""The figure of an episode: demand, stock, units on the way, shortage and profit over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arena.audit.replaying import ReplayedEpisode
from arena.report.figures import COLOURS, minus, new_figure, shown
from arena.report.replay_data import by_node, columns_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANELS: Final = ("demand", "on_hand", "in_transit", "unfilled")
_BESIDE: Final = 44
"""Letters of two names that fit beside each other."""
_LINES: Final = ("-", (0, (4, 1.5)))
"""A second controller is told by its dashes too, as on paper without colours."""


def episode_figure(episodes: Sequence[ReplayedEpisode]) -> Figure:
    """Return the episode over time, the whole network in each panel. Call it within `figures.style`.

    Args:
        episodes: one, or two of the same scenario and seed.
    """
    from matplotlib.lines import Line2D

    first = episodes[0]
    network, periods = first.scenario.network, first.ledger.periods
    labels = {one.key: one.label for one in columns_for(first.scenario, [one.ledger for one in episodes])}
    figure, axes = new_figure(4.6, len(_PANELS) + 1)
    at = np.arange(periods)
    for number, episode in enumerate(episodes):
        looks: dict[str, Any] = {"color": COLOURS[number], "linestyle": _LINES[number]}
        for panel, key in zip(axes, _PANELS, strict=False):
            values = by_node(episode.ledger, network, key).sum(axis=1)
            panel.step(at, values, where="mid", **looks)
        axes[-1].plot(at, np.cumsum(episode.ledger.reward), **looks)
    for panel, label in zip(axes, [*(labels[key] for key in _PANELS), "profit so far"], strict=True):
        panel.set_ylabel(label)
        panel.yaxis.set_major_formatter(lambda value, _: minus(value))
        panel.locator_params(axis="y", nbins=4)
    for panel in axes[:-1]:
        panel.set_ylim(bottom=0)
    figure.supxlabel(f"period; {shown(first.record.scenario, 44)}, seed {first.record.seed_index}", fontsize=7)
    axes[-1].set_xlim(0, max(1, periods - 1))
    axes[-1].locator_params(axis="x", integer=True)
    if first.scenario.warm_up:
        for panel in axes:
            panel.axvspan(0, first.scenario.warm_up - 0.5, color="#f0f1f4", zorder=0)
    figure.align_ylabels(axes)
    names = [shown(one.record.submission) for one in episodes]
    handles = [
        Line2D([], [], color=COLOURS[number], linestyle=_LINES[number], label=name) for number, name in enumerate(names)
    ]
    beside = sum(map(len, names)) < _BESIDE
    ncols = len(handles) if beside else 1
    figure.legend(handles=handles, loc="outside upper left", ncols=ncols, columnspacing=1.2)
    return figure
