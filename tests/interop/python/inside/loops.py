"""The event loop that a suite is run with: BINE_SUITE_LOOP names it. Runs in the suite's own interpreter, 3.10 and later."""

import asyncio
import importlib
import os
import warnings

NAME = os.environ.get("BINE_SUITE_LOOP", "asyncio")
# asyncio's own loop is the control: whatever a suite does with it stays as it is.
FOREIGN = NAME != "asyncio"


def new_event_loop():
    if not FOREIGN:
        return asyncio.SelectorEventLoop()
    return importlib.import_module(NAME).new_event_loop()


def policy():
    """The policy's class."""
    return importlib.import_module(NAME).EventLoopPolicy if FOREIGN else asyncio.DefaultEventLoopPolicy


def set_policy():
    """Whoever asks asyncio for a loop gets one of this kind. Tests undo that, so it is called before each."""
    if not FOREIGN:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(policy()())


def be_uvloop():
    """Whoever asks the module uvloop for a loop gets one of this kind: suites that know uvloop need no more."""
    if NAME == "uvloop":
        return
    uvloop = importlib.import_module("uvloop")
    loop = new_event_loop()
    loop.close()
    uvloop.new_event_loop, uvloop.EventLoopPolicy, uvloop.Loop = new_event_loop, policy(), type(loop)
