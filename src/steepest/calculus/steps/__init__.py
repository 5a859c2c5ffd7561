"""The derivation as a person writes it: names, slopes rule by rule, the chain rule, the sum over the rows, the update.

In: a `Derivation`; with a point (theta, columns, weights, rate) also its numbers. Out: `Steps`, an iterable of `Step`.

    naming.py     which parts of a formula get a name          rules.py     the rules by name, and which a slope uses
    plan.py       names, slopes and chains as programs         check.py     every slope against differences: StepFault
    notation.py   symbols that do not clash, and their forms   writing.py   the plan, written;  linear.py: its matrix form
    tree.py       our LaTeX as a tree                          plain.py     one line of text;  mathml.py: for browsers
    exactly.py    values that stay rational                    numbers.py   the numbers of a point in the steps
    formulae.py   model, loss and derivatives with the data put in, numbered
    step.py       Step and Steps                               build.py     from a derivation to its steps

A slope is differentiated by reverse.py, on the few nodes of its line. The text and the MathML are read off the LaTeX.
"""
