"""Ready models: what a formula is called in its field, and where a fit of it starts.

In: the names of two columns, and later their values. Out: a `Model`, which is a formula's text and knows its start.

    kinds.py    one row a model: its text, what of it is linear, the grid of the rest, its source
    grids.py    the values of its nonlinear parameters that are worth a try on these data
    pursuit.py  the best of them, the linear parameters by least squares; sums part by part
    model.py    Model: the text, the sum of two, the start

Nothing of calculus is needed here: a start is found from values of the model alone.
"""
