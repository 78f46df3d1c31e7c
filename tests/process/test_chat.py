"""Simulated BlackBerrys chat through the whole pipeline: router, dispatcher, Collaboration Service and GroupWise server, all of
them real processes; then links, processes and servers are lost on the way."""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble


class Pipeline:
    """The five programs started by hand in a lab's folder, so that each can be stopped and started alone."""

    def __init__(self):
        lab = bramble.Lab()
        self.dir, self.lab = lab.dir, lab
        lab.up()
        lab.down()
        self.processes = {}

    def start(self, name):
        if name == "groupwise":
            args = ["bramble-sim", "groupwise", "--world", self.dir / "world.xml", "--listen",
                    f"127.0.0.1:{self.lab.port(8300)}", "--state", self.dir, "--control", self.dir / "run" / "groupwise.sock"]
        else:
            args = ["bramble-" + name, "-c", self.dir / "bramble.ini", "--ready"]
        process = bramble.Process(*args, log=self.dir / "log" / f"{name}-by-hand.log")
        self.processes[name] = process
        if name != "groupwise":
            process.wait_line(lambda line: line.startswith("READY"), f"{name}: READY")
        else:
            bramble.wait_until(self.census, "the GroupWise server answers")

    def stop(self, name, kill=False):
        process = self.processes.pop(name)
        if kill:
            process.child.kill()
        status = process.stop()
        assert kill or status == 0, f"{name} ended {status}: {process.lines[-5:]}"

    def census(self):
        try:
            return self.lab.ask("groupwise", "census")
        except (OSError, RuntimeError):
            return None

    def wait_linked(self):
        """A device's login would find its service."""
        bramble.wait_until(lambda: self.lab.ask("dispatcher", "status").get("services"), "the service is registered")

    def __enter__(self):
        try:
            for name in ("groupwise", "router", "dispatcher", "collab"):
                self.start(name)
            self.wait_linked()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.processes):
            try:
                self.stop(name)
            except AssertionError as late:
                print(late)
        shutil.rmtree(self.dir, ignore_errors=True)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pipeline = Pipeline()
        cls.addClassCleanup(cls.pipeline.__exit__)
        cls.pipeline.__enter__()
        cls.lab = cls.pipeline.lab

    def login(self, user, *options):
        device = self.lab.device(user, *options)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        device.wait({"event": "link-up"})
        device.say(f"login {user} {bramble.password(user)}")
        device.session = device.wait({"event": "login-ok"})["session"]
        self.addCleanup(self.logout, device)
        return device

    def logout(self, device):
        device.say("coverage on\nlogout")
        device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "the end of it")

    def logins(self, user):
        return self.pipeline.census()["users"][user]["logins"]

    def chat(self, sender, receiver, to, text):
        sender.say(f"send {to} {text}")
        self.assertEqual(receiver.wait({"event": "message", "text": text}, text)["session"], receiver.session)


class Chat(Case):
    def test_two_devices_chat_both_ways(self):
        alice, bob = self.login("alice"), self.login("bob")
        alice.wait(lambda e: e["event"] == "presence" and e["user"] == "bob" and e["presence"] == "available")
        self.chat(alice, bob, "bob", "hello bob")
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.chat(bob, alice, "alice", "hello alice")
        self.chat(alice, bob, "bob", "grüß dich & <b>bold</b> \\ {} \U0001F600")
        self.chat(bob, alice, "alice", "x" * 9000)
        alice.say("status busy in a meeting")
        came = bob.wait({"event": "presence", "user": "alice", "presence": "busy"})
        self.assertEqual(came["text"], "in a meeting")

    def test_the_recipient_is_named_when_a_message_cannot_be_delivered(self):
        alice = self.login("alice")
        alice.say("send nobody hello")
        self.assertNotEqual(alice.wait({"event": "ack", "to": "nobody"})["code"], 0)

    def test_a_logout_ends_the_session_at_the_im_server(self):
        alice, bob = self.login("alice"), self.login("bob")
        before = self.pipeline.census()["sessions"]
        alice.say("logout")
        alice.wait({"event": "logged-out", "session": alice.session})
        bob.wait(lambda e: e["event"] == "presence" and e["user"] == "alice" and e["presence"] == "offline")
        self.assertEqual(self.pipeline.census()["sessions"], before - 1)
        alice.say("login alice alice-secret")
        self.assertNotEqual(alice.wait({"event": "login-ok"})["session"], alice.session)

    def test_an_administrator_ends_a_session(self):
        alice = self.login("alice")
        self.lab.tool("session", "logout", alice.session)
        self.assertEqual(alice.wait({"event": "forced-logout", "session": alice.session})["reason"], "admin")

    def test_a_second_login_elsewhere_ends_the_first_at_the_im_server(self):
        alice = self.login("alice")
        self.lab.ask("groupwise", "kick", user="alice", how="elsewhere")
        self.assertEqual(alice.wait({"event": "forced-logout"})["reason"], "elsewhere")

    def key_states(self, user):
        return next({k["serial"]: k["state"] for k in d["keys"]} for d in self.lab.json("device", "list") if d["user"] == user)

    def test_a_pending_key_becomes_current_when_the_device_with_the_new_key_file_uses_it(self):
        pin = bramble.USERS["dave"]
        self.lab.tool("device", "rekey", pin)
        with self.lab.device("dave") as before:
            before.wait({"event": "link-up"})
            before.say("login dave " + bramble.password("dave"))
            before.wait({"event": "contacts"})
        self.assertEqual(self.key_states("dave"), {1: "current", 2: "pending"})
        self.lab.tool("device", "export", pin, self.lab.dir / "devices" / f"{pin}.json")
        alice, dave = self.login("alice"), self.login("dave")
        bramble.wait_until(lambda: self.key_states("dave") == {1: "previous", 2: "current"}, "the new key is the current one")
        self.chat(alice, dave, "dave", "under the new key")
        self.chat(dave, alice, "alice", "in both directions")


class Loss(Case):
    def test_after_lost_coverage_the_device_goes_on_with_the_same_im_connection_and_gets_what_was_queued(self):
        alice, bob = self.login("alice"), self.login("bob")
        logins, connections = self.logins("bob"), self.pipeline.census()["connections_total"]
        bob.say("coverage off")
        bob.wait({"event": "waiting", "session": bob.session})
        for i in range(5):
            alice.say(f"send bob queued {i}")
        bob.say("send alice said out of coverage")
        for i in range(5):
            self.assertEqual(alice.wait({"event": "ack"})["code"], 0)
        bob.say("coverage on")
        bob.wait({"event": "resumed", "session": bob.session})
        for i in range(5):
            self.assertEqual(bob.wait({"event": "message"})["text"], f"queued {i}")
        alice.wait({"event": "message", "text": "said out of coverage"})
        self.chat(bob, alice, "alice", "and on we go")
        bob.say("session")
        self.assertEqual(bob.wait({"event": "session"})["messages_in"], 5)
        self.assertEqual((self.logins("bob"), self.pipeline.census()["connections_total"]), (logins, connections))

    def test_as_many_messages_as_may_wait_out_of_coverage_all_arrive(self):
        alice, bob = self.login("alice"), self.login("bob")
        alice.say("coverage off")
        alice.wait({"event": "waiting", "session": alice.session})
        for i in range(32):
            alice.say(f"send bob waits {i}")
        alice.say("coverage on")
        self.assertEqual([alice.wait({"event": "ack"})["code"] for _ in range(32)], [0] * 32)
        for i in range(32):
            bob.wait({"event": "message", "text": f"waits {i}"})
        self.chat(alice, bob, "bob", "and on we go")

    def test_a_router_restart_interrupts_and_loses_nothing(self):
        alice, bob = self.login("alice"), self.login("bob")
        logins = self.logins("alice")
        self.pipeline.stop("router")
        alice.wait({"event": "waiting"})
        bob.wait({"event": "waiting"})
        alice.say("send bob without a router")
        self.pipeline.start("router")
        alice.wait({"event": "resumed", "session": alice.session})
        bob.wait({"event": "message", "text": "without a router"})
        self.chat(bob, alice, "alice", "there you are")
        self.assertEqual(self.logins("alice"), logins)

    def test_a_dispatcher_restart_interrupts_and_loses_nothing(self):
        alice, bob = self.login("alice"), self.login("bob")
        logins = self.logins("alice")
        self.chat(alice, bob, "bob", "before")
        self.pipeline.stop("dispatcher", kill=True)
        self.pipeline.start("dispatcher")
        self.pipeline.wait_linked()
        bramble.wait_until(lambda: self.lab.ask("router", "status").get("services_up"), "the dispatcher is linked")
        self.chat(alice, bob, "bob", "after")
        self.chat(bob, alice, "alice", "yes, after")
        self.assertEqual(self.logins("alice"), logins)

    def test_a_device_that_was_switched_off_logs_in_again_in_the_place_of_its_old_session(self):
        first = self.lab.device("carol")
        first.say("login carol carol-secret")
        old = first.wait({"event": "login-ok"})["session"]
        first.child.kill()
        first.stop()
        carol = self.login("carol")
        self.assertNotEqual(carol.session, old)
        live = [s["session"] for s in self.lab.json("session", "list") if s["user"] == "carol"]
        self.assertEqual(live, [carol.session])


class ImServer(Case):
    def test_the_loss_of_the_im_server_reaches_the_device_with_its_reason(self):
        alice = self.login("alice")
        self.pipeline.stop("groupwise", kill=True)
        self.assertEqual(alice.wait({"event": "forced-logout"})["reason"], "server-lost")
        alice.say("login alice alice-secret")
        failed = alice.wait({"event": "login-failed"})
        self.assertEqual((failed["code"], failed["status_text"]), (503, "Failed"))
        self.pipeline.start("groupwise")
        alice.say("login alice alice-secret")
        alice.wait({"event": "login-ok"})


if __name__ == "__main__":
    unittest.main()
