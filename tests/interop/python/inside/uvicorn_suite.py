"""uvicorn's own tests. Arguments: those of pytest.

Where they say loop="asyncio", uvicorn makes asyncio's own loop by its class: it is given the one under test.
"""

import importlib
import sys

import loops
import pytest_suite


def factory(use_subprocess=False):  # pylint: disable=unused-argument
    return loops.new_event_loop


def put_loop_in():
    if loops.FOREIGN:
        importlib.import_module("uvicorn.loops.asyncio").asyncio_loop_factory = factory


if __name__ == "__main__":
    pytest_suite.main(sys.argv[1:], prepare=put_loop_in)
