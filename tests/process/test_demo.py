"""`bramble demo`: the documented outcomes on real processes. The usual ports are taken (`make demo` is where they are not), as by a test whose
devices dial them and would be taken for the demo's."""
import socket
import unittest

import bramble


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", 3101))
                taken.listen()
            except OSError:
                pass     # somebody else has it: just as good
            cls.status, cls.out, cls.err = bramble.run("bramble", "demo", timeout=240, env=bramble.gss_env())

    def test_every_outcome_is_the_documented_one(self):
        self.assertEqual(self.status, 0, self.out + self.err)
        for line in ("refused, the device shows \"Server Busy\": as documented", "refused, the device shows \"Failed (300)\": as documented",
                     "evictable=1 idle_timeout=10m evicted=1 -> ADMITTED", "max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY",
                     "max=unset live=2 capacity=2 -> FAILED (300)", "GroupWise Messenger counts 2 connections: as documented",
                     "it is told that its session was logged out (evicted-coverage): as documented",
                     "Integrated Windows Authentication (NTLM)  accepted, HTTP 200", "Integrated Windows Authentication (NTLM)  refused, HTTP 401",
                     "forms-based authentication                accepted, HTTP 200", "the login request, in XML", "the login request, in JSON",
                     "refused, the device shows \"Failed\": as documented",
                     "Communicator Web Access counts 2 sessions, the Communications Server 2 endpoints: as documented",
                     "9 logins, 20 checks, 0 differ from the documents"):
            self.assertIn(line, self.out)
        self.assertRegex(self.out, r"CWA registers the user by mutual TLS +127\.0\.0\.1:\d+, TLSv1\.3\n.*the Communications Server accepts +200 OK\n")
        self.assertNotIn("DIFFERS", self.out)

    def test_taken_ports_move_it_and_it_says_so(self):
        self.assertIn("some are taken, so all have moved up by", self.out)
        self.assertNotIn("Router 127.0.0.1:3101", self.out)

    def test_secrets_are_not_shown(self):
        self.assertNotIn("-secret", self.out + self.err)


if __name__ == "__main__":
    unittest.main()
