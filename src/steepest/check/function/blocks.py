"""Steps 7 and 8: which inputs have a wrong gradient, and each of them how? Scaled, transposed, a factor short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.check.function.coordinates import part_of
from steepest.check.function.exam import Array, Exam, Reading
from steepest.check.function.factors import law
from steepest.check.function.points import Point
from steepest.check.gradient.exam import FITTED, gap, listed
from steepest.check.gradient.factors import shown
from steepest.check.report import Diagnosis

Mend = Callable[[Point, Array], Array | None]


class Kind(NamedTuple):
    """How the gradient of one input is wrong; `words` continues "The gradient by w". `mend` is what its block should be."""

    cause: str
    fault: str
    words: str
    mend: Mend
    node: str | None = None


def blocks(exam: Exam) -> Iterator[Diagnosis]:
    """Every wrong input has a fault with a name, and there are at most two such faults."""
    owners = range(len(exam.points.names))
    wrong = [b for b in owners if any(np.max(gap_of(r, b), initial=0.0) > FITTED for r in (*exam.many, *exam.by_rows))]
    kinds: dict[int, Kind] = {}
    for block in wrong:
        found = next(_kinds(exam, block), None)
        if found is None:
            return
        kinds[block] = found
    faults = list(dict.fromkeys(kind.fault for kind in kinds.values()))
    if kinds and len(faults) <= 2:
        yield _named(exam, kinds, faults)


def of(block: int) -> Callable[[Reading], Any]:
    """The numbers that belong to an input."""
    return lambda reading: reading.right.probe.blocks == block


def gap_of(reading: Reading, block: int) -> Array:
    return np.asarray(reading.gap[of(block)(reading)])


def _kinds(exam: Exam, block: int) -> Iterator[Kind]:
    """Simple ones first."""
    found = law(exam, [*exam.many, *exam.by_rows], of(block))
    if found is not None and found.constant:
        words = "has the wrong sign" if found.measure == "1" and found.constant == -1 else f"is {found} times the right one"
        yield Kind("coordinate", f"times {found}", words, lambda point, part: part / found.ratio(exam, point))
    if exam.many[0].right.whole:
        yield from _moved(exam, block)
        yield from _of_another(exam, block)
        yield from _short_of(exam, block)
        yield from _penalty(exam, block)
    part = part_of(exam, block)
    if part is not None:
        yield Kind(part.cause, part.fault, part.words, part.mend)


def _fits(exam: Exam, block: int, predict: Callable[[Reading], Array | None], rows: bool = True) -> bool:
    """Is the input's gradient what `predict` says of the right one, in every reading?"""
    readings = [*exam.many, *exam.by_rows] if rows else exam.many
    for reading in readings:
        value = predict(reading)
        k = of(block)(reading)
        if value is None or value.size != np.count_nonzero(k):
            return False
        unit = reading.unit[k] + np.max(reading.unit[k], initial=0.0) * (value.ravel() != 0)
        if not np.max(gap(reading.u[k], value.ravel(), unit), initial=0.0) <= FITTED:
            return False
    return True


def _right(exam: Exam, point: Point, block: int) -> Array:
    return point.blocks(exam.right(point).value)[block]


def _moved(exam: Exam, block: int) -> Iterator[Kind]:
    """The right numbers in other places of the same input."""
    for words, fault, order in _orders(exam, block):
        if _fits(exam, block, lambda r, order=order: order(_right(exam, r.point, block))):  # type: ignore[misc]

            def mend(point: Point, part: Array, order: Callable[[Array], Array] = order) -> Array:
                places = order(np.arange(part.size).reshape(part.shape)).ravel()
                back = np.empty(part.size)
                back[places] = part.ravel()
                return back.reshape(part.shape)

            yield Kind("transposed", fault, words, mend)
            return


def _orders(exam: Exam, block: int) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    shape = exam.many[0].point.shapes[block]
    if len(shape) >= 2:
        yield (
            f"is transposed: its numbers are those of the right {'×'.join(map(str, shape))} array, columns taken for rows",
            "transposed",
            lambda g: np.swapaxes(g, -1, -2).reshape(g.shape),
        )
    for axis in range(len(shape)):
        yield f"stands in reverse order along axis {axis}", f"reversed {axis}", lambda g, a=axis: np.flip(g, a)  # type: ignore[misc]
        for shift in (1, -1):
            yield (
                f"stands one place too {'late' if shift == 1 else 'early'} along axis {axis}",
                f"shifted {axis}",
                lambda g, a=axis, s=shift: np.roll(g, s, a),  # type: ignore[misc]
            )
    places = _places(exam, block)
    moved: Any = () if places is None else np.flatnonzero(places != np.arange(places.size))[:4]
    if places is not None and len(moved):
        start = int(np.flatnonzero(exam.many[0].point.owners == block)[0])

        def name(k: int) -> str:
            return exam.points.name(exam.many[0].point, start + int(k))

        pairs = listed([f"in the place of {name(k)} stands that of {name(places[k])}" for k in moved])
        yield f"has its numbers in other places: {pairs}", "permuted", lambda g: g.ravel()[places].reshape(g.shape)


def _places(exam: Exam, block: int) -> Array | None:
    """Where each number of the user's is found among the right ones, by size, at one point."""
    reading = exam.many[-1]
    k = of(block)(reading)
    u, g = reading.u[k], reading.g[k]
    if u.size < 2 or np.unique(g).size < g.size:
        return None
    places = np.empty(u.size, dtype=int)
    places[np.argsort(u, kind="stable")] = np.argsort(g, kind="stable")
    return places


def _of_another(exam: Exam, block: int) -> Iterator[Kind]:
    """The gradient by another input of the same shape."""
    names, shapes = exam.points.names, exam.many[0].point.shapes
    for other, shape in enumerate(shapes):
        if other != block and shape == shapes[block] and _fits(exam, block, lambda r, o=other: _right(exam, r.point, o)):  # type: ignore[misc]

            def mend(point: Point, part: Array, other: int = other) -> Array:
                return part - _right(exam, point, other) + _right(exam, point, block)

            yield Kind("transposed", "that of another input", f"is that by {names[other]}", mend)


def _short_of(exam: Exam, block: int) -> Iterator[Kind]:
    """Without one factor of the chain, or with one twice: an array of the input's shape that is at hand."""
    for name, array in _arrays(exam, block):
        for power, sign in ((-1, 1.0), (1, 1.0), (-1, -1.0), (1, -1.0)):

            def factor(point: Point, array: Any = array, power: int = power, sign: float = sign) -> Array:
                with np.errstate(all="ignore"):
                    return np.asarray(sign * array(point) ** power)

            if _fits(exam, block, lambda r, factor=factor: _right(exam, r.point, block) * factor(r.point)):  # type: ignore[misc]
                yield _chained(name, power, sign, factor)
                return


def _chained(name: str, power: int, sign: float, factor: Callable[[Point], Array]) -> Kind:
    forgotten = name == "grad_output" and power == -1
    words = f"{'is without its factor' if power == -1 else 'has one factor too many,'} {name}"
    said = ("does not multiply by grad_output" if forgotten else words) + (", and has the wrong sign" if sign < 0 else "")
    return Kind(
        "factor" if forgotten else "node", said, said, lambda point, part: part / factor(point), None if forgotten else name
    )


def _arrays(exam: Exam, block: int) -> Iterator[tuple[str, Callable[[Point], Array]]]:
    """The cotangent, the output and the inputs, where they have the shape of the input."""
    point = exam.many[0].point
    shape = point.shapes[block]
    if point.outputs == (shape,):
        yield "grad_output", lambda p: p.cotangent.reshape(p.shapes[block])
        yield "the output", lambda p: exam.witness.output(p.values).reshape(p.shapes[block])
    for place, argument in enumerate(exam.points.arguments):
        if argument.dtype is not None and np.shape(point.values[place]) == shape and argument.value.dtype.kind == "f":
            yield argument.name, lambda p, place=place: np.asarray(p.values[place])  # type: ignore[misc]


def _penalty(exam: Exam, block: int) -> Iterator[Kind]:
    """A multiple of the input is added, as of a penalty."""
    place = exam.points.wanted[block]
    reading = exam.many[0]
    k = of(block)(reading)
    value = np.ravel(reading.point.values[place])
    amount = float((reading.u[k] - reading.g[k]) @ value) / (float(value @ value) or 1.0)
    amount = float(f"{amount:.9g}")
    if not all(np.max(gap_of(r, block), initial=0.0) > FITTED for r in exam.many):
        return
    if _fits(exam, block, lambda r: _right(exam, r.point, block) + amount * np.asarray(r.point.values[place])):
        words = f"has {shown(amount)} times {exam.points.names[block]} added, as of a penalty that the forward has not"
        yield Kind(
            "loss-differs", f"penalty {amount:.6g}", words,
            lambda point, part: part - amount * np.asarray(point.values[place]),
        )  # fmt: skip


def _named(exam: Exam, kinds: dict[int, Kind], faults: list[str]) -> Diagnosis:
    names = exam.points.names

    def repair(user: Any, point: Any) -> Any:
        parts = point.blocks(user(point))
        for block, kind in kinds.items():
            mended = kind.mend(point, parts[block])
            if mended is None:
                return None
            parts[block] = mended
        return np.concatenate([np.ravel(part) for part in parts])

    words = []
    for fault in faults:
        same = [names[b] for b in kinds if kinds[b].fault == fault]
        words += [f"the gradient by {listed(same)} {next(k.words for k in kinds.values() if k.fault == fault)}"]
    right = [name for b, name in enumerate(names) if b not in kinds]
    rest = f"; {listed(right)} {'is' if len(right) == 1 else 'are'} right" if right else ""
    if faults == ["that of another input"]:
        words = [f"the gradient by {names[b]} {kind.words}" for b, kind in kinds.items()]
    sentence = f"{listed(words)}{rest}."
    first = next(iter(kinds.values()))
    cause = first.cause if len(faults) == 1 else "two-faults"
    details = {"wrong": {names[b]: kind.words for b, kind in kinds.items()}, "right": right}
    node = first.node if len(faults) == 1 else None
    return Diagnosis(cause, sentence[0].upper() + sentence[1:], repair, "With that undone", node=node, details=details)
