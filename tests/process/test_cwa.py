#!/usr/bin/env python3
"""The simulated Communicator Web Access server against a client that knows only the page of the protocol: both profiles, one session's
whole life, everything a user can do there."""
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
import cwa_conferences
from cwa_client import element, find, text, uri

STATE = ('<state xmlns="http://schemas.microsoft.com/2006/09/sip/state" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
         'xsi:type="userState" manual="true"><availability>{}</availability></state>')
NOTE = '<note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal">{}</body></note>'


def code(status):
    return find(status, "error")[1]["code"]


def availability(user):
    for category in user[3]:
        if category[1]["name"] == "state" and category[2]:
            return int(category[2].partition("availability>")[2].partition("<")[0])
    return None


def category(user, name):
    return next(c for c in user[3] if c[1]["name"] == name)


class Cwa(unittest.TestCase):
    options = ()
    profile = "xml"

    def setUp(self):
        self.server = cwa_client.Server(*self.options)
        self.addCleanup(self.server.stop)

    def client(self, user, profile=None, begin=True):
        client = cwa_client.Client(self.server, user, profile or self.profile)
        self.addCleanup(client.close)
        client.sign_in()
        if begin:
            client.begin()
            client.wait("requestSucceeded", want=lambda e: e[1].get("rid") == "1")
        return client

    def talk(self, first, second):
        """A conversation of the two: its number at each."""
        mine = first.invite(second.user)[1]["confId"]
        its = second.wait("conference", "imSessionReceived")[1]["confId"]
        self.assertEqual(second.conference(its, "acceptImSession")[0], "requestAccepted")
        first.wait("conference", "imSessionState", want="connected")
        second.wait("conference", "imSessionState", want="connected")
        return mine, its


class Everything:
    def test_a_session_begins_with_the_whole_state_and_then_the_requests_success(self):
        alice = self.client("alice", begin=False)
        self.assertEqual(alice.begin().last[0], "requestAccepted")
        self.assertEqual((alice.uri, alice.poll_wait), (uri("alice"), 3000))
        groups = alice.wait("contactGroup")
        self.assertEqual(groups[1]["fullList"], "true")
        self.assertEqual([(g[1]["id"], g[1]["name"]) for g in groups[3] if g[0] == "group"], [("1", "~"), ("2", "Friends")])
        self.assertEqual([(c[1]["uri"], c[1]["name"], c[1]["groups"]) for c in groups[3] if c[0] == "contact"],
                         [(uri("bob"), "Bob Br\u00fcckner", "1 2"), (uri("carol"), "Carol C.", "1")])
        self.assertEqual(availability(alice.wait("selfPresence")), 3500)
        self.assertEqual([u[1]["uri"] for u in alice.wait("userPresence")[3]], [uri("bob"), uri("carol")])
        self.assertEqual(len(alice.wait("containers")[3]), 7)
        self.assertEqual([s[1]["uri"] for s in alice.wait("subscribers")[3]], [uri("bob")])
        alice.wait("configuration")
        self.assertEqual(alice.wait("requestSucceeded")[1]["rid"], "1")

    def test_two_users_write_to_each_other(self):
        alice, bob = self.client("alice"), self.client("bob")
        mine, its = self.talk(alice, bob)
        for words in ("plain", "<b>&\"' ]]>", "Gr\u00fc\u00dfe \U0001F600\n  next line ", " "):
            self.assertEqual(alice.say(mine, words)[0], "requestAccepted")
            received = find(bob.wait("conference", "messageReceived"), "messageReceived")
            self.assertEqual((received[1]["sender"], text(received, "message", "content")), (uri("alice"), words))
            self.assertEqual(text(received, "message", "format"), "text/plain")
            alice.wait("conference", "messageIdReceived")
        self.assertEqual(bob.conference(its, "notifyComposing", words="composing")[0], "requestAccepted")
        alice.wait("conference", "composingState", want="composing")
        self.assertEqual(bob.say(its, "answer")[0], "requestAccepted")
        alice.wait("conference", "messageReceived")
        self.assertEqual(bob.conference(its, "terminateImSession")[0], "requestAccepted")
        alice.wait("conference", "imSessionState", want="terminated")
        self.assertEqual(code(alice.say(mine, "too late")), "18102")

    def test_a_message_before_the_conversation_is_connected_fails(self):
        alice, bob = self.client("alice"), self.client("bob")
        mine = alice.invite("bob")[1]["confId"]
        self.assertEqual(code(alice.say(mine, "early")), "18102")
        bob.wait("conference", "imSessionReceived")
        self.assertEqual(code(alice.say("77", "nowhere")), "18102")

    def test_an_invitation_that_fails_says_why_and_ends_the_conversation(self):
        alice, bob = self.client("alice"), self.client("bob")
        for who, sip in (("dave", "480"), ("nobody", "404"), ("alice", "482")):
            conf = alice.invite(who)[1]["confId"]
            failed = find(alice.wait("conference", "inviteFailed"), "inviteFailed")
            self.assertEqual((failed[1]["uri"], code(failed), find(failed, "error", "sipResponse")[1]["code"]), (uri(who), "18201", sip))
            self.assertEqual(alice.wait("conference", "imSessionState", want="terminated")[1]["confId"], conf)
        mine = alice.invite("bob")[1]["confId"]
        its = bob.wait("conference", "imSessionReceived")[1]["confId"]
        bob.conference(its, "terminateImSession")
        failed = alice.wait("conference", "inviteFailed")
        self.assertEqual(find(failed, "inviteFailed", "error", "sipResponse")[1]["code"], "603")
        self.assertEqual(alice.wait("conference", "imSessionState", want="terminated")[1]["confId"], mine)

    def test_what_is_published_is_seen_by_watchers(self):
        alice, bob = self.client("alice"), self.client("bob")
        status = alice.command("publishSelfPresence", {}, [
            element("cwaCategory", {"name": "state", "instanceMask": 536870912}, STATE.format(6500)),
            element("cwaCategory", {"name": "note", "instanceMask": 0, "expires": -1}, NOTE.format("at the dentist &amp; back"))])
        self.assertEqual(status[0], "requestAccepted")
        alice.wait("requestSucceeded")
        self.assertEqual(availability(alice.wait("selfPresence")), 6500)
        seen = bob.wait("userPresence", want=lambda e: availability(e[3][0]) == 6500)[3][0]
        self.assertEqual([c[1]["name"] for c in seen[3]], ["calendarData", "contactCard", "note", "state", "services"])
        self.assertIn("at the dentist &amp; back", category(seen, "note")[2])
        self.assertIn("Alice Adams", category(seen, "contactCard")[2])
        self.assertRegex(category(seen, "state")[1]["publishTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        alice.command("publishSelfPresence", {}, [element("cwaCategory", {"name": "note"}, NOTE.format("x")),
                                                  element("cwaCategory", {"name": "nonsense"}, "<a/>")])
        self.assertEqual(code(alice.wait("requestFailed")), "18102")
        alice.command("queryPresence", {}, [element("uris", {}, "", [element("uri", {}, "alice@corp.test")])])
        mine = alice.wait("userPresence", want=lambda e: e[3][0][1]["uri"] == uri("alice"))
        self.assertNotIn("<body type=\"personal\">x<", category(mine[3][0], "note")[2])

    def test_who_signs_off_is_seen_offline(self):
        alice, bob = self.client("alice"), self.client("bob")
        self.assertEqual(alice.command("terminateSession")[0], "requestAccepted")
        bob.wait("userPresence", want=lambda e: e[3][0][1]["uri"] == uri("alice") and availability(e[3][0]) == 18500)
        self.assertEqual(code(alice.command("search")), "18100")
        self.assertEqual(alice.begin().last[0], "requestAccepted")     # the ticket is still good

    def test_a_uri_of_nobody_does_not_make_the_others_fail(self):
        alice = self.client("alice")
        self.client("dave")
        alice.command("subscribePresence", {}, [element("uris", {}, "", [
            element("uri", {}, "sip:dummy@elsewhere.test"), element("uri", {}, "SIP:Dave@Corp.Test")])])
        unknown = alice.wait("userPresence")[3][0]
        self.assertEqual((unknown[1]["uri"], unknown[1]["sourceNetwork"], availability(unknown)),
                         ("sip:dummy@elsewhere.test", "federated", None))
        self.assertEqual(availability(alice.wait("userPresence")[3][0]), 3500)

    def test_contacts_and_groups_are_changed_and_told_to_all_sessions_of_the_user(self):
        alice, other = self.client("alice"), self.client("alice")
        alice.command("addGroup", {}, [element("group", {"name": "Team", "externalUri": ""})])
        for client in (alice, other):
            group = find(client.wait("contactGroup"), "group")
            self.assertEqual((group[1]["id"], group[1]["name"], group[1]["action"]), ("3", "Team", "added"))
        alice.wait("requestSucceeded")
        alice.command("addGroup", {}, [element("group", {"name": "team"})])
        self.assertEqual(code(alice.wait("requestFailed")), "18102")
        contact = {"uri": uri("dave"), "name": "D.", "tag": "false", "subscribed": "true", "groups": " 1  3 "}
        alice.command("addContact", {}, [element("contact", contact)])
        self.assertEqual(find(alice.wait("contactGroup"), "contact")[1],
                         dict(contact, groups="1 3", action="added"))
        self.assertEqual(alice.wait("userPresence")[3][0][1]["uri"], uri("dave"))
        self.assertEqual(alice.command("addContact", {}, [element("contact", {"uri": uri("dave")})])[0], "requestFailed")
        alice.command("updateContact", {}, [element("contact", dict(contact, name="Dave", groups="1"))])
        self.assertEqual(find(alice.wait("contactGroup"), "contact")[1]["action"], "updated")
        alice.command("addContact", {}, [element("contact", dict(contact, name="Dave D.", groups="1"))])     # who is there already
        self.assertEqual(find(alice.wait("contactGroup"), "contact")[1]["action"], "updated")
        alice.command("deleteGroup", {}, [element("group", {"id": "1"})])
        self.assertEqual(code(alice.wait("requestFailed")), "18102")
        alice.command("updateGroup", {}, [element("group", {"id": "3", "name": "The team"})])
        self.assertEqual(find(alice.wait("contactGroup"), "group")[1]["name"], "The team")
        alice.command("deleteGroup", {}, [element("group", {"id": "3"})])
        self.assertEqual(find(alice.wait("contactGroup"), "group")[1]["action"], "deleted")
        alice.command("deleteContact", {}, [element("uri", {}, uri("dave"))])
        self.assertEqual(find(alice.wait("contactGroup"), "contact")[1]["action"], "deleted")
        again = self.client("alice", begin=False)
        again.begin()
        self.assertEqual([c[1]["uri"] for c in again.wait("contactGroup")[3] if c[0] == "contact"], [uri("bob"), uri("carol")])

    def test_search_by_name_alias_and_address(self):
        alice = self.client("alice")
        rows = [({"displayName": "Bob"}, "or", ["bob"]), ({"firstName": "car", "lastName": "Diaz"}, "or", ["carol", "dave"]),
                ({"firstName": "car", "lastName": "Diaz"}, "and", []), ({"emailAlias": "da"}, "", ["dave"]),
                ({"emailAlias": "dave@corp.test"}, "and", ["dave"]), ({}, "or", [])]
        for fields, function, users in rows:
            with self.subTest(fields=fields, function=function):
                names = ("firstName", "lastName", "displayName", "emailAlias")
                alice.command("search", {}, [element(n, {}, fields.get(n, "")) for n in names] + [element("function", {}, function)])
                result = alice.wait("searchResult")
                self.assertEqual([u[1]["uri"] for u in result[3]], [uri(u) for u in users])
                self.assertEqual((result[1]["returned"], result[1]["moreAvailable"], result[1]["rid"]),
                                 (str(len(users)), "false", str(alice.rid)))

    def test_a_new_session_is_told_the_configuration(self):
        told = self.client("alice", begin=False).begin().wait("configuration")
        self.assertEqual({c[0]: c[1] or c[2] for c in told[3]}, {
            "search": {"defaultFunction": "or", "defaultFields": "1111"}, "enableAppearOffline": "true",
            "imComposingTimers": {"refreshInterval": "3", "timeout": "60"}})

    def test_who_is_blocked_sees_nothing_and_reaches_nobody(self):
        alice, bob = self.client("alice"), self.client("bob")
        member = [element("addMember", {"type": "uri", "value": uri("bob")})]
        alice.command("updateContainer", {}, [element("container", {"id": 32000}, "", member)])
        containers = alice.wait("containers", want=lambda e: any(c[3] for c in e[3]))
        self.assertEqual([c[1]["id"] for c in containers[3] if c[3]], ["32000"])
        bob.wait("userPresence", want=lambda e: e[3][0][1]["uri"] == uri("alice") and availability(e[3][0]) == 18500)
        bob.invite("alice")
        self.assertEqual(find(bob.wait("conference", "inviteFailed"), "inviteFailed", "error", "sipResponse")[1]["code"], "480")
        alice.command("acknowledgeSubscriber", {}, [element("uri", {}, uri("bob"))])
        alice.wait("requestSucceeded")

    def test_what_is_missing_or_unknown_is_answered_by_name(self):
        alice = self.client("alice")
        rows = [(element("deleteContact", {"rid": 5}), "deleteContact needs the element uri"),
                (element("publishSelfPresence", {"rid": 5}), "publishSelfPresence needs the element cwaCategory"),
                (element("conference", {"rid": 5}, "", [element("acceptImSession")]), "conference needs the attribute confId"),
                (element("startImSession", {"rid": 5}), "there is no such method"),
                (element("logon", {"rid": 5}), "logon belongs to a sign-in handler")]
        for method, words in rows:
            with self.subTest(words=words):
                answer = alice.post(cwa_client.COMMAND, method)[3][0]
                self.assertEqual((answer[0], answer[1]["rid"], find(answer, "error")[1]["detail"]), ("requestInvalid", "5", words))

    def test_methods_of_one_envelope_each_get_their_status(self):
        alice = self.client("alice")
        answer = alice.post(cwa_client.COMMAND, element("search", {"rid": "a"}), element("nonsense", {"rid": "b"}),
                            element("search", {"rid": "a"}, "", [element("function", {}, "xor")]))
        self.assertEqual([(s[0], s[1]["rid"]) for s in answer[3]], [("requestAccepted", "a"), ("requestInvalid", "b"), ("requestInvalid", "a")])
        self.assertEqual(answer[1], {"requestProcessed": "2", "unexpectedElement": "1"})


class Xml(Everything, cwa_conferences.Conferences, Cwa):
    pass


class Json(Everything, cwa_conferences.Conferences, Cwa):
    profile = "json"


class Channel(Cwa):
    options = ("--clock", "manual", "--log-level", "debug")

    def advance(self, ms):
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + ms)

    def held(self, user):
        return bramble.wait_until(lambda: any(s["held"] for s in self.server.ask("census")["users"][user]["sessions"]), "a held request")

    def start_poll(self, client, query):
        """A request for events that is not waited for."""
        s = socket.create_connection(("127.0.0.1", self.server.port))
        self.addCleanup(s.close)
        s.settimeout(bramble.DEADLINE_S)
        s.sendall(f"GET {cwa_client.DATA}?{query} HTTP/1.1\r\nHost: x\r\nCWA-Ticket: {client.ticket}\r\n\r\n".encode())
        return s

    @staticmethod
    def read_answer(s):
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        while len(body) < length:
            body += s.recv(65536)
        return cwa_client.from_xml(body)

    def test_a_request_for_events_is_held_until_one_comes_or_its_time_is_over(self):
        alice = self.client("alice")
        poll = self.start_poll(alice, f"Sid={alice.sid}&&AckID={alice.ack}&UA=false")
        self.held("alice")
        self.advance(20000)
        answer = self.read_answer(poll)
        self.assertEqual((answer[0], answer[3], answer[1]["ackId"]), ("cwaEvents", [], str(alice.ack)))
        self.assertEqual((answer[1]["pollWaitTime"], answer[1]["sessionTimeout"]), ("3000", "580"))
        poll = self.start_poll(alice, f"sid={alice.sid}&ackid={alice.ack}")
        self.held("alice")
        self.client("bob")
        self.assertEqual(self.read_answer(poll)[3][0][0], "userPresence")

    def test_a_second_request_for_events_ends_the_first_with_an_empty_answer(self):
        alice = self.client("alice")
        first = self.start_poll(alice, f"Sid={alice.sid}&AckID={alice.ack}")
        self.held("alice")
        self.start_poll(alice, f"Sid={alice.sid}&AckID={alice.ack}")
        answer = self.read_answer(first)
        self.assertEqual((answer[3], answer[1]["ackId"]), ([], str(alice.ack)))

    def test_a_held_request_whose_peer_goes_is_noticed_at_once(self):
        alice = self.client("alice")
        poll = self.start_poll(alice, f"Sid={alice.sid}&AckID={alice.ack}")
        self.held("alice")
        poll.close()
        bramble.wait_until(lambda: not self.server.ask("census")["users"]["alice"]["sessions"][0]["held"], "it is given up")

    def test_a_lost_answer_is_repaired_by_asking_again_with_the_old_number(self):
        alice = self.client("alice")
        before = alice.ack
        self.client("bob")
        first = alice.poll(ack=before)
        again = alice.poll(ack=before)
        self.assertEqual(first[3], again[3])
        self.assertEqual(first[1]["ackId"], again[3][-1][1]["eid"])
        self.server.ask("fault", word="drop,on=event,count=1,user=alice")
        self.client("carol")
        lost = self.start_poll(alice, f"Sid={alice.sid}&AckID={alice.ack}")
        bramble.wait_until(lambda: self.server.ask("fault.list")["faults"][0]["done"], "the answer is lost")
        lost.close()
        self.assertEqual(alice.poll()[3][0][0], "userPresence")

    def test_a_session_without_a_request_ends(self):
        alice, bob = self.client("alice"), self.client("bob")
        self.advance(599000)
        bob.poll(ack=0, active=True)
        self.advance(1000)
        self.assertEqual(code(alice.command("search")), "18100")
        self.assertEqual(bob.command("search")[0], "requestAccepted")

    def test_a_ticket_is_renewed_and_an_old_one_is_good_until_its_own_end(self):
        alice = self.client("alice")
        old = alice.ticket
        for _ in range(2):
            self.advance(450000)
            alice.command("search")
        self.assertNotEqual(alice.ticket, old)
        new, alice.ticket = alice.ticket, old
        self.assertEqual(alice.command("search")[0], "requestAccepted")
        while self.server.ask("clock.show")["now_ms"] < 1000000 + 28800000:
            alice.ticket = new
            alice.command("search")
            new = alice.ticket
            self.advance(500000)
        alice.ticket = old
        alice.post(cwa_client.COMMAND, element("search", {"rid": "1"}))
        self.assertEqual(alice.status, 401)
        alice.ticket = new
        self.assertEqual(alice.command("search")[0], "requestAccepted")

    def test_an_invitation_is_accepted_by_the_most_active_client_after_seven_seconds(self):
        alice, first, second = self.client("alice"), self.client("bob"), self.client("bob")
        self.advance(1000)
        first.poll(ack=0, active=True)
        mine = alice.invite("bob")[1]["confId"]
        self.advance(6999)
        self.assertEqual(code(alice.say(mine, "early")), "18102")
        self.advance(1)
        alice.wait("conference", "imSessionState", want="connected")
        first.wait("conference", "imSessionState", want="connected")
        second.wait("conference", "imSessionState", want="terminated")

    def test_a_client_without_activity_is_idle_for_the_watchers(self):
        bob = self.client("bob", begin=False).begin(auto=True)
        alice = self.client("alice")
        self.advance(299000)
        alice.poll(ack=0)
        bob.poll(ack=0)
        self.advance(1000)
        alice.wait("userPresence", want=lambda e: e[3][0][1]["uri"] == uri("bob") and availability(e[3][0]) == 4500)
        bob.poll(ack=0, active=True)
        alice.wait("userPresence", want=lambda e: e[3][0][1]["uri"] == uri("bob") and availability(e[3][0]) == 3500)

    def test_the_pause_between_requests_grows_with_load_and_shrinks_with_a_conversation(self):
        alice, bob = self.client("alice"), self.client("bob")
        self.talk(alice, bob)
        self.assertEqual(alice.poll(ack=0)[1]["pollWaitTime"], "1000")
        self.server.ask("load", factor=100)
        self.assertEqual(alice.poll(ack=0)[1]["pollWaitTime"], "15000")

    def test_a_sid_of_somebody_else_is_no_session(self):
        alice, bob = self.client("alice"), self.client("bob")
        bob.sid = alice.sid
        self.assertEqual(code(bob.command("search")), "18100")
        self.assertEqual(find(bob.poll(), "error")[1]["code"], "18100")


class Limits(Cwa):
    options = ("--clock", "manual", "--capacity", "2", "--throttle", "3", "--hold", "0")

    def test_a_session_above_the_capacity_is_refused(self):
        self.client("alice")
        self.client("bob")
        carol = self.client("carol", begin=False)
        self.assertEqual((carol.begin().last[0], code(carol.last)), ("requestFailed", "18101"))

    def test_too_many_methods_within_a_second_are_refused(self):
        alice = self.client("alice")
        self.assertEqual([alice.command("search")[0] for _ in range(4)], ["requestAccepted"] * 3 + ["requestFailed"])
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + 1000)
        self.assertEqual(alice.command("search")[0], "requestAccepted")

    def test_without_holding_an_empty_answer_comes_at_once(self):
        alice = self.client("alice")
        alice.poll()
        self.assertEqual(alice.poll()[3], [])

    def test_faults_in_the_common_words(self):
        alice = self.client("alice")
        self.server.ask("fault", word="refuse=18400,on=search,count=1")
        self.assertEqual(code(alice.command("search")), "18400")
        self.server.ask("fault", word="refuse=503,on=search,count=1")
        alice.command("search")
        self.assertEqual(alice.status, 503)
        self.server.ask("fault", word="refuse=18001,on=logon,user=bob,count=1")
        bob = self.client("bob", begin=False)
        self.assertEqual((code(find(bob.last, "requestFailed")), bob.ticket), ("18001", None))
        self.assertRaises(RuntimeError, self.server.ask, "fault", word="refuse=7,on=search")


if __name__ == "__main__":
    unittest.main()
