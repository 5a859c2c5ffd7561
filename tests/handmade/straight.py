"""Gradients written by hand, one value a line, as in a first course."""

import numpy as np


def sine(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    n = len(y)
    u = c + d * x
    p = (5 * u**3 - 3 * u) / 2
    slope = (15 * u**2 - 3) / 2
    e = a + b * p - y
    da = 2 * np.sum(e) / n
    db = 2 * np.sum(e * p) / n
    dc = 2 * np.sum(e * b * slope) / n
    dd = 2 * np.sum(e * b * slope * x) / n
    return np.array([da, db, dc, dd])


def damped(theta, data):
    a, b, w, p, c = theta
    x, y = data["x"], data["y"]
    decay = np.exp(-b * x)
    wave = np.cos(w * x + p)
    yhat = a * decay * wave + c
    e = yhat - y
    da = np.mean(e * decay * wave)
    db = np.mean(e * a * -x * decay * wave)
    dw = np.mean(e * a * decay * -np.sin(w * x + p) * x)
    dp = np.mean(e * a * decay * -np.sin(w * x + p))
    dc = np.mean(e)
    return np.array([da, db, dw, dp, dc])


def growth(theta, data):
    a, m, s = theta
    x, y = data["x"], data["y"]
    z = (x - m) / s
    q = np.exp(-z)
    yhat = a / (1 + q)
    e = yhat - y
    dz = a * q / (1 + q) ** 2
    da = np.mean(2 * e / (1 + q))
    dm = np.mean(2 * e * dz * -1 / s)
    ds = np.mean(2 * e * dz * -z / s)
    return np.array([da, dm, ds])


def classes(theta, data):
    a, b, c = theta
    x, z, y = data["x"], data["z"], data["y"]
    score = a + b * x + c * z
    p = 1 / (1 + np.exp(-score))
    e = p - y
    da = np.mean(e)
    db = np.mean(e * x)
    dc = np.mean(e * z)
    return np.array([da, db, dc])


def peak(theta, data):
    a, m, s, b = theta
    x, y = data["x"], data["y"]
    t = (x - m) / s
    g = np.exp(-(t**2) / 2)
    e = a * g + b - y
    da = np.sum(2 * e * g)
    dm = np.sum(2 * e * a * g * t / s)
    ds = np.sum(2 * e * a * g * t**2 / s)
    db = np.sum(2 * e)
    return np.array([da, dm, ds, db])


def ratio(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    top = a + b * x
    bottom = 1 + c * x + d * x**2
    e = top / bottom - y
    da = 2 * np.mean(e / bottom)
    db = 2 * np.mean(e * x / bottom)
    dc = -2 * np.mean(e * top * x / bottom**2)
    dd = -2 * np.mean(e * top * x**2 / bottom**2)
    return np.array([da, db, dc, dd])


def counts(theta, data):
    a, b, k = theta
    x, z, y = data["x"], data["z"], data["y"]
    log_mean = a + b * np.log(z) + k * x
    mean = np.exp(log_mean)
    e = mean - y
    da = np.mean(e)
    db = np.mean(e * np.log(z))
    dk = np.mean(e * x)
    return np.array([da, db, dk])


def cubic(theta, data):
    w0, w1, w2, w3 = theta
    x, y = data["x"], data["y"]
    yhat = w0 + w1 * x + w2 * x**2 + w3 * x**3
    e = yhat - y
    g0 = 2 * np.mean(e)
    g1 = 2 * np.mean(e * x)
    g2 = 2 * np.mean(e * x**2)
    g3 = 2 * np.mean(e * x**3)
    return np.array([g0, g1, g2, g3])
