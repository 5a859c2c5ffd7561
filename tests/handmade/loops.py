"""Gradients written by hand row by row, in plain Python."""

import math

import numpy as np


def sine(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    g = np.zeros(4)
    for i in range(len(y)):
        u = c + d * x[i]
        p = (5 * u**3 - 3 * u) / 2
        slope = (15 * u**2 - 3) / 2
        e = a + b * p - y[i]
        g[0] += 2 * e
        g[1] += 2 * e * p
        g[2] += 2 * e * b * slope
        g[3] += 2 * e * b * slope * x[i]
    return g / len(y)


def damped(theta, data):
    a, b, w, p, c = theta
    n = len(data["y"])
    da = db = dw = dp = dc = 0.0
    for x, y in zip(data["x"], data["y"], strict=True):
        decay = math.exp(-b * x)
        cosine = math.cos(w * x + p)
        sine = math.sin(w * x + p)
        e = a * decay * cosine + c - y
        da += e * decay * cosine
        db -= e * a * x * decay * cosine
        dw -= e * a * x * decay * sine
        dp -= e * a * decay * sine
        dc += e
    return np.array([da / n, db / n, dw / n, dp / n, dc / n])


def growth(theta, data):
    a, m, s = theta
    total = [0.0, 0.0, 0.0]
    n = len(data["y"])
    for x, y in zip(data["x"], data["y"], strict=True):
        z = (x - m) / s
        h = 1 / (1 + math.exp(-z))
        e = 2 * (a * h - y) / n
        slope = a * h * (1 - h)
        total[0] += e * h
        total[1] -= e * slope / s
        total[2] -= e * slope * z / s
    return np.array(total)


def classes(theta, data):
    a, b, c = theta
    x, z, y = data["x"], data["z"], data["y"]
    n = len(y)
    g = np.zeros(3)
    for i in range(n):
        score = a + b * x[i] + c * z[i]
        p = 1 / (1 + math.exp(-score))
        e = (p - y[i]) / n
        g[0] = g[0] + e
        g[1] = g[1] + e * x[i]
        g[2] = g[2] + e * z[i]
    return g


def peak(theta, data):
    a, m, s, b = theta
    da, dm, ds, db = 0.0, 0.0, 0.0, 0.0
    for x, y in zip(data["x"], data["y"], strict=True):
        t = (x - m) / s
        g = math.exp(-t * t / 2)
        e = 2 * (a * g + b - y)
        da += e * g
        k = e * a * g * t / s
        dm += k
        ds += k * t
        db += e
    return np.array([da, dm, ds, db])


def ratio(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    rows = []
    for i in range(len(y)):
        top = a + b * x[i]
        bottom = 1 + c * x[i] + d * x[i] ** 2
        e = 2 * (top / bottom - y[i])
        ga = e / bottom
        gc = -ga * top / bottom * x[i]
        rows.append([ga, ga * x[i], gc, gc * x[i]])
    return np.mean(rows, axis=0)


def counts(theta, data):
    a, b, k = theta
    da, db, dk = 0.0, 0.0, 0.0
    n = 0
    for x, z, y in zip(data["x"], data["z"], data["y"], strict=True):
        mean = math.exp(a + b * math.log(z) + k * x)
        e = mean - y
        da += e
        db += e * math.log(z)
        dk += e * x
        n += 1
    return np.array([da, db, dk]) / n


def cubic(theta, data):
    x, y = data["x"], data["y"]
    n = len(y)
    g = np.zeros(4)
    for i in range(n):
        yhat = 0.0
        for k in range(4):
            yhat += theta[k] * x[i] ** k
        e = yhat - y[i]
        for k in range(4):
            g[k] += 2 * e * x[i] ** k
    return g / n
