"""Methods of descent that need more than one gradient a step: line searches, and second-order methods.

In: an `Objective` over the free parameters, the point where a method stands, and its state. Out: the next point:

    method = CODE["bfgs"]
    state = method.start(point, rate, **constants)              rate: NaN where the method finds its own first step
    point, state = method.step(objective, point, state)         the accepted trial; raises `Stuck` where there is none

A state is a NamedTuple of floats and arrays whose shapes never change; `state.rate` is the step length that was used.
Nothing here knows a loss, data, an engine or the loop: `objective.at(theta)` is one pass over the rows, and
`objective.curved(kind, theta)` one pass that brings a matrix too, "hessian" or "normal" (Gauss-Newton).

    method.py      what a method is, and what it is given
    line.py        the points on a line, and whether one of them is low enough
    backtracking.py, wolfe.py   two searches on a line; the exact one is a very strict strong-Wolfe search
    curvature.py   downhill by a matrix of second derivatives, whatever its eigenvalues
    steepest.py, barzilai_borwein.py, polyak.py, conjugate_gradient.py, bfgs.py, lbfgs.py, newton.py (with Gauss-Newton),
    levenberg_marquardt.py      the methods
    proximal.py    proximal gradients (plain, and FISTA), for l1 in a penalty
    table.py       CODE, the table of their names
"""
