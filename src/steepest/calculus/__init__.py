"""A formula and a loss in, derivatives out: differentiated once, whatever the number of rows.

In: a `Formula` and a `Loss`. Out: a `Derivation`, whose `program(kind)` gives straight-line programs of one row:

    value      y, yhat, loss
    gradient   loss, gradient_k            hessian    loss, gradient_k, hessian_i_j (i >= j)
    jacobian   residual, jacobian_k        normal     loss, gradient_k, normal_i_j, the Gauss-Newton matrix

These are the *worked* programs, as written. Kernels run the *lowered* ones, as `Kernel` plans: what is computed once,
what for every row, and which sums are taken.

    rules.py       the derivative of each operation; those of functions stand in the language's table
    reverse.py     reverse mode over the nodes, with guards for the branches of `where`
    algebra.py     a builder that drops what has no effect, and refuses more than 50,000 nodes
    derivation.py  the programs and their views;  blocks.py: of formulas with dot(w, X);  penalty.py: beside the loss of a row
    lower.py       worked → lowered for a library's functions;  kernel.py: the plan of sums
    safe.py        the value with finite slopes in branches not taken, for libraries that differentiate it themselves
    condense.py    yhat as a sum of few products, a factor in the parameters and one in the columns; EngineError where it is none
    worked.py      which values get names, for people: listing.py writes text, latex.py and tex.py LaTeX
    steps/         the derivation rule by rule, as text, LaTeX and MathML, with the numbers of a point
    symbolic.py    SymPy expressions, of a row or of all rows; SymPy is a view, never a step of a derivation

The only exceptions are `FormulaError` (too many operations), `OptionError` from the views and `EngineError` from condense.py.
"""
