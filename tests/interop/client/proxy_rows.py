"""By way of proxies: apache's, haproxy in front of it, and small ones of the test's own, which tell what they were asked."""

import base64
import contextlib
import socket
import struct
import threading

import sites
from peers import SECONDS, answering, free_port
from site_rows import MEBIBYTE, equal, sha
from sites import PASSWORD, USER
from table import check

PROOF = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
WITH_USER = f"{USER}:{PASSWORD.replace(':', '%3A')}@"


def exactly(client, size):
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise OSError("it ended early")
        data += more
    return data


def head_of(client):
    """Up to the empty line, byte by byte, so that nothing behind it is taken."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(client, 1)
    return head.decode()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def join(client, there, first=b""):
    """Both ways, until both have ended."""
    with there:
        there.sendall(first)
        back = threading.Thread(target=pump, args=(there, client), daemon=True)
        back.start()
        pump(client, there)
        back.join(SECONDS)


@contextlib.contextmanager
def http_proxy(proof=None):
    """Of one request in absolute form or one CONNECT for each connection; the port and the heads that came."""
    heads = []

    def serve(client):
        while True:
            heads.append(head := head_of(client))
            method, target, _ = head.split(" ", 2)
            if not proof or f"Proxy-Authorization: Basic {proof}" in head:
                break
            client.sendall(b'HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n')
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            there = socket.create_connection((host.strip("[]"), int(port)), SECONDS)
            client.sendall(b"HTTP/1.1 200 Connected\r\nVia: 1.1 test\r\n\r\n")
            return join(client, there)
        place, _, path = target.removeprefix("http://").partition("/")
        host, _, port = place.rpartition(":")
        return join(client, socket.create_connection((host.strip("[]"), int(port)), SECONDS),
                    head.replace(target, f"/{path}", 1).encode())

    with answering(serve) as port:
        yield port, heads


@contextlib.contextmanager
def socks_proxy(user=None, password=None, answer=0):
    """SOCKS 5 (RFC 1928, 1929): the port and what was asked for. "site.invalid" is this machine."""
    asked = []

    def serve(client):
        _, count = exactly(client, 2)
        methods = exactly(client, count)
        method = 2 if user else 0
        if method not in methods:
            return client.sendall(b"\x05\xff")
        client.sendall(bytes((5, method)))
        if user:
            exactly(client, 1)
            given = [exactly(client, exactly(client, 1)[0]).decode() for _ in range(2)]
            good = given == [user, password]
            client.sendall(bytes((1, 0 if good else 1)))
            if not good:
                return None
        _, _, _, kind = exactly(client, 4)
        if kind == 3:
            host = exactly(client, exactly(client, 1)[0]).decode()
        else:
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, exactly(client, 4 if kind == 1 else 16))
        port, = struct.unpack("!H", exactly(client, 2))
        asked.append(f"{'name' if kind == 3 else 'address'} {host}")
        if answer:
            return client.sendall(bytes((5, answer, 0, 1)) + bytes(6))
        there = socket.create_connection((host.replace("site.invalid", "127.0.0.1"), port), SECONDS)
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        return join(client, there)

    with answering(serve) as port:
        yield port, asked


def through(ask, site, proxy):
    """http in absolute form, https and IPv6 by CONNECT, an upload, connections that are kept."""
    words = ("-x", proxy)
    for url in (site.url("/hello"), site.url("/hello", secure=True), site.url("/hello", host="[::1]")):
        equal(ask.get(*words, url), b"hello\n")
    equal(ask.get(site.url("/hello", secure=True), https_proxy=proxy), b"hello\n")
    uploads = [f"upload {site.url('/echo', secure)} {MEBIBYTE}" for secure in (False, True)]
    for answer in ask.play(*uploads, proxy=proxy).answers():
        equal(answer[3].split()[2:4], [str(MEBIBYTE), sha(b"x" * MEBIBYTE)])
    played = ask.play(*[f"ask GET {site.url('/hello', secure=True)}"] * 10, proxy=proxy)
    equal([answer[0] for answer in played.answers()], [200] * 10)
    equal(played.count("connecting"), 1)
    return "http, https, IPv6, 1 MiB up, 10 requests in one tunnel"


def by_apache(ask, site, ports):
    told = through(ask, site, f"http://127.0.0.1:{ports[0]}")
    _, fields, _ = ask.head("-x", f"127.0.0.1:{ports[0]}", site.url("/hello"))
    check("1.1" in dict(fields).get("via", ""), fields)
    return told + f"; Via: {dict(fields)['via']}"


def by_apache_with_password(ask, site, ports):
    proxy = f"http://{WITH_USER}127.0.0.1:{ports[1]}"
    told = through(ask, site, proxy)
    equal(ask.get("-x", proxy, site.url("/show")), b"GET authorization= cookie=\n")
    equal(ask.get("-x", proxy, "--bearer", "t", site.url("/show")), b"GET authorization=Bearer t cookie=\n")
    return told


def refused_by_apache(ask, site, ports):
    proxy = f"http://127.0.0.1:{ports[1]}"
    equal(ask.head("-x", proxy, site.url("/hello"))[0].split()[1], "407")
    error = ask.fails(6, "-x", proxy, site.url("/hello", secure=True), words=("407",))
    wrong = ask.fails(6, "-x", f"http://ann:wrong@127.0.0.1:{ports[1]}", site.url("/hello", secure=True), words=("407",))
    check("wrong" not in wrong.replace("wrong user", ""), wrong)
    return error


def no_such_place(ask, ports):
    nobody = free_port()
    proxy = f"http://127.0.0.1:{ports[0]}"
    equal(ask.head("-x", proxy, f"http://127.0.0.1:{nobody}/")[0].split()[1], "503")
    return ask.fails(6, "-x", proxy, f"https://127.0.0.1:{nobody}/", words=("503",))


def by_haproxy(ask, site, secure, port):
    told = through(ask, site, f"http{'s' if secure else ''}://127.0.0.1:{port}")
    _, fields, _ = ask.head("-x", f"http{'s' if secure else ''}://127.0.0.1:{port}", site.url("/hello"))
    equal(dict(fields)["x-by"], "haproxy")
    return told


def by_ours(ask, site, proof):
    user = WITH_USER if proof else ""
    with http_proxy(proof) as (port, heads):
        told = through(ask, site, f"http://{user}127.0.0.1:{port}")
        methods = [head.split()[0] for head in heads]
        for head in heads:
            check(head.startswith(("CONNECT ", "GET http://", "POST http://")), head)
        check(("\r\nHost: " in heads[0]), heads[0])
        asked = len(heads)
        equal(ask.get(site.url("/hello"), http_proxy=f"http://{user}127.0.0.1:{port}", no_proxy="127.0.0.0/8"), b"hello\n")
        equal(len(heads), asked)
    return f"{told}; {methods.count('CONNECT')} CONNECT of {len(methods)}; no_proxy"


def by_socks(ask, site, user, password):
    with socks_proxy(user, password) as (port, asked):
        prefix = f"{user}:{password.replace(':', '%3A')}@" if user else ""
        told = through(ask, site, f"socks5://{prefix}127.0.0.1:{port}")
        equal({text.split()[0] for text in asked}, {"address"})
        del asked[:]
        name = f"http://site.invalid:{site.port}/hello"
        equal(ask.get("-x", f"socks5h://{prefix}127.0.0.1:{port}", name), b"hello\n")
        equal(asked, ["name site.invalid"])
    return told + "; a name that only the proxy knows"


def socks_refuses(ask, site, answer, word):
    with socks_proxy(answer=answer) as (port, _):
        return ask.fails(6, "-x", f"socks5://127.0.0.1:{port}", site.url("/hello"), words=(word,))


def socks_password(ask, site):
    with socks_proxy("ann", "right") as (port, _):
        error = ask.fails(6, "-x", f"socks5://ann:other@127.0.0.1:{port}", site.url("/hello"))
        check("other" not in error, error)
        ask.fails(6, "-x", f"socks5://127.0.0.1:{port}", site.url("/hello"))
    return error


def add_ours(table, ask, site):
    table.row("our proxy", "http and CONNECT", by_ours, ask, site, None)
    table.row("our proxy", "with a password", by_ours, ask, site, PROOF)
    table.row("our SOCKS", "SOCKS 5", by_socks, ask, site, None, None)
    table.row("our SOCKS", "with a password", by_socks, ask, site, USER, PASSWORD)
    table.row("our SOCKS", "a wrong password", socks_password, ask, site)
    table.row("our SOCKS", "refused by its rules", socks_refuses, ask, site, 2, "its rules forbid it")
    table.row("our SOCKS", "nobody listens there", socks_refuses, ask, site, 5, "refused")


def add_apache(table, ask, site, folder):
    with sites.apache_proxy(folder) as ports:
        table.row("apache", "as a proxy", by_apache, ask, site, ports)
        table.row("apache", "as a proxy with a password", by_apache_with_password, ask, site, ports)
        table.row("apache", "as a proxy, without it", refused_by_apache, ask, site, ports)
        table.row("apache", "as a proxy to nobody", no_such_place, ask, ports)
        table.section("haproxy", add_haproxy, ask, site, folder, ports[0])


def add_haproxy(table, ask, site, folder, proxy):
    with sites.haproxy_before(folder, ask.ids / "server", proxy) as (port, secure_port):
        table.row("haproxy", "in front of a proxy", by_haproxy, ask, site, False, port)
        table.row("haproxy", "https to the proxy", by_haproxy, ask, site, True, secure_port)


def add(table, ask, folder):
    with sites.python(ask.ids / "server") as site:
        add_ours(table, ask, site)
        table.section("apache", add_apache, ask, site, folder)
