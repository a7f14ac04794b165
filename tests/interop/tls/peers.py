"""Programs that others wrote, started on free ports of 127.0.0.1 and stopped by their pid."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from table import Skipped, need

SECONDS = 20
# The servers of the system are not in everybody's path.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/usr/local/go/bin"
HERE = pathlib.Path(__file__).parent


def find(tool):
    return shutil.which(tool, path=PATH)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def run(command, text_in="", seconds=SECONDS, **options):
    """The exit code and all that it printed."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
                          errors="replace", stderr=subprocess.STDOUT, start_new_session=True, **options) as process:
        try:
            said, _ = process.communicate(text_in, timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started itself
            process.communicate()
            raise
    return process.returncode, said


@contextlib.contextmanager
def program(command, port, **options):
    """Runs until the end of the block, which begins when `port` answers."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, **options)
    try:
        wait_for(process, port)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def wait_for(process, port):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"{process.args[0]} ended: {process.stdout.read().decode(errors='replace')[-300:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{process.args[0]} does not listen")


@contextlib.contextmanager
def s_server(identity, *options):
    """`openssl s_server` with NAME.both of the certificates: its port."""
    openssl = need("openssl", find("openssl"))
    command = [openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", f"{identity}.pem", "-key", f"{identity}.key",
               "-cert_chain", f"{identity}.pem", "-www", *options]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    try:
        said = ""
        while not (found := re.match(r"ACCEPT .*:(\d+)", line := process.stdout.readline())):
            said += line
            if not line:
                raise AssertionError(f"s_server ended: {said[-300:]}")
        yield int(found[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def nginx(folder, identity, *more, protocols="TLSv1.2 TLSv1.3"):
    port = free_port()
    lines = "\n".join(more)
    (folder / "nginx").mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx; proxy_temp_path {folder}/nginx; fastcgi_temp_path {folder}/nginx;
    uwsgi_temp_path {folder}/nginx; scgi_temp_path {folder}/nginx;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {identity}.pem; ssl_certificate_key {identity}.key;
        ssl_protocols {protocols}; ssl_session_cache shared:tls:1m;
        {lines}
        location / {{ return 200 "from nginx\\n"; }}
    }}
}}
""")
    with program([need("nginx", find("nginx")), "-p", folder, "-c", folder / "nginx.conf"], port):
        yield port


@contextlib.contextmanager
def apache(folder, identity, *more):
    port = free_port()
    modules = pathlib.Path("/usr/lib/apache2/modules")
    if not find("apache2") or not (modules / "mod_ssl.so").exists():
        raise Skipped("apache2 with mod_ssl is not installed")
    load = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so"
                     for name in ("mpm_event", "authz_core", "socache_shmcb", "ssl", "dir"))
    lines = "\n".join(more)
    (folder / "index.html").write_text("from apache\n")
    (folder / "apache.conf").write_text(f"""
{load}
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
Listen 127.0.0.1:{port}
DocumentRoot {folder}
DirectoryIndex index.html
StartServers 1
SSLEngine on
SSLCertificateFile {identity}.pem
SSLCertificateKeyFile {identity}.key
SSLSessionCache shmcb:{folder}/sessions(65536)
{lines}
""")
    with program([find("apache2"), "-X", "-f", folder / "apache.conf"], port):
        yield port


@contextlib.contextmanager
def haproxy(folder, identity, *more):
    port = free_port()
    options = " ".join(more)
    (folder / "haproxy.conf").write_text(f"""
defaults
    mode http
    timeout client 20s
    timeout connect 5s
    timeout server 20s
frontend tls
    bind 127.0.0.1:{port} ssl crt {identity}.both alpn h2,http/1.1 {options}
    http-request return status 200 content-type text/plain string "from haproxy"
""")
    with program([need("haproxy", find("haproxy")), "-db", "-f", folder / "haproxy.conf"], port):
        yield port


@contextlib.contextmanager
def node(identity, *more):
    """An https server of Node; `more` are further members of its options."""
    port = free_port()
    members = ", ".join([f"cert: fs.readFileSync('{identity}.pem'), key: fs.readFileSync('{identity}.key')", *more])
    script = ("const fs = require('fs'); require('https').createServer({" + members + "}, (request, response) => "
              f"response.end('from node')).listen({port}, '127.0.0.1');")
    with program([need("node", find("node")), "-e", script], port):
        yield port


@contextlib.contextmanager
def answering(serve):
    """Gives each connection of a free port to `serve(socket)` in a thread; answers the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def one(client):
        with contextlib.suppress(OSError), client:
            client.settimeout(SECONDS)
            serve(client)

    def all_of_them():
        while not over.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(client,), daemon=True).start()

    thread = threading.Thread(target=all_of_them, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS)


def python_context(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{identity}.pem", f"{identity}.key")
    return context
