"""Runs display_date with time that jumps, and compares what it prints."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "examples"))

import subprocess

from session import expect_equal, text_beside

done = subprocess.run([sys.argv[1], "--virtual"], stdout=subprocess.PIPE, text=True, timeout=50, check=True)
expect_equal(done.stdout, text_beside(__file__, ".txt"))
