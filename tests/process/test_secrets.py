"""Secrets stay where they belong: after logins that went well and badly, a new key, and daemons at the most talkative level, neither
passwords nor keys are found in database, write-ahead log, logs, trails or anything the tools print, in no usual spelling."""
import base64
import json
import unittest

import bramble

# Where they stand in clear by design: the simulated people, the devices' own key files, the Router's identities, the sealing key.
BY_DESIGN = {"world.xml", "srp.keys", "install.key", "groupwise.key"}


def spellings(secret):
    """Raw, hex in both cases, and base64 at each of the three places a longer text could put it."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        inner = base64.b64encode(b"\0" * shift + secret)
        yield inner[(0, 2, 3)[shift]:len(inner) // 4 * 4 - 4]


class Secrets(unittest.TestCase):
    def test_no_password_and_no_key_is_found_anywhere(self):
        with bramble.Lab("-o", "common.log_level=debug") as lab:
            told = [lab.said]
            with lab.device("alice") as alice, lab.device("bob") as bob:
                bob.say("login bob wrong-guess-17")
                bob.wait(lambda e: e.get("event") == "login-failed")
                for name, device in (("alice", alice), ("bob", bob)):
                    device.say(f"login {name} {bramble.password(name)}")
                    device.wait(lambda e: e.get("event") == "login-ok")
                alice.say("send bob hello")
                bob.wait(lambda e: e.get("event") == "message")
                told.append(lab.tool("device", "rekey", bramble.USERS["carol"]))
                for words in (("user", "list"), ("device", "list"), ("session", "list"), ("session", "list", "--history"),
                              ("srp", "list"), ("config", "show"), ("lab", "status"), ("lab", "logs")):
                    told.append(lab.tool(*words))
                for process in ("router", "dispatcher", "collab"):
                    told.append(json.dumps([lab.ask(process, "status"), lab.ask(process, "trail")]))
                told.append(alice.errors() + bob.errors())
            secrets = {f"password of {user}": bramble.password(user).encode() for user in bramble.USERS}
            secrets["password that was wrong"] = b"wrong-guess-17"
            for path in lab.dir.glob("devices/*.json"):
                for key in json.loads(path.read_text())["keys"]:
                    secrets[f"key {key['serial']} of {path.stem}"] = bytes.fromhex(key["secret"])
            for line in (lab.dir / "srp.keys").read_text().splitlines():
                if not line.startswith("#"):
                    secrets["SRP key"] = bytes.fromhex(line.split()[1])
            install = (lab.dir / "install.key").read_bytes().strip()
            secrets["install key"] = bytes.fromhex(install.decode()) if len(install) == 64 else install
            self.assertGreaterEqual(len(secrets), 11)

            # What `lab up` tells are the passwords of the simulated people, on purpose.
            places = {f"output {i}": text.encode() for i, text in enumerate(told) if i > 0}
            for path in lab.dir.rglob("*"):
                if path.is_file() and path.name not in BY_DESIGN and path.parent.name != "devices":
                    places[str(path.relative_to(lab.dir))] = path.read_bytes()
            self.assertTrue(any(name.endswith("bramble.db-wal") for name in places), sorted(places))
            self.assertTrue(any(b"debug:" in content for content in places.values()))
            for place, content in places.items():
                for name, secret in secrets.items():
                    for spelled in spellings(secret):
                        self.assertFalse(spelled in content, f"{name} in {place}")
            # The search itself finds what is there.
            world = (lab.dir / "world.xml").read_bytes()
            self.assertIn(next(spellings(secrets["password of alice"])), world)


if __name__ == "__main__":
    unittest.main()
