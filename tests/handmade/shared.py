"""Gradients written by hand with what is used twice computed once, under names of the author's own."""

import numpy as np


def sine(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    u = c + d * x
    u2 = u * u
    half = 2.5 * u2
    p = u * (half - 1.5)
    k = 3 * half - 1.5
    r2 = 2 * (a + b * p - y) / y.size
    r2k = r2 * k
    grad_c = b * r2k.sum()
    grad_d = b * (r2k * x).sum()
    return np.array([r2.sum(), (r2 * p).sum(), grad_c, grad_d])


def damped(theta, data):
    a, b, w, p, c = theta
    x, y = data["x"], data["y"]
    env = np.exp(-b * x)
    angle = w * x + p
    ec = env * np.cos(angle)
    es = env * np.sin(angle)
    r = (a * ec + c - y) / len(x)
    rc = r * ec
    ars = a * r * es
    da = rc.sum()
    db = -a * (x * rc).sum()
    dw = -(x * ars).sum()
    dp = -ars.sum()
    return np.array([da, db, dw, dp, r.sum()])


def growth(theta, data):
    a, m, s = theta
    x, y = data["x"], data["y"]
    inv = 1 / s
    z = (x - m) * inv
    h = 1 / (1 + np.exp(-z))
    r = 2 * (a * h - y)
    rh = r * h
    k = a * inv * rh * (1 - h)
    return np.array([rh.mean(), -k.mean(), -(k * z).mean()])


def classes(theta, data):
    a, b, c = theta
    x, z, y = data["x"], data["z"], data["y"]
    n = len(y)
    q = np.exp(-(a + b * x + c * z))
    r = (1 / (1 + q) - y) / n
    rx = r * x
    rz = r * z
    return np.array([r.sum(), rx.sum(), rz.sum()])


def peak(theta, data):
    a, m, s, b = theta
    x, y = data["x"], data["y"]
    d = x - m
    i2 = 1 / s**2
    d2 = d * d * i2
    g = np.exp(-0.5 * d2)
    r = 2 * (a * g + b - y)
    rg = r * g
    k = a * rg * d * i2
    dm = k.sum()
    ds = (k * d).sum() / s
    return np.array([rg.sum(), dm, ds, r.sum()])


def ratio(theta, data):
    a, b, c, d = theta
    x, y = data["x"], data["y"]
    xx = x * x
    q = 1 / (1 + c * x + d * xx)
    f = (a + b * x) * q
    rq = 2 * (f - y) * q / len(y)
    rqx = rq * x
    frqx = f * rqx
    return np.array([rq.sum(), rqx.sum(), -frqx.sum(), -(frqx * x).sum()])


def counts(theta, data):
    a, b, k = theta
    x, z, y = data["x"], data["z"], data["y"]
    lz = np.log(z)
    n = len(y)
    r = (np.exp(a + b * lz + k * x) - y) / n
    rl = r * lz
    rx = r * x
    return np.array([r.sum(), rl.sum(), rx.sum()])


def cubic(theta, data):
    w0, w1, w2, w3 = theta
    x, y = data["x"], data["y"]
    x2 = x * x
    x3 = x2 * x
    r = 2 * (w0 + w1 * x + w2 * x2 + w3 * x3 - y) / len(y)
    rx = r * x
    rx2 = rx * x
    return np.array([r.sum(), rx.sum(), rx2.sum(), (r * x3).sum()])
