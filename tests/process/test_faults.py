"""The simulated device's faults, its control socket, and how it goes along with a lab: the real programs."""
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import bramble

PIN = bramble.USERS["alice"]


class OnALab(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(bramble.Lab(*cls.options))

    def joined(self, user, *options):
        """A device that takes all it needs from the lab's folder."""
        return bramble.Device("--lab", self.lab.dir, "--pin", bramble.USERS[user], "--json", *options)

    def socket(self, device):
        return self.lab.dir / "run" / f"device-{device.child.pid}.sock"

    def login(self, device, user):
        device.say(f"login {user} {bramble.password(user)}")
        return device.wait(lambda e: e["event"] in ("login-ok", "login-failed"))


class Faults(OnALab):
    def test_the_third_login_is_lost(self):
        with self.joined("alice", "--fault", "drop,on=login,nth=3,count=1", "--login-timeout", "2s") as alice:
            for n in (1, 2, 3, 4):
                event = self.login(alice, "alice")
                self.assertEqual(event["event"], "login-failed" if n == 3 else "login-ok", event)
                if n == 3:
                    self.assertEqual((event["code"], event["reason"]), (0, "no answer in time"))
                else:
                    alice.say("logout")
                    alice.wait({"event": "logged-out"})

    def test_faults_are_typed_listed_and_cleared(self):
        with self.joined("bob") as bob:
            bob.say("fault dorp")
            self.assertIn("there is no fault dorp; there are delay, drop, duplicate", bob.wait({"event": "error"})["text"])
            for word, sentence in (("drop,pin=2100000A", "there is no pin 2100000A here"), ("refuse=100", "refuse is not done here"),
                                   ("drop,user=bob", "a fault has no user=; there are pin="), ("half-close", "knows no half-close"),
                                   ("drop,on=login_ok", "there is no message of a device login_ok; on= also takes arriving, receipt, "
                                    "link and all"), ("split,on=arriving", "split happens to what a device sends"),
                                   ("drop,for=1", None)):
                bob.say(f"fault {word}")
                if sentence:
                    self.assertIn(sentence, bob.wait({"event": "error"})["text"])
            bob.say("faults none")
            self.assertEqual(bob.wait({"event": "error"})["text"], "faults takes nothing, or clear")
            bob.say("faults clear")
            bob.say("fault duplicate,on=login,pin=2100000b")
            self.assertEqual(self.login(bob, "bob")["event"], "login-ok")
            bob.say("faults")
            self.assertEqual(bob.wait({"event": "fault-list"})["faults"],
                             [{"word": "duplicate,on=login,pin=2100000b", "seen": 1, "done": 1}])
            bob.say("faults clear")
            bob.say("faults")
            self.assertEqual(bob.wait({"event": "fault-list"})["faults"], [])
        words = bramble.run("bramble-sim", "device", "--lab", self.lab.dir, "--pin", bramble.USERS["bob"],
                            stdin="faults\nfault drop,on=status\nfaults\n")
        self.assertEqual(words[0], 0, words)
        self.assertIn("no faults", words[1])
        self.assertIn("\"drop,on=status\": seen 0, done 0", words[1])

    def test_they_are_set_over_the_control_socket_too(self):
        with self.joined("carol") as carol:
            self.assertEqual(self.login(carol, "carol")["event"], "login-ok")
            path = self.socket(carol)
            status = bramble.control(path, "status")
            self.assertEqual((status["name"], status["count"], status["links"], status["sessions"]), ("device", 1, 1, 1))
            self.assertEqual((status["devices"][0]["pin"], status["devices"][0]["state"]), (bramble.USERS["carol"], "online"))
            self.assertEqual(bramble.control(path, "fault", word="half-open,for=1500ms"), {})
            carol.say("send carol into the void")
            carol.wait({"event": "sent"})
            self.assertEqual(bramble.control(path, "fault.list")["faults"][0]["done"], 1)
            carol.wait({"event": "link-down"})
            carol.wait({"event": "resumed"})
            carol.wait({"event": "ack", "type": "MESSAGE"})
            bramble.control(path, "fault.clear")
            self.assertEqual(bramble.control(path, "fault.list"), {"faults": []})
            with self.assertRaisesRegex(RuntimeError, "there is no fault x"):
                bramble.control(path, "fault", word="x")
        self.assertFalse(path.exists())

    def test_partial_frames_reach_the_router_one_by_one(self):
        with bramble.Tap(self.lab.port(3101)) as tap:
            with bramble.Device("--key-file", self.lab.dir / "devices" / f"{PIN}.json", "--router", f"127.0.0.1:{tap.port}", "--json",
                                "--fault", "split=25,on=all") as alice:
                self.assertEqual(self.login(alice, "alice")["event"], "login-ok")
                # Short frames may share a piece.
                self.assertGreater(tap.segments_up(), len(tap.up) / 25 - 3)

    def test_what_does_not_fit_is_said_with_its_exit_status(self):
        with tempfile.TemporaryDirectory() as nothing:
            lab, key = str(self.lab.dir), str(self.lab.dir / "devices" / f"{PIN}.json")
            for options, status, sentence in (
                    (("--lab", nothing, "--pin", PIN), 1, "no lab runs in"),
                    (("--lab", lab), 2, "it is needed, or --pin PIN, or --count N"),
                    (("--lab", lab, "--pin", "xyz"), 2, "--pin: it has 8 hex digits"),
                    (("--pin", PIN), 2, "it goes with --lab"),
                    (("--lab", lab, "--pin", PIN, "--key-file", key), 2, "neither --key-file nor --count"),
                    (("--lab", lab, "--pin", PIN, "--clock", "manual"), 2, "the clock is the lab's"),
                    (("--key-file", key, "--clock", "fast"), 2, "--clock is manual or manual:MS, not fast"),
                    (("--key-file", key, "--fault", "dealy=3"), 2, "there is no fault dealy; there are delay, drop"),
                    (("--lab", lab, "--pin", "2100FFFF"), 3, "2100FFFF.json"),
                    (("--key-file", key, "--control", "/nowhere/x.sock"), 4, "/nowhere/x.sock")):
                with self.subTest(options=options):
                    got = bramble.run("bramble-sim", "device", *options, stdin="")
                    self.assertEqual(got[0], status, got)
                    self.assertIn(sentence, got[2])


class Clock(OnALab):
    options = ("--clock", "manual")

    def test_a_device_of_a_lab_has_its_clock_and_is_moved_with_the_others(self):
        self.lab.ask("router", "clock.advance", to_ms=1234567)
        with self.joined("alice", "--fault", "drop,on=login,count=1") as alice:
            alice.wait({"event": "link-up"})
            path = self.socket(alice)
            clock = bramble.control(path, "clock.show")
            self.assertEqual((clock["manual"], clock["now_ms"]), (True, 1234567))
            alice.say("login alice alice-secret")
            alice.wait({"event": "login-sent"})
            bramble.control(path, "clock.advance", to_ms=1234567 + 59999)
            self.assertEqual(bramble.control(path, "status")["devices"][0]["state"], "logging-in")
            bramble.control(path, "clock.advance", to_ms=1234567 + 60000)
            self.assertEqual(alice.wait({"event": "login-failed"})["code"], 0)

    def test_several_devices_of_a_lab_have_one_socket(self):
        with bramble.Device("--lab", self.lab.dir, "--count", "3", "--json", "--stay") as crowd:
            for _ in range(3):
                crowd.wait({"event": "link-up"})
            self.assertEqual(bramble.control(self.socket(crowd), "status")["links"], 3)
            crowd.say("fault drop,pin=2100000B,on=login,count=1")
            crowd.say("@2100000A login alice alice-secret")
            crowd.wait({"event": "login-ok", "pin": "2100000A"})

    def test_a_clock_of_ones_own_goes_by_the_control_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "device.sock"
            with self.lab.device("bob", "--clock", "manual:5s", "--control", path) as bob:
                bob.wait({"event": "link-up"})
                self.assertEqual(bramble.control(path, "clock.show")["now_ms"], 5000)
                bob.say("login bob bob-secret")
                bob.wait({"event": "login-ok"})
                bramble.control(path, "clock.advance", to_ms=65000)
                bob.wait({"event": "status-sent"})


if __name__ == "__main__":
    unittest.main()
