#!/usr/bin/env python3
"""Conferences of the simulated Communications Server, by a client written from docs/protocol/ocs.md alone."""
import os
import sys
import unittest
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import communications
from communications import Sip, every, first, uri

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n"
CCCP = ("Content-Type", "application/cccp+xml")
ID = "0A1B2C3D4E5F"


def factory(user):
    return f"{uri(user)};gruu;opaque=app:conf:focusfactory"


def focus(user="alice", name=ID):
    return f"{uri(user)};gruu;opaque=app:conf:focus:id:{name}"


def chat(user="alice", name=ID):
    return f"{uri(user)};gruu;opaque=app:conf:chat:id:{name}"


def request(to, user, body, number=7):
    return (f'<?xml version="1.0"?><request xmlns="urn:ietf:params:xml:ns:cccp" C3PVersion="1" to="{to}" from="{uri(user)}" requestId="{number}">'
            f"{body}</request>")


def outcome(answer):
    """(status, code, reason) of a command."""
    if answer.status != 200:
        return answer.status, None, None
    response = answer.xml()
    assert response.tag == "{urn:ietf:params:xml:ns:cccp}response" and response.get("requestId") == "7", answer
    return 200, response.get("code"), response[0].get("reason")


def people(message):
    """Of a conference-info: {user: (state, role, session types)}, and what it says of itself."""
    doc = message.xml()
    assert message.get("Content-Type") == "application/conference-info+xml" and message.get("Event") == "conference", message
    found = {}
    for user in every(doc, "user"):
        role = first(user, "roles")
        kinds = [v for e in every(user, "endpoint") if first(e, "status").text == "connected" for n, v in e.attrib.items() if n.endswith("session-type")]
        found[user.get("entity")[4:].partition("@")[0]] = (user.get("state"), role[0].text if role is not None else None, kinds)
    return found


class Member:
    """A user's place in a conference."""

    def __init__(self, sip, user, where=None, name=ID, epid=None):
        self.sip, self.user, self.epid = sip, user, epid
        self.focus, self.chat = where or focus(name=name), chat(name=name)
        self.dialogs = {}

    def contact(self):
        return ("Contact", f"<sip:127.0.0.1:9;transport=tcp;ms-opaque={self.user}>")

    def begin(self, target, *headers, body):
        call = self.sip.next()
        answer = self.sip.ask("INVITE", target, self.user, self.contact(), *headers, body=body, call=call, epid=self.epid)
        if answer.status == 200:
            self.dialogs[target] = [call, answer.get("To"), answer.get("Contact").partition("<")[2].partition(">")[0], 1]
            self.sip.ask("ACK", target, self.user, to=answer.get("To"), call=call, epid=self.epid, wait=False)
        return answer

    def join(self, asks_for="attendee", whom=None):
        return self.begin(self.focus, CCCP, body=request(self.focus, self.user, (
            f'<addUser><conferenceKeys confEntity="{self.focus}"/><ci:user xmlns:ci="urn:ietf:params:xml:ns:conference-info" entity="{uri(whom or self.user)}">'
            f"<ci:roles><ci:entry>{asks_for}</ci:entry></ci:roles><ci:endpoint entity='{{{self.user}}}'/></ci:user></addUser>")))

    def watch(self, **more):
        return self.sip.ask("SUBSCRIBE", self.focus, self.user, ("Event", "conference"), ("Accept", "application/conference-info+xml"), ("Expires", "3600"),
                            ("Supported", "ms-benotify"), ("Supported", "ms-piggyback-first-notify"), self.contact(), **more)

    def enter_chat(self, body=SDP):
        return self.begin(self.chat, ("Content-Type", "application/sdp"), ("Supported", "ms-sender"), body=body)

    def inside(self, target, method, *headers, body=b""):
        call, to, contact, _ = dialog = self.dialogs[target]
        dialog[3] += 1
        return self.sip.ask(method, contact, self.user, *headers, body=body, to=to, call=call, cseq=dialog[3], epid=self.epid)

    def command(self, body):
        return outcome(self.inside(self.focus, "INFO", CCCP, body=request(self.focus, self.user, body)))

    def on_user(self, command, user, more=""):
        return self.command(f'<{command}><userKeys confEntity="{self.focus}" userEntity="{uri(user)}"/>{more}</{command}>')

    def promote(self, user, role="presenter"):
        return self.on_user("modifyUserRoles", user, f'<user-roles xmlns="urn:ietf:params:xml:ns:conference-info"><entry>{role}</entry></user-roles>')

    def lock(self, locked):
        return self.command(f'<modifyConferenceLock><conferenceKeys confEntity="{self.focus}"/><locked>{locked}</locked></modifyConferenceLock>')

    def told(self):
        return people(self.sip.request("BENOTIFY", self.user))

    def say(self, words):
        return self.inside(self.chat, "MESSAGE", ("Content-Type", "text/plain; charset=UTF-8"), body=words)


class Case(unittest.TestCase):
    options, world = (), communications.WORLD

    def setUp(self):
        self.server = communications.Server(*self.options, world=self.world)
        self.addCleanup(self.server.stop)

    def user(self, name, **more):
        sip = Sip(self.server.tcp_port)
        self.addCleanup(sip.close)
        self.assertEqual(sip.register(name, **more).status, 200)
        return sip

    def make(self, sip, user="alice", name=ID, subject="", to=None):
        where = to or factory(user)
        return sip.ask("SERVICE", where, user, CCCP, body=request(where, user, (
            '<addConference><ci:conference-info xmlns:ci="urn:ietf:params:xml:ns:conference-info" entity="" '
            'xmlns:msci="http://schemas.microsoft.com/rtc/2005/08/confinfoextensions"><ci:conference-description>'
            f"<ci:subject>{escape(subject)}</ci:subject><msci:conference-id>{name}</msci:conference-id></ci:conference-description>"
            '<msci:conference-view><msci:entity-view entity="chat"/></msci:conference-view></ci:conference-info></addConference>')))

    def conferences(self):
        return self.server.ask("census")["conferences"]

    def whole(self, *users, chats=True):
        """A conference of alice's with these in it, each told of it and, but for the last, of all who came."""
        sips = {u: self.user(u) for u in users}
        self.assertEqual(outcome(self.make(sips[users[0]])), (200, "success", None))
        members = []
        for user in users:
            m = Member(sips[user], user)
            self.assertEqual(m.join().status, 200)
            self.assertEqual(m.watch().status, 200)
            if chats:
                self.assertEqual(m.enter_chat().status, 200)
                self.assertEqual(m.told()[user][2], ["focus", "chat"])
            for other in members:
                self.assertEqual(other.told()[user][2], ["focus"])
                if chats:
                    self.assertEqual(other.told()[user][2], ["focus", "chat"])
            members.append(m)
        return members


class Conference(Case):
    def test_the_factory_is_told_and_says_what_it_can(self):
        alice = self.user("alice")
        ok = alice.subscribe("alice", "vnd-microsoft-provisioning-v2", expires=0)
        self.assertEqual(first(ok.xml(), "focusFactoryUri").text, factory("alice"))
        able = alice.ask("SERVICE", factory("alice"), "alice", CCCP, body=request(factory("alice"), "alice", "<getConferencingCapabilities/>"))
        self.assertEqual((outcome(able), [e.text for e in every(able.xml(), "mcuType")]), ((200, "success", None), ["chat"]))

    def test_a_conference_is_made_joined_told_of_and_over_with_the_last(self):
        alice, bob = self.user("alice"), self.user("bob")
        made = self.make(alice, subject="plan & <tea>")
        self.assertEqual((outcome(made), first(made.xml(), "conference-info").get("entity")), ((200, "success", None), focus()))
        a, b = Member(alice, "alice"), Member(bob, "bob")
        ok = a.join()
        self.assertEqual((ok.status, outcome(ok), ok.get("Contact")), (200, (200, "success", None), f"<{focus()}>;isfocus"))
        self.assertEqual([e.text for e in every(ok.xml(), "entry")], ["presenter"])
        seen = a.watch()
        doc = seen.xml()
        self.assertEqual((doc.get("entity"), doc.get("state"), first(doc, "subject").text), (focus(), "full", "plan & <tea>"))
        self.assertEqual([(first(e, "uri").text, first(e, "purpose").text) for e in first(doc, "conf-uris")], [(chat(), "chat")])
        self.assertEqual((first(doc, "locked").text, first(doc, "type").text), ("false", "chat"))
        self.assertEqual(people(seen), {"alice": ("full", "presenter", ["focus"])})
        version = int(doc.get("version") or 0)
        # Any letter case of its name will do; that he wants to be a presenter does not make him one.
        b.focus = focus(name=ID.lower())
        self.assertEqual([e.text for e in every(b.join("presenter").xml(), "entry")], ["attendee"])
        came = alice.request("BENOTIFY")
        self.assertEqual((came.xml().get("state"), int(came.xml().get("version")), first(came.xml(), "display-text").text), ("partial", version + 1, "Bob Br\u00fcckner"))
        self.assertEqual(people(came), {"bob": ("full", "attendee", ["focus"])})
        self.assertEqual(b.enter_chat().status, 200)
        self.assertEqual(a.told(), {"bob": ("full", "attendee", ["focus", "chat"])})
        self.assertEqual(b.inside(chat(), "BYE").status, 200)
        self.assertEqual(a.told(), {"bob": ("full", "attendee", ["focus"])})
        self.assertEqual(b.inside(b.focus, "BYE").status, 200)
        self.assertEqual(a.told(), {"bob": ("deleted", None, [])})
        self.assertEqual(self.conferences(), 1)
        self.assertEqual(a.inside(focus(), "BYE").status, 200)
        self.assertEqual(self.conferences(), 0)
        self.assertEqual(a.inside(focus(), "BYE").status, 481)
        self.assertEqual(a.join().status, 404)

    def test_what_is_said_goes_to_the_others_with_the_name_of_who_said_it(self):
        a, b, c = self.whole("alice", "bob", "carol")
        for m, others in ((a, (b, c)), (b, (a, c))):
            words = f"from {m.user}: \u00e9 <b>"
            self.assertEqual(m.say(words).status, 200)
            for other in others:
                got = other.sip.request("MESSAGE")
                self.assertEqual((got.body.decode(), got.get("Ms-Sender"), got.get("Content-Type")), (words, f"<{uri(m.user)}>", "text/plain; charset=UTF-8"))
                self.assertIn(chat(), got.get("From"))
                self.assertEqual(got.get("Call-ID"), other.dialogs[chat()][0])
                other.sip.answer(got, 200)
        typing = '<KeyboardActivity><status status="type"/></KeyboardActivity>'
        self.assertEqual(c.inside(chat(), "INFO", ("Content-Type", "application/xml"), body=typing).status, 200)
        for other in (a, b):
            got = other.sip.request("INFO")
            self.assertEqual((got.body.decode(), got.get("Ms-Sender")), (typing, f"<{uri('carol')}>"))
            other.sip.answer(got, 200)
        for m in (a, b, c):
            m.sip.nothing("MESSAGE")
        self.assertEqual(self.server.ask("census")["messages_total"], 2)

    def test_who_does_not_know_it_any_more_or_loses_his_link_has_left(self):
        a, b, c = self.whole("alice", "bob", "carol")
        a.say("anybody?")
        b.sip.answer(b.sip.request("MESSAGE"), 481, reason="Gone")
        self.assertEqual({b.sip.request("BYE").get("From").partition(";tag")[0] for _ in range(2)}, {f"<{chat()}>", f"<{focus()}>"})
        self.assertEqual(a.told(), {"bob": ("deleted", None, [])})
        self.assertEqual(c.told(), {"bob": ("deleted", None, [])})
        c.sip.close()
        self.assertEqual(a.told(), {"carol": ("deleted", None, [])})
        self.server.ask("kick", user="alice")
        bramble.wait_until(lambda: self.conferences() == 0, "nobody is left")

    def test_a_presenter_may_and_nobody_else(self):
        a, b, c = self.whole("alice", "bob", "carol")
        for refused in (b.on_user("deleteUser", "carol"), b.promote("bob"), b.lock("true"),
                        b.command(f'<deleteConference><conferenceKeys confEntity="{focus()}"/></deleteConference>')):
            self.assertEqual(refused, (200, "failure", "unauthorized"))
        self.assertEqual(a.on_user("deleteUser", "dave"), (200, "failure", "userDoesntExist"))
        self.assertEqual(a.promote("bob", "king"), (200, "failure", "invalidRole"))
        self.assertEqual(a.promote("bob"), (200, "success", None))
        for m in (a, b, c):
            self.assertEqual(m.told(), {"bob": ("full", "presenter", ["focus", "chat"])})
        self.assertEqual(b.lock("true"), (200, "success", None))
        for m in (a, b, c):
            self.assertEqual(first(m.sip.request("BENOTIFY").xml(), "locked").text, "true")
        dave = Member(self.user("dave"), "dave")
        self.assertEqual(dave.join().status, 403)
        self.assertEqual(b.lock("false"), (200, "success", None))
        for m in (a, b, c):
            self.assertEqual(first(m.sip.request("BENOTIFY").xml(), "locked").text, "false")
        self.assertEqual(b.on_user("deleteUser", "carol"), (200, "success", None))
        self.assertEqual({c.sip.request("BYE").get("Call-ID") for _ in range(2)}, {c.dialogs[chat()][0], c.dialogs[focus()][0]})
        self.assertEqual(a.told(), {"carol": ("deleted", None, [])})
        # Thrown out until somebody inside invites her again.
        self.assertEqual(c.join().status, 403)
        invite = f'<Conferencing version="2.0"><focus-uri>{focus()}</focus-uri><subject/><im available="true"><first-im/></im></Conferencing>'
        for sip, user, status in ((dave.sip, "dave", 403), (a.sip, "alice", 200)):
            call = sip.ask("INVITE", uri("carol"), user, a.contact(), ("Content-Type", "application/ms-conf-invite+xml"), body=invite, wait=False)
            came = c.sip.request("INVITE")
            self.assertEqual((came.get("Call-ID"), first(came.xml(), "focus-uri").text), (call, focus()))
            c.sip.answer(came, 603, reason="Decline", tag="c")
            self.assertEqual(c.join().status, status)
        self.assertEqual(a.command(f'<deleteConference><conferenceKeys confEntity="{focus()}"/></deleteConference>'), (200, "success", None))
        for m in (a, b, c):
            m.sip.request("BYE")
        self.assertEqual(self.conferences(), 0)

    def test_what_is_refused(self):
        alice, bob = self.user("alice"), self.user("bob")
        rows = [(self.make(alice, name="short"), (200, "failure", "invalidConferenceId")), (self.make(alice, name="x" * 33), (200, "failure", "invalidConferenceId")),
                (self.make(alice, subject="x" * 300), (200, "failure", "subjectTooLong")), (self.make(alice), (200, "success", None)),
                (self.make(alice, name=ID.lower()), (200, "failure", "conferenceExistsAlready")), (self.make(bob, "bob"), (200, "success", None)),
                (self.make(bob, "bob", to=factory("alice")), (403, None, None)), (self.make(bob, "bob", to=uri("bob")), (404, None, None)),
                (bob.ask("SERVICE", factory("bob"), "bob", CCCP, body=request(factory("bob"), "bob", "<nonsense/>")), (400, None, None)),
                (bob.ask("SERVICE", factory("bob"), "bob", CCCP, body="<request"), (400, None, None)),
                (bob.ask("SERVICE", factory("bob"), "bob", CCCP, body=request(factory("bob"), "bob", (
                    f'<deleteConference><conferenceKeys confEntity="{focus()}"/></deleteConference>'))), (200, "failure", "unauthorized")),
                (bob.ask("SERVICE", factory("bob"), "bob", CCCP, body=request(factory("bob"), "bob", (
                    f'<deleteConference><conferenceKeys confEntity="{focus("bob")}"/></deleteConference>'))), (200, "success", None))]
        for n, (answer, wanted) in enumerate(rows):
            with self.subTest(row=n):
                self.assertEqual(outcome(answer), wanted)
        a, b = Member(alice, "alice"), Member(bob, "bob")
        self.assertEqual([b.watch().status, b.enter_chat().status, b.join(whom="alice").status], [403, 403, 400])
        self.assertEqual(b.begin(focus(), ("Content-Type", "application/sdp"), body=SDP).status, 415)
        self.assertEqual(Member(bob, "bob", focus(name="NOTTHERE1")).join().status, 404)
        self.assertEqual([a.join().status, a.join().status], [200, 403])
        self.assertEqual(a.enter_chat("v=0\r\nm=audio 1 RTP/AVP 0\r\n").status, 488)
        self.assertEqual([a.enter_chat().status, a.enter_chat().status], [200, 403])
        for method, target in (("MESSAGE", chat()), ("BYE", focus()), ("INFO", focus())):
            self.assertEqual(bob.ask(method, target, "bob").status, 481, method)
        self.assertEqual([a.inside(focus(), "MESSAGE").status, a.inside(chat(), "OPTIONS").status], [405, 200])
        self.assertEqual([a.say("x" * 65536).status, a.say("x" * 65537).status], [200, 413])
        self.assertEqual(a.inside(focus(), "INFO", ("Content-Type", "text/plain"), body="x").status, 415)
        self.assertEqual(a.command(f'<addUser><conferenceKeys confEntity="{focus()}"/></addUser>'), (200, "failure", "notSupported"))
        self.assertEqual([a.inside(focus(), "INVITE", a.contact()).status, a.inside(chat(), "INVITE", a.contact(), body=SDP).status], [200, 200])
        self.assertEqual([bob.ask("OPTIONS", focus(), "bob").status, bob.ask("OPTIONS", focus(name="NOTTHERE1"), "bob").status], [200, 404])
        self.assertEqual(a.on_user("deleteUser", "alice"), (200, "success", None))      # oneself
        self.assertEqual(self.conferences(), 0)

    def test_a_second_endpoint_is_not_let_in_and_registering_elsewhere_ends_a_place(self):
        a, b = self.whole("alice", "bob")
        other = self.user("alice", epid="second", instance=None)
        self.assertEqual(Member(other, "alice", epid="second").join().status, 403)
        self.user("alice")
        self.assertEqual(b.told(), {"alice": ("deleted", None, [])})
        self.assertEqual(Member(other, "alice", epid="second").join().status, 200)
        self.assertEqual(b.told(), {"alice": ("full", "presenter", ["focus"])})


class Older(Case):
    options = ("--profile", "lcs2005")

    def test_there_are_none(self):
        alice = self.user("alice")
        self.assertEqual(self.make(alice).status, 404)
        self.assertEqual(Member(alice, "alice").join().status, 404)


class Unjoined(Case):
    options = ("--clock", "manual")

    def test_a_conference_that_nobody_joins_is_forgotten(self):
        alice = self.user("alice")
        self.make(alice)
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + 59999)
        self.assertEqual(self.conferences(), 1)
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + 1)
        self.assertEqual(self.conferences(), 0)


class Bounds(Case):
    world = '<world domain="corp.test">' + "".join(f'<user id="{u}" password="p" name="{u}"/>' for u in ["alice", *(f"u{n}" for n in range(100))]) + "</world>"

    def test_a_hundred_people_in_one_and_a_hundred_of_one_user(self):
        sip = self.user("alice")
        self.make(sip)
        alice = Member(sip, "alice")
        alice.join()
        others = [f"u{n}" for n in range(100)]
        for user in others:
            self.assertEqual(sip.register(user).status, 200)
        self.assertEqual([Member(sip, user).join().status for user in others], [200] * 99 + [486])
        self.assertEqual(len(people(alice.watch())), 100)
        made = [outcome(self.make(sip, name=f"CONFERENCE{n}"))[1:] for n in range(100)]
        self.assertEqual(made, [("success", None)] * 99 + [("failure", "maxConferencesExceeded")])
        sip.close()
        bramble.wait_until(lambda: self.conferences() == 99, "the one with people is over")


if __name__ == "__main__":
    unittest.main()
