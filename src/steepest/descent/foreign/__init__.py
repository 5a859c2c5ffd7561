"""Optimisers of other libraries, on our gradients: `torch:Adam`, `optax:lion`, `scipy:trf`.

In: a name. Out: a runner, with the protocol of the others.

    choose.py       the name, checked against what the library has; its runner and its usual rate;  method.py: what it is then
    torch_steps.py, optax_steps.py    step by step, their state kept
    scipy_run.py    whole runs, with the points of their callback
"""
