"""Runs the program that asks, and tells what it printed."""

import os
import socket
import subprocess
import time

SECONDS = 60


def free_port():
    """One that UDP and TCP have free on loopback."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]


def ask(port, *questions, milliseconds=5000):
    """The line for each question, "TYPE:NAME", and how many seconds all took."""
    begun = time.monotonic()
    done = subprocess.run([os.environ["BINE_ASK"], f"127.0.0.1:{port}", str(milliseconds), *questions],
                          capture_output=True, text=True, timeout=SECONDS)
    took = time.monotonic() - begun
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"status {done.returncode}, it said: {done.stderr}")
    lines = done.stdout.splitlines()
    if len(lines) != len(questions):
        raise AssertionError(f"{len(questions)} questions, {len(lines)} answers: {done.stdout}")
    return lines, took
