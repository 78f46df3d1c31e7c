#!/usr/bin/env python3
"""Conversations of more than two of a web server whose users live on a Communications Server: between its clients, with clients of the other
one, and when it goes wrong."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_conferences
from communications import first, uri
from cwa_client import element, find, text
from cwa_conferences import about, sip_code
from cwa_uplink import Pair, Talk
from test_cwa_uplink import Together, error_of, move
from test_ocs_conference import Member


def talk(case, one, other):
    mine = one.invite(other.user)[1]["confId"]
    its = other.wait("conference", "imSessionReceived")[1]["confId"]
    case.assertEqual(other.conference(its, "acceptImSession")[0], "requestAccepted")
    for client in (one, other):
        client.wait("conference", "imSessionState", want="connected")
    return mine, its


class Shared(cwa_conferences.Helpers):
    def client(self, user):
        return self.pair.client(user)

    def talk(self, one, other):
        return talk(self, one, other)

    def nothing_is_left(self):
        bramble.wait_until(lambda: (lambda c: c["conferences"] == c["conversations"] == c["waiting"] == 0)(self.pair.ocs.ask("census")), "nothing is left of it")


class Conferences(cwa_conferences.Conferences, Shared, Together):
    """Between clients of the web server: they see the same as where they live there themselves."""

    def tearDown(self):
        super().tearDown()
        self.nothing_is_left()


class Case(Shared, unittest.TestCase):
    how = {}

    def setUp(self):
        self.pair = Pair(*self.how.get("options", ()), **{k: v for k, v in self.how.items() if k != "options"})
        self.addCleanup(self.pair.stop)

    def with_sip(self):
        """Alice at the web server talks to Bob, whose client is not of it: her conversation, his invitation and his side."""
        alice, bob = self.pair.client("alice"), self.pair.sip("bob")
        mine = alice.invite("bob")[1]["confId"]
        invite = bob.request("INVITE", "bob")
        side = Talk.accepted(bob, "bob", invite)
        alice.wait("conference", "imSessionState", want="connected")
        return alice, mine, bob, invite, side

    def still_two(self, alice, mine, bob):
        alice.say(mine, "still here")
        said = bob.request("MESSAGE")
        self.assertEqual(said.body, b"still here")
        bob.answer(said, 200)


class WithOthers(Case):
    def test_one_whose_client_is_of_the_other_server_is_invited_joins_and_is_lost(self):
        (alice, mine), (bob, _), (carol, _), where = self.three()
        dave = self.pair.sip("dave")
        rid = self.take_in(alice, mine, "dave")
        came = dave.request("INVITE", "dave")
        self.assertEqual((came.get("Content-Type"), first(came.xml(), "focus-uri").text), ("application/ms-conf-invite+xml", where))
        dave.answer(came, 180, reason="Ringing", tag="d")
        alice.wait("requestSucceeded", want=lambda e: e[1]["rid"] == rid)
        dave.answer(came, 200, ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=dave>"), tag="d")
        dave.answer(dave.request("BYE"), 200)
        member = Member(dave, "dave", where)
        member.chat = where.replace(":focus:", ":chat:")
        self.assertEqual([member.join().status, member.watch().status, member.enter_chat().status], [200, 200, 200])
        for client in (alice, bob, carol):
            client.wait("conference", "participant", want=about("dave", role="attendee"))
        member.say("hello all")
        self.hear("hello all", "dave", alice, bob, carol)
        alice.say(mine, "hello dave")
        self.assertEqual(dave.request("MESSAGE").body, b"hello dave")
        self.hear("hello dave", "alice", bob, carol)
        dave.close()
        for client in (alice, bob, carol):
            client.wait("conference", "participantRemoved", want=uri("dave"))

    def test_who_cannot_follow_keeps_his_conversation_of_two(self):
        alice, mine, bob, invite, side = self.with_sip()
        carol = self.pair.client("carol")
        self.take_in(alice, mine, "carol")
        alice.wait("conference", "escalationMode", want="escalating")
        came = bob.request("INVITE", "bob")
        self.assertEqual((came.get("Content-Type"), came.get("Ms-Conversation-ID")), ("application/ms-conf-invite+xml", invite.get("Ms-Conversation-ID")))
        bob.answer(came, 488, reason="Not Acceptable Here", tag="no")
        failed = alice.wait("conference", "inviteFailed")
        self.assertEqual((find(failed, "inviteFailed")[1]["uri"], sip_code(failed)), (uri("carol"), "488"))
        alice.wait("conference", "escalationMode", want="peer")
        self.still_two(alice, mine, bob)
        bramble.wait_until(lambda: self.pair.ocs.ask("census")["conferences"] == 0, "the conference is deleted")
        self.assertFalse([e for e in carol.poll(ack=0)[3] if e[0] == "conference"])
        self.assertEqual(side.send("BYE").status, 200)

    def test_an_invitation_from_one_who_talks_to_the_client_already_is_a_conversation_of_its_own(self):
        alice, mine, bob, _, _ = self.with_sip()
        self.assertEqual(bob.ask("INVITE", uri("alice"), "bob", ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=bob>"),
                                 ("Content-Type", "application/ms-conf-invite+xml"), body="<Conferencing/>").status, 400)
        self.assertEqual(bob.ask("INVITE", uri("alice"), "bob", ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=bob>"),
                                 ("Content-Type", "application/ms-conf-invite+xml"), body=(
                                     f'<Conferencing><focus-uri>{uri("bob")}</focus-uri><im available="true"/></Conferencing>')).status, 488)
        call = bob.ask("INVITE", uri("alice"), "bob", ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=bob>"), ("Content-Type", "application/ms-conf-invite+xml"),
                       body=f'<Conferencing><focus-uri>{uri("bob")};gruu;opaque=app:conf:focus:id:NOTTHERE1</focus-uri><subject>plan</subject>'
                            '<im available="true"/></Conferencing>', wait=False)
        came = alice.wait("conference", "imSessionReceived")
        self.assertEqual((text(came, "imSessionReceived", "escalationMode"), text(came, "imSessionReceived", "subject")), ("escalated", "plan"))
        alice.conference(came[1]["confId"], "acceptImSession")
        # It leads nowhere.
        self.assertEqual(bob.wait(lambda m: m.get("Call-ID") == call and m.status and m.status >= 200).status, 200)
        self.assertEqual(alice.wait("conference", "imSessionState", want="terminated")[1]["confId"], came[1]["confId"])
        bob.answer(bob.wait(lambda m: m.method == "BYE" and m.get("Call-ID") == call), 200)
        self.still_two(alice, mine, bob)


class Ends(Case):
    def escalating(self):
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        mine, its = self.talk(alice, bob)
        self.take_in(alice, mine, "carol")
        hers = carol.wait("conference", "imSessionReceived")[1]["confId"]
        bob.wait("conference", "escalationMode", want="escalating")
        return (alice, mine), (bob, its), (carol, hers)

    def test_who_asks_leaves_while_somebody_is_asked(self):
        (alice, mine), (bob, its), (carol, hers) = self.escalating()
        self.assertEqual(alice.conference(mine, "terminateImSession")[0], "requestAccepted")
        self.assertEqual(carol.wait("conference", "imSessionState", want="terminated")[1]["confId"], hers)
        self.assertEqual(bob.wait("conference", "imSessionState", want="terminated")[1]["confId"], its)
        self.nothing_is_left()

    def test_the_other_one_leaves_while_somebody_is_asked(self):
        (alice, mine), (bob, its), (carol, hers) = self.escalating()
        self.assertEqual(bob.conference(its, "terminateImSession")[0], "requestAccepted")
        self.assertEqual(carol.wait("conference", "imSessionState", want="terminated")[1]["confId"], hers)
        self.assertEqual(alice.wait("conference", "imSessionState", want="terminated")[1]["confId"], mine)
        self.nothing_is_left()

    def test_a_client_signs_off_while_it_is_on_its_way(self):
        (alice, mine), (bob, _), (carol, hers) = self.escalating()
        carol.conference(hers, "acceptImSession")
        self.assertEqual(carol.command("terminateSession")[0], "requestAccepted")
        self.assertEqual(bob.command("terminateSession")[0], "requestAccepted")
        self.assertEqual(alice.command("terminateSession")[0], "requestAccepted")
        self.nothing_is_left()

    def test_of_two_clients_of_one_person_the_first_has_it(self):
        alice, bob, carol, other = self.client("alice"), self.client("bob"), self.client("carol"), self.client("carol")
        mine, _ = self.talk(alice, bob)
        self.take_in(alice, mine, "carol")
        hers = other.wait("conference", "imSessionReceived")[1]["confId"]
        self.accept(carol)
        carol.wait("conference", "imSessionState", want="connected")
        self.assertEqual(other.wait("conference", "imSessionState", want="terminated")[1]["confId"], hers)
        alice.wait("conference", "participant", want=about("carol"))

    def test_with_the_link_all_places_are_lost(self):
        places = self.three()[:3]
        self.pair.ocs.ask("fault", word="close,user=dave,on=REGISTER,count=1")
        self.pair.client("dave", begin=False).begin()
        for client, number in places:
            self.assertEqual(client.wait("conference", "imSessionState", want="terminated")[1]["confId"], number)
        self.nothing_is_left()
        bramble.wait_until(lambda: self.pair.link()["link"] == "up" and self.pair.link()["ready"] == 3, "all are there again")
        alice, bob = (client for client, _ in places[:2])
        mine, its = self.talk(alice, bob)
        bob.say(its, "again")
        self.hear("again", "bob", alice)

    def test_a_conference_that_is_not_made_leaves_the_two_as_they_were(self):
        alice, bob = self.client("alice"), self.client("bob")
        mine, its = self.talk(alice, bob)
        self.pair.ocs.ask("fault", word="refuse=503,user=alice,on=SERVICE,count=1")
        rid = self.take_in(alice, mine, "carol")
        self.assertEqual(sip_code(alice.wait("conference", "inviteFailed")), "503")
        alice.wait("requestFailed", want=lambda e: e[1]["rid"] == rid)
        for word in ("refuse=503,user=alice,on=INVITE,count=1", "refuse=503,user=alice,on=SUBSCRIBE,count=1", "refuse=503,user=alice,on=INVITE,nth=2"):
            with self.subTest(word=word):
                self.pair.ocs.ask("fault", word=word)
                self.take_in(alice, mine, "carol")
                self.assertEqual(sip_code(alice.wait("conference", "inviteFailed")), "503")
                alice.wait("conference", "escalationMode", want="peer")
                bob.say(its, word)
                self.hear(word, "bob", alice)
                self.pair.ocs.ask("fault.clear")
                bramble.wait_until(lambda: self.pair.ocs.ask("census")["conferences"] == 0, "the conference is over")


class OlderServer(Case):
    how = {"ocs": ("--profile", "lcs2005")}

    def test_a_third_person_cannot_be_asked_and_the_two_go_on(self):
        alice, mine, bob, _, _ = self.with_sip()
        rid = self.take_in(alice, mine, "carol")
        failed = find(alice.wait("conference", "inviteFailed"), "inviteFailed")
        self.assertEqual((failed[1]["uri"], error_of(failed)), (uri("carol"), ("18102", None)))
        self.assertIn("has no conferences", find(failed, "error")[1]["detail"])
        self.assertEqual(error_of(alice.wait("requestFailed", want=lambda e: e[1]["rid"] == rid)), ("18102", None))
        self.still_two(alice, mine, bob)
        alice.invite("bob", "carol")
        for _ in range(2):
            self.assertEqual(error_of(find(alice.wait("conference", "inviteFailed"), "inviteFailed")), ("18102", None))
        alice.wait("conference", "imSessionState", want="terminated")


class Time(Case):
    how = {"options": ("--idle", "24h", "--ticket", "48h", "--hold", "0", "--accept", "0"), "clock": 1000000}

    def test_who_has_accepted_and_does_not_come_within_32_s_does_not_come(self):
        alice, mine, bob, _, _ = self.with_sip()
        for who, sip in (("bob", bob), ("carol", self.pair.sip("carol"))):
            self.take_in(alice, mine, "carol")
            alice.wait("conference", "escalationMode", want="escalating")
            came = bob.request("INVITE", "bob")
            bob.answer(came, 200, ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=bob>"), tag="b")
            bob.answer(bob.wait(lambda m, came=came: m.method == "BYE" and m.get("Call-ID") == came.get("Call-ID")), 200)
            if who == "carol":
                where = first(came.xml(), "focus-uri").text
                member = Member(bob, "bob", where)
                member.chat = where.replace(":focus:", ":chat:")
                self.assertEqual([member.join().status, member.enter_chat().status], [200, 200])
                sip.answer(sip.request("INVITE", "carol"), 200, ("Contact", "<sip:127.0.0.1:9;transport=tcp;ms-opaque=carol>"), tag="c")
                sip.answer(sip.request("BYE"), 200)
            bramble.wait_until(lambda: self.pair.link()["waiting"] == 0, "all is answered")
            move(self.pair.cwa, 31999)
            self.assertFalse([e for e in alice.poll()[3] if find(e, "inviteFailed")])
            move(self.pair.cwa, 1)
            self.assertEqual(sip_code(alice.wait("conference", "inviteFailed")), "408")
            alice.wait("conference", "escalationMode", want="peer")
            self.still_two(alice, mine, bob)

    def test_what_the_focus_tells_is_asked_for_again_before_its_end(self):
        (alice, mine), (bob, _), (carol, hers), _ = self.three()
        for seconds in (7165, 10) * 4 + (75, 7090, 10):
            move(self.pair.cwa, seconds * 1000)
            bramble.wait_until(lambda: self.pair.link()["waiting"] == 0, "all is answered")
            move(self.pair.ocs, seconds * 1000)
        self.assertEqual(self.pair.ocs.user("alice")["endpoints"][0]["subscriptions"], 4)
        bob.command("terminateSession")
        for client in (alice, carol):
            client.wait("conference", "participantRemoved", want=uri("bob"))
        alice.say(mine, "you and me")
        self.hear("you and me", "alice", carol)


if __name__ == "__main__":
    unittest.main()
