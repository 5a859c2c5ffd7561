"""Descents: an objective, a start and options in, a `Trace` out. The only outer loop of the house is here.

    run(through, start, options, recipe) → Trace      `through(engine)` gives the Objective of an engine

    objective.py   Objective.at(theta) → Point(theta, loss, gradient): the one place where sums become a loss
    given/         what a user gives, read: formulas, data, a start with bounds and ties, weights → `Posed`
    rates.py       learning rates, an array a block; lr="auto" starts at 1/|λ|max and halves when a step fails
    runners.py     runner.advance(rates) → Rows: equations over Objective.at, or fused in a compiled block
    coded.py       the runner of methods written as code, on free.py: the objective over the parameters that move
    stopping.py    where a finished block of rows ends the descent, as an outcome with a reason
    descend.py     the loop over blocks: advance, judge, record; a stop inside a block is replayed to its step
    interrupt.py   Ctrl-C waits for the end of a block
    validation.py  rows that are held out
    diagnose.py    the row and expression where a loss is not finite
    trace.py       Trace: one row an evaluated point, read-only, with the recipe that makes it again; files.py saves it
    condensed/     a few rows that stand for all, and descents on them;  tsqr.py: the R of many rows
    run.py         the options of a user, checked, to the loop
    foreign/       optimisers of torch, optax and scipy by name
    surface.py      the loss over two parameters: `Surface`
    comparison.py  methods × engines from one start, each a Trace: `Comparison`

Row t of a trace is the point at which step t + 1 was taken; row 0 is the start, and the last row is always kept. Outcomes:
converged, steps, time, stopped, diverged, nonfinite. Wrong use raises `OptionError`; numerical failure is an outcome,
with the last finite point kept. Ctrl-C ends a descent as `stopped`, and keeps what was done.
"""
