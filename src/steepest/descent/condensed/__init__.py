"""A few rows that stand for all: linear and polynomial models with a squared loss.

In: an objective on all rows. Out: one on the rows of a QR factor, with the same loss and gradient for every theta.

    objective.py    the factor, and the objective on it, with its error bound
    digits.py       what rounding costs there, and on the rows themselves
    runner.py       when it is taken, and left again for the rows; the last row judged on the data
    closed_form.py  plain descent on a linear model, any number of steps at once
"""
