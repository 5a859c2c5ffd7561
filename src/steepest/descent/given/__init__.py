"""What a user gives, read: formulas, data, a loss, a start, weights in; a `Posed`, what a problem is made of, out.

    posed.py       Posed: formula, derivation, columns, weights, start, and the Objective of every engine; its recipe
    parameters.py  a start → values, the positions that move, and their bounds; `random`
    ties.py        parameters that follow from others: they leave the formula, an expression stands in their place
    weights.py     weights and standard errors of rows;  responses.py: does the response suit the loss?
    blocks.py      the derivation and the start of a problem with dot(w, X) or a penalty
    together.py    several sets of rows, several responses, own parameters of groups: one plain formula over one table
    sets.py        what became of them: starts and new data by the user's own names;  set_starts.py: starts of ready models

Raises FormulaError, DataError and OptionError, each with what is wrong, where, and what to do.
"""
