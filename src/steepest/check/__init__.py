"""Checks that end in a verdict: agreement between engines, the gradient doctor, the loop doctor.

In: a derivation, theta and columns. Out: `Bound`: for each sum or row output, how far two right computations of it can
be apart, and the rows in which a comparison hangs on rounding. A difference beyond the bound is an error of the
mathematics or of an engine, never of the tolerance: there is no constant to choose.

    rounding.py    the running error bound:  sums_bound, rows_bound → Bound(names, kappa, undecided)
    agreement.py   engines at several points → Agreement;  differences.py: why one differs;  samples.py: single rows;
                   written.py: the program as written, exact values
    loop.py        theta step by step → Report, what the loop did;  trajectory.py reads it, loop_steps.py has gradients and
                   tolerances, loop_fit.py fits a guess;  guesses: loop_causes.py, loop_coordinates.py, loop_schedules.py
    doctor.py      a gradient that somebody wrote → Report (report.py): the tree. user.py calls it without harm, cases.py has
                   points, rows and right answers, exam.py the readings and the proof. The steps: form, repeat, losses, verdict,
                   factors, coordinates, row_weights, repair (the user's source), wires (without it; nodes.py), unknown
    load.py        a function out of a user's file, whose code runs
"""
