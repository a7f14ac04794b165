"""uvicorn's own tests. Arguments: those of pytest.

Where they say loop="asyncio", uvicorn makes asyncio's own loop by its class: it is given the one under test.
"""

import sys

import loops
import pytest_suite
import uvicorn.loops.asyncio


def factory(use_subprocess=False):  # pylint: disable=unused-argument
    return loops.new_event_loop


if loops.FOREIGN:
    uvicorn.loops.asyncio.asyncio_loop_factory = factory
pytest_suite.main(sys.argv[1:])
