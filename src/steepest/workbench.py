"""The one-line calls of the workbench: fit a formula, run a saved descent again, ask a doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.descent.given.sets import Sets
from steepest.descent.trace import Trace
from steepest.errors import DataError, OptionError
from steepest.problem import Problem

if TYPE_CHECKING:
    from steepest.check.report import Report
    from steepest.fitting.result import Fit


def fit(
    formula: str | Sequence[str], data: Any, loss: str = "mse", start: Any = None, *, weights: Any = None, sigma: Any = None,
    constants: Mapping[str, float] | None = None, missing: str = "refuse", own: Any = None, groups: Any = None,
    penalty: str | None = None, starts: int = 1, seed: int = 0,
) -> Fit:  # fmt: skip
    """Fits a formula to data in one call: `Problem(formula, data, loss, start, …).fit(starts, seed)`.

    `start`: by name, a number, {"value": 1, "fixed": True}, {"value": 1, "min": 0, "max": 5}, or a tie, "2*a". `weights` are
    relative, `sigma` absolute errors. `own` and lists: docs/several.md; `groups` and `penalty`: docs/features.md. The rest is as in
    `Problem`.

    >>> round(fit("y ~ w*x", "@triples").parameters["w"], 12)
    3.0
    """
    problem = Problem(
        formula, data, loss, start, weights=weights, sigma=sigma, constants=constants, missing=missing, own=own, groups=groups,
        penalty=penalty,
    )  # fmt: skip
    return problem.fit(starts, seed)


def rerun(path: str | Path, data: Any = None) -> Trace:
    """Runs the recipe of a saved trace again: the same bits on the same type of CPU. `data` where the file does not say which.

    A descent that was ended by the clock, by a callback or by Ctrl-C is run for the steps that it took. Raises DataError,
    OptionError.
    """
    from steepest.descent.files import read

    recipe = read(path).recipe
    if "by_hand" in recipe:
        raise OptionError("this descent was stepped by hand, with several settings, which its recipe lists: step it again")
    sets = Sets.of(recipe["sets"]) if recipe.get("sets") else None
    sources = sets.data if sets else (str(recipe["data"]),)
    if data is None and not all(
        source.startswith("@") or Path(source).suffix in (".csv", ".tsv", ".parquet") for source in sources
    ):
        raise OptionError(f"the recipe does not say which data it ran on ({', '.join(dict.fromkeys(sources))}): give data=")
    formula, own = (sets.as_given, sets.own) if sets else (recipe["formula"], None)
    sigma = recipe.get("sigma")
    if (recipe["weighted"] and recipe["weights"] is None and sigma is None) or sigma is True:
        raise OptionError(
            "the weights of this descent were given as numbers, which its recipe does not hold: descend again with them"
        )
    problem = Problem(
        formula, (sources if len(set(sources)) > 1 else sources[0]) if data is None else data, recipe["loss"],
        {**started(recipe), **(sets.ties if sets else {})},
        weights=recipe["weights"], sigma=sigma, constants=recipe["constants"], missing=recipe["missing"], own=own,
        groups=recipe.get("groups"), penalty=recipe.get("penalty"),
    )  # fmt: skip
    if problem.recipe()["fingerprint"] != recipe["fingerprint"]:
        raise DataError(f"the data are not those of {str(path)!r}: their fingerprint differs")
    if recipe.get("validation") == "data":
        raise OptionError("this descent had validation data of their own, which its recipe does not hold: descend again with them")
    options = dict(recipe["options"]) | ({"validation": recipe["validation"]} if "validation" in recipe else {})
    place = options.pop("place", {})
    if isinstance(options.get("lr"), str) and options["lr"] != "auto":
        options["lr"] = Fraction(options["lr"])
    if recipe["outcome"] in ("time", "stopped"):
        options |= {"steps": int(recipe["position"]["steps"]), "seconds": None, "epochs": None}
    return problem.descend(**options, **place)


def started(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The start in a recipe, with what is fixed and what is bounded."""
    bounds = {name: dict(zip(("min", "max"), pair, strict=True)) for name, pair in recipe.get("bounds", {}).items()}
    return {
        name: {"value": value, "fixed": name in recipe["fixed"], **bounds.get(name, {})} for name, value in recipe["start"].items()
    }


def load(path: str | Path, problem: Problem | None = None) -> Fit:
    """The fit in a file that `fit.save` wrote: summary, predict, t-intervals, bands on new data and exports need the file alone.

    With the `problem` that it fits it has its data again, for residuals, tests, profiles and plots. Raises DataError for a file
    that is no fit, or is damaged; OptionError where it is a fit of another formula, loss or data.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     fit("y ~ w*x", "@triples").save(f"{folder}/fit.json")
    ...     again = load(f"{folder}/fit.json")
    >>> again.predict({"x": [10]}).round(9).tolist()
    [30.0]
    """
    from steepest.fitting import saved

    return saved.load(path) if problem is None else saved.load(path, problem.objective(), problem.recipe())


def check_gradient(user: Any, problem: Problem | None = None, *, reference: Any = None, inputs: Any = None) -> Report:
    """Is this gradient, which somebody wrote by hand, right? And if not, what is wrong with it, with proof.

    With a problem, `user` is a function (theta (p,), columns: a mapping of names to arrays (n,)) → the gradient (p,), or (loss,
    gradient); a `torch.autograd.Function` with apply(theta, *columns) → loss; a JAX function (theta, columns) → loss.

    Without one, `user` is a `torch.autograd.Function`, or any callable on tensors of PyTorch or arrays of JAX, with its own
    backward; `inputs` what it is called with: an array, a tuple, or a mapping by the names of its arguments. `reference` is a plain
    forward, called alike, whose float64 autograd is right; where there is none, differences of the function's own forward are.

    It is called a few hundred times, on copies. The report has `.correct`, `.cause`, `.sentence`, `.line`, `.node`, `.proof`,
    `.details`, `.text()`, `.to_dict()`. Raises OptionError where what is right is not finite around the start, or the inputs.

    >>> problem = Problem("y ~ w*x", "@triples")
    >>> report = check_gradient(lambda theta, columns: sum(2*(theta*columns["x"] - columns["y"])*columns["x"], 0*theta), problem)
    >>> report.cause
    'missing-1/n'
    """
    if problem is None:
        if inputs is None:
            raise OptionError("check_gradient has nothing to compare with: give a problem, or inputs= (and reference=)")
        from steepest.check.function.doctor import check_function

        return check_function(user, reference, inputs)
    if reference is not None or inputs is not None:
        raise OptionError("a problem and reference= or inputs= are both given: a problem knows its formula and its data, give one")
    from steepest.check.gradient.doctor import check_gradient as visit

    return visit(user, problem)


def check_trajectory(trajectory: Any, problem: Problem, lr: float | None = None) -> Report:
    """What did this loop do? From theta, step by step, and the problem alone.

    `trajectory`: theta before the first step, after it, after the next, …: an array (steps + 1, p), a mapping, a frame or the path
    of a table with a column a parameter, or a Trace. `lr`: the rate that was meant. `report.cause` is None for plain descent, else
    not-zeroed, other-parameter, sequential-update, stale, momentum, weight-decay, schedule, scaled, sign, frozen or unknown.
    Raises DataError, OptionError.

    >>> problem = Problem("y ~ m*x + c", "@five-points")
    >>> run = problem.descend(lr=0.01, steps=20)
    >>> check_trajectory(run, problem, lr=0.01).correct, check_trajectory(run, problem, lr=0.05).cause
    (True, 'scaled')
    """
    from steepest.check.loop.doctor import check_trajectory as visit

    return visit(trajectory, problem, lr)
