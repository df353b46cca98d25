"""Pictures of a running episode: a table as text, or the network with its stocks and flows as pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx
import numpy as np

from arena.errors import ArenaError
from arena.simulate.simulator import Simulator, State
from arena.world.network import Network
from arena.world.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DOTS_PER_INCH = 100
_SURFACE, _INK, _FAINT = "#ffffff", "#1f2933", "#9aa5b1"
_COLOURS = {"market": "#c2410c", "raw_material": "#7b8794", "factory": "#1d6fa5", "distributor": "#2f855a"}
_NAMES = {"market": "market", "raw_material": "raw material", "factory": "factory", "distributor": "distributor"}


def render(mode: str, scenario: Scenario, simulator: Simulator) -> Any:
    """The episode after the last period.

    Args:
        mode: ``ansi`` or ``rgb_array``.
        scenario: what is played.
        simulator: that plays it, started.

    Returns:
        Text, or uint8 pixels of shape (height, width, 3).

    Raises:
        ArenaError: If a picture is asked for and matplotlib is missing.
    """
    return table(scenario, simulator) if mode == "ansi" else picture(scenario, simulator)


def table(scenario: Scenario, simulator: Simulator) -> str:
    """A table with a row per managed node, by its name or else its id, after the last period.

    Units are on hand at the end, ``coming`` (under way to the node), customers' ``demand``, what was ``sold`` to them
    and what stayed ``unfilled``, and ``shipped`` to other nodes; money is the node's profit in the period and so far.
    """
    network, state, ledger = scenario.network, simulator.state, simulator.ledger()
    played = ledger.periods > 0
    rows = [["node", "role", "on hand", "coming", "demand", "sold", "unfilled", "shipped", "profit", "so far"]]
    for position, node in enumerate(network.managed):
        sells, ships = list(network.markets_of(node)), list(network.outbound(node))
        figures = [state.on_hand[position], state.in_transit[list(network.inbound(node))].sum()]
        customers = [table[-1, sells].sum() if played else 0.0 for table in (ledger.demand, ledger.sold)]
        texts = [f"{value:.1f}" for value in (*figures, *customers, state.unfilled[sells].sum())]
        if not sells:
            texts[2:] = ["-"] * 3
        shipped = ledger.filled[-1, ships].sum() if played else 0.0
        texts.append(f"{shipped:.1f}" if ships else "-")
        texts.append(f"{ledger.node_profit[-1, position] if played else 0.0:.2f}")
        texts.append(f"{ledger.node_profit[:, position].sum():.2f}")
        rows.append([network.label(node), _role_name(network, node), *texts])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            text.ljust(width) if column == 1 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([_headline(scenario, simulator), "", *lines]) + "\n"


def _role_name(network: Network, node: int) -> str:
    role = network.role(node)
    return "retailer" if role == "distributor" and network.markets_of(node) else _NAMES[role]


def _headline(scenario: Scenario, simulator: Simulator) -> str:
    rewards = simulator.ledger().reward
    last = rewards[-1] if len(rewards) else 0.0
    parts = [
        scenario.name,
        f"{simulator.period} of {scenario.horizon} periods played",
        f"profit {last:.2f}, so far {rewards.sum():.2f}",
    ]
    if scenario.goodwill is not None:
        parts.insert(2, f"sentiment {simulator.columns.sentiment:.2f}")
    return "   ".join(parts)


def picture(scenario: Scenario, simulator: Simulator) -> np.ndarray:
    """The network from raw materials (left) to markets (right), after the last period.

    A node is a tank filled up to its stock on hand, full at the most it has held in the episode; what customers wait
    for or lost is written on the market. A link is as thick as what is under way on it, with the units beside it.

    Returns:
        Pixels, uint8, (height, width, 3); the size depends on the network only.

    Raises:
        ArenaError: If matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ArenaError(
            'drawing needs matplotlib; install it with: pip install matplotlib, or choose render_mode="ansi"'
        ) from None
    places = _places(scenario.network)
    columns = 1 + max(x for x, _ in places.values())
    rows = 1 + max(y for _, y in places.values())
    size = (min(20.0, 1.2 + 1.6 * columns), min(16.0, 1.4 + 1.5 * rows))
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor=_SURFACE, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(-0.55, columns - 0.45)
    axes.set_ylim(-0.65, rows - 0.35)
    axes.set_title(_headline(scenario, simulator), fontsize=9, color=_INK, loc="left")
    state = simulator.state
    _draw_links(axes, scenario.network, state, places)
    _draw_nodes(axes, scenario.network, simulator, state, places)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba(), dtype=np.uint8)  # type: ignore[no-untyped-call]
    return pixels[:, :, :3].copy()


def _places(network: Network) -> dict[int, tuple[float, float]]:
    """Where nodes stand: a column per step on the longest way to a market, rows centred."""
    generations = list(networkx.topological_generations(network.graph.reverse()))
    tallest = max(len(generation) for generation in generations)
    places = {}
    for distance, generation in enumerate(generations):
        for row, node in enumerate(sorted(generation, reverse=True)):
            column = len(generations) - 1 - distance
            places[node] = (float(column), row + (tallest - len(generation)) / 2)
    return places


def _draw_links(axes: Axes, network: Network, state: State, places: dict[int, tuple[float, float]]) -> None:
    most = max(1.0, float(state.in_transit.max(initial=0.0)))
    links: list[tuple[int, int, float | None]] = [
        (link.supplier, link.buyer, float(units))
        for link, units in zip(network.supply_links, state.in_transit, strict=True)
    ]
    links += [(link.retailer, link.market, None) for link in network.market_links]
    for start, end, units in links:
        (x0, y0), (x1, y1) = places[start], places[end]
        width = 1.0 if units is None else 1.0 + 3.0 * units / most
        axes.annotate(
            "",
            xy=(x1 - 0.2, y1),
            xytext=(x0 + 0.2, y0),
            arrowprops={"arrowstyle": "-|>", "color": _FAINT, "linewidth": width, "shrinkA": 0, "shrinkB": 0},
            zorder=1,
        )
        if units:
            # A third of the way: where links cross, it is mostly in the middle.
            at = (x0 + 0.2 + (x1 - x0 - 0.4) / 3, y0 + (y1 - y0) / 3)
            box = {"boxstyle": "round,pad=0.15", "facecolor": _SURFACE, "edgecolor": "none"}
            axes.text(*at, f"{units:.0f}", fontsize=7, color=_INK, ha="center", va="center", bbox=box, zorder=3)


def _draw_nodes(
    axes: Axes, network: Network, simulator: Simulator, state: State, places: dict[int, tuple[float, float]]
) -> None:
    from matplotlib.patches import Rectangle

    ledger = simulator.ledger()
    most = np.maximum(ledger.initial_on_hand, ledger.on_hand.max(axis=0, initial=0.0))
    width, height = 0.36, 0.5
    for node, (x, y) in places.items():
        role = network.role(node)
        colour = _COLOURS[role]
        corner = (x - width / 2, y - height / 2)
        axes.add_patch(Rectangle(corner, width, height, facecolor=_SURFACE, edgecolor=colour, linewidth=1.4, zorder=2))
        text = "∞"  # raw material never runs out
        if role in ("factory", "distributor"):
            position = network.managed_index(node)
            stock = float(state.on_hand[position])
            level = height * stock / most[position] if most[position] > 0 else 0.0
            axes.add_patch(Rectangle(corner, width, level, facecolor=colour, alpha=0.35, linewidth=0, zorder=2.5))
            text = f"{stock:.0f}"
        elif role == "market":
            sold_to = [i for i, link in enumerate(network.market_links) if link.market == node]
            wanted, missing = state.demand[sold_to].sum(), state.unfilled[sold_to].sum()
            text = f"{wanted:.0f}" + (f"\n−{missing:.0f}" if missing > 0 else "")
        axes.text(x, y, text, fontsize=9, color=_INK, ha="center", va="center", zorder=4)
        label = network.node(node).name or f"{_role_name(network, node)} {node}"
        axes.text(x, y - height / 2 - 0.06, label, fontsize=7, color=colour, ha="center", va="top", zorder=4)
