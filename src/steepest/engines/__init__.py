"""A derivation in, kernels out: one small file a library, each loaded when it is asked for.

    kernels = table.kernels("numpy", derivation)
    kernels.sums(kind, theta, columns, weights, total) → sums over the rows of every output of `derivation.program(kind)`
    kernels.rows(kind, theta, columns)                 → these outputs row by row, (outputs, rows)
    kernels.vector(values), kernels.number(value)      → values in the engine's own numbers
    kernels.stepper(step, states)                      → one step of a method on those numbers

Sums, never means: chunks, batches and processes are then joined by `+`. `weights` is None or (rows,), `total` their sum or the
number of rows; it is the sum of a row expression that no column enters. NumPy in, NumPy out: float64, rationals for `sympy`, and
float32 where torch or jax are asked for it. What is not finite is returned as it is, without a warning.

    table.py           the literal table of names, why an engine cannot be used here, the choice of `auto`
    source.py          a kernel's plan as readable Python, in the words of a library (words.py); runs generated source and no other
    numpy_engine.py    `numpy`
    compiled.py        `compiled`: llvm.py, printing.py, elementary.py print LLVM IR, block.py fuses descents, jit.py compiles
    blocks.py          dot(w, X) over the kernels of any engine: X w, the slopes of each row, Xᵀ slopes
    few.py             the same for condensed rows, whose kernels need the data's factor: made by descent/, not in the table
    exact.py           `sympy`: node by node on exact numbers; TooManyDigits beyond 10,000
    torch_engine.py    `torch`: the derived gradient; `torch-autograd`: the value as written, and backward()
    torch_function.py  `torch-function`: a torch.autograd.Function with the derived gradient as its backward
    jax_engine.py      `jax`: the value as written, differentiated and compiled by JAX
    differences.py     `finite-difference`: the value as written, and differences of it with an estimate of their error
    tensors.py         `Place`: the device, and the number types of parameters and data apart;  loops.py: polynomials

Generated text holds positional names only (p0, x0, t0). The exceptions are `EngineError` (library or device missing, an engine
unable) and `OptionError` (an unknown name). An engine that differentiates itself has no "normal".
"""
