"""The command `steepest`: each of its commands is one call into the library.

In: words of a shell. Out: text for people or one JSON object on stdout; notes, progress and errors on stderr; files; an
exit code.

    main.py       `main(argv)`: the commands, errors as sentences, exit codes
    fit.py, descend.py, compare.py, rerun.py, derive.py, check.py, doctor.py, explain.py,
    methods.py, models.py, examples.py, export.py    a command each
    options.py    the options that commands share, and their words → values, strictly: nothing is evaluated
    output.py     header, table, sentence, JSON, notes
    marking.py    many files for the doctor, a row each; and the process that marks one
    progress.py   a line on stderr while a long descent runs;  interrupt.py: Ctrl-C at a safe moment

Exit codes: 0 converged, or the steps or the time asked for are done; 1 an error, or a run that stopped before that;
2 wrong usage; 3 diverged or nonfinite; 4 a check or a doctor found a fault; 130 interrupted, what was done then is kept.
"""
