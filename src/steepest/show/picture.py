"""The look of a figure, its title, and how it becomes a file."""

from __future__ import annotations

import os
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.io import check_suffix, replacing
from steepest.language.names import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".svg", ".png", ".pdf")

# Okabe and Ito 2008, told apart by colour-blind readers; without yellow and black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
POINTS, LINE, QUIET = "#404040", "#D55E00", "#5f5f5f"

_LOOK = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.labelcolor": "#262626",
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.use_mathtext": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": "#262626",
    "ytick.labelcolor": "#262626",
    "svg.hashsalt": "steepest",  # the same picture is the same file
}
# `character`: the mean width of one, as a part of the size of the font.
_TITLE: dict[str, Any] = {"size": 11.5, "color": "#000000", "weight": "bold", "character": 0.62}
_QUIET: dict[str, Any] = {"size": 9.0, "color": QUIET, "weight": "normal", "character": 0.55}
MOST_LINES = 3  # of one text


@contextmanager
def look() -> Iterator[None]:
    """matplotlib's own defaults with our changes, whatever the user's are; these come back when the block ends."""
    import matplotlib.style

    with matplotlib.style.context(["default", _LOOK]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in a script that has no font here
        yield


def new_figure(width: float, height: float, title: str, *below: str) -> Figure:
    """An empty figure (inches) with a title and quiet lines below it, all plain text; call it inside `look()`."""
    figure = _picture()(figsize=(width, height))
    top = 1 - 0.1 / height
    for text, font in [(title, _TITLE), *((with_minus(line), _QUIET) for line in below)]:
        size = font["size"]
        lines = textwrap.wrap(printable(text, 10_000), int((width - 0.2) * 72 / (size * font["character"])))
        shown = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
        figure.text(
            0.1 / width, top, "\n".join(shown), size=size, color=font["color"], weight=font["weight"], va="top",
            linespacing=1.25, parse_math=False,
        )  # fmt: skip
        top -= len(shown) * size * 1.35 / 72 / height
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top - 0.06 / height), w_pad=0.1, h_pad=0.06)
    return figure


def tidy(ax: Axes) -> Axes:
    """No frame but the two axes."""
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def with_minus(text: str) -> str:
    """Negative numbers with the minus sign that the axes have.

    >>> with_minus("a = -1.5e-07, see fit-2")
    'a = −1.5e−07, see fit-2'
    """
    return re.sub(r"(?<=[ =(])-(?=[0-9])|(?<=[0-9]e)-(?=[0-9])", "−", text)


def write_figure(figure: Figure, path: str | os.PathLike[str], title: str, description: str) -> None:
    """Writes .svg, .png or .pdf, at once and whole; the description goes into the file, as its alternative text."""
    check_suffix(path, SUFFIXES)
    suffix = Path(path).suffix.lower()
    title, description = printable(title, 10_000), printable(description, 10_000)
    said: dict[str, dict[str, Any]] = {
        ".svg": {"Title": title, "Description": description, "Date": None},
        ".png": {"Title": title, "Description": description},
        ".pdf": {"Title": title, "Subject": description, "CreationDate": None},
    }
    with replacing(path) as temporary, look():
        figure.savefig(temporary, format=suffix[1:], dpi=200, metadata=said[suffix])


@cache
def _picture() -> type[Figure]:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows although pyplot does not know it."""

        def _repr_png_(self) -> bytes:
            file = BytesIO()
            with look():
                self.savefig(file, format="png", dpi=120)
            return file.getvalue()

    return Picture
