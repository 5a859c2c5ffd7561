"""One descent from pencil to optimizer, each rung a script of its own. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201, B018

# %% [markdown]
# # The ladder
#
# One parameter, five points, one descent. It is done with a pencil first, then with NumPy, then with more and
# more of PyTorch, and at last with JAX. Each rung hands one job to the library. Nothing else changes, so the
# numbers must not change either.
#
# | rung | who has the gradient | who takes the step | who forgets the old gradient |
# |---|---|---|---|
# | pencil | you | you | |
# | NumPy | the derived formula | you | |
# | PyTorch, by hand | the derived formula | you | |
# | autograd | **PyTorch** | you | **you** |
# | an operation of your own | the derived formula, **called by PyTorch** | you | you |
# | optimizer | PyTorch | **the optimizer** | **the optimizer** |
# | JAX | **JAX**, as a function | you | nobody: there is nothing to forget |
#
# *A plain CPU will do. A rung whose library is not installed is left out, and a line says so.*

# %%
import contextlib
import difflib
import io
import runpy
import tempfile
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import steepest as st

plt.rcParams.update(
    {"figure.dpi": 110, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)

# %% [markdown]
# ## Pencil
#
# The points lie on $y = 3x$. The model is $\hat y = w\,x$, the loss is the mean of the squared errors.

# %%
problem = st.Problem("y ~ w*x", "@triples")
print(dict(zip(problem.columns.names, (column.tolist() for column in problem.columns.arrays), strict=True)))
problem.loss_expression().factor()

# %% [markdown]
# So the loss is the parabola $11\,(w-3)^2$ and its slope is $22\,(w-3)$. A step with the rate $\eta = 0.005$ goes
#
# $$w - 3 \;\leftarrow\; w - 3 - \eta \cdot 22\,(w - 3) \;=\; (1 - 22\,\eta)\,(w - 3) \;=\; 0.89\,(w - 3).$$
#
# Each step leaves 89 % of the error. From $w = 0$: $w_k = 3\,(1 - 0.89^k)$. The exact engine agrees, to the last
# fraction:

# %%
exact = problem.descend(lr=Fraction(5, 1000), steps=6, engine="sympy")
for k, w in enumerate(exact["w"]):
    print(k, w, Fraction(str(w)) == 3 * (1 - Fraction(89, 100) ** k))

# %% [markdown]
# ## The descent that every rung shall repeat
#
# A hundred steps. The prediction for $x = 10$ goes from 0 to nearly 30.

# %%
trace = problem.descend(lr=0.005, steps=100)
for k in (0, 1, 10, 50, 100):
    prediction = problem.predict([trace["w"][k]], {"x": [10]})[0]
    print(f"step {k:3}: w = {trace['w'][k]:.9f}, loss = {trace.loss[k]:.9g}, f(10) = {prediction:.6f}")


# %% [markdown]
# ## Climbing
#
# `trace.export(rung)` writes this descent as a script in one library. To climb is to run that script, to compare
# where it lands, and to show what is new in it: `-` stood on the rung below, `+` came instead.


# %%
def climb(rung, below=None):
    """Runs the script of a rung, and shows what it has that the rung below has not."""
    script = trace.export(rung)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rung.py")
        path.write_text(script)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                left = runpy.run_path(str(path))
        except ImportError as error:
            return print(f"{rung} is left out: {error}")
    lines = [line.split() for line in printed.getvalue().splitlines()]
    losses = {int(step): float(loss) for step, loss in lines[:-1]}
    same = np.allclose([*losses.values()], trace.loss[[*losses]], rtol=1e-9)
    (w,) = left["theta"].tolist()
    landed[rung] = losses, w
    print(f"w = {w:.12f}, and the losses on the way are {'the same' if same else 'OTHERS'}.\n")
    print(script[script.index("def ") :].rstrip() if below is None else news(trace.export(below), script))


def news(old, new):
    """The lines that changed, without headings and blank lines."""
    lines = (text.splitlines()[6:] for text in (old, new))
    changed = list(difflib.unified_diff(*lines, n=0, lineterm=""))[3:]
    return "\n".join("" if line.startswith("@@") else line for line in changed if line[1:].strip())


landed = {}

# %% [markdown]
# ### Rung 1: NumPy
#
# Everything in sight. `sums` is the derived formula; the loop below it takes the step.

# %%
climb("numpy")

# %% [markdown]
# ### Rung 2: PyTorch, by hand
#
# Arrays become tensors. The mathematics stays ours, so nothing is gained yet but the place where it runs: a GPU
# would do.

# %%
climb("torch", "numpy")

# %% [markdown]
# ### Rung 3: autograd
#
# The formula of the gradient is gone: `value` computes the loss alone, and `backward` finds the slope. Two lines
# are the price. The step stands under `no_grad`, because it is no part of the function that is differentiated.
# And the old gradient must be forgotten.

# %%
climb("torch-autograd", "torch")

# %% [markdown]
# ### Rung 4: an operation of your own
#
# A gradient that you know better than PyTorch does can be handed to it. `forward` computes, `backward` answers
# with the derived slope, and the loop does not notice.

# %%
climb("torch-function", "torch-autograd")

# %% [markdown]
# ### Rung 5: an optimizer
#
# Now the step is handed over too. `SGD` knows which numbers to move and how far; `zero_grad` forgets. (In float32
# it may differ from the step by hand in the last bit: it multiplies and adds with one rounding instead of two.
# Nobody is wrong.)

# %%
climb("torch-optim", "torch-autograd")

# %% [markdown]
# ### Rung 6: JAX
#
# Another idea: no tape and no state. `value_and_grad` turns a function into a function that has the slope as
# well, so nothing is left behind that would have to be forgotten.

# %%
climb("jax", "torch-optim")

# %% [markdown]
# ## All on one line
#
# $w - 3$ shrinks by the same factor each step, so on a logarithmic scale the descent is a straight line. Every rung stands on it.

# %%
figure, ax = plt.subplots(figsize=(7, 3.8))
k = np.arange(101)
ax.plot(k, 3 * 0.89**k, color="#b0b0b0", linewidth=1.2, label=r"pencil: $3 \cdot 0.89^k$")
for place, (rung, (losses, _)) in enumerate(landed.items()):
    mine = [(step, np.sqrt(loss / 11)) for step, loss in losses.items()][place % 6 :: 6]
    ax.plot(*zip(*mine, strict=True), "o", color=plt.cm.Dark2(place), markersize=8, label=rung)
ax.set(yscale="log", xlabel="step", ylabel="3 − w")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# *Many scripts, one line. Each dot was printed by the script of that colour; they take turns, or they would hide
# each other.*

# %%
spread = np.ptp([w for _, w in landed.values()])
print("the rungs' last w differ by less than 10 units of the last place:", spread < 10 * np.spacing(3.0))

# %% [markdown]
# ## A slip that works
#
# Here is a gradient as one writes it in a hurry. The slope of the loss is a mean, so it ends in `.mean()`. Looks
# right?


# %%
def in_a_hurry(theta, columns):
    x, y = columns["x"], columns["y"]
    return np.array([(2 * x @ (theta[0] * x - y)).mean()])


columns = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
print("in a hurry:", in_a_hurry([0.0], columns)[0])
print("derived:   ", problem.gradient_at([0.0])[0])

# %% [markdown]
# But `@` has added everything up already, and the mean of *one* number is that number. The gradient is five times
# too large, once for each row. The doctor needs no hint:

# %%
report = st.check_gradient(in_a_hurry, problem)
print("cause:", report.cause)
report

# %% [markdown]
# What makes this slip so durable: the descent *works*, and looks better than the right one. The factor per step is
# $1 - 110\,\eta = 0.45$ instead of $0.89$.

# %%
hurried = [0.0]
for _ in range(20):
    hurried.append(hurried[-1] - 0.005 * in_a_hurry([hurried[-1]], columns)[0])
for k in (0, 1, 2, 10, 20):
    print(f"step {k:2}: hurried w = {hurried[k]:.8f}, right w = {trace['w'][k]:.8f}")

# %%
figure, ax = plt.subplots(figsize=(7, 3.6))
ways = {"right": (trace["w"][:21], 0.89, "#1b6ca8"), "in a hurry": (hurried, 0.45, "#c1121f")}
for name, (w, factor, colour) in ways.items():
    ax.plot(3 - np.array(w), "o-", color=colour, markersize=4)
    ax.text(20.4, 3 - w[20], f"{name}\n$3 \\cdot {factor}^k$", color=colour, va="center")
ax.set(yscale="log", xlabel="step", ylabel="3 − w", xlim=(-0.5, 24), ylim=(1e-7, 6), xticks=range(0, 21, 5))
plt.show()

# %% [markdown]
# *Both arrive. Nothing in this picture looks like a mistake, and so nobody looks for one.*
#
# The second doctor reads the loop alone: it gets the values of $w$ and the rate that was meant, and no code.

# %%
report = st.check_trajectory(np.array(hurried), problem, lr=0.005)
print("cause:", report.cause)
report

# %% [markdown]
# The bill comes with the next rate. A descent holds as long as its factor stays between −1 and 1. For the mean that is
# up to $\eta = 2/22 = 1/11$, for the sum up to $2/110 = 1/55$. At $\eta = 0.02$ the one arrives in no time and the
# other one explodes:

# %%
for loss in ("mse", "sse"):
    print(f"{loss}: {st.Problem('y ~ w*x', '@triples', loss=loss).descend(lr=0.02, steps=200, until_loss=1e-12).sentence}")

# %% [markdown]
# ## The line that everybody forgets once
#
# PyTorch *adds* each new gradient to the one that is there. Without the line that forgets, each step goes along
# the sum of all gradients so far. In three lines of plain Python:

# %%
w, total, swinging = 0.0, 0.0, [0.0]
for _ in range(100):
    total += 22 * (w - 3)
    w -= 0.005 * total
    swinging.append(w)
print("w after steps 1, 11, 21 and 31:", [round(swinging[k], 4) for k in (1, 11, 21, 31)])

# %%
figure, ax = plt.subplots(figsize=(7, 3.2))
ax.axhline(3, color="#b0b0b0", linewidth=1)
ax.plot(swinging, color="#c1121f", label="never forgets")
ax.plot(trace["w"], color="#1b6ca8", label="forgets")
ax.set(xlabel="step", ylabel="w")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# *A descent that never forgets is a ball without friction: it rolls through the valley, up the other side, and
# back, for ever.*

# %%
report = st.check_trajectory(np.array(swinging), problem, lr=0.005)
print("cause:", report.cause)
report

# %% [markdown]
# ## What stays
#
# - Every rung takes the same steps. What a library adds is comfort, and one thing more that you must know about it.
# - A factor 5 in the gradient hides behind a rate that was small enough. A doctor who counts rows finds it.
# - The values of $w$ tell what the loop did, without a look at its code.
#
# At the terminal:
#
# ```sh
# steepest export "y ~ w*x" @triples --lr 0.005 --steps 100 --as torch-optim
# steepest doctor "y ~ w*x" @triples --trajectory run.csv --lr 0.005
# ```
#
# Before: [one sine, six ways](001_one_sine_six_ways.ipynb).
