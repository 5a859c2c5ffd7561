"""Rows in: one reader for everything that holds columns, one form for everything that comes out.

In: a mapping of arrays, a pandas, polars or pyarrow frame, a .csv, .tsv or .parquet file, "@name" of a shipped example,
or a sample. Out: a `Table`, which knows its names but has read no rows yet; `table.columns(names)` reads and checks
these columns only and gives `Columns`: finite float64 arrays of equal length, contiguous, read-only, copied once, with
a fingerprint. A matrix column is a float64 array (rows, columns), which is not copied where it is one already.

    table.py         Table, Columns, and what every source shares: lengths, missing values, dropped rows
    numbers.py       array of any type → float64, or a refusal by type
    csv_file.py      .csv and .tsv;  csv_cells.py: text of a cell → number
    parquet_file.py  .parquet
    frames.py        pandas, polars and pyarrow, through narwhals
    matrices.py      two-dimensional arrays;  groups.py: columns that are read as one matrix
    examples.py      the shipped examples, with their formulas, losses and starts
    sample.py        points of an expression on a grid
    read.py          `read_table`: chooses among these
    labels.py        a column of labels → codes;  stack.py: tables one under the other

The only exceptions are `DataError`, which names source, column, row, value, count and remedy, and `OptionError`.
Nothing is guessed, filled or dropped unless asked for; what was rounded or dropped is said in `Columns.warnings`.
"""
