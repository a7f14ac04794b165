"""The servers and proxies of others that the client is tried with, each started on free ports and stopped by its pid.

A site is http and https, on 127.0.0.1 and ::1, with the paths of site.py. What nginx, apache and haproxy have no means for
they pass on to Python's; then it is they who are spoken to, all the same.
"""

import base64
import contextlib
import hashlib
import os
import pathlib
import subprocess
import sys

from peers import find, free_port, program, run
from python_site import COOKIES, python_site
from table import Skipped, need

HERE = pathlib.Path(__file__).parent
CODES = (301, 302, 303, 307, 308)
MODULES = pathlib.Path("/usr/lib/apache2/modules")
USER, PASSWORD, REALM = "ann", "se:cret", "here"


class Site:
    def __init__(self, name, port, secure_port, features, unix=None, demanding=None):
        self.name, self.port, self.secure_port, self.features = name, port, secure_port, set(features.split())
        self.unix, self.demanding = unix, demanding  # the port of one that wants a client's certificate

    def url(self, path, secure=False, host="127.0.0.1"):
        return f"http{'s' if secure else ''}://{host}:{self.secure_port if secure else self.port}{path}"


def write_files(folder):
    """What is served as files, and who may ask for more."""
    site = folder / "site"
    (site / "coded").mkdir(parents=True)
    (site / "private").mkdir()
    (site / "cookie").mkdir()
    (site / "cookie" / "set").write_text("set\n")
    (site / "private" / "digest").write_text("come in\n")
    (site / "digits.txt").write_bytes(b"0123456789" * 100000)
    (site / "coded" / "gzip").write_bytes(b"coded " * 1000 + b"\n")
    (site / "coded" / "br").write_bytes(b"coded " * 1000 + b"\n")
    (site / "private" / "page").write_text("come in\n")
    (site / "hello").write_text("hello\n")
    with (site / "large").open("wb") as large:
        large.write(os.urandom(20 << 20))
    if zstd := find("zstd"):
        subprocess.run([zstd, "-q", site / "coded" / "gzip", "-o", site / "coded" / "zstd"], check=True)
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (folder / "passwords").write_text(f"{USER}:{{SHA}}{digest}\n")
    line = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
    (folder / "digests").write_text(f"{USER}:{REALM}:{line}\n")
    return site


@contextlib.contextmanager
def nginx(folder, identity, behind):
    port, secure_port, demanding, unix = free_port(), free_port(), free_port(), folder / "nginx.sock"
    there = f"proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_request_buffering off; " \
            "proxy_hide_header X-Port; proxy_set_header Connection '';"
    cookies = " ".join(f'add_header Set-Cookie "{cookie}";' for cookie in COOKIES)
    moves = "\n".join(f"location = /move/{code} {{ return {code} $arg_to; }}" for code in CODES)
    (folder / "nginx").mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; worker_processes 1; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off; default_type text/plain; client_max_body_size 64m;
    client_body_temp_path {folder}/nginx; proxy_temp_path {folder}/nginx; fastcgi_temp_path {folder}/nginx;
    uwsgi_temp_path {folder}/nginx; scgi_temp_path {folder}/nginx;
    gzip on; gzip_types text/plain;
    server {{
        listen 127.0.0.1:{port}; listen [::1]:{port}; listen unix:{unix};
        listen 127.0.0.1:{secure_port} ssl; listen [::1]:{secure_port} ssl;
        ssl_certificate {identity}.pem; ssl_certificate_key {identity}.key;
        root {folder}/site;
        add_header X-Port $remote_port always;
        location / {{ {there} }}
        location = /hello {{ return 200 "hello\\n"; }}
        location = /seldom {{ keepalive_requests 3; return 200 "hello\\n"; }}
        location = /until-close {{ gzip off; chunked_transfer_encoding off; {there} }}
        location = /digits.txt {{ gzip off; }}
        location = /large {{ gzip off; limit_rate 12m; }}
        location = /coded/gzip {{ }}
        location = /coded/zstd {{ gzip off; add_header Content-Encoding zstd; }}
        location = /show {{ return 200 "$request_method authorization=$http_authorization cookie=$http_cookie\\n"; }}
        location = /cookie/set {{ {cookies} return 200 "set\\n"; }}
        location /private/ {{ auth_basic "{REALM}"; auth_basic_user_file {folder}/passwords; }}
        location /files/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
        {moves}
    }}
    server {{
        listen 127.0.0.1:{demanding} ssl;
        ssl_certificate {identity}.pem; ssl_certificate_key {identity}.key;
        ssl_client_certificate {identity.parent}/ca.pem; ssl_verify_client on;
        location / {{ return 200 "$ssl_client_s_dn\\n"; }}
    }}
}}
""")
    with program([need("nginx", find("nginx")), "-p", folder, "-c", folder / "nginx.conf"], port):
        yield Site("nginx", port, secure_port, "gzip range etag basic unix put seldom" + (" zstd" if find("zstd") else ""), unix,
                   demanding)


def apache_modules(*names):
    if not find("apache2"):
        raise Skipped("apache2 is not installed")
    return "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names)


def apache_head(folder, name, modules):
    return f"""
{modules}
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/{name}.pid
ErrorLog {folder}/{name}.log
LogLevel warn
StartServers 1
KeepAliveTimeout 20
"""


def apache_site(folder, behind):
    """The directives of it, for http and https."""
    moves = "\n".join(f"RewriteCond %{{QUERY_STRING}} ^to=(.*)$\nRewriteRule ^/move/{code}$ %1 [R={code},L,NE,QSD]"
                      for code in CODES)
    local = "\n".join(f"ProxyPass {path} !" for path in ("/hello", "/digits.txt", "/large", "/coded/gzip", "/coded/br", "/private",
                                                        "/reflect", "/move", "/cookie"))
    cookies = "\n".join(f'Header add Set-Cookie "{cookie}"' for cookie in COOKIES)
    return f"""
DocumentRoot {folder}/site
ForceType text/plain
Header always set X-Port "expr=%{{REMOTE_PORT}}"
RewriteEngine on
{moves}
{local}
ProxyPass / http://127.0.0.1:{behind}/
<Location /coded/gzip>
    SetOutputFilter DEFLATE
</Location>
<Location /coded/br>
    SetOutputFilter BROTLI_COMPRESS
</Location>
<Location /cookie/set>
{cookies}
</Location>
<Location /reflect>
    SetHandler reflector
</Location>
<Location /private>
    AuthType Basic
    AuthName "{REALM}"
    AuthUserFile {folder}/passwords
    Require valid-user
</Location>
<Location /private/digest>
    AuthType Digest
    AuthName "{REALM}"
    AuthUserFile {folder}/digests
    Require valid-user
</Location>
"""


@contextlib.contextmanager
def apache(folder, identity, behind):
    port, secure_port = free_port(), free_port()
    modules = apache_modules("mpm_event", "authz_core", "authz_user", "authn_core", "authn_file", "auth_basic", "auth_digest",
                             "headers", "deflate", "brotli", "filter", "ssl", "socache_shmcb", "proxy", "proxy_http",
                             "reflector", "rewrite")
    directives = apache_site(folder, behind)
    (folder / "apache.conf").write_text(apache_head(folder, "apache", modules) + f"""
Listen 127.0.0.1:{port}
Listen [::1]:{port}
Listen 127.0.0.1:{secure_port}
Listen [::1]:{secure_port}
<VirtualHost *:{secure_port}>
    SSLEngine on
    SSLCertificateFile {identity}.pem
    SSLCertificateKeyFile {identity}.key
    {directives}
</VirtualHost>
<VirtualHost *:{port}>
    {directives}
</VirtualHost>
""")
    with program([find("apache2"), "-X", "-f", folder / "apache.conf"], port):
        yield Site("apache", port, secure_port, "gzip br range etag basic digest reflect")


@contextlib.contextmanager
def haproxy(folder, identity, behind):
    port, secure_port = free_port(), free_port()
    moves = "\n".join(f"    http-request redirect location %[query,regsub(^to=,)] code {code} if {{ path /move/{code} }}"
                      for code in CODES)
    (folder / "haproxy.conf").write_text(f"""
defaults
    mode http
    timeout client 20s
    timeout connect 5s
    timeout server 20s
    timeout http-keep-alive 20s
userlist people
    user {USER} insecure-password {PASSWORD}
frontend site
    bind 127.0.0.1:{port}
    bind ::1:{port}
    bind 127.0.0.1:{secure_port} ssl crt {identity}.both
    bind ::1:{secure_port} ssl crt {identity}.both
    compression algo gzip
    compression type text/plain
    http-request auth realm {REALM} if {{ path_beg /private }} !{{ http_auth(people) }}
    http-request return status 200 content-type text/plain string "come in\\n" if {{ path_beg /private }}
    http-request set-path /coded/plain if {{ path /coded/gzip }}
{moves}
    http-after-response set-header X-Port %[src_port]
    default_backend python
backend python
    server python 127.0.0.1:{behind}
""")
    with program([need("haproxy", find("haproxy")), "-db", "-f", folder / "haproxy.conf"], port):
        yield Site("haproxy", port, secure_port, "gzip basic")


@contextlib.contextmanager
def node(identity):
    port, secure_port = free_port(), free_port()
    with program([need("node", find("node")), HERE / "node_site.mjs", port, secure_port, identity], port):
        _, said = run([find("node"), "-p", "typeof require('zlib').zstdCompressSync"])
        yield Site("node", port, secure_port, "gzip deflate br hints" + (" zstd" if said.strip() == "function" else ""))


@contextlib.contextmanager
def python(identity):
    with python_site(identity) as (port, secure_port):
        yield Site("http.server", port, secure_port, "gzip deflate")


def tools_folder():
    return pathlib.Path(os.environ.get("BINE_TOOLS", HERE / "tools"))


def aiohttp_python():
    """Of an environment of its own, made once for all builds."""
    folder = tools_folder() / "aiohttp"
    done = folder / "installed"
    if done.exists():
        return folder / "bin" / "python"
    try:
        code, said = run([sys.executable, "-m", "venv", folder], seconds=60)
        if code == 0:
            code, said = run([folder / "bin" / "pip", "install", "--quiet", "aiohttp==3.14.5", "zstandard==0.25.0"], seconds=120)
    except subprocess.TimeoutExpired as error:
        code, said = 1, str(error)
    if code != 0:
        raise Skipped(f"aiohttp cannot be installed: {said[-200:]}")
    done.touch()
    return folder / "bin" / "python"


@contextlib.contextmanager
def aiohttp(folder, identity):
    python_program = aiohttp_python()
    port, secure_port = free_port(), free_port()
    with program([python_program, HERE / "aiohttp_site.py", port, secure_port, identity, folder / "site"], port):
        yield Site("aiohttp", port, secure_port, "gzip deflate zstd range etag")


def go_program(folder):
    go = need("go", find("go"))
    code, said = run([go, "build", "-o", folder / "site-go", HERE / "go_site.go"], seconds=120, cwd=folder)
    if code != 0:
        raise AssertionError(f"go build: {said[-300:]}")
    return folder / "site-go"


@contextlib.contextmanager
def go(folder, identity):
    port, secure_port = free_port(), free_port()
    with program([go_program(folder), port, secure_port, identity], port):
        yield Site("go", port, secure_port, "gzip deflate range")


@contextlib.contextmanager
def apache_proxy(folder):
    """A forward proxy, and one that wants to know who asks: their ports."""
    port, secret_port = free_port(), free_port()
    modules = apache_modules("mpm_event", "authz_core", "authz_user", "authn_core", "authn_file", "auth_basic", "headers", "proxy",
                             "proxy_http", "proxy_connect")
    (folder / "proxy.conf").write_text(apache_head(folder, "proxy", modules) + f"""
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{secret_port}
ProxyRequests On
ProxyVia On
AllowCONNECT 1-65535
<VirtualHost *:{secret_port}>
    ProxyRequests On
    AllowCONNECT 1-65535
    <Proxy "*">
        AuthType Basic
        AuthName "proxy"
        AuthUserFile {folder}/passwords
        Require valid-user
    </Proxy>
</VirtualHost>
""")
    with program([find("apache2"), "-X", "-f", folder / "proxy.conf"], port):
        yield port, secret_port


@contextlib.contextmanager
def haproxy_before(folder, identity, proxy):
    """haproxy in front of a proxy, spoken to without and with TLS: its ports."""
    port, secure_port = free_port(), free_port()
    (folder / "haproxy-proxy.conf").write_text(f"""
defaults
    mode http
    timeout client 20s
    timeout connect 5s
    timeout server 20s
    timeout tunnel 20s
frontend proxy
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{secure_port} ssl crt {identity}.both
    http-response set-header X-By haproxy
    default_backend behind
backend behind
    server behind 127.0.0.1:{proxy}
""")
    with program([need("haproxy", find("haproxy")), "-db", "-f", folder / "haproxy-proxy.conf"], port):
        yield port, secure_port
