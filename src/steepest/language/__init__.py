"""What the user writes: one language for formulas, losses, penalties, user functions and methods' equations.

In: text, the names of the columns, and constants. Out: a `Program` (program.py), whose leaves are names, or for a
`Formula` (formula.py) the positions of parameters and columns. The only exception is `FormulaError`, with a place in
the text.

    functions.py   the function table: a row a function, with its derivatives, its LaTeX and its names in the libraries
    tokens.py      characters → tokens with positions; every limit on size
    constants.py   the builder that watches constants, so that no text stands for a number that cannot be held
    parser.py      tokens → program, by a Pratt parser (an allow-list: what is not in the grammar cannot be said)
    formula.py     `response ~ model`: which names are columns and which are parameters
    blocks.py      dot(w, X), a parameter for each column of a matrix;  penalty.py: l1, l2, expressions
    losses.py      the table of losses
    expand.py      replaces functions by their definitions, for a library that lacks them
    evaluate.py    the reference interpreter in NumPy, node by node
    rewrite.py     a formula rewritten: parameters become expressions
    text.py        a program back to text;  names.py: names for people (LaTeX, terminal)

Numbers are exact fractions, constants are not folded, and no text reaches SymPy or `eval`.
"""
