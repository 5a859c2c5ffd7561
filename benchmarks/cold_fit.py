"""A fit of 30 rows from a cold process, imports included: `steepest fit` against a script that calls scipy.optimize.curve_fit.

    python benchmarks/cold_fit.py [--repeat 11]

The two run in turn, and the ratio is taken pair by pair, so that a machine whose speed drifts does not decide it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCRIPT = """
import csv
import sys
import numpy as np
from scipy.optimize import curve_fit

with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
x = np.array([float(row["x"]) for row in rows])
y = np.array([float(row["y"]) for row in rows])
p, cov = curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, p0=[1, 1, 0])
for name, value, error in zip("abc", p, np.sqrt(np.diag(cov))):
    print(f"{name} = {value:.8g} +- {error:.3g}")
"""
FORMULA = "y ~ a*exp(-b*x) + c"


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeat", type=int, default=11)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = np.linspace(0, 4, 30)
    y = 2.5 * np.exp(-1.3 * x) + 0.4 + 0.03 * rng.normal(size=30)
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "decay.csv"), Path(folder, "peer.py")
        data.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)))
        script.write_text(SCRIPT)
        ours = [sys.executable, "-m", "steepest", "fit", FORMULA, str(data), "--start", "a=1,b=1,c=0", "--quiet"]
        peer = [sys.executable, str(script), str(data)]
        seconds(ours), seconds(peer)
        pairs = [(seconds(ours), seconds(peer)) for _ in range(options.repeat)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"steepest fit {mine:.3f} s, curve_fit script {theirs:.3f} s, ratio {ratio:.2f} (medians of {options.repeat} pairs)")


if __name__ == "__main__":
    main()
