"""Record and replay: what people did in a lab that ran is played again, and comes to the same; and what a record makes of the lines that the
processes wrote, case by case."""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]
import bramble

SAID = ["a secret word", "so <long> & \"quoted\"", "third", "fourth"]


class Play:
    """A lab that somebody plays with while it is recorded, once for all tests of Played."""

    def __init__(self, folder):
        self.folder = folder
        self.history = folder / "history"
        self.file = folder / "played.xml"
        self.told = {}
        self.devices = {}
        self.lab = bramble.Lab("-o", f"common.history={self.history}", "-o", "collab.database_poll=50ms", dir=folder / "lab")

    def end(self):
        for process in [*self.devices.values(), self.record]:
            if not process.child.stdout.closed:
                process.stop()
        self.lab.__exit__()

    def device(self, user):
        device = bramble.Device("--lab", self.lab.dir, "--pin", bramble.USERS[user], "--json")
        self.devices[user] = device
        self.told[user] = []
        return device

    def hear(self, user, kind):
        """The next thing of this kind that the user was told, which is noted as a scenario's results say it."""
        event = self.devices[user].wait(lambda e: e["event"] in kind, f"{kind} of {user}")
        self.told[user].append({
            "login-ok": lambda: "logged in",
            "login-failed": lambda: f"{event['status_text']} ({event['code']})",
            "forced-logout": lambda: f"logged out: {event['reason']}",
            "logged-out": lambda: "logged out: logout",
            "message": lambda: f"{event['from']} says {SAID.index(event['text']) + 1}",
        }[event["event"]]())
        return event

    def login(self, user, password=None, code=0):
        self.devices[user].say(f"login {user} {password or bramble.password(user)}")
        event = self.hear(user, ("login-ok", "login-failed"))
        assert event.get("code", 0) == code, event

    def say(self, user, to, text):
        self.devices[user].say(f"send {to} {text}")
        self.devices[user].wait({"event": "ack", "type": "MESSAGE"}, "the message's acknowledgement")
        self.hear(to, ("message",))

    def session(self, user):
        return next((s for s in self.lab.ask("collab", "sessions")["sessions"] if s["user"] == user), {})

    def run(self):
        self.lab.up()
        self.record = bramble.Process("bramble", "trace", "record", self.file, "--dir", self.lab.dir)
        self.record.wait_line(lambda line: "Ctrl-C ends it" in line, "the record to begin")
        for user in ("alice", "bob", "carol"):
            self.device(user)
        self.lab.tool("limits", "set", "--max", "2", "--idle-timeout", "10m")
        self.login("alice")
        self.login("bob", "hit-or-miss", code=401)
        self.login("bob")
        self.login("carol", code=100)
        self.say("alice", "bob", SAID[0])
        self.say("bob", "alice", SAID[1])
        self.devices["bob"].say("typing alice on")
        self.devices["alice"].say("coverage off")
        bramble.wait_until(lambda: self.session("alice").get("mark"), "alice's session to be marked")
        self.login("carol")
        self.devices["alice"].say("coverage on")
        self.hear("alice", ("forced-logout",))
        self.say("carol", "bob", SAID[2])
        self.say("bob", "carol", SAID[3])
        self.lab.tool("limits", "set", "--max", "3", "--inactivity-timeout", "1500ms")
        self.hear("bob", ("forced-logout",))
        self.hear("carol", ("forced-logout",))
        self.lab.tool("limits", "set", "--inactivity-timeout", "unset")
        self.login("alice")
        self.login("carol")
        self.lab.tool("session", "logout", self.session("carol")["session"])
        self.hear("carol", ("forced-logout",))
        self.lab.tool("lab", "restart", "collab")
        self.hear("alice", ("forced-logout",))
        bramble.wait_until(lambda: self.lab.ask("dispatcher", "status")["services"], "the service is back")
        self.login("bob")
        self.devices["bob"].say("logout")
        self.hear("bob", ("logged-out",))
        self.timed = self.lab.tool("trace", "record", self.folder / "timed.xml", "--for", "100ms")
        for device in self.devices.values():
            assert device.stop() == 0
        self.lab.down()
        self.record.wait_line(lambda line: line.startswith("Play it: bramble-sim run --backend groupwise "), "the record's last line")
        self.record.child.wait(bramble.DEADLINE_S)
        assert self.record.stop() == 0


def replay(file):
    """Exit status, what each device was told, in order, as Play.told has it, and the steps."""
    status, out, err = bramble.run("bramble-sim", "run", "--json", file, timeout=300)
    assert out, err
    told, steps = {}, json.loads(out)["scenarios"][0]["steps"]
    for step in steps:
        for words in step["told"]:
            user, _, what = words.partition(": ")
            told.setdefault(user, []).append(re.sub(r"message (\d+)", r"\1", what.replace('"', "")))
    return status, told, steps


class Played(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="br-record-"))
        cls.addClassCleanup(shutil.rmtree, folder, True)
        cls.play = Play(folder)
        cls.addClassCleanup(cls.play.end)
        cls.play.run()
        cls.xml = cls.play.file.read_text()

    def test_is_played_again_and_again_to_what_every_device_was_told(self):
        for _ in range(2):
            status, told, steps = replay(self.play.file)
            self.assertEqual(status, 0, f"{steps}\n{self.xml}")
            told = {user: [what for what in all if not what.startswith(("no link", "the link", "the session"))] for user, all in told.items()}
            self.assertEqual(told, self.play.told, self.xml)

    def test_an_expectation_that_is_changed_does_not_hold(self):
        xml = self.xml
        for old, new in (('reason="evicted-coverage"', 'reason="evicted-silent"'), ('result="refused" code="100"', 'result="accepted"'),
                         ('<expect-message device="bob" from="carol"', '<expect-message device="bob" from="alice"')):
            self.assertEqual(xml.count(old), 1)
            xml = xml.replace(old, new)
        other = self.play.folder / "changed.xml"
        other.write_text(xml)
        status, _, steps = replay(other)
        self.assertEqual(status, 1, steps)
        self.assertEqual([step["step"].split()[0] for step in steps if step["outcome"] == "failed"],
                         ["expect-login", "expect-logout", "expect-message"])

    def test_no_password_and_no_text_is_in_it(self):
        for secret in [*SAID, "hit-or-miss", "alice-secret"]:
            self.assertNotIn(secret, self.xml)
        self.assertEqual(self.xml.count('password="not the right one"'), 1)

    def test_what_has_no_word_is_told_and_stands_in_the_file(self):
        wanted = "TYPING: what a user did, for which no step has a word"
        self.assertTrue(any(re.search(rf"^ +1  {wanted}$", line) for line in self.play.record.lines), self.play.record.lines)
        self.assertIn(f"1  {wanted}", self.xml)

    def test_it_ends_when_its_time_is_over(self):
        self.assertIn("The record ends: the time is over.", self.play.timed)
        self.assertIn('<login device="bob"/>', (self.play.folder / "timed.xml").read_text())

    def test_progress_is_told_while_it_runs(self):
        self.assertTrue(any(re.search(r"^\d+ logins, \d+ of them refused; \d+ sessions; \d+ messages", line)
                            for line in self.play.record.lines), self.play.record.lines)
        self.assertIn("The record ends: the lab is down.", self.play.record.lines)

    def test_the_histories_alone_give_the_same(self):
        file = self.play.folder / "offline" / "played.xml"
        file.parent.mkdir()
        status, out, err = bramble.run("bramble", "trace", "record", file, "--history", self.play.history)
        self.assertEqual(status, 0, out + err)
        self.assertEqual(file.read_text(), self.xml)

    def test_the_histories_keep_to_the_rules(self):
        status, out, err = bramble.run("bramble", "check", self.play.history, "--dir", self.play.lab.dir)
        self.assertEqual(status, 0, out + err)


if __name__ == "__main__":
    unittest.main()
