"""The checker with Communicator Web Access on the real processes: what its server and the Communications Server behind it took and gave is what
the service said and heard, and each session is one registration; and what is broken in their histories is named."""
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]
import bramble
from histories import History, check, of, violated

USERS = ("alice", "bob", "carol")
LONG = "0123456789" * 1700          # in three parts


class Play:
    """What happens once, for all tests of this file."""

    def __init__(self, folder):
        self.history = folder / "history"
        self.lab = bramble.Lab("--backend", "cwa", "-o", f"common.history={self.history}", "-o", "cwa.poll=20ms", dir=folder / "lab")
        self.devices = {}

    def end(self):
        for device in self.devices.values():
            if not device.child.stdout.closed:
                device.stop()
        self.lab.__exit__()

    def say(self, user, line):
        self.devices[user].say(line)

    def hear(self, user, event, /, **what):
        return self.devices[user].wait({"event": event, **what}, f"{event} of {user}")

    def chat(self, user, to, text):
        self.say(user, f"send {to} {text}")
        self.hear(user, "ack", type="MESSAGE", code=0)
        while text:
            text = text.removeprefix(self.hear(to, "message")["text"])

    def room(self):
        self.say("alice", "open bob carol")
        for user in ("bob", "carol"):
            invited = self.hear(user, "room", what="invited")
            self.say(user, f"answer {invited['room']} yes")
        for user in ("bob", "carol"):
            self.hear("alice", "room", what="joined", user=user)
        self.say("alice", "say 1 hello all")
        for user in ("bob", "carol"):
            self.hear(user, "room-message", text="hello all")

    def mark(self, name):
        bramble.wait_until(self.is_quiet, "nothing is under way")
        for process in ("cwa", "ocs", "collab"):
            bramble.control(self.lab.dir / "run" / f"{process}.sock", "history.mark", name=name)

    def is_quiet(self):
        """All of its sessions are signed on or off at both servers, and nothing waits."""
        status, live = self.lab.ask("collab", "status"), self.lab.ask("cwa", "census")["sessions"]
        registered = sum(len(user["endpoints"]) for user in self.lab.ask("ocs", "census")["users"].values())
        return not (status["counts"]["under_way"] or status["counts"]["down_waiting"] or status["sessions"]["closing"]) and \
            status["sessions"]["live"] == live == registered

    def run(self):
        self.lab.up()
        for user in USERS:
            self.devices[user] = bramble.Device("--lab", self.lab.dir, "--pin", bramble.USERS[user], "--json", "--stay")
            self.say(user, f"login {user} {bramble.password(user)}")
            self.hear(user, "login-ok")
        for text in ("first", "second", LONG):
            self.chat("alice", "bob", text)
            self.chat("bob", "alice", text)
        self.chat("carol", "alice", "third")
        self.room()
        self.mark("quiet three chat")
        self.say("carol", "logout")
        self.hear("carol", "logged-out")
        self.mark("quiet two are left")
        for user in ("alice", "bob"):
            self.say(user, "logout")
            self.hear(user, "logged-out")
        self.mark("quiet nobody")
        for device in self.devices.values():
            assert device.stop() == 0
        self.lab.down()


def setUpModule():
    play.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-history-"))
    unittest.addModuleCleanup(shutil.rmtree, play.folder, True)
    play.done = Play(play.folder)
    unittest.addModuleCleanup(play.done.end)
    play.done.run()


def play():
    return play.done


def rule_of(result):
    return next(rule for rule in result["rules"] if rule["rule"] == "server")


class Kept(unittest.TestCase):
    def test_the_rule_has_something_to_check_at_both_servers_and_nothing_is_unknown(self):
        status, result, err = check(play().history, "--dir", play().lab.dir)
        self.assertEqual((status, violated(result)), (0, {}), err)
        # Three connections and three registrations at each mark but those that are over, both once more at their ends, and the marks themselves.
        self.assertGreaterEqual(rule_of(result)["checked"], 3 + 3 + 6)
        self.assertEqual(rule_of(result)["unknown"], [])

    def test_without_the_history_of_one_of_the_servers_its_part_is_unknown(self):
        for server, reason in (("ocs", "Communications Server without a history"), ("cwa", "IM server without a history")):
            with self.subTest(server):
                history = History(play().history, play.folder / "without")
                history.files = {name: lines for name, lines in history.files.items() if not name.startswith(server)}
                status, result, _ = check(history.write())
                self.assertEqual((status, [unknown["reason"] for unknown in rule_of(result)["unknown"]]), (0, [reason]))

    def test_no_text_is_in_it(self):
        text = "".join(file.read_text() for file in play().history.glob("*.jsonl"))
        for secret in ("-secret", "hello all", LONG[:20]):
            self.assertNotIn(secret, text)


def by(server):
    return lambda line: line["process"] == server


def not_heard(h):
    h.repeat("server.delivered", by("cwa"), nth=1)


def not_taken(h):
    """Of her who said nothing that was cut into several."""
    h.remove("server.accepted", of(by("cwa"), lambda line: "user=carol" in line["text"]))


def unlike_the_session(h):
    h.remove("server.delivered", of(by("ocs"), lambda line: "user=carol" in line["text"]))


def taken_by_one_and_given_by_one(h):
    """In a session that ended soon after: what is on its way is given by the CWA server alone, and never taken by it alone."""
    h.remove("history.mark", by("ocs"))
    for event in ("server.accepted", "server.delivered"):
        h.remove(event, of(by("ocs"), lambda line: "user=carol" in line["text"]))


def never_registered(h):
    h.remove("server.login", by("ocs"))


def outlives_its_session(h):
    h.remove("server.end", by("ocs"))


def session_without_registration(h):
    lines, at = h.find("server.end", by("ocs"))
    end = lines.pop(at)
    _, mark = h.find("history.mark", by("ocs"))
    lines.insert(mark, {**end, "at_us": lines[mark]["at_us"], "clock_ms": lines[mark]["clock_ms"]})


def holds_more(h):
    h.change("history.mark", by("cwa"), sessions=lambda n: n + 1)


def registers_more(h):
    h.change("history.mark", by("ocs"), sessions=lambda n: n + 1)


class Broken(unittest.TestCase):
    def test_what_is_broken_is_named(self):
        broken = {
            not_heard: r"gave \d+ messages to the connection of session \d+, and the service heard \d+",
            not_taken: r"answered \d+ messages of session \d+ with OK, and the IM server took \d+",
            unlike_the_session: r"gave \d+ messages in session \d+, and the Communications Server took \d+ and gave \d+ in its registration",
            taken_by_one_and_given_by_one: r"took 1 and gave \d+ messages in session \d+, and the Communications Server took 0 and gave \d+",
            never_registered: r"session \d+ was begun as registered, and the Communications Server has no registration \w+",
            outlives_its_session: r"session \d+ is over, and its registration \w+ at the Communications Server is there",
            session_without_registration: r"session \d+ is there, and its registration \w+ at the Communications Server is not",
            holds_more: r"the IM server cwa holds 4 sessions, and by its history 3",
            registers_more: r"the IM server ocs holds 4 sessions, and by its history 3",
        }
        for edit, words in broken.items():
            with self.subTest(edit.__name__):
                history = History(play().history, play.folder / edit.__name__)
                edit(history)
                status, result, err = check(history.write())
                self.assertEqual(status, 1, err)
                self.assertEqual(list(violated(result)), ["server"])
                self.assertRegex(str(violated(result)["server"]), words)


if __name__ == "__main__":
    unittest.main()
