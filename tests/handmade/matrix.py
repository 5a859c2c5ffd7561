"""Gradients written by hand with a Jacobian or design matrix and one product with the residuals."""

import numpy as np


def sine(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    u = c + d * x
    p = 0.5 * (5 * u**3 - 3 * u)
    slope = 0.5 * (15 * u**2 - 3)
    J = np.column_stack([np.ones_like(x), p, b * slope, b * slope * x])
    r = a + b * p - y
    return 2 * J.T @ r / len(y)


def damped(theta, data):
    a, b, w, p, c = theta
    x, y = data["x"], data["y"]
    J = np.empty((len(x), 5))
    J[:, 0] = np.exp(-b * x) * np.cos(w * x + p)
    J[:, 1] = -a * x * J[:, 0]
    J[:, 3] = -a * np.exp(-b * x) * np.sin(w * x + p)
    J[:, 2] = x * J[:, 3]
    J[:, 4] = 1
    r = a * J[:, 0] + c - y
    return J.T @ r / len(y)


def growth(theta, data):
    a, m, s = theta
    x, y = data["x"], data["y"]
    z = (x - m) / s
    h = 1 / (1 + np.exp(-z))
    slope = a * h * (1 - h) / s
    J = np.stack([h, -slope, -slope * z])
    r = a * h - y
    g = J @ r
    return 2 / len(y) * g


def classes(theta, data):
    x, z, y = data["x"], data["z"], data["y"]
    X = np.column_stack([np.ones(len(x)), x, z])
    score = X @ theta
    p = 1 / (1 + np.exp(-score))
    return X.T @ (p - y) / len(y)


def peak(theta, data):
    a, m, s, b = theta
    x, y = data["x"], data["y"]
    t = (x - m) / s
    g = np.exp(-0.5 * t**2)
    shape = np.vstack([g, a * g * t / s, a * g * t**2 / s, np.ones_like(g)])
    r = a * g + b - y
    return 2 * np.dot(shape, r)


def ratio(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    T = np.stack([np.ones_like(x), x], axis=1)
    B = np.stack([x, x**2], axis=1)
    top = T @ np.array([a, b])
    bottom = 1 + B @ np.array([c, d])
    f = top / bottom
    r = 2 * (f - y) / bottom
    left = T.T @ r
    right = B.T @ (-f * r)
    return np.concatenate([left, right]) / len(y)


def counts(theta, data):
    x, z, y = data["x"], data["z"], data["y"]
    X = np.column_stack([np.ones_like(x), np.log(z), x])
    mean = np.exp(X @ theta)
    r = mean - y
    g = X.T @ r
    return g / len(y)


def cubic(theta, data):
    x, y = data["x"], data["y"]
    X = x[:, None] ** np.arange(4)
    r = X @ theta - y
    g = 2 * X.T @ r
    return g / len(y)
