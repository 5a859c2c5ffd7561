"""`steepest models`."""

from __future__ import annotations

from steepest.cli import options
from steepest.cli.output import say, say_json


def models(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List the ready models: formula, parameters, how the start is found, source.

    They are functions of Python: st.fit(st.models.gaussian("y", "x"), data). Here, write the formula itself, and give --start.
    """
    from steepest.show.models import models_dict, models_text

    if as_json:
        say_json(models_dict())
    else:
        say(models_text())
