"""A line drawn with characters: the loss against the step, for a terminal."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.lab.words import number

Array = np.ndarray[Any, Any]

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character: four rows of two
BRAILLE = 0x2800
WIDE, HIGH = 60, 10  # characters
DECADE = 10.0


def chart(steps: Array, values: Array, ascii: bool = False) -> list[str]:
    """Lines of text: values (k,) against steps (k,), on a logarithmic scale where they are positive and span a decade.

    Values that are not finite are left out. `ascii` draws with * instead of braille dots.

    >>> print("\\n".join(chart(np.arange(4), np.array([1.0, 2.0, 3.0, 4.0]), ascii=True)[::9]))
            4 |                                                        ****
            1 |****
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if not known.any():
        return ["no finite value to draw"]
    steps, values = steps[known], values[known]
    logarithmic = bool(values.min() > 0 and values.max() >= DECADE * values.min())
    heights = np.log10(values) if logarithmic else values
    across, down = (1, 1) if ascii else (2, 4)
    dots = _dots(steps, heights, WIDE * across, HIGH * down)
    rows = [_row(dots[k * down : (k + 1) * down], ascii) for k in range(HIGH)]
    ends = {0: values.max(), HIGH - 1: values.min()}
    drawn = [f"{number(ends[k], 4) if k in ends else '':>9} |{row}".rstrip() for k, row in enumerate(rows)]
    first, last = f"{int(steps[0]):,}", f"{int(steps[-1]):,}"
    scale = "log scale" if logarithmic else ""
    return [*drawn, f"{'':>9} +{'-' * WIDE}", f"{scale:>9}  {first}{last:>{WIDE - len(first)}}"]


def _dots(steps: Array, heights: Array, width: int, height: int) -> Array:
    """Which dots are set, (height, width), the top first: in every column from the lowest to the highest point in it."""
    between = np.linspace(steps[0], steps[-1], 4 * width)  # so that the line has no holes
    across = np.concatenate([steps, between])
    heights = np.concatenate([heights, np.interp(between, steps, heights)])
    span = float(heights.max() - heights.min()) or 1.0
    rows = np.round((height - 1) * (heights.max() - heights) / span).astype(int)
    columns = np.round((width - 1) * (across - steps[0]) / max(1, steps[-1] - steps[0])).astype(int)
    dots = np.zeros((height, width), dtype=bool)
    for column in np.unique(columns):
        own = rows[columns == column]
        dots[own.min() : own.max() + 1, column] = True
    return dots


def _row(dots: Array, ascii: bool) -> str:
    if ascii:
        return "".join("*" if dot else " " for dot in dots[0])
    codes = np.zeros(dots.shape[1] // 2, dtype=int)
    for line, bits in zip(dots, DOTS, strict=True):
        for side, bit in enumerate(bits):
            codes += bit * line[side::2]
    return "".join(chr(BRAILLE + int(code)) if code else " " for code in codes)
