"""Ctrl-C that waits for the end of a block of steps, where the record is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = "interrupted"  # the reason of a descent that Ctrl-C ended
_asked: list[int] = []  # the signals since the handler was set: there is one handler in a process


def interrupted() -> bool:
    """Has Ctrl-C come, in the block that `interruptible` guards?"""
    return bool(_asked)


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets `interrupted` say that Ctrl-C has come; a second Ctrl-C raises KeyboardInterrupt at once.

    Handlers can be set in the main thread only, and one that somebody else has set is left alone.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _asked.clear()


def _handle(number: int, frame: FrameType | None) -> None:
    if _asked:
        raise KeyboardInterrupt
    _asked.append(number)
