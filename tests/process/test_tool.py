"""Each word of the tool on a running lab, bad input to each, and the sample files followed by hand."""
import json
import os
import pathlib
import re
import shutil
import stat
import tempfile
import unittest

import bramble

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "samples"
COMMANDS = {
    "lab": ["up", "down", "status", "logs", "kill", "start", "restart", "stop", "continue"],
    "clock": ["show", "advance", "freeze", "run"],
    "user": ["add", "list", "remove", "permit"],
    "device": ["add", "list", "export", "rekey", "remove"],
    "environment": ["add", "list", "set"],
    "limits": ["show", "set"],
    "session": ["list", "events", "logout"],
    "trace": ["list", "show", "failover", "record"],
    "failover": ["show", "switch", "claim"],
    "srp": ["add", "list", "enable"],
    "config": ["check", "show"],
}


class TestHelp(unittest.TestCase):
    def test_every_word_has_help(self):
        status, out, _ = bramble.run("bramble", "--help")
        self.assertEqual(status, 0)
        for word, subs in COMMANDS.items():
            self.assertIn(word, out)
            status, group, _ = bramble.run("bramble", word, "--help")
            self.assertEqual(status, 0)
            for sub in subs:
                self.assertIn(sub, group)
                status, text, err = bramble.run("bramble", word, sub, "--help")
                self.assertEqual((status, err), (0, ""), (word, sub))
                self.assertIn(f"Usage: bramble {word} {sub}", text)
        for word in ("decode", "check"):
            self.assertEqual(bramble.run("bramble", word, "--help")[0], 0)
        self.assertRegex(bramble.run("bramble", "--version")[1], r"^bramble \d")

    def test_the_page_of_the_tool_has_every_word_and_no_other(self):
        page = (SAMPLES.parent / "docs" / "tool.md").read_text()
        found = {}
        for row in re.findall(r"(?m)^\| (`bramble .*?) \|", page):
            words = re.findall(r"`([^`]+)`", row)
            _, group, *sub = words[0].split()
            found.setdefault(group, []).extend(sub + words[1:])
        self.assertEqual((found.pop("decode"), found.pop("check")), ([], []))
        self.assertEqual({k: sorted(v) for k, v in found.items()}, {k: sorted(v) for k, v in COMMANDS.items()})
        for group, subs in COMMANDS.items():
            listed = re.findall(r"(?m)^  (\w+) ", bramble.run("bramble", group, "--help")[1])
            self.assertEqual(sorted(listed), sorted(subs))

    def test_a_typo_gets_the_nearest_name(self):
        for words, near in [(["sesion"], "session"), (["user", "lst"], "list"), (["limits", "set", "--maks", "2"], "max"),
                            (["decode", "srpp", "00"], "srp"), (["config", "check", "colab", "--config", SAMPLES / "bramble.ini"], "collab")]:
            status, _, err = bramble.run("bramble", *words)
            self.assertEqual(status, 2, err)
            self.assertIn(f"did you mean {near}?", err)

    def test_without_words_it_is_a_usage_error(self):
        self.assertEqual(bramble.run("bramble")[0], 2)
        self.assertEqual(bramble.run("bramble", "user")[0], 2)

    def test_where_there_is_no_installation_it_says_where_it_looked(self):
        with tempfile.TemporaryDirectory() as folder:
            status, _, err = bramble.run("bramble", "user", "list", cwd=folder)
            self.assertEqual(status, 3)
            self.assertIn("lab/bramble.ini", err)
            status, _, err = bramble.run("bramble", "user", "list", "--config", "nothing.ini", cwd=folder)
            self.assertEqual(status, 3)
            self.assertIn("nothing.ini", err)
            status, _, err = bramble.run("bramble", "lab", "status", cwd=folder)
            self.assertEqual(status, 1)
            self.assertIn("no lab runs in lab", err)

    def test_a_missing_or_broken_database_is_exit_status_5(self):
        with tempfile.TemporaryDirectory() as folder:
            ini = pathlib.Path(folder, "bramble.ini")
            ini.write_text("[common]\ndatabase = missing.db\n")
            status, _, err = bramble.run("bramble", "user", "list", "--config", ini)
            self.assertEqual(status, 5)
            self.assertIn("missing.db", err)
            pathlib.Path(folder, "missing.db").write_text("this is no database, but it is long enough to be looked at\n" * 50)
            pathlib.Path(folder, "install.key").write_text("x")
            self.assertEqual(bramble.run("bramble", "user", "list", "--config", ini)[0], 5)


class TestTool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = bramble.Lab().up()

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__()

    def test_users(self):
        lab = self.lab
        lab.tool("user", "add", "erin", "--mail", "erin@corp.test", "--permit", "no")
        self.assertIn("erin", lab.tool("user", "add", "erin", want=1))
        rows = {u["name"]: u for u in lab.json("user", "list")}
        self.assertEqual(rows["erin"], {"name": "erin", "pin": None, "permitted": False, "server": "lab", "mail": "erin@corp.test",
                                        "mailbox_dn": None})
        lab.tool("user", "permit", "erin", "yes")
        self.assertTrue({u["name"]: u for u in lab.json("user", "list")}["erin"]["permitted"])
        self.assertIn("maybe", lab.tool("user", "permit", "erin", "maybe", want=2))
        self.assertRegex(lab.tool("user", "list"), r"(?m)^erin +- +yes +lab +erin@corp.test$")
        lab.tool("user", "remove", "erin")
        self.assertNotIn("erin", lab.tool("user", "list"))
        for words in (["remove", "erin"], ["permit", "erin", "no"]):
            self.assertIn("erin", lab.tool("user", *words, want=1))
        self.assertIn("argument", lab.tool("user", "add", want=2))
        self.assertIn("nobody", lab.tool("user", "add", "x", "--server", "nobody", want=1))

    def test_devices_and_their_keys(self):
        lab = self.lab
        lab.tool("user", "add", "frank")
        lab.tool("device", "add", "frank", "2100000F", "--suites", "aes256-gcm")
        row = {d["user"]: d for d in lab.json("device", "list")}["frank"]
        self.assertEqual((row["pin"], row["keys"][0]["suites"], row["keys"][0]["state"]), ("2100000F", ["aes256-gcm"], "current"))
        self.assertNotIn("secret", json.dumps(lab.json("device", "list")))
        path = lab.dir / "frank.json"
        lab.tool("device", "export", "2100000F", path)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        key = json.loads(path.read_text())
        self.assertEqual((key["pin"], key["srp_id"], len(key["keys"][0]["secret"])), ("2100000F", "T00000001", 64))
        self.assertEqual(json.loads(lab.tool("device", "export", "2100000f")), key)
        key["send_ceiling"] = 99999
        path.write_text(json.dumps(key))
        self.assertIn("Key 2", lab.tool("device", "rekey", "2100000F"))
        lab.tool("device", "export", "2100000F", path)
        again = json.loads(path.read_text())
        self.assertEqual(sorted((k["serial"], k["state"]) for k in again["keys"]), [(1, "previous"), (2, "current")],
                         "the device is to use the new one, and still opens what was sealed before")
        self.assertEqual(again["send_ceiling"], 99999, "a ceiling never goes down")
        for words, want, said in [(["add", "frank", "21000010"], 1, "frank"), (["add", "alice", "2100000F"], 1, ""),
                                  (["add", "nobody", "21000011"], 1, "nobody"), (["add", "frank", "xyz"], 2, "8 hex digits"),
                                  (["add", "frank", "00000000"], 2, "PIN"), (["export", "21000099"], 1, "21000099"),
                                  (["rekey", "21000099"], 1, "21000099"), (["add", "frank", "2100000E", "--suites", "rot13"], 2, "rot13"),
                                  (["export", "2100000F", lab.dir / "no" / "such"], 1, "such")]:
            self.assertIn(said, lab.tool("device", *words, want=want))
        lab.tool("device", "remove", "2100000F")
        self.assertIn("2100000F", lab.tool("device", "remove", "2100000F", want=1))
        lab.tool("user", "remove", "frank")

    def test_limits(self):
        lab = self.lab
        shown = lab.tool("limits", "set", "--max", "12", "--idle-timeout", "31m", "--inactivity-timeout", "2d", "--capacity", "50",
                         "--evict", "one")
        for line in ["max                 12", "idle-timeout        31m", "inactivity-timeout  2d", "capacity            50",
                     "evict               one"]:
            self.assertIn(line, shown)
        self.assertEqual(lab.json("limits", "show")["idle_timeout_ms"], 1860000)
        lab.tool("limits", "set", "--idle-timeout", "90s")
        limits = lab.json("limits", "show")
        self.assertEqual((limits["max_sessions"], limits["idle_timeout_ms"], limits["evict"]), (12, 90000, "one"))
        lab.tool("limits", "set", "--max", "unset", "--idle-timeout", "unset", "--inactivity-timeout", "unset", "--evict", "all",
                 "--capacity", "5120")
        limits = lab.json("limits", "show")
        self.assertEqual((limits["max_sessions"], limits["idle_timeout_ms"], limits["inactivity_timeout_ms"]), (None, None, None))
        for words, want, said in [([], 2, "nothing to change"), (["--max", "0"], 2, "--max"), (["--max", "-1"], 2, "--max"),
                                  (["--max", "99999999999"], 2, "--max"), (["--idle-timeout", "5 parsecs"], 2, "31m"),
                                  (["--idle-timeout", "0"], 2, "unset"), (["--capacity", "unset"], 2, "--capacity"),
                                  (["--evict", "some"], 2, "all or one"), (["--max", "2", "--environment", "nowhere"], 1, "nowhere"),
                                  (["--max"], 2, "needs a value")]:
            self.assertIn(said, lab.tool("limits", "set", *words, want=want))

    def test_changed_limits_reach_the_service_without_a_restart(self):
        lab = self.lab
        lab.tool("limits", "set", "--max", "33")
        bramble.wait_until(lambda: lab.ask("collab", "status")["limits"]["max_sessions"] == 33, "collab sees the new maximum")
        lab.tool("limits", "set", "--max", "unset")

    def test_environments(self):
        lab = self.lab
        lab.tool("environment", "add", "second", "--host", "im.corp.test", "--port", "8301", "--transport", "tcp")
        lab.tool("environment", "set", "second", "--port", "8302")
        row = {e["environment"]: e for e in lab.json("environment", "list")}["second"]
        self.assertEqual((row["host"], row["port"], row["transport"], row["transport_capacity"]), ("im.corp.test", 8302, "tcp", 5120))
        for words, want, said in [(["add", "second"], 1, "second"), (["set", "third", "--port", "1"], 1, "third"),
                                  (["set", "second"], 2, "nothing to change"), (["add", "x", "--port", "0"], 2, "--port"),
                                  (["add", "x", "--type", "icq"], 2, "icq"), (["add", "x", "--transport", "pigeon"], 1, "transport")]:
            self.assertIn(said, lab.tool("environment", *words, want=want))

    def test_sessions_are_listed_watched_and_logged_out(self):
        lab = self.lab
        with bramble.Process("bramble", "session", "list", "--watch", "--json", "--dir", lab.dir) as watch, lab.device("alice") as alice:
            self.assertEqual(json.loads(watch.wait_line(lambda _: True, "the first state")), [])
            alice.say("login alice alice-secret")
            session = alice.wait({"event": "login-ok"})["session"]
            seen = json.loads(watch.wait_line(lambda line: '"active"' in line, "the session"))
            self.assertEqual([(s["session"], s["user"], s["pin"]) for s in seen], [(session, "alice", "2100000A")])
            self.assertRegex(lab.tool("session", "list"), rf"(?m)^{session} +alice +2100000A +active")
            self.assertIn(f"Session {session} of alice", lab.tool("session", "logout", str(session)))
            self.assertEqual(alice.wait({"event": "forced-logout"})["session"], session)
            self.assertEqual(json.loads(watch.wait_line(lambda line: line == "[]", "no session")), [])
            row = lab.json("session", "list", "--history", "--most", "1")[0]
            self.assertEqual((row["session"], row["user"], row["reason"]), (session, "alice", "admin"))
            self.assertIsNotNone(row["ended"])
        for words, want, said in [(["logout", "4000000"], 1, "4000000"), (["logout", "x"], 2, "number"), (["logout"], 2, "argument"),
                                  (["list", "--most", "0"], 2, "--most")]:
            self.assertIn(said, lab.tool("session", *words, want=want))

    def test_a_refusal_is_listed_with_its_arithmetic(self):
        lab = self.lab
        lab.tool("limits", "set", "--max", "1", "--idle-timeout", "10m")
        with lab.device("carol") as carol, lab.device("dave") as dave:
            carol.say("login carol carol-secret")
            carol.wait({"event": "login-ok"})
            dave.say("login dave dave-secret")
            self.assertEqual(dave.wait({"event": "login-failed"})["status_text"], "Server Busy")
            bramble.wait_until(lambda: "Server Busy" in lab.tool("session", "events"), "the refusal is in the trail")
            said = [e["text"] for e in lab.json("session", "events", "--pin", "2100000D")]
            self.assertTrue(any("max=1 live=1 evictable=0" in text for text in said), said)
            self.assertEqual({e["pin"] for e in lab.json("session", "events", "--pin", "2100000D")}, {"2100000D"})
            self.assertEqual(len(lab.json("session", "events", "--most", "2")), 2)
            carol.say("logout")
            carol.wait({"event": "logged-out"})
        lab.tool("limits", "set", "--max", "unset", "--idle-timeout", "unset")
        for words, said in [(["--pin", "x"], "8 hex digits"), (["--most", "0"], "--most")]:
            self.assertIn(said, lab.tool("session", "events", *words, want=2))

    def test_srp_identities(self):
        lab = self.lab
        said = lab.tool("srp", "add", "T00000002", "--server", "other", "--key", "00112233445566778899aabbccddeeff00112233")
        self.assertIn("The Router has read it", said)
        rows = {s["srp_id"]: s for s in lab.json("srp", "list")}
        self.assertTrue(rows["T00000001"]["connected"])
        self.assertEqual((rows["T00000002"]["server"], rows["T00000002"]["connected"]), ("other", False))
        text = (lab.dir / "srp.keys").read_text()
        self.assertIn("T00000002 00112233445566778899aabbccddeeff00112233\n", text)
        self.assertEqual(stat.S_IMODE((lab.dir / "srp.keys").stat().st_mode), 0o600)
        self.assertNotIn("00112233", lab.tool("srp", "list") + json.dumps(lab.json("srp", "list")))
        lab.tool("srp", "add", "T00000002", "--server", "other")
        self.assertEqual(len(re.findall("(?m)^T00000002 ", (lab.dir / "srp.keys").read_text())), 1)
        self.assertIn("was not deactivated", lab.tool("srp", "enable", "T00000001"))
        for words, want, said in [(["enable", "T09"], 1, "T09"), (["add", "a b"], 2, "letters"), (["add", "T3", "--key", "12"], 2, "40 hex"),
                                  (["enable"], 2, "argument")]:
            self.assertIn(said, lab.tool("srp", *words, want=want))

    def test_config(self):
        lab = self.lab
        self.assertEqual(lab.tool("config", "check").count("are good"), 3)
        shown = lab.tool("config", "show", "router")
        self.assertIn("[router]\n", shown)
        self.assertRegex(shown, r"(?m)^listen = 127\.0\.0\.1:\d+$")
        bad = lab.dir / "bad.ini"
        bad.write_text("[collab]\nenvironmnt = groupwise\n")
        status, _, err = bramble.run("bramble", "config", "check", "--config", bad)
        self.assertEqual(status, 3)
        self.assertIn("bad.ini:2", err)
        self.assertIn("did you mean environment?", err)


class TestDecode(unittest.TestCase):
    def decode(self, *args, want=0, stdin=None):
        status, out, err = bramble.run("bramble", "decode", *args, stdin=stdin)
        if stdin is not None and isinstance(out, bytes):
            out, err = out.decode(), err.decode()
        self.assertEqual(status, want, (out, err))
        return out + err

    # PING nonce=7 and REGISTER pin=2100000A srp_id=T00000001, written from the page
    PING = "01fc0000000b" + "49" + "00000007"
    REGISTER = "0115" + "00000019" + "49" + "2100000a" + "53" + "00000009" + b"T00000001".hex()

    def test_srp_as_hex_file_and_stream(self):
        self.assertIn("PING", self.decode("srp", self.PING))
        out = self.decode("srp", self.PING + self.REGISTER)
        self.assertRegex(out, r"(?s)PING nonce=7.*REGISTER pin=2100000A.*T00000001")
        with tempfile.NamedTemporaryFile() as raw, tempfile.NamedTemporaryFile("w") as text:
            raw.write(bytes.fromhex(self.REGISTER))
            raw.flush()
            self.assertIn("REGISTER", self.decode("srp", raw.name))
            text.write("01 fc 00 00\n00 0b 49 00 00 00 07\n")
            text.flush()
            self.assertIn("nonce=7", self.decode("srp", text.name))
        self.assertIn("nonce=7", self.decode("srp", stdin=bytes.fromhex(self.PING)))
        self.assertIn("nonce=7", self.decode("srp", "-", stdin=bytes.fromhex(self.PING)))

    def test_what_is_wrong_is_said_with_its_place(self):
        self.assertIn("at byte 11", self.decode("srp", self.PING + "02fc0000000b4900000007", want=1))
        self.assertIn("goes on", self.decode("srp", self.PING[:-2], want=1))
        self.assertIn("neither hex digits nor a file", self.decode("srp", "/nowhere/at all", want=1))
        self.decode("gme", "00", want=1)
        self.assertIn("not an encrypted packet", self.decode("packet", "00", want=1))
        self.assertIn("there are no bytes", self.decode("srp", want=1, stdin=b""))
        self.assertIn("/nowhere.json", self.decode("srp", self.PING, "--key-file", "/nowhere.json", want=3))

    def test_the_other_formats(self):
        vectors = pathlib.Path(__file__).resolve().parents[1] / "vectors"
        self.assertTrue(vectors.is_dir())
        login = "01" + "00000001" + "53" + "00000005" + b"alice".hex() + "53" + "00000006" + b"hunter".hex() + "49" + "00000000"
        out = self.decode("im", login)
        self.assertIn("alice", out)
        self.assertNotIn("hunter", out)
        self.assertNotIn(b"hunter".hex(), out)
        self.assertIn("PING", self.decode("link", self.PING))
        request = b"POST /ping HTTP/1.0\r\n\r\n&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=3&type=10\r\n"
        for name in ("groupwise", "groupwise-request"):
            self.assertIn("ping", self.decode(name, stdin=request))
        self.assertEqual(self.decode("control", stdin=b'{"verb":"trail","id":7,"params":{"max":10}}\n'), "call trail id=7 max=10\n")

    def test_communicator_web_access_in_both_encodings(self):
        logon = "<cwaRequests><logon><user>CORP\\alice</user><password>hunter2</password></logon></cwaRequests>"
        as_json = '{"cwaRequests":{"items":[{"logon":{"user":"CORP\\\\alice","password":"hunter2"}}]}}'
        head = f"POST /forms/logon.html HTTP/1.1\r\nCWA-Ticket: secret-ticket\r\nContent-Length: {len(logon)}\r\n\r\n"
        outs = [self.decode("cwa", stdin=text.encode()) for text in (logon, as_json, head + logon)]
        self.assertEqual(outs[0], outs[1])
        self.assertIn("logon\n    user: ", outs[0])
        self.assertEqual(outs[2].splitlines()[1:], outs[0].splitlines())
        for out in outs:
            self.assertNotIn("hunter", out)
            self.assertNotIn("secret-ticket", out)
        odd = self.decode("cwa", stdin=b'<cwaEvents><conference eid="1"><nonsense/></conference></cwaEvents>')
        self.assertIn("left out, because the protocol has no such things: 1", odd)
        self.assertIn("incomplete: ", odd)
        self.assertIn("begins with < or {", self.decode("cwa", stdin=b"hello", want=1))
        self.decode("cwa", stdin=b"<cwaEvents>", want=1)

    def test_a_stream_of_sip(self):
        message = ("MESSAGE sip:bob@corp.test SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:alice@corp.test>;tag=1;epid=0a\r\n"
                   "To: <sip:bob@corp.test>\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\nAuthorization: NTLM gssapi-data=\"xyzzy\"\r\n"
                   "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
        answer = ("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:alice@corp.test>;tag=1;epid=0a\r\n"
                  "To: <sip:bob@corp.test>;tag=2\r\nCall-ID: c1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n")
        out = self.decode("sip", stdin=(message + "\r\n\r\n" + answer).encode())
        self.assertRegex(out, r"(?s)^MESSAGE sip:bob@corp\.test\n.*epid=0a\n.*Authorization: \(hidden\)\n.*\n    hello\n\(empty lines\)\n200 OK\n")
        self.assertNotIn("xyzzy", out)
        self.assertIn("goes on", self.decode("sip", stdin=message[:-1].encode(), want=1))
        self.assertIn("Content-Length", self.decode("sip", stdin=b"A b C\r\n\r\n", want=1))

    def test_a_key_file_opens_a_packet_down_to_the_message(self):
        with bramble.Lab() as lab:
            with bramble.Tap(lab.port(3101)) as tap, lab.device("alice", "--router", f"127.0.0.1:{tap.port}") as alice:
                alice.say("login alice alice-secret")
                alice.wait({"event": "login-ok"})
                alice.say("send bob the quick brown fox")
                alice.wait(lambda e: e["event"] == "ack" or (e["event"] == "sent" and e.get("to") == "bob"))
                up = bytes(tap.up)
            key = lab.dir / "devices" / "2100000A.json"
            status, out, err = bramble.run("bramble", "decode", "srp", "--key-file", key, "-", stdin=up)
            self.assertEqual(status, 0, err)
            self.assertIn(b"REGISTER pin=2100000A", out)
            self.assertIn(b"LOGIN", out)
            self.assertIn(b"user=alice", out)
            self.assertIn(b"suite=aes256-cbc", out)
            self.assertNotIn(b"alice-secret", out)
            closed = bramble.run("bramble", "decode", "srp", "-", stdin=up)[1]
            self.assertIn(b"packet suite=aes256-cbc key=2100000A+1", closed)
            self.assertNotIn(b"alice", closed)
            other = bramble.run("bramble", "decode", "srp", "--key-file", lab.dir / "devices" / "2100000B.json", "-", stdin=up)[1]
            self.assertIn(b"not opened", other)


class TestByHand(unittest.TestCase):
    def test_the_sample_files_start_the_five_programs(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-hand-"))
        offset = bramble.free_offset()
        router, dispatcher, groupwise = (f"127.0.0.1:{port + offset}" for port in (3101, 3200, 8300))
        processes = []

        def tool(*words):
            status, out, err = bramble.run("bramble", *words, cwd=folder)
            self.assertEqual(status, 0, (words, out, err))

        def start(*words):
            process = bramble.Process(*words, cwd=folder)
            processes.append(process)
            return process

        try:
            for name in ("bramble.ini", "world.xml"):
                shutil.copy(SAMPLES / name, folder)
            # As the head of the sample file says, the ports apart.
            tool("srp", "add", "T00000001", "--server", "bramble")
            tool("environment", "add", "groupwise", "--host", "127.0.0.1", "--port", groupwise.split(":")[1], "--transport", "tls")
            tool("user", "add", "alice")
            tool("device", "add", "alice", "2100000A")
            tool("device", "export", "2100000A", "alice.json")
            with bramble.Notify() as notify:
                env = dict(os.environ, NOTIFY_SOCKET=notify.address)
                bramble_ini = ["-c", "bramble.ini"]
                processes.append(bramble.Process("bramble-sim", "groupwise", "--world", "world.xml", "--listen", groupwise, cwd=folder, env=env))
                notify.wait()
                for words in (["bramble-router", *bramble_ini, "-o", f"router.listen={router}"],
                              ["bramble-dispatcher", *bramble_ini, "-o", f"dispatcher.routers={router}", "-o",
                               f"dispatcher.listen={dispatcher}"],
                              ["bramble-collab", *bramble_ini, "-o", f"collab.dispatcher={dispatcher}"]):
                    processes.append(bramble.Process(*words, cwd=folder, env=env))
                    notify.wait()
            bramble.wait_until(lambda: bramble.control(folder / "run" / "collab.sock", "status")["linked"], "collab is linked")
            device = bramble.Device("--key-file", folder / "alice.json", "--router", router, "--json")
            processes.append(device)
            device.say("login alice alice-secret")
            self.assertEqual(device.wait({"event": "login-ok"})["display_name"], "Alice Archer")
            tool("session", "list")
        finally:
            ends = [p.stop() for p in reversed(processes)]
            shutil.rmtree(folder)
        self.assertEqual(ends, [0] * 5)


if __name__ == "__main__":
    unittest.main()
