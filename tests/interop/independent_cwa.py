"""What the tests on the independent Communicator Web Access server share: the whole lab with its Collaboration Service pointed at that server, and
the oddities by name."""
import unittest

import bramble
import cwa_server as cwa
import standing

SPECIAL = "gr\u00fc\u00df dich \u20ac \u6f22 \U0001f600 & <b>bold</b> ]]> \\ {} 100% a+b=c; 'end' ~ \"q\""
ODDITIES = {
    "as usual": {},
    "in chunks and odd pieces": {"chunked": True, "pieces": "random"},
    "in single bytes": {"pieces": "bytes", "tickets": "first"},
    "a connection for each answer": {"close": True},
    "headers in small letters and 100 Continue before": {"header_case": True, "interim": True},
    "with a prefix and spaces and comments": {"prefix": True, "pretty": True, "declaration": True, "bare": True},
    "with references and single quotes": {"references": True, "quotes": True, "namespace": True},
    "with what nobody knows and in any order": {"unknown": True, "shuffle": True, "cdata": True, "hundred": True},
    "as the older pages have it": {"begun": "attributes", "im_accepted": "event", "wrapped": True, "errors": "description", "offline": 0},
    "conversations named twice": {"im_accepted": "both", "offline": 18000, "full_lists": True},
    "events before the answer": {"events_first": True},
    "one event at a time": {"batch": 1, "later": True},
    "people in capitals": {"spell": str.upper},
    "people without a scheme": {"spell": lambda uri: uri.removeprefix("sip:")},
    "types written otherwise": {"content_type": '{}; charset="UTF-8"'},
    "paced": {"hold_s": 0, "poll_ms": 60, "first_poll_ms": 100},
    "held for a moment": {"hold_s": 0.2, "poll_ms": 30},
}


class Case(unittest.TestCase):
    profile = "ocs2007"
    trust = "ca"
    options = ()
    pause_ms = 40

    @classmethod
    def setUpClass(cls):
        cls.server = cls.make_server()
        cls.addClassCleanup(cls.server.stop)
        trust = {"ca": ("-o", "collab.trust=ca", "-o", f"collab.trust_ca={cls.server.certificate}"),
                 "none": ("-o", "collab.trust=none"), "lab": ()}[cls.trust]
        cls.lab = bramble.Lab()
        cls.addClassCleanup(cls.lab.__exit__)
        # A lab is made with a Messenger server; it serves another environment once that is there.
        cls.lab.up()
        cls.lab.down()
        cls.lab.tool("environment", "add", "cwa", "--type", "cwa", "--host", "127.0.0.1", "--port", cls.server.port)
        cls.lab.options = ("-o", "collab.environment=cwa", "-o", f"collab.cwa_profile={cls.profile}", "-o", "collab.cwa_domain=CORP", *trust, *cls.options)
        cls.lab.up()

    @classmethod
    def make_server(cls):
        return cwa.Server()

    def setUp(self):
        self.server.reset()
        self.server.odd.poll_ms = self.server.odd.first_poll_ms = self.pause_ms
        self.addCleanup(self.check)

    def odd(self, **switches):
        self.server.odd = cwa.Odd(**{"poll_ms": self.pause_ms, "first_poll_ms": self.pause_ms, **switches})

    def check(self):
        """Whatever a test looks at: the server found no fault in what it was asked."""
        self.assertEqual(self.server.faults, [])

    def device(self, user):
        device = self.lab.device(user)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        device.wait({"event": "link-up"})
        device.user = user
        return device

    def login(self, user, device=None):
        device = device or self.device(user)
        device.say(f"login {user} {bramble.password(user)}")
        device.session = device.wait(lambda e: e["event"] in ("login-ok", "login-failed"))
        self.assertEqual(device.session["event"], "login-ok", device.session)
        device.session = device.session["session"]
        self.addCleanup(self.logout, device)
        return device

    def refused(self, device, user="alice", words=None):
        device.say(f"login {user} {words or bramble.password(user)}")
        said = device.wait(lambda e: e["event"] in ("login-ok", "login-failed"))
        if said["event"] == "login-ok":
            device.user = user
            self.logout(device)
        return said.get("code", "logged in")

    def logout(self, device):
        if device.child.poll() is None:
            device.say("coverage on\nlogout")
            device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "its end")
            # The device hears it before the server does.
            bramble.wait_until(lambda: not [s for s in self.server.sessions_of(device.user) if s.connection], "the server's session is over")

    def contacts(self, device):
        contacts = []
        while True:
            part = device.wait({"event": "contacts"})
            contacts += part["contacts"]
            if not part["more"]:
                return {c["user"]: c for c in contacts}

    def say(self, device, to, words):
        """Says it, and awaits the code of its outcome."""
        device.say(f"send {to} {words}")
        return self.awaits(device, {"event": "ack", "to": to})["code"]

    def awaits(self, device, event):
        return device.wait(event)

    def alive(self, device, user="alice", other="bob"):
        """The session still carries a message each way."""
        puppet = self.server.puppets.get(other) or self.server.puppet(other)
        puppet.say(user, "are you there?")
        self.awaits(device, {"event": "message", "from": other, "text": "are you there?"})
        heard = len(puppet.words(user))
        self.assertEqual(self.say(device, other, "yes"), 0)
        bramble.wait_until(lambda: puppet.words(user)[heard:] == ["yes"], f"{other} hears it once")

    def heard(self, puppet, *words):
        bramble.wait_until(lambda: puppet.words()[-len(words):] == list(words), f"{puppet.user.name} hears {words}, heard {puppet.words()}")

    def gone(self, device, reason="server-lost"):
        self.assertEqual(device.wait({"event": "forced-logout"})["reason"], reason)

    def shown(self, user, state, note):
        who = self.server.users[user]
        bramble.wait_until(lambda: (who.state, who.note) == (state, note), f"{user} is {state}, {note!r}, and not {who.state}, {who.note!r}")

    def advance(self, seconds):
        """Moves the clocks of a lab whose clocks stand (--clock manual)."""
        standing.advance(self.lab, self.server, seconds)
