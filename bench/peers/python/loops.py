"""What the programs in this folder share: the loops that are compared, by name, and how a server says where it listens.

    --loop asyncio|uvloop|rloop|twisted|bine [--driver epoll|uring] [--path FOLDER]   bine alone: its driver, and where the package is
"""

import argparse
import asyncio
import importlib
import os
import pathlib
import sys

BACKLOG = 4096


def parser(description):
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--loop", required=True, choices=("asyncio", "uvloop", "rloop", "twisted", "bine"))
    made.add_argument("--driver", choices=("epoll", "uring"))
    made.add_argument("--path", type=pathlib.Path, help="a folder that has the package bine")
    return made


def need(module):
    """The module; without it, the reason goes to whoever reads our output."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"not available: {error}", flush=True)
        sys.exit(1)


def new_loop(options):
    if options.path:
        sys.path.insert(0, str(options.path))
    if options.driver:
        os.environ["BINE_REACTOR"] = options.driver
    return need(options.loop).new_event_loop()


def descriptors():
    """What this process has open."""
    for one in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{one}")
        except FileNotFoundError:
            pass


def driver_in_use():
    """By what the kernel has open for this process, not by what anybody says."""
    return "uring" if "anon_inode:[io_uring]" in descriptors() else "epoll"


def run(options, main):
    """Runs the coroutine function `main(options)` on the loop that was asked for."""
    loop = new_loop(options)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main(options))


async def serve(options, server):
    """Says where the server listens, and on what; serves until the process is ended."""
    print(f"port {server.sockets[0].getsockname()[1]} on {driver_in_use()}", flush=True)
    # Not serve_forever(): rloop then listens anew, and closes what listened before.
    await asyncio.get_running_loop().create_future()
