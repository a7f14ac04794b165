"""Every name that the package offers says what it is, and the pages of docs/ name what there is, and only that."""

import asyncio
import importlib
import inspect
import pathlib
import re
import unittest

import bine
import bine.http
import bine.sim
import bine.twisted

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
MODULES = {name: importlib.import_module(name) for name in ("bine", "bine.http", "bine.sim", "bine.twisted")}
PAGES = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("python.md", "python-api.md", "python-simulation.md"))
# What names on the pages stand for.
SUBJECTS = {"bine": [bine], "http": [bine.http], "world": [bine.sim.World], "host": [bine.sim.Host], "loop": [bine.EventLoop], "port": [bine.Port],
            "request": [bine.http.Request], "answer": [bine.http.Answer], "router": [bine.http.Router],
            "server": [bine.http.Server, asyncio.Server]}
# Attributes that objects have, and classes do not know of.
OF_OBJECTS = {"loop._selector", "answer.headers", "answer.status"}


def named():
    """(subject, the names behind it) of all that code in the text of the pages names."""
    text = re.sub(r"```.*?```", "", PAGES, flags=re.S)
    for code in re.findall(r"`([^`]+)`", text):
        for subject, names in re.findall(r"(?<![\w./:\"])(%s)((?:\.\w+)+)" % "|".join(SUBJECTS), code):
            yield subject, names


def has(thing, names):
    for name in names.split(".")[1:]:
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


def offered():
    """(name, object) of all that is offered, and of what its classes have of their own."""
    for module in MODULES.values():
        yield module.__name__, module
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.ismodule(thing):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for member in sorted(vars(thing)):
                    if not member.startswith("_"):
                        yield f"{module.__name__}.{name}.{member}", vars(thing)[member]


def is_documented(thing):
    thing = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
    if not (inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing) or inspect.isdatadescriptor(thing)):
        return True  # a plain value
    return bool((inspect.getdoc(thing) or "").strip())


class Names(unittest.TestCase):
    def test_each_has_a_docstring(self):
        found = dict(offered())
        self.assertIn("bine.http.Client.request", found)
        self.assertEqual([name for name, thing in found.items() if not is_documented(thing)], [])

    def test_the_pages_name_what_there_is(self):
        found = sorted(set(named()))
        self.assertIn(("bine", ".sim.Network"), found)
        self.assertEqual([subject + names for subject, names in found
                          if subject + names not in OF_OBJECTS and not any(has(one, names) for one in SUBJECTS[subject])], [])

    def test_the_pages_name_all_that_is_offered(self):
        names = {name for module in MODULES.values() for name in module.__all__}
        self.assertEqual([name for name in sorted(names) if not re.search(rf"\b{name}\b", PAGES)], [])


if __name__ == "__main__":
    unittest.main()
