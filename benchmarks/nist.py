"""NIST's reference data sets for nonlinear regression: how many digits of the certified answers each library gets right.

    python benchmarks/nist.py [FILE_OR_FOLDER] [--perturbed 100] [--without-peers]

FILE is JSON, a list of sets as in tests/nist.json; a folder holds such files. Every library runs with its defaults, on the same
model function, from both official starts. Digits are those of the worst parameter, and of the worst standard error: -log10 of the
relative error, at most 11, as many as are certified. Terms that can change places, and signs that do not matter, are matched first.

`--perturbed N`: N starts a set, every value of an official start times 10**U(-1, 1), every second time with random signs. What then
says `converged` is judged without the library: by its gradient, by points around it, and by SciPy in short steps from beside it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import steepest as st

Array = np.ndarray[Any, Any]
SHIPPED = Path(__file__).parents[1] / "tests" / "nist.json"
MOST = 11.0

# Terms of a sum that can change places, and parameters of which only the size matters.
PEAKS = ((2, 3, 4), (5, 6, 7))
TERMS = {
    **dict.fromkeys(("Lanczos1", "Lanczos2", "Lanczos3"), ((0, 1), (2, 3), (4, 5))),
    **dict.fromkeys(("Gauss1", "Gauss2", "Gauss3"), PEAKS),
    "MGH17": ((1, 3), (2, 4)),
    "ENSO": ((3, 4, 5), (6, 7, 8)),
}
UNSIGNED = dict.fromkeys(("Gauss1", "Gauss2", "Gauss3"), (4, 7))


class Answer(NamedTuple):
    """What a library found, by name: parameters, standard errors (nan where it gives none); and whether it claims success."""

    theta: dict[str, float]
    errors: dict[str, float]
    claims: bool
    note: str = ""


def read(path: Path) -> list[dict[str, Any]]:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))]


def problem_of(row: dict[str, Any], start: Any) -> st.Problem:
    return st.Problem(row["formula"], row["data"], "sse", dict(zip(row["parameters"], start, strict=True)))


def digits(found: Array, right: Array) -> float:
    with np.errstate(all="ignore"):
        errors = np.abs(found - right) / np.abs(right)
        worst = float(np.max(errors))
    return 0.0 if np.isnan(worst) else max(0.0, min(MOST, -float(np.log10(max(worst, 1e-16)))))


def score(row: dict[str, Any], answer: Answer) -> tuple[float, float]:
    """Digits of the parameters and of the standard errors, with terms in their best order."""
    right, errors = np.array(row["certified"]), np.array(row["std_err"])
    blocks = TERMS.get(row["name"], ())
    theta, found_errors = (np.array([values[name] for name in row["parameters"]]) for values in answer[:2])
    unsigned = list(UNSIGNED.get(row["name"], ()))
    theta[unsigned] = np.abs(theta[unsigned])
    scores = []
    for order in itertools.permutations(blocks):
        place = np.arange(len(right))
        place[[k for block in blocks for k in block]] = [k for block in order for k in block]
        scores.append((digits(theta[place], right), digits(found_errors[place], errors)))
    return max(scores)


# ---- the libraries


def steepest(problem: st.Problem) -> Answer:
    fit = problem.fit()
    return Answer(fit.parameters, fit.std_errors, fit.outcome == "converged", fit.reason)


def named(problem: st.Problem, theta: Array, errors: Array, claims: bool) -> Answer:
    return Answer(*(dict(zip(problem.parameters, values, strict=True)) for values in (theta, errors)), claims)


def functions(problem: st.Problem) -> tuple[Callable[..., Array], Array, Array]:
    """The model as NumPy code of columns and parameters, the response, and the start."""
    objective = problem.objective()
    return lambda _, *theta: objective.predictions(np.array(theta)), objective.rows("value", vector(problem))[0], vector(problem)


def vector(problem: st.Problem) -> Array:
    return np.array(list(problem.start.values()), dtype=float)


def scipy_curve_fit(problem: st.Problem) -> Answer:
    from scipy.optimize import curve_fit

    model, y, start = functions(problem)
    theta, covariance = curve_fit(model, np.arange(len(y)), y, start)
    return named(problem, theta, np.sqrt(np.diag(covariance)), True)


def scipy_least_squares(problem: st.Problem) -> Answer:
    from scipy.optimize import least_squares

    model, y, start = functions(problem)
    result = least_squares(lambda theta: model(None, *theta) - y, start)
    covariance = np.linalg.pinv(result.jac.T @ result.jac) * 2 * result.cost / (len(y) - len(start))
    return named(problem, result.x, np.sqrt(np.diag(covariance)), bool(result.success))


def lmfit_minimize(problem: st.Problem) -> Answer:
    import lmfit

    model, y, start = functions(problem)
    parameters = lmfit.create_params(**dict(zip(problem.parameters, start, strict=True)))
    result = lmfit.minimize(lambda given: model(None, *given.valuesdict().values()) - y, parameters)
    found = result.params.values()
    errors = [np.nan if parameter.stderr is None else parameter.stderr for parameter in found]
    return named(problem, np.array([parameter.value for parameter in found]), np.array(errors), bool(result.success))


LIBRARIES: dict[str, Callable[[st.Problem], Answer]] = {
    "steepest": steepest,
    "curve_fit": scipy_curve_fit,
    "least_squares": scipy_least_squares,
    "lmfit": lmfit_minimize,
}


class Run(NamedTuple):
    """Digits of parameters and errors, milliseconds, and the answer, or None where the library raised."""

    digits: float
    error_digits: float
    ms: float
    answer: Answer | None


def run(library: Callable[[st.Problem], Answer], row: dict[str, Any], start: Any) -> Run:
    problem = problem_of(row, start)
    try:
        answer = library(problem)  # what is derived and imported at first does not count
        times = [clock(lambda: library(problem)) for _ in range(3)]
    except (RuntimeError, ValueError):
        return Run(0.0, 0.0, np.nan, None)
    return Run(*score(row, answer), 1e3 * min(times), answer)


def clock(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# ---- is a claimed minimum one?


def is_false(problem: st.Problem, answer: Answer, generator: np.random.Generator) -> str:
    """Why this is no minimum, or an empty text. A step of 1 along `axes` raises the loss by s²: a standard error."""
    from scipy.optimize import minimize

    objective, theta = problem.objective(), np.array(list(answer.theta.values()))
    rows = objective.rows("jacobian", theta)
    residual, jacobian = rows[0], rows[1:].T
    spread = float(np.sqrt(residual @ residual / (len(residual) - len(theta))))
    scale = np.linalg.norm(jacobian, axis=0)
    q, _ = np.linalg.qr(jacobian / scale)
    rounding = 8 * np.finfo(float).eps * np.linalg.norm(objective.rows("value", theta)[0])
    if not np.linalg.norm(q.T @ residual) <= 1e-3 * spread + rounding:
        return "its gradient is not zero"
    here, loss = float(residual @ residual), lambda at: float(objective.loss(at))
    blur = 2 * np.sqrt(here) * rounding
    half = objective.hessian(theta) / 2
    size = np.sqrt(np.abs(np.diag(half)))
    bends, vectors = np.linalg.eigh(half / np.outer(size, size))
    if bends[0] <= 0:
        return "the loss bends down"
    axes = spread * vectors / np.sqrt(bends) / size[:, None]
    for distance in (0.03, 0.3):
        for direction in generator.normal(size=(100, len(theta))):
            step = distance * axes @ (direction / np.linalg.norm(direction))
            if loss(theta + step) < here * (1 - 1e-9) - blur:
                return f"{distance} standard errors beside it the loss is lower"
    for direction in generator.normal(size=(2, len(theta))):
        # Steps of 0.1 standard errors at most: a longer one may leap across a pole into another valley.
        found = minimize(
            lambda z: loss(theta + axes @ z) / here, 0.1 * direction / np.linalg.norm(direction), method="trust-exact",
            jac=lambda z: axes.T @ objective.at(theta + axes @ z).gradient / here,
            hess=lambda z: axes.T @ objective.hessian(theta + axes @ z) @ axes / here,
            options={"initial_trust_radius": 0.05, "max_trust_radius": 0.1, "maxiter": 100},
        )  # fmt: skip
        if found.fun * here < here * (1 - 1e-9) - blur:
            return f"SciPy goes down from beside it to a loss of {found.fun * here:.6g}, which is {here:.6g} here"
    return ""


def perturbed(row: dict[str, Any], count: int) -> Iterator[dict[str, float]]:
    generator = np.random.default_rng(0)
    for k in range(count):
        start = np.array(row["start2" if k % 2 else "start1"])
        signs = generator.choice([-1.0, 1.0], len(start)) if k % 4 > 1 else 1.0
        start = start * 10 ** generator.uniform(-1, 1, len(start)) * signs
        yield dict(zip(row["parameters"], start.tolist(), strict=True))


def judge(row: dict[str, Any], count: int) -> Counter[str]:
    """How many of the perturbed starts end at the certified minimum, at another one, without a claim, or with a false one."""
    generator = np.random.default_rng(1)
    problem = problem_of(row, row["start1"])
    ends: Counter[str] = Counter()
    for start in perturbed(row, count):
        answer = steepest(problem.with_start(start))
        if not answer.claims:
            ends["no claim"] += 1
            continue
        rss = float(problem.objective().loss(np.array(list(answer.theta.values()))))
        right = abs(rss - row["rss"]) <= 1e-4 * row["rss"] + 1e-24
        why = is_false(problem, answer, generator)
        ends["FALSE" if why else "certified" if right else "lower" if rss < row["rss"] else "other minimum"] += 1
        if why:
            print(f"    {row['name']} from {start}: {why}")
    return ends


# ---- tables


def table(rows: list[dict[str, Any]], libraries: dict[str, Callable[[st.Problem], Answer]]) -> None:
    print("\n| set | start | " + " | ".join(f"{name}, digits" for name in libraries) + " | "
          + " | ".join(f"{name}, of errors" for name in libraries) + " | ms |")  # fmt: skip
    print("|---|---:" + "|---:" * (2 * len(libraries) + 1) + "|")
    kept: dict[str, list[Run]] = {name: [] for name in libraries}
    notes = []
    for row in rows:
        for start in ("start1", "start2"):
            runs = {name: run(library, row, row[start]) for name, library in libraries.items()}
            for name, result in runs.items():
                kept[name].append(result)
            cells = [shown(result, result.digits) for result in runs.values()]
            cells += [shown(result, result.error_digits) for result in runs.values()]
            print(f"| {row['name']} | {start[-1]} | {' | '.join(cells)} | {runs['steepest'].ms:.1f} |", flush=True)
            ours = runs["steepest"].answer
            if ours is None or not ours.claims or min(runs["steepest"][:2]) < 6:
                notes.append(f"{row['name']}, start {start[-1]}: {'raised' if ours is None else ours.note}")
    print("\n| | ≥ 4 digits | ≥ 6 | ≥ 8 | mean | errors ≥ 6 | wrong, yet claimed | raised | median ms | slowest |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, runs_of in kept.items():
        print(f"| {name} | {' | '.join(summary(runs_of))} |")
    print()
    for note in notes:
        print(note)


def shown(result: Run, value: float) -> str:
    return "raised" if result.answer is None else f"{value:.1f}" + ("!" if result.digits < 2 and result.answer.claims else "")


def summary(runs: list[Run]) -> list[str]:
    times = [r.ms for r in runs if r.answer is not None]
    counts = [sum(r.digits >= least for r in runs) for least in (4, 6, 8)]
    wrong = sum(r.answer is not None and r.answer.claims and r.digits < 2 for r in runs)
    return [
        *(f"{count} of {len(runs)}" for count in counts), f"{statistics.mean(r.digits for r in runs):.2f}",
        f"{sum(r.error_digits >= 6 for r in runs)}", f"{wrong}", f"{sum(r.answer is None for r in runs)}",
        f"{statistics.median(times):.1f}", f"{max(times):.1f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--perturbed", type=int, default=0, metavar="N")
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    rows = read(options.path)
    table(rows, {"steepest": steepest} if options.without_peers else LIBRARIES)
    if options.perturbed:
        kinds = ("certified", "other minimum", "lower", "no claim", "FALSE")
        print(f"\n{options.perturbed} perturbed starts a set\n\n| set | {' | '.join(kinds)} |\n|---{'|---:' * len(kinds)}|")
        total: Counter[str] = Counter()
        for row in rows:
            ends = judge(row, options.perturbed)
            total += ends
            print(f"| {row['name']} | {' | '.join(str(ends[kind]) for kind in kinds)} |", flush=True)
        print(f"| all | {' | '.join(str(total[kind]) for kind in kinds)} |")


if __name__ == "__main__":
    main()
