#!/usr/bin/env python3
"""A real browser draws the example page and a folder listing, without a word of complaint on its console.

Pictures are kept in the folder that BINE_SCREENSHOTS names. Skipped where chromium is not installed.
"""

import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.request
import zlib

from bine_process import Bine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

DARK = "--blink-settings=preferredColorScheme=0"


ATTEMPTS = 3
SECONDS = 30  # an attempt takes two, or never ends: virtual time sometimes stands still on a busy machine


def run_browser(command):
    """What it printed, or None when it stalled."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    if process.returncode != 0:
        raise AssertionError(f"{command}: {process.returncode}\n{errors}")
    return output, errors


def browse(url, *flags, width=1280, height=1500):
    """Opens `url`; returns what the browser said on its console. When the browser stalls, the server has to be there."""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="bine-browser-", ignore_cleanup_errors=True) as profile:
            command = [CHROMIUM, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                       "--disable-background-networking", "--enable-logging=stderr", f"--user-data-dir={profile}",
                       f"--window-size={width},{height}", "--virtual-time-budget=6000", *flags, url]
            if os.geteuid() == 0:
                command.insert(1, "--no-sandbox")
            done = run_browser(command)
        if done:
            return done[0], re.findall(r"CONSOLE.*", done[1])
        with urllib.request.urlopen(url, timeout=5) as answer:
            answer.read()
    raise AssertionError(f"the browser stalled {ATTEMPTS} times, though {url} answers")


def distinct_rows(path):
    """How many different rows of pixels a PNG holds: few when nothing was drawn."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks = b""
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            chunks += data[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, _, kind = struct.unpack(">IIBB", data[16:26])
    row = 1 + width * {2: 3, 6: 4}[kind]
    raw = zlib.decompress(chunks)
    return len({raw[index * row : (index + 1) * row] for index in range(height)})


@unittest.skipUnless(CHROMIUM, "chromium is not installed (apt install chromium)")
class ScreenshotTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temp = tempfile.TemporaryDirectory(prefix="bine-interop-")
        cls.addClassCleanup(temp.cleanup)
        cls.temp = pathlib.Path(temp.name)
        cls.pictures = pathlib.Path(os.environ.get("BINE_SCREENSHOTS") or cls.temp)
        cls.pictures.mkdir(parents=True, exist_ok=True)

    def start(self, *arguments):
        bine = Bine(*arguments)
        self.addCleanup(bine.kill)
        return bine

    def draw(self, name, url, *flags, **size):
        picture = self.pictures / f"{name}.png"
        _, complaints = browse(url, f"--screenshot={picture}", *flags, **size)
        self.assertEqual(complaints, [])
        self.assertGreater(distinct_rows(picture), 100, f"{picture} is nearly empty")

    def test_example_page(self):
        bine = self.start()
        self.draw("example", bine.url + "/")
        self.draw("example-dark", bine.url + "/", DARK)
        self.draw("example-narrow", bine.url + "/", width=500)

    def test_example_page_is_alive(self):
        bine = self.start()
        dom, complaints = browse(bine.url + "/", "--dump-dom")
        self.assertEqual(complaints, [])
        self.assertRegex(dom, r'id="request-line">GET /api/request HTTP/1\.1, from 127\.0\.0\.1:\d+<')
        self.assertRegex(dom, r'id="median">[\d.]+<')
        self.assertRegex(dom, r'id="stream-state">[1-9]\d* of 20 chunks after')  # how many depends on virtual time
        self.assertRegex(dom, r'id="driver"[^>]*>\w+<')
        self.assertIn(f'<b class="origin">{bine.url}</b>', dom)

    def test_listing(self):
        folder = self.temp / "folder"
        folder.mkdir()
        for name in ("Field notes", "photos", "src"):
            (folder / name).mkdir()
        sizes = {"README": 2000, "photo-2.jpg": 130_000, "photo-10.jpg": 2_300_000, "data.json": 40, "<img src=x>.txt": 5}
        for name, size in sizes.items():
            (folder / name).write_bytes(bytes(size))
        bine = self.start(folder)
        self.draw("listing", bine.url + "/", width=900, height=700)
        self.draw("listing-dark", bine.url + "/?sort=size&order=desc", DARK, width=900, height=700)


if __name__ == "__main__":
    if not CHROMIUM:
        print("skipped: chromium is not installed (apt install chromium)")
        sys.exit(77)
    unittest.main()
