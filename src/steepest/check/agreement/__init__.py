"""Every engine against every other, at several points.

In: a derivation, columns, points. Out: `Agreement`, a table with a verdict for each engine.

    compare.py      the comparison:  agreement → Agreement
    measure.py      what an engine gives, and how far that may be off
    differences.py  why two engines differ, where a cause is known
    written.py      the program as the user wrote it, and its rounding
    exact.py        the same in 50 digits
    samples.py      single rows: their mean against the full gradient, the spread of a batch
"""
