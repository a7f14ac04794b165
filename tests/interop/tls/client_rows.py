"""A client of bine's against the servers of others: who is believed, and in which words the others are refused."""

import contextlib
import os
import re
import socket
import ssl

from peers import answering, apache, find, haproxy, nginx, node, python_context, run, s_server
from table import check, need

CLIENT = os.environ["BINE_TLS_CLIENT"]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"


WORDS = ("version", "cipher", "alpn", "resumed", "peer", "status", "bytes", "end", "error")


class Seen:
    """What the client printed: for each connection a dictionary."""

    def __init__(self, output):
        self.connections = []
        for line in output.splitlines():
            word, _, text = line.partition(": ")
            if word not in WORDS:  # of the log
                continue
            if word in ("version", "error") or not self.connections:
                self.connections.append({})
            self.connections[-1][word] = text
        check(self.connections, f"the client did not connect: {output}")

    @property
    def first(self):
        return self.connections[0]


def get(ids, port, *more, host="127.0.0.1", name="www.bine.example", times=1, identity=None):
    """Runs the client; answers the exit code and what it saw."""
    words = [f"tls:{host}:{port}", *([f"name={name}"] if name else []), *more]
    files = [ids / "ca.pem", f"{identity}.pem", f"{identity}.key"] if identity else []
    if not identity:
        words.append(f"ca={ids / 'ca.pem'}")
    code, output = run([CLIENT, ":".join(words), times, *files])
    return code, Seen(output)


def served(ids, port, version, *more, **keywords):
    """A page came, twice, the second time by a resumed session."""
    code, seen = get(ids, port, *more, times=2, **keywords)
    check(code == 0 and len(seen.connections) == 2, seen.connections)
    first, second = seen.connections
    check(first["status"].split()[1:2] == ["200"] and first["version"] == version, first)
    check(first["resumed"] == "no" and second["resumed"] == "yes", f"resumed: {first['resumed']}, then {second['resumed']}")
    return f"{first['cipher']}, alpn {first['alpn'] or 'none'}, resumed"


def refused(ids, port, *words, **keywords):
    """No page came, and the error has these words."""
    code, seen = get(ids, port, **keywords)
    error = seen.first.get("error", "")
    check(code == 1 and error, seen.connections)
    for word in words:
        check(word in error, f'no "{word}" in: {error}')
    return re.sub("^TLS handshake with [^:]*: ", "", error)


def with_peer(peer, outcome, *arguments, **keywords):
    """`outcome` of the port that the context manager `peer` opens, as a function of no arguments."""
    def tried():
        with peer as port:
            return outcome(arguments[0], port, *arguments[1:], **keywords)
    return tried


def python_server(identity, serve=None, limit=None):
    """Python's ssl. Without `serve` it answers one request and ends in good order."""
    context = python_context(identity)
    if limit:
        context.maximum_version = limit

    def whole(client):
        with context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False) as secure:
            secure.recv(4096)
            (serve or answer_well)(secure)
    return answering(whole)


def answer_well(secure):
    secure.sendall(ANSWER)
    with contextlib.suppress(OSError):
        secure.unwrap()


def answer_and_break_off(secure):
    """A FIN, and no close_notify before it."""
    secure.sendall(ANSWER[:-2])
    socket.socket.shutdown(secure, socket.SHUT_WR)
    with contextlib.suppress(OSError):
        secure.recv(1)


def truncated(ids, port):
    code, seen = get(ids, port)
    check(code == 1 and "without a close_notify" in seen.first.get("end", ""), seen.first)
    return seen.first["end"]


def client_certificate(ids, port, identity=None):
    """A server that demands one: served with it, refused without, in words."""
    if identity:
        code, seen = get(ids, port, identity=identity)
        check(code == 0 and seen.first["status"].split()[1:2] == ["200"], seen.first)
        return "shown, served"
    code, seen = get(ids, port)
    if seen.first.get("status", "").split()[1:2] == ["400"]:
        return "answered 400"
    told = seen.first.get("error") or seen.first.get("end", "")
    check(code == 1 and "it wants a client certificate, and was shown none" in told, seen.first)
    return told


GOOD = (("good", "a good chain", {}), ("chained", "a chain with an authority between", {}),
        ("wildcard", "a wildcard for the first label", {}), ("server", "an address", {"name": None}))

# The certificate, what is wrong with it, the words that must be said; and whom the client means, if nobody usual.
BAD = (
    ("expired", "expired", ("certificate expired 3 days ago",), {}),
    ("early", "not yet valid", ("certificate is not valid yet: only in 1 day",), {}),
    ("other-name", "another's name", ("name does not match: wanted www.bine.example, has www.other.example",), {}),
    ("no-name", "a common name alone", ("has no names at all", "common name"), {}),
    ("self-signed", "self-signed", ("certificate is self-signed",), {}),
    ("stranger", "an authority that nobody knows", ("was signed by", "CN=Stranger"), {}),
    ("incomplete", "a chain that misses a link", ("CN=Between", "whose certificate was not sent"), {}),
    ("impostor", "signed by who may not sign", ("CN=Impostor", "may not sign others"), {}),
    ("purpose", "for clients only", ("not meant for this use",), {}),
    ("weak-key", "a key of RSA 1024", ("a key that is too weak: RSA of 1024 bits",), {}),
    ("sha1", "a signature of SHA-1", ("a signature of a kind that is too weak",), {}),
    ("star", "a wildcard: *", ("a wildcard stands for the whole first label",), {}),
    ("star-top", "a wildcard: *.example", ("a wildcard stands for the whole first label",), {"name": "bine.example"}),
    ("star-part", "a wildcard: w*.bine.example", ("a wildcard stands for the whole first label",), {}),
    ("star-inside", "a wildcard: www.*.example", ("a wildcard stands for the whole first label",), {}),
    ("wildcard", "a wildcard for two labels", ("name does not match",), {"name": "a.b.bine.example"}),
    ("other-address", "another's address", ("name does not match: wanted 127.0.0.1, has 127.0.0.9",), {"name": None}),
)


def add_servers(table, ids, folder):
    good = ids / "good"
    demands = (("nginx", lambda: nginx(folder, good, f"ssl_client_certificate {ids}/ca.pem; ssl_verify_client on;")),
               ("apache", lambda: apache(folder, good, f"SSLCACertificateFile {ids}/ca.pem", "SSLVerifyClient require")),
               ("haproxy", lambda: haproxy(folder, good, f"ca-file {ids}/ca.pem verify required")),
               ("node", lambda: node(good, f"ca: fs.readFileSync('{ids}/ca.pem'), requestCert: true")),
               ("s_server", lambda: s_server(good, "-CAfile", ids / "ca.pem", "-Verify", "2", "-verify_return_error")))
    new, old, http = "TLSv1.3", "TLSv1.2", "alpn=http/1.1"
    plain = (("nginx", lambda: nginx(folder, good), (new,)),
             ("nginx", lambda: nginx(folder, good, protocols="TLSv1.2"), (old,)),
             ("apache", lambda: apache(folder, good), (new,)),
             ("apache", lambda: apache(folder, good, "SSLProtocol TLSv1.2"), (old,)),
             ("haproxy", lambda: haproxy(folder, good), (new, http)),
             ("haproxy", lambda: haproxy(folder, good, "ssl-max-ver TLSv1.2"), (old, http)),
             ("node", lambda: node(good), (new, http)),
             ("node", lambda: node(good, "maxVersion: 'TLSv1.2'"), (old, http)),
             ("s_server", lambda: s_server(good), (new,)),
             ("s_server", lambda: s_server(good, "-tls1_2"), (old,)),
             ("python", lambda: python_server(good), (new,)),
             ("python", lambda: python_server(good, limit=ssl.TLSVersion.TLSv1_2), (old,)))
    for peer, start, wanted in plain:
        table.row(peer, f"our client: a page, twice, {wanted[0]}", lambda s=start, w=wanted: with_peer(s(), served, ids, *w)())
    for peer, start in demands:
        table.row(peer, "our client: no certificate", lambda s=start: with_peer(s(), client_certificate, ids)())
        table.row(peer, "our client: its certificate",
                  lambda s=start: with_peer(s(), client_certificate, ids, ids / "client")())


def add_certificates(table, ids):
    # At the lowest level OpenSSL's server shows them all.
    lenient = ("-cipher", "DEFAULT:@SECLEVEL=0")

    def believed(identity, keywords):
        with s_server(ids / identity, *lenient) as port:
            code, seen = get(ids, port, **keywords)
            check(code == 0, seen.first)
            return "believed"

    def not_believed(identity, words, keywords):
        with s_server(ids / identity, *lenient) as port:
            return refused(ids, port, *words, **keywords)

    need("openssl", find("openssl"))
    for identity, what, keywords in GOOD:
        table.row("s_server", what, believed, identity, keywords)
    for identity, what, words, keywords in BAD:
        table.row("s_server", what, not_believed, identity, words, keywords)


def stall(client):
    """Takes what comes and says nothing."""
    while client.recv(4096):
        pass


def add_trouble(table, ids):
    good = ids / "good"
    old = ("-cipher", "ALL:@SECLEVEL=0")

    def talk(words):
        def serve(client):
            client.recv(4096)
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            stall(client)
        return answering(serve)

    rows = (
        ("s_server", "TLS 1.0 only", lambda: s_server(good, "-tls1", *old), ("none of our versions of TLS",)),
        ("s_server", "TLS 1.1 only", lambda: s_server(good, "-tls1_1", *old), ("none of our versions of TLS",)),
        ("s_server", "a cipher with CBC only", lambda: s_server(good, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"),
         ("nothing in common",)),
        ("socket", "plain HTTP on the port", lambda: talk(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
         ("does not speak TLS",)),
        ("socket", "an SSH server on the port", lambda: talk(b"SSH-2.0-OpenSSH_9.2p1\r\n"), ("does not speak TLS",)),
        ("socket", "bytes of no sense", lambda: talk(bytes(range(128, 256)) * 4), ("does not speak TLS",)),
        ("socket", "the end instead of an answer", lambda: answering(lambda client: client.recv(4096)),
         ("in the middle of it",)),
    )
    for peer, what, start, words in rows:
        table.row(peer, what, lambda s=start, w=words: with_peer(s(), refused, ids, *w)())
    table.row("node", "a protocol that it does not speak (ALPN)", with_peer_alpn, ids)
    table.row("socket", "silence", with_stall, ids)
    table.row("python", "a page that is cut off", lambda: with_peer(python_server(good, answer_and_break_off), truncated, ids)())


def with_peer_alpn(ids):
    with node(ids / "good", "ALPNProtocols: ['h2']") as port:
        code, seen = get(ids, port, "alpn=http/1.1")
        check(code == 1 and "none of the protocols offered" in seen.first.get("error", ""), seen.first)
        return seen.first["error"]


def with_stall(ids):
    with answering(stall) as port:
        code, seen = get(ids, port, "timeout=1")
        check(code == 1 and "not done within 1.0 s" in seen.first.get("error", ""), seen.first)
        return seen.first["error"]
