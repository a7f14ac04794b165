"""Slide 16: pages fetched with treq, side by side: two_pages.py URL..."""

import sys

import bine.twisted

bine.twisted.install()

import treq
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import react


async def fetch(url):
    return await treq.content(await treq.get(url))


async def main(reactor, *urls):
    pages = await gatherResults([ensureDeferred(fetch(url)) for url in urls])
    for page in pages:
        print(page.decode())


react(main, sys.argv[1:])
