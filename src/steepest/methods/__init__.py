"""Methods of descent: each is its equations, once, as text in the language of the formulas.

In: a name of the table `EQUATIONS`. Out: a `Method`:

    method.step                 → one step of one coordinate, a program with the outputs theta and every state
    method.starts(theta, rate)  → the start of every state, (states, parameters)
    method.states               → their names
    method.latex()              → the equations, step t from step t - 1

Reserved names are theta, g (the gradient), eta (the learning rate) and t (the step, from 1). Assignments are sequential; an
assigned name that is no state is a temporary. Constants stand in `defaults`, as text. A method knows no loss, data, engine
or loop: engines turn its program into NumPy or compiled code (`Kernels.stepper`, blocks), and descent/ runs it.

    equations.py   `Method`, and one from a user's own text
    table.py       EQUATIONS, the table of their names
    options.py     a user's words → a method with its constants, clipping and decay put in
    schedules.py   SCHEDULES: by what the rate is multiplied at step t, as text
    limit.py       the largest stable rate near a minimum, read off the equations
    latex.py       the equations as LaTeX
    code/          methods that are written as code
"""
