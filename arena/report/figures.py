"""Figures for papers: vector fonts, colours that the colour-blind can tell apart, the width of one column.

Drawn with matplotlib, which is an extra. The same results give the same bytes with the same version of matplotlib:
dates are left out, and ids in SVG follow from a fixed salt.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from arena.errors import ArenaError, Fault, InvalidInput, printable
from arena.results.files import Kind, make_folder, read_head, replacing
from arena.results.folder import refuse_other_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FigureFormat = Literal["svg", "png", "pdf"]
"""File formats of a figure."""

FORMATS: Final[tuple[FigureFormat, ...]] = get_args(FigureFormat)

COLUMN: Final = 3.4
"""Width of a figure, inches: one column of a page with two."""

CREATOR: Final = "inventory-arena figure"
"""Mark by which a figure of the arena is known, in its metadata."""

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of Okabe and Ito (2008), which people with any common colour vision can tell apart."""
FAINT: Final = "#6b7280"
GRID: Final = "#e2e5ea"

_DOTS_PER_INCH: Final = 300
_LABEL_WIDTH: Final = 34
_STYLE: Final[Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib brings it, so that every machine draws the same
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "pdf.fonttype": 42,  # TrueType outlines that journals accept; the default ones are refused by some
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # the same look on machines without the font
    "svg.hashsalt": "inventory-arena",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.usetex": False,
    "savefig.dpi": _DOTS_PER_INCH,
    "figure.dpi": _DOTS_PER_INCH,
}


def _is_figure(path: Path, beginning: bytes) -> bool:
    with path.open("rb") as file:
        content = file.read()
    return content.startswith(beginning) and CREATOR.encode() in content


KINDS: Final[dict[FigureFormat, Kind]] = {
    "svg": Kind("figure (SVG)", lambda path: read_head(path).startswith("<?xml") and CREATOR in read_head(path)),
    "png": Kind("figure (PNG)", lambda path: _is_figure(path, b"\x89PNG")),
    "pdf": Kind("figure (PDF)", lambda path: _is_figure(path, b"%PDF")),
}
"""Figures that the arena wrote, by their metadata."""


def format_of(file_format: str | None, output: Path | None) -> FigureFormat:
    """Return the format that is asked for: the named one, else that of the file's ending, else SVG.

    Raises:
        InvalidInput: the file ends in what is no format.
    """
    if file_format is None and output is not None and output.suffix:
        ending = output.suffix.removeprefix(".").lower()
        if ending not in FORMATS:
            rule = f"a figure ends in one of {', '.join(f'.{one}' for one in FORMATS)}"
            raise InvalidInput([Fault("--output", "", str(output), rule, "change it, or name the format: --format")])
        file_format = ending
    return next(one for one in FORMATS if one == (file_format or "svg"))


def refuse_figure(path: Path, file_format: FigureFormat) -> None:
    """Refuse a place for a figure where something else lies.

    Raises:
        InvalidInput: the file is of a folder of results, or was not written as a figure of this format.
    """
    refuse_other_file(path, KINDS[file_format], "choose another place: --output FILE")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw meanwhile in the style of the arena's figures.

    Raises:
        ArenaError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        fix = 'pip install "inventory-arena[render]"'
        raise ArenaError(f"figures need matplotlib, which is not installed; {fix}") from error
    with matplotlib.rc_context():
        # A user's own settings for matplotlib would make another figure of the same results.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def new_figure(height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of one column with axes below each other that share the horizontal one.

    Args:
        height: inches.
        rows: number of axes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)
    return figure, [one for (one,) in axes.tolist()]


def write_figure(figure: Figure, path: Path, file_format: FigureFormat) -> Path:
    """Write a figure and return its path; an earlier one is replaced in one step. Call it within `style`.

    Args:
        figure: what is drawn.
        path: file to write; its folder is made.
        file_format: `svg`, `png` or `pdf`.

    Raises:
        InvalidInput: a file that is no figure of this format is in the way.
        ArenaError: the file cannot be written.
    """
    refuse_figure(path, file_format)
    metadata: dict[FigureFormat, dict[str, Any]] = {
        "svg": {"Creator": CREATOR, "Date": None},
        "png": {"Software": CREATOR},
        "pdf": {"Creator": CREATOR, "CreationDate": None},
    }
    make_folder(path.parent)
    with replacing(path, KINDS[file_format]) as file:
        figure.savefig(file, format=file_format, metadata=metadata[file_format])
    return path


def shown(name: str, width: int = _LABEL_WIDTH) -> str:
    """Return a name as a figure shows it: printable, shortened, and in letters that the font has."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    return "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode("ascii")
        for letter in printable(name, width)
    )


def minus(value: float, digits: int = 3) -> str:
    """Return a number for a tick, with a real minus sign and no more digits than it needs."""
    text = f"{0.0 if abs(value) < 1e-12 else value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def seconds(value: float) -> str:
    """Return a time for a tick, in the unit in which it is a small number."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= factor * (1 - 1e-9) or unit == "µs":
            return f"{value / factor:g} {unit}"
    raise AssertionError(f"no unit for {value}")


def decade_ticks(low: float, high: float) -> list[float]:
    """Return the powers of ten around positive values."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]
