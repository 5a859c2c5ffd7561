"""Checks that end in a verdict: agreement between engines, the gradient doctor, the loop doctor.

In: a derivation, theta and columns. Out: a table of engines, or a `Report` with a cause, a sentence and a proof.

    rounding.py    how far two right computations can be apart:  sums_bound, rows_bound → Bound(names, kappa, undecided).
                   A difference beyond it is an error of the mathematics or of an engine: there is no constant to choose
    agreement/     every engine at several points → Agreement
    report.py      what a doctor says: cause, sentence, line, proof
    user.py        the user's gradient, called without harm;  load.py: a function out of a file;  cases.py: where it is tried
    marking.py     many files, each examined in a process of its own → Mark
    program/       the user's source: the line whose repair mends the gradient
    gradient/      the doctor for a gradient that somebody wrote, with its tree of questions
    function/      the same where there is no formula: a function of PyTorch or JAX with its own backward
    loop/          the doctor for a descent loop, from theta step by step
"""
