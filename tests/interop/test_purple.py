#!/usr/bin/env python3
"""A stock client, libpurple with its own GroupWise plugin, on the simulated Messenger server."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dotted

AUTHENTICATION_FAILED, NETWORK_ERROR, NAME_IN_USE = "2", "0", "6"     # PurpleConnectionError
TYPED = "braces { } and \\ backslash, \u00e9\u00fc\u20ac\u6f22 \U0001f600 & <b> \"quoted\" 100% a+b=c; 'end'"


class StockClient(unittest.TestCase):
    def setUp(self):
        self.server = messenger.Server()
        self.addCleanup(self.server.stop)

    def client(self, user=None):
        client = messenger.Purple()
        self.addCleanup(client.stop)
        if user:
            client.sign_on(user, self.server.port)
        return client

    def test_signs_on_and_sees_its_contacts(self):
        alice = self.client("alice")
        buddies = alice.buddies()
        self.assertEqual({who: (b["name"], b["group"], b["status"]) for who, b in buddies.items()}, {
            dotted("bob"): ("Bob Br\u00fcckner", "Friends", "offline"), dotted("carol"): ("Carol Clark", "Friends", "offline")})
        bob = self.client("bob")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "available"})
        boss = bob.buddies()[dotted("alice")]
        self.assertEqual((boss["name"], boss["group"], boss["status"]), ("The Boss", "Work", "available"))

    def test_signs_on_with_the_plain_the_dotted_and_the_typed_name(self):
        for name in ("alice", "Alice.People.Corp", "cn=alice,ou=people,o=corp"):
            with self.subTest(name=name):
                client = self.client()
                client.sign_on(name, self.server.port, "alice-secret")
                self.assertIn(dotted("bob"), client.buddies())
                client.say("disconnect")
                client.wait({"event": "signed-off"})

    def test_two_clients_chat_with_special_characters(self):
        alice, bob = self.client("alice"), self.client("bob")
        for text in ("hello", TYPED, "{", "}", "\\par", "\u00e9" * 600, "x" * 2000):
            with self.subTest(text=text[:20]):
                alice.send(dotted("bob"), text)
                self.assertEqual(bob.wait({"event": "im", "from": dotted("alice")})["text"], text)
        alice.send(dotted("bob"), "one\ntwo")
        self.assertIn(bob.wait({"event": "im"})["markup"].replace("<br>", "\n"), ("one\ntwo",))
        bob.send(dotted("alice"), "and back: " + TYPED)
        self.assertEqual(alice.wait({"event": "im", "from": dotted("bob")})["text"], "and back: " + TYPED)

    def test_a_wrong_password_is_told_as_one(self):
        client = self.client()
        client.connect("alice", "wrong", self.server.port)
        self.assertEqual(client.wait({"event": "disconnected"})["reason"], AUTHENTICATION_FAILED)
        self.assertEqual(self.server.user("alice"), {"sessions": 0, "logins": 0, "refused": 1, "status": "offline"})

    def test_result_codes_of_the_login(self):
        for code in ("D106", "D10B", "D10C", "D110", "D111", "D123", "D130", "D142", "D146", "D14A", "D14B", "D101"):
            with self.subTest(code=code):
                self.server.ask("fault.login", user="alice", code=code, count=1)
                client = self.client()
                client.connect("alice", "alice-secret", self.server.port)
                wanted = AUTHENTICATION_FAILED if code in ("D10C", "D146") else NETWORK_ERROR
                self.assertEqual(client.wait({"event": "disconnected"})["reason"], wanted)
                client.stop()

    def test_a_second_login_ends_the_first(self):
        first, bob = self.client("alice"), self.client("bob")
        second = self.client("alice")
        gone = first.wait({"event": "disconnected"})
        self.assertEqual(gone["reason"], NAME_IN_USE)
        self.assertIn("another location", gone["text"])
        bob.send(dotted("alice"), "which one?")
        self.assertEqual(second.wait({"event": "im"})["text"], "which one?")
        self.assertEqual(self.server.user("alice")["sessions"], 1)

    def test_status_and_its_text_reach_the_others(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "available"})
        bob.say("status away out for lunch")
        self.assertEqual(alice.wait({"event": "presence", "who": dotted("bob"), "status": "away"})["text"], "out for lunch")
        bob.say("status busy")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "busy"})
        bob.say("status appearoffline")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "offline"})
        bob.say("status available")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "available"})
        bob.say("disconnect")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "offline"})

    def test_who_is_away_answers_once(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.say("status away back at two")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "away"})
        alice.send(dotted("bob"), "there?")
        bob.wait({"event": "im", "text": "there?"})
        self.assertIn("back at two", alice.wait({"event": "im", "from": dotted("bob")})["text"])
        alice.send(dotted("bob"), "still away?")
        bob.wait({"event": "im", "text": "still away?"})
        bob.send(dotted("alice"), "no")
        self.assertEqual(alice.wait({"event": "im"})["text"], "no")

    def test_typing_is_shown(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.send(dotted("bob"), "hello")
        bob.wait({"event": "im"})
        alice.say(f"typing {dotted('bob')} 1")
        bob.wait({"event": "typing", "from": dotted("alice"), "state": "1"})
        alice.say(f"typing {dotted('bob')} 0")
        bob.wait({"event": "typing", "from": dotted("alice"), "state": "0"})

    def test_a_message_to_somebody_offline_is_told_undeliverable(self):
        alice = self.client("alice")
        alice.send(dotted("bob"), "anybody?")
        self.assertIn("offline", alice.wait({"event": "written"})["text"])

    def test_a_conversation_goes_on_after_the_window_was_closed(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.send(dotted("bob"), "one")
        bob.wait({"event": "im", "text": "one"})
        bob.say(f"close {dotted('alice')}")
        # The plugin shows nothing when the server has let it out, and sends into the old conference until then: so say it
        # until it arrives.
        self.say_until_heard(bob, "alice", alice)
        alice.say(f"close {dotted('bob')}")
        self.say_until_heard(alice, "bob", bob)

    def say_until_heard(self, speaker, to, hearer):
        for n in range(100):
            speaker.send(dotted(to), f"attempt {n}")
            try:
                hearer.wait({"event": "im"}, deadline_s=0.3)
                return
            except AssertionError:
                continue
        self.fail(f"{to} heard nothing")

    def test_an_added_contact_stays_on_the_list(self):
        alice, dave = self.client("alice"), self.client("dave")
        alice.say("add dave Friends")
        alice.wait({"event": "presence", "who": dotted("dave")})
        alice.say("disconnect")
        alice.wait({"event": "signed-off"})
        again = self.client("alice").buddies()
        self.assertEqual((again[dotted("dave")]["name"], again[dotted("dave")]["group"], again[dotted("dave")]["status"]),
                         ("Dave Diaz", "Friends", "available"))
        dave.say("disconnect")

    def test_who_is_blocked_sees_nothing_and_reaches_nobody(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.say(f"block {dotted('bob')}")
        bob.wait({"event": "presence", "who": dotted("alice"), "status": "offline"})
        bob.send(dotted("alice"), "hello?")
        self.assertIn("offline", bob.wait({"event": "written"})["text"])
        alice.say(f"unblock {dotted('bob')}")
        bob.wait({"event": "presence", "who": dotted("alice"), "status": "available"})

    def room_of_three(self):
        """alice has invited bob, then carol; the id of the room carol would have joined is the server's."""
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        for who in ("bob", "carol"):
            alice.wait({"event": "presence", "who": dotted(who), "status": "available"})
        alice.say(f"room {dotted('bob')}")
        alice.wait({"event": "room"})
        bob.wait({"event": "room"})
        return alice, bob, carol

    def test_a_room_is_opened_joined_spoken_in_and_left(self):
        alice, bob, carol = self.room_of_three()
        alice.say(f"invite {dotted('carol')}")
        carol.wait({"event": "room"})
        for other in (alice, bob):
            self.assertIn("carol", other.wait({"event": "room-joined", "new": "1", "who": dotted("carol")})["who"])
        alice.say("say " + TYPED.replace("\\", "\\\\"))
        # In a room the plugin shows people as the contact list calls them.
        for other, called in ((bob, "The Boss"), (carol, "Alice Adams")):
            self.assertEqual(other.wait({"event": "room-text", "from": called})["text"], TYPED)
        carol.say("say and from me")
        for other in (alice, bob):
            self.assertEqual(other.wait({"event": "room-text", "from": "Carol Clark"})["text"], "and from me")
        bob.say("leave")
        for other in (alice, carol):
            other.wait({"event": "room-left", "who": dotted("bob")})
        alice.say("say only you")
        self.assertEqual(carol.wait({"event": "room-text"})["text"], "only you")
        carol.say("disconnect")
        alice.wait({"event": "room-left", "who": dotted("carol")})

    def test_a_declined_invitation_brings_nobody_in(self):
        alice, bob, carol = self.room_of_three()
        carol.say("answer no")
        alice.say(f"invite {dotted('carol')}")
        carol.wait({"event": "question", "answer": "No"})
        bob.say("say still two")
        self.assertEqual(alice.wait({"event": "room-text"})["text"], "still two")
        self.assertFalse([e for e in carol.events if e["event"].startswith("room")])

    def test_a_room_of_mixed_parties(self):
        # A client of another make invites, speaks in the room and leaves; nothing of it may harm the stock one.
        bob = self.client("bob")
        with messenger.Raw(self.server.port) as raw:
            self.assertEqual(raw.login("carol")[0], 0)
            raw.status(2)
            guid = raw.conference("carol")
            there = messenger.conversation(guid)
            self.assertEqual(raw.ask("sendinvite", there, ("NM_A_SZ_DN", messenger.page.DN, messenger.dn("bob")),
                                     ("NM_A_SZ_MESSAGE_BODY", messenger.page.STRING, "h\u00e9, join & <us>"))[0], 0)
            bob.wait({"event": "room"})
            self.assertEqual(raw.event(106)[2], messenger.dn("bob"))
            self.assertEqual(raw.message_to(guid[:28] + "00AB-1234]", text="other tail {x}")[0], 0)
            self.assertEqual(bob.wait({"event": "room-text", "from": "Carol Clark"})["text"], "other tail {x}")
            bob.say("say I see")
            self.assertIn("I see", raw.event(108)[5])
            self.assertEqual(raw.ask("leaveconf", there), (0, []))
            bob.wait({"event": "room-left", "who": dotted("carol")})

    def test_a_burst_arrives_whole_and_in_order(self):
        alice, bob = self.client("alice"), self.client("bob")
        texts = [f"{n}: " + "x" * (n * 7 % 400) + " \u00e9" for n in range(200)]
        # Until its first conference is there the plugin makes one for each message: order begins with the second.
        alice.send(dotted("bob"), "first")
        bob.wait({"event": "im", "text": "first"})
        for text in texts:
            alice.send(dotted("bob"), text)
        self.assertEqual([bob.wait({"event": "im"})["text"] for _ in texts], texts)

    def test_long_texts_of_several_lines(self):
        alice, bob = self.client("alice"), self.client("bob")
        lines = "\n".join(f"line {n} {{\u20ac}}" for n in range(100))
        for text in (lines, "\n\nempty lines\n\nbetween", "\u6f22" * 450, "\U0001f600" * 300, "tab\there"):
            with self.subTest(text=text[:20]):
                alice.send(dotted("bob"), text)
                self.assertEqual(bob.wait({"event": "im"})["markup"].replace("<br>", "\n").replace("&quot;", '"'), text)

    def test_what_it_cuts_itself_arrives_up_to_there(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.send(dotted("bob"), "\u6f22" * 650)      # 9 bytes each when escaped; it takes 4091
        self.assertEqual(bob.wait({"event": "im"})["text"], "\u6f22" * 454)

    def test_details_are_shown(self):
        world = messenger.WORLD.replace('name="Dave Diaz"', 'name="Dave Diaz" title="Head of \u00e9" phone="555 1" department="R&amp;D"')
        self.server = messenger.Server(world=world)
        self.addCleanup(self.server.stop)
        alice = self.client("alice")
        alice.say(f"info {dotted('bob')}")
        text = alice.wait({"event": "info"})["text"]
        for part in ("bob@corp.test", "Bob Br\u00fcckner"):
            self.assertIn(part, text)
        alice.say("info dave")
        text = alice.wait({"event": "info"})["text"]
        for part in ("Dave Diaz", "Head of \u00e9", "555 1", "R&D"):
            self.assertIn(part, text)

    def test_every_status_and_idle_reach_the_others(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "available"})
        with messenger.Raw(self.server.port) as carol:
            carol.login("carol")
            for number, name in ((3, "busy"), (4, "away"), (5, "idle"), (2, "available"), (1, "offline"), (2, "available")):
                carol.status(number, f"now {name}")
                text = "" if name == "offline" else f"now {name}"
                if name == "idle":              # the plugin shows it as away, and idle besides
                    alice.wait({"event": "idle", "who": dotted("carol"), "on": "1"})
                else:
                    self.assertIn(alice.wait({"event": "presence", "who": dotted("carol"), "status": name})["text"], (text, ""))
        bob.say("idle 1")
        alice.wait({"event": "idle", "who": dotted("bob"), "on": "1"})
        self.assertEqual(self.server.user("bob")["status"], "idle")
        bob.say("idle 0")
        alice.wait({"event": "idle", "who": dotted("bob"), "on": "0"})
        self.assertEqual(self.server.user("bob")["status"], "available")

    def test_bad_luck_with_answers_does_not_crash_it(self):
        for word in ("drop,on=setstatus", "refuse=D139,on=sendmessage", "split=1,on=all", "delay=400,on=all", "refuse=D12B,on=createconf",
                     "refuse=D10D,on=getdetails", "half-close,on=ping", "close,on=sendmessage"):
            with self.subTest(word=word):
                alice, bob = self.client("alice"), self.client("bob")
                self.server.ask("fault", word=word)
                alice.send(dotted("bob"), "hello")
                bob.send(dotted("alice"), "hello back")
                alice.say("status away out")
                self.server.ask("fault.clear")
                alice.stop(), bob.stop()

    def test_a_lost_connection_is_told_and_others_hear_of_it(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "available"})
        self.server.ask("kick", user="bob")
        bob.wait({"event": "disconnected"})
        alice.wait({"event": "presence", "who": dotted("bob"), "status": "offline"})

    def test_a_polite_shutdown_does_not_harm(self):
        alice, bob = self.client("alice"), self.client("bob")
        self.server.ask("shutdown")
        alice.wait({"event": "disconnected"})
        bob.wait({"event": "disconnected"})

    def test_bodies_that_would_crash_it_arrive_rebuilt(self):
        bob = self.client("bob")
        with messenger.Raw(self.server.port) as raw:
            self.assertEqual(raw.login("alice")[0], 0)
            guid = raw.conference("bob")
            for body in ("plain {text}", "{\\rtf1 no table\\par}", "{\\rtf1{\\fonttbl{\\f0 A;}}\\f9 far\\par}",
                         "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 open", "{\\rtf1{\\fonttbl}\\f0 none\\par}", "{\\rtf1{\\fonttbl{\\f1 A;}}\\f1 x}",
                         "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 \\u-10179?\\u-8704?}", ""):
                with self.subTest(body=body):
                    self.assertEqual(raw.message_to(guid, body=body, text=f"said: {body}")[0], 0)
                    self.assertEqual(bob.wait({"event": "im"})["text"], f"said: {body}")


class SeveralSessions(unittest.TestCase):
    """Two stock clients of one user, where the server allows it."""

    def test_a_change_made_in_the_other_client_does_no_harm(self):
        server = messenger.Server("--sessions", "several")
        self.addCleanup(server.stop)
        clients = [messenger.Purple() for _ in range(3)]
        for client, user in zip(clients, ("alice", "alice", "bob")):
            self.addCleanup(client.stop)
            client.sign_on(user, server.port)
        first, second, bob = clients
        first.say("add dave Friends")
        first.wait({"event": "presence", "who": dotted("dave")})
        first.say(f"block {dotted('carol')}")
        first.say(f"rename {dotted('bob')} Bobby")
        bramble.wait_until(lambda: server.errors().count("type=contact-added") >= 4, "the other client was told of each change")
        # It shows nothing of that before its next login, and lives on.
        bob.send(dotted("alice"), "still there?")
        for client in (first, second):
            self.assertEqual(client.wait({"event": "im", "from": dotted("bob")})["text"], "still there?")
        second.send(dotted("bob"), "yes")
        self.assertEqual(bob.wait({"event": "im"})["text"], "yes")
        self.assertNotIn(dotted("dave"), second.buddies())


if __name__ == "__main__":
    unittest.main(verbosity=2)
