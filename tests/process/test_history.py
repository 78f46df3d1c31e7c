"""Histories and their checker on the real processes: two services whose devices chat, leave coverage, are evicted, fall silent, expire, and
lose their service, keep to every rule; and each rule that is broken in a history is named, and no other."""
import collections
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
import crowd
from histories import History, check, number, of, violated

STATUS, MESSAGE, MESSAGE_EVENT = 5, 12, 13
SILENT, INACTIVE, SHUTDOWN = 3, 4, 9


class Play:
    """What happens once, for all tests of this file. Device i belongs to service i // 3."""

    def __init__(self, folder):
        self.history = folder / "history"
        self.services = crowd.Services(2, 3, "collab.database_poll=50ms", lease="5s", history=self.history)

    def say(self, i, line):
        self.devices[i // 3].say(f"@{crowd.pin(i)} {line}")

    def hear(self, i, *kinds):
        return self.devices[i // 3].wait(lambda e: e.get("pin") == crowd.pin(i) and e["event"] in kinds, f"{kinds} of device {i}")

    def login(self, i, code=0):
        self.say(i, f"login {crowd.user(i)} {bramble.password(crowd.user(i))}")
        event = self.hear(i, "login-ok", "login-failed")
        assert event.get("code", 0) == code, event
        return event

    def logout(self, i):
        self.say(i, "logout")
        self.hear(i, "logged-out")

    def chat(self, i, j, text):
        self.say(i, f"send {crowd.user(j)} {text}")
        self.hear(i, "ack")
        self.hear(j, "message")

    def limits(self, maximum, idle_ms, inactivity_ms):
        self.services.sql(f"UPDATE emu_IMServiceConfig SET MaxSessions = {maximum}, IdleTimeoutMs = {idle_ms}, "
                          f"InactivityTimeoutMs = {inactivity_ms}")

    def mark(self, name):
        """In all processes, once nothing is under way in any."""
        s = self.services
        for k in range(2):
            bramble.wait_until(lambda k=k: self.is_quiet(s.ask("collab", k, "status")), f"service {k} is quiet")
        for k in range(2):
            for process in ("router", "dispatcher", "collab"):
                bramble.control(s.run_dir(k) / f"{process}.sock", "history.mark", name=name)
        bramble.control(s.dir / "run" / "groupwise.sock", "history.mark", name=name)
        for device in self.controls:
            bramble.control(device, "history.mark", name=name)

    @staticmethod
    def is_quiet(status):
        counts, sessions = status["counts"], status["sessions"]
        return not (counts["under_way"] or counts["down_waiting"] or counts["seats_releasing"] or sessions["closing"] or
                    sessions["connecting"])

    def marked(self):
        return self.services.row("SELECT count(*) FROM emu_IMSession WHERE Mark <> 0")[0]

    def run(self):
        s = self.services.up()
        self.controls = [s.dir / "run" / f"device{k}.sock" for k in range(2)]
        self.devices = [s.devices(k, "--history", self.history, "--control", self.controls[k]) for k in range(2)]
        self.limits(2, 600000, 0)
        self.login(0)
        self.login(3)
        self.chat(0, 3, "warm")
        self.logout(0)
        self.logout(3)
        bramble.wait_until(lambda: s.lab.ask("groupwise", "census")["sessions"] == 0, "all connections are closed")
        self.mark("base")
        self.login(0)
        self.login(3)
        for n in range(3):
            self.chat(0, 3, f"there {n}")
            self.chat(3, 0, f"and back {n}")
        self.login(4, 100)
        self.mark("quiet two chat")
        for off in (True, False, True):
            self.say(0, "coverage off" if off else "coverage on")
            bramble.wait_until(lambda off=off: self.marked() == off, "the mark of the session of 0 follows")
        self.say(3, f"send {crowd.user(0)} are you there")
        self.hear(3, "ack")
        self.login(4)                  # evicts that of 0, which is another service's
        self.say(0, "coverage on")
        assert self.hear(0, "forced-logout")["reason"] == "evicted-coverage"
        self.chat(4, 3, "here I am")
        self.limits(2, 1200, 0)
        bramble.wait_until(lambda: self.marked() == 2, "both are silent")
        self.login(1)                  # evicts both
        for i in (3, 4):
            assert self.hear(i, "forced-logout")["reason"] == "evicted-silent"
        self.limits(0, 0, 1500)
        assert self.hear(1, "forced-logout")["reason"] == "inactive"
        bramble.wait_until(lambda: s.lab.ask("groupwise", "census")["sessions"] == 0, "all connections are closed")
        self.mark("rest")
        self.limits(0, 0, 0)
        self.login(1)
        self.login(3)
        self.chat(3, 1, "before the end")
        s.stop("collab0", kill=True)
        s.start("collab", 0)
        bramble.wait_until(lambda: s.ask("dispatcher", 0, "status").get("services"), "service 0 is back")
        self.say(1, f"send {crowd.user(3)} to a service that knows nothing of me")
        assert self.hear(1, "forced-logout")["reason"] == "unknown-session"
        self.login(1)
        self.chat(1, 3, "and again")
        for device in self.devices:
            assert device.stop() == 0
        s.down()


def setUpModule():
    play.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-history-"))
    unittest.addModuleCleanup(shutil.rmtree, play.folder, True)
    play.done = Play(play.folder)
    unittest.addModuleCleanup(play.done.services.__exit__)
    play.done.run()


def play():
    return play.done


class Kept(unittest.TestCase):
    def test_all_rules_hold_and_each_has_something_to_check(self):
        done = play()
        status, result, err = check(done.history, "--dir", done.services.dir)
        self.assertEqual((status, violated(result)), (0, {}), err)
        for rule in result["rules"]:
            with self.subTest(rule=rule["rule"]):
                self.assertGreater(rule["checked"], 0)
        self.assertEqual(result["files"], 2 * 3 + 1 + 1 + 2)
        self.assertGreater(result["lines"], 300)

    def test_what_a_killed_service_held_is_unknown_and_not_ok(self):
        _, result, _ = check(play().history)
        reasons = {rule["rule"]: [u["reason"] for u in rule["unknown"]] for rule in result["rules"]}
        self.assertIn("held when the history of their service stops: killed, or cut", reasons["seats"])
        self.assertIn("database that was not given (--dir or --config)", reasons["database"])

    def test_people_read_a_line_for_each_rule(self):
        status, out, _ = bramble.run("bramble", "check", play().history)
        self.assertEqual(status, 0)
        for name in ("answers", "decisions", "limit", "seats", "evictions", "timers", "messages", "events", "duplicates", "server", "replay",
                     "rest"):
            self.assertRegex(out, rf"(?m)^{name} +[1-9]\d* checked  ok")
        self.assertRegex(out, r"\n\d+ lines of 10 files: no violation\n$")

    def test_no_password_and_no_text_of_a_message_is_in_it(self):
        text = "".join(file.read_text() for file in play().history.glob("*.jsonl"))
        self.assertIn("collab", text)
        for secret in ("-secret", "here I am", "and back", "before the end"):
            self.assertNotIn(secret, text)
        for file in play().history.glob("*.jsonl"):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)


    def test_says_what_users_did_to_whom_and_why_their_sessions_ended(self):
        lines = [json.loads(line) for file in play().history.glob("*.jsonl") for line in file.read_text().splitlines()]
        self.assertIn(f"user={crowd.user(0)}", [line["text"] for line in lines if line["event"] == "login.began" and line.get("pin") == crowd.pin(0)])
        self.assertIn(f"to={crowd.user(3)}", [line["text"] for line in lines if line["event"] == "im.said" and line.get("pin") == crowd.pin(0)])
        self.assertIn(f"from={crowd.user(0)}", [line["text"] for line in lines if line["event"] == "im.heard" and line.get("pin") == crowd.pin(3)])
        self.assertLessEqual({"reason=logout", "reason=evicted-coverage", "reason=evicted-silent", "reason=inactive", "reason=unknown-session"},
                             {line["text"] for line in lines if line["event"] == "session.over"})


def outcome(name):
    return lambda line: f"outcome={name} " in line["text"]


def session_of(line):
    return number("session", line["numbers"]["session"])


# --- what is broken: the edits ---

def double_grant(h):
    """The second of two was let in where one may be: its transaction did not see the first."""
    h.change("admit", of(outcome("admitted"), number("live", 1)), max=1, live=0)


def hidden_seat(h):
    h.change("admit", outcome("server-busy"), live=5)


def lost_answer(h):
    h.remove("answer", number("code", 100))
    h.remove("login.told", number("code", 100))


def second_answer(h):
    h.repeat("answer", number("code", 0))


def invented_answer(h):
    h.change("login.told", number("code", 100), code=403)


def wrong_reason(h):
    h.change("answer", number("code", 100), code=300)
    h.change("login.told", number("code", 100), code=300)


def full_and_not_a_messenger_server(h):
    """Only Communicator Web Access says itself that it has no room."""
    h.change("answer", number("code", 0), code=200)
    h.change("login.told", number("code", 0), code=200)


def wrong_arithmetic(h):
    h.change("admit", outcome("server-busy"), max=3)


def evicted_too_few(h):
    h.remove("seat.ended", number("reason", SILENT))


def leaked_seat(h):
    h.remove("seat.free", nth=-1)


def seat_given_twice(h):
    h.repeat("admit", outcome("admitted"))


def session_without_end(h):
    h.remove("session.end", number("reason", SHUTDOWN), nth=-1)


def connection_without_seat(h):
    opened = h.find("backend.connect")
    line = json.loads(json.dumps(opened[0][opened[1]]))
    lines, at = h.find("session.end", session_of(line))
    lines.insert(at + 1, dict(line, at_us=lines[at]["at_us"], clock_ms=lines[at]["clock_ms"]))


def one_session_more(h):
    h.change("history.mark", lambda line: line["process"] == "collab" and "quiet" in line["text"], sessions=7)


def evicted_unmarked(h):
    evicted = h.find("seat.ended", number("reason", 2))
    session = session_of(evicted[0][evicted[1]])
    for lines in h.files.values():
        lines[:] = [line for line in lines if not (line["event"] == "mark.asked" and session(line))]


def silent_too_early(h):
    h.change("mark.wanted", number("reason", SILENT), clock_ms=-1000)


def by_hand(h):
    """As if the services' clocks had been moved by hand: no process waits for the machine then."""
    for lines in h.files.values():
        if lines[0]["process"] == "collab":
            lines[0]["numbers"]["manual"] = 1


def silent_too_late(h):
    by_hand(h)
    h.change("mark.wanted", number("reason", SILENT), clock_ms=60000)


def inactive_too_early(h):
    h.change("session.end", number("reason", INACTIVE), clock_ms=-1000)


def inactive_too_late(h):
    by_hand(h)
    h.change("session.end", number("reason", INACTIVE), clock_ms=60000)


def status_counts_as_action(h):
    h.change("im.taken", number("type", STATUS), action=1)


def done_twice(h):
    h.repeat("im.taken", number("type", MESSAGE))


def never_said(h):
    h.remove("im.said", number("type", MESSAGE))


def acknowledged_otherwise(h):
    h.change("im.acked", number("code", 0), code=413)


def refused_and_done(h):
    lines, at = h.find("im.acked", number("code", 0))
    lines[at]["event"] = "im.refused"


def refused_and_never_said(h):
    lines, at = h.find("im.acked", number("code", 0))
    again = json.loads(json.dumps(lines[at]))
    again["event"] = "im.refused"
    lines.insert(at + 1, again)


def lost_message(h):
    """The device still waits at the end, and nothing of it is in the history."""
    h.change("session.over", unanswered=1)


def shown_twice(h):
    h.repeat("event.shown")


def lost_event(h):
    h.remove("event.shown", number("type", MESSAGE_EVENT))


def event_from_nowhere(h):
    h.remove("event.queued", number("type", MESSAGE_EVENT))


def not_heard(h):
    h.remove("im.heard", nth=3)


def not_taken(h):
    h.remove("server.accepted", nth=2)


def replayed(h):
    h.repeat("opened", lambda line: line["process"] == "dispatcher")


def replayed_to_a_device(h):
    h.repeat("opened", lambda line: line["process"] == "device")


def lost_descriptor(h):
    """With a web server, whose clients keep connections, there may be fewer; here not."""
    h.change("history.mark", lambda line: line["process"] == "collab" and "rest" in line["text"], descriptors=lambda n: n - 1)


def leaked_descriptor(h):
    h.change("history.mark", lambda line: line["process"] == "collab" and "rest" in line["text"], descriptors=lambda n: n + 1)


def leaked_timer(h):
    h.change("history.mark", lambda line: line["process"] == "router" and "rest" in line["text"], timers=lambda n: n + 1)


def leaked_memory(h):
    h.change("history.mark", lambda line: line["process"] == "dispatcher" and "rest" in line["text"], memory=lambda n: n + 8000000)


def another_device(h):
    """The row says whose it is."""
    lines, at = h.find("admit", outcome("admitted"), nth=-1)
    session = lines[at]["numbers"]["session"]
    for lines in h.files.values():
        for line in lines:
            if line["numbers"].get("session") == session:
                line["numbers"]["session"] = session + 1000


# --- and how it is named: rule and words ---
SEEDS = {
    double_grant: ("limit", r"one of 2 at its commit, and at most 1 may live"),
    hidden_seat: ("limit", r"read live=5, and by the histories 2 to 2 sessions lived"),
    lost_answer: ("answers", r"login 22000004-\d+ was never answered"),
    second_answer: ("answers", r"is answered with 0 and is not open"),
    invented_answer: ("answers", r"was told 403 for login 22000004-\d+, and no service answered so"),
    wrong_reason: ("decisions", r"is server-busy and answered with 300"),
    full_and_not_a_messenger_server: ("decisions", r"is admitted and answered with 200"),
    wrong_arithmetic: ("decisions", r"max=3 live=2 .* gives admitted, and it was server-busy"),
    evicted_too_few: ("decisions", r"evicted 1 of the 2 that the arithmetic gives"),
    leaked_seat: ("seats", r"the seat of session \d+ was never given back"),
    seat_given_twice: ("seats", r"session 1 was given a second time"),
    session_without_end: ("seats", r"session \d+ has no end, and its service ended"),
    connection_without_seat: ("seats", r"session 1 opens a connection to the IM server and has no seat"),
    one_session_more: ("seats", r"the service holds 7 sessions, and by its history 1 live"),
    evicted_unmarked: ("evictions", r"made way as evicted-coverage, and was not marked"),
    silent_too_early: ("timers", r"is called silent at \d+ ms: too early, its idle timeout is 1200 ms"),
    silent_too_late: ("timers", r"is called silent at \d+ ms: too late"),
    inactive_too_early: ("timers", r"is ended as inactive at \d+ ms: too early, its inactivity timeout is 1500 ms"),
    inactive_too_late: ("timers", r"is ended as inactive at \d+ ms: too late"),
    status_counts_as_action: ("timers", r"a status message of session \d+ counted as the user's"),
    done_twice: ("duplicates", r"message 2 of session \d+ was done a second time|message \d+ of session \d+ was done a second time"),
    never_said: ("messages", r"message \d+ of session \d+ was done, and the device never said it"),
    acknowledged_otherwise: ("messages", r"was acknowledged with 413, and the service did not answer so"),
    refused_and_done: ("messages", r"was refused by the network, and the service did it"),
    refused_and_never_said: ("messages", r"was refused by the network, and the device never said it, or had an answer before"),
    lost_message: ("messages", r"1 messages of session \d+ wait for an answer when it ends, and by the history 0"),
    shown_twice: ("duplicates", r"event \d+ of session \d+ was shown a second time"),
    lost_event: ("events", r"event \d+ of session \d+ was delivered, and the device never showed it"),
    event_from_nowhere: ("events", r"event \d+ of session \d+ (was shown, and no service queued it|has an outcome and was not queued)"),
    not_heard: ("server", r"gave \d+ messages to the connection of session \d+, and the service heard \d+"),
    not_taken: ("server", r"answered \d+ messages of session \d+ with OK, and the IM server took \d+"),
    replayed: ("replay", r"message id \d+ of PIN 2200000\d and key 1 was opened a second time"),
    replayed_to_a_device: ("replay", r"message id \d+ of PIN 2200000\d and key 1 was opened a second time"),
    lost_descriptor: ("rest", r"descriptors of collab: (\d+) at rest, \d+ before"),
    leaked_descriptor: ("rest", r"descriptors of collab: (\d+) at rest, \d+ before"),
    leaked_timer: ("rest", r"timers of router: \d+ at rest, \d+ before"),
    leaked_memory: ("rest", r"memory of dispatcher: \d+ bytes at rest"),
    another_device: ("database", r"session 10\d\d is in neither of the database's tables"),
}


class Broken(unittest.TestCase):
    """A seeded violation each."""

    def seed(self, edit, rule, words):
        history = History(play().history, play.folder / edit.__name__)
        edit(history)
        status, result, err = check(history.write(), "--dir", play().services.dir)
        self.assertEqual(status, 1, err)
        found = violated(result)
        self.assertEqual(list(found), [rule], found)
        self.assertTrue(any(re.search(words, v["text"]) for v in found[rule]), found[rule])
        line = found[rule][0]["lines"][0]
        shown = History.__new__(History)
        shown.lines = (history.folder / line["file"]).read_text().splitlines()
        self.assertEqual(json.loads(shown.lines[line["line"] - 1])["at_us"], line["at_us"])


for _edit, (_rule, _words) in SEEDS.items():
    setattr(Broken, f"test_{_edit.__name__}", lambda self, e=_edit, r=_rule, w=_words: self.seed(e, r, w))


class Relayed(unittest.TestCase):
    """A relay stands between the services and the IM server, which knows their connections by other addresses then."""

    def history(self, name):
        history = History(play().history, play.folder / name)
        ends = sorted({re.search(r"peer=(\S+) local=(\S+)", line["text"]).groups() for lines in history.files.values() for line in lines
                       if line["event"] == "server.login"})
        behind = {end: f"127.0.0.9:{number}" for number, (end, _) in enumerate(ends, 20000)}
        for lines in history.files.values():
            for line in lines:
                if line["event"].startswith("server."):
                    line["text"] = re.sub(r"peer=(\S+)", lambda found: f"peer={behind[found[1]]}", line["text"])
        begin = next(lines[0] for name, lines in history.files.items() if name.startswith("groupwise"))
        history.files["relay-1.jsonl"] = [dict(begin, process="relay", pid=1)] + [
            self.line(begin, "relay.link", f"what=up from={end} at={server} as={behind[end]} to={server}") for end, server in ends]
        return history

    @staticmethod
    def line(begin, event, text):
        return dict(begin, process="relay", pid=1, event=event, numbers={"link": 1}, text=text)

    def lose(self, name, what):
        """A message that the IM server has taken, over a connection to which that has happened."""
        history = self.history(name)
        seen = re.search(r"peer=(\S+)", history.remove("server.accepted", nth=2)["text"])[1]
        lines, at = history.find("server.login", lambda line: f"peer={seen} " in line["text"])
        link = next(line["text"] for line in history.files["relay-1.jsonl"] if f"as={seen} " in line["text"])
        history.files["relay-1.jsonl"].append(dict(self.line(lines[at], "relay.fault", link.replace("what=up", f"what={what}"))))
        return violated(check(history.write())[1])

    def test_its_history_brings_the_two_ends_together(self):
        history = self.history("relayed")
        self.assertEqual(violated(check(history.write())[1]), {})
        del history.files["relay-1.jsonl"]
        (history.folder / "relay-1.jsonl").unlink()
        self.assertEqual(list(violated(check(history.write())[1])), ["server"])

    def test_the_port_that_one_of_its_connections_has_may_be_that_of_another_to_somebody_else(self):
        history = self.history("shared")
        lines, at = history.find("server.accepted", nth=2)
        shared = re.search(r"peer=(\S+)", lines[at]["text"])[1]
        history.files["relay-1.jsonl"].append(self.line(lines[at - 1], "relay.link", f"what=up from=127.0.0.9:1 at=127.0.0.9:2 as={shared} to=127.0.0.9:3"))
        self.assertEqual(violated(check(history.write())[1]), {})

    def test_of_a_connection_that_it_has_cut_nothing_is_known_and_of_one_in_pieces_everything(self):
        self.assertEqual(self.lose("cut", "close"), {})
        self.assertEqual(list(self.lose("pieces", "split")), ["server"])


class Order(unittest.TestCase):
    """On a busy machine a service hears of its commit after others have acted on it."""

    def test_who_is_ended_by_another_services_login_may_be_given_a_line_later_but_not_never(self):
        history = History(play().history, play.folder / "order")
        lines, at = history.find("admit", outcome("admitted"))
        begin, admit, end = lines[0], lines[at], history.find("history.end", lambda line: line["process"] == "collab")
        ended = history.find("seat.ended")
        ended = dict(ended[0][ended[1]], numbers=dict(ended[0][ended[1]]["numbers"], session=admit["numbers"]["session"]))
        ends = end[0][end[1]]

        def at_us(line, us, pid):
            return dict(line, at_us=us, clock_ms=us // 1000, pid=pid)

        given, other = "collab-1.jsonl", "collab-2.jsonl"
        history.files = {given: [at_us(begin, 1000, 1), at_us(admit, 3000, 1), at_us(ends, 9000, 1)],
                         other: [at_us(begin, 1000, 2), at_us(ended, 2000, 2), at_us(ends, 9000, 2)]}
        words = f"session {admit['numbers']['session']} was ended by a login and never given"
        self.assertNotIn(words, [v["text"] for v in violated(check(history.write())[1]).get("seats", [])])
        del history.files[given][1]
        self.assertIn(words, [v["text"] for v in violated(check(history.write())[1])["seats"]])
        # And nothing is left behind when the reading ends before that is known.
        with open(history.folder / other, "a", encoding="ascii") as file:
            file.write("nothing\n")
        status, _, err = bramble.run("bramble", "check", history.folder)
        self.assertEqual((status, "LeakSanitizer" in err), (3, False), err)


class Unreadable(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        for file in play().history.glob("*.jsonl"):
            shutil.copy(file, self.folder)
        self.file = next(self.folder.glob("router-*.jsonl"))
        self.lines = self.file.read_text().splitlines(keepends=True)

    def refused(self, text, words):
        self.file.write_text(text)
        status, _, err = bramble.run("bramble", "check", self.folder)
        self.assertEqual(status, 3, err)
        self.assertRegex(err, words)

    def test_a_line_that_is_no_json_is_named(self):
        self.lines[4] = "nothing\n"
        self.refused("".join(self.lines), rf"{self.file}:5: it is no JSON")

    def test_a_line_that_is_missing_is_named(self):
        del self.lines[2]
        self.refused("".join(self.lines), rf"{self.file}:3: seq 4 follows 2: lines are missing, or doubled")

    def test_a_line_of_another_version_is_named(self):
        self.refused(self.lines[0].replace('"version":2', '"version":1'), rf"{self.file}:1: a history of version 1; this program reads version 2")

    def test_a_file_that_does_not_begin_is_named(self):
        self.refused("".join(self.lines[1:]), rf"{self.file}:1: a history begins with history.begin")

    def test_a_folder_without_a_history_is_named(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertRegex(bramble.run("bramble", "check", empty)[2], r"has no history: no file \*\.jsonl")

    def test_the_unfinished_last_line_of_a_killed_process_is_no_line(self):
        self.file.write_text("".join(self.lines)[:-20])
        status, out, _ = bramble.run("bramble", "check", self.folder)
        self.assertEqual(status, 0, out)


class Written(unittest.TestCase):
    """The setting, the options, the mark and the limit."""

    def test_a_mark_needs_a_history(self):
        with bramble.Lab() as lab, self.assertRaisesRegex(RuntimeError, "this process writes no history; set history"):
            bramble.control(lab.dir / "run" / "router.sock", "history.mark", name="base")

    def test_a_full_history_says_so_and_the_rest_is_unknown(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="br-"))
        self.addCleanup(shutil.rmtree, folder, True)
        with bramble.Lab("--option", f"common.history={folder / 'h'}", "--option", "common.history_limit=64K") as lab:
            with lab.device("alice") as alice:
                alice.say("login alice alice-secret")
                alice.wait({"event": "login-ok"})
                for _ in range(200):
                    alice.say("send bob words")
                    alice.wait({"event": "ack"})
        lasts = collections.Counter(json.loads(f.read_text().splitlines()[-1])["event"] for f in (folder / "h").glob("*.jsonl"))
        self.assertGreater(lasts["history.full"], 0)
        for file in (folder / "h").glob("*.jsonl"):
            self.assertLess(file.stat().st_size, 65536)
        status, result, _ = check(folder / "h")
        self.assertEqual((status, violated(result)), (0, {}))
        self.assertGreater(sum(len(rule["unknown"]) for rule in result["rules"]), 2)


if __name__ == "__main__":
    unittest.main()
