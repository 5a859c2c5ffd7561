"""What results look like: pictures and tables.

In: a Fit, a Trace, or an Objective with a theta. Out: a matplotlib Figure or Axes, a file, text, HTML.

    plots.py    `plot_fit`, `plot_trace`: whole figures
    steps.py    what is drawn against the step: the loss, the parameters;  Axes in, Axes out
    rows.py     what is drawn row by row: the data with the fitted curve, the residuals;  Axes in, Axes out
    sets.py     several sets of rows, each in its colour
    surface.py  the loss over two parameters, with the ways of descents;  Axes in, Axes out
    rates.py    the learning-rate ray, the directions of the loss;  stability.py: η against its limit, step by step
    picture.py  the look, the title, and files (.svg, .png, .pdf)
    tables.py   tables as text, and as HTML for notebooks;  agreement.py: those of `problem.check()`,
                explanation.py: those of `problem.explain()`
    methods.py  the list of methods and schedules;  models.py: of ready models
    comparison.py  methods beside each other, as table and picture
    fitted.py   the model of a fit as NumPy, PyTorch, SymPy or LaTeX
    export.py   a descent as a script or notebook: scripts.py, a row a library; export_data.py, its data as code

matplotlib is imported when a picture is made; pyplot never is, and the user's backend and rcParams stay as they are.
Names and formulas are hostile: they are drawn as plain text (no mathtext, no TeX) and escaped in HTML.
"""
