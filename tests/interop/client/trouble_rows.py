"""Servers that are slow, break off or close just when they are needed; and what is large."""

import contextlib
import fcntl
import hashlib
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import threading
import time

import sites
from asking import BINE, environment
from peers import SECONDS, answering, find, free_port, program, python_context
from proxy_rows import head_of
from site_rows import equal
from table import check, need

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


def read_to_end(client):
    count = 0
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            count += len(data)
    return count


@contextlib.contextmanager
def scripted(serve):
    """`serve(client, number of the connection)` for each; its URL."""
    numbers = iter(range(1 << 20))
    with answering(lambda client: serve(client, next(numbers))) as port:
        yield f"http://127.0.0.1:{port}/"


def stale(ask, method, reset):
    """The first connection is ended instead of a second answer; how often each was asked is counted."""
    asked = []

    def serve(client, number):
        while True:
            head = head_of(client)
            asked.append(head.split()[0])
            if number == 0 and len(asked) == 2:
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            client.sendall(PAGE)

    with scripted(serve) as url:
        played = ask.play(f"ask GET {url}", f"ask {method} {url}", f"ask GET {url}")
    if method == "GET":
        equal([answer[0] for answer in played.answers()], [200] * 3)
        equal((played.count("retried"), len(asked)), (1, 4))
        return "asked again: " + played.all("retried")[0]
    equal((played.count("retried"), len(asked), played.count("answer")), (0, 3, 2))
    return played.error(method)


def stale_silently(ask):
    """Closed before the next request leaves: nobody is asked in vain."""
    closed = threading.Event()

    def serve(client, number):
        head_of(client)
        client.sendall(PAGE)
        if number:
            head_of(client)
        closed.set()

    with scripted(serve) as url:
        played = ask.play(f"ask GET {url}", "pause 100", f"ask POST {url} text")
    equal([answer[0] for answer in played.answers()], [200, 200])
    equal((played.count("connecting"), played.count("retried")), (2, 0))
    check(closed.is_set(), "was not closed")
    return "a POST, too, goes to a new connection"


def idle_race(ask):
    """Node closes after 20 ms without a request; requests come at that very time."""
    port = free_port()
    script = ("require('http').createServer((request, response) => {"
              "  const socket = request.socket; clearTimeout(socket.late);"
              "  response.on('finish', () => { socket.late = setTimeout(() => socket.end(), 20); });"
              f"  response.end('hello\\n'); }}).listen({port}, '127.0.0.1');")
    with program([need("node", find("node")), "-e", script], port):
        commands = [word for pause in range(60) for word in (f"ask GET http://127.0.0.1:{port}/", f"pause {14 + pause % 12}")]
        played = ask.play(*commands)
    equal([answer[0] for answer in played.answers()], [200] * 60)
    check(played.count("connecting") > 1, "it never closed")
    return f"60 answers, {played.count('connecting')} connections, {played.count('retried')} asked again"


def one_at_a_time(ask):
    """No request comes before the last one is answered, on the one connection there is, and they come in order."""
    seen, early = [], []

    def serve(client, _):
        while True:
            seen.append(head_of(client).split()[1])
            early.extend(select.select([client], [], [], 0.02)[0])
            client.sendall(PAGE)

    with scripted(serve) as url:
        equal([answer[0] for answer in ask.play(f"many 12 {url}{{}}", per_host=1).answers()], [200] * 12)
    equal((seen, early), ([f"/{number}" for number in range(12)], []))
    return "12 asked at once, in order"


def too_slow(ask, serve, word, setting):
    with scripted(serve) as url:
        started = time.monotonic()
        played = ask.play(f"ask GET {url}", **{setting: 400})
        took = time.monotonic() - started
    check(took < 5, f"took {took} s")
    return played.error("400 ms", word)


def silent(client, _):
    read_to_end(client)


def stalling(client, _):
    head_of(client)
    client.sendall(HEAD + bytes(5000))
    read_to_end(client)


def never_reading(over):
    def serve(client, _):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        over.wait(SECONDS)
    return serve


def upload_stalls(ask):
    """A server that does not read: the producer is held, then the limit of time speaks."""
    over = threading.Event()
    with scripted(never_reading(over)) as url:
        played = ask.play(f"upload {url} 100000000", write_ms=200)
        over.set()
    written = int(played.all("written")[0])
    check(written < 20_000_000, f"{written} bytes were produced")
    return f"{written} of 100000000 bytes produced; " + played.error("within 200 ms")


def download_is_held(ask):
    """Who does not read is sent no more than buffers hold."""
    size, sent, counted = 64 << 20, [0], []

    def serve(client, _):
        head_of(client)
        client.settimeout(0.25)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(1 << 16)
        while sent[0] < size:
            try:
                sent[0] += client.send(piece[:size - sent[0]])
            except TimeoutError:
                counted.append(sent[0])

    with scripted(serve) as url:
        played = ask.play(f"hold {url} 600")
    equal(played.all("bytes"), [str(size)])
    check(counted and counted[0] < size // 2, f"sent meanwhile: {counted}")
    return f"{counted[0]} of {size} bytes sent until somebody read"


def not_connected(ask):
    """A listener whose queue is full answers nobody."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        url = "http://127.0.0.1:%d/" % full.getsockname()[1]
        ask.play(f"ask GET {url}", connect_ms=200).error("it was not connected within 200 ms")
        return ask.fails(7, "--connect-timeout", "0.2", url, words=("--connect-timeout gives it longer",))


def no_handshake(ask):
    with scripted(silent) as url:
        return ask.play(f"ask GET {url.replace('http', 'https')}", handshake_ms=200).error("handshake", "not done within 0.2 s")


def timeout_of_the_command(ask):
    with scripted(stalling) as url:
        error = ask.fails(7, "-m", "0.3", "-o", "stalled", url, words=("longer than 300 ms", "--timeout 0", "stalled.part"))
    equal((ask.folder / "stalled.part").stat().st_size, 5000)
    return error


def no_continue(ask):
    """A server that does not know Expect: the body comes all the same, after the time for it."""
    def serve(client, _):
        head_of(client)
        began = time.monotonic()
        client.recv(1)
        waited.append(time.monotonic() - began)
        client.sendall(PAGE)
        read_to_end(client)

    waited = []
    with scripted(serve) as url:
        equal(ask.play(f"ready {url} 1000", continue_ms=200).answers()[0][0], 200)
    check(0.15 < waited[0] < 3, waited)
    return f"sent after {waited[0] * 1000:.0f} ms"


def refused_before_body(ask):
    def serve(client, number):
        check("100-continue" in head_of(client), "no Expect")
        client.sendall(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        came.append(read_to_end(client))

    came = []
    with scripted(serve) as url:
        equal(ask.play(f"ready {url} 1000000", continue_ms=5000).answers()[0][0], 413)
        end = time.monotonic() + 5
        while not came and time.monotonic() < end:
            time.sleep(0.01)
    equal(came, [0])
    return "413, and not a byte of the body was sent"


def refused_in_body(ask):
    """An answer before the body is whole ends the sending."""
    def serve(client, _):
        head_of(client)
        client.recv(65536)
        client.sendall(b"HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno!\n")
        client.shutdown(socket.SHUT_WR)
        came.append(read_to_end(client))

    came = []
    with scripted(serve) as url:
        played = ask.play(f"upload {url} 100000000")
        equal(played.answers()[0][:2], (413, 4))
        written = int(played.all("written")[0])
    check(written < 100000000, written)
    return f"413 after {written} of 100000000 bytes"


def cut_off(ask):
    def serve(client, _):
        head_of(client)
        client.sendall(HEAD + bytes(5000))

    with scripted(serve) as url:
        error = ask.fails(9, "-o", "cut", url, words=("cut.part",))
    equal((ask.folder / "cut.part").stat().st_size, 5000)
    check(not (ask.folder / "cut").exists(), "it has its name")
    return error.replace(str(ask.folder) + "/", "")


def tls_cut_off(ask):
    """The end of the connection is the end of the body only when TLS says so."""
    context = python_context(ask.ids / "server")

    def serve(client, _):
        with context.wrap_socket(client, server_side=True) as secure:
            head_of(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello\n")
            socket.socket.shutdown(secure, socket.SHUT_WR)
            with contextlib.suppress(OSError):
                secure.recv(1)

    with scripted(serve) as url:
        return ask.fails(9, url.replace("http", "https"), words=("cut off",))


def download(ask, site):
    """20 MB into a file; the bar is on a terminal of 100 columns."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 100, 0, 0))
    with subprocess.Popen([BINE, "get", "-O", site.url("/large")], stderr=there, stdout=subprocess.PIPE, cwd=ask.folder,
                          env=environment(TERM="xterm")) as process:
        os.close(there)
        shown = b""
        while select.select([here], [], [], SECONDS)[0]:
            try:
                shown += os.read(here, 65536)
            except OSError:
                break
        os.close(here)
        equal((process.wait(SECONDS), process.stdout.read()), (0, b""))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (ask.folder / "large", ask.folder / "site" / "large")]
    equal(*digests)
    percents = [int(number) for number in re.findall(rb"(\d+)\s?%", shown)]
    check(len(percents) > 3 and percents == sorted(percents), shown[-300:])
    check(b"large" in shown and b"MiB" in shown, shown[-300:])
    return f"{len(percents)} pictures of the bar, {percents[0]} % to {percents[-1]} %"


def add_stale(table, ask):
    for reset, how in ((False, "closes"), (True, "resets")):
        for method in ("GET", "POST"):
            table.row("our server", f"{how} on the next request: {method}", stale, ask, method, reset)
    table.row("our server", "closes what is kept", stale_silently, ask)
    table.row("our server", "one connection, in order", one_at_a_time, ask)
    table.row("node", "closes just when it is asked", idle_race, ask)


def add_slow(table, ask):
    table.row("our server", "too slow: the connection", not_connected, ask)
    table.row("our server", "too slow: the handshake", no_handshake, ask)
    table.row("our server", "too slow: the head", too_slow, ask, silent, "head", "head_ms")
    table.row("our server", "too slow: the body", too_slow, ask, stalling, "body", "read_ms")
    table.row("our server", "too slow: all of it", too_slow, ask, stalling, "the whole of it took longer", "total_ms")
    table.row("our server", "too slow: --timeout", timeout_of_the_command, ask)
    table.row("our server", "does not read an upload", upload_stalls, ask)
    table.row("our server", "is not read by us", download_is_held, ask)
    table.row("our server", "knows no Expect", no_continue, ask)


def add(table, ask, folder):
    add_stale(table, ask)
    add_slow(table, ask)
    table.row("our server", "refuses before the body", refused_before_body, ask)
    table.row("our server", "refuses in the middle of the body", refused_in_body, ask)
    table.row("our server", "breaks off", cut_off, ask)
    table.row("our server", "breaks off TLS", tls_cut_off, ask)
    with sites.python_site(ask.ids / "server") as (behind, _), sites.nginx(folder, ask.ids / "server", behind) as site:
        table.row("nginx", "20 MB into a file, with a bar", download, ask, site)
