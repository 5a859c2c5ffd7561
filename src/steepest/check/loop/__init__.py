"""The doctor for a descent loop: what did it do, from theta step by step?

In: a problem and a trajectory. Out: `Report`.

    trajectory.py  reads a file or an array, with the digits that it was printed with
    doctor.py      the order of guesses, the fewest free numbers first, and their proof on held-out steps
    steps.py       gradients along the trajectory, and what rounding allows;  fit.py: the free numbers of a guess
    causes.py, coordinates.py, schedules.py        the guesses
"""
