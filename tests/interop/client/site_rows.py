"""What every site is asked, and what some can."""

import hashlib
import re

from sites import PASSWORD, USER
from table import check

MEBIBYTE = 1 << 20


def equal(got, wanted):
    check(got == wanted, f"{str(got)[:300]} instead of {str(wanted)[:200]}")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def get(ask, site):
    for arguments in ([site.url("/hello")], [site.url("/hello", secure=True)], [site.url("/hello", host="[::1]")],
                      [site.url("/hello", host="localhost")]):
        equal(ask.get(*arguments), b"hello\n")
    told = "http, https, IPv6, localhost"
    if site.unix:
        equal(ask.get("--unix", site.unix, "http://name.invalid/hello"), b"hello\n")
        told += ", a Unix socket"
    return told


def https_by_name(ask, site):
    equal(ask.get(site.url("/hello", secure=True, host="localhost")), b"hello\n")
    error = ask.fails(8, site.url("/hello", secure=True, host="[::1]"), words=("name does not match", "--cacert"))
    return error


def head(ask, site):
    lines = ask.get("-I", site.url("/hello")).decode().splitlines()
    equal((lines[0], lines[-1]), ("HTTP/1.1 200 OK", ""))
    answers = ask.play(f"ask HEAD {site.url('/hello')}", f"ask GET {site.url('/hello')}").answers()
    equal([(answer[0], answer[1]) for answer in answers], [(200, 0), (200, 6)])
    equal(len({answer[2] for answer in answers}), 1)
    length = [line for line in lines if line.lower().startswith("content-length")]
    return ", ".join(length) or "no length"


def form(ask, site):
    equal(ask.get("-d", "a=1", "-d", "b=2", site.url("/echo")).split(),
          f"POST 7 7 {sha(b'a=1&b=2')} application/x-www-form-urlencoded".encode().split())
    equal(ask.get("-X", "PUT", "--json", "[1]", site.url("/echo")).split(),
          f"PUT 3 3 {sha(b'[1]')} application/json".encode().split())
    return "urlencoded, JSON by PUT"


def multipart(ask, site):
    (ask.folder / "cat.png").write_bytes(bytes(range(256)) * 100)
    said = ask.get("-F", "comment=hello", "-F", "photo=@cat.png;type=image/png", site.url("/echo")).decode().split()
    equal((said[0], said[4]), ("POST", "multipart/form-data"))
    equal(said[1], said[2])
    return f"{said[2]} bytes"


def chunked_upload(ask, site):
    played = ask.play(f"upload {site.url('/echo')} {MEBIBYTE}", f"upload {site.url('/echo', secure=True)} {MEBIBYTE}",
                      f"upload {site.url('/echo')} 0")
    for answer, size in zip(played.answers(), (MEBIBYTE, MEBIBYTE, 0), strict=True):
        method, framing, count, digest = answer[3].split()[:4]
        equal((answer[0], method, int(count), digest), (200, "POST", size, sha(b"x" * size)))
        equal(framing, "chunked" if size else framing)
    equal(played.all("written"), [str(MEBIBYTE), str(MEBIBYTE), "0"])
    return "1 MiB, over TLS too, and an empty one"


def keep_alive(ask, site):
    for secure in (False, True):
        url = site.url("/hello", secure)
        played = ask.play(*[f"ask GET {url}"] * 15, *[f"ask POST {site.url('/echo', secure)} text"] * 5)
        answers = played.answers()
        equal([answer[0] for answer in answers], [200] * 20)
        check(answers[0][2].isdigit(), f"no port: {answers[0]}")
        equal((played.count("connecting"), played.count("reused"), len({answer[2] for answer in answers})), (1, 19, 1))
    return "20 requests, one port seen by the server; TLS too"


def at_once(ask, site):
    played = ask.play(f"many 40 {site.url('/show')}?number={{}}", f"many 40 {site.url('/hello')}", per_host=4)
    answers = played.answers()
    ports = {answer[2] for answer in answers}
    equal([answer[0] for answer in answers], [200] * 80)
    check(len(ports) <= 4, f"{len(ports)} connections")
    equal(played.count("connecting"), len(ports))
    return f"80 requests on {len(ports)} connections, {played.count('queued')} waited"


def chunked(ask, site):
    wanted = b"".join(b"piece %d\n" % number for number in range(100))
    status, fields, body = ask.head(site.url("/chunked"), "-H", "Accept-Encoding: identity")
    equal(body, wanted)
    equal(ask.get(site.url("/chunked", secure=True)), wanted)
    return dict(fields).get("transfer-encoding", "no chunks")


def until_close(ask, site):
    _, fields, body = ask.head(site.url("/until-close"))
    equal(body, b"until close\n")
    equal(ask.get(site.url("/until-close", secure=True)), b"until close\n")
    played = ask.play(*[f"ask GET {site.url('/until-close')}"] * 2)
    equal([answer[0] for answer in played.answers()], [200, 200])
    ends = "transfer-encoding" not in dict(fields) and "content-length" not in dict(fields)
    if ends:
        equal(played.count("connecting"), 2)
    return "by the end of the connection" if ends else f"{site.name} makes chunks of it"


def coding(ask, site, name):
    wanted = b"coded " * 1000 + b"\n"
    _, fields, body = ask.head("-H", f"Accept-Encoding: {name}", "--compressed=no", site.url(f"/coded/{name}"))
    equal(dict(fields).get("content-encoding"), name)
    check(body != wanted, "is not coded")
    equal(ask.get(site.url(f"/coded/{name}", secure=True)), wanted)
    answers = ask.play(*[f"ask GET {site.url('/coded/' + name)}"] * 2).answers()
    equal([answer[:2] for answer in answers], [(200, len(wanted))] * 2)
    return f"{len(body)} bytes to {len(wanted)}"


def ranges(ask, site):
    url = site.url("/digits.txt")
    status, fields, body = ask.head("-H", "Range: bytes=100005-100014", url)
    equal((status, body), ("HTTP/1.1 206 Partial Content", b"5678901234"))
    equal(dict(fields)["content-range"], "bytes 100005-100014/1000000")
    equal(ask.get("-H", "Range: bytes=-3", url), b"789")
    ask.fails(4, "-f", "-H", "Range: bytes=1000000-", url, words=("416",))
    return "206, from the end, 416"


def redirects(ask, site):
    changed = []
    for code in (301, 302, 303, 307, 308):
        url = f"{site.url(f'/move/{code}')}?to={site.url('/echo')}"
        said = ask.get("-d", "abc", url).decode().split()
        kept = code in (307, 308)
        equal(said[:3], ["POST", "3", "3"] if kept else ["GET", "none", "0"])
        status, fields, _ = ask.head("--follow=no", url)
        equal((status.split()[1], dict(fields)["location"]), (str(code), site.url("/echo")))
        changed.append(f"{code} {'stays' if kept else 'GET'}")
    equal(ask.get("-X", "PUT", "-d", "abc", f"{site.url('/move/301')}?to=/echo").decode().split()[:3], ["PUT", "3", "3"])
    played = ask.play(f"ask GET {site.url('/move/302')}?to=/hello")
    equal((played.answers()[0][3], played.count("redirected")), ("hello", 1))
    ask.fails(9, f"{site.url('/move/302')}?to=ftp://127.0.0.1/", words=("ftp",))
    return ", ".join(changed)


def secrets(ask, site):
    other = site.url("/show", host="localhost")
    for given in (("-u", "ann:secret"), ("--bearer", "t0ken"), ("-H", "Authorization: mine"), ("-H", "Cookie: a=b")):
        equal(ask.get(*given, f"{site.url('/move/307')}?to={other}"), b"GET authorization= cookie=\n")
    equal(ask.get("-H", "Authorization: mine", "-H", "Cookie: a=b", f"{site.url('/move/307')}?to={site.url('/show')}"),
          b"GET authorization=mine cookie=a=b\n")
    secure = site.url("/move/302", secure=True)
    ask.fails(9, f"{secure}?to={site.url('/show')}", words=("https",))
    equal(ask.get("--bearer", "t", f"{site.url('/move/302')}?to={site.url('/show', secure=True)}"), b"GET authorization= cookie=\n")
    return "stay behind at another host and scheme; not from https to http"


def cookies(ask, site):
    jar = ask.folder / f"jar-{site.name}"
    ask.get("-c", jar, site.url("/cookie/set"))
    equal(ask.get("-c", jar, site.url("/show")), b"GET authorization= cookie=one=1\n")
    check("other.example" not in jar.read_text(), jar.read_text())
    check("two" in jar.read_text(), jar.read_text())
    played = ask.play(f"ask GET {site.url('/show')}", f"ask GET {site.url('/cookie/set')}", f"ask GET {site.url('/show')}",
                      f"ask GET {site.url('/show', host='localhost')}", cookies="yes")
    equal([answer[3] for answer in played.answers()], ["GET authorization= cookie=", "set", "GET authorization= cookie=one=1",
                                                      "GET authorization= cookie="])
    return "from one run to the next; not another's, not another path's"


def expecting(ask, site):
    played = ask.play(f"ready {site.url('/echo')} 100000", f"ready {site.url('/echo')} 100000", continue_ms=15000)
    for answer in played.answers():
        equal(answer[3].split()[:4], ["PUT", "100000", "100000", sha(b"x" * 100000)])
    equal(played.all("interim"), ["100", "100"])
    return f"{played.count('connecting')} connection"


def basic(ask, site):
    page = site.url("/private/page")
    status, fields, _ = ask.head(page)
    equal(status.split()[1], "401")
    equal(ask.get("-u", f"{USER}:{PASSWORD}", page), b"come in\n")
    equal(ask.get(page.replace("//", "//ann:se%3Acret@")), b"come in\n")
    ask.fails(4, "-f", "-u", f"{USER}:wrong", page, words=("401",))
    played = ask.play(f"ask GET {page}", f"ask GET {page}", user=USER, password=PASSWORD)
    equal([answer[0] for answer in played.answers()], [200, 200])
    return dict(fields)["www-authenticate"]


def digest(ask, site):
    page = site.url("/private/digest")
    _, fields, _ = ask.head(page)
    equal(ask.get("-u", f"{USER}:{PASSWORD}", page + "?a=b&c"), b"come in\n")
    ask.fails(4, "-f", "-u", f"{USER}:wrong", page, words=("401",))
    played = ask.play(*[f"ask GET {page}"] * 3, user=USER, password=PASSWORD)
    equal([answer[0] for answer in played.answers()], [200] * 3)
    equal(played.count("connecting"), 1)
    return re.sub('nonce="[^"]*"', "nonce=...", dict(fields)["www-authenticate"]) + f", {played.count('reused')} times again"


def reflected(ask, site):
    (ask.folder / "body").write_bytes(bytes(range(256)) * 4096)
    equal(ask.get("-d", "@body", site.url("/reflect")), (ask.folder / "body").read_bytes())
    equal(ask.get("-d", "@body", site.url("/reflect", secure=True)), (ask.folder / "body").read_bytes())
    return "1 MiB came back as it was sent"


def unchanged(ask, site):
    _, fields, _ = ask.head(site.url("/digits.txt"))
    tag = dict(fields)["etag"]
    status, _, body = ask.head("-H", f"If-None-Match: {tag}", site.url("/digits.txt"))
    equal((status, body), ("HTTP/1.1 304 Not Modified", b""))
    return f"304 for {tag}"


def seldom(ask, site):
    """The server says that it closes: nobody is asked in vain."""
    played = ask.play(*[f"ask GET {site.url('/seldom')}"] * 10)
    equal([answer[3] for answer in played.answers()], ["hello"] * 10)
    equal((played.count("connecting"), played.count("retried")), (4, 0))
    return "3 requests a connection: 4 connections, none asked again"


def hints(ask, site):
    played = ask.play(*[f"ask GET {site.url('/hints')}"] * 2)
    equal([answer[3] for answer in played.answers()], ["hello"] * 2)
    equal(played.all("interim"), ["103", "103"])
    return "103, then the answer"


def certificate(ask, site):
    url, shown = f"https://127.0.0.1:{site.demanding}/", ask.ids / "client"
    equal(ask.get("--cert", f"{shown}.pem", "--key", f"{shown}.key", url), b"CN=client\n")
    equal(ask.get("--cert", f"{shown}.both", url), b"CN=client\n")
    equal(ask.head(url)[0].split()[1], "400")
    return "CN=client; 400 without it"


def put(ask, site):
    (ask.folder / "put").write_bytes(bytes(range(256)) * 4096)
    for status in ("201", "204"):
        equal(ask.head("-X", "PUT", "-d", "@put", site.url("/files/put"))[0].split()[1], status)
    equal((ask.folder / "site" / "files" / "put").read_bytes(), (ask.folder / "put").read_bytes())
    equal(ask.head("-X", "DELETE", site.url("/files/put"))[0].split()[1], "204")
    return "1 MiB is a file there, and is not"


EVERY = (("GET", get), ("https: names are compared", https_by_name), ("HEAD", head), ("POST of a form", form),
         ("POST of fields and a file", multipart), ("an upload in chunks", chunked_upload), ("connections are kept", keep_alive),
         ("many at once, 4 connections", at_once), ("an answer in chunks", chunked), ("an answer until the end", until_close),
         ("redirects", redirects), ("secrets and redirects", secrets), ("cookies", cookies), ("Expect: 100-continue", expecting))
SOME = (("range", "ranges", ranges), ("basic", "Basic", basic), ("digest", "Digest", digest),
        ("reflect", "POST of 1 MiB", reflected),
        ("etag", "If-None-Match", unchanged), ("seldom", "Connection: close now and then", seldom),
        ("hints", "103 Early Hints", hints),
        ("put", "PUT of a file, DELETE", put),
        *((name, f"coding {name}", lambda ask, site, name=name: coding(ask, site, name))
          for name in ("gzip", "deflate", "br", "zstd")))


def add(table, start, ask):
    with start() as site:
        for what, function in EVERY:
            table.row(site.name, what, function, ask, site)
        for feature, what, function in SOME:
            if feature in site.features:
                table.row(site.name, what, function, ask, site)
        if site.demanding:
            table.row(site.name, "our certificate", certificate, ask, site)
