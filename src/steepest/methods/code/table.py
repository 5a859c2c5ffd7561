"""The methods of the house that are written as code."""

from __future__ import annotations

from steepest.methods.code import (
    barzilai_borwein,
    bfgs,
    conjugate_gradient,
    lbfgs,
    levenberg_marquardt,
    newton,
    polyak,
    proximal,
    steepest,
)
from steepest.methods.code.method import CodeMethod

EACH = "the first trial of every step, 1 unless given"

CODE: dict[str, CodeMethod] = {
    "line-search-exact": CodeMethod(
        steepest.exact, steepest.start, "theta = theta - eta*g, eta = argmin of the loss along -g", source="Cauchy 1847"
    ),
    "line-search-armijo": CodeMethod(
        steepest.armijo,
        steepest.start,
        "theta = theta - eta*g, eta halved until L(theta - eta*g) <= L(theta) - 1e-4*eta*gᵀg",
        source="Armijo 1966",
    ),
    "line-search-wolfe": CodeMethod(
        steepest.strong_wolfe,
        steepest.start,
        "theta = theta - eta*g, as Armijo's, and |slope| <= 0.1*gᵀg at its end",
        source="Wolfe 1969; Hager and Zhang 2005",
    ),
    "barzilai-borwein": CodeMethod(
        barzilai_borwein.step,
        barzilai_borwein.start,
        "theta = theta - eta*g, eta = sᵀs/sᵀy, s and y the last changes of theta and g",
        source="Barzilai and Borwein 1988; Raydan 1997",
    ),
    "polyak": CodeMethod(
        polyak.step,
        polyak.start,
        "theta = theta - eta*g, eta = (L - minimum)/gᵀg",
        source="Polyak 1969",
        lr="the longest step",
        defaults={"minimum": 0.0},
    ),
    "proximal-gradient": CodeMethod(
        proximal.gradient_step,
        proximal.start,
        "theta = soft(theta - eta*g, eta*l1), soft(u, k) = sign(u)*max(|u| - k, 0), g without l1; eta by backtracking",
        source="Daubechies, Defrise and De Mol 2004; Parikh and Boyd 2014",
    ),
    "fista": CodeMethod(
        proximal.fista,
        proximal.start,
        "theta' = soft(v - eta*g(v), eta*l1), v = theta + (t - 1)/t'*(theta - theta before), t' = (1 + sqrt(1 + 4*t**2))/2",
        source="Beck and Teboulle 2009; O'Donoghue and Candès 2015",
    ),
    "conjugate-gradient": CodeMethod(
        conjugate_gradient.step,
        conjugate_gradient.start,
        "d = -g + max(0, gᵀ(g - g')/g'ᵀg')*d,  theta = theta + eta*d, g' the gradient before; eta by strong Wolfe, flatness",
        source="Polak and Ribière 1969; Powell 1984",
        defaults={"flatness": 0.01},
    ),
    "bfgs": CodeMethod(
        bfgs.step,
        bfgs.start,
        "theta = theta - eta*B*g, B = (I - s*yᵀ/sᵀy)*B*(I - y*sᵀ/sᵀy) + s*sᵀ/sᵀy; eta by strong Wolfe, 0.9",
        source="Broyden, Fletcher, Goldfarb and Shanno 1970",
    ),
    "lbfgs": CodeMethod(
        lbfgs.step,
        lbfgs.start,
        "theta = theta - eta*B*g, B that of BFGS from the last `memory` steps; eta by strong Wolfe, 0.9",
        source="Nocedal 1980; Liu and Nocedal 1989",
        defaults={"memory": 10.0},
    ),
    "newton": CodeMethod(
        newton.newton,
        newton.start,
        "theta = theta - eta*H⁻¹*g, H with the absolute values of its eigenvalues where it bends down; eta by Armijo",
        source="Newton 1669; Nocedal and Wright 2006, 3.4",
        lr=EACH,
        needs="hessian",
    ),
    "gauss-newton": CodeMethod(
        newton.gauss_newton,
        newton.start,
        "theta = theta - eta*(JᵀWJ)⁻¹*g, W the second derivative of the loss by yhat; eta by Armijo",
        source="Gauss 1809",
        lr=EACH,
        needs="normal",
    ),
    "levenberg-marquardt": CodeMethod(
        levenberg_marquardt.step,
        levenberg_marquardt.start,
        "theta = theta - (JᵀWJ + diag(JᵀWJ)/eta)⁻¹*g, 1/eta smaller after every step that keeps its promise",
        source="Levenberg 1944; Marquardt 1963; Nielsen 1999",
        lr="the inverse of the first damping, 1000 unless given",
        needs="normal",
    ),
}
