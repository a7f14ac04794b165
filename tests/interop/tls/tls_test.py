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


def in_thread(work, *arguments):
    """Its table, and the thread that fills it."""
    table = Table()
    thread = threading.Thread(target=work, args=(table, *arguments))
    thread.start()
    return table, thread


def main():
    with tempfile.TemporaryDirectory(prefix="bine-tls-") as temp:
        folder = pathlib.Path(temp)
        ids = folder / "ids"
        ids.mkdir()
        subprocess.run([os.environ["BINE_TLS_IDENTITIES"], ids], check=True)
        tools = server_rows.tools_folder()
        scans = in_thread(server_rows.add_scanners, ids, folder)
        libraries = in_thread(server_rows.add_libraries, ids, lambda: server_rows.go_build(tools))
        table = Table()
        server_rows.add_curl(table, ids, folder)
        server_rows.add_client_certificates(table, ids)
        server_rows.add_s_client(table, ids, folder)
        ours = Table()
        client_rows.add_servers(ours, ids, folder)
        client_rows.add_certificates(ours, ids)
        client_rows.add_trouble(ours, ids)
        reload_rows.add(ours, ids, folder)
        for part, thread in (libraries, scans):
            thread.join()
            table.rows += part.rows
        table.rows += ours.rows
    table.show()
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
