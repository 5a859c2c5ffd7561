"""The text of a cell becomes a number, and what is odd about a column of cells is counted."""

from __future__ import annotations

import math
import re
from array import array

import numpy as np

from steepest.data.numbers import rounding
from steepest.data.table import Array, counted, quoted
from steepest.errors import DataError

MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "null"})
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WORDS = {"true": 1.0, "false": 0.0} | {sign + word: float(sign + word) for sign in ("", "+", "-") for word in ("inf", "infinity")}
# A literal that may not survive as float64: 18 digits, an integer of 16, or an exponent near the end of the range.
# RE2 reads it as `re` does, so pyarrow can look for it too.
LONG = r"^[-+0.]*[1-9](\.?[0-9]){17}|^[+-]?[0-9]{16,}$|[eE]-[0-9]{3}"
_LONG = re.compile(LONG)


def is_number(text: str) -> bool:
    """Is this the text of a finite number?"""
    return NUMBER.fullmatch(text.strip()) is not None


class Cells:
    """One column while its file is read: values, and the count, first line and first text of each oddity."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values = array("d")
        self.odd: dict[str, tuple[int, int, str]] = {}

    def add(self, cell: str, line: int) -> None:
        text = cell.strip()
        value = math.nan
        if NUMBER.fullmatch(text):
            value = float(text)
            if math.isinf(value):
                self._note("huge", line, text)
            elif len(text) > 5 and repr(value) != text and _LONG.search(text) and _rounded(text, value):
                self._note("rounded", line, text)
        elif text.lower() in WORDS:
            value = WORDS[text.lower()]
            if math.isfinite(value):
                self._note("boolean", line, text)
        elif text not in MISSING:
            self._note("text", line, text)
        self.values.append(value)

    def finish(self, source: str) -> tuple[Array, tuple[str, ...]]:
        """The numbers and the warnings, or the error."""
        numbers = np.frombuffer(self.values, dtype=np.float64) if self.values else np.empty(0)
        place = f"{source}, column {quoted(self.name)}"
        if "text" in self.odd:
            count, line, text = self.odd["text"]
            raise DataError(
                f"{place}, line {line}: {quoted(text, 40)} is not a number ({counted(count, 'such cell')} in all).\n"
                f"Write numbers as -1.5e3. A missing value is an empty cell, NA, N/A, nan or null."
            )
        if "huge" in self.odd:
            count, line, text = self.odd["huge"]
            raise DataError(
                f"{place}, line {line}: {quoted(text, 40)} is beyond the largest float64, 1.8e308"
                f" ({counted(count, 'such cell')} in all).\nGive the column in another unit."
            )
        count, line, text = self.odd.get("boolean", (0, 0, ""))
        if 0 < count < np.count_nonzero(~np.isnan(numbers)):
            raise DataError(f"{place}, line {line}: {quoted(text)} among numbers.\nWrite 1 for true and 0 for false.")
        if "rounded" not in self.odd:
            return numbers, ()
        count, line, text = self.odd["rounded"]
        return numbers, (rounding(source, self.name, count, f"line {line}", text, float(text)),)

    def _note(self, kind: str, line: int, text: str) -> None:
        count, first, example = self.odd.get(kind, (0, line, text))
        self.odd[kind] = (count + 1, first, example)


def _rounded(text: str, value: float) -> bool:
    """Does `value`, written with as many digits as `text` has, differ from it?"""
    mantissa = text.lower().partition("e")[0]
    digits = mantissa.lstrip("+-").replace(".", "").lstrip("0")
    if not digits or value == 0.0:
        return bool(digits)
    written = f"{abs(value):.{len(digits) - 1}e}".partition("e")[0].replace(".", "")
    return written != digits
