"""A derivation in, kernels out: one small file a library, each loaded when it is asked for.

    kernels = table.kernels("numpy", derivation)
    kernels.sums(kind, theta, columns, weights, total) → sums over the rows of every output of `derivation.program(kind)`
    kernels.rows(kind, theta, columns)                 → these outputs row by row, (outputs, rows)
    kernels.vector(values), kernels.number(value)      → values in the engine's own numbers
    kernels.stepper(step, states)                      → one step of a method on those numbers

Sums, never means: chunks, batches and processes are then joined by `+`. `weights` is None or (rows,), `total` their sum or the
number of rows; it is the sum of a row expression that no column enters. NumPy in, NumPy out: float64, but rationals for `sympy`.
What is not finite is returned as it is, without a warning.

    table.py         the literal table of names, why an engine cannot be used here, the choice of `auto`
    source.py        a kernel's plan as readable NumPy source; runs generated source and nothing else
    numpy_engine.py  `numpy`
    compiled.py      `compiled`: llvm.py, printing.py and elementary.py print LLVM IR, block.py fuses whole descents,
                     jit.py turns IR into functions
    exact.py         `sympy`: node by node on exact numbers; TooManyDigits beyond 10,000

Generated text holds positional names only (p0, x0, t0). The exceptions are `EngineError` (library missing, broken or unable) and
`OptionError` (an unknown engine).
"""
