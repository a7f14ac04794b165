#!/usr/bin/env python3
"""curl gets files from `bine serve`: pages, listings, parts, large ones; and nothing from outside the folder."""

import gzip
import hashlib
import os
import unittest

from bine_process import TIMEOUT, Answer, ServerTest, curl, curl_answer, make_file, read_to_end

LARGE = 100 * 1000 * 1000


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FilesTest(ServerTest):
    @classmethod
    def fill(cls):
        (cls.root / "index.html").write_text("<!doctype html><title>hi</title>")
        (cls.root / "ten.txt").write_text("0123456789")
        (cls.root / "list" / "deep").mkdir(parents=True)
        (cls.root / "list" / "<b>&.txt").write_text("odd")
        (cls.root / "style.css").write_text("body { color: green }" * 100)
        (cls.root / "style.css.gz").write_bytes(gzip.compress(("body { color: green }" * 100).encode()))
        (cls.root / ".env").write_text("HIDDEN")
        (cls.temp / "secret").write_text("SECRET")
        os.symlink("../secret", cls.root / "out")
        os.symlink("/etc", cls.root / "etc")
        os.symlink("ten.txt", cls.root / "inside")
        os.mkfifo(cls.root / "fifo")
        make_file(cls.root / "large.bin", LARGE)

    def test_page(self):
        answer = curl_answer(self.url + "/")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.fields["content-type"], "text/html; charset=utf-8")
        self.assertEqual(answer.body, b"<!doctype html><title>hi</title>")
        self.assertEqual(curl(self.url + "/inside"), b"0123456789")

    def test_folder_gets_its_slash_and_a_listing(self):
        answer = curl_answer(self.url + "/list?sort=date")
        self.assertEqual((answer.status, answer.fields["location"]), (301, "./list/?sort=date"))
        page = curl("--location", self.url + "/list?sort=date").decode()
        self.assertIn('href="./%3Cb%3E%26.txt"', page)
        self.assertIn("&lt;b&gt;&amp;.txt", page)
        self.assertNotIn("<b>", page)
        self.assertEqual(curl(self.url + "/list/%3Cb%3E%26.txt"), b"odd")

    def test_missing_page(self):
        answer = curl_answer(self.url + "/nothing")
        self.assertEqual(answer.status, 404)
        self.assertTrue(answer.fields["content-type"].startswith("text/plain"))
        browser = curl_answer("--header", "Accept: text/html", self.url + "/<script>alert(1)</script>")
        self.assertEqual(browser.status, 404)
        self.assertTrue(browser.fields["content-type"].startswith("text/html"))
        self.assertNotIn(b"<script>", browser.body)

    def test_head(self):
        answer = Answer(curl("--head", self.url + "/ten.txt"))
        self.assertEqual((answer.status, answer.fields["content-length"], answer.body), (200, "10", b""))

    def test_ranges(self):
        self.assertEqual(curl("--range", "2-5", self.url + "/ten.txt"), b"2345")
        self.assertEqual(curl("--range", "-3", self.url + "/ten.txt"), b"789")
        answer = curl_answer("--range", "2-5", self.url + "/ten.txt")
        self.assertEqual((answer.status, answer.fields["content-range"]), (206, "bytes 2-5/10"))
        beyond = curl_answer("--range", "10-", self.url + "/ten.txt")
        self.assertEqual((beyond.status, beyond.fields["content-range"]), (416, "bytes */10"))

    def test_conditional_get(self):
        etags = self.temp / "etags"
        first = curl("--etag-save", etags, self.url + "/ten.txt")
        self.assertEqual(first, b"0123456789")
        again = curl("--etag-compare", etags, "--write-out", "%{http_code}", self.url + "/ten.txt")
        self.assertEqual(again, b"304")
        since = curl("--time-cond", self.root / "ten.txt", "--write-out", "%{http_code}", self.url + "/ten.txt")
        self.assertEqual(since, b"304")

    def test_one_connection_serves_many(self):
        urls = [self.url + "/ten.txt", self.url + "/nothing", self.url + "/list/"]
        connects = curl(*["--output", "/dev/null"] * 3, "--write-out", "%{http_code}:%{num_connects} ", *urls)
        self.assertEqual(connects, b"200:1 404:0 200:0 ")

    def test_http_1_0(self):
        answer = curl_answer("--http1.0", self.url + "/ten.txt")
        self.assertEqual((answer.status, answer.body), (200, b"0123456789"))
        with self.bine.connect() as client:
            client.sendall(b"GET /ten.txt HTTP/1.0\r\n\r\n")
            self.assertTrue(read_to_end(client).endswith(b"\r\n\r\n0123456789"))

    def test_compressed_sibling(self):
        self.assertEqual(curl("--compressed", self.url + "/style.css"), b"body { color: green }" * 100)
        answer = curl_answer("--header", "Accept-Encoding: gzip", self.url + "/style.css")
        self.assertEqual((answer.fields["content-encoding"], answer.fields["vary"]), ("gzip", "Accept-Encoding"))

    def test_other_methods(self):
        answer = curl_answer("--data", "a=b", self.url + "/ten.txt")
        self.assertEqual((answer.status, answer.fields["allow"]), (405, "GET, HEAD, OPTIONS"))

    def test_large_file_arrives_whole(self):
        copy = self.temp / "copy"
        curl("--output", copy, self.url + "/large.bin")
        self.assertEqual(digest(copy), digest(self.root / "large.bin"))

    def test_interrupted_download_is_resumed(self):
        copy = self.temp / "resumed"
        with open(self.root / "large.bin", "rb") as source:
            copy.write_bytes(source.read(LARGE - 12345))
        code = curl("--continue-at", "-", "--output", copy, "--write-out", "%{http_code}", self.url + "/large.bin")
        self.assertEqual(code, b"206")
        self.assertEqual(digest(copy), digest(self.root / "large.bin"))

    def test_no_way_out(self):
        for path in ["/../secret", "/../../../../../../../../etc/passwd", "/list/../../secret", "/%2e%2e/secret",
                     "/%2E%2E%2Fsecret", "/..%2fsecret", "/..%5csecret", "/%252e%252e/secret", "/%c0%ae%c0%ae/secret",
                     "/..%00/secret", "/ten.txt%00.png", "/out", "/etc/passwd", "/etc/", "//etc/passwd",
                     "/%2fetc/passwd", "/.env", "/%2eenv", "/list/../.env", "/fifo", "/fifo/", "/./.env"]:
            with self.subTest(path):
                answer = curl_answer("--path-as-is", self.url + path)
                self.assertIn(answer.status, (400, 404))
                for word in (b"SECRET", b"HIDDEN", b"root:"):
                    self.assertNotIn(word, answer.body)
        for path in ["/.", "/..", "/list/.."]:
            self.assertEqual(curl("--path-as-is", self.url + path), b"<!doctype html><title>hi</title>")

    def test_many_clients_at_once(self):
        urls = [f"{self.url}/ten.txt?{number}" for number in range(200)]
        output = curl("--parallel", "--parallel-immediate", "--parallel-max", "50", *urls)
        self.assertEqual(output, b"0123456789" * 200)

    def test_file_that_shrinks_ends_the_connection(self):
        path = self.root / "shrinking.bin"
        make_file(path, 64 * 1024 * 1024)
        with self.bine.connect(receive_buffer=65536) as client:
            client.sendall(b"GET /shrinking.bin HTTP/1.1\r\nHost: bine\r\n\r\n")
            got = len(client.recv(65536))
            os.truncate(path, 1000)
            got += len(read_to_end(client))
        self.assertLess(got, 64 * 1024 * 1024)
        self.assertEqual(curl(self.url + "/ten.txt"), b"0123456789")

    def test_no_descriptor_is_left(self):
        def wait_for(most):
            # Each look is a request, so there is nothing to sleep for.
            for _ in range(500):
                curl(self.url + "/ten.txt")
                if self.bine.open_descriptors() <= most:
                    return True
            return False

        curl(self.url + "/ten.txt")
        before = self.bine.open_descriptors()
        for _ in range(20):
            with self.bine.connect() as client:
                client.sendall(b"GET /large.bin HTTP/1.1\r\nHost: bine\r\n\r\n")
                client.recv(1000)
            curl(self.url + "/list/")
        self.assertTrue(wait_for(before + 2), (before, self.bine.open_descriptors()))

    def test_slow_reader_gets_everything(self):
        with self.bine.connect(receive_buffer=4096) as client:
            client.settimeout(TIMEOUT)
            head = b"GET /large.bin HTTP/1.1\r\nHost: bine\r\nRange: bytes=0-999999\r\nConnection: close\r\n\r\n"
            client.sendall(head)
            received = b""
            while piece := client.recv(777):
                received += piece
        with open(self.root / "large.bin", "rb") as source:
            self.assertEqual(Answer(received).body, source.read(1_000_000))


if __name__ == "__main__":
    unittest.main()
