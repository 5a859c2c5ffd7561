"""A trace as a data frame and as a Parquet file, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from steepest.errors import DataError, EngineError, OptionError
from steepest.io import check_suffix, replacing

if TYPE_CHECKING:
    from steepest.descent.objective import Objective
    from steepest.descent.trace import Trace

KEY = b"steepest"
LARGEST = 10_000_000  # bytes of a recipe


class Saved(NamedTuple):
    """What a file holds: the recipe, and the columns of the trace by name."""

    recipe: dict[str, Any]
    columns: Mapping[str, np.ndarray[Any, Any]]


def to_pandas(trace: Trace) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise EngineError(f"to_pandas needs pandas, which cannot be imported ({error}): pip install pandas") from None
    return pandas.DataFrame(trace.columns())


def save(trace: Trace, path: str | Path) -> None:
    """Parquet with page checksums; the recipe is JSON in the file's metadata under the key `steepest`."""
    check_suffix(path, [".parquet"])
    import pyarrow
    import pyarrow.parquet

    theta, steps, state = trace.position[0], trace.position[2], cast(Any, trace.position[1])
    kept = None if isinstance(state, tuple) else state.astype(float).tolist()  # a tuple: another library's own objects
    position = {"theta": theta.astype(float).tolist(), "state": kept, "steps": steps}
    run = {"outcome": trace.outcome, "reason": trace.reason, "seconds": trace.seconds, "position": position}
    table = pyarrow.table(trace.columns()).replace_schema_metadata({KEY: json.dumps({**trace.recipe, **run})})
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(table, temporary, write_page_checksum=True)


def read(path: str | Path) -> Saved:
    """What `save` wrote. Raises DataError for a file that is missing, damaged, or no trace."""
    import pyarrow
    import pyarrow.parquet

    if not Path(path).is_file():
        raise DataError(f"there is no file {str(path)!r}: give the .parquet file of a trace")
    try:
        table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
        text = (table.schema.metadata or {})[KEY]
        recipe = json.loads(text) if len(text) <= LARGEST else None
    except KeyError:
        raise DataError(f"{str(path)!r} is no trace of steepest: it carries no recipe") from None
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("options"), dict):
        raise DataError(f"{str(path)!r} is no trace of this version of steepest: its recipe has no options")
    return Saved(recipe, {name: table[name].to_numpy() for name in table.column_names})


def load(path: str | Path, recipe: Mapping[str, Any], through: Callable[..., Objective]) -> Trace:
    """The trace in a file, which must be of the problem with this recipe."""
    saved = read(path)
    for name in ("formula", "loss", "fingerprint", "weighted", "fixed"):
        if saved.recipe.get(name) != recipe[name]:
            raise OptionError(
                f"{str(path)!r} belongs to another problem: its {name} is {saved.recipe.get(name)!r}, not {recipe[name]!r}"
            )
    engine = saved.recipe["engine"]
    engine = "numpy" if engine == "condensed" else engine  # a trace is of all rows
    return trace_of(saved, through(engine, **saved.recipe["options"].get("place", {})), path)


def trace_of(saved: Saved, objective: Objective, path: str | Path) -> Trace:
    """The trace in a file, on the data that it was made from."""
    from steepest.descent.trace import Trace, frozen

    recipe, columns = dict(saved.recipe), saved.columns
    names = objective.derivation.formula.parameters
    try:
        position = recipe.pop("position")
        theta = np.column_stack([columns[name] for name in names])
        gradient = np.column_stack([columns[f"gradient_{name}"] for name in names])
        single = [columns[name] for name in ("step", "epoch", "loss", "lr")]
        full = columns.get("full_loss", columns["loss"])
        outcome, reason, seconds = (recipe.pop(name) for name in ("outcome", "reason", "seconds"))
        state = np.array(position["state"] or []).reshape(-1, len(names))
        stands = (np.array(position["theta"]), state, int(position["steps"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{str(path)!r} is no whole trace: {error} is missing or wrong") from None
    step, epoch, loss, lr = (frozen(np.array(column)) for column in single)
    return Trace(
        names, step, epoch, frozen(theta), loss, frozen(gradient), lr, frozen(np.array(full)), outcome, reason, seconds,
        recipe, objective, stands, columns.get("evaluations"),
    )  # fmt: skip
