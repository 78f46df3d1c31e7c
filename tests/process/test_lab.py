"""A lab on real processes: two side by side, nothing left behind, clear words when it cannot start."""
import json
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import unittest

import bramble
import messenger

NAMES = ["groupwise", "router", "dispatcher", "collab"]


def lab_pids(lab):
    return [p["pid"] for p in json.loads(lab.tool("lab", "status", "--json"))["processes"]]


class TestLab(unittest.TestCase):
    def test_two_labs_run_side_by_side_and_down_leaves_nothing(self):
        with bramble.Lab() as one, bramble.Lab() as two:
            pids = lab_pids(one) + lab_pids(two)
            self.assertEqual(len(set(pids)), 8)
            with one.device("alice") as alice:
                alice.say("login alice alice-secret")
                alice.wait({"event": "login-ok"})
                self.assertEqual([s["user"] for s in one.json("session", "list")], ["alice"])
                self.assertEqual(two.json("session", "list"), [])
            status, out, _ = one.down()
            self.assertEqual(status, 0, out)
            self.assertEqual([p for p in pids[:4] if bramble.is_alive(p)], [])
            self.assertEqual([p for p in pids[4:] if not bramble.is_alive(p)], [])
            self.assertEqual(list((one.dir / "run").iterdir()), [])
            self.assertFalse((one.dir / "lab.json").exists())
            for base in bramble.BASE_PORTS:
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", one.port(base)))
            self.assertEqual(one.down()[0], 1)

    def test_status_asks_each_process(self):
        with bramble.Lab() as lab:
            state = lab.json("lab", "status")
            self.assertTrue(state["running"])
            self.assertEqual([p["name"] for p in state["processes"]], NAMES)
            rows = {p["name"]: p for p in state["processes"]}
            self.assertTrue(all(p["answers"] for p in rows.values()))
            self.assertTrue(rows["dispatcher"]["linked"] and rows["collab"]["linked"])
            self.assertEqual(rows["router"]["listen"], f"127.0.0.1:{lab.port(3101)}")
            table = lab.tool("lab", "status")
            for name in NAMES:
                self.assertIn(name, table)

    def test_up_says_where_who_and_how(self):
        with bramble.Lab() as lab:
            for word in [str(lab.port(3101)), str(lab.port(3200)), str(lab.port(8300)), "alice-secret", "2100000D", "Pidgin",
                         f"bramble-sim device --lab {lab.dir} --pin 2100000A", "lab down"]:
                self.assertIn(word, lab.said)

    def test_one_without_histories_says_how_to_have_them_recorded(self):
        with bramble.Lab() as lab:
            self.assertIn("-o common.history=FOLDER", lab.tool("trace", "record", lab.dir / "made.xml", want=1))
            self.assertFalse((lab.dir / "made.xml").exists())

    def test_a_folder_is_used_again_with_its_users_and_limits(self):
        with bramble.Lab() as lab:
            lab.tool("limits", "set", "--max", "7")
            lab.tool("user", "permit", "dave", "no")
            lab.down()
            lab.offset = bramble.free_offset()
            lab.up()
            self.assertEqual(lab.json("limits", "show")["max_sessions"], 7)
            self.assertFalse({u["name"]: u["permitted"] for u in lab.json("user", "list")}["dave"])
            with lab.device("bob") as bob:
                bob.say("login bob bob-secret")
                bob.wait({"event": "login-ok"})

    def test_users_come_all_at_once_and_a_start_that_was_broken_off_is_gone_on_with(self):
        with bramble.Lab("--users", "300") as lab:
            keys = {p.name: p.read_text() for p in (lab.dir / "devices").glob("220*.json")}
            self.assertEqual(len(keys), 300)
            self.assertEqual(len({json.loads(k)["keys"][0]["secret"] for k in keys.values()}), 300)
            lab.down()
            # As if it had ended after the database: neither settings nor all key files are there.
            (lab.dir / "bramble.ini").unlink()
            (lab.dir / "devices" / "2200012C.json").unlink()
            lab.up()
            self.assertEqual({p.name: p.read_text() for p in (lab.dir / "devices").glob("220*.json")}, keys)
            with bramble.Device("--lab", lab.dir, "--pin", "2200012C", "--json") as last:
                last.say("login user0300 user0300-secret")
                last.wait({"event": "login-ok"})

    def test_lists_are_kept_where_a_folder_is_given_for_them(self):
        with bramble.Lab() as lab:
            for options, kept in (((), False), (("-o", f"groupwise.state={lab.dir}"), True)):
                with self.subTest(options=options):
                    lab.down()
                    lab.options = options
                    for again in (False, True):
                        lab.offset = bramble.free_offset()
                        lab.up()
                        with lab.device("alice") as alice:
                            alice.say("login alice alice-secret")
                            alice.wait({"event": "login-ok"})
                            names = {c["user"]: c["name"] for c in alice.wait({"event": "contacts"})["contacts"]}
                            self.assertEqual(names["bob"] == "Bobby", again and kept)
                            alice.say("rename bob Bobby")
                            self.assertEqual(alice.wait({"event": "ack", "type": "CONTACT_CHANGE"})["code"], 0)
                        if not again:
                            lab.down()

    def test_lists_outlive_a_restart_of_the_im_server_within_the_labs_life(self):
        def name_of_bob(device):
            device.say("login alice alice-secret")
            device.wait({"event": "login-ok"})
            return {c["user"]: c["name"] for c in device.wait({"event": "contacts"})["contacts"]}["bob"]

        with bramble.Lab() as lab:
            with lab.device("alice") as alice:
                self.assertNotEqual(name_of_bob(alice), "Bobby")
                alice.say("rename bob Bobby")
                self.assertEqual(alice.wait({"event": "ack", "type": "CONTACT_CHANGE"})["code"], 0)
                lab.tool("lab", "restart", "groupwise")
                alice.wait({"event": "forced-logout"})
                self.assertEqual(name_of_bob(alice), "Bobby")

    def test_several_sessions_of_a_user_where_the_lab_says_so(self):
        with bramble.Lab("-o", "groupwise.sessions=several") as lab:
            port = lab.port(8300)
            with messenger.Raw(port) as first, messenger.Raw(port) as second:
                for raw in (first, second):
                    self.assertEqual(raw.login("alice")[0], 0)
                self.assertEqual(first.ask("ping")[0], 0)

    def test_a_taken_port_is_said_by_its_number_and_setting(self):
        offset = bramble.free_offset()
        folder = tempfile.mkdtemp(prefix="bramble-lab-")
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 3200 + offset))
                s.listen()
                status, _, err = bramble.run("bramble", "lab", "up", "--dir", folder, "--port-offset", offset, "--detach")
            self.assertEqual(status, 4, err)
            self.assertIn(str(3200 + offset), err)
            self.assertIn("dispatcher.listen", err)
            self.assertIn("--port-offset", err)
            self.assertEqual(list(pathlib.Path(folder, "run").iterdir()), [])
        finally:
            shutil.rmtree(folder)

    def test_a_second_up_in_the_same_folder_is_refused(self):
        with bramble.Lab() as lab:
            status, _, err = bramble.run("bramble", "lab", "up", "--dir", lab.dir, "--detach")
            self.assertEqual(status, 1)
            self.assertIn("already", err)
            self.assertEqual(lab.json("lab", "status")["running"], True)

    def test_a_wrong_setting_ends_the_start_with_the_daemons_own_sentence(self):
        folder = tempfile.mkdtemp(prefix="bramble-lab-")
        try:
            status, _, err = bramble.run("bramble", "lab", "up", "--dir", folder, "--port-offset", bramble.free_offset(), "--detach",
                                         "-o", "router.ping_intervall=5s")
            self.assertEqual(status, 3, err)
            self.assertIn("did you mean ping_interval?", err)
            self.assertEqual(list(pathlib.Path(folder, "run").iterdir()), [])
        finally:
            shutil.rmtree(folder)

    def test_bad_words_are_usage_errors(self):
        for words, said in [(["--port-offset", "many"], "--port-offset"), (["--port-offset", "60000"], "60000"),
                            (["--clock", "fast"], "--clock"), (["-o", "nonsense"], "section.key=value"),
                            (["-o", "ruoter.listen=x"], "sections"),
                            (["-o", "groupwise.hold=1s"], "[groupwise] has listen, world, state, sessions"), (["--backend", "sametime"], "cwa"),
                            (["--backend", "groupwise", "--profile", "ocs2007"], "--profile is for the back end cwa"), (["--backend", "cwa", "--profile", "r2"], "lcs2005"), (["-o", "common.run_dir=/tmp"], "bramble.ini")]:
            folder = tempfile.mkdtemp(prefix="bramble-lab-")
            try:
                status, _, err = bramble.run("bramble", "lab", "up", "--dir", folder, "--detach", *words)
                self.assertIn(status, (2, 3), (words, err))
                self.assertIn(said, err)
            finally:
                shutil.rmtree(folder)

    def test_a_lab_of_communicator_web_access_has_its_servers_and_stays_one(self):
        with bramble.Lab("--backend", "cwa") as lab:
            state = lab.json("lab", "status")
            self.assertEqual([p["name"] for p in state["processes"]], ["ocs", "cwa", "router", "dispatcher", "collab"])
            self.assertTrue(all(p["answers"] for p in state["processes"]), state)
            device = lab.device("alice")
            device.wait({"event": "link-up"})
            device.say("login alice alice-secret")
            told = device.wait({"event": "login-ok"})
            self.assertEqual(len(lab.ask("ocs", "census")["users"]["alice"]["endpoints"]), 1)
            steps = lab.json("trace", "show", told["login_id"])["steps"]
            ways = {s["what"]: s["detail"] for s in steps if s["step"] == 5}
            self.assertEqual(ways["Integrated Windows Authentication (NTLM)"], "accepted, HTTP 200, 2 requests")
            self.assertEqual(ways["the login request, in XML"], "initiateSession, profile ocs2007")
            self.assertRegex(ways["CWA registers the user by mutual TLS"], r"127\.0\.0\.1:\d+, TLSv1\.3")
            self.assertEqual(ways["the Communications Server accepts"], "200 OK")
            # What is changed of a list outlives a restart of the server that keeps it.
            device.say("rename bob Bobby")
            device.wait({"event": "contact", "what": "rename", "user": "bob", "name": "Bobby"})
            device.say("logout")
            device.wait({"event": "logged-out"})
            lab.tool("lab", "restart", "ocs")
            bramble.wait_until(lambda: lab.ask("cwa", "census")["uplink"]["link"] == "up", "the servers are linked again")
            device.say("login alice alice-secret")
            device.wait({"event": "login-ok"})
            self.assertEqual({c["user"]: c["name"] for c in device.wait({"event": "contacts"})["contacts"]}["bob"], "Bobby")
            device.stop()
            lab.down()
            status, _, err = bramble.run("bramble", "lab", "up", "--dir", lab.dir, "--backend", "groupwise")
            self.assertEqual(status, 3)
            self.assertIn("was made for cwa", err)

    def test_a_path_too_long_for_a_socket_is_said(self):
        folder = tempfile.mkdtemp(prefix="bramble-lab-")
        deep = pathlib.Path(folder, "x" * 100)
        try:
            status, _, err = bramble.run("bramble", "lab", "up", "--dir", deep, "--port-offset", bramble.free_offset(), "--detach")
            self.assertEqual(status, 3, err)
            self.assertIn("107", err)
            self.assertIn("shorter", err)
        finally:
            shutil.rmtree(folder)

    def test_when_one_process_dies_the_lab_says_why_and_ends_the_others(self):
        with bramble.Lab() as lab:
            state = json.loads(lab.tool("lab", "status", "--json"))
            pids = {p["name"]: p["pid"] for p in state["processes"]}
            os.kill(pids["dispatcher"], signal.SIGKILL)
            bramble.wait_until(lambda: not bramble.is_alive(state["pid"]), "the lab ends")
            self.assertEqual([n for n, p in pids.items() if bramble.is_alive(p)], [])
            self.assertIn("dispatcher was ended by signal 9", (lab.dir / "log" / "lab.log").read_text())
            self.assertEqual(list((lab.dir / "run").iterdir()), [])

    def test_when_the_lab_is_killed_its_processes_end_and_the_next_one_starts(self):
        with bramble.Lab() as lab:
            state = json.loads(lab.tool("lab", "status", "--json"))
            os.kill(state["pid"], signal.SIGKILL)
            bramble.wait_until(lambda: not any(bramble.is_alive(p["pid"]) for p in state["processes"]), "the processes end")
            lab.up()
            self.assertTrue(lab.json("lab", "status")["running"])

    def test_its_own_history_says_how_it_was_started_and_what_was_done_to_its_processes(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-lab-"))
        self.addCleanup(shutil.rmtree, folder, True)
        with bramble.Lab("-o", f"common.history={folder / 'history'}", "-o", "collab.database_poll=50ms") as lab:
            for word in ("stop", "continue", "kill", "start", "restart"):
                lab.tool("lab", word, "groupwise")
            bramble.control(lab.dir / "run" / "groupwise.sock", "fault", word="drop,on=login")
            bramble.control(lab.dir / "run" / "groupwise.sock", "fault.clear")
            bramble.control(lab.dir / "run" / "groupwise.sock", "broadcast", text="to all")
            bramble.control(lab.dir / "run" / "groupwise.sock", "capacity", sessions=5)
        lines = [json.loads(line) for path in (folder / "history").glob("lab-*.jsonl") for line in path.read_text().splitlines()]
        self.assertEqual([(line["event"], line["text"]) for line in lines if line["event"] not in ("history.begin", "lab.up")],
                         [("lab.setting", "key=common.history"), ("lab.setting", "key=collab.database_poll value=50ms")] +
                         [(f"lab.{event}", "process=groupwise") for event in ("stop", "continue", "kill", "start", "end", "start")] +
                         [("history.end", "")])
        up = next(line for line in lines if line["event"] == "lab.up")
        self.assertEqual((up["text"], up["numbers"]["services"]), ("backend=groupwise profile=", 1))
        first = min(json.loads(path.read_text().splitlines()[0])["at_us"] for path in (folder / "history").glob("*.jsonl"))
        self.assertLessEqual(up["numbers"]["began_us"], first)
        told = "".join(path.read_text() for path in (folder / "history").glob("groupwise-*.jsonl"))
        for words in ('"fault.set","numbers":{},"text":"word=\\"drop,on=login\\""', '"fault.clear"', '"server.broadcast"', '"server.capacity"'):
            self.assertIn(words, told)

    def test_in_the_foreground_it_ends_on_sigint(self):
        folder = tempfile.mkdtemp(prefix="bramble-lab-")
        try:
            lab = bramble.Process("bramble", "lab", "up", "--dir", folder, "--port-offset", bramble.free_offset())
            lab.wait_line(lambda line: "is up" in line, "it is up")
            pids = [p["pid"] for p in json.loads(bramble.run("bramble", "lab", "status", "--dir", folder, "--json")[1])["processes"]]
            lab.child.send_signal(signal.SIGINT)
            self.assertEqual(lab.child.wait(15), 0)
            lab.stop()
            self.assertEqual([p for p in pids if bramble.is_alive(p)], [])
        finally:
            shutil.rmtree(folder)

    def test_a_manual_clock_stands_in_all_processes(self):
        with bramble.Lab("--clock", "manual") as lab:
            for name in NAMES:
                before = lab.ask(name, "clock.show")
                self.assertTrue(before["manual"], name)
                after = lab.ask(name, "clock.advance", to_ms=before["now_ms"] + 5000)
                self.assertEqual(after["now_ms"], before["now_ms"] + 5000)
                with self.assertRaisesRegex(RuntimeError, "never goes back"):
                    lab.ask(name, "clock.advance", to_ms=1)

    def test_logs_come_in_the_order_of_time(self):
        with bramble.Lab() as lab:
            lines = lab.tool("lab", "logs", "--lines", "0").splitlines()
            times = [line.split()[0] for line in lines]
            self.assertEqual(times, sorted(times))
            self.assertTrue(any(" router info: ready" in line for line in lines))
            self.assertEqual(len(lab.tool("lab", "logs", "--lines", "2").splitlines()), 2)
            self.assertTrue(all(" router " in line for line in lab.tool("lab", "logs", "router").splitlines()))
            self.assertIn("did you mean router?", lab.tool("lab", "logs", "ruoter", want=2))


if __name__ == "__main__":
    unittest.main()
