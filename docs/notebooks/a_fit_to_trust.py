"""Errors, bounds, ties, several runs, and fits that say that they failed. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201

# %% [markdown]
# # A fit to trust
#
# A fit is more than its parameters: how well they are known, what was decided on the way, and whether the answer may be
# believed. Everything here is one formula, some data, and words for what you know about them.

# %%
import numpy as np

import steepest as st

rng = np.random.default_rng(4)
t = np.linspace(0, 6, 40)
data = {"t": t, "y": 5 * np.exp(-0.9 * t) + 1.2 + 0.15 * rng.normal(size=40), "s": np.full(40, 0.15)}

fit = st.fit("y ~ a*exp(-k*t) + c", data, start={"a": 1, "k": 1, "c": 0})
print(fit.summary())

# %% [markdown]
# "Converged" was verified: the gradient is zero to rounding, and the loss rises on both sides of every parameter, the others
# following. The residuals are looked at, too:

# %%
for test in ("runs", "shapiro", "leverage"):
    print(fit.tests[test].sentence)

# %% [markdown]
# ## Errors that you know
#
# The standard errors above come from the scatter of the residuals. If the errors of the measurements are known, say so with
# `sigma=`: then χ² judges the model, and the errors of the parameters follow from `sigma` alone.

# %%
known = st.fit("y ~ a*exp(-k*t) + c", data, sigma="s", start={"a": 1, "k": 1, "c": 0})
print(f"chi-squared {known.chi_squared:.1f} on {known.dof} degrees of freedom")
print({name: (round(fit.std_errors[name], 4), round(known.std_errors[name], 4)) for name in known.parameters})

# %% [markdown]
# ## Intervals and bands
#
# An interval from the standard error is symmetric. The profile holds one parameter, fits the others again, and asks where the
# sum of squares has risen too far: where the model is curved, the two differ.

# %%
print(fit.intervals(kind="t"))
print()
print(fit.intervals(kind="profile"))

# %%
fit.plot(band=0.95)

# %% [markdown]
# What follows from the parameters has an error as well, by the exact gradient of the expression:

# %%
half = fit.quantity("log(2)/k")
print(f"half-life {half.value:.4f} ± {half.std_error:.4f}")

# %% [markdown]
# ## What else you know: bounds and ties
#
# A bound that the data press against is reached exactly, and said; the parameter has no standard error there. A tie stands in
# the formula, so that its derivative is exact.

# %%
start = {"a": {"value": 2, "min": 0}, "k": {"value": 0.5, "max": 0.8}, "c": "a/4"}
print(st.fit("y ~ a*exp(-k*t) + c", data, sigma="s", start=start).summary())

# %% [markdown]
# ## Several runs, one rate
#
# Two runs with amplitudes of their own share the rate and the offset. It is still one plain formula, so every engine, method and
# picture works on it.

# %%
runs = {
    "t": np.tile(t, 2),
    "run": np.repeat(["cold", "hot"], 40),
    "y": np.concatenate([2 * np.exp(-0.9 * t), 5 * np.exp(-0.9 * t)]) + 1.2 + 0.1 * rng.normal(size=80),
}
both = st.fit("y ~ a*exp(-k*t) + c", runs, own={"a": "run"}, start={"a": 1, "k": 1, "c": 0})
print(both.summary())

# %%
both.plot()

# %% [markdown]
# ## Outliers
#
# A few bad rows pull a least-squares fit; a robust loss does not follow them. Its scale is in the units of the response: an
# error beyond it counts less.

# %%
spoilt = dict(data, y=data["y"] + np.where(np.arange(40) % 9 == 4, 3.0, 0.0))
for loss in ("mse", "huber(0.2)", "cauchy(0.2)"):
    found = st.fit("y ~ a*exp(-k*t) + c", spoilt, loss, start={"a": 1, "k": 1, "c": 0})
    print(f"{loss:12s}", {name: round(value, 3) for name, value in found.parameters.items()})

# %% [markdown]
# ## Fits that say that they failed
#
# What the data cannot tell is not guessed, and a start in the wrong valley is found out by others.

# %%
print(st.fit("y ~ a*b*exp(-k*t) + c", data, start={"a": 1, "b": 1, "k": 1, "c": 0}).reason)

# %%
wave = {"x": t, "y": 2 * np.sin(2.5 * t + 0.3) + 0.1 * rng.normal(size=40)}
problem = st.Problem("y ~ a*sin(f*x + p)", wave, start={"a": 1, "f": 5, "p": 0})
print(problem.fit().outcome, round(problem.fit().loss, 3))
print(problem.fit(starts=20).reason)

# %% [markdown]
# ## Take it with you
#
# `fit.save("fit.json")` and `st.load("fit.json")` need no data; `export` writes the fitted model for others.

# %%
print(known.export("latex"))
