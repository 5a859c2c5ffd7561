"""A function that is called without harm: what it raises becomes a sentence, with the line of its own file."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]


class Pulled(NamedTuple):
    """Cotangent times Jacobian, (p,): every wanted input in turn. `absent`: inputs whose gradient is None."""

    gradient: Array
    absent: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # what the call wrote into


class Run(NamedTuple):
    """One forward: its outputs of floating point, (outputs,), their shapes, and its backward."""

    output: Array
    shapes: tuple[tuple[int, ...], ...]
    pull: Callable[[Array], Pulled]


class Calls(Protocol):
    """What a library can do."""

    def start(self, function: Any, values: Sequence[Any], dtype: str) -> Run: ...
    def outputs(self, function: Any, values: Sequence[Any], dtype: str) -> list[Array]: ...
    def exact(self, argument: Any, value: Array) -> Array: ...
    def epsilon(self) -> float: ...


class Function:
    """A callable with the library that calls it."""

    def __init__(self, given: Any, calls: Calls) -> None:
        self.given, self.calls = given, calls

    def start(self, values: Sequence[Any], dtype: str) -> Run:
        """Raises Unusable, here and in the backward."""
        with self._said():
            run = self.calls.start(self.given, values, dtype)

        def pull(cotangent: Array) -> Pulled:
            with self._said():
                return run.pull(cotangent)

        return run._replace(pull=pull)

    def gradient(self, values: Sequence[Any], cotangent: Array, dtype: str) -> Array:
        return self.start(values, dtype).pull(cotangent).gradient

    def outputs(self, values: Sequence[Any], dtype: str) -> list[Array]:
        with self._said():
            return self.calls.outputs(self.given, values, dtype)

    def output(self, values: Sequence[Any], dtype: str) -> Array:
        """All outputs in one vector."""
        return np.concatenate([output.ravel() for output in self.outputs(values, dtype)])

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except Unusable:
            raise
        except Exception as error:
            what = " ".join(str(error).split())[:200]
            line = self._line(error)
            place = f"line {line}: " if line else ""
            raise Unusable(f"{place}it raised {type(error).__name__}" + (f": {what}" if what else ""), line) from None

    def _line(self, error: BaseException) -> int | None:
        """The line of the function's own file that raised, if it was one of these."""
        function = inspect.unwrap(getattr(self.given, "forward", self.given))
        code = getattr(function, "__code__", None)
        line, step = None, error.__traceback__
        while step is not None:
            if code is not None and step.tb_frame.f_code.co_filename == code.co_filename:
                line = step.tb_lineno
            step = step.tb_next
        return line


def pieces(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """One vector cut into arrays of these shapes.

    >>> [part.shape for part in pieces(np.zeros(7), [(2, 3), ()])]
    [(2, 3), ()]
    """
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
