"""Other servers, as Debian and Node have them: how each is had, built and started. Those that cannot be had are named, with why."""

import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess

from .machine import ROOT, say
from .servers import Contender

NGINX = """daemon off;
master_process off;
pid {scratch}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 65536;
events {{ worker_connections 20000; use epoll; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    open_file_cache_valid 60s;
    client_body_temp_path {scratch}/nginx; proxy_temp_path {scratch}/nginx; fastcgi_temp_path {scratch}/nginx;
    uwsgi_temp_path {scratch}/nginx; scgi_temp_path {scratch}/nginx;
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        location = /hello {{ default_type text/plain; return 200 "Hello, world!\\n"; }}
        location /files/ {{ root {scratch}/www; }}
    }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Peer:
    """`source` is compiled with `flags`, or run by `interpreter`."""

    name: str
    source: str
    flags: tuple = ()
    interpreter: str = ""


CXX = ("-std=c++20", "-pthread")
PROGRAMS = (
    Peer("Beast", "beast_http.cpp", ("-std=c++17", "-pthread")),
    Peer("libevent evhttp", "evhttp_http.c", ("-levent",)),
    Peer("Node http", "node_http.js", interpreter="node"),
    Peer("libcurl", "curl_client.c", ("-D_GNU_SOURCE", "-lcurl")),
    Peer("libuv", "libuv_echo.c", ("-luv",)),
    Peer("Asio callbacks", "asio_echo_callbacks.cpp", CXX),
    Peer("Asio coroutines", "asio_echo_coroutines.cpp", CXX),
    Peer("Node net", "node_echo.js", interpreter="node"),
)
HTTP = ("nginx", "Beast", "libevent evhttp", "Node http")
ECHO = ("libuv", "Asio callbacks", "Asio coroutines", "Node net")
HOW = "not built; ./bench/run peers installs and builds it"


def folder(machine):
    return machine.build / "bench" / "peers"


def source(peer):
    return ROOT / "bench" / "peers" / peer.source


def compile_peer(machine, peer):
    compiler = "c++" if peer.source.endswith("cpp") else "cc"
    program = folder(machine) / pathlib.Path(peer.source).stem
    if program.exists() and program.stat().st_mtime > source(peer).stat().st_mtime:
        return
    command = [compiler, "-O2", "-DNDEBUG", f"-I{ROOT / 'bench'}", "-o", str(program), str(source(peer)), *peer.flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        say(f"  {peer.name} cannot be built: {done.stderr.strip().splitlines()[:1]}")


def install_and_build(machine):
    """What is missing stays missing: contenders() says so."""
    installed = subprocess.run([str(ROOT / "tools/install-packages"), "bench"], stdin=subprocess.DEVNULL)
    if installed.returncode != 0:
        say("  not all packages of the peers could be installed")
    folder(machine).mkdir(parents=True, exist_ok=True)
    for peer in PROGRAMS:
        if not peer.interpreter:
            say(f"  building {peer.name}")
            compile_peer(machine, peer)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def make_nginx(scratch, identity=None):
    """With `identity`, a certificate and its key, over TLS 1.3; the client chooses the cipher."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        return None
    port = free_port()
    (scratch.path / "nginx").mkdir(exist_ok=True)
    configuration = scratch.path / f"nginx-{port}.conf"
    user = "user root;\n" if os.getuid() == 0 else ""
    tls = " ssl;\n        ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3".format(*identity) if identity else ""
    configuration.write_text(user + NGINX.format(scratch=scratch.path, port=port, tls=tls))
    return Contender("nginx", (program, "-p", str(scratch.path), "-c", str(configuration)), port=port)


def make(machine, name, scratch, identity=None):
    """The contender, or why there is none."""
    if name == "nginx":
        return make_nginx(scratch, identity) or "nginx is not installed; ./bench/run peers installs it"
    peer = next(one for one in PROGRAMS if one.name == name)
    if peer.interpreter:
        program = shutil.which(peer.interpreter)
        return Contender(name, (program, str(source(peer)), "0")) if program else f"{peer.interpreter} is not installed"
    program = folder(machine) / pathlib.Path(peer.source).stem
    return Contender(name, (str(program), "0")) if program.exists() else HOW


def contenders(machine, names, scratch, identity=None):
    """([contender], {name: why not})."""
    made = {name: make(machine, name, scratch, identity) for name in names}
    return ([one for one in made.values() if isinstance(one, Contender)], {name: one for name, one in made.items() if isinstance(one, str)})
