"""Descent by hand: a session that steps, goes back, and says what the next step will do.

In: a Problem, and words. Out: states, predictions and sentences.

    session.py   `Lab`, the state machine: step, back, set_lr, set_method, set_batch, fork, reset, predict, why
    predict.py   what the next step will do, before it is taken
    words.py     numbers and names as lines of at most 80 columns
    terminal.py  a session driven by lines of text: `steepest step`
    chart.py     the loss against the step, drawn with characters
    page.py      a session in a notebook cell

A session has no interface: the same `say` is a line of the terminal, of the notebook and of the log.
It descends by `Problem.descend` alone, on one engine, so that a hundred steps and a hundred times one step have the same bits.
"""
