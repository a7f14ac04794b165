"""`bine serve` under the clients of others: versions, ciphers, names, protocols, resumption, client certificates."""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys

from peers import HERE, SECONDS, find, run
from table import Skipped, check, need

sys.path.insert(0, str(HERE.parent / "http"))
from bine_process import Bine, make_file  # noqa: E402  pylint: disable=wrong-import-position

ANY_PORT = "tcp:0:interface=127.0.0.1"
# Each must be refused, though the client is ready for it.
WEAK = ("eNULL", "aNULL", "AES128-SHA", "AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM", "CAMELLIA128-SHA", "DHE-RSA-AES256-CCM8", "3DES", "RC4")


def start(ids, *arguments, names=("server", "server-rsa", "two"), listen=ANY_PORT):
    words = [word for name in names for word in ("--certificate", ids / f"{name}.pem", "--key", ids / f"{name}.key")]
    return Bine(*arguments, *words, listen=listen)


@contextlib.contextmanager
def served(ids, *arguments, **keywords):
    bine = start(ids, *arguments, **keywords)
    try:
        yield bine
    finally:
        code = bine.stop()
    check(code == 0, f"bine ended with {code}")


class Curl:
    def __init__(self, ids, port):
        self.command = [need("curl", find("curl")), "--verbose", "--silent", "--show-error", "--max-time", SECONDS,
                        "--cacert", ids / "ca.pem"]
        self.port = port

    def __call__(self, *arguments, host="localhost", path="/api/hello", urls=1):
        there = f"{host}:{self.port}"
        return run([*self.command, "--connect-to", f"::127.0.0.1:{self.port}", *arguments,
                    *[f"https://{there}{path}"] * urls])

    def good(self, *arguments, **keywords):
        code, said = self(*arguments, **keywords)
        check(code == 0 and "hello" in said, f"{code}: {said[-400:]}")
        return said

    def refused(self, *arguments, **keywords):
        code, said = self(*arguments, **keywords)
        check(code != 0 and "hello\n" not in said, said[-400:])
        return re.findall(r"curl: (.*)", said)[-1]


def connection_of(said):
    """ "TLSv1.3 / TLS_AES_256_GCM_SHA384" of curl's words."""
    return re.search(r"SSL connection using (.*)", said)[1]


def curl_version(curl, option, version):
    found = connection_of(curl.good(option, version))
    check(found.startswith(f"TLSv{version}"), found)
    return found


def curl_too_old(curl):
    return curl.refused("--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT:@SECLEVEL=0")


def curl_protocol(curl):
    said = curl.good("--http2")
    check("offers h2,http/1.1" in said and "server accepted http/1.1" in said, said[-400:])
    check("ALPN: offers" not in curl.good("--no-alpn"), "curl offered a protocol")
    return "of h2 and http/1.1 the latter; also without"


def curl_names(curl):
    subject = {}
    for host in ("one.example", "two.example", "deep.two.example", "localhost", "127.0.0.1"):
        subject[host] = re.search(r"subject: CN=(.*)", curl.good(host=host))[1]
    check(subject["two.example"] == subject["deep.two.example"] == "two", subject)
    check(subject["one.example"] == subject["localhost"] == subject["127.0.0.1"] == "server", subject)
    unknown = curl.refused(host="three.example")
    return f"{len(subject)} names, each its certificate; three.example: {unknown}"


def curl_keys(curl):
    found = []
    for kind in ("ECDSA", "RSA"):
        said = curl.good("--tls-max", "1.2", "--ciphers", f"ECDHE-{kind}-AES128-GCM-SHA256")
        found.append(connection_of(said))
    return ", ".join(found)


def curl_resumption(curl, most, wanted):
    """curl takes no tickets of TLS 1.2, and bine keeps no sessions: all is anew."""
    said = curl.good("--tls-max", most, "--header", "Connection: close", urls=3)
    count = said.count("SSL re-using session ID")
    check(count == wanted and said.count("hello\n") == 3, f"resumed {count} of 2 times")
    return "resumed twice" if wanted else "three handshakes"


def curl_file(curl, path):
    code, _ = curl("--output", path.with_name("copy"), path=f"/{path.name}")
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, path.with_name("copy"))]
    check(code == 0 and digests[0] == digests[1], f"curl ended with {code}")
    return f"{path.stat().st_size} bytes, the same"


def add_curl(table, ids, folder):
    make_file(folder / "large.bin", 20_000_000)
    with served(ids) as bine:
        curl = Curl(ids, bine.port)
        table.row("curl", "TLS 1.3", curl_version, curl, "--tlsv1.3", "1.3")
        table.row("curl", "TLS 1.2", curl_version, curl, "--tls-max", "1.2")
        table.row("curl", "TLS 1.1 is refused", curl_too_old, curl)
        table.row("curl", "protocols (ALPN)", curl_protocol, curl)
        table.row("curl", "names (SNI)", curl_names, curl)
        table.row("curl", "keys of two kinds for one name", curl_keys, curl)
        table.row("curl", "no tickets, so no resumption, TLS 1.2", curl_resumption, curl, "1.2", 0)
        table.row("curl", "resumption, TLS 1.3", curl_resumption, curl, "1.3", 2)
    with served(ids, folder) as bine:
        table.row("curl", "a large file", curl_file, Curl(ids, bine.port), folder / "large.bin")


def add_client_certificates(table, ids):
    server = ids / "server"
    listen = f"ssl:0:certKey={server}.pem:privateKey={server}.key:clientCA={ids}/ca.pem:interface=127.0.0.1"
    bine = Bine(listen=listen)
    try:
        curl = Curl(ids, bine.port)

        def show(name):
            return ("--cert", ids / f"{name}.pem", "--key", ids / f"{name}.key")

        for version in ("1.2", "1.3"):
            limit = ("--tls-max", version)
            table.row("curl", f"ssl: with clientCA, TLS {version}: no certificate", curl.refused, *limit)
            table.row("curl", f"ssl: with clientCA, TLS {version}: a stranger's", curl.refused, *limit, *show("stranger"))
            table.row("curl", f"ssl: with clientCA, TLS {version}: one that has expired", curl.refused, *limit, *show("expired"))
            table.row("curl", f"ssl: with clientCA, TLS {version}: its own",
                      lambda l=limit: connection_of(curl.good(*l, *show("client"))))
    finally:
        bine.stop()


class SClient:
    """`openssl s_client`, which sends `text_in`."""

    def __init__(self, ids, port):
        self.openssl = need("openssl", find("openssl"))
        self.command = [self.openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", ids / "ca.pem"]

    def __call__(self, *arguments, text_in="GET /api/hello HTTP/1.0\r\n\r\n", name="one.example", stay=True):
        return run([*self.command, "-servername", name, *(["-ign_eof"] if stay else []), *arguments], text_in=text_in)[1]


def s_client_version(client, option):
    said = client(option, "-verify_return_error")
    check("200 OK" in said and "Verify return code: 0 (ok)" in said, said[-300:])
    check("Compression: NONE" in said, "compression")
    return re.search(r"New, (.*)", said)[1].replace("Cipher is ", "") + ", no compression"


def s_client_refused(client, *options):
    said = client(*options, "-cipher", "ALL:@SECLEVEL=0", text_in="")
    check("Cipher is (NONE)" in said and "alert protocol version" in said, said[-300:])
    return "alert protocol version"


def s_client_weak(client):
    tried = []
    for cipher in WEAK:
        said = client("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", text_in="")
        if "no cipher match" in said or "no ciphers available" in said:
            continue
        check("Cipher is (NONE)" in said and "alert handshake failure" in said, f"{cipher}: {said[-300:]}")
        tried.append(cipher)
    check(len(tried) >= 8, f"this openssl can try only {tried}")
    return "refused: " + " ".join(tried)


def s_client_groups(client):
    for group in ("P-521", "ffdhe2048", "X448"):
        said = client("-groups", group, "-cipher", "ALL:@SECLEVEL=0", text_in="")
        check("Cipher is (NONE)" in said and "alert handshake failure" in said, f"{group}: {said[-300:]}")
    for group in ("X25519", "P-256", "P-384"):
        check("200 OK" in client("-groups", group), group)
    return "X25519, P-256, P-384 only"


def s_client_renegotiation(client):
    # At the end of the input it goes: what the server says to the R comes first.
    with subprocess.Popen([str(word) for word in [*client.command, "-tls1_2", "-servername", "one.example"]],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        process.stdin.write("R\n")
        process.stdin.flush()
        said = ""
        for line in process.stdout:
            said += line
            if "no renegotiation" in line:
                break
        process.kill()
    check("RENEGOTIATING" in said and "no renegotiation" in said, said[-300:])
    return "alert no_renegotiation"


def s_client_resumption(client, option, session):
    check("200 OK" in client(option, "-sess_out", session), "no page")
    said = client(option, "-sess_in", session)
    check("Reused, " in said and "200 OK" in said, said[-300:])
    other = client(option, "-sess_in", session, name="two.example")
    check("New, " in other and "200 OK" in other, "a session of one host was taken up by another")
    return "resumed; not at another name"


def s_client_reconnect(client):
    said = client("-tls1_2", "-reconnect", stay=False, text_in="")
    check(said.count("Reused, ") == 5, said.count("Reused, "))
    return "resumed 5 times"


def s_client_early_data(client, session, early):
    client("-tls1_3", "-sess_out", session)
    early.write_text("GET /api/hello HTTP/1.0\r\n\r\n")
    said = client("-tls1_3", "-sess_in", session, "-early_data", early)
    check("Early data was not sent" in said or "Early data was rejected" in said, said[-300:])
    return "not taken"


def s_client_extensions(client):
    said = client("-tls1_2")
    check("Secure Renegotiation IS supported" in said, said[-300:])
    check("Extended master secret: yes" in said, said[-300:])
    return "RFC 5746, RFC 7627"


def add_s_client(table, ids, folder):
    with served(ids) as bine:
        client = SClient(ids, bine.port)
        session = folder / "session"
        table.row("s_client", "TLS 1.3", s_client_version, client, "-tls1_3")
        table.row("s_client", "TLS 1.2", s_client_version, client, "-tls1_2")
        table.row("s_client", "TLS 1.1 is refused", s_client_refused, client, "-tls1_1")
        table.row("s_client", "TLS 1.0 is refused", s_client_refused, client, "-tls1")
        table.row("s_client", "weak ciphers are refused", s_client_weak, client)
        table.row("s_client", "groups", s_client_groups, client)
        table.row("s_client", "renegotiation is refused", s_client_renegotiation, client)
        table.row("s_client", "secure renegotiation, extended master secret", s_client_extensions, client)
        table.row("s_client", "resumption, TLS 1.2", s_client_resumption, client, "-tls1_2", session)
        table.row("s_client", "resumption, TLS 1.3", s_client_resumption, client, "-tls1_3", session)
        table.row("s_client", "reconnections", s_client_reconnect, client)
        table.row("s_client", "early data", s_client_early_data, client, session, folder / "early")


NODE = """
const https = require('https'), fs = require('fs'), tls = require('tls');
const [port, ca, version] = process.argv.slice(1);
const options = {host: '127.0.0.1', port, servername: 'one.example', ca: fs.readFileSync(ca), maxVersion: version,
                 ALPNProtocols: ['h2', 'http/1.1']};
let session;
function get(done) {
    const socket = tls.connect({...options, session}, () => {
        let text = '';
        socket.on('data', piece => { text += piece; });
        socket.on('end', () => done({authorized: socket.authorized, protocol: socket.getProtocol(), text,
            alpn: socket.alpnProtocol, resumed: socket.isSessionReused(), cipher: socket.getCipher().name}));
        socket.write('GET /api/hello HTTP/1.1\\r\\nHost: one.example\\r\\nConnection: close\\r\\n\\r\\n');
    });
    socket.on('session', s => { session = s; });
    socket.on('error', error => { throw error; });
}
https.get({...options, path: '/api/hello', agent: new https.Agent({maxVersion: version, ca: options.ca})}, answer => {
    answer.resume();
    answer.on('end', () => get(first => get(second =>
        console.log(JSON.stringify({status: answer.statusCode, first, second})))));
});
"""


def node_get(ids, port, version):
    code, said = run([need("node", find("node")), "-e", NODE, port, ids / "ca.pem", version])
    check(code == 0, said[-300:])
    told = json.loads(said)
    for one in (told["first"], told["second"]):
        check(one["authorized"] and one["protocol"] == version and one["alpn"] == "http/1.1", one)
        check(one["text"].endswith("hello\n"), one)
    check(told["status"] == 200 and not told["first"]["resumed"] and told["second"]["resumed"], told)
    return f"{told['first']['cipher']}, https and tls, resumed"


def python_get(ids, port, version):
    context = ssl.create_default_context(cafile=ids / "ca.pem")
    context.maximum_version = version
    context.set_alpn_protocols(["http/1.1"])
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    with contextlib.closing(http.client.HTTPSConnection("localhost", port, timeout=SECONDS, context=context)) as connection:
        for _ in range(3):
            connection.request("GET", "/api/hello")
            check(connection.getresponse().read() == b"hello\n", "another page")
        told = f"{connection.sock.version()} {connection.sock.cipher()[0]}, alpn {connection.sock.selected_alpn_protocol()}"
        connection.request("GET", "/api/hello", headers={"Connection": "close"})
        secure = connection.sock
        secure.suppress_ragged_eofs = False
        check(connection.getresponse().read() == b"hello\n", "another page")
    return told + ", verified strictly"


def python_end(ids, port):
    """An end without close_notify would raise SSLEOFError here."""
    context = ssl.create_default_context(cafile=ids / "ca.pem")
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as secure:
            secure.sendall(b"GET /api/hello HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: secure.recv(4096), b""))
            check(answer.endswith(b"hello\n"), answer)
    return "close_notify came"


GO = """package main

import ("crypto/tls"; "crypto/x509"; "fmt"; "io"; "net/http"; "os")

func main() {
	pem, _ := os.ReadFile(os.Args[2])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{RootCAs: roots, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		for i := 0; i < 2; i++ {
			answer, err := client.Get("https://localhost:" + os.Args[1] + "/api/hello")
			if err != nil { fmt.Println(err); os.Exit(1) }
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			state := answer.TLS
			if answer.StatusCode != 200 || state.DidResume != (i == 1) || state.Version != version {
				fmt.Println("unexpected", answer.StatusCode, state.DidResume, state.Version); os.Exit(1)
			}
			if i == 1 { fmt.Print(tls.VersionName(state.Version), " ", tls.CipherSuiteName(state.CipherSuite), ", resumed; ") }
		}
	}
}
"""


GO_SECONDS = 90


def go_build(folder):
    """The program, built once for all builds: the first time compiles Go's library."""
    go = need("go", find("go"))
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "get.go"
    if not (folder / "get").exists() or source.read_text() != GO:
        source.write_text(GO)
        try:
            code, said = run([go, "build", "-o", folder / "get", source], seconds=GO_SECONDS,
                             env={**os.environ, "GO111MODULE": "off"})
        except subprocess.TimeoutExpired:
            raise Skipped(f"Go did not build within {GO_SECONDS} s: this machine is too busy for it") from None
        check(code == 0, said[-300:])
    return folder / "get"


def go_get(ids, port, folder):
    code, said = run([go_build(folder), port, ids / "ca.pem"])
    check(code == 0, said[-300:])
    return said


def add_go(table, ids, folder):
    with served(ids) as bine:
        table.row("go", "TLS 1.2 and 1.3, net/http", go_get, ids, bine.port, folder)


def add_libraries(table, ids):
    with served(ids) as bine:
        table.row("node", "TLS 1.3", node_get, ids, bine.port, "TLSv1.3")
        table.row("node", "TLS 1.2", node_get, ids, bine.port, "TLSv1.2")
        table.row("python", "TLS 1.3", python_get, ids, bine.port, ssl.TLSVersion.TLSv1_3)
        table.row("python", "TLS 1.2", python_get, ids, bine.port, ssl.TLSVersion.TLSv1_2)
        table.row("python", "an end in good order", python_end, ids, bine.port)


def tools_folder():
    return pathlib.Path(os.environ.get("BINE_TOOLS", HERE / "tools"))


def sslyze_program(folder):
    """In an environment of its own, made once for all builds."""
    program = folder / "sslyze" / "bin" / "sslyze"
    if program.exists():
        return program
    try:
        code, said = run([sys.executable, "-m", "venv", folder / "sslyze"], seconds=60)
        if code == 0:
            code, said = run([folder / "sslyze" / "bin" / "pip", "install", "--quiet", "sslyze==6.3.1"], seconds=120)
    except subprocess.TimeoutExpired as error:
        code, said = 1, str(error)
    if code != 0 or not program.exists():
        raise Skipped(f"sslyze cannot be installed: {said[-200:]}")
    return program


# What a certificate of a test's own authority cannot meet.
SSLYZE_EXCEPTED = ("certificate_path_validation",)


def sslyze(ids, port, folder):
    code, said = run([sslyze_program(folder), "--mozilla_config", "intermediate", "--certinfo_ca_file", ids / "ca.pem",
                      f"localhost:{port}"], seconds=100)
    verdict = said.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    check(verdict and "compliant" in verdict.lower(), f"{code}: {said[-300:]}")
    findings = re.findall(r"^\s+\* (.*)", verdict, re.MULTILINE)
    others = [one for one in findings if not one.startswith(SSLYZE_EXCEPTED)]
    check(not others, "; ".join(others))
    return "Mozilla's intermediate; excepted: " + ("; ".join(findings) or "nothing")


# Of these ids a certificate of a test's own authority cannot be free.
TESTSSL_EXCEPTED = ("cert_chain_of_trust", "cert_revocation", "cert_trust", "OCSP_stapling", "DNS_CAArecord", "overall_grade",
                    "cert_crlDistributionPoints", "cert_ocspURL", "cert_certificatePolicies_EV")


TESTSSL_SECONDS = 100


def run_testssl(program, ids, port, folder, report):
    return run([program, "--openssl", find("openssl"), "--quiet", "--color", "0", "--warnings", "off", "--fast",
                "--protocols", "--std", "--server-defaults", "--vulnerable", "--add-ca", ids / "ca.pem",
                "--jsonfile", report, "--ip", "127.0.0.1", f"localhost:{port}"], seconds=TESTSSL_SECONDS, cwd=folder)


def testssl(ids, port, folder):
    program = need("testssl.sh", find("testssl") or find("testssl.sh"))
    report = folder / "testssl.json"
    try:
        code, said = run_testssl(program, ids, port, folder, report)
    except subprocess.TimeoutExpired:
        raise Skipped(f"not done within {TESTSSL_SECONDS} s: this machine is too busy for it") from None
    check(report.exists(), f"{code}: {said[-300:]}")
    findings = json.loads(report.read_text())
    check(len(findings) > 40, f"only {len(findings)} findings: {said[-300:]}")
    bad = [one for one in findings if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")]
    others = [f"{one['id']}: {one['finding']}" for one in bad if not one["id"].startswith(TESTSSL_EXCEPTED)]
    check(not others, "; ".join(others))
    return f"{len(findings)} findings, none over LOW; excepted: " + (" ".join(one["id"] for one in bad) or "nothing")


def add_scanners(table, ids, folder):
    with served(ids, names=("server", "two")) as bine:
        table.row("sslyze", "Mozilla's intermediate", sslyze, ids, bine.port, tools_folder())
        table.row("testssl.sh", "protocols, ciphers, vulnerabilities", testssl, ids, bine.port, folder)
