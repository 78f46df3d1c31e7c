"""`bramble demo`: the documented outcomes on real processes, also when the usual ports are taken."""
import socket
import unittest

import bramble


class Demo(unittest.TestCase):
    def test_every_outcome_is_the_documented_one(self):
        status, out, err = bramble.run("bramble", "demo", timeout=240, env=bramble.gss_env())
        self.assertEqual(status, 0, out + err)
        for line in ("refused, the device shows \"Server Busy\": as documented", "refused, the device shows \"Failed (300)\": as documented",
                     "evictable=1 idle_timeout=10m evicted=1 -> ADMITTED", "max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY",
                     "max=unset live=2 capacity=2 -> FAILED (300)", "GroupWise Messenger counts 2 connections: as documented",
                     "it is told that its session was logged out (evicted-coverage): as documented",
                     "Integrated Windows Authentication (NTLM)  accepted, HTTP 200", "Integrated Windows Authentication (NTLM)  refused, HTTP 401",
                     "forms-based authentication                accepted, HTTP 200", "the login request, in XML", "the login request, in JSON",
                     "refused, the device shows \"Failed\": as documented",
                     "Communicator Web Access counts 2 sessions, the Communications Server 2 endpoints: as documented",
                     "9 logins, 20 checks, 0 differ from the documents"):
            self.assertIn(line, out)
        self.assertRegex(out, r"CWA registers the user by mutual TLS +127\.0\.0\.1:\d+, TLSv1\.3\n.*the Communications Server accepts +200 OK\n")
        self.assertNotIn("DIFFERS", out)

    def test_taken_ports_move_it_and_it_says_so(self):
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 3101))
            taken.listen()
        except OSError:
            pass     # somebody else has it: just as good
        with taken:
            status, out, err = bramble.run("bramble", "demo", timeout=240, env=bramble.gss_env())
        self.assertEqual(status, 0, out + err)
        self.assertIn("some are taken, so all have moved up by", out)
        self.assertNotIn("Router 127.0.0.1:3101", out)

    def test_secrets_are_not_shown(self):
        _, out, err = bramble.run("bramble", "demo", timeout=240, env=bramble.gss_env())
        self.assertNotIn("-secret", out + err)


if __name__ == "__main__":
    unittest.main()
