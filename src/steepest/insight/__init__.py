"""Why a descent does what it does: numbers of a problem, a point and a method in, sentences out.

    explain.explain(objective, theta, setting) → Explanation      what this method and rate will do, from this point
    verdict.read(trace) → Verdict                                 what a descent did: converges, cycles, wanders, blows-up
    why.why(trace) → Why                                          the same in sentences, with numbers from the run

    curvature.py   the Hessian of the parameters that move, its spectrum, and directions in the user's symbols
    setting.py     a method, its constants, a rate and a batch, as a user gives them
    limits.py      modes: how each direction shrinks at a rate; the largest stable rate, and the best one
    ray.py         the loss after one step, against the rate: the best, and the largest that still lowers the loss
    minimum.py     the minimum near: what is still to go, and what the model cannot remove
    forecast.py    steps until the loss is so close to its minimum
    noise.py       batches: the spread of their gradients, their largest stable rate, how far a descent hovers
    cures.py       what helps, with what it does
    sharpness.py   η·λmax along a trace
    sentences.py   numbers and directions as words;  account.py: the sentences about a run

Two questions are kept apart: which rates lower the loss in the next step (the ray), and which settle in the long run (the limit at
the minimum). A rate between them falls first and fails later. All sentences are plain text; names in them are printable.
"""
