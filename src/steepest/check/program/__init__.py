"""The user's own program, run again and again with one value forced, until the gradient is right.

In: the user's function with its source, and one-row cases. Out: diagnoses, each with a line and a repair that can be proved.

    instrument.py  the source with a hook at every number that it computes
    implied.py     the value of one place that would mend the whole gradient
    candidates.py  what a right program computes: the steps of the derivation, and their products
    meaning.py     what such a value is: a step, a number, a variable, a change of what stands there
    repair.py      the search and the ranking;  wording.py: the sentence
"""
