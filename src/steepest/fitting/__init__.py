"""fitting/: the robust path to the minimum, and how well the minimum is known.

In: an `Objective` (a formula and a loss on data), a start, and what the problem is made of.
Out: a `Fit`: parameters, standard errors, covariance, an outcome that was verified, one sentence.

Quadratic losses: a model linear in its parameters is solved by the SVD of its Jacobian, columns scaled; any other by `trust`, a
trust region on the exact Jacobian, then Newton's steps from its SVD. Other losses: L-BFGS, then Newton's steps. Beyond 50,000
rows the valley is found by Levenberg-Marquardt of methods/, and `few_rows` stand for all: no matrix of rows is made.
Within bounds `bounded` holds what is pressed against one and fits the others. Blocks of many parameters (`large`): L-BFGS in the
coordinates of a `metric`, Newton's steps by `products`. With l1 (`lasso`): zeros by L-BFGS-B, then the conditions of a minimum.

`fit.fit(objective, theta, problem, …)` is the one door, `predict.predict(derivation, theta, data)` the other. `start.chosen` takes
what the user left open from the data; `several` searches from more starts; `separable` finds parameters that are linear together.
Everything between works on `FreeLoss`: sums over the rows, as functions of the parameters that are not fixed. `tangent` (SVD at a
point) and `bowl` (the Hessian at a point) carry the paths; `verify` and `runaway` judge, `rank` says what the data cannot tell
apart, `uncertainty` gives the covariance, `result` and `summary` hold and print it.

What a `Fit` is asked for, a file each: `statistics` (R², likelihood), `intervals` and `profile` (refits along one parameter),
`bands` and `derived` (delta method), `by_set`, `residual_tests`, `saved` (JSON, out and in), `stayed` (parameters that never
moved), `kink` (of the penalty, where a fit ended).

Outcomes: "converged" only where it was verified that the gradient is as small as rounding allows, that no direction
bends down, that the loss rises on both sides of every parameter, the others following, and, where the model has kinks or
jumps, that it falls in none of many random directions, and that no parameter far out could as well be elsewhere; else "stopped",
"steps" or "nonfinite", and the reason says why. A fit that fails raises nothing.
"""
