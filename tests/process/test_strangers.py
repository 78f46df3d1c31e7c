"""People who are on nobody's contact list can still write to each other: both sides ask the IM server for details first."""
import pathlib
import tempfile
import unittest

import bramble

WORLD = """<world>
<user id="alice" password="alice-secret" name="Alice Archer"/>
<user id="bob" password="bob-secret" name="Bob Baker"/>
</world>
"""


class Strangers(unittest.TestCase):
    def test_a_message_between_strangers_arrives(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "world.xml").write_text(WORLD)
            with bramble.Lab(dir=folder) as lab, lab.device("alice") as alice, lab.device("bob") as bob:
                for name, device in (("alice", alice), ("bob", bob)):
                    device.say(f"login {name} {bramble.password(name)}")
                    device.wait(lambda e: e.get("event") == "login-ok")
                alice.say("send bob we have never met")
                got = bob.wait(lambda e: e.get("event") == "message")
                self.assertEqual((got["from"], got["name"], got["text"]), ("alice", "Alice Archer", "we have never met"))
                self.assertEqual(alice.wait(lambda e: e.get("event") == "ack")["code"], 0)


if __name__ == "__main__":
    unittest.main()
