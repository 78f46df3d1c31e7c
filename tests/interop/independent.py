"""What the tests on the independent Messenger server share: the whole lab with its Collaboration Service pointed at that server,
and the oddities by name."""
import unittest

import bramble
import groupwise_server as gw
import standing

SPECIAL = "gr\u00fc\u00df dich \u20ac \u6f22 \U0001f600 & <b>bold</b> \\ {} 100% a+b=c; 'end' ~"
ODDITIES = {
    "as usual": {},
    "in single bytes": {"pieces": "bytes"},
    "in odd records": {"pieces": "random"},
    "answer and events in one record": {"join": True},
    "integers for strings and strings for integers": {"types": True},
    "fields in any order": {"shuffle": True},
    "unknown fields": {"unknown": True},
    "HTTP/1.1 with other headers": {"head": "HTTP/1.1 200 OK\r\nServer: NetIdentity\r\nContent-Type: application/x-nm\r\n"
                                            "X-Empty:\r\nX-Long: " + "x" * 2000 + "\r\n\r\n"},
    "a status line and nothing else": {"head": "HTTP/1.0 200\r\n\r\n"},
    "DNs in capitals": {"case": str.upper},
    "DNs in small letters": {"case": str.lower},
    "conference ids with other tails": {"tails": True},
    "events before the answer": {"events_first": True},
    "contacts without details": {"details": False},
    "folders after contacts": {"folders_last": True},
    "everything at once": {"pieces": "random", "types": True, "shuffle": True, "unknown": True, "case": str.swapcase,
                           "tails": True, "events_first": True, "folders_last": True, "head": "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"},
}


class Case(unittest.TestCase):
    trust = "ca"
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = gw.Server()
        cls.addClassCleanup(cls.server.stop)
        trust = {"ca": ("-o", "collab.trust=ca", "-o", f"collab.trust_ca={cls.server.certificate}"),
                 "none": ("-o", "collab.trust=none"), "lab": ()}[cls.trust]
        cls.lab = bramble.Lab(*trust, *cls.options)
        cls.addClassCleanup(cls.lab.__exit__)
        cls.lab.up()
        cls.lab.tool("environment", "set", "groupwise", "--host", "127.0.0.1", "--port", cls.server.port)
        log = cls.lab.dir / "log" / "collab.log"
        bramble.wait_until(lambda: f"server=127.0.0.1:{cls.server.port}" in log.read_text(), "the service knows the server")

    def setUp(self):
        self.server.reset()
        self.addCleanup(self.check)

    def check(self):
        """Whatever a test looks at: the server found no fault in what it was asked."""
        self.assertEqual(self.server.faults, [])

    def device(self, user):
        device = self.lab.device(user)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        device.wait({"event": "link-up"})
        return device

    def login(self, user, device=None):
        device = device or self.device(user)
        device.say(f"login {user} {bramble.password(user)}")
        device.session = device.wait({"event": "login-ok"})["session"]
        self.addCleanup(self.logout, device)
        self.server.wait_asked("setstatus", user)
        return device

    def logout(self, device):
        if device.child.poll() is None:
            device.say("coverage on\nlogout")
            device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "its end")

    def contacts(self, device):
        contacts = []
        while True:
            part = device.wait({"event": "contacts"})
            contacts += part["contacts"]
            if not part["more"]:
                return {c["user"]: c for c in contacts}

    def alive(self, device, user="alice"):
        """The session still carries a message each way."""
        bob = self.server.puppets.get("bob") or self.server.puppet("bob")
        bob.say(user, "are you there?")
        device.wait({"event": "message", "text": "are you there?"})
        heard = len(bob.heard())
        device.say("send bob yes")
        bramble.wait_until(lambda: len(bob.heard()) > heard, "bob hears it")
        self.assertEqual(device.wait({"event": "ack", "to": "bob"})["code"], 0)

    def heard(self, puppet, *words):
        """The last that the puppet heard; the server answers before it passes on."""
        bramble.wait_until(lambda: puppet.heard()[-len(words):] == list(words), f"{puppet.user.name} hears {words}")

    def undelivered(self, device, user):
        """The outcome of a message that the server took and then could not hand on."""
        device.wait(lambda e: e["event"] == "ack" and e["code"] == 410 and user in (e["to"], e["text"]), f"undelivered to {user}")

    def gone(self, device, reason):
        self.assertEqual(device.wait({"event": "forced-logout"})["reason"], reason)

    def advance(self, seconds):
        """Moves the clocks of a lab whose clocks stand (--clock manual)."""
        standing.advance(self.lab, self.server, seconds)
