"""An exercise: derive a gradient, fill the blanks, have them checked, and play with the rate. `scripts/notebooks` makes it."""
# ruff: noqa: T201, B018

# %% [markdown]
# # Fill the blanks
#
# Here *you* write the gradient. It is examined as soon as you have; nobody looks over your shoulder, and a wrong
# line is named with its number. After that it is yours to descend with, at any rate you like. You will know what a
# rate does before you take the step.
#
# Begin with a single example: for $x = 10$ the answer should be $y = 2$. The model is a line,
#
# $$\hat y = m\,x + c, \qquad L = \frac{1}{2n}\sum_i (\hat y_i - y_i)^2,$$
#
# and $m$ and $c$ begin anywhere, say at two numbers from a lottery.

# %%
import matplotlib.pyplot as plt
import numpy as np

import steepest as st

plt.rcParams.update(
    {"figure.dpi": 110, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)
BLUE, RED, GREY = "#1b6ca8", "#c1121f", "#b0b0b0"

start = {"m": 0.33669036626815796, "c": 0.12880940735340118}
one = st.Problem("y ~ m*x + c", {"x": [10], "y": [2]}, "half-mse", start=start)
print(f"predicted {one.predict(start)[0]:.4f}, wanted 2; loss {one.loss_at(start):.6f}")

# %% [markdown]
# ## 1 · With a pencil
#
# Call the error $e = \hat y - y$. Then $L = \tfrac12 e^2$, and the rest is the chain rule:
#
# $$\frac{\partial L}{\partial m} = \frac{\partial L}{\partial e}\cdot\frac{\partial e}{\partial m},\qquad
#   \frac{\partial L}{\partial c} = \frac{\partial L}{\partial e}\cdot\frac{\partial e}{\partial c}.$$
#
# Three slopes are missing: how does $L$ change with $e$, how $e$ with $m$, how $e$ with $c$? Write them down before
# you go on.
#
# ## 2 · Your turn
#
# Put your answer in place of the three dots. `theta` holds $m$ and $c$, `columns` the data. Write it so that it will
# do for more than one row: the slope of a mean is the mean of the slopes, `np.mean(...)`.


# %%
def yours(theta, columns):
    m, c = theta
    x, y = columns["x"], columns["y"]
    by_m = ...
    by_c = ...
    return by_m, by_c


st.check_gradient(yours, one)

# %% [markdown]
# Run that cell as often as you like. As long as there are blanks it says which. When they are filled it says
# whether they are right, and if they are not, which line is not.
#
# Here is what somebody else wrote, in a hurry:


# %%
def hurried(theta, columns):
    m, c = theta
    x, y = columns["x"], columns["y"]
    e = m * x + c - y
    by_m = e
    by_c = e
    return np.array([by_m.mean(), by_c.mean()])


report = st.check_gradient(hurried, one)
print("correct:", report.correct)
report

# %% [markdown]
# $\partial e/\partial m$ was forgotten: a change of $m$ moves the prediction $x$ times as much. The doctor names the
# line, says what belongs there, and gives one row to redo with a pencil.
#
# ## 3 · The answer, step by step
#
# Only look when you have tried. Each line names the rule that it uses, and has your numbers put in, from the first
# part to the new $m$ and $c$:

# %%
steps = one.steps(lr=0.01)
steps

# %% [markdown]
# In code:


# %%
def gradient(theta, columns):
    m, c = theta
    x, y = columns["x"], columns["y"]
    e = m * x + c - y
    by_m = e * x
    by_c = e
    return np.array([by_m.mean(), by_c.mean()])


report = st.check_gradient(gradient, one)
print("correct:", report.correct)
report

# %% [markdown]
# One more thing to see in these numbers. $\partial L/\partial m$ is $x = 10$ times $\partial L/\partial c$, at every
# point. So each step moves $m$ ten times as far as $c$, and the descent goes along a straight line. Remember that.

# %%
slopes = one.gradient_at(start)
print(f"dL/dm = {slopes[0]:.6f}, dL/dc = {slopes[1]:.6f}, ratio {slopes[0] / slopes[1]:.6f}")

# %% [markdown]
# ## 4 · Who forgets?
#
# PyTorch has the same slopes without any derivation. But it *adds* them to those that are there already. Ask twice,
# and you get the double; the halves are the single one again.

# %%
try:
    import torch

    x, y = torch.tensor([10.0]), torch.tensor([2.0])
    m, c = (torch.tensor([start[name]], requires_grad=True) for name in ("m", "c"))
    for time in ("once ", "twice"):
        loss = ((m * x + c - y) ** 2 / 2).mean()
        loss.backward()
        print(f"{time}: {m.grad.item():.5f}  {c.grad.item():.5f}")
    print(f"half : {m.grad.item() / 2:.5f}  {c.grad.item() / 2:.5f}")
except ImportError as error:
    print(f"PyTorch is left out: {error}")

# %% [markdown]
# A gradient that never forgets is a fault like any other. Here is one without PyTorch, and the doctor:

# %%
total = np.zeros(2)


def forgets_nothing(theta, columns):
    total[:] = total + gradient(theta, columns)
    return total.copy()


report = st.check_gradient(forgets_nothing, one)
print("cause:", report.cause)
report

# %% [markdown]
# ## 5 · Step, and know before
#
# A *lab* takes the descent in steps. It says what the next one will do **before** you take it.

# %%
lab = one.lab(lr=0.001)
print(lab.predict().sentence)
print(lab.step().say)

# %% [markdown]
# Now play. A new rate is answered at once, with what it would do:

# %%
for rate in (0.005, 0.0099, 0.0198, 0.0199, 0.05):
    print(lab.set_lr(rate).say)

# %% [markdown]
# The border is 2/101. Why? The error after a step is $(1 - 101\,\eta)$ times the error before it, as
# $x^2 + 1 = 101$. Below $2/101$ that factor lies between −1 and 1. At $1/101$ it is zero: one step, and you are there.

# %%
why = one.explain(lr=0.01)
print(f"largest stable rate {why.limit:.12f}, 2/101 = {2 / 101:.12f}")
for rate in (0.001, 0.01, 0.0197, 0.0199, 0.03):
    trace = one.descend(lr=rate, steps=1000)
    print(f"η = {rate:<6}: {trace.verdict:10} after {trace.step[-1]:,} steps, loss {trace.loss[-1]:.2g}")

# %% [markdown]
# You can go back, too. Take ten bad steps, ask why, and undo them:

# %%
lab = one.lab(lr=0.03).step(10)
print(lab.say)
print(lab.why().sentence)
print(lab.back(10).say)
print(lab.set_lr(0.01).step(10).say)

# %% [markdown]
# ## 6 · Found, but what?
#
# The loss is zero. Are these *the* right $m$ and $c$? Start somewhere else, and see:

# %%
starts = [start, {"m": -2, "c": 1}, {"m": 2, "c": -1}, {"m": -1.5, "c": -1.2}, {"m": 1.6, "c": 1}]
ends = [one.with_start(begin).descend(lr=0.002, steps=200) for begin in starts]
for trace in ends:
    print(f"m = {trace.final['m']:+.4f}, c = {trace.final['c']:+.4f}, 10 m + c = {10 * trace.final['m'] + trace.final['c']:.4f}")

# %%
figure, ax = plt.subplots(figsize=(7, 4.4))
line = np.array([0, 0.4])
ax.plot(line, 2 - 10 * line, color=GREY, linewidth=5)
for trace in ends:
    ax.plot(trace["m"], trace["c"], "-", color=BLUE)
    ax.plot(trace["m"][0], trace["c"][0], "o", color=BLUE, markersize=5)
    ax.plot(trace["m"][-1], trace["c"][-1], "o", color=RED, markersize=5)
ax.set(xlabel="m", ylabel="c", xlim=(-2.2, 2.2), ylim=(-1.6, 1.6), aspect="equal")
ax.text(0.15, 1.35, "loss 0:  10 m + c = 2", color="#606060")
plt.show()

# %% [markdown]
# *Five descents, from blue to red. The loss is zero on a whole line. Each path meets it at a right angle: a descent ends
# at the place of the line that is nearest to its start.*
#
# One point cannot fix two numbers. The explanation knows:

# %%
print(next(sentence for sentence in why.sentences if "apart" in sentence))

# %% [markdown]
# ## 7 · From one example to many
#
# Five points on $y = 2x$. What changes? Neither the formula nor a letter of your gradient. It was written with a
# mean, so it is right for any number of rows:

# %%
five = st.Problem("y ~ m*x + c", {"x": [1, 2, 3, 4, 5], "y": [2, 4, 6, 8, 10]}, "half-mse", start=start)
print(st.check_gradient(gradient, five).sentence)
five.formulae()

# %% [markdown]
# What does change is the shape of the valley. There is one minimum now, $m = 2$ and $c = 0$. And the largest stable
# rate is another one, with a square root in it. Had we left the ½ out of the loss, all slopes would double, and the
# limit would halve:

# %%
why = five.explain(lr=0.05)
whole = st.Problem("y ~ m*x + c", "@five-points", "mse").explain(lr=0.05)
print(f"half-mse {why.limit:.12f}, 6 - √34   = {6 - 34**0.5:.12f}")
print(f"mse      {whole.limit:.12f}, 3 - √34/2 = {3 - 34**0.5 / 2:.12f}")
why

# %% [markdown]
# Read the second sentence again: $m$ sets the speed limit, $c$ makes you wait. Now you can say what a step will do
# before you take it, and why the whole descent takes as long as it does.

# %%
lab = five.lab(lr=0.05, until_loss=0.001)
print(lab.predict().sentence)
print(lab.step().say)
print(lab.set_lr(0.2).say)
print(lab.set_lr(0.16).say)
print(lab.step(3).say)
print(lab.back(3).say)
print(lab.set_lr(0.05).step(1000).say)

# %% [markdown]
# We had asked for 1,000 steps. It took 195 in all, and stopped: the loss is below 0.001, which is what `until_loss` had been
# told to be content with. To wait for a loss of exactly 0 is another matter. Whether that ever comes is decided by
# rounding.
#
# The whole descent, in four traces:

# %%
trace = lab.trace
figure, axes = plt.subplots(2, 2, figsize=(9, 5.2), sharex=True)
axes[0, 0].semilogy(trace.step, trace.loss, color=BLUE)
axes[0, 0].axhline(0.001, color=GREY, linewidth=1, zorder=0)
axes[0, 1].plot(trace.step, trace.predictions, color=BLUE)
for y in (2, 4, 6, 8, 10):
    axes[0, 1].axhline(y, color=GREY, linewidth=1, zorder=0)
for ax, name, right in ((axes[1, 0], "m", 2), (axes[1, 1], "c", 0)):
    ax.axhline(right, color=GREY, linewidth=1, zorder=0)
    ax.plot(trace.step, trace[name], color=BLUE)
    ax.set(xlabel="step")
for ax, title in zip(axes.flat, ("loss", "predictions", "m", "c"), strict=True):
    ax.set_title(title, loc="left")
plt.show()

# %% [markdown]
# *Grey is where they should go. $m$ is nearly there after ten steps. Then it waits for $c$, and moves with it: the
# slow direction is $c$ with a little of $m$.*
#
# ## 8 · A slip that does not explode
#
# Somebody copied a line, and forgot to change the last two letters. No error, no overflow:

# %%
columns = {"x": np.arange(1.0, 6), "y": 2 * np.arange(1.0, 6)}
m, c = start.values()
thetas = [(m, c)]
for _ in range(1000):
    by_m, by_c = gradient((m, c), columns)
    m = m - 0.01 * by_m
    c = m - 0.01 * by_m
    thetas.append((m, c))
print(f"m = {m:.6f}, c = {c:.6f}, loss {five.loss_at([m, c]):.6f}")

# %% [markdown]
# It converges, and to a nonsense: $m = c = 11/7$. The gradient is right, so no examiner of gradients will object. The
# second doctor reads the loop, from its numbers alone:

# %%
report = st.check_trajectory(np.array(thetas[:61]), five, lr=0.01)
print("cause:", report.cause)
report

# %% [markdown]
# ## What stays
#
# - A gradient is a chain of small slopes. Write them one under the other, and each can be checked.
# - The rate that will break a descent is known beforehand: $2/101$ for the one point, $6 - \sqrt{34}$ for the five.
# - One example leaves a line of answers. Which one you get is decided by where you began.
# - A descent that converges need not be right.
#
# At the terminal, with Enter for a step, and `?` for all that it understands:
#
# ```sh
# steepest step "y ~ m*x + c" @five-points --loss half-mse --lr 0.05 --until-loss 0.001
# ```
#
# Before: [the ladder](003_the_ladder.ipynb).
