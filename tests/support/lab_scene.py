"""A lab per test with people who log in, for tests that ask the tool what happened."""
import unittest

import bramble


class Scene(unittest.TestCase):
    options = ()

    def setUp(self):
        self.lab = bramble.Lab(*self.options)
        self.addCleanup(self.lab.__exit__)
        self.lab.up()
        self.devices = {}

    def device(self, user, *options):
        if user not in self.devices:
            self.devices[user] = self.lab.device(user, *options)
            self.addCleanup(self.devices[user].stop)
        return self.devices[user]

    def login(self, user, password=None, *options):
        """The device's answer; it names the login."""
        device = self.device(user, *options)
        device.say(f"login {user} {password or bramble.password(user)}")
        answer = device.wait(lambda e: e["event"] in ("login-ok", "login-failed"), f"{user}'s answer")
        self.assertRegex(answer["login_id"], rf"^{bramble.USERS[user]}-\d+$")
        return answer

    def limits(self, *words):
        self.lab.tool("limits", "set", *words)

    def show(self, login_id):
        return self.lab.json("trace", "show", login_id)

    def session(self, user):
        """The user's session as its service has it."""
        return next((s for s in self.lab.ask("collab", "sessions")["sessions"] if s["user"] == user), {})

    def wait_mark(self, user):
        bramble.wait_until(lambda: self.session(user).get("mark"), f"{user}'s session to be marked")
