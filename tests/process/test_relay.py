"""A bad wire between real processes: `bramble-sim relay` on each of the four links of the pipeline. Whatever it does to them, what is said is read
once, what is forged or said again is not believed, and everything goes on when it stops."""
import pathlib
import tempfile
import unittest

import bramble
from relay import Relay

DATA = 0x17
TEXTS = 20


class Wires(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="bramble-relay-"))
        offset = bramble.free_offset()
        cls.relays = {name: cls.enterClassContext(Relay(cls.folder, name, port + offset, "--unit", unit, "--seed", seed))
                      for name, port, unit, seed in (("devices", 3101, "frame", 7), ("router", 3101, "frame", 8),
                                                     ("dispatcher", 3200, "frame", 9), ("groupwise", 8300, "record", 10))}
        port = {name: relay.port for name, relay in cls.relays.items()}
        cls.lab = cls.enterClassContext(bramble.Lab(
            "-o", f"dispatcher.routers=127.0.0.1:{port['router']}", "-o", f"collab.dispatcher=127.0.0.1:{port['dispatcher']}", offset=offset))
        cls.lab.tool("environment", "set", "groupwise", "--port", port["groupwise"])
        cls.devices = {}
        for name in ("alice", "bob"):
            cls.begin(name)

    @classmethod
    def begin(cls, name):
        """A device with the user's key of now, over its bad wire."""
        cls.devices[name] = cls.enterClassContext(bramble.Device(
            "--key-file", cls.lab.dir / "devices" / f"{bramble.USERS[name]}.json", "--router", f"127.0.0.1:{cls.relays['devices'].port}", "--json"))
        cls.login(name)

    @classmethod
    def login(cls, name):
        device = cls.devices[name]

        def answered(event):
            return event["event"] in ("login-ok", "login-failed")
        for _ in range(20):
            device.say(f"login {name} {bramble.password(name)}")
            if device.wait(answered)["event"] == "login-ok":
                return
        raise AssertionError(f"{name} is not let in: {device.events[-5:]}")

    def read(self, name):
        """The texts that were shown, in their order."""
        return [e["text"] for e in self.devices[name].events if e["event"] == "message"]

    def said_and_read(self, text):
        self.devices["alice"].say(f"send bob {text}")
        self.devices["bob"].wait({"event": "message", "text": text})

    def test_what_is_said_over_bad_wires_is_read_once(self):
        """Late, in pieces, doubled and in another order between device and Router; late and in single bytes everywhere else. No link ends of it."""
        self.relays["devices"].fault("split=3,chance=20", "delay=15,chance=25", "duplicate,on=up,chance=25", "reorder,on=up,chance=10")
        self.relays["router"].fault("split=5,chance=30", "delay=5,chance=30")
        self.relays["dispatcher"].fault("split=1,chance=30", "delay=5,chance=30")
        self.relays["groupwise"].fault("split=9,chance=30", "delay=5,chance=30")
        alice, bob = self.devices["alice"], self.devices["bob"]
        wanted = {f"text {i}" for i in range(TEXTS)}
        for i in range(TEXTS):
            alice.say(f"send bob text {i}")
        seen = set()

        def all_read(event):
            if event["event"] == "message":
                seen.add(event["text"])
            return seen >= wanted
        bob.wait(all_read, "all that was said")
        for name, relay in self.relays.items():
            done = relay.done()
            self.assertGreater(sum(done.values()), 3, (name, done))
            relay.ask("fault.clear")
        self.said_and_read("and now over a good wire")
        read = [text for text in self.read("bob") if text in wanted]
        self.assertEqual(sorted(read), sorted(wanted))

    def test_links_that_end_in_the_middle_of_everything_lose_and_repeat_nothing(self):
        bob = self.devices["bob"]
        for name, word in (("devices", "close,count=1"), ("router", "close,count=1"), ("dispatcher", "close,count=1"),
                           ("devices", "half-close,on=up,count=1"), ("devices", "garble,count=1")):
            with self.subTest(f"{word} {name}"):
                relay, wanted = self.relays[name], {f"through {name} and {word}", f"after {name} and {word}"}
                links = relay.ask("census")["links_total"]
                relay.fault(word)
                self.devices["alice"].say(f"send bob through {name} and {word}")
                bramble.wait_until(lambda relay=relay: sum(relay.done().values()), "it was done")
                if "close" in word:
                    bramble.wait_until(lambda relay=relay, links=links: relay.ask("census")["links_total"] > links, "there is a new link")
                bramble.wait_until(lambda: self.lab.ask("dispatcher", "status").get("services"), "the service is registered")
                relay.ask("fault.clear")
                # What was not acknowledged is sent again after 30 s, or over the device's next link.
                self.relays["devices"].fault("close,on=up,count=1")
                self.devices["alice"].say(f"send bob after {name} and {word}")
                seen = set()

                def both(event, seen=seen, wanted=wanted):
                    seen.add(event.get("text"))
                    return seen >= wanted
                bob.wait(both, f"both of {wanted}")
                self.relays["devices"].ask("fault.clear")
        self.assertEqual(len(self.read("bob")), len(set(self.read("bob"))))

    def test_what_was_recorded_is_not_believed_again(self):
        """At once, over a new link, and after Router and Dispatcher were started again. A new key: below."""
        relay, bob = self.relays["devices"], self.devices["bob"]
        for i in range(10):
            self.said_and_read(f"recorded {i}")
        sessions = self.lab.ask("groupwise", "census")["logins_total"]

        def replay(when):
            opened = self.lab.ask("dispatcher", "status")["counters"]["opened"]
            self.assertEqual(relay.ask("replay", way="up", opcode=DATA, units=500)["units"], 500)
            self.said_and_read(f"an honest one {when}")
            counters = self.lab.ask("dispatcher", "status")["counters"]
            self.assertLess(counters["opened"] - opened, 20, when)
            self.assertEqual(self.read("bob"), list(dict.fromkeys(self.read("bob"))), when)
            self.assertEqual(self.lab.ask("groupwise", "census")["logins_total"], sessions, when)
        replay("at once")
        links = relay.ask("census")["links_total"]
        relay.fault("close,count=1")
        self.said_and_read("over a new link")
        self.assertGreater(relay.ask("census")["links_total"], links)
        replay("over a new link")
        for name in ("router", "dispatcher"):
            self.lab.tool("lab", "restart", name)
        bramble.wait_until(lambda: self.lab.ask("dispatcher", "status").get("services"), "the service is registered again")
        self.said_and_read("after a restart")
        replay("after a restart")
        self.assertFalse([e for e in bob.events if e["event"] in ("forced-logout", "login-failed")])


class NewKey(unittest.TestCase):
    """A device has its first login under a new key under way while what it said under the old one is said again. Its numbers begin anew; and
    the Dispatcher, which was started again and has but the old key's stored ceiling, refuses recorded messages of the same numbers."""

    def test_a_device_seals_nothing_again_for_what_was_recorded_under_its_old_key(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="bramble-relay-"))
        lab = self.enterContext(bramble.Lab())
        relay = self.enterContext(Relay(folder, "devices", lab.port(3101), "--unit", "frame"))
        old_file, new_file = lab.dir / "devices" / f"{bramble.USERS['carol']}.json", pathlib.Path(folder) / "carol.json"

        def device(key_file):
            return bramble.Device("--key-file", key_file, "--router", f"127.0.0.1:{relay.port}", "--json")

        def resumes():
            return lab.ask("dispatcher", "status")["counters"]["resume_asked"]
        # The new key file is made before anything is said, so that both keys begin with number 1.
        lab.tool("device", "rekey", bramble.USERS["carol"])
        lab.tool("device", "export", bramble.USERS["carol"], new_file)
        with device(old_file) as old:
            old.say(f"login carol {bramble.password('carol')}")
            old.wait({"event": "login-ok"})
            for i in range(10):
                old.say(f"send bob recorded {i}")
                old.wait({"event": "ack"})
            old.say("logout")
            old.wait({"event": "logged-out"})
        lab.tool("lab", "restart", "dispatcher")
        bramble.wait_until(lambda: lab.ask("dispatcher", "status").get("services"), "the service is registered again")
        logins = lab.ask("groupwise", "census")["logins_total"]
        with device(new_file) as new:
            new.wait({"event": "link-up"})
            lab.tool("lab", "stop", "collab")
            new.say(f"login carol {bramble.password('carol')}")
            new.wait({"event": "login-sent"})
            bramble.wait_until(lambda: lab.ask("dispatcher", "status")["counters"]["opened"] == 1, "the login is on its way to the service")
            self.assertEqual(relay.ask("replay", way="up", opcode=DATA, units=10)["units"], 10)
            bramble.wait_until(lambda: resumes() == 10, "what was recorded is refused")
            lab.tool("lab", "continue", "collab")
            new.wait({"event": "login-ok"})
            self.assertEqual([e["event"] for e in new.events if e["event"] in ("login-sent", "returned")], ["login-sent"])
        self.assertEqual(lab.ask("groupwise", "census")["logins_total"], logins + 1)


class Options(unittest.TestCase):
    def test_bad_options_are_told(self):
        for options, sentence in (((), "--to ADDRESS:PORT is needed"), (("--to", "x:1", "--unit", "byte"), "--unit is chunk, frame or record, not byte"),
                                  (("--to", "x:1", "--seed", "-1"), "--seed is 0 to 4294967295, not -1"), (("--dorp",), "unknown option")):
            status, _, err = bramble.run("bramble-sim", "relay", *options)
            self.assertEqual(status, 2)
            self.assertIn(sentence, err)


if __name__ == "__main__":
    unittest.main()
