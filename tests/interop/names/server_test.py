#!/usr/bin/env python3
"""dnsmasq as the authority of a zone: every type, what is not there, and answers that are too long for a datagram."""

import shutil
import socket
import subprocess
import sys
import time
import unittest

from asking import ask, free_port

DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin")
LONG = [f"line {i} of an answer that no datagram of 512 bytes can hold" for i in range(40)]
ZONE = [
    "--host-record=host.example.test,192.0.2.1,2001:db8::1",
    "--host-record=v4.example.test,192.0.2.2",
    "--cname=alias.example.test,host.example.test",
    "--srv-host=_x._tcp.example.test,host.example.test,5222,10,5",
    "--srv-host=_x._tcp.example.test,v4.example.test,5223,20,0",
    "--txt-record=text.example.test,one, two",
    *[f"--txt-record=long.example.test,{line}" for line in LONG],
]


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.server = subprocess.Popen(
            [DNSMASQ, "--keep-in-foreground", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             f"--port={cls.port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=",
             "--auth-server=ns.example.test,127.0.0.1", "--auth-zone=example.test", "--auth-ttl=60", *ZONE],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in cls.server.stderr:
            if "started" in line:
                break
        else:
            raise AssertionError("dnsmasq does not start")
        cls.wait_for_port()

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.communicate()

    @classmethod
    def wait_for_port(cls):
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", cls.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise AssertionError("dnsmasq does not listen")

    def ask(self, *questions):
        return ask(self.port, *questions)[0]

    def test_addresses_and_aliases(self):
        self.assertEqual(
            self.ask("A:host.example.test", "AAAA:host.example.test", "A:v4.example.test", "A:alias.example.test",
                     "A:HOST.example.TEST."),
            ["ok 192.0.2.1", "ok 2001:db8::1", "ok 192.0.2.2", "ok 192.0.2.1", "ok 192.0.2.1"])

    def test_services_and_texts(self):
        self.assertEqual(
            self.ask("SRV:_x._tcp.example.test", "TXT:text.example.test"),
            ["ok host.example.test:5222/10 v4.example.test:5223/20", "ok one two"])

    def test_what_is_not_there(self):
        said = f", says 127.0.0.1:{self.port}"
        missing = ": there is no such name (NXDOMAIN)" + said
        self.assertEqual(
            self.ask("A:gone.example.test", "AAAA:v4.example.test", "A:gone.example.test"),
            [f'error look up A of "gone.example.test"{missing}',
             f'error look up AAAA of "v4.example.test": it has no such record{said}',
             f'error look up A of "gone.example.test"{missing}'])

    def test_what_it_refuses(self):
        self.assertEqual(
            self.ask("A:www.example.org"),
            [f'error look up A of "www.example.org": the server 127.0.0.1:{self.port} gave no answer: it refuses to '
             "answer (REFUSED)"])

    def test_answers_too_long_for_a_datagram_come_over_tcp(self):
        answer, = self.ask("TXT:long.example.test")
        self.assertTrue(answer.startswith("ok "), answer)
        for line in LONG:
            self.assertIn(line, answer)


if __name__ == "__main__":
    if not DNSMASQ:
        print("dnsmasq is not installed")
        sys.exit(77)
    unittest.main()
