"""One gradient by every engine, an operation of one's own, and the doctor. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201, B018

# %% [markdown]
# # One sine, six ways
#
# A cubic shall learn to be a sine. To learn, it needs a gradient, and there are six ways to get one:
#
# 1. **exactly**, in fractions;
# 2. with **NumPy**, from a formula that was derived;
# 3. **compiled** to machine code;
# 4. with **PyTorch**: from the formula, by autograd, or by an operation of one's own;
# 5. with **JAX**;
# 6. by **differences** of the loss, which know no calculus at all.
#
# All of them start from one line of mathematics, so all of them must give one number. Do they?
#
# *Nothing is downloaded, and a plain CPU will do. Where PyTorch or JAX is not installed, a line says so and the
# rest goes on.*

# %%
import contextlib
import io
import runpy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import steepest as st

plt.rcParams.update(
    {"figure.dpi": 110, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)

# %% [markdown]
# ## The mathematics, once
#
# A formula, data and a start. Names that are columns (`x`, `y`) are data; the others are parameters.

# %%
start = {"a": 0.5, "b": -0.5, "c": 0.25, "d": 0.125}
problem = st.Problem("y ~ a + b*x + c*x**2 + d*x**3", st.sample("sin(x)", x=(-np.pi, np.pi, 2000)), start=start)
problem

# %% [markdown]
# The loss is the mean of the squared errors. Its derivative takes two steps. The square gives $2e_i$. What stands
# beside the parameter gives the rest: $1$ for $a$, $x_i$ for $b$, and so on.

# %%
problem.derivation

# %% [markdown]
# ## Downhill
#
# Each step goes against the gradient. A thousand of them turn a curve that has nothing of a sine into one that
# nearly is one.

# %%
trace = problem.descend(steps=1000)
print(trace.sentence)

# %%
x = np.linspace(-np.pi, np.pi, 400)
steps = [0, 3, 30, 100, 1000]
figure, ax = plt.subplots(figsize=(7, 3.6))
ax.plot(x, np.sin(x), color="black", linestyle=(0, (1, 1.5)), linewidth=2, label="sin x")
for step, shade in zip(steps, plt.cm.viridis_r(np.linspace(0.1, 0.95, len(steps))), strict=True):
    ax.plot(x, problem.predict(trace.theta[step], {"x": x}), color=shade, label=f"step {step:,}")
ax.set(xlabel="x", ylabel="y", ylim=(-2.6, 2.6))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# *The cubic on its way. The steep directions are settled within a few steps; the last of the way takes the most
# of the time.*
#
# How much is left? This model is linear in its parameters, so its best values can be had at once.

# %%
fit = problem.fit()
print(f"after 1,000 steps {trace.loss[-1]:.6f}, at best {fit.loss:.6f}")
fit.plot()

# %% [markdown]
# *The best cubic. $a$ and $c$ are zero, as a sine is odd. What is left over is a wave of its own, which no cubic
# can follow.*
#
# ## One gradient, six ways
#
# The same point, the same data, eight programs. `sympy` goes first: it takes every double as the fraction that it
# is, so its answer has no rounding.

# %%
ENGINES = ["sympy", "numpy", "compiled", "torch", "torch-autograd", "torch-function", "jax", "finite-difference"]
gradients = {}
for engine in ENGINES:
    try:
        gradients[engine] = problem.gradient_at(start, engine).astype(float)
        print(f"{engine:18}", *(f"{slope:15.11f}" for slope in gradients[engine]))
    except st.EngineError as error:
        print(f"{engine:18} left out: {error}")

# %% [markdown]
# Not one digit differs. So let us print more of them: all seventeen that a double has.

# %%
figure, ax = plt.subplots(figsize=(9.5, 0.26 * len(gradients) + 0.5))
characters = 107
font = {"family": "DejaVu Sans Mono", "size": 9.3 * 72 / characters / 0.602, "va": "center"}
exact = [f"{slope: .17g}" for slope in gradients["sympy"]]
for k, name in enumerate(problem.parameters):
    ax.text(21 + 22 * k, 1, f"dL/d{name}", weight="bold", **font)
for row, (engine, found) in enumerate(gradients.items()):
    ax.text(0, -row, engine, **font)
    for k, slope in enumerate(found):
        text = f"{slope: .17g}"
        same = next((j for j, (ours, right) in enumerate(zip(text, exact[k], strict=False)) if ours != right), len(text))
        ax.text(20 + 22 * k, -row, text[:same], color="#8a8a8a", **font)
        ax.text(20 + 22 * k, -row, " " * same + text[same:], color="#c1121f", weight="bold", **font)
ax.set(xlim=(0, characters), ylim=(-len(gradients) + 0.4, 1.6))
ax.axis("off")
plt.show()

# %% [markdown]
# *Red is what differs from the exact value. That is rounding: each program has its own order of adding 2,000 rows.*
#
# ## Is that little enough?
#
# Little is no proof. `check` computes what rounding *can* do to this sum on these data, number by number, and
# compares. Here an engine may not differ by more than that bound, and there is no tolerance that somebody chose.

# %%
agreement = problem.check()
print("All agree." if agreement.ok else agreement.text())
agreement

# %% [markdown]
# Read the column *of the bound*: less than a hundredth of what rounding would excuse. So these are not similar
# numbers, they are one number. Had one engine a wrong formula, even by one part in $10^{10}$, it would stand out.
#
# ## An operation of our own
#
# Now a model that is not linear: $y = a + b\,P_3(c + d\,x)$, with the Legendre polynomial
#
# $$P_3(u) = \tfrac12\,(5u^3 - 3u), \qquad P_3'(u) = \tfrac12\,(15u^2 - 3) = 1 + 5\,P_2(u).$$
#
# `P3` is a word of the language. Its derivative comes with it, and the chain rule does the rest.

# %%
legendre = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", loss="sse", start={"a": 0, "b": -1, "c": 0, "d": 0.3})
print(legendre.derivation.text())

# %%
trace = legendre.descend(lr=5e-6, steps=2000)
print(f"loss {trace.loss[-1]:.6f}, b = {trace.final['b']:.6f}, d = {trace.final['d']:.6f}")
trace.plot()

# %% [markdown]
# *2,000 steps. $b$ and $d$ do all the work; $a$ and $c$ stay where they are, because nothing pulls an odd model
# off an odd function.*
#
# PyTorch calls such a thing an *operation*: a forward that computes, and a backward that hands the slope on. `export`
# writes one, as part of a script that needs PyTorch alone.

# %%
script = trace.export("torch-function")
print(script[script.index("def value") : script.index("total =")].rstrip())

# %% [markdown]
# The script is no illustration. It runs, and it lands where we landed. PyTorch's own examiners, `gradcheck` and
# `gradgradcheck`, ask the operation for its first and second derivatives, and compare them with differences.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "descent.py")
    path.write_text(script)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            ran = runpy.run_path(str(path))
    except ImportError as error:
        ran = None
        print(f"PyTorch is left out: {error}")

# %%
if ran:
    from torch.autograd import gradcheck, gradgradcheck

    print(f"the script: b = {ran['theta'][1]:.6f}, d = {ran['theta'][3]:.6f}")
    print("the same, to 12 digits:", np.allclose(ran["theta"].detach().numpy(), trace.theta[-1], rtol=1e-12, atol=1e-15))
    theta, columns = ran["theta"], [ran["x0"][::400], ran["x1"][::400]]
    for examiner in (gradcheck, gradgradcheck):
        print(f"{examiner.__name__}:", examiner(ran["RowValue"].apply, (theta, *columns)))

# %% [markdown]
# One more thing to enjoy. The best cubic and the best $P_3$ model are two formulas with two sets of parameters.
# Their best losses:

# %%
print(f"cubic: 2,000 rows × {fit.loss:.12f} = {2000 * fit.loss:.9f}")
print(f"P3:    {legendre.fit().loss:.9f}")

# %% [markdown]
# The same curve, found twice: an odd cubic has two free numbers, and both models have them.
#
# ## By hand, and to the doctor
#
# Everybody writes a gradient by hand once. This one is right, and the doctor says so only after it has tried it
# at many points and on many rows.


# %%
def by_hand(theta, columns):
    a, b, c, d = theta
    x, y = columns["x"], columns["y"]
    u = c + d * x
    p = (5 * u**3 - 3 * u) / 2
    slope = (15 * u**2 - 3) / 2
    error = a + b * p - y
    back = 2 * error * b * slope
    return np.array([(2 * error).sum(), (2 * error * p).sum(), back.sum(), (back * x).sum()])


report = st.check_gradient(by_hand, legendre)
print("correct:", report.correct)
report


# %% [markdown]
# Now a slip of the pen. Can you see it?


# %%
def by_tired_hand(theta, columns):
    a, b, c, d = theta
    x, y = columns["x"], columns["y"]
    u = c + d * x
    p = (5 * u**3 - 3 * u) / 2
    slope = 3 * (5 * u**2 - 3) / 2
    error = a + b * p - y
    back = 2 * error * b * slope
    return np.array([(2 * error).sum(), (2 * error * p).sum(), back.sum(), (back * x).sum()])


theta = [0, -1, 0, 0.3]
columns = dict(zip(legendre.columns.names, legendre.columns.arrays, strict=True))
for step in range(101):
    if step in (0, 1, 10, 100):
        print(f"step {step:3}: loss {legendre.loss_at(theta):.3f}")
    theta = theta - 5e-6 * by_tired_hand(theta, columns)

# %% [markdown]
# It climbs, and then it stands still, as a run does that has converged: this "gradient" has a zero of its own. Many
# an hour went by in front of such a curve. The doctor takes less than a second:

# %%
report = st.check_gradient(by_tired_hand, legendre)
print("correct:", report.correct, "| cause:", report.cause, "| the derivation has:", report.node)
report


# %% [markdown]
# The line, what is wrong with it, and a proof: with *that* line repaired, and nothing else, the function is right
# at points and on rows that played no part in finding it. And if you trust nobody, there is a single row to redo
# with a pencil.
#
# The best known slip of all is in many a text: with *truth minus prediction* for an error, the slope of its
# square needs a minus.


# %%
def by_the_book(theta, columns):
    a, b, c, d = theta
    x, truth = columns["x"], columns["y"]
    error = truth - (a + b * x + c * x**2 + d * x**3)
    return np.array([(2 * error * x**k).mean() for k in range(4)])


report = st.check_gradient(by_the_book, problem)
print("correct:", report.correct, "| cause:", report.cause)
report

# %% [markdown]
# ## What stays
#
# - Six ways, one number: the engines differ by rounding, and by nothing else.
# - How far rounding may take them apart is computed, so that a real fault cannot hide in a tolerance.
# - An operation of one's own is a forward and a backward; `export` writes both, and PyTorch's examiners pass them.
# - A gradient by hand is not only called wrong. The line is named, with a proof.
#
# At the terminal:
#
# ```sh
# steepest check "y ~ a + b*P3(c + d*x)" @sine2000 --loss sse
# steepest export "y ~ a + b*P3(c + d*x)" @sine2000 --loss sse --lr 5e-6 --steps 2000 --as torch-function
# steepest doctor "y ~ a + b*P3(c + d*x)" @sine2000 --loss sse mygrad.py:by_hand
# ```
#
# Next: [the ladder](003_the_ladder.ipynb), one descent from pencil to optimizer.
