"""Conversations of more than two between clients of a Communicator Web Access server, wherever its users live.

    class Here(cwa_conferences.Conferences, Case): ...      # Case has client(user) and talk(first, second)"""
from cwa_client import element, find, text, uri


def code(status):
    return find(status, "error")[1]["code"]


def sip_code(failed):
    return find(failed, "inviteFailed", "error", "sipResponse")[1]["code"]


def about(name, role=None):
    """A participant event of one."""
    def is_it(event):
        one = find(event, "participant")[1]
        return one["uri"] == uri(name) and role in (None, one["role"])
    return is_it


class Helpers:
    def take_in(self, client, conf, *users):
        status = client.conference(conf, "inviteParticipants", [element("uris", {}, "", [element("uri", {}, uri(u)) for u in users])])
        self.assertEqual(status[0], "requestAccepted", status)
        return status[1]["rid"]

    def on(self, client, conf, method, user):
        return client.conference(conf, method, words=uri(user))

    def accept(self, client):
        came = client.wait("conference", "imSessionReceived")
        self.assertEqual(text(came, "imSessionReceived", "escalationMode"), "escalated")
        self.assertEqual(client.conference(came[1]["confId"], "acceptImSession")[0], "requestAccepted")
        return came[1]["confId"]

    def three(self):
        """Alice and Bob have taken Carol in: the three, and their numbers for it, and its URI."""
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        mine, its = self.talk(alice, bob)
        self.take_in(alice, mine, "carol")
        hers = self.accept(carol)
        focus = text(carol.wait("conference", "confUri"), "confUri")
        carol.wait("conference", "imSessionState", want="connected")
        for client in (alice, bob):
            client.wait("conference", "participant", want=about("carol"))
        return (alice, mine), (bob, its), (carol, hers), focus

    def hear(self, words, sender, *clients):
        for client in clients:
            got = find(client.wait("conference", "messageReceived"), "messageReceived")
            self.assertEqual((got[1]["sender"], text(got, "message", "content")), (uri(sender), words))


class Conferences(Helpers):
    def test_a_third_person_makes_a_conference_of_a_conversation(self):
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        mine, its = self.talk(alice, bob)
        self.take_in(alice, mine, "carol")
        bob.wait("conference", "escalationMode", want="escalating")
        self.assertEqual(code(bob.say(its, "not now")), "18102")
        invited = carol.wait("conference", "imSessionReceived")
        self.assertEqual(text(invited, "imSessionReceived", "escalationMode"), "escalated")
        hers = invited[1]["confId"]
        carol.conference(hers, "acceptImSession")
        focus = text(carol.wait("conference", "confUri"), "confUri")
        carol.wait("conference", "imSessionState", want="connected")
        self.assertEqual({find(carol.wait("conference", "participant"), "participant")[1]["uri"] for _ in range(2)},
                         {uri("alice"), uri("bob")})
        self.assertEqual(text(alice.wait("conference", "confUri"), "confUri"), focus)
        alice.wait("conference", "role", want="presenter")
        bob.wait("conference", "role", want="attendee")
        carol.say(hers, "to both")
        for client in (alice, bob):
            self.assertEqual(text(client.wait("conference", "messageReceived"), "messageReceived", "message", "content"), "to both")
        bob.conference(its, "lock", words="true")
        self.assertEqual(code(bob.wait("requestFailed")), "18102")
        self.on(alice, mine, "ejectParticipant", "bob")
        bob.wait("conference", "imSessionState", want="terminated")
        carol.wait("conference", "participantRemoved", want=uri("bob"))
        carol.conference(hers, "terminateImSession")
        alice.wait("conference", "participantRemoved", want=uri("carol"))
        self.assertEqual(carol.invite(focus)[0], "initiateImSessionAccepted")    # who was in it comes back
        carol.wait("conference", "imSessionState", want="connected")
        bob.invite(focus)
        self.assertEqual(sip_code(bob.wait("conference", "inviteFailed")), "403")

    def test_what_is_said_and_typed_reaches_all_with_its_sender(self):
        (alice, mine), (bob, its), (carol, hers), _ = self.three()
        for sender, client, number, others in (("alice", alice, mine, (bob, carol)), ("bob", bob, its, (alice, carol)), ("carol", carol, hers, (alice, bob))):
            words = f"{sender} <says> & grüße \U0001F600"
            status = client.say(number, words)
            self.assertEqual(status[0], "requestAccepted")
            self.hear(words, sender, *others)
            self.assertEqual(find(client.wait("conference", "messageIdReceived"), "messageIdReceived")[1]["rid"], status[1]["rid"])
        bob.conference(its, "notifyComposing", words="composing")
        for client in (alice, carol):
            self.assertEqual(find(client.wait("conference", "composingState", want="composing"), "composingState")[1]["sender"], uri("bob"))

    def test_who_declines_leaves_the_two_as_they_were(self):
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        mine, its = self.talk(alice, bob)
        for _ in range(2):
            rid = self.take_in(alice, mine, "carol")
            for client in (alice, bob):
                client.wait("conference", "escalationMode", want="escalating")
            alice.wait("requestSucceeded", want=lambda e, rid=rid: e[1]["rid"] == rid)
            carol.conference(carol.wait("conference", "imSessionReceived")[1]["confId"], "terminateImSession")
            self.assertEqual(sip_code(alice.wait("conference", "inviteFailed")), "603")
            for client in (alice, bob):
                client.wait("conference", "escalationMode", want="peer")
            for sender, client, number, other in (("alice", alice, mine, bob), ("bob", bob, its, alice)):
                client.say(number, "still us")
                self.hear("still us", sender, other)
        rid = self.take_in(alice, mine, "nobody")
        self.assertEqual(sip_code(alice.wait("conference", "inviteFailed")), "404")
        self.assertEqual(code(alice.wait("requestFailed", want=lambda e: e[1]["rid"] == rid)), "18102")
        alice.say(mine, "still us two")
        self.hear("still us two", "alice", bob)

    def test_a_conversation_may_begin_with_several(self):
        alice, bob, carol = self.client("alice"), self.client("bob"), self.client("carol")
        mine = alice.invite("bob", "carol", "dave", words="come <in>")[1]["confId"]
        failed = alice.wait("conference", "inviteFailed")
        self.assertEqual((find(failed, "inviteFailed")[1]["uri"], sip_code(failed)), (uri("dave"), "480"))
        came = bob.wait("conference", "imSessionReceived")
        self.assertEqual((text(came, "imSessionReceived", "message", "content"), find(came, "imSessionReceived", "inviter")[1]["name"]),
                         ("come <in>", "Alice Adams"))
        its = came[1]["confId"]
        bob.conference(its, "acceptImSession")
        alice.wait("conference", "imSessionState", want="connected")
        alice.wait("conference", "participant", want=about("bob"))
        bob.say(its, "we two")
        self.hear("we two", "bob", alice)
        hers = self.accept(carol)
        for client in (alice, bob):
            client.wait("conference", "participant", want=about("carol"))
        carol.say(hers, "we three")
        self.hear("we three", "carol", alice, bob)

        nobody = alice.invite("dave", "nobody")[1]["confId"]
        self.assertEqual({sip_code(alice.wait("conference", "inviteFailed")) for _ in range(2)}, {"480", "404"})
        self.assertEqual(alice.wait("conference", "imSessionState", want="terminated")[1]["confId"], nobody)
        self.assertEqual(alice.say(mine, "the other one goes on")[0], "requestAccepted")

    def test_a_presenter_promotes_and_locks(self):
        (alice, mine), (bob, its), (carol, hers), focus = self.three()
        self.on(bob, its, "promoteParticipant", "carol")
        self.assertEqual(code(bob.wait("requestFailed")), "18102")
        self.on(alice, mine, "promoteParticipant", "dave")
        self.assertEqual(code(alice.wait("requestFailed")), "18102")
        rid = self.on(alice, mine, "promoteParticipant", "bob")[1]["rid"]
        alice.wait("requestSucceeded", want=lambda e: e[1]["rid"] == rid)
        bob.wait("conference", "role", want="presenter")
        carol.wait("conference", "participant", want=about("bob", role="presenter"))
        bob.conference(its, "lock", words="true")
        for client in (alice, bob, carol):
            client.wait("conference", "locked", want="true")
        carol.conference(hers, "terminateImSession")
        for client in (alice, bob):
            client.wait("conference", "participantRemoved", want=uri("carol"))
        carol.invite(focus)
        self.assertEqual(sip_code(carol.wait("conference", "inviteFailed")), "403")
        bob.conference(its, "lock", words="false")
        alice.wait("conference", "locked", want="false")
        carol.invite(focus)
        for client in (alice, bob):
            client.wait("conference", "participant", want=about("carol"))

    def test_who_is_there_already_or_is_oneself_is_not_invited(self):
        (alice, mine), _, _, _ = self.three()
        for who, sip in (("carol", "486"), ("alice", "482"), ("dave", "480"), ("nobody", "404")):
            rid = self.take_in(alice, mine, who)
            failed = alice.wait("conference", "inviteFailed")
            self.assertEqual((find(failed, "inviteFailed")[1]["uri"], sip_code(failed)), (uri(who), sip))
            self.assertEqual(code(alice.wait("requestFailed", want=lambda e, rid=rid: e[1]["rid"] == rid)), "18102")

    def test_whoever_is_in_it_may_invite(self):
        (alice, _), (bob, _), (carol, hers), _ = self.three()
        dave = self.client("dave")
        self.take_in(carol, hers, "dave")
        self.accept(dave)
        for client in (alice, bob, carol):
            client.wait("conference", "participant", want=about("dave"))

    def test_the_last_one_is_heard_by_nobody(self):
        (alice, mine), (bob, its), (carol, hers), _ = self.three()
        bob.conference(its, "terminateImSession")
        self.assertEqual(carol.command("terminateSession")[0], "requestAccepted")
        for name in ("bob", "carol"):
            alice.wait("conference", "participantRemoved", want=uri(name))
        alice.say(mine, "anybody?")
        failed = find(alice.wait("conference", "messageSendFailed"), "messageSendFailed")
        self.assertEqual(find(failed, "error", "sipResponse")[1]["code"], "480")
        self.take_in(alice, mine, "bob")
        again = self.accept(bob)
        alice.wait("conference", "participant", want=about("bob"))
        bob.say(again, "here")
        self.hear("here", "bob", alice)

    def test_who_was_thrown_out_comes_back_when_invited(self):
        (alice, mine), (bob, its), (carol, _), _ = self.three()
        self.on(alice, mine, "ejectParticipant", "bob")
        self.assertEqual(bob.wait("conference", "imSessionState", want="terminated")[1]["confId"], its)
        carol.wait("conference", "participantRemoved", want=uri("bob"))
        self.take_in(alice, mine, "bob")
        self.accept(bob)
        carol.wait("conference", "participant", want=about("bob"))

    def test_an_invitation_that_fails_is_told_in_the_documented_order(self):
        alice = self.client("alice")
        rid = alice.invite("dave")[1]["rid"]
        alice.wait("conference", "imSessionState", want="connecting")
        while not any(find(e, "imSessionState") and text(e, "imSessionState") == "terminated" for e in alice.events):
            alice.poll()
        told = [(e[0], e[1]["rid"]) if e[0] == "requestFailed" else (e[3][0][0], e[3][0][2]) for e in alice.events]
        self.assertEqual(told, [("escalationMode", "none"), ("inviteFailed", ""), ("requestFailed", rid), ("imSessionState", "terminated")])

    def test_a_conversation_of_two_ends_with_who_has_left(self):
        alice, bob = self.client("alice"), self.client("bob")
        mine, _ = self.talk(alice, bob)
        alice.conference(mine, "terminateImSession")
        bob.wait("conference", "participantRemoved", want=uri("alice"))
        bob.wait("conference", "imSessionState", want="terminated")

    def test_a_system_message_is_accepted_in_a_conversation_alone(self):
        alice, bob = self.client("alice"), self.client("bob")
        mine, _ = self.talk(alice, bob)
        kind, words = element("contentType", {}, "text/plain"), element("content", {}, "Hello World!")
        self.assertEqual(alice.conference(mine, "sendInfo", [kind, words])[0], "requestAccepted")
        alice.wait("requestSucceeded")
        self.assertEqual(alice.conference(mine, "sendInfo", [kind])[0], "requestInvalid")
        self.assertEqual(code(alice.conference(mine, "sendInfo", [kind, element("content", {}, "x" * 8001)])), "18102")
        for no_type in ("plain", "text/", "/plain", "text/plain\nVia: x"):
            self.assertEqual(code(alice.conference(mine, "sendInfo", [element("contentType", {}, no_type), words])), "18102")
        self.assertEqual(code(alice.conference("77", "sendInfo", [kind, words])), "18102")
        # Nobody is told of it: there is no event for it.
        alice.say(mine, "and now a message")
        self.assertEqual(text(bob.wait("conference", "messageReceived"), "messageReceived", "message", "content"), "and now a message")
