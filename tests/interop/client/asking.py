"""`bine get`, and the client that is told what to ask."""

import os
import subprocess

from peers import SECONDS
from table import check

BINE, CLIENT = os.environ["BINE_COMMAND"], os.environ["BINE_CLIENT"]


def environment(**variables):
    """Without proxies; and no warnings of a machine that is busy, which builds for debugging give."""
    def kept(name):
        return name == "BINE_REACTOR" or not name.startswith("BINE_") and not name.lower().endswith("_proxy")
    return {**{name: value for name, value in os.environ.items() if kept(name)},
            "BINE_LOG_LEVEL": "error", **variables}


class Asker:
    """With an authority of the test's own."""

    def __init__(self, ids, folder):
        self.ids, self.folder = ids, folder
        self.trust = ids / "ca.pem"

    def run(self, *arguments, stdin=b"", **variables):
        return subprocess.run([BINE, "get", "--cacert", self.trust, *map(str, arguments)], input=stdin, capture_output=True,
                              timeout=SECONDS, check=False, cwd=self.folder, env=environment(**variables))

    def get(self, *arguments, **options):
        """What came, of a request that went well."""
        done = self.run(*arguments, **options)
        check(done.returncode == 0 and not done.stderr, f"{done.returncode}: {done.stderr.decode()} {done.stdout[:200]}")
        return done.stdout

    def head(self, *arguments, **options):
        """The status line, the fields with names in lower case, and the body."""
        head, _, body = self.get("-i", *arguments, **options).partition(b"\n\n")
        status, *fields = head.decode().split("\n")
        return status, [(name.lower(), value) for name, _, value in (field.partition(": ") for field in fields)], body

    def fails(self, code, *arguments, words=(), **options):
        """The error, which has these words."""
        done = self.run(*arguments, **options)
        text = done.stderr.decode()
        check(done.returncode == code, f"exit code {done.returncode}: {text} {done.stdout[:200]}")
        for word in words:
            check(word in text, f'no "{word}" in: {text}')
        return text.removeprefix("bine get: ")

    def play(self, *commands, **settings):
        """One client: what it prints."""
        words = [f"{name.replace('_', '-')}={value}" for name, value in {"ca": self.trust, **settings}.items()]
        done = subprocess.run([CLIENT, *words], input="".join(f"{command}\n" for command in commands).encode(),
                              capture_output=True, timeout=SECONDS, check=False, env=environment())
        check(done.returncode == 0, f"{done.returncode}: {done.stderr.decode()[-300:]} {done.stdout.decode()[-300:]}")
        return Played(done.stdout.decode())


class Played:
    def __init__(self, output):
        self.output = output
        self.lines = [line.partition(" ")[::2] for line in output.splitlines()]

    def all(self, word):
        return [text for name, text in self.lines if name == word]

    def count(self, word):
        return len(self.all(word))

    def answers(self):
        """(status, bytes, port, body) of each; every request must have one."""
        check(not self.all("error"), self.output[-600:])
        parts = [(text.split(" ", 3) + [""])[:4] for text in self.all("answer")]
        return [(int(status), int(size), port, body) for status, size, port, body in parts]

    def error(self, *words):
        errors = self.all("error")
        check(len(errors) == 1, f"not one error: {self.output[-600:]}")
        for word in words:
            check(word in errors[0], f'no "{word}" in: {errors[0]}')
        return errors[0]
