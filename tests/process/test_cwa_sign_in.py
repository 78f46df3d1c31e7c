#!/usr/bin/env python3
"""How people sign in to the simulated Communicator Web Access server: forms, and Integrated Windows Authentication with Debian's curl and
a Kerberos of its own."""
import os
import pathlib
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
import kdc
from cwa_client import find, text, uri

LOGON = "<cwaRequests><logon/></cwaRequests>"


def curl(*args, env=None):
    """(status of the last answer, its headers, its body)"""
    done = subprocess.run([kdc.need("curl"), "-sS", "-i", "--max-time", "20", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, env=env, text=True)
    if done.returncode:
        raise AssertionError(f"curl {args}: {done.stderr}")
    head, _, body = ("\n" + done.stdout.replace("\r\n", "\n")).rpartition("\nHTTP/1.1 ")[2].partition("\n\n")
    return int(head.split()[0]), head, body


class SignIn(unittest.TestCase):
    def server(self, *options, iwa=True, **more):
        server = cwa_client.Server(*options, iwa=iwa, **more)
        self.addCleanup(server.stop)
        return server

    def test_forms_take_a_name_in_each_of_its_ways(self):
        server = self.server(tls=True)
        for name in ("CORP\\alice", "corp\\ALICE", "alice@corp.test", "alice", "sip:alice@corp.test", "corp.test\\alice"):
            for profile in ("xml", "json"):
                with self.subTest(name=name, profile=profile):
                    client = cwa_client.Client(server, "alice", profile).sign_in(name=name)
                    self.assertEqual(text(client.last, "requestSucceeded", "uri"), uri("alice"))
                    self.assertEqual(client.sign_in_data, "dGVsOis0OSAzMCAxMjM0")
                    self.assertTrue(client.ticket)
                    client.close()

    def test_what_is_wrong_with_a_name_or_password_is_refused_without_a_ticket(self):
        server = self.server()
        for name, words in (("CORP\\alice", "wrong"), ("CORP\\alice", ""), ("OTHER\\alice", "alice&secret"), ("nobody", "x"), ("", ""),
                            ("alice@else.test", "alice&secret"), ("CN=alice,OU=people,O=corp", "alice&secret")):
            with self.subTest(name=name):
                client = cwa_client.Client(server, "alice").sign_in(words, name)
                self.assertEqual((client.status, client.ticket), (200, None))
                self.assertEqual(find(client.last, "requestFailed", "error")[1]["code"], "18001")
                client.close()

    def test_a_handler_that_is_switched_off_and_single_sign_on_are_not_there(self):
        server = self.server("--sign-in", "forms")
        for path, method in (("/iwa/logon.html", "POST"), ("/sso/logon.html", "POST")):
            self.assertEqual(curl("-X", method, "-d", LOGON, server.url(path))[0], 404)
        other = self.server("--sign-in", "iwa")
        self.assertEqual(curl("-d", LOGON, other.url("/forms/logon.html"))[0], 404)

    def test_integrated_windows_authentication_offers_negotiate_and_ntlm_and_takes_get_and_post(self):
        server = self.server()
        for args in (("-d", LOGON), ()):
            status, head, _ = curl(*args, server.url("/iwa/logon.html"))
            self.assertEqual(status, 401)
            self.assertIn("WWW-Authenticate: Negotiate\nWWW-Authenticate: NTLM", head)
            self.assertNotIn("CWA-Ticket", head)
            status, head, body = curl("--ntlm", "-u", "CORP\\bob:bob-secret", *args, server.url("/iwa/logon.html"))
            self.assertEqual(status, 200)
            self.assertIn("CWA-Ticket: ", head)
            self.assertEqual(text(cwa_client.from_xml(body), "requestSucceeded", "uri"), uri("bob"))

    def test_ntlm_over_tls_with_good_and_bad_names(self):
        server = self.server(tls=True)
        for who, status in (("CORP\\bob:bob-secret", 200), ("bob:bob-secret", 200), ("CORP\\alice:alice&secret", 200), ("CORP\\bob:wrong", 401),
                            ("CORP\\nobody:bob-secret", 401), ("OTHER\\bob:bob-secret", 401)):
            with self.subTest(who=who):
                got, head, _ = curl("--cacert", server.certificate, "--ntlm", "-u", who, "-d", LOGON, server.url("/iwa/logon.html"))
                self.assertEqual((got, "CWA-Ticket" in head), (status, status == 200))

    def test_ntlm_wrapped_in_spnego_with_good_and_bad_names(self):
        server = self.server()
        users = os.path.join(server.folder, "client-users")
        for line, status in (("CORP:bob:bob-secret", 200), ("CORP:bob:wrong", 401), ("CORP:nobody:bob-secret", 401)):
            with self.subTest(line=line):
                pathlib.Path(users).write_text(line + "\n", encoding="ascii")
                # curl's own NTLM is not asked: its GSS-API finds no Kerberos ticket, and takes gss-ntlmssp.
                got, head, body = curl("--negotiate", "-u", ":", "-d", LOGON, server.url("/iwa/logon.html"),
                                       env=dict(os.environ, NTLM_USER_FILE=users, KRB5CCNAME="FILE:/nonexistent"))
                self.assertEqual((got, "CWA-Ticket" in head), (status, status == 200))
                if status == 200:
                    self.assertEqual(text(cwa_client.from_xml(body), "requestSucceeded", "uri"), uri("bob"))
                    self.assertIn("WWW-Authenticate: Negotiate ", head)

    def test_the_ticket_of_ntlm_is_one_like_that_of_forms(self):
        server = self.server()
        _, head, _ = curl("--ntlm", "-u", "CORP\\bob:bob-secret", "-d", LOGON, server.url("/iwa/logon.html"))
        client = cwa_client.Client(server, "bob")
        client.ticket = head.partition("CWA-Ticket: ")[2].split()[0]
        client.begin()
        self.assertEqual(client.uri, uri("bob"))
        client.close()

    def test_a_refusal_while_others_sign_in_is_felt_by_nobody_else(self):
        server = self.server()
        broken = socket.create_connection(("127.0.0.1", server.port))
        broken.sendall(b"POST /iwa/logon.html HTTP/1.1\r\nHost: x\r\nAuthorization: NTLM !!!\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b" 401 ", broken.recv(4096))
        broken.sendall(b"POST /iwa/logon.html HTTP/1.1\r\nHost: x\r\nAuthorization: Negotiate TlRMTVNTUAADAAAA\r\nContent-Length: 0\r\n\r\n")
        self.assertIn(b" 401 ", broken.recv(4096))
        broken.close()
        self.assertEqual(curl("--ntlm", "-u", "bob:bob-secret", "-d", LOGON, server.url("/iwa/logon.html"))[0], 200)


class Kerberos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kdc = kdc.Kdc(bob="bob-secret")
        cls.addClassCleanup(cls.kdc.__exit__)
        cls.kdc.start()
        cls.dir, cls.env = cls.kdc.dir, cls.kdc.env

    def test_negotiate_with_a_kerberos_ticket(self):
        with cwa_client.Server("--keytab", f"{self.dir}/keytab", iwa=True, env=self.env) as server:
            url = f"http://localhost:{server.port}/iwa/logon.html"
            status, head, body = curl("--ipv4", "--negotiate", "-u", ":", "-d", LOGON, url, env=self.env)
            self.assertEqual(status, 200, head + server.errors())
            self.assertIn("CWA-Ticket: ", head)
            self.assertEqual(text(cwa_client.from_xml(body), "requestSucceeded", "uri"), uri("bob"))
            bare = dict(self.env, KRB5CCNAME=f"FILE:{self.dir}/none")
            self.assertEqual(curl("--ipv4", "--negotiate", "-u", ":", "-d", LOGON, url, env=bare)[0], 401)
            self.assertEqual(curl("--ipv4", "--ntlm", "-u", "CORP\\bob:bob-secret", "-d", LOGON, url, env=bare)[0], 200)


if __name__ == "__main__":
    unittest.main()
