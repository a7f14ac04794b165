"""Tests rely on localhost being ::1 as well, which it is on most machines. Where it is not, their processes get a file
of hosts of their own, if this is root; if not, those tests fail with every loop.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess


def is_ipv6():
    with contextlib.suppress(OSError):
        return bool(socket.getaddrinfo("localhost", 0, socket.AF_INET6))
    return False


def prefix(folder):
    """What goes before a command; `folder` keeps the file."""
    if is_ipv6() or os.geteuid() or not shutil.which("unshare"):
        return []
    hosts = folder / "hosts"
    hosts.write_text(pathlib.Path("/etc/hosts").read_text() + "::1 localhost\n")
    words = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
