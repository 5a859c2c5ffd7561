# mygrad.py
import numpy as np


def gradient(theta, columns):
    a, b, c, d = theta
    x, y = columns["x"], columns["y"]
    u = c + d * x
    p = (5 * u**3 - 3 * u) / 2
    e = a + b * p - y
    dp = (10 * u**2 - 3) / 2
    n = len(x)
    slope = 2 * e * b * dp / n
    return np.array([2 * e.sum() / n, 2 * (e * p).sum() / n, slope.sum(), (slope * x).sum()])
