"""steepest: write the mathematics once, and it is derived, proved, compiled, descended and explained.

>>> import steepest as st
>>> problem = st.Problem("y ~ w*x", "@triples")
>>> trace = problem.descend(lr=0.005, steps=100)
>>> round(trace.final["w"], 3)
3.0
"""

from __future__ import annotations

from steepest import models
from steepest._version import __version__
from steepest.data.sample import sample
from steepest.descent.given.parameters import random
from steepest.descent.trace import Trace
from steepest.errors import DataError, EngineError, FormulaError, OptionError, SteepestError, SteepestWarning
from steepest.fitting.result import Fit
from steepest.language.parser import define
from steepest.problem import Problem
from steepest.workbench import check_gradient, check_trajectory, fit, load, rerun

__all__ = [
    "DataError",
    "EngineError",
    "Fit",
    "FormulaError",
    "OptionError",
    "Problem",
    "SteepestError",
    "SteepestWarning",
    "Trace",
    "__version__",
    "check_gradient",
    "check_trajectory",
    "define",
    "fit",
    "load",
    "models",
    "random",
    "rerun",
    "sample",
]
