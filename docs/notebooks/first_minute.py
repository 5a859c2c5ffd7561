"""A fit, a descent and its pictures. `scripts/notebooks` makes the notebook from it."""
# ruff: noqa: T201, B018

# %% [markdown]
# # The first minute
#
# A formula, a loss and data make a *problem*. From it come the derivation, the descent, the fit and the pictures.
# Run the cells in order; nothing is downloaded.

# %% [markdown]
# ## Fit real data
#
# `@chwirut1` is one of NIST's reference data sets (an ultrasonic measurement, 214 rows) and comes with its
# official start. Names that are columns are data, all other names are parameters.

# %%
from fractions import Fraction

import steepest as st

fit = st.fit("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1")
fit

# %%
print(fit.summary())

# %%
fit.plot()

# %% [markdown]
# ## Look at the derivative
#
# The formula is differentiated node by node, once, whatever the number of rows. $P_3$ stays $P_3$ (a Legendre
# polynomial), and its derivative has a name.

# %%
problem = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000")
problem.derivation

# %%
print(problem.derivation.text())

# %% [markdown]
# ## Descend, and keep every step
#
# The rate `"auto"` is the inverse of the largest curvature at the start, halved whenever a step would raise the
# loss.

# %%
trace = problem.descend(steps=5000)
print(trace.sentence)
print(trace.recipe["lr_why"])
trace.plot()

# %% [markdown]
# The trace is arrays: one row for each point at which a step was taken, and the last point.

# %%
trace.to_pandas().tail(3)

# %% [markdown]
# ## Three rates
#
# The same problem, the same start. The largest rate is too large: the run ends by itself, keeps its last finite
# state, and says why.

# %%
instances = st.Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances")
for lr in (0.01, 0.2, 1):
    print(f"lr {lr}: {instances.descend(lr=lr, steps=2000).sentence}")

# %% [markdown]
# ## Exactly
#
# Three rows and three parameters can be followed in rational numbers, without any rounding. The loss with all
# rows put in is a polynomial:

# %%
instances.loss_expression().expand()

# %%
exact = instances.descend(lr=Fraction(1, 10), steps=5, engine="sympy")
for step, loss in zip(exact.step, exact.loss, strict=True):
    print(step, loss)

# %% [markdown]
# ## The same numbers from every engine
#
# The engines run the same derivation, so they differ in their rounding and in nothing else.

# %%
theta = {"a": 0.1, "b": -1.2, "c": 0.2, "d": 0.3}
for engine in ("numpy", "compiled"):
    print(engine, problem.gradient_at(theta, engine=engine))
