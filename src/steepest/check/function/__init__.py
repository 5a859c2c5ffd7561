"""The doctor for a function with a backward of its own, where there is no formula: PyTorch and JAX.

In: the function, its inputs and, where there is one, a plain forward. Out: `Report`. What is right is float64 autograd of the plain
forward, or adaptive differences of the function's own. A diagnosis counts only if the gradient, mended as it says, is right at
inputs that were held out.

    doctor.py       the tree: which question comes after which
    arguments.py    what `inputs=` holds;  torch_calls.py, jax_calls.py: the function, called on it from NumPy
    functions.py    a call whose errors are sentences;  points.py: where it is tried, and with how many rows
    right.py        what is right, in every coordinate, or in directions where there are too many
    exam.py         the function's gradient beside the right one, what rounding allows, and the proof
    form.py, repeat.py, verdict.py, smooth.py      is it a gradient, of this function, always the same, and right?
    factors.py, blocks.py, coordinates.py, row_weights.py     what is wrong, in the numbers
    bisection.py    the wrong one of very many coordinates;  unknown.py: the numbers, where no cause is proved
"""
