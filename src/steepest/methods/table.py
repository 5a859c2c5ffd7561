"""The methods of the house that are written as equations, in the conventions of torch.optim where that has them."""

from __future__ import annotations

from steepest.methods.equations import Method

ADAM = {"beta1": "0.9", "beta2": "0.999", "eps": "1e-8"}
MOMENTS = "m = beta1*m + (1 - beta1)*g;  s = beta2*s + (1 - beta2)*g**2;  "
ADAM_STEP = "theta = theta - eta*(m/(1 - beta1**t))/(sqrt(s/(1 - beta2**t)) + eps)"

EQUATIONS: dict[str, Method] = {
    "gd": Method("theta = theta - eta*g", source="Cauchy 1847"),
    "momentum": Method(
        "v = mu*v + g;  theta = theta - eta*v", state="v = 0", defaults={"mu": "0.9"}, source="Polyak 1964; torch.optim.SGD"
    ),
    "averaged-momentum": Method(
        "v = mu*v + (1 - mu)*g;  theta = theta - eta*v",
        state="v = 0",
        defaults={"mu": "0.9"},
        source="Polyak 1964, with an averaged gradient",
    ),
    "nesterov": Method(
        "v = mu*v + g;  theta = theta - eta*(g + mu*v)",
        state="v = 0",
        defaults={"mu": "0.9"},
        source="Nesterov 1983; Sutskever et al. 2013; torch.optim.SGD(nesterov=True)",
    ),
    "adagrad": Method(
        "s = s + g**2;  theta = theta - eta*g/(sqrt(s) + eps)",
        state="s = 0",
        defaults={"eps": "1e-10"},
        freeze={"s": 1},
        usual=0.01,
        source="Duchi, Hazan and Singer 2011; torch.optim.Adagrad",
    ),
    "rmsprop": Method(
        "s = alpha*s + (1 - alpha)*g**2;  theta = theta - eta*g/(sqrt(s) + eps)",
        state="s = 0",
        defaults={"alpha": "0.99", "eps": "1e-8"},
        freeze={"s": 1},
        usual=0.01,
        source="Tieleman and Hinton 2012; torch.optim.RMSprop",
    ),
    "adadelta": Method(
        "s = rho*s + (1 - rho)*g**2;  d = sqrt(u + eps)/sqrt(s + eps)*g;  u = rho*u + (1 - rho)*d**2;  theta = theta - eta*d",
        state="s = 0; u = 0",
        defaults={"rho": "0.9", "eps": "1e-6"},
        freeze={"s": 1, "u": 1},
        usual=1.0,
        source="Zeiler 2012; torch.optim.Adadelta",
    ),
    "adam": Method(
        MOMENTS + ADAM_STEP,
        state="m = 0; s = 0",
        defaults=ADAM,
        freeze={"s": 1},
        usual=0.001,
        source="Kingma and Ba 2015; torch.optim.Adam",
    ),
    "adamw": Method(
        "theta = theta - eta*lam*theta;  " + MOMENTS + ADAM_STEP,
        state="m = 0; s = 0",
        defaults={**ADAM, "lam": "0.01"},
        freeze={"s": 1},
        usual=0.001,
        source="Loshchilov and Hutter 2019; torch.optim.AdamW",
    ),
    "amsgrad": Method(
        MOMENTS + "w = max(w, s);  theta = theta - eta*(m/(1 - beta1**t))/(sqrt(w/(1 - beta2**t)) + eps)",
        state="m = 0; s = 0; w = 0",
        defaults=ADAM,
        freeze={"s": 1, "w": 1},
        usual=0.001,
        source="Reddi, Kale and Kumar 2018; torch.optim.Adam(amsgrad=True)",
    ),
    "adamax": Method(
        "m = beta1*m + (1 - beta1)*g;  w = max(beta2*w, abs(g) + eps);  theta = theta - eta/(1 - beta1**t)*m/w",
        state="m = 0; w = 0",
        defaults=ADAM,
        freeze={"w": 1},
        usual=0.002,
        source="Kingma and Ba 2015; torch.optim.Adamax",
    ),
    "nadam": Method(
        "a = beta1*(1 - 0.5*0.96**(t*psi));  b = beta1*(1 - 0.5*0.96**((t + 1)*psi));  q = q*a;  "
        + MOMENTS
        + "r = sqrt(s/(1 - beta2**t)) + eps;  "
        "theta = theta - eta*(1 - a)/(1 - q)*g/r - eta*b/(1 - q*b)*m/r",
        state="m = 0; s = 0; q = 1",
        defaults={**ADAM, "psi": "0.004"},
        freeze={"s": 1, "q": 0},
        usual=0.002,
        source="Dozat 2016; torch.optim.NAdam",
    ),
    "radam": Method(
        MOMENTS + "k = 2/(1 - beta2) - 1;  r = k - 2*t*beta2**t/(1 - beta2**t);  h = m/(1 - beta1**t);  "
        "c = sqrt(max(0, (r - 4)*(r - 2)*k/((k - 4)*(k - 2)*r)));  "
        "theta = theta - where(r > 5, eta*h*c*sqrt(1 - beta2**t)/(sqrt(s) + eps), eta*h)",
        state="m = 0; s = 0",
        defaults=ADAM,
        freeze={"s": 1},
        usual=0.001,
        source="Liu et al. 2020; torch.optim.RAdam",
    ),
    "rprop": Method(
        "d = g*p;  w = clip(w*where(d > 0, up, where(d < 0, down, 1)), least, most);  p = where(d < 0, 0, g);  "
        "theta = theta - sign(p)*w",
        state="p = 0; w = eta",
        defaults={"up": "1.2", "down": "0.5", "least": "1e-6", "most": "50"},
        freeze={"p": 1, "w": 1},
        usual=0.01,
        source="Riedmiller and Braun 1993; torch.optim.Rprop",
    ),
    "lion": Method(
        "theta = theta - eta*lam*theta;  theta = theta - eta*sign(beta1*m + (1 - beta1)*g);  m = beta2*m + (1 - beta2)*g",
        state="m = 0",
        defaults={"beta1": "0.9", "beta2": "0.99", "lam": "0"},
        usual=0.0001,
        source="Chen et al. 2023; optax.lion",
    ),
    "signsgd": Method("theta = theta - eta*sign(g)", usual=0.001, source="Bernstein et al. 2018"),
}
