#!/usr/bin/env python3
"""Tests of the harness, and that every server and every kind of load work with each other. Nothing here looks at a speed.

    bench/harness_test.py BUILD_DIRECTORY
"""

import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
from xml.etree import ElementTree

from harness import client, counting, peers, plots, python, rates, report, soak, tls
from harness.figures import Judgement, Result, exit_status, failed_of, quartiles
from harness.machine import ROOT, Failure, Machine, NotAvailable
from harness.servers import BINE, SOME_FAILED, Contender, Scratch, Server, finish_load, own_contenders, probe, start_load, tls_contenders

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build/release").resolve()
SLICE = ["--connections", "4", "--rounds", "2", "--seconds", "0.05", "--warm-up", "0.01"]


def machine():
    cpus = sorted(os.sched_getaffinity(0))
    return Machine(BUILD, (cpus[0], cpus[-1]), realtime=False)


def shell(script, driver=""):
    return Contender("planted", ("sh", "-c", script), driver)


class Judgements(unittest.TestCase):
    def test_says_what_is_reached_and_what_is_not(self):
        self.assertEqual(Judgement("a", 0.95, 0.95).verdict, "reached")
        self.assertEqual(Judgement("a", 0.94, 0.95).verdict, "MISSED")
        self.assertEqual(Judgement("a", 512, 512, at_most=True).verdict, "reached")
        self.assertEqual(Judgement("a", 513, 512, at_most=True).verdict, "MISSED")
        self.assertEqual(Judgement("a", 2, 1, sure=False).verdict, "UNSURE")
        self.assertEqual(Judgement("a", None, 1).verdict, "not available")
        self.assertEqual(Judgement("a", 0.5).verdict, "-")

    def test_what_cannot_be_had_reaches_nothing(self):
        self.assertFalse(Judgement("a", None, 1, at_most=True).reached)

    def test_a_target_within_the_quartiles_is_close(self):
        self.assertTrue(Judgement("a", 0.95, 0.95, spread=(0.9, 1.0)).close)
        self.assertFalse(Judgement("a", 0.99, 0.95, spread=(0.97, 1.0)).close)

    def test_what_failed_is_told_and_is_no_success(self):
        results = {"http": Result(judgements=[Judgement("a", 1, 1)]), "peers": Result(failed=["hello: Node http: no whole answer"])}
        failed = failed_of(results, {"churn": Failure("nobody")})
        self.assertEqual(failed, "failed: peers: hello: Node http: no whole answer; churn: nobody")
        self.assertEqual((exit_status(results, failed), exit_status(results, failed_of({"http": results["http"]}, {}))), (2, 0))
        self.assertEqual(exit_status({"a": Result(judgements=[Judgement("a", 0.5, 1)])}, ""), 1)

    def test_one_value_is_its_own_quartiles(self):
        self.assertEqual(quartiles([3]), (3, 3))


def a_round(**servers):
    """{name: (rate, ns an operation, busy)}, with spaces for underscores."""
    return {name.replace("_", " "): {"rate": rate, "server_cpu_ns": cpu, "server_busy": busy, "client_busy": 0.5, "waited": 0.0}
            for name, (rate, cpu, busy) in servers.items()}


class Rates(unittest.TestCase):
    case = rates.Case("case", "x/s", (), ())

    def judge(self, rounds, ours=BINE, yardstick="floor epoll", absent=None):
        return rates.judge(self.case, rates.Goal(ours, yardstick, 0.9), rounds, absent or {})

    def test_the_better_driver_counts(self):
        entry = a_round(floor_epoll=(100, 10, 1), bine_epoll=(80, 12, 1), bine_io_uring=(120, 8, 1))
        entry["bine io_uring"] = entry.pop("bine io uring")
        found = self.judge([entry])
        self.assertEqual((found.what, found.value, found.decided_by), ("case: bine io_uring / floor epoll", 1.2, "rate"))

    def test_processor_time_decides_when_the_yardstick_waits_for_the_client(self):
        found = self.judge([a_round(floor_epoll=(100, 10, 0.7), bine_epoll=(100, 20, 1))])
        self.assertEqual((found.value, found.decided_by, found.verdict), (0.5, "cpu", "MISSED"))

    def test_a_yardstick_that_had_no_core_says_nothing(self):
        self.assertEqual(self.judge([a_round(floor_epoll=(100, 10, 0.3), bine_epoll=(100, 10, 1))]).verdict, "UNSURE")

    def test_what_is_absent_is_never_judged_by_another(self):
        rounds = [a_round(floor_epoll=(100, 10, 1), bine_epoll=(100, 10, 1))]
        found = self.judge(rounds, ("bine io_uring",), absent={"bine io_uring": "forbidden here"})
        self.assertEqual((found.value, found.missing, found.verdict), (None, "forbidden here", "not available"))
        self.assertEqual(self.judge(rounds, yardstick="nginx", absent={"nginx": "not installed"}).missing, "not installed")

    def test_ratios_are_of_what_was_paired(self):
        rounds = [a_round(floor_epoll=(100, 10, 1), bine_epoll=(90, 10, 1)), a_round(floor_epoll=(200, 10, 1), bine_epoll=(180, 10, 1))]
        self.assertEqual(self.judge(rounds).spread, (0.9, 0.9))


    def test_a_slice_that_waited_for_its_core_does_not_count(self):
        good, bad = a_round(floor_epoll=(100, 10, 1), bine_epoll=(90, 10, 1)), a_round(floor_epoll=(100, 10, 1), bine_epoll=(1, 10, 1))
        bad["bine epoll"]["waited"] = 0.5
        self.assertEqual(rates.undisturbed([good, bad], "floor epoll", "bine epoll"), [good])
        found = self.judge([good] * 5 + [bad] * 6)
        self.assertEqual((found.value, found.verdict), (0.9, "reached"))

    def test_a_goal_may_be_about_processor_time(self):
        rounds = [a_round(nginx=(100, 20, 1), bine_epoll=(50, 10, 1))]
        found = rates.judge(self.case, rates.Goal(("bine epoll",), "nginx", 1.0, by_cpu=True), rounds, {})
        self.assertEqual((found.value, found.decided_by, found.verdict), (2.0, "cpu", "reached"))

    def test_a_table_is_in_the_units_of_its_case(self):
        case = rates.Case("case", "MiB/s", (), (), units=4)
        rounds = [a_round(bine_epoll=(100, 8000, 1)) | {"round_trip_ns": 1}]
        (row,) = rates.table_of(case, rounds, [Contender("bine epoll", ())])[1]
        self.assertEqual((row[1], row[5]), ("400", "2,000"))

    def test_when_hardly_a_slice_counts_nothing_is_sure(self):
        good, bad = a_round(floor_epoll=(100, 10, 1), bine_epoll=(90, 10, 1)), a_round(floor_epoll=(100, 10, 1), bine_epoll=(90, 10, 1))
        bad["bine epoll"]["waited"] = 0.5
        self.assertEqual(self.judge([good] * 4 + [bad] * 6).verdict, "UNSURE")


class Instructions(unittest.TestCase):
    def test_a_difference_over_two_percent_is_seen(self):
        self.assertEqual(counting.compare("a", 1000, 1021)[-1], "DIFFERS")
        self.assertEqual(counting.compare("a", 1000, 979)[-1], "DIFFERS")
        self.assertEqual(counting.compare("a", 1000, 1020)[-1], "same")
        self.assertEqual(counting.compare("a", None, 5)[-1], "new")
        self.assertEqual(counting.compare("a", 5, None)[-1], "not counted")

    def test_the_kept_file_is_sorted_and_keeps_what_was_not_counted_today(self):
        before = counting.KEPT
        with tempfile.TemporaryDirectory() as folder:
            counting.KEPT = pathlib.Path(folder) / "kept.txt"
            try:
                counting.write_kept(machine(), {"b: two words": 2, "a": 1})
                counting.write_kept(machine(), {"b: two words": 3})
                self.assertEqual(list(counting.read_kept().items()), [("a", 1), ("b: two words", 3)])
            finally:
                counting.KEPT = before


class Page(unittest.TestCase):
    def test_figures_are_xml_with_a_bar_for_each_value(self):
        svg = plots.bars("a < b", ["x"], {"bine epoll": {"x": 1.0}, "nginx & co": {"x": 0.5}})
        bars = [one for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect") if one.get("x")]
        self.assertEqual([float(bar.get("width")) for bar in bars], [480.0, 240.0])
        line = plots.lines("t", ["1", "2"], {"bine epoll": {"1": 1.0, "2": 2.0}})
        self.assertEqual(len(list(ElementTree.fromstring(line).iter("{http://www.w3.org/2000/svg}circle"))), 2)

    def test_losses_are_told(self):
        lost = Judgement("files: bine epoll / nginx", 0.8, 1.0, against="nginx")
        won = Judgement("files: bine epoll / Beast", 3.0, against="Beast")
        gone = Judgement("churn: bine io_uring / nginx", None, 1.2, against="nginx", missing="forbidden here")
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "speed.md"
            report.write_page(page, machine(), {"static": Result(judgements=[lost, won, gone])}, {})
            text = page.read_text()
        loses = text[text.index("## Where bine loses"):text.index("## What stands in the way")]
        self.assertIn("files: bine epoll / nginx: 0.80", loses)
        self.assertNotIn("Beast", loses)
        self.assertIn("- churn: bine io_uring / nginx: forbidden here", text)


class Soaks(unittest.TestCase):
    def found(self, before, after, warm, last):
        verdicts = soak.judge("x", {"descriptors": (before, after), "rss": (warm, last)})
        return [one.verdict for one in verdicts]

    def test_a_descriptor_or_memory_that_is_left_is_seen(self):
        mib = 1 << 20
        self.assertEqual(self.found(7, 7, 4 * mib, 5 * mib), ["reached", "reached"])
        self.assertEqual(self.found(7, 8, 4 * mib, 4 * mib), ["MISSED", "reached"])
        self.assertEqual(self.found(7, 7, 4 * mib, 6 * mib), ["reached", "MISSED"])

    def test_a_short_one_leaves_nothing(self):
        soak.QUIET_SECONDS = 2
        with Scratch() as scratch:
            here, _ = probe(machine(), own_contenders(machine(), "http", scratch)[2:])
            for one in here:
                found = soak.soak_one(machine(), one, scratch, 2, seed=1)
                self.assertEqual(*found["descriptors"], one.name)
                self.assertGreater(found["counts"]["answers that were checked"], 0)


class Servers(unittest.TestCase):
    def why_not(self, contender):
        with self.assertRaises(NotAvailable) as caught:
            with Server(machine(), contender):
                pass
        return str(caught.exception)

    def test_a_server_on_another_driver_than_asked_for_is_not_measured(self):
        self.assertEqual(self.why_not(shell("echo port 1 on epoll; exec sleep 9", "io_uring")), "it was asked for io_uring and runs on epoll")

    def test_a_server_says_why_it_is_not_there(self):
        self.assertEqual(self.why_not(shell("echo not available: forbidden")), "forbidden")
        self.assertEqual(self.why_not(shell("echo no memory >&2; exit 1")), "no memory")
        self.assertIn("said nothing", self.why_not(shell("exit 1")))
        self.assertIn("No such file", self.why_not(Contender("planted", ("/no/such/program",))))

    def test_the_wish_of_the_environment_is_not_heard(self):
        os.environ["BINE_REACTOR"] = "uring"
        try:
            with Scratch() as scratch, Server(machine(), own_contenders(machine(), "echo", scratch)[2]):
                pass
        finally:
            del os.environ["BINE_REACTOR"]

    def test_a_server_is_gone_behind_its_block(self):
        with Server(machine(), shell("echo port 1; exec sleep 9")) as server:
            pid = server.pid
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)


class Run(unittest.TestCase):
    def test_interrupted_it_leaves_nobody(self):
        command = [sys.executable, str(ROOT / "bench/run"), "echo", "--no-build", "--build-dir", str(BUILD)]
        # A session of its own, so that whoever is left can be found; the interrupt goes to the runner alone.
        with tempfile.TemporaryFile("w+") as out:
            runner = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            self.wait_for_children(runner.pid, 4)
            runner.send_signal(signal.SIGINT)
            self.assertEqual(runner.wait(timeout=30), 130)
        self.wait_until_none_is_left(runner.pid)

    def wait_until_none_is_left(self, group):
        for _ in range(200):
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
        self.fail("somebody is left")

    def wait_for_children(self, pid, count):
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        for _ in range(600):
            if len(children.read_text().split()) >= count:
                return
            time.sleep(0.05)
        self.fail("the runner started nobody")


class Clients(unittest.TestCase):
    def test_ask_when_they_are_told_to(self):
        with Scratch() as scratch, Server(machine(), own_contenders(machine(), "http", scratch)[0]) as server:
            contenders, _ = client.contenders_of(machine(), scratch)
            here, absent = client.here_of(machine(), contenders, server.port)
            self.assertIn("bine epoll", [one.name for one in here], absent)
            for one in here:
                with self.subTest(one.name), client.Client(machine(), one, server.port, 4) as asking:
                    found = client.measure_slice(asking, server, 0.05, 0.01)
                    self.assertGreater(found["operations"], 4)
                    self.assertGreater(found["server_cpu_ns"], 0)

    def test_a_wrong_answer_is_found(self):
        with Scratch() as scratch:
            answer = pathlib.Path(scratch.answer(machine(), close=False))
            answer.write_bytes(answer.read_bytes().replace(b"Hello", b"Hullo"))
            with Server(machine(), own_contenders(machine(), "http", scratch)[0]) as server:
                for one in client.here_of(machine(), client.contenders_of(machine(), scratch)[0], server.port)[0]:
                    with self.subTest(one.name), client.Client(machine(), one, server.port, 1) as asking:
                        with self.assertRaisesRegex(Failure, "a wrong answer"):
                            asking.ask_for(0.05)

    def test_a_client_that_cannot_be_had_says_why(self):
        with self.assertRaisesRegex(NotAvailable, "forbidden"):
            with client.Client(machine(), shell("echo not available: forbidden"), 1, 1):
                pass


class IdleTls(unittest.TestCase):
    def test_is_held_against_nginx(self):
        verdicts = [one.verdict for one in tls.judge_idle({"bine epoll": 100, "bine io_uring": 101, "nginx": 100}, {})]
        self.assertEqual(verdicts, ["reached", "MISSED"])
        (one, _) = tls.judge_idle({"bine epoll": 100}, {"nginx": "not installed"})
        self.assertEqual((one.verdict, one.missing), ("not available", "not installed"))


class Python(unittest.TestCase):
    """The programs of bench/peers/python/ on every loop that is here; asyncio's always is."""

    def setUp(self):
        self.interpreter = python.prepare(machine(), types.SimpleNamespace(python=None, no_build=True))

    def serve(self, kind, *load):
        with Scratch() as scratch:
            here, absent = probe(machine(), [one for one in python.serving(machine(), self.interpreter, scratch, kind) if "floor" not in one.name])
            if kind not in ("aiohttp", "twisted"):
                self.assertIn("asyncio", [one.name for one in here], absent)
            for one in here:
                with self.subTest(one.name, kind=kind, load=load), Server(machine(), one) as server:
                    lines = finish_load(start_load(machine(), [server], [load[0], *SLICE, "--seconds", "0.3", *load[1:]]))
                    self.assertTrue(len(lines) == 2 and all(line["operations"] > 0 for line in lines), lines)

    def test_servers_answer(self):
        for kind in ("protocol", "streams"):
            self.serve(kind, "echo", "--size", "1024")
            self.serve(kind, "echo", "--size", "65536")
        self.serve("twisted", "echo", "--size", "1024")
        self.serve("aiohttp", "http")

    def test_servers_answer_over_tls(self):
        for kind in ("tls", "own tls"):
            self.serve(kind, "tls-echo", "--size", "1024")

    def test_small_operations_are_counted(self):
        for case, *_ in python.SMALL:
            with client.Client(machine(), python.contender(self.interpreter, "asyncio", "micro.py", case)) as asking:
                found = asking.ask_for(0.01)
                self.assertEqual((found["operations"] % 1000, found["cpu_ns"] > found["operations"]), (0, True), found)

    def test_a_loop_that_cannot_be_imported_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "bine.py").write_text("import nowhere_to_be_found\n")
            elsewhere = python.Interpreter(self.interpreter.program, pathlib.Path(folder), "")
            for program in ("echo_protocol.py", "echo_streams.py"):
                with self.assertRaisesRegex(NotAvailable, "No module named 'nowhere_to_be_found'"):
                    with Server(machine(), python.contender(elsewhere, "bine epoll", program)):
                        pass

    def test_a_loop_on_another_driver_than_asked_for_is_not_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "bine.py").write_text("from asyncio import new_event_loop\n")
            planted = python.Interpreter(self.interpreter.program, pathlib.Path(folder), "")
            with Server(machine(), python.contender(planted, "bine epoll", "echo_protocol.py")):
                pass
            with self.assertRaisesRegex(NotAvailable, "asked for io_uring and runs on epoll"):
                with Server(machine(), python.contender(planted, "bine io_uring", "echo_protocol.py")):
                    pass

    def test_each_driver_is_held_against_uvloop(self):
        rounds = [{"uvloop": 100, "bine epoll": 50, "bine io_uring": 70}, {"uvloop": 200, "bine epoll": 100, "bine io_uring": 140}]
        epoll, uring = python.judge_small("x", rounds, 0.6, {})
        self.assertEqual((epoll.value, epoll.verdict, uring.value, uring.verdict), (0.5, "reached", 0.7, "MISSED"))
        (one, _) = python.judge_small("x", [{"uvloop": 100}], 0.6, {"bine epoll": "forbidden here"})
        self.assertEqual((one.missing, one.verdict), ("forbidden here", "not available"))

    def test_a_byte_more_than_uvloop_has_is_seen(self):
        verdicts = [one.verdict for one in python.judge_idle("protocol", {"bine epoll": 900, "bine io_uring": 901, "uvloop": 900}, {})]
        self.assertEqual(verdicts, ["reached", "MISSED"])
        (one, _) = python.judge_idle("protocol", {"bine epoll": 900}, {"uvloop": "not installed"})
        self.assertEqual((one.verdict, one.missing), ("not available", "not installed"))

    def test_the_yardstick_comes_first(self):
        case = python.large_echo("protocol")
        ordered = python.yardstick_first([Contender(name, ()) for name in ("uvloop", "asyncio", "bine epoll")], case)
        self.assertEqual([one.name for one in ordered], ["asyncio", "uvloop", "bine epoll"])

    def test_who_fails_is_in_the_table_and_in_no_figure(self):
        result, case = Result(), python.small_echo("streams")
        rounds = [a_round(asyncio=(100, 10, 1)) | {"round_trip_ns": 1}]
        python.tell_rates(case, rounds, [Contender("uvloop", ()), Contender("asyncio", ())], {"uvloop": "it was lost"}, result)
        self.assertEqual([row[:3] for row in result.tables[0][1]], [["uvloop", "no answer", "-"], ["asyncio", "100", "1.00"]])
        self.assertEqual(result.plots, {"rates, asyncio = 1": ([case.title], {"asyncio": {case.title: 1.0}})})

    def test_the_page_is_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "speed-python.md"
            report.write_page(page, machine(), {"python": Result(about="On this one.")}, {})
            text = page.read_text()
        self.assertTrue(text.startswith("# Speed of the asyncio loop\n"), text[:80])
        self.assertIn("On this one.", text)


class Loads(unittest.TestCase):
    """Every load against every server of ours that runs here; the load generator checks each byte."""

    def load(self, kind, *arguments, close=False, rate=None):
        with Scratch() as scratch:
            here, absent = probe(machine(), own_contenders(machine(), kind, scratch, close))
            self.assertLessEqual({one.name for one in here} ^ {"floor epoll", "bine epoll"}, {"floor io_uring", "bine io_uring"}, absent)
            for one in here:
                if "--file" in arguments and one.name not in BINE:
                    continue
                words = [word.replace("FILES", str(scratch.files)) for word in arguments]
                with self.subTest(one.name), Server(machine(), one) as server:
                    lines = finish_load(start_load(machine(), [server], [words[0], *SLICE, *words[1:]], rate and [rate]))
                    self.assertEqual(len(lines), 2)
                    self.assertTrue(all(line["operations"] > 0 for line in lines))

    def test_http(self):
        self.load("http", "http")
        self.load("http", "http", "--depth", "16")
        self.load("http", "http", "--requests", "small")

    def test_a_new_connection_for_each_request(self):
        self.load("http", "churn", close=True)

    def test_files(self):
        self.load("http", "http", "--path", "/files/10k", "--file", "FILES/10k")
        self.load("http", "http", "--path", "/files/1m", "--file", "FILES/1m", "--seconds", "0.4")

    def test_tls(self):
        with Scratch() as scratch:
            others, _ = peers.contenders(machine(), ("nginx",), scratch, scratch.identity(machine()))
            here, _ = probe(machine(), tls_contenders(machine(), scratch) + others)
            file = ("tls", "--path", "/files/1m", "--file", str(scratch.files / "1m"), "--cipher", "TLS_AES_256_GCM_SHA384", "--seconds", "0.4")
            for one in here:
                for mode, *more in (("tls-new",), ("tls-resumed",), ("tls",), file):
                    with self.subTest(one.name, mode=mode), Server(machine(), one) as server:
                        lines = finish_load(start_load(machine(), [server], [mode, *SLICE, *more]))
                        self.assertTrue(len(lines) == 2 and all(line["operations"] > 0 for line in lines), lines)

    def test_a_server_without_tls_is_found(self):
        with Scratch() as scratch, Server(machine(), own_contenders(machine(), "http", scratch)[2]) as server:
            with self.assertRaisesRegex(Failure, "TLS: handshake: "):
                finish_load(start_load(machine(), [server], ["tls-resumed", *SLICE]))

    def test_paced(self):
        self.load("http", "paced", rate=500)

    def test_echo(self):
        for size in ("1", "64", "1024", "65536"):
            self.load("echo", "echo", "--size", size)
        self.load("echo", "echo", "--size", "1000003", "--seconds", "0.4")
        self.load("echo", "echo", "--size", "64", "--largest", "1048576", "--seconds", "0.4")

    def test_a_paced_load_keeps_its_rate_and_times_all_requests(self):
        with Scratch() as scratch, Server(machine(), own_contenders(machine(), "http", scratch)[0]) as server:
            (line,) = finish_load(start_load(machine(), [server], ["paced", "--connections", "4", "--rounds", "1", "--seconds", "0.5"], [400]))
        self.assertTrue(100 < line["timed"] < 350, line)
        self.assertLessEqual(line["p50_us"], line["p99_us"])

    def test_a_wrong_byte_is_found(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=echo_wrongly, args=(listener,), daemon=True).start()
            done = subprocess.run([machine().need("load"), "echo", "--size", "64", "--connections", "1", "--server",
                                   f"{listener.getsockname()[1]}:{os.getpid()}"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, SOME_FAILED)
        self.assertIn("wrong bytes", done.stderr)

    def test_whoever_fails_fails_alone(self):
        with Scratch() as scratch:
            floor, wrong, leaving = own_contenders(machine(), "echo", scratch)[0], planted_echo(WRONG), planted_echo(LEAVING)
            result = Result()
            options = argparse.Namespace(series=2, rounds=2, seconds=0.05, warm_up=0.01, connections=4)
            case = rates.Case("echo", "messages/s", ("echo", "--size", "64"), ())
            rounds, failed = rates.measure_alone(machine(), [wrong, floor, leaving], case, scratch, options, result)
        self.assertEqual([set(one) for one in rounds], [{"floor epoll", "round_trip_ns"}] * 4)
        self.assertIn("wrong bytes", failed["wrong"])
        self.assertIn("connection 0 was lost", failed["leaving"])
        rows = rates.table_of(case, rounds, [wrong, floor, leaving], failed)[1]
        self.assertEqual([(row[0], row[1] == "no answer", row[2]) for row in rows], [("wrong", True, "-"), ("floor epoll", False, "1.00"), ("leaving", True, "-")])
        self.assertEqual(sorted(one.split(":")[1] for one in result.failed), [" leaving", " wrong"])

    def test_a_case_that_nobody_can_measure_is_told_and_the_next_one_goes_on(self):
        result = Result()
        options = argparse.Namespace(series=1, rounds=1, seconds=0.05, warm_up=0.01, connections=1)
        with Scratch() as scratch:
            floor = own_contenders(machine(), "echo", scratch)[0]
            rounds, failed = rates.measure_alone(machine(), [floor], rates.Case("odd", "x/s", ("no-such-load",), ()), scratch, options, result)
        self.assertEqual((rounds, result.failed), ([], ["odd: load: unknown mode no-such-load"]))
        self.assertEqual(rates.table_of(rates.Case("odd", "x/s", (), ()), rounds, [floor], failed)[1][0][1], "no answer")

    def test_a_lost_connection_is_found(self):
        server = Server(machine(), Contender("floor", (machine().need("floor_echo_epoll"), "0"), "epoll"))
        with self.assertRaisesRegex(Failure, "was lost"):
            with server:
                load = start_load(machine(), [server], ["echo", "--seconds", "20"])
                threading.Timer(0.5, server.process.kill).start()
                finish_load(load)


ECHO = """
import socket, threading
def serve(client, number):
    for turn in range(10**9):
        data = client.recv(64)
        if not data: return
        {fault}
        client.sendall(data)
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
for number in range(10**9):
    threading.Thread(target=serve, args=(listener.accept()[0], number), daemon=True).start()
"""
WRONG = ("wrong", "if turn > 5: data = bytes([data[0] ^ 1]) + data[1:]")
LEAVING = ("leaving", "if number == 0 and turn > 5: return client.close()")


def planted_echo(planted):
    name, fault = planted
    return Contender(name, (sys.executable, "-c", ECHO.format(fault=fault)))


def echo_wrongly(listener):
    """The first messages right, then one bit wrong."""
    client, _ = listener.accept()
    with client:
        for turn in range(100):
            data = client.recv(64)
            if not data:
                return
            client.sendall(data if turn < 5 else bytes([data[0] ^ 1]) + data[1:])


if __name__ == "__main__":
    unittest.main()
