"""Gradients written by hand with functions of their own for the model and its derivatives."""

import numpy as np


def legendre(n, u):
    before, value = np.ones_like(u), u
    for k in range(2, n + 1):
        before, value = value, ((2 * k - 1) * u * value - (k - 1) * before) / k
    return value


def legendre_slope(n, u):
    return n * (u * legendre(n, u) - legendre(n - 1, u)) / (u**2 - 1)


def sine(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    u = c + d * x
    p = legendre(3, u)
    e = a + b * p - y
    inner = b * legendre_slope(3, u)
    return 2 * np.array([np.mean(e), np.mean(e * p), np.mean(e * inner), np.mean(e * inner * x)])


def envelope(b, x):
    return np.exp(-b * x)


def phase(w, p, x):
    return w * x + p


def damped(theta, data):
    a, b, w, p, c = theta
    x, y = data["x"], data["y"]
    decay = envelope(b, x)
    angle = phase(w, p, x)
    e = a * decay * np.cos(angle) + c - y
    turn = -a * decay * np.sin(angle)
    rows = [decay * np.cos(angle), -a * x * decay * np.cos(angle), turn * x, turn, np.ones_like(x)]
    return np.array([np.mean(e * row) for row in rows])


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def sigmoid_slope(t):
    h = sigmoid(t)
    return h * (1 - h)


def growth(theta, data):
    a, m, s = theta
    x, y = data["x"], data["y"]
    z = (x - m) / s
    r = 2 * (a * sigmoid(z) - y)
    dz = r * a * sigmoid_slope(z)
    dm = dz * -1 / s
    ds = dz * -(x - m) / s**2
    return np.array([np.mean(r * sigmoid(z)), np.mean(dm), np.mean(ds)])


def linear(theta, x, z):
    a, b, c = theta
    return a + b * x + c * z


def classes(theta, data):
    x, z, y = data["x"], data["z"], data["y"]
    p = sigmoid(linear(theta, x, z))

    def against(column):
        return np.mean((p - y) * column)

    return np.array([against(1), against(x), against(z)])


def bell(x, m, s):
    return np.exp(-((x - m) ** 2) / (2 * s**2))


def bell_slopes(x, m, s):
    g = bell(x, m, s)
    return g * (x - m) / s**2, g * (x - m) ** 2 / s**3


def peak(theta, data):
    a, m, s, b = theta
    x, y = data["x"], data["y"]
    g = bell(x, m, s)
    gm, gs = bell_slopes(x, m, s)
    e = a * g + b - y
    return np.array([np.sum(2 * e * g), np.sum(2 * e * a * gm), np.sum(2 * e * a * gs), np.sum(2 * e)])


def top(theta, x):
    return theta[0] + theta[1] * x


def bottom(theta, x):
    return 1 + theta[2] * x + theta[3] * x**2


def ratio(theta, data):
    x, y = data["x"], data["y"]
    t = top(theta, x)
    q = bottom(theta, x)
    outer = 2 * (t / q - y) / len(y)
    by_top = outer / q
    by_bottom = -outer * t / q**2
    return np.array([np.sum(by_top), np.sum(by_top * x), np.sum(by_bottom * x), np.sum(by_bottom * x**2)])


def log_mean(theta, x, z):
    return theta[0] + theta[1] * np.log(z) + theta[2] * x


def residual(theta, x, z, y):
    return np.exp(log_mean(theta, x, z)) - y


def counts(theta, data):
    x, z, y = data["x"], data["z"], data["y"]
    r = residual(theta, x, z, y)
    return np.array([np.mean(r), np.mean(r * np.log(z)), np.mean(r * x)])


def horner(w, x):
    value = 0 * x
    for k in range(3, -1, -1):
        value = value * x + w[k]
    return value


def cubic(theta, data):
    x, y = data["x"], data["y"]
    e = horner(theta, x) - y
    g = np.zeros(4)
    for k in range(4):
        g[k] = 2 * np.mean(e * x**k)
    return g
