"""The doctor for a gradient that somebody wrote.

In: the user's gradient and a problem. Out: `Report`. A diagnosis counts only if the gradient, mended as it says, is right at
points and on rows that were held out.

    doctor.py       the tree: which question comes after which
    exam.py         the user's answers beside the right ones, and the proof
    form.py, repeat.py, losses.py, verdict.py      is it a gradient, does it answer alike, of this loss, is it right?
    factors.py, coordinates.py, row_weights.py     what is wrong, in the numbers
    wires.py        what is wrong, in the derivation, where there is no source
    unknown.py      the numbers, where no cause is proved
"""
