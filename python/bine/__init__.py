"""bine: asyncio, Twisted, Tornado and aiohttp on one C++ loop.

    import asyncio, bine

    asyncio.run(main(), loop_factory=bine.new_event_loop)   # Python 3.12 and later
    bine.run(main())                                        # any Python

The distribution is called bine-io: ``pip install bine-io``.
"""

import importlib.machinery
import pathlib
import sys

try:
    from . import _bine
except ImportError as error:
    # The files are there, for another Python: say so.
    built = sorted(path.name for path in pathlib.Path(__file__).parent.glob("_bine.*.so"))
    if built and not any(name.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)) for name in built):
        raise ImportError(f"bine-io was built for another Python ({', '.join(built)}), and this is "
                          f"{sys.implementation.name} {sys.version.split()[0]}; install it for this one: "
                          f"{sys.executable} -m pip install --force-reinstall bine-io") from error
    raise

from . import _log
from ._loop import EventLoop, EventLoopPolicy, install, new_event_loop, run
from . import http
from ._guest import Guest
from ._bine import Handle, StreamTransport, TimerHandle, TLSContext
from ._endpoints import Port, connect, listen, open_connection, start_server

_log.to_logging()

__version__ = _bine.version
__all__ = ("EventLoop", "EventLoopPolicy", "Guest", "Handle", "Port", "StreamTransport", "TLSContext", "TimerHandle", "connect", "http", "install",
           "listen", "new_event_loop", "open_connection", "run", "start_server")
