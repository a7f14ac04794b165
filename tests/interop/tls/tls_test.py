#!/usr/bin/env python3
"""TLS with others, in one table. A tool that is not installed skips its rows."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import client_rows
import reload_rows
import server_rows
from table import Table


def in_thread(peer, add, *arguments):
    """A table, and the thread that fills it."""
    table = Table()
    thread = threading.Thread(target=table.section, args=(peer, add, *arguments))
    thread.start()
    return table, thread


def main():
    with tempfile.TemporaryDirectory(prefix="bine-tls-") as temp:
        folder = pathlib.Path(temp)
        ids = folder / "ids"
        ids.mkdir()
        subprocess.run([os.environ["BINE_TLS_IDENTITIES"], ids], check=True)
        tools = server_rows.tools_folder()
        # The slow ones meanwhile: scanners, and Go's library, which is compiled once.
        meanwhile = [in_thread("go", server_rows.add_go, ids, tools), in_thread("scanners", server_rows.add_scanners, ids, folder)]
        table, ours = Table(), Table()
        table.section("curl", server_rows.add_curl, ids, folder)
        table.section("curl", server_rows.add_client_certificates, ids)
        table.section("s_client", server_rows.add_s_client, ids, folder)
        table.section("libraries", server_rows.add_libraries, ids)
        ours.section("servers", client_rows.add_servers, ids, folder)
        ours.section("s_server", client_rows.add_certificates, ids)
        ours.section("trouble", client_rows.add_trouble, ids)
        ours.section("reload", reload_rows.add, ids, folder)
        for part, thread in meanwhile:
            thread.join()
            table.rows += part.rows
        table.rows += ours.rows
    table.show("interop-tls")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
