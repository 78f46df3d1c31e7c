"""A simulated BlackBerry on a whole lab, for stock clients to talk with."""
import unittest

import bramble


class Case(unittest.TestCase):
    lab_options = ()

    @classmethod
    def setUpClass(cls):
        cls.lab = bramble.Lab(*cls.lab_options)
        cls.addClassCleanup(cls.lab.__exit__)
        cls.lab.__enter__()
        bramble.wait_until(lambda: cls.lab.ask("dispatcher", "status").get("services"), "the service is registered")

    def blackberry(self, user):
        device = self.lab.device(user)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        device.wait({"event": "link-up"})
        device.say(f"login {user} {bramble.password(user)}")
        device.wait({"event": "login-ok"})
        self.addCleanup(self.log_out, device)
        return device

    def log_out(self, device):
        device.say("logout")
        device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "the end of it")
