"""One descent in exact fractions, then with PyTorch, and why it blows up. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201, B018

# %% [markdown]
# # Three steps in fractions
#
# Three points, three parameters. That is little enough to do *everything* exactly: the loss, its derivatives, each
# step of the descent. Not one digit is rounded, so whatever goes wrong is not the computer's fault.
#
# And something does go wrong. We will know before it happens.
#
# *A plain CPU will do. Where PyTorch is not installed, a line says so and the rest goes on.*

# %%
import warnings
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import sympy

import steepest as st
from steepest.show.rates import plot_directions, plot_ray

plt.rcParams.update(
    {"figure.dpi": 110, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)

# %% [markdown]
# ## All the mathematics in one call
#
# Two predictors, $x_1$ and $x_2$. A plane $H$ shall meet the target $H_0$ in three points. The loss $J$ is the mean
# of the squared errors. The descent starts with all three parameters at ½.

# %%
problem = st.Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances")
print(*problem.columns.names, sep="\t")
for row in zip(*problem.columns.arrays, strict=True):
    print(*(f"{value:g}" for value in row), sep="\t")
problem.formulae()

# %% [markdown]
# (1) is what you wrote. (2) has the three rows put in. (3) to (5) are its slopes, multiplied out: three straight
# formulae in the three parameters. There is no decimal point in them, and that is no luck: 0.5 *is* ½ in a computer.
#
# ## Three steps
#
# A step takes $\eta$ times the slope away from each parameter. The engine `sympy` does it in fractions. Let us be
# bold, $\eta = 1$:

# %%
bold = problem.descend(lr=1, steps=3, engine="sympy")


def table(trace):
    for step, theta, loss, slope in zip(trace.step, trace.theta, trace.loss, trace.gradient, strict=True):
        print(f"step {step}: theta = ({', '.join(map(str, theta))})")
        print(f"        loss  = {loss} ≈ {float(loss):.6g},  gradient = ({', '.join(map(str, slope))})")


table(bold)

# %% [markdown]
# The loss *grows*: from about ½ to 9, to 200, to 4,000. All slopes are right, and each step does go downhill. It
# goes so far that it lands higher on the other side. With a tenth of the rate all is well:

# %%
table(problem.descend(lr=Fraction(1, 10), steps=3, engine="sympy"))

# %% [markdown]
# ## The border between the two
#
# Somewhere between 0.1 and 1 there must be a border. It can be *computed*, and one need not take a step for it. Along
# a direction in which the loss bends with the curvature $\lambda$, a step multiplies the error by $1 - \eta\lambda$.
# That shrinks it as long as
#
# $$-1 < 1 - \eta\lambda < 1, \qquad\text{that is}\qquad \eta < \frac{2}{\lambda}.$$
#
# So the strongest curvature sets the border. The curvatures are the eigenvalues of the matrix of second derivatives,
# and here they are the roots of a cubic:

# %%
hessian = sympy.hessian(problem.loss_expression(), sympy.symbols(problem.parameters))
curvature = hessian.charpoly("lambda").as_expr()
sympy.Eq(curvature, 0)

# %%
roots = sympy.real_roots(curvature)
print("curvatures:", *(root.evalf(10) for root in roots))
print("largest stable rate, 2/λmax =", (2 / roots[-1]).evalf(16))

# %% [markdown]
# Nobody wants to do that by hand for each problem. `explain` does it for any formula, any data and any method:

# %%
why = problem.explain(lr=1)
print(why.sentence)
print(f"to all digits that a double has: {why.limit:.15f}")

# %% [markdown]
# How sharp is that border? We walk a hundred thousandth below it, and a hundred thousandth above.

# %%
figure, ax = plt.subplots(figsize=(7, 3.8))
rates = {
    "η = 1": (1, "#c1121f"),
    "1.00001 × limit": (1.00001 * why.limit, "#e07a5f"),
    "0.99999 × limit": (0.99999 * why.limit, "#6c8ebf"),
    "η = 0.1": (0.1, "#1b6ca8"),
    "the best rate": (why.best_rate, "#2a9d8f"),
}
for name, (rate, colour) in rates.items():
    trace = problem.descend(lr=rate, steps=200_000, until_loss=1e-12)
    ax.plot(trace.step[1:], trace.loss[1:], color=colour, label=name)
ax.set(xscale="log", yscale="log", xlabel="step", ylabel="loss", ylim=(1e-12, 1e8))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# *Two descents that differ by a fiftieth of a thousandth in their rate go together for ten thousand steps, and then
# part for ever. Near the border a descent does not get faster, it gets slower: the best rate lies below.*
#
# ## Why did it blow up?
#
# A finished run can be asked as well. The answer has the run's own numbers, and a rate to try instead:

# %%
trace = problem.descend(lr=1, steps=50)
print(trace.verdict)
trace.why()

# %% [markdown]
# Four words describe all that a descent can do: it `converges`, it `cycles`, it `wanders`, or it `blows-up`. On a loss
# like this one, a bowl, there is nothing between converging and blowing up.
#
# Which direction is guilty, and who makes you wait?

# %%
why = problem.explain(lr=why.best_rate)
figure, axes = plt.subplots(2, 1, figsize=(7, 6.4))
plot_ray(why, axes[0])
plot_directions(why, axes[1])
plt.show()

# %% [markdown]
# *Above: what a single step does, for each rate. Below: the three directions of the bowl. The steep one sets the
# limit, the flat one makes you wait, and the ratio of their curvatures, 39.5, is the condition number. At the best
# rate both take the same time.*
#
# So the waiting time is known too. How many steps until the loss is below a millionth?

# %%
for rate in (0.01, 0.1, why.best_rate):
    told = problem.explain(lr=rate).steps_to(1e-6)
    taken = problem.descend(lr=rate, steps=10_000, until_loss=1e-6).step[-1]
    print(f"η = {rate:.4f}: foretold {told:,.0f}, taken {taken:,}")

# %% [markdown]
# ## The same with PyTorch
#
# Now the way in which it is done every day: tensors, 32 bits, and the slopes by `backward`. Four lines make a step.


# %%
try:
    import torch
except ImportError as error:
    torch = None
    print(f"PyTorch is left out: {error}")

if torch:
    X = torch.tensor([[1, 0.5, 1], [1, 1, 0], [1, 2, 0.5]])
    Y = torch.tensor([1.0, 0.0, 1.0])
    W = torch.full((3,), 0.5, requires_grad=True)

    def short(tensor):
        return ", ".join(f"{number:.6g}" for number in tensor.tolist())

    def step(eta):
        loss = torch.square(X @ W - Y).mean()
        loss.backward()
        with torch.no_grad():
            W.sub_(eta * W.grad)  # W stays the tensor that it is,
        print(f"loss {loss.item():.6g}, gradient {short(W.grad)}, then W = {short(W)}")
        W.grad = None  # and forgets

    for _ in range(3):
        step(eta=1)

# %% [markdown]
# The same three steps, to six digits; 32 bits have about seven. Two lines of the four are easily got wrong:
#
# - `W = W - eta * W.grad` makes a *new* tensor, the result of a subtraction. It works once. The next `backward` leaves
#   the slope at the old tensor, where nobody looks.
# - Without `W.grad = None` each slope is added to the one before.

# %%
if torch:
    V = torch.full((3,), 0.5, requires_grad=True)
    try:
        for _ in range(2):
            torch.square(X @ V - Y).mean().backward()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch warns that V is no leaf
                V = V - 1 * V.grad
    except TypeError as error:
        print("the second step:", error)

# %% [markdown]
# In `steepest` the library is a word. What changes is who computes, and in how many bits:

# %%
for engine in ("torch", "torch-autograd"):
    try:
        single = problem.descend(lr=1, steps=3, engine=engine, dtype="float32")
        print(f"{engine:14}", *(f"{loss:.6g}" for loss in single.loss))
    except st.EngineError as error:
        print(f"{engine:14} left out: {error}")
print("exact         ", *(f"{float(loss):.6g}" for loss in bold.loss))
print("13/24 is", float(np.float32(13 / 24)), "in 32 bits,", 13 / 24, "in 64")

# %% [markdown]
# And are all of them right? `check` computes how far rounding *can* take each of them from the truth, and looks.

# %%
agreement = problem.check()
print("All agree." if agreement.ok else agreement.text())
agreement

# %% [markdown]
# ## What stays
#
# - A problem can be put down exactly. Then an exploding loss is a fact about the problem, and no bug.
# - The border is $2/\lambda_{\max}$. It is known before the first step, and the waiting time is too.
# - PyTorch takes the same steps, in fewer digits. `W` must stay the tensor that it is, and must forget.
#
# At the terminal:
#
# ```sh
# steepest explain "H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2" @instances --lr 1
# steepest step "H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2" @instances --lr 0.1
# ```
#
# Next: [one sine, six ways](001_one_sine_six_ways.ipynb).
