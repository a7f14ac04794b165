#!/usr/bin/env python3
"""The HTTP client against the servers and proxies of others, in one table. A tool that is not installed skips its rows."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tls"))

import proxy_rows  # noqa: E402
import site_rows  # noqa: E402
import sites  # noqa: E402
import trouble_rows  # noqa: E402
from asking import Asker  # noqa: E402
from table import Table  # noqa: E402


def in_thread(peer, add, *arguments):
    """A table, and the thread that fills it."""
    table = Table()
    thread = threading.Thread(target=table.section, args=(peer, add, *arguments))
    thread.start()
    return table, thread


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def main():
    if not has_ipv6():
        print("skipped: this machine has no ::1")
        return 77
    with tempfile.TemporaryDirectory(prefix="bine-client-") as temp:
        folder = pathlib.Path(temp)
        ids = folder / "ids"
        ids.mkdir()
        subprocess.run([os.environ["BINE_TLS_IDENTITIES"], ids], check=True)
        sites.write_files(folder)
        ask, identity = Asker(ids, folder), ids / "server"
        # Go's library is compiled meanwhile, aiohttp perhaps installed.
        meanwhile = [in_thread("go", site_rows.add, lambda: sites.go(folder, identity), ask),
                     in_thread("aiohttp", site_rows.add, lambda: sites.aiohttp(folder, identity), ask)]
        table = Table()
        with sites.python_site(identity) as (behind, _):
            for name in ("nginx", "apache", "haproxy"):
                start = getattr(sites, name)
                table.section(name, site_rows.add, lambda s=start: s(folder, identity, behind), ask)
        table.section("node", site_rows.add, lambda: sites.node(identity), ask)
        table.section("http.server", site_rows.add, lambda: sites.python(identity), ask)
        meanwhile.append(in_thread("trouble", trouble_rows.add, ask, folder))
        table.section("proxies", proxy_rows.add, ask, folder)
        for part, thread in meanwhile:
            thread.join()
            table.rows += part.rows
        table.show("interop-client")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
