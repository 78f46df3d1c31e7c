#!/usr/bin/env python3
"""Presence in the dialect of Live Communications Server 2005, and what its users and those of the newer one see of each other: by a client
written from docs/protocol/ocs.md alone."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import communications
from communications import availability, chosen, every, first, numbers, parts, state, uri
from test_ocs import IM, SDP, Case

DOCUMENT = ("Accept", "text/xml+msrtc.pidf")
NOTE = '<note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal" uri="">{}</body></note>'


class Older(Case):
    def watched(self):
        """bob, whom alice watches by the older dialect and carol by the newer."""
        alice, bob, carol = self.user("alice"), self.user("bob"), self.user("carol")
        self.single(alice, "bob")
        carol.watch("carol", "bob")
        return alice, bob, carol

    def single(self, sip, whom, *headers, user="alice"):
        return sip.ask("SUBSCRIBE", uri(whom), user, ("Event", "presence"), ("Expires", "3600"), ("Contact", "<sip:127.0.0.1:9>"),
                       ("Supported", "ms-benotify"), ("Supported", "ms-piggyback-first-notify"), *(headers or (DOCUMENT,)))

    def told(self, sip):
        return sip.request("BENOTIFY").xml()


class Documents(Older):
    def test_several_users_come_in_parts_and_later_one_by_one(self):
        alice, bob = self.user("alice"), self.user("bob")
        ok = alice.watch_list("alice", "bob", "nobody", "carol")
        self.assertEqual((ok.status, ok.get("Require"), ok.get("ms-piggyback-cseq")), (200, "eventlist", "1"))
        (index, *documents) = parts(ok)
        self.assertEqual(index[:2], ("resourceList", "application/rlmi+xml"))
        self.assertEqual((index[2].get("uri"), index[2].get("version"), index[2].get("fullState")), (uri("alice"), "0", "true"))
        self.assertEqual([(r.get("uri"), first(r, "instance").get("state"), first(r, "instance").get("cid")) for r in every(index[2], "resource")],
                         [(uri(u), "active", f"{u}@corp.test") for u in ("bob", "carol")])
        self.assertEqual([d[:2] for d in documents], [(f"{u}@corp.test", "text/xml+msrtc.pidf") for u in ("bob", "carol")])
        self.assertEqual([numbers(d[2]) for d in documents], [("bob", 300, 400), ("carol", 0, 0)])
        self.assertEqual((first(documents[0][2], "displayName").get("displayName"), first(documents[0][2], "email").get("email")),
                         ("Bob Br\u00fcckner", "bob@corp.test"))
        bob.set_presence("bob", 300, 600)
        later = alice.request("BENOTIFY")
        self.assertEqual((later.get("Content-Type"), later.get("Require"), numbers(later.xml())), ("text/xml+msrtc.pidf", "eventlist", ("bob", 300, 600)))

    def test_a_list_is_added_to_taken_from_and_made_anew_in_its_dialog(self):
        alice = self.user("alice")
        ok = alice.watch_list("alice", "bob")
        again = dict(call=ok.get("Call-ID"), to=ok.get("To"))
        for n, (how, who, left) in enumerate((("add", "carol", ["bob", "carol"]), ("delete", "bob", ["carol"]), ("create", "dave", ["dave"]))):
            with self.subTest(how=how):
                told = parts(alice.watch_list("alice", who, how=how, cseq=2 + n, **again))
                self.assertEqual(([numbers(d)[0] for _, _, d in told[1:]], told[0][2].get("version")), (left, str(1 + n)))
        self.user("bob")
        self.user("dave")
        self.assertEqual(numbers(self.told(alice))[0], "dave")

    def test_what_is_published_by_one_dialect_is_seen_by_both(self):
        alice, bob, carol = self.watched()
        for reach, activity, seen in ((300, 600, 6500), (300, 200, 5000), (300, 300, 12500), (300, 100, 15500), (100, 410, 3500), (300, 720, 15500),
                                      (300, 800, 3500), (300, 550, 6500), (300, 150, 15500), (0, 100, 18500), (300, 400, 3500)):
            with self.subTest(reach=reach, activity=activity):
                self.assertEqual(bob.set_presence("bob", reach, activity).status, 200)
                self.assertEqual(numbers(self.told(alice)), ("bob", reach, activity))
                self.assertEqual(availability(carol.request("BENOTIFY")), ("bob", seen))

    def test_what_is_published_by_the_newer_dialect_has_numbers_in_the_older(self):
        alice, bob, _ = self.watched()
        for version, (number, seen) in enumerate(((5000, (300, 200)), (6500, (300, 600)), (7500, (300, 600)), (9500, (300, 600)), (12500, (300, 300)),
                                                  (15500, (300, 100)), (18500, (0, 0)), (3500, (300, 400)))):
            with self.subTest(number=number):
                bob.publish("bob", ("state", 1, 2, version, "static", state(number)))
                document = self.told(alice)
                self.assertEqual(numbers(document), ("bob", *seen))
                own = first(document, "state")
                self.assertEqual(own.get("avail") if own is not None else None, str(number) if number < 18500 else None)

    def test_a_chosen_state_goes_both_ways(self):
        alice, bob, carol = self.watched()
        bob.set_presence("bob", 300, 600, info=chosen(9500))
        document = self.told(alice)
        self.assertEqual((numbers(document), first(document, "state").get("avail"), first(document, "state").text), (("bob", 300, 600), "9500", "do-not-disturb"))
        self.assertEqual(first(document, "state").get("{http://www.w3.org/2001/XMLSchema-instance}type"), "userState")
        self.assertEqual(availability(carol.request("BENOTIFY")), ("bob", 9500))
        bob.set_presence("bob", 300, 400, info="")
        self.assertIsNone(first(self.told(alice), "state"))
        self.assertEqual(availability(carol.request("BENOTIFY")), ("bob", 3500))

    def test_a_note_goes_both_ways(self):
        alice, bob, carol = self.watched()
        bob.set_presence("bob", 300, 400, info="<note>at &lt;lunch&gt; \u00e9</note>")
        self.assertEqual(first(self.told(alice), "note").text, "at <lunch> \u00e9")
        self.assertEqual(first(carol.request("BENOTIFY").xml(), "body").text, "at <lunch> \u00e9")
        bob.publish("bob", ("note", 0, 200, 1, "static", NOTE.format("back")))
        self.assertEqual(first(self.told(alice), "note").text, "back")
        self.assertEqual(first(carol.request("BENOTIFY").xml(), "body").text, "back")

    def test_without_user_info_what_he_said_of_himself_stays_and_with_an_empty_one_it_goes(self):
        alice, bob, _ = self.watched()
        bob.set_presence("bob", 300, 400, info="<note>here</note><x xmlns='urn:x'>y</x>")
        for info, note, other in ((None, "here", "y"), ("", None, None)):
            self.told(alice)
            bob.set_presence("bob", 300, 410, info=info)
            document = self.told(alice)
            with self.subTest(info=info):
                self.assertEqual([e.text if e is not None else None for e in (first(document, "note"), first(document, "x"))], [note, other])
            bob.set_presence("bob", 300, 400)

    def test_the_most_available_device_counts_and_goes_with_its_endpoint(self):
        alice, bob, _ = self.watched()
        other = self.user("bob", epid="second")
        self.assertEqual(bob.set_presence("bob", 300, 600, others='<deviceName xmlns="urn:d" name="PC"/>').status, 200)
        self.assertEqual(numbers(self.told(alice)), ("bob", 300, 600))
        other.set_presence("bob", 300, 450, epid="second")
        document = self.told(alice)
        self.assertEqual((numbers(document), first(document, "activity").get("epid"), first(document, "activity").get("description")),
                         (("bob", 300, 450), "second", ""))
        devices = {d.get("epid"): d for d in every(document, "devicePresence")}
        self.assertEqual({epid: first(d, "activity").get("aggregate") for epid, d in devices.items()}, {"epidbob": "600", "second": "450"})
        self.assertEqual((first(devices["epidbob"], "deviceName").get("name"), first(devices["epidbob"], "activity").get("description")), ("PC", "Active"))
        other.close()
        document = self.told(alice)
        self.assertEqual((numbers(document), len(every(document, "devicePresence"))), (("bob", 300, 600), 1))

    def test_what_may_not_be_published(self):
        bob = self.user("bob")
        for status, how in ((403, dict(whose="alice")), (400, dict(reach=1000)), (400, dict(info=f"<note>{'x' * 1100}</note>")),
                            (400, dict(others=f'<a xmlns="urn:a">{"x" * 9000}</a>')), (200, dict(info=f"<note>{'x' * 900}</note>"))):
            with self.subTest(how=str(how)[:40]):
                self.assertEqual(bob.set_presence("bob", **{"reach": 300, "activity": 400, **how}).status, status)

    def test_the_client_says_in_what_form_it_wants_presence(self):
        alice = self.user("alice")
        both = ("Accept", "application/msrtc-event-categories+xml, text/xml+msrtc.pidf, application/xpidf+xml")
        for accept, kind in ((DOCUMENT, "text/xml+msrtc.pidf"), (both, "application/msrtc-event-categories+xml"),
                             (("Accept", "application/pidf+xml"), "application/pidf+xml"), (("X-No", "Accept"), "application/msrtc-event-categories+xml")):
            with self.subTest(accept=accept[1]):
                self.assertEqual(self.single(alice, "bob", accept).get("Content-Type"), kind)
        self.assertEqual(self.single(alice, "bob", ("Accept", "text/plain")).status, 406)

    def test_the_standard_s_document_says_open_or_closed(self):
        alice = self.user("alice")
        self.assertEqual(first(self.single(alice, "bob", ("Accept", "application/pidf+xml")).xml(), "basic").text, "closed")
        bob = self.user("bob")
        self.assertEqual(first(self.told(alice), "basic").text, "open")
        bob.set_presence("bob", 300, 600, info="<note>here</note>")
        document = self.told(alice)
        self.assertEqual([first(document, e).text for e in ("basic", "activity", "note")], ["open", "busy", "here"])
        self.assertEqual((document.tag, document.get("entity")), ("{urn:ietf:params:xml:ns:pidf}presence", uri("bob")))

    def test_presence_is_got_once(self):
        alice, bob = self.user("alice"), self.user("bob")
        bob.set_presence("bob", 300, 500)
        ask = ('<E xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><m:getPresence xmlns:m="http://schemas.microsoft.com/winrtc/2002/11/sip">'
               '<presentity uri="sip:{}@corp.test"/></m:getPresence></Body></E>').replace("<E ", "<Envelope ").replace("</E>", "</Envelope>")
        got = alice.service("alice", "application/SOAP+xml", ask.format("bob"), target=uri("bob"))
        self.assertEqual((got.status, got.get("Content-Type"), numbers(got.xml())), (200, "text/xml+msrtc.pidf", ("bob", 300, 500)))
        self.assertEqual(alice.service("alice", "application/SOAP+xml", ask.format("nobody"), target=uri("nobody")).status, 404)
        self.assertEqual(bob.soap("bob", "setACE", type="USER", mask=uri("alice"), rights="BD", deltaNum=1).status, 200)
        self.assertEqual(alice.service("alice", "application/SOAP+xml", ask.format("bob"), target=uri("bob")).status, 403)


class Access(Older):
    def ace(self, sip, user, delta, rights, kind="USER", mask=None):
        return sip.soap(user, "setACE", type=kind, mask=uri("alice") if mask is None else mask, rights=rights, deltaNum=delta).status

    def rights(self, message):
        doc = message.xml()
        return doc.get("deltaNum"), [(a.get("type"), a.get("mask"), a.get("rights")) for a in every(doc, "ace")]

    def test_a_blocked_user_sees_nothing_by_either_dialect_and_rings_nobody(self):
        alice, bob, carol = self.watched()
        ok = bob.subscribe("bob", "vnd-microsoft-roaming-ACL")
        self.assertEqual((ok.get("Content-Type"), self.rights(ok)), ("application/vnd-microsoft-roaming-acls+xml", ("1", [("ALL", "", "AA")])))
        bob.subscribe("bob", "vnd-microsoft-roaming-self")
        self.assertEqual(self.ace(bob, "bob", 1, "BD"), 200)
        self.assertEqual(self.rights(bob.request("BENOTIFY")), ("2", [("ALL", "", "AA"), ("USER", uri("alice"), "BD")]))
        self.assertEqual((first(bob.request("BENOTIFY").xml(), "container").get("id")), "32000")
        document = self.told(alice)
        self.assertEqual((numbers(document), first(document, "devices"), first(document, "email")), (("bob", 0, 0), None, None))
        self.assertEqual(availability(carol.request("BENOTIFY")), ("bob", 3500))
        self.assertEqual(alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP).status, 480)
        self.assertEqual(self.ace(bob, "bob", 2, "AA"), 200)
        self.assertEqual(numbers(self.told(alice)), ("bob", 300, 400))

    def test_the_newer_dialect_s_blocking_is_in_the_list(self):
        bob = self.user("bob")
        bob.subscribe("bob", "vnd-microsoft-roaming-ACL")
        for version, action, rights in ((0, "add", "BD"), (1, "remove", "AA")):
            bob.service("bob", "application/msrtc-setcontainermembers+xml",
                        '<setContainerMembers xmlns="http://schemas.microsoft.com/2006/09/sip/container-management">'
                        f'<container id="32000" version="{version}"><member action="{action}" type="user" value="alice@corp.test"/></container></setContainerMembers>')
            self.assertEqual(self.rights(bob.request("BENOTIFY"))[1][-1], ("USER", uri("alice"), rights))

    def test_his_own_entry_goes_before_one_for_all(self):
        alice, bob, carol = self.watched()
        self.assertEqual((self.ace(bob, "bob", 1, "BD", "ALL", ""), self.ace(bob, "bob", 2, "AA")), (200, 200))
        self.assertEqual([numbers(self.told(alice)) for _ in range(2)], [("bob", 0, 0), ("bob", 300, 400)])
        self.assertEqual([availability(carol.request("BENOTIFY")) for _ in range(2)], [("bob", 18500)] * 2)

    def test_wrong_entries_are_refused(self):
        bob = self.user("bob")
        for status, how in ((409, dict(delta=2, rights="AA")), (400, dict(delta=1, rights="AB")), (400, dict(delta=1, rights="A")),
                            (400, dict(delta=1, rights="AA", mask="sip:nobody@corp.test")), (400, dict(delta=1, rights="AA", kind="GROUP")),
                            (400, dict(delta=1, rights="AA", kind="DOMAIN", mask="")), (200, dict(delta=1, rights="PA", kind="DOMAIN", mask="corp.test"))):
            with self.subTest(how=how):
                self.assertEqual(self.ace(bob, "bob", **how), status)

    def test_a_new_watcher_waits_until_the_user_has_decided(self):
        alice, bob, dave = self.user("alice"), self.user("bob"), self.user("dave")
        ok = bob.subscribe("bob", "presence.wpending")
        self.assertEqual((ok.get("Content-Type"), every(ok.xml(), "watcher")), ("text/xml+msrtc.wpending", []))
        self.assertEqual(self.ace(bob, "bob", 1, "PA", "ALL", ""), 200)
        self.assertEqual(every(self.told(bob), "watcher"), [])
        self.assertEqual(numbers(self.single(alice, "bob").xml()), ("bob", 300, 400), "alice is a contact of bob's")
        self.assertEqual(numbers(self.single(dave, "bob", user="dave").xml()), ("bob", 0, 0))
        asks = first(self.told(bob), "watcher")
        self.assertEqual((asks.get("uri"), asks.get("displayName")), (uri("dave"), "Dave Diaz"))
        self.assertEqual(self.ace(bob, "bob", 2, "AA", mask=uri("dave")), 200)
        self.assertEqual(every(self.told(bob), "watcher"), [])
        self.assertEqual(numbers(self.told(dave)), ("bob", 300, 400))

    def test_provisioning_of_the_older_kind_is_told_once(self):
        ok = self.user("bob").subscribe("bob", "vnd-microsoft-provisioning", expires=0)
        self.assertEqual((ok.get("Content-Type"), first(ok.xml(), "user").get("uri")), ("application/vnd-microsoft-roaming-provisioning+xml", uri("bob")))


class OlderProfile(Case):
    options = ("--profile", "lcs2005")

    def test_the_older_dialect_is_what_it_offers(self):
        ok = self.connect().register("alice")
        self.assertEqual(ok.get("Allow-Events"), "vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending")

    def test_who_can_read_both_or_does_not_say_gets_the_document(self):
        alice = self.user("alice")
        for accept in (("X-No", "Accept"), ("Accept", "application/msrtc-event-categories+xml, text/xml+msrtc.pidf")):
            ok = alice.ask("SUBSCRIBE", uri("bob"), "alice", ("Event", "presence"), ("Supported", "ms-piggyback-first-notify"), ("Contact", "<sip:127.0.0.1:9>"), accept)
            self.assertEqual(ok.get("Content-Type"), "text/xml+msrtc.pidf")

    def test_who_asks_for_categories_has_them(self):
        self.assertEqual(availability(self.user("alice").watch("alice", "bob")), ("bob", 18500))


class Extension(Case):
    options = ("--clock", "manual")

    def advance(self, seconds):
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + seconds * 1000)

    def test_a_notification_extends_a_subscription_that_may_be(self):
        alice, bob = self.user("alice"), self.user("bob")
        ok = alice.subscribe("alice", "presence", DOCUMENT, ("Supported", "com.microsoft.autoextend"), expires=60)
        self.assertIn("com.microsoft.autoextend", ok.all("Supported"))
        ok = alice.watch_list("alice", "bob", expires=60)
        self.assertNotIn("com.microsoft.autoextend", ok.all("Supported"))
        own = lambda: self.server.user("alice")["endpoints"][0]["subscriptions"]
        self.advance(50)
        alice.set_presence("alice", 300, 600)
        self.assertEqual(alice.request("BENOTIFY").get("subscription-state"), "active;expires=60")
        self.advance(50)
        self.assertEqual(own(), 1, "the one that was not extended is over")
        self.advance(20)
        self.assertEqual(own(), 0)
        bob.close()


class Many(Case):
    """More documents than one notification takes."""

    def setUp(self):
        people = "".join(f'<user id="u{n}" password="p" name="{"N" * 200}"/>' for n in range(500))
        self.server = communications.Server(world=f'<world domain="corp.test"><user id="alice" password="a" name="Alice"/>{people}</world>')
        self.addCleanup(self.server.stop)

    def test_a_long_list_comes_in_several_notifications(self):
        alice = self.user("alice")
        told = parts(alice.watch_list("alice", *[f"u{n}" for n in range(500)]))
        lists, seen = [told[0][2]], [numbers(d)[0] for _, _, d in told[1:]]
        while len(seen) < 500:
            told = parts(alice.request("BENOTIFY"))
            lists.append(told[0][2])
            seen += [numbers(d)[0] for _, _, d in told[1:]]
        self.assertEqual(seen, [f"u{n}" for n in range(500)])
        self.assertEqual([(d.get("version"), d.get("fullState")) for d in lists], [(str(n), "false") for n in range(len(lists))])
        self.assertGreater(len(lists), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
