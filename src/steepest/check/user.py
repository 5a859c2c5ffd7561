"""The user's own gradient as a function that can be called without harm: copies in, one form of answer out.

It may be a NumPy function (theta, columns) → gradient or (loss, gradient), a `torch.autograd.Function` whose
apply(theta, *columns) is the loss, or a JAX function (theta, columns) → loss.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import linecache
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
SECONDS = 10.0  # for one call
BUDGET = 60.0  # seconds for all calls together
TORCH_SEED = 3.0  # what a Function's loss is multiplied by


class Source(NamedTuple):
    """The whole text of the file that holds the function; line numbers are those of this text."""

    path: str
    text: str


class Answer(NamedTuple):
    """`gradient` is (p,), in float64 or long double; `dtype` is what the user's code answered in."""

    loss: float | None
    gradient: Array
    dtype: np.dtype[Any]


class Raw(NamedTuple):
    """What a call gave before anything was asked of it. `changed` names the inputs that the call wrote into."""

    value: Any
    changed: tuple[str, ...] = ()
    printed: str = ""
    warnings: tuple[str, ...] = ()


class Unusable(Exception):
    """A call that has no gradient in it: it raised, took too long, or answered in no form that can be read."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line


class Blank(Unusable):
    """An answer with room in it for a number: None or `...`, as an exercise leaves it."""


class TooLong(BaseException):
    """A call took longer than is allowed. Not an Exception: the user's own `except Exception` must not swallow it."""


class TooSlow(BaseException):
    """All calls together did. Not an Exception: it ends the visit, whatever step of it was being tried."""


class UserGradient:
    """What the user gave, for so many parameters and these columns. `seconds` limit a call, `budget` all of them together."""

    def __init__(
        self, given: Any, parameters: Sequence[str], columns: Sequence[str], seconds: float = SECONDS, budget: float = BUDGET
    ) -> None:
        self.given = given
        self.parameters = tuple(parameters)
        self.columns = tuple(columns)
        self.seconds, self.budget = seconds, budget
        self.calls, self.spent = 0, 0.0
        self._adapted, self.kind = adapted(given, self.columns)

    @property
    def function(self) -> Callable[..., Any]:
        """The Python function that computes the gradient; a Function's `backward`."""
        found: Callable[..., Any] = self.given.backward if self.kind == "torch" else inspect.unwrap(self.given)
        return found

    @property
    def source(self) -> Source | None:
        """The file's text, or None where there is none: compiled code, or a function made at run time."""
        try:
            path = inspect.getsourcefile(self.function)
            inspect.getsourcelines(self.function)
        except (OSError, TypeError, IndexError, SyntaxError):
            return None
        text = "".join(linecache.getlines(path)) if path else ""
        return Source(str(path), text) if text else None

    def instead(self, function: Callable[..., Any]) -> UserGradient:
        """The same, with another NumPy function: for a program that was repaired."""
        return UserGradient(function, self.parameters, self.columns, self.seconds)

    def __call__(self, theta: Array, columns: Mapping[str, Array]) -> Answer:
        """Raises Unusable. A gradient that is not finite is an answer."""
        raw = self.raw(theta, columns)
        if self.kind == "numpy" and _is_jax_loss(raw.value):
            self._adapted, self.kind = jax_gradient(self.given), "jax"
            raw = self.raw(theta, columns)
        return read(raw.value, self.parameters)

    def raw(self, theta: Array, columns: Mapping[str, Array]) -> Raw:
        """One call on copies. What it prints and warns is kept; what it raises becomes Unusable."""
        given_theta = np.array(theta)
        given = {name: np.array(column) for name, column in columns.items()}
        printed = io.StringIO()
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"), _quietly(printed):
            warnings.simplefilter("always")
            try:
                with self.limited():
                    value = self._adapted(given_theta, given)
            except (Exception, SystemExit, TooLong) as error:
                raise Unusable(*self._raised(error)) from None
        said = tuple(dict.fromkeys(str(w.message)[:200] for w in caught))
        changed = ("theta",) * (not _same(given_theta, theta)) + tuple(
            name for name in columns if name not in given or not _same(given[name], columns[name])
        )
        return Raw(value, changed, printed.getvalue()[:2000], said)

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """Around every run of the user's program. Raises TooLong in it, and TooSlow where the runs before it took the budget."""
        if self.spent > self.budget:
            took = f"{self.calls} calls took {self.spent:.3g} seconds"
            raise TooSlow(f"Your gradient is too slow to examine: {took}, and {self.budget:g} are allowed.")
        self.calls += 1
        began = time.perf_counter()
        try:
            with _limited(self.seconds):
                yield
        finally:
            self.spent += time.perf_counter() - began

    def _raised(self, error: BaseException) -> tuple[str, int | None]:
        if isinstance(error, TooLong):
            return f"a call took more than {self.seconds:g} seconds and was stopped", None
        line = None
        code = getattr(self.function, "__code__", None)
        step = error.__traceback__
        while step is not None:
            if code is not None and step.tb_frame.f_code.co_filename == code.co_filename:
                line = step.tb_lineno
            step = step.tb_next
        with contextlib.suppress(Exception):
            what = " ".join(str(error).split())[:200]
            place = f"line {line}: " if line else ""
            return f"{place}it raised {type(error).__name__}" + (f": {what}" if what else ""), line
        return f"it raised {type(error).__name__}", line


def read(value: Any, parameters: Sequence[str]) -> Answer:
    """The gradient, or loss and gradient, in a value. Raises Unusable with a sentence that says both forms."""
    loss = None
    if isinstance(value, tuple | list) and len(value) == 2 and (np.ndim(_array(value[0])) == 0 < np.ndim(_array(value[1]))):
        first, value = _array(value[0]), value[1]
        loss = float(first) if first.dtype.kind in "fiub" else None
    size = len(parameters)
    if blank := _blank(value, parameters):
        raise Blank(f"there is no number for {blank} yet")
    array = _array(value)
    if array.dtype.kind == "O" or array.dtype.kind not in "fiub":
        raise Unusable(f"it must answer with {size} real numbers ({', '.join(parameters[:8])}); it answered with {_named(value)}")
    if array.shape != (size,):
        raise Unusable(_misshapen(array, size))
    dtype = array.dtype
    return Answer(loss, array if dtype == np.longdouble else array.astype(np.float64), dtype)


def _blank(value: Any, parameters: Sequence[str]) -> str:
    """The parameters in whose place stands None or `...`."""
    items = [...] * len(parameters) if value is ... else value
    if isinstance(items, np.ndarray) and items.dtype.kind == "O" and items.ndim == 1:
        items = items.tolist()
    pairs = zip(parameters, items, strict=False) if isinstance(items, tuple | list) else ()
    return ", ".join(name for name, item in pairs if item is None or item is ...)


def _misshapen(array: Array, size: int) -> str:
    sentence = f"the gradient must have the shape ({size},), one number for each parameter; yours has {array.shape}"
    if array.size == size:
        return f"{sentence}: the numbers are all there, write .ravel()"
    if size in array.shape:
        axis = 1 - array.shape.index(size) if array.ndim == 2 else None
        return f"{sentence}: it seems that the rows were not added up" + (
            f", .sum(axis={axis}) does it" if axis is not None else ""
        )
    return sentence


def _array(value: Any) -> Array:
    """Any library's array; what is none becomes an array of one object."""
    with contextlib.suppress(Exception):
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if str(value.dtype) == "torch.bfloat16" else value
            return np.asarray(value.numpy())
        return np.asarray(value)
    whole = np.empty((), dtype=object)
    whole[()] = value
    return whole


def _named(value: Any) -> str:
    if value is None:
        return "None: is a 'return' missing?"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}: {', '.join(type(item).__name__ for item in value[:4])}"
    return f"a {type(value).__name__}"


def adapted(given: Any, columns: Sequence[str]) -> tuple[Callable[..., Any], str]:
    """The function (theta, columns) → answer in what the user gave, and what that is: numpy, torch or jax."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(given, type) and issubclass(given, torch.autograd.Function):
        return torch_gradient(given, columns), "torch"
    if type(given).__module__.startswith("jax") and type(given).__name__ in ("custom_vjp", "custom_jvp"):
        return jax_gradient(given), "jax"
    if not callable(given):
        raise Unusable(f"a gradient is a function of (theta, columns); this is {_named(given)}")
    return given, "numpy"


def torch_gradient(function: Any, columns: Sequence[str]) -> Callable[..., Any]:
    """Through `backward` of 3·loss: a Function that ignores grad_output gives a third of what it should."""
    import torch

    def gradient(theta: Array, data: Mapping[str, Array]) -> tuple[float, Any]:
        leaf = torch.tensor(np.asarray(theta, dtype=np.float64), requires_grad=True)
        loss = function.apply(leaf, *(torch.tensor(np.asarray(data[name], dtype=np.float64)) for name in columns))
        (TORCH_SEED * loss).backward()
        if leaf.grad is None:
            raise ValueError("backward gave no gradient (None) for theta")
        return float(loss), leaf.grad / TORCH_SEED

    return gradient


def jax_gradient(function: Any) -> Callable[..., Any]:
    """Through `jax.grad`, in 64 bits."""
    import jax

    enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64

    def gradient(theta: Array, data: Mapping[str, Array]) -> tuple[float, Array]:
        with enable_x64(True):
            place = jax.numpy.asarray(np.asarray(theta, dtype=np.float64))
            rows = {name: jax.numpy.asarray(np.asarray(column, dtype=np.float64)) for name, column in data.items()}
            loss, slope = jax.value_and_grad(function)(place, rows)
            return float(loss), np.asarray(slope)

    return gradient


def _is_jax_loss(value: Any) -> bool:
    return type(value).__module__.startswith("jax") and getattr(value, "ndim", None) == 0


def _same(a: Array, b: Array) -> bool:
    return a.shape == np.shape(b) and bool(np.array_equal(a, b, equal_nan=True))


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises in the call when the time is over. Only the main thread of POSIX systems can; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _quietly(printed: io.StringIO) -> Iterator[None]:
    """What is printed is kept, and `input()` finds nothing instead of waiting."""
    stdin, sys.stdin = sys.stdin, io.StringIO("")
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield
    finally:
        sys.stdin = stdin
