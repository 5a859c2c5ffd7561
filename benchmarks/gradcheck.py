"""What torch.autograd.gradcheck says of a wrong backward, and what we say, of every fault of tests/function_faults.py.

    python benchmarks/gradcheck.py [--wide]

Both are given the same function and inputs. gradcheck compares with differences of the function's own forward; we do, too, or with
float64 autograd of a plain forward (here). A table in Markdown; `--wide` prints whole sentences.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import function_faults as faults
import steepest as st


def gradcheck(function: Any, inputs: dict[str, Any]) -> tuple[bool, str]:
    """Did it pass, and the first sentence that it says."""
    import torch

    leaves = [value.clone().requires_grad_() for value in inputs.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.autograd.gradcheck(function.apply, leaves)
        except Exception as error:
            return False, " ".join(str(error).split("\n\n")[0].split("numerical:")[0].split())
    return True, "True"


def ours(function: Any, reference: Any, inputs: dict[str, Any]) -> tuple[str, str]:
    report = st.check_gradient(function, reference=reference, inputs=inputs)
    return str(report.cause or "correct"), report.sentence


def shorter(text: str, width: int) -> str:
    text = text.replace("|", "¦")
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--wide", action="store_true")
    width = 10_000 if parser.parse_args().wide else 110
    chosen = [fault for fault in faults.FAULTS if "torch" in fault.libraries]
    passed = named = 0
    times: dict[str, list[float]] = {"gradcheck": [], "steepest": []}
    print("| fault | gradcheck | steepest | its sentence |\n|---|---|---|---|")
    for fault in chosen:
        started = time.perf_counter()
        ok, said = gradcheck(*faults.patient(fault, "torch")[::2])
        middle = time.perf_counter()
        cause, sentence = ours(*faults.patient(fault, "torch"))
        times["gradcheck"].append(middle - started)
        times["steepest"].append(time.perf_counter() - middle)
        passed += ok
        named += cause == fault.cause
        print(
            f"| {fault.name} | {'**passes**' if ok else shorter(said, 80)} | `{cause}` | {shorter(sentence, width)} |", flush=True
        )
    right = 0
    for written in faults.FUNCTIONS.values():
        for dtype in ("float64", "float32"):
            function, reference, inputs = faults.healthy(written, "torch", dtype=dtype)
            ok, _ = gradcheck(function, inputs)
            cause, _ = ours(function, reference, inputs)
            right += 1
            times.setdefault(f"right in {dtype} that gradcheck refuses", []).extend([1.0] * (not ok))
            times.setdefault(f"right in {dtype} that we refuse", []).extend([1.0] * (cause != "correct"))
    print(f"\ntorch {torch.__version__}. {len(chosen)} faults: gradcheck passes {passed}, steepest names {named} as they are.")
    print(
        f"{right} right functions: " + "; ".join(f"{name}: {len(found)}" for name, found in times.items() if "right" in name) + "."
    )
    print("Median time: " + ", ".join(f"{name} {1000 * np.median(times[name]):.0f} ms" for name in ("gradcheck", "steepest")) + ".")


if __name__ == "__main__":
    main()
