#!/usr/bin/env python3
"""A stock client of Communications Servers, libpurple with the SIPE plugin, on the simulated one."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import communications
from communications import uri


class StockClient(unittest.TestCase):
    options = ()

    def setUp(self):
        self.server = communications.Server(*self.options)
        self.addCleanup(self.server.stop)

    def client(self, user, transport="tcp"):
        client = communications.Sipe()
        self.addCleanup(client.stop)
        client.sign_on(user, self.server, transport)
        return client

    def settled(self, client, *users):
        """It has its contacts, and these of them are told on line."""
        for user in users:
            bramble.wait_until(lambda u=user: client.buddies().get(u, {}).get("status") == "available", f"{user} is seen on line")

    def pair(self):
        alice, bob = self.client("alice"), self.client("bob")
        self.settled(alice, "bob")
        self.settled(bob, "alice")
        return alice, bob


class States:
    """Of either presence dialect."""

    def test_it_publishes_and_others_see_it(self):
        alice, bob = self.pair()
        for status in ("busy", "away", "do-not-disturb", "available"):
            bob.say(f"status {status}")
            alice.wait({"event": "presence", "who": uri("bob"), "status": status})

    def test_a_note_reaches_the_others(self):
        alice, bob = self.pair()
        bob.say("status busy in a \u00e9 meeting")
        bramble.wait_until(lambda: "in a \u00e9 meeting" in alice.buddies()["bob"]["text"], "the note is seen")


class EnhancedPresence(States, StockClient):
    def test_signs_on_and_sees_its_contacts(self):
        alice, bob = self.pair()
        bramble.wait_until(lambda: alice.buddies()["carol"]["name"] == "Carol Clark", "all names are told")
        self.assertEqual({who: (b["name"], b["group"], b["status"]) for who, b in alice.buddies().items()}, {
            "bob": ("Bob Br\u00fcckner", "Friends", "available"), "carol": ("Carol Clark", "Friends", "offline")})
        boss = bob.buddies()["alice"]
        self.assertEqual((boss["name"], boss["group"]), ("The Boss", "Work"))

    def test_signs_on_over_tls(self):
        alice, bob = self.client("alice", "tls"), self.client("bob")
        self.settled(alice, "bob")
        alice.send(uri("bob"), "over TLS")
        self.assertEqual(bob.wait({"event": "im", "from": uri("alice")})["text"], "over TLS")

    def test_two_clients_chat_both_ways(self):
        alice, bob = self.pair()
        for text in ("hello", "quotes \" & <b> \u00e9\u20ac\u6f22 \U0001f600 100% a+b=c; 'end'", "x" * 3000):
            with self.subTest(text=text[:20]):
                alice.send(uri("bob"), text)
                self.assertEqual(bob.wait({"event": "im", "from": uri("alice")})["text"], text)
                bob.send(uri("alice"), "back: " + text)
                self.assertEqual(alice.wait({"event": "im", "from": uri("bob")})["text"], "back: " + text)

    def test_composing_is_shown(self):
        alice, bob = self.pair()
        alice.send(uri("bob"), "hello")
        bob.wait({"event": "im"})
        bob.send(uri("alice"), "hello you")
        alice.wait({"event": "im"})
        alice.say(f"typing {uri('bob')} 1")
        bob.wait({"event": "typing", "from": uri("alice"), "state": "1"})

    def test_a_conversation_can_be_ended_and_begun_again(self):
        alice, bob = self.pair()
        alice.send(uri("bob"), "one")
        bob.wait({"event": "im", "text": "one"})
        bramble.wait_until(lambda: self.server.ask("census")["conversations"] == 1, "the conversation stands")
        alice.say(f"close {uri('bob')}")
        # The stock client forgets a conversation when its BYE is answered, and takes a new one with the same person along.
        bramble.wait_until(lambda: (lambda c: c["conversations"] == c["waiting"] == 0)(self.server.ask("census")), "the BYE is answered")
        bob.say("status busy")
        alice.wait({"event": "presence", "who": uri("bob"), "status": "busy"})
        alice.send(uri("bob"), "two")
        bob.wait({"event": "im", "text": "two"})

    def test_a_message_to_somebody_off_line_is_told_undelivered(self):
        alice = self.client("alice")
        bramble.wait_until(lambda: "carol" in alice.buddies(), "the contacts have come")
        alice.send(uri("carol"), "anybody?")
        self.assertIn("carol", alice.wait({"event": "written"})["text"].lower())

    def test_an_added_contact_stays_on_the_list_and_is_asked(self):
        alice, dave = self.client("alice"), self.client("dave")
        bramble.wait_until(lambda: "carol" in alice.buddies(), "the contacts have come")
        alice.say(f"add {uri('dave')} Friends")
        bramble.wait_until(lambda: alice.buddies()["dave"]["status"] == "available", "dave is seen")
        alice.say("disconnect")
        alice.wait({"event": "signed-off"})
        again = self.client("alice")
        self.settled(again, "dave")
        self.assertEqual(again.buddies()["dave"]["group"], "Friends")
        again.say(f"remove {uri('dave')}")
        bramble.wait_until(lambda: "dave" not in self.client_list("alice"), "dave is gone")
        dave.say("disconnect")

    def client_list(self, user):
        with communications.Sip(self.server.tcp_port) as raw:
            raw.register(user, epid="probe")
            answer = raw.ask("SUBSCRIBE", uri(user), user, ("Event", "vnd-microsoft-roaming-contacts"), ("Supported", "ms-piggyback-first-notify"),
                             ("Contact", "<sip:127.0.0.1:9>"), epid="probe")
            return [c.get("uri").partition("@")[0] for c in communications.every(answer.xml(), "contact")]

    def test_signing_off_is_seen(self):
        alice, bob = self.pair()
        bob.say("disconnect")
        bob.wait({"event": "signed-off"})
        alice.wait({"event": "presence", "who": uri("bob"), "status": "offline"})
        self.assertEqual(self.server.user("bob")["endpoints"], [])

    def test_a_lost_connection_is_seen_by_others(self):
        alice, bob = self.pair()
        self.server.ask("kick", user="bob")
        bob.wait({"event": "disconnected"})
        alice.wait({"event": "presence", "who": uri("bob"), "status": "offline"})

    def test_two_clients_of_one_user_are_both_rung_and_the_first_has_it(self):
        alice, bob, other = self.client("alice"), self.client("bob"), communications.Sip(self.server.tcp_port)
        self.addCleanup(other.close)
        self.settled(alice, "bob")
        self.assertEqual(other.register("bob").status, 200)
        alice.send(uri("bob"), "which one?")
        bob.wait({"event": "im", "text": "which one?"})
        other.answer(other.request("INVITE"), 180, reason="Ringing", tag="late")
        other.answer(other.request("CANCEL"), 200)

    def test_bad_luck_does_not_crash_it(self):
        for word in ("drop,on=SERVICE", "refuse=503,on=INVITE", "split=7,on=all", "delay=300,on=all", "refuse=408,on=SUBSCRIBE",
                     "close,on=MESSAGE", "half-close,on=SERVICE"):
            with self.subTest(word=word):
                alice, bob = self.client("alice"), self.client("bob")
                self.server.ask("fault", word=word)
                alice.send(uri("bob"), "hello")
                bob.say("status away")
                alice.say("status busy")
                alice.buddies()
                self.server.ask("fault.clear")
                alice.stop(), bob.stop()


def joined(*users):
    return [{"event": "room-joined", "who": uri(user)} for user in users]


class Conferences(StockClient):
    """As a person does it: by the entry in a contact's menu. The stock client makes the conference at the factory that it was told, goes
    in, and invites; whom it invites, it takes along."""

    def room(self):
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        self.settled(alice, "bob", "carol")
        alice.say(f"room {uri('bob')}")
        bob.seen(*joined("alice", "bob"))
        alice.seen(*joined("alice", "bob"))
        alice.say(f"invite {uri('carol')}")
        for client in (alice, bob, carol):
            client.seen(*joined("alice", "bob", "carol"))
        return alice, bob, carol

    def census(self):
        return self.server.ask("census")["conferences"]

    def test_three_stock_clients_chat_in_a_conference(self):
        clients = dict(zip(("alice", "bob", "carol"), self.room()))
        self.assertEqual(self.census(), 1)
        for sender, client in clients.items():
            words = f"{sender}: \u00e9 <b> & \U0001f600"
            client.say(f"say {words}")
            for name, other in clients.items():
                if name != sender:
                    self.assertEqual(other.wait({"event": "room-text", "from": uri(sender)})["text"], words)
        clients["bob"].say("leave")
        for name in ("alice", "carol"):
            clients[name].wait({"event": "room-left", "who": uri("bob")})
        # The connection of who has made it is lost; the others go on.
        self.server.ask("kick", user="alice")
        clients["carol"].wait({"event": "room-left", "who": uri("alice")})
        self.assertEqual(self.census(), 1)
        clients["carol"].say("leave")
        bramble.wait_until(lambda: self.census() == 0, "the conference is over")

    def test_who_left_is_invited_again(self):
        alice, bob, carol = self.room()
        carol.say("leave")
        for client in (alice, bob):
            client.wait({"event": "room-left", "who": uri("carol")})
        carol.events.clear()
        bob.say(f"invite {uri('carol')}")
        carol.seen(*joined("alice", "bob", "carol"))
        carol.say("say there again")
        for client in (alice, bob):
            client.wait({"event": "room-text", "from": uri("carol"), "text": "there again"})


class OlderServer(States, StockClient):
    options = ("--profile", "lcs2005")

    def test_it_takes_the_server_for_an_older_one_and_still_has_contacts_and_messages(self):
        alice, bob = self.client("alice"), self.client("bob")
        for client, names in ((alice, {"bob", "carol"}), (bob, {"alice", "carol"})):
            bramble.wait_until(lambda c=client, n=names: n <= set(c.buddies()), "the contacts have come")
        alice.send(uri("bob"), "in the older dialect")
        self.assertEqual(bob.wait({"event": "im", "from": uri("alice")})["text"], "in the older dialect")
        bob.send(uri("alice"), "and back")
        self.assertEqual(alice.wait({"event": "im", "from": uri("bob")})["text"], "and back")

    def test_contacts_are_seen_with_their_names_and_states(self):
        alice, bob = self.pair()
        bramble.wait_until(lambda: alice.buddies()["carol"]["name"] == "Carol Clark", "all names are told")
        self.assertEqual({who: (b["name"], b["group"], b["status"]) for who, b in alice.buddies().items()}, {
            "bob": ("Bob Br\u00fcckner", "Friends", "available"), "carol": ("Carol Clark", "Friends", "offline")})
        bob.say("disconnect")
        alice.wait({"event": "presence", "who": uri("bob"), "status": "offline"})

    def test_an_added_contact_is_seen_and_who_blocks_is_not(self):
        alice, dave = self.client("alice"), self.client("dave")
        bramble.wait_until(lambda: "carol" in alice.buddies(), "the contacts have come")
        alice.say(f"add {uri('dave')} Friends")
        bramble.wait_until(lambda: alice.buddies()["dave"]["status"] == "available", "dave is seen")
        dave.say(f"block {uri('alice')}")
        alice.wait({"event": "presence", "who": uri("dave"), "status": "offline"})
        dave.say(f"unblock {uri('alice')}")
        alice.wait({"event": "presence", "who": uri("dave"), "status": "available"})


class BothDialects(StockClient):
    """One server that offers both: SIPE speaks the newer one, the client of the page the older."""

    def test_each_sees_what_the_other_publishes(self):
        alice, bob = self.client("alice"), communications.Sip(self.server.tcp_port)
        self.addCleanup(bob.close)
        bob.register("bob", ("Supported", "com.microsoft.msrtc.presence"))
        self.settled(alice, "bob")
        bob.set_presence("bob", 300, 600, info="<note>in the older dialect</note>")
        alice.wait({"event": "presence", "who": uri("bob"), "status": "busy"})
        bramble.wait_until(lambda: "in the older dialect" in alice.buddies()["bob"]["text"], "the note is seen")
        self.assertEqual(communications.numbers(communications.parts(bob.watch_list("bob", "alice", "carol"))[1][2]), ("alice", 300, 400))
        alice.say("status do-not-disturb")
        bob.wait(lambda m: m.method == "BENOTIFY" and communications.numbers(m.xml()) == ("alice", 300, 600) and b'avail="9500"' in m.body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
