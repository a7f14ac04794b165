"""Tornado's own tests. Arguments: a part of a test's name, or nothing."""

import logging
import sys
import warnings

import loops
import unittests

loops.set_policy()
from tornado.test import runtests  # noqa: E402  # makes loops

warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
unittests.run(runtests.all(), pattern=(sys.argv[1:] or [None])[0])
