"""Checks that end in a verdict: agreement between engines, and later the gradient doctor and the loop doctor.

In: a derivation, theta and columns. Out: `Bound`: for each sum or row output, how far two right computations of it can
be apart, and the rows in which a comparison hangs on rounding. A difference beyond the bound is an error of the
mathematics or of an engine, never of the tolerance: there is no constant to choose.

    rounding.py    the running error bound:  sums_bound, rows_bound → Bound(names, kappa, undecided)
"""
