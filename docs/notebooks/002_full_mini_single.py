"""Full, mini-batch and single-sample descent on forty points. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201

# %% [markdown]
# # All rows, some rows, one row
#
# A step of gradient descent needs a gradient. It may come from all rows of the data, from a few, or from a single
# one. One pass over the data, an *epoch*, is then one step, or many. What is gained, and what is lost?
#
# The data are forty noisy points on a line; the model has two parameters, so that everything can be seen.

# %%
import matplotlib.pyplot as plt
import numpy as np

import steepest as st

plt.rcParams.update(
    {"figure.dpi": 110, "figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False}
)
random = np.random.RandomState(45)
x = random.uniform(-1, 1, 40)
y = 3 * x + 4 + random.randn(40)
problem = st.Problem("y ~ a + b*x", {"x": x, "y": y}, start={"a": 0, "b": 0})
best = problem.fit()
print(f"the minimum: a = {best.parameters['a']:.6f}, b = {best.parameters['b']:.6f}, loss {best.loss:.6f}")

# %% [markdown]
# ## Many small gradients make the large one
#
# The loss is a mean over the rows, so its gradient is the mean of the gradients of the single rows. `check` looks
# at that, at the point (1, 0), and at how far the single ones spread around their mean.

# %%
at = {"a": 1, "b": 0}
singles = [st.Problem("y ~ a + b*x", {"x": [x[i]], "y": [y[i]]}, start=at).gradient_at(at) for i in range(len(x))]
print("all rows  ", problem.gradient_at(at))
print("mean of 40", np.mean(singles, axis=0))
print("spread    ", np.std(singles, axis=0))

# %% [markdown]
# The spread is as large as the gradient itself. A single row points *somewhere near* downhill, no more.
#
# ## The same fifteen epochs, three ways
#
# The rate is 0.01 in each. In every epoch the rows are put in a new order, drawn from a seed, so a run can be
# repeated.

# %%
runs = {
    name: problem.descend(lr=0.01, batch=batch, epochs=15)
    for name, batch in {"all 40 rows": "full", "2 rows": 2, "1 row": 1}.items()
}
for name, trace in runs.items():
    a, b = trace.theta[-1]
    print(f"{name:12} {trace.step[-1]:4} steps: a = {a:.6f}, b = {b:.6f}, loss of all rows {trace.full_loss[-1]:.6f}")

# %% [markdown]
# Fifteen passes over the same data. With all rows that is fifteen steps, and the descent has hardly begun. With
# one row a step it is six hundred steps, and the descent is as good as done.

# %%
surface = problem.surface(("a", "b"), ranges={"a": (-0.4, 5.4), "b": (-0.6, 3.6)})
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
for ax, (name, trace) in zip(axes, runs.items(), strict=True):
    surface.draw(ax, trace).plot(*best.parameters.values(), marker="+", color="#b42318", markersize=10)
    ax.set_title(f"{name}, {trace.step[-1]} steps")
plt.show()

# %% [markdown]
# *Curves of equal loss, the way of each descent in fifteen epochs, and the minimum (+). All rows: straight, and
# slow. Few rows: crooked, and there.*
#
# ## How many steps to within 0.001 of the minimum?
#
# `until_gap` stops a descent when its loss is so close. On batches the loss of all rows must be asked for; here
# at every step.

# %%
print("all rows:", problem.descend(lr=0.01, until_gap=0.001, steps=10_000).step[-1], "steps")
for batch in (2, 1):
    steps = [
        problem.descend(lr=0.01, batch=batch, seed=seed, full_loss=1, until_gap=0.001, steps=10_000).step[-1] for seed in range(10)
    ]
    print(f"{batch} of 40:  {np.mean(steps)} steps in the mean of ten orders, {np.mean(steps) * batch / 40:.1f} epochs")

# %% [markdown]
# The number of *steps* is nearly the same in all three. But a step on one row costs a fortieth of a step on all
# rows. That is the whole case for small batches.
#
# ## The price
#
# Near the minimum the gradient of all rows goes to zero. Those of the single rows do not: each still pulls to its
# own point. The descent never comes to rest; it hovers. The larger the rate, the wider.

# %%
print("mean loss above the minimum, epochs 200 to 400")
floors = {}
for batch in ("full", 2, 1):
    for rate in (0.01, 0.1):
        trace = problem.descend(lr=rate, batch=batch, epochs=400, full_loss=1)
        floors[batch, rate] = trace
        hover = np.mean(trace.full_loss[trace.epoch >= 200]) - best.loss
        print(f"batch {batch!s:4}  rate {rate:<4}  {hover:.3g}")

# %%
figure, ax = plt.subplots(figsize=(7, 3.4))
for (batch, rate), trace in floors.items():
    if rate == 0.1:
        whole = trace.epoch % 1 == 0
        name = "all rows" if batch == "full" else f"batch {batch}"
        ax.semilogy(trace.epoch[whole], trace.full_loss[whole] - best.loss, linewidth=0.9, label=name)
ax.set(xlabel="epoch", ylabel="loss above the minimum", xlim=(0, 400), ylim=(1e-13, 50), title="rate 0.1")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# *All rows go down to the last digit. Batches come down faster, and stay where their noise holds them.*
#
# ## The way out: a rate that shrinks
#
# A schedule multiplies the rate at step t. It is an expression in t, or one of the names that `steepest methods`
# lists. Many steps at a rate that goes to zero take the noise away, and the speed of the beginning is kept.

# %%
for schedule in ("constant", "cosine", "1/(1 + t/200)"):
    trace = problem.descend(lr=0.1, batch=1, epochs=100, schedule=schedule)
    print(f"{schedule:14} loss above the minimum {trace.full_loss[-1] - best.loss:.2e}")
