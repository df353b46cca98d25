"""Pictures of recorded demand: a small plot per market, in the terminal, as a page, as SVG or as PNG.

Names of markets come from people's tables. They are escaped, and the page loads nothing from elsewhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import escape
from numpy.typing import NDArray

from arena.errors import ABSENT, ArenaError, Fault, InvalidInput, printable
from arena.results.files import Kind, replacing

if TYPE_CHECKING:
    from arena.world.data import DemandData, Reading

__all__ = ["ENDINGS", "sparkline", "write_picture"]

_MARK: Final = "recorded demand, drawn by arena data describe"
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS: Final = "_.-:=+*#"
_NAME_WIDTH: Final = 60
_MOST_POINTS: Final = 400
_MOST_PLOTS: Final = 500
_WIDTH, _HEIGHT, _LABEL, _ROW = 800, 48, 22, 84
_LINE, _FAINT, _OUT = "#1f6f8b", "#d0d4d8", "#e9a03b"


def sparkline(values: Sequence[float], width: int, *, is_plain: bool = False) -> str:
    """Return a line of characters, each as high as the mean of its periods; the lowest stands for 0.

    Args:
        values: units per period, at least one.
        width: most characters.
        is_plain: whether to use ASCII only.

    >>> sparkline([0, 1, 2, 8], 10)
    '▁▂▃█'
    """
    levels = _PLAIN_LEVELS if is_plain else _LEVELS
    means = _binned(np.asarray(values, dtype=np.float64), width)
    top = float(means.max())
    if top <= 0:
        return levels[0] * len(means)
    # What is above 0 is seen above the lowest level.
    heights = np.ceil(means / top * (len(levels) - 1)).astype(int)
    return "".join(levels[min(height, len(levels) - 1)] for height in heights)


def write_picture(data: DemandData, reading: Reading, path: Path, markets: int) -> Path:
    """Write a small plot per market; the ending of the file names the format.

    An earlier picture of recorded demand is replaced, and no other file.

    Args:
        data: the demand.
        reading: how it was read.
        path: file that ends with `.html`, `.svg` or `.png`.
        markets: most markets that are drawn.

    Raises:
        ArenaError: the file cannot be written, or it is a PNG and matplotlib is not installed.
        InvalidInput: the ending is another, or something else is in the way.
    """
    draw = ENDINGS.get(path.suffix.lower())
    if draw is None:
        rule = f"a picture of demand ends with {', '.join(ENDINGS)}"
        raise InvalidInput([Fault(str(path), "", ABSENT, rule, "write --output demand.html")])
    content = draw(data, reading, min(markets, len(data.markets)))
    with replacing(path, _PICTURE) as file:
        file.write(content)
    return path


def _binned(values: NDArray[np.floating[Any]], most: int) -> NDArray[np.floating[Any]]:
    """Return means of equally long stretches of periods, at most so many."""
    if len(values) <= most:
        return values
    edges = np.linspace(0, len(values), most + 1).astype(int)
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)


def _caption(data: DemandData, market: int) -> str:
    row = data.array[:, market]
    text = f"mean {row.mean():,.4g}, largest {row.max():,.4g}"
    if data.in_stock_array is not None:
        text += f", {100 * (1 - data.in_stock_array[:, market].mean()):.3g} % out of stock"
    return text


def _svg(data: DemandData, reading: Reading, markets: int) -> bytes:
    height = _ROW * markets + _LABEL
    rows = "".join(
        f'<g transform="translate(10,{_ROW * row + _LABEL})">{_plot(data, row)}</g>' for row in range(markets)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 20}" height="{height + _LABEL}" '
        f'font-family="sans-serif" font-size="12"><desc>{_MARK}</desc>'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="10" y="15">{escape(_headline(data, reading, markets))}</text>{rows}</svg>\n'
    ).encode()


def _plot(data: DemandData, market: int) -> str:
    """One market's name and line; stretches out of stock are shaded."""
    means = _binned(data.array[:, market], _MOST_POINTS)
    top = float(means.max()) or 1.0
    step = _WIDTH / len(means)
    points = " ".join(
        f"{(place + 0.5) * step:.1f},{_LABEL + _HEIGHT * (1 - value / top):.1f}" for place, value in enumerate(means)
    )
    shades = ""
    if data.in_stock_array is not None:
        out = _binned(1.0 - data.in_stock_array[:, market], _MOST_POINTS)
        shades = "".join(
            f'<rect x="{place * step:.1f}" y="{_LABEL}" width="{step:.1f}" height="{_HEIGHT}" fill="{_OUT}" '
            f'opacity="{0.6 * share:.2f}"/>'
            for place, share in enumerate(out)
            if share > 0
        )
    name = escape(printable(data.markets[market], _NAME_WIDTH))
    return (
        f'<text y="14" font-weight="bold">{name}</text>'
        f'<text x="{_WIDTH}" y="14" text-anchor="end" fill="#555">{escape(_caption(data, market))}</text>{shades}'
        f'<line x2="{_WIDTH}" y1="{_LABEL + _HEIGHT}" y2="{_LABEL + _HEIGHT}" stroke="{_FAINT}"/>'
        f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="1.2"/>'
    )


def _headline(data: DemandData, reading: Reading, markets: int) -> str:
    text = f"{reading.file.name}: {reading.first} to {reading.last}, {reading.periods:,} periods"
    left_out = len(data.markets) - markets
    return text if not left_out else f"{text}; {markets:,} of {len(data.markets):,} markets"


def _html(data: DemandData, reading: Reading, markets: int) -> bytes:
    title = escape(f"{reading.file.name}: recorded demand")
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="description" content="{_MARK}">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title></head><body><h1>{title}</h1><p>{escape(printable(reading.sentence, 1_000))}</p>"
    )
    return head.encode() + _svg(data, reading, markets) + b"</body></html>\n"


def _png(data: DemandData, reading: Reading, markets: int) -> bytes:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        fix = 'install it with: pip install "inventory-arena[render]", or write --output demand.svg'
        raise ArenaError(f"a PNG of demand needs matplotlib; {fix}") from None
    if markets > _MOST_PLOTS:
        fix = f"write --markets {_MOST_PLOTS}, or --output demand.svg"
        raise ArenaError(f"a PNG of demand has at most {_MOST_PLOTS} plots, and {markets:,} are asked for; {fix}")
    figure = Figure(figsize=(9, 0.4 + 0.9 * markets), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for row, axes in enumerate(np.ravel(figure.subplots(markets, 1, squeeze=False))):
        means = _binned(data.array[:, row], _MOST_POINTS)
        axes.plot(means, color=_LINE, linewidth=1)
        axes.set_ylim(bottom=0)
        axes.set_xticks([])
        axes.tick_params(labelsize=7)
        # A dollar sign would begin a formula.
        name = printable(data.markets[row], _NAME_WIDTH).replace("$", r"\$")
        axes.set_title(f"{name}   {_caption(data, row)}", fontsize=8, loc="left")
        if data.in_stock_array is not None:
            for place, share in enumerate(_binned(1.0 - data.in_stock_array[:, row], _MOST_POINTS)):
                if share > 0:
                    axes.axvspan(place - 0.5, place + 0.5, color=_OUT, alpha=0.6 * share, linewidth=0)
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Description": _MARK})  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _wrote(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK.encode() in file.read(4_096)


_PICTURE: Final = Kind("picture of recorded demand", _wrote)
ENDINGS: Final[dict[str, Callable[[DemandData, Reading, int], bytes]]] = {".html": _html, ".svg": _svg, ".png": _png}
"""Formats of a picture by the ending of its file."""
