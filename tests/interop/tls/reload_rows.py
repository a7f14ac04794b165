"""SIGHUP under load: who is connected stays, who comes is shown the new certificate, and no request is lost."""

import contextlib
import http.client
import shutil
import signal
import ssl
import threading

from peers import SECONDS
from server_rows import Bine, find, run
from table import check, need

KEPT = 6      # connections that stay
COMERS = 3    # threads that connect anew for each request
AFTER = 40    # requests of each behind the reload


def subject_of(connection):
    names = dict(pair[0] for pair in connection.sock.getpeercert()["subject"])
    return names["commonName"]


class Load:
    """Clients at work. What went wrong is in `errors`; how many answers have come in `answers`, a number for each client."""

    def __init__(self, ids, port):
        self.context = ssl.create_default_context(cafile=ids / "ca.pem")
        self.port = port
        self.over = threading.Event()
        self.errors = []
        self.seen = [[] for _ in range(COMERS)]  # subjects, in order
        self.answers = [0] * (KEPT + COMERS)
        self.progress = threading.Condition()
        self.threads = [threading.Thread(target=self.keep, args=(i,)) for i in range(KEPT)]
        self.threads += [threading.Thread(target=self.come, args=(i,)) for i in range(COMERS)]
        for thread in self.threads:
            thread.start()

    def connect(self):
        return contextlib.closing(http.client.HTTPSConnection("localhost", self.port, timeout=SECONDS, context=self.context))

    def ask(self, connection, client):
        connection.request("GET", "/api/hello")
        answer = connection.getresponse()
        body = answer.read()
        check(answer.status == 200 and body == b"hello\n", f"{answer.status} {body}")
        with self.progress:
            self.answers[client] += 1
            self.progress.notify_all()

    def keep(self, client):
        with self.noted(), self.connect() as connection:
            connection.connect()
            connection.auto_open = False  # a connection that is lost is an error
            while not self.over.is_set():
                self.ask(connection, client)
            check(subject_of(connection) == "server", "a connection that stayed has another certificate")

    def come(self, comer):
        with self.noted():
            while not self.over.is_set():
                with self.connect() as connection:
                    connection.connect()
                    self.seen[comer].append(subject_of(connection))
                    self.ask(connection, KEPT + comer)

    @contextlib.contextmanager
    def noted(self):
        try:
            yield
        except Exception as error:  # pylint: disable=broad-except  # told by the row
            self.errors.append(f"{type(error).__name__}: {error}")
            self.over.set()

    def wait_for_more(self, count):
        """Until each client has had so many answers more."""
        with self.progress:
            wanted = [number + count for number in self.answers]
            done = self.progress.wait_for(lambda: self.errors or all(map(int.__ge__, self.answers, wanted)), SECONDS)
        check(done and not self.errors, self.errors or "the clients stand still")

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join(SECONDS)
        check(not self.errors, self.errors)


def copy(ids, name, folder):
    for end in ("pem", "key"):
        shutil.copyfile(ids / f"{name}.{end}", folder / f"shown.{end}")


def reload(bine, words):
    bine.signal(signal.SIGHUP)
    bine.wait_for_log(words)


def under_load(ids, folder):
    copy(ids, "server", folder)
    bine = Bine("--certificate", folder / "shown.pem", "--key", folder / "shown.key", "--workers", "2")
    try:
        load = Load(ids, bine.port)
        try:
            load.wait_for_more(AFTER)
            copy(ids, "renewed", folder)
            reload(bine, "the certificates were read again")
            mark = [len(seen) for seen in load.seen]
            load.wait_for_more(AFTER)
            (folder / "shown.pem").write_text("nonsense")
            reload(bine, "the certificates cannot be used; those from before stay")
            load.wait_for_more(AFTER)
        finally:
            load.finish()
        for seen, count in zip(load.seen, mark):
            # One may have begun its handshake before.
            check(set(seen[count + 1:]) == {"renewed"} and set(seen[:count]) <= {"server", "renewed"}, seen)
            check(seen[0] == "server", seen[0])
        answers = sum(load.answers)
    finally:
        code = bine.stop()
    check(code == 0, f"bine ended with {code}")
    return f"{answers} requests on {KEPT} connections that stayed and {sum(map(len, load.seen))} new ones; none lost"


def old_session(ids, folder):
    """A session from before is not taken up: its certificate is no longer shown."""
    openssl = need("openssl", find("openssl"))
    copy(ids, "server", folder)
    bine = Bine("--certificate", folder / "shown.pem", "--key", folder / "shown.key")
    client = [openssl, "s_client", "-connect", f"127.0.0.1:{bine.port}", "-CAfile", ids / "ca.pem",
              "-servername", "localhost", "-ign_eof"]
    request = "GET /api/hello HTTP/1.0\r\n\r\n"
    try:
        run([*client, "-sess_out", folder / "session"], request)
        _, before = run([*client, "-sess_in", folder / "session"], request)
        copy(ids, "renewed", folder)
        reload(bine, "the certificates were read again")
        _, after = run([*client, "-sess_in", folder / "session"], request)
    finally:
        bine.stop()
    check("Reused, " in before and "New, " in after and "CN = renewed" in after and "hello" in after, after[-300:])
    return "a new handshake, the new certificate"


def add(table, ids, folder):
    table.row("python", "SIGHUP under load, 2 workers", under_load, ids, folder)
    table.row("s_client", "a session from before SIGHUP", old_session, ids, folder)
