"""anyio's own tests. Arguments: those of pytest.

They run each test with asyncio's loop, with uvloop's and with trio: those with uvloop's have the loop under test.
"""

import sys

import pytest_suite

OTHERS = ("asyncio", "asyncio+eager", "trio")


def with_another(name):
    parameters = name.partition("[")[2].rstrip("]").split("-")
    return any(other in parameters for other in OTHERS)


if __name__ == "__main__":  # processes that tests start import it, too
    pytest_suite.main(sys.argv[1:], leaves_out=with_another)
