"""`steepest methods`."""

from __future__ import annotations

from steepest.cli import options
from steepest.cli.output import say, say_json


def methods(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List the methods and schedules: equations, limits, usual rates and sources.

    A method of your own is written the same way: --method "v = 0.9*v + g; theta = theta - eta*v"
    """
    from steepest.show.methods import methods_dict, methods_text

    if as_json:
        say_json(methods_dict())
    else:
        say(methods_text())
