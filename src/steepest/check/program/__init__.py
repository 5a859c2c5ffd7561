"""The user's own program, run again and again with one value forced, until the gradient is right.

In: the user's function with its source, and one-row cases. Out: diagnoses, each with a line and a repair that can be proved.

    instrument.py  the source with a hook at every number that it computes;  syntax.py: what it asks of the syntax tree
    implied.py     the value of one place that would mend the whole gradient
    candidates.py  what a right program computes: the steps of the derivation, and their products
    meaning.py     what such a value is: a step, a number, a variable, a change of what stands there
    edits.py       how much of the text would change
    bench.py       the search for repairs, and what speaks against each
    ranking.py     which of them is the fault, or that the numbers cannot tell
    repair.py      the diagnoses;  wording.py: the sentence
"""
