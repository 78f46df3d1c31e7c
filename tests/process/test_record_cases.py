"""What a record makes of the lines that processes wrote, case by case: the order, the waiting, what has no word."""
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

ALICE, BOB, CAROL = (bramble.USERS[user] for user in ("alice", "bob", "carol"))
LOGOUT, STATUS, PRESENCE_SET, MESSAGE, MESSAGE_EVENT = 4, 5, 6, 12, 13


def setUpModule():
    """What is made is kept until all of it has been read as scenarios at once."""
    made.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-made-"))
    unittest.addModuleCleanup(shutil.rmtree, made.folder, True)


def tearDownModule():
    files = sorted(made.folder.glob("*.xml"))
    status, out, err = bramble.run("bramble-sim", "run", "--check", *files) if files else (0, "", "")
    assert status == 0, f"what was made is no scenario: {out}{err}"


def made():
    """Has the folder."""


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="br-record-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.lines, self.recorded = [], None
        self.stands = False
        self.clock = self.now = self.us = 0
        self.sessions = {}
        self.sequence = 0

    # --- histories ---

    def line(self, process, event, pin=None, transaction=None, text="", **numbers):
        """At this moment: some millisecond, and after what is there already."""
        self.us += 1
        line = {"process": process, "event": event, "text": text, "numbers": numbers, "at_us": self.at_us(),
                "clock_ms": 1_000_000 + (self.clock if self.stands else self.now)}
        line.update({key: value for key, value in (("pin", pin), ("transaction", transaction)) if value})
        self.lines.append(line)

    def at_us(self):
        return 5_000_000_000 + self.now * 1000 + self.us

    def wait(self, ms, clock=None):
        self.us = 0
        self.now += ms
        self.clock += ms if clock is None else clock

    def begin(self, *processes):
        for process in processes:
            self.line(process, "history.begin", text="boot=b", version=2, wall_ms=1, manual=int(self.stands))

    def lab(self, services=1, backend="groupwise", settings=()):
        at = self.at_us()
        self.begin("router", "collab", backend, "device", "lab")
        self.line("lab", "lab.up", text=f"backend={backend} profile=", began_us=at, services=services, dispatchers=1)
        for setting in settings:
            self.line("lab", "lab.setting", text=setting)
        self.limits()

    def limits(self, max=0, idle_ms=0, inactivity_ms=0, capacity=10, evict_one=0):
        self.now_limits = {"max": max, "idle_ms": idle_ms, "capacity": capacity, "evict_one": evict_one}
        self.line("collab", "limits", inactivity_ms=inactivity_ms, **self.now_limits)

    def begins(self, pin, user, by_itself=0, transaction=1, process="device"):
        self.line(process, "login.began", pin, text=f"user={user}", sequence=1, by_itself=by_itself)
        self.line(process, "login.sent", pin, transaction, sequence=1)

    def decides(self, pin, transaction=1, permitted="yes", **changed):
        numbers = {**self.now_limits, **changed}
        self.line("collab", "admit", pin, transaction, text=f"outcome=x permitted={permitted}", decided_us=self.at_us(), **numbers)

    def told(self, pin, code=0, process="device"):
        self.sessions[pin] = 0 if code else len(self.sessions) + 1
        self.line(process, "login.told", pin, text=f"login={pin}-1", code=code, session=self.sessions[pin], sequence=1)

    def login(self, pin, user, code=0, **how):
        self.begins(pin, user, **how)
        self.told(pin, code)

    def says(self, pin, to):
        self.sequence += 1
        self.line("device", "im.said", pin, text=f"to={to}", session=self.sessions[pin], sequence=self.sequence, type=MESSAGE)
        self.line("collab", "im.taken", pin, session=self.sessions[pin], sequence=self.sequence, type=MESSAGE)
        return self.sequence

    def hears(self, pin, user):
        """The service does, for the device; the number of the event."""
        self.sequence += 1
        self.line("collab", "im.heard", pin, text=f"from={user}", session=self.sessions[pin], sequence=0, kind=0)
        self.line("collab", "event.queued", pin, session=self.sessions[pin], sequence=self.sequence, type=MESSAGE_EVENT)
        return self.sequence

    def shows(self, pin, sequence):
        self.line("device", "event.shown", pin, session=self.sessions[pin], sequence=sequence, type=MESSAGE_EVENT)

    def over(self, pin, reason):
        self.line("device", "session.over", pin, text=f"reason={reason}", session=self.sessions[pin], sequence=0, unanswered=0)

    # --- the record ---

    def write(self):
        folder = self.dir / "history"
        shutil.rmtree(folder, True)
        folder.mkdir()
        pids = {}
        for line in sorted(self.lines, key=lambda line: line["at_us"]):
            name = line["process"]
            if line["event"] == "history.begin":
                pids[name] = [len(pids) + 100 * (name in pids) + (pids[name][0] if name in pids else 0), 0]
            pids[name][1] += 1
            with open(folder / f"{name}-{pids[name][0]}.jsonl", "a") as file:
                file.write(json.dumps({**line, "pid": pids[name][0], "seq": pids[name][1]}) + "\n")
        return folder

    def record(self):
        """The scenario's text, and what the command says."""
        if self.recorded is None:
            file = made.folder / f"{self.id().rpartition('.')[2]}.xml"
            status, out, err = bramble.run("bramble", "trace", "record", file, "--history", self.write())
            self.assertEqual(status, 0, out + err)
            self.recorded = file.read_text(), out
        return self.recorded

    def steps(self):
        """Without the limits that the lab began with and the last look at every device."""
        xml, _ = self.record()
        steps = re.findall(r"^\t\t<([a-z].*)/>$", xml[xml.index("<steps>"):], re.M)
        self.assertTrue(steps[0].startswith("limits max="), steps[0])
        return [step for step in steps[1:] if not step.startswith(("expect-nothing", "expect-count"))]

    def left(self):
        xml, out = self.record()
        told = re.findall(r"^ +(\d+)  (.*)$", out, re.M)
        for count, what in told:
            self.assertIn(f"{count}  {what.replace('--', '- -')}", xml)
        return {what: int(count) for count, what in told}


class Order(Case):
    def test_logins_that_came_together_are_played_as_it_was_decided_about_them(self):
        self.lab()
        self.begins(BOB, "bob")
        self.wait(1)
        self.begins(CAROL, "carol")
        self.wait(1)
        self.decides(CAROL)
        self.wait(1)
        self.decides(BOB)
        self.told(CAROL)
        self.told(BOB, 100)
        self.assertEqual(self.steps(), ['login device="carol"', 'login device="bob"', 'expect-login device="carol" result="accepted"',
                                        'expect-login device="bob" result="refused" code="100"'])

    def test_a_login_that_was_decided_late_stays_where_its_user_was_before_he_did_anything_else(self):
        self.lab()
        self.begins(BOB, "bob")
        self.wait(1)
        self.line("device", "device.coverage", BOB, session=0, sequence=0, on=0)
        self.wait(1)
        self.decides(BOB)
        self.assertEqual(self.steps(), ['login device="bob"', 'coverage device="bob" is="lost"'])

    def test_limits_that_a_login_was_the_first_to_see_stand_before_it(self):
        self.lab()
        self.begins(BOB, "bob")
        self.wait(5)
        self.decides(BOB, max=1)
        self.wait(5)
        self.told(BOB)
        self.limits(max=1)
        self.assertEqual(self.steps(), ['limits max="1"', 'login device="bob"', 'expect-login device="bob" result="accepted"'])

    def test_who_is_forbidden_is_known_by_what_his_login_came_to(self):
        self.lab()
        for permitted, code in (("yes", 0), ("no", 403), ("no", 403), ("yes", 0)):
            self.begins(BOB, "bob")
            self.wait(5)
            self.decides(BOB, permitted=permitted)
            self.told(BOB, code)
            if not code:
                self.over(BOB, "logout")
            self.wait(5)
        self.assertEqual([step for step in self.steps() if step.startswith(("forbid", "permit", "login"))],
                         ['login device="bob"', 'forbid user="bob"', 'login device="bob"', 'login device="bob"', 'permit user="bob"',
                          'login device="bob"'])

    def three(self):
        self.lab()
        for pin, user in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
            self.login(pin, user)

    def test_messages_of_two_that_crossed_are_asserted_as_they_were_said(self):
        self.three()
        self.says(ALICE, "carol")
        self.wait(2)
        self.says(BOB, "carol")
        events = [self.hears(CAROL, "bob"), self.hears(CAROL, "alice")]
        for event in events:
            self.wait(2)
            self.shows(CAROL, event)
        self.assertEqual(self.steps()[-2:], ['expect-message device="carol" from="alice" text="message 1"',
                                             'expect-message device="carol" from="bob" text="message 2"'])

    def test_messages_of_one_stay_in_the_order_in_which_they_were_shown(self):
        self.three()
        self.says(ALICE, "carol")
        self.says(ALICE, "carol")
        first, second = self.hears(CAROL, "alice"), self.hears(CAROL, "alice")
        self.wait(2)
        self.shows(CAROL, second)
        self.wait(2)
        self.shows(CAROL, first)
        self.assertEqual(self.steps()[-2:], ['expect-message device="carol" from="alice" text="message 2"',
                                             'expect-message device="carol" from="alice" text="message 1"'])

    def test_what_was_not_delivered_is_not_taken_for_what_was(self):
        self.after("im.acked", 410)

    def test_what_was_not_passed_on_is_not_taken_for_what_was(self):
        self.after("im.refused", 429)

    def after(self, answer, code):
        """Of two messages the first came to nothing."""
        self.three()
        first = self.says(ALICE, "Carol@corp.test")
        self.line("device", answer, ALICE, session=self.sessions[ALICE], sequence=first, code=code)
        self.says(ALICE, "Carol@corp.test")
        self.shows(CAROL, self.hears(CAROL, "alice@corp.test"))
        self.assertEqual(self.steps()[-3:], ['send device="alice" to="Carol@corp.test" text="message 1"',
                                             'send device="alice" to="Carol@corp.test" text="message 2"',
                                             'expect-message device="carol" from="alice@corp.test" text="message 2"'])


class Waiting(Case):
    def test_short_waits_are_not_written_and_not_lost(self):
        self.lab()
        self.login(ALICE, "alice")
        for ms in (60, 60, 61000):
            self.wait(ms)
            self.says(ALICE, "nobody")
        self.assertEqual([step.split(" device")[0] for step in self.steps()[2:]],
                         ["send", 'advance by="120ms"', "send", 'advance by="61s"', "send"])

    def test_what_comes_at_once_is_awaited_and_what_a_timer_brings_gets_its_second(self):
        self.lab()
        self.login(ALICE, "alice")
        self.wait(80)
        self.login(BOB, "bob")
        self.wait(59000)
        self.over(ALICE, "inactive")
        self.wait(200)
        self.over(BOB, "inactive")
        self.wait(3000)
        self.says(BOB, "x")
        self.assertEqual([step for step in self.steps() if step.startswith(("advance", "expect-logout", "send"))],
                         ['advance by="60080ms"', 'expect-logout device="alice" reason="inactive"',
                          'expect-logout device="bob" reason="inactive"', 'advance by="2200ms"', 'send device="bob" to="x" text="message 1"'])

    def test_a_clock_that_was_moved_by_hand_is_moved_just_so(self):
        self.stands = True
        self.lab()
        self.login(ALICE, "alice")
        self.wait(40000, clock=50)
        self.says(ALICE, "x")
        self.wait(10, clock=600000)
        self.over(ALICE, "inactive")
        self.assertEqual([step for step in self.steps() if not step.startswith(("login", "expect-login"))],
                         ['advance by="50ms"', 'send device="alice" to="x" text="message 1"', 'advance by="10m"',
                          'expect-logout device="alice" reason="inactive"'])

    def test_the_labs_own_process_goes_by_the_clock_of_the_others(self):
        self.lab()
        self.login(ALICE, "alice")
        self.wait(2000)
        self.line("collab", "sealed", ALICE)
        self.wait(5000)
        self.line("lab", "lab.kill", text="process=collab")
        self.assertEqual(self.steps()[2:], ['advance by="7s"', 'kill process="collab"'])


class Lab(Case):
    def test_processes_killed_stopped_and_restarted(self):
        self.lab()
        self.login(ALICE, "alice")
        for event, process in (("kill", "groupwise"), ("start", "groupwise"), ("stop", "router"), ("continue", "router"), ("end", "collab")):
            self.wait(1)
            self.line("lab", f"lab.{event}", text=f"process={process}")
        self.over(ALICE, "shutdown")
        self.wait(1)
        self.line("lab", "lab.start", text="process=collab")
        self.assertEqual(self.steps()[2:], ['kill process="im-server"', 'start process="im-server"', 'stop process="router"',
                                            'continue process="router"', 'restart process="collab"',
                                            'expect-logout device="alice" reason="shutdown"'])

    def test_an_end_in_good_order_has_no_word_unless_it_is_a_restart(self):
        self.lab()
        self.line("lab", "lab.end", text="process=collab")
        self.wait(1)
        self.login(ALICE, "alice", 1)
        self.wait(1)
        self.line("lab", "lab.start", text="process=collab")
        self.assertEqual([step for step in self.steps() if "process" in step], ['kill process="collab"', 'start process="collab"'])
        self.assertEqual(self.left(), {"processes that were ended in good order and not started again at once: recorded as killed": 1})

    def test_settings_are_kept_unless_they_name_a_place(self):
        self.lab(services=2, settings=["key=collab.database_poll value=50ms", "key=common.history", "key=router.x--y"])
        self.login(ALICE, "alice")
        xml, _ = self.record()
        self.assertIn('<lab services="2">\n\t\t<set key="collab.database_poll" value="50ms"/>\n\t</lab>', xml)
        self.assertEqual(self.left(), {"settings that name a path or an address (-o router.x--y)": 1})

    def test_the_last_lab_of_a_folder_is_recorded(self):
        self.lab()
        self.login(ALICE, "alice")
        self.line("lab", "history.end")
        self.wait(10)
        self.line("collab", "history.end")
        self.wait(10)
        self.lab(backend="cwa")
        self.login(BOB, "bob")
        self.line("lab", "history.end")
        self.wait(10)
        self.over(BOB, "shutdown")
        self.assertEqual(self.steps(), ['login device="bob"', 'expect-login device="bob" result="accepted"'])
        self.assertIn("--backend cwa", self.record()[1])

    def test_what_the_administrator_did(self):
        self.lab(services=2)
        self.login(ALICE, "alice")
        self.line("collab", "session.end", ALICE, text="reason=admin user=alice", session=1)
        self.over(ALICE, "admin")
        self.wait(1)
        self.line("router", "failover.promote", text='instance=collab-2 other=collab-1 why="nobody was active"')
        self.wait(1)
        self.line("router", "failover.promote", text='instance=collab-2 other=collab-1 why="the administrator asked"')
        self.assertEqual(self.steps()[2:], ['end-session device="alice"', 'expect-logout device="alice" reason="admin"', 'switch to="collab-2"'])

    def test_a_user_who_signed_on_elsewhere_is_known_by_the_end_of_his_session(self):
        self.lab()
        self.login(ALICE, "alice")
        self.line("collab", "session.end", ALICE, text="reason=elsewhere user=alice", session=1)
        self.wait(20000)
        self.line("groupwise", "server.kick", text="user=bob how=elsewhere")
        self.wait(10)
        self.line("collab", "session.end", BOB, text="reason=elsewhere user=bob", session=2)
        self.assertEqual([step for step in self.steps() if step.startswith("kick")],
                         ['kick user="alice" how="elsewhere"', 'kick user="bob" how="elsewhere"'])


class Devices(Case):
    def test_whom_a_fresh_lab_does_not_have(self):
        self.lab()
        self.login("23000000", "alice")
        self.login(BOB, "zed", 401)
        self.login(ALICE, "user0007")
        self.login(CAROL, "zed")
        self.over(CAROL, "logout")
        steps = self.steps()
        self.assertIn('login device="bob" user="zed" password="not the right one"', steps)
        self.assertIn('login device="alice" user="user0007"', steps)
        self.assertNotIn('expect-logout device="carol" reason="logout"', steps)
        self.assertEqual(self.left(), {"devices that a fresh lab does not have": 1,
                                       "devices on which somebody logged in whom a fresh lab does not have": 1})

    def test_a_device_that_forgot_its_session_is_left_there(self):
        self.lab()
        self.line("device", "device.on", ALICE, session=0, sequence=0, status_interval_ms=5000)
        self.login(ALICE, "alice")
        self.line("device", "device.off", ALICE, session=1, sequence=0)
        self.wait(1)
        self.begin("device")
        self.line("device", "device.on", ALICE, session=0, sequence=0, status_interval_ms=5000)
        self.login(ALICE, "alice")
        self.begins(BOB, "bob")
        self.assertEqual(self.steps(), ['login device="alice"', 'expect-login device="alice" result="accepted"',
                                        'coverage device="alice" is="lost"', 'login device="bob"'])
        self.assertIn('<device id="alice" status-interval="5s"/>', self.record()[0])
        self.assertEqual(list(self.left().values()), [1])

    def test_one_that_was_switched_off_last_of_all_is_not_worth_a_step(self):
        self.lab()
        self.login(ALICE, "alice")
        self.line("device", "device.off", ALICE, session=1, sequence=0)
        self.assertEqual(len(self.steps()), 2)

    def test_a_login_by_itself_is_no_step_and_what_it_says_again_neither(self):
        self.lab()
        self.line("device", "device.remember", ALICE, session=0, sequence=0, on=1)
        self.login(ALICE, "alice")
        self.line("device", "im.said", ALICE, session=1, sequence=1, type=PRESENCE_SET, presence=3, bytes=4)
        self.over(ALICE, "server-lost")
        self.wait(700)
        self.login(ALICE, "alice", by_itself=1)
        self.line("device", "im.said", ALICE, session=1, sequence=1, type=PRESENCE_SET, presence=3, bytes=4)
        self.line("device", "im.said", ALICE, session=1, sequence=2, type=PRESENCE_SET, presence=2, bytes=0)
        self.assertIn('<device id="alice" keeps-password="yes"/>', self.record()[0])
        self.assertEqual(self.steps()[2:], ['presence device="alice" is="busy" text="status"', 'expect-logout device="alice" reason="server-lost"',
                                            'advance by="1700ms"', 'expect-login device="alice" result="accepted"',
                                            'presence device="alice" is="available"'])

    def test_faults(self):
        self.lab()
        self.line("device", "device.on", ALICE, session=0, sequence=0, status_interval_ms=0)
        for process, word in (("device", "drop,on=login,nth=3,count=1"), ("device", f"delay=200,pin={BOB}"), ("groupwise", "refuse=D123,user=bob"),
                              ("device", "drop,chance=50")):
            self.line(process, "fault.set", text=f"word={word}")
        self.line("device", "fault.clear")
        self.login(ALICE, "alice")
        self.line("device", "device.coverage", BOB, session=0, sequence=0, on=0)
        self.assertEqual(self.steps()[:4], ['fault at="device" action="drop" on="login" nth="3" count="1" device="alice"',
                                            'fault at="device" action="delay" value="200" device="bob"',
                                            'fault at="im-server" action="refuse" value="D123" user="bob"', 'clear-faults at="device"'])
        self.assertEqual(self.left(), {"faults that no step has a word for": 1})

    def test_one_that_writes_no_history_is_told(self):
        self.lab()
        self.login(ALICE, "alice")
        self.line("collab", "login", BOB, 1, text="user=bob login=2100000B-1")
        self.assertEqual(self.left(), {"logins of devices that write no history: started without --lab and without --history": 1})

    def test_what_was_under_way_when_it_ended_is_not_asserted(self):
        self.lab()
        self.login(ALICE, "alice")
        self.login(BOB, "bob")
        self.says(ALICE, "bob")
        self.begins(CAROL, "carol")
        xml, _ = self.record()
        self.assertEqual(re.findall(r'<expect-nothing device="(\w+)"/>', xml), ["alice"])

    def test_what_has_no_word_is_counted(self):
        self.lab()
        self.login(ALICE, "alice")
        for _ in range(3):
            self.line("device", "im.said", ALICE, text="to=bob", session=1, sequence=9, type=20)
        self.line("device", "im.once", ALICE, session=1, sequence=9, type=STATUS)
        self.line("device", "event.shown", ALICE, session=1, sequence=9, type=MESSAGE_EVENT)
        self.line("groupwise", "server.broadcast", text="user= how=")
        left = self.left()
        self.assertEqual(left.pop("messages shown that no device of this lab had sent"), 1)
        self.assertEqual(left.pop("broadcasts of the IM server"), 1)
        self.assertEqual(list(left.values()), [3])


class Refused(Case):
    def refused(self, status, words, *args):
        got, out, err = bramble.run("bramble", "trace", "record", *args)
        self.assertEqual(got, status, out + err)
        self.assertIn(words, err)
        return err

    def test_says_what_is_missing(self):
        file = self.dir / "made.xml"
        self.refused(1, "no lab runs in", file, "--dir", self.dir)
        self.assertFalse(file.exists())
        self.refused(2, "neither --for nor --dir", file, "--history", self.dir, "--for", "10s")
        self.refused(2, "is not a duration", file, "--for", "soon")
        self.refused(3, "has no history", file, "--history", self.dir)
        self.begin("collab")
        self.refused(3, "no lab has written its own history", file, "--history", self.write())
        self.assertFalse(file.exists())
        file.write_text("mine")
        self.refused(1, "cannot be made: File exists", file, "--history", self.dir)
        self.assertEqual(file.read_text(), "mine")

    def test_a_lab_in_which_nothing_happened(self):
        self.lab()
        self.lines = [line for line in self.lines if line["event"] != "limits"]
        self.refused(1, "nothing has happened in this lab", self.dir / "made.xml", "--history", self.write())

    def test_more_than_a_scenario_holds(self):
        self.lab()
        self.login(ALICE, "alice")
        for i in range(5000):
            self.line("device", "device.coverage", ALICE, session=1, sequence=0, on=i % 2)
            self.wait(200)
        self.refused(1, "more than a scenario holds", self.dir / "made.xml", "--history", self.write())
        self.assertFalse((self.dir / "made.xml").exists())


if __name__ == "__main__":
    unittest.main()
