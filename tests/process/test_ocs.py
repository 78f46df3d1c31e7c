#!/usr/bin/env python3
"""The simulated Communications Server as a program: what SIPE never does, by a client written from the page alone, and by openssl."""
import os
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import communications
from communications import Sip, availability, every, first, first_text, state, uri

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n"
IM = (("Content-Type", "application/sdp"), ("Supported", "ms-sender"))


class Case(unittest.TestCase):
    options, clients, trusted = (), "tls,tcp", ("cwa.corp.test",)

    def setUp(self):
        self.server = communications.Server(*self.options, clients=self.clients, trusted=self.trusted)
        self.addCleanup(self.server.stop)

    def connect(self, **how):
        sip = Sip(self.server.port if how.get("tls") else self.server.tcp_port, **how)
        self.addCleanup(sip.close)
        return sip

    def user(self, name, **more):
        sip = self.connect()
        self.assertEqual(sip.register(name, **more).status, 200)
        return sip

    def diagnosis(self, answer):
        return answer.status, int(answer.get("ms-diagnostics").partition(";")[0])


class Register(Case):
    def test_the_answer_has_every_line_that_clients_read(self):
        ok = self.connect().register("alice")
        self.assertEqual(ok.status, 200)
        self.assertIn("expires=7200", ok.get("Contact"))
        self.assertRegex(ok.get("Contact"), r'gruu="sip:alice@corp\.test;opaque=user:epid:[A-Za-z0-9_-]{22,};gruu"')
        self.assertEqual(ok.get("Expires"), "7200")
        self.assertEqual(ok.get("ms-keep-alive"), "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300")
        self.assertIn("vnd-microsoft-roaming-contacts", ok.get("Allow-Events"))
        self.assertIn("msrtc-event-categories", ok.all("Supported"))
        self.assertEqual(ok.get("Server"), "RTC/3.0")
        self.assertIn('register-action="added"', ok.get("presence-state"))

    def test_the_gruu_of_an_endpoint_stays_the_same(self):
        gruus = [self.connect().register("alice").get("Contact").partition("gruu=")[2] for _ in range(2)]
        self.assertEqual(gruus[0], gruus[1])
        self.assertNotEqual(self.connect().register("alice", epid="other").get("Contact").partition("gruu=")[2], gruus[0])

    def test_neither_epid_nor_instance_is_400_4010(self):
        self.assertEqual(self.diagnosis(self.connect().register("alice", epid="", instance=None)), (400, 4010))

    def test_an_instance_alone_is_enough(self):
        self.assertEqual(self.connect().register("alice", epid="").status, 200)

    def test_another_event_is_489_4055(self):
        self.assertEqual(self.diagnosis(self.connect().register("alice", ("Event", "presence"))), (489, 4055))

    def test_categories_without_gruu_are_421_2057(self):
        self.assertEqual(self.diagnosis(self.connect().register("alice", ("Supported", "msrtc-event-categories"), supported=False)), (421, 2057))

    def test_an_unknown_user_is_404(self):
        self.assertEqual(self.connect().register("nobody").status, 404)

    def test_expires_0_signs_off(self):
        alice = self.user("alice")
        self.assertEqual(alice.register("alice", expires=0).status, 200)
        self.assertEqual(self.server.user("alice")["endpoints"], [])

    def test_a_ninth_endpoint_is_refused(self):
        sip = self.connect()
        self.assertEqual([sip.register("alice", epid=f"e{n}", instance=None).status for n in range(9)], [200] * 8 + [403])

    def test_who_is_not_registered_on_the_link_may_do_nothing(self):
        self.user("alice")
        stranger = self.connect()
        self.assertEqual(stranger.subscribe("alice", "vnd-microsoft-roaming-contacts").status, 403)
        self.assertEqual(stranger.ask("INVITE", uri("bob"), "alice", *IM, body=SDP).status, 403)

    def test_an_unknown_method_is_405(self):
        self.assertEqual(self.user("alice").ask("PUBLISH", uri("alice"), "alice").status, 405)

    def test_one_link_may_carry_many_users(self):
        sip = self.connect()
        for name in ("alice", "bob", "carol"):
            self.assertEqual(sip.register(name).status, 200)
        self.assertEqual(self.server.ask("census")["links"], 1)


class Roaming(Case):
    def contacts(self, sip, user="alice"):
        return sip.subscribe(user, "vnd-microsoft-roaming-contacts")

    def test_the_first_news_ride_in_the_answer(self):
        ok = self.contacts(self.user("alice"))
        self.assertEqual((ok.status, ok.get("Event"), ok.get("ms-piggyback-cseq")), (200, "vnd-microsoft-roaming-contacts", "1"))
        self.assertEqual(ok.get("subscription-state"), "active;expires=3600")
        self.assertEqual(ok.get("Content-Type"), "application/vnd-microsoft-roaming-contacts+xml")
        doc = ok.xml()
        self.assertEqual((doc.tag, doc.get("deltaNum")), ("contactList", "1"))
        self.assertEqual([(g.get("id"), g.get("name")) for g in every(doc, "group")], [("1", "~"), ("2", "Friends")])
        self.assertEqual([(c.get("uri"), c.get("groups")) for c in every(doc, "contact")], [("bob@corp.test", "2"), ("carol@corp.test", "2")])

    def test_without_piggyback_a_notification_follows(self):
        alice = self.user("alice")
        ok = alice.subscribe("alice", "vnd-microsoft-roaming-contacts", piggyback=False)
        self.assertEqual((ok.status, ok.body), (200, b""))
        self.assertEqual(alice.request("BENOTIFY").xml().tag, "contactList")

    def test_without_benotify_a_notify_is_sent_and_must_be_answered(self):
        alice = self.user("alice")
        ok = alice.subscribe("alice", "vnd-microsoft-roaming-contacts", benotify=False, piggyback=False)
        told = alice.request("NOTIFY")
        self.assertEqual(told.tag("From"), ok.tag("To"))
        alice.answer(told, 481, reason="No")
        bramble.wait_until(lambda: self.server.user("alice")["endpoints"][0]["subscriptions"] == 0, "the subscription is gone")

    def test_any_other_event_is_489(self):
        self.assertEqual(self.user("alice").subscribe("alice", "dialog").status, 489)

    def test_provisioning_is_told_once(self):
        alice = self.user("alice")
        ok = alice.subscribe("alice", "vnd-microsoft-provisioning-v2", expires=0)
        self.assertEqual((ok.status, ok.get("subscription-state")), (200, "terminated;expires=0"))
        self.assertEqual(first(ok.xml(), "provisionGroup").get("name"), "ServerConfiguration")
        self.assertEqual(self.server.user("alice")["endpoints"][0]["subscriptions"], 0)

    def test_a_subscription_is_refreshed_and_ended_in_its_dialog(self):
        alice = self.user("alice")
        ok = self.contacts(alice)
        again = dict(call=ok.get("Call-ID"), to=ok.get("To"))
        self.assertEqual(alice.subscribe("alice", "vnd-microsoft-roaming-contacts", cseq=2, **again).status, 200)
        self.assertEqual(alice.subscribe("alice", "vnd-microsoft-roaming-contacts", cseq=3, expires=0, **again).status, 200)
        self.assertEqual(alice.subscribe("alice", "vnd-microsoft-roaming-contacts", cseq=4, **again).status, 481)

    def test_changes_of_contacts_come_as_deltas_to_every_endpoint(self):
        alice, other = self.user("alice"), self.user("alice", epid="second")
        self.contacts(alice)
        other.ask("SUBSCRIBE", uri("alice"), "alice", ("Event", "vnd-microsoft-roaming-contacts"), ("Supported", "ms-benotify"),
                  ("Supported", "ms-piggyback-first-notify"), ("Contact", "<sip:127.0.0.1:9>"), epid="second")
        self.assertEqual(alice.soap("alice", "setContact", displayName="Dave &amp; co", groups="2", subscribed="true", URI="sip:dave@corp.test",
                                    externalURI="", deltaNum=1).status, 200)
        for sip in (alice, other):
            delta = sip.request("BENOTIFY").xml()
            self.assertEqual((delta.tag, delta.get("deltaNum"), delta.get("prevDeltaNum")), ("contactDelta", "2", "1"))
            added = first(delta, "addedContact")
            self.assertEqual((added.get("uri"), added.get("name"), added.get("groups")), ("sip:dave@corp.test", "Dave & co", "2"))

    def test_a_wrong_delta_is_409_and_changes_nothing(self):
        alice = self.user("alice")
        self.assertEqual(alice.soap("alice", "deleteContact", URI="sip:bob@corp.test", deltaNum=9).status, 409)
        self.assertEqual(self.contacts(alice).xml().get("deltaNum"), "1")

    def test_groups_are_added_renamed_and_deleted_in_two_deltas(self):
        alice = self.user("alice")
        self.contacts(alice)
        added = alice.soap("alice", "addGroup", name="Work", externalURI="", deltaNum=1)
        self.assertEqual((added.status, first(added.xml(), "groupID").text), (200, "3"))
        self.assertEqual(first(alice.request("BENOTIFY").xml(), "addedGroup").get("name"), "Work")
        self.assertEqual(alice.soap("alice", "addGroup", name="Work", externalURI="", deltaNum=2).status, 409)
        self.assertEqual(alice.soap("alice", "modifyGroup", groupID=3, name="Job", externalURI="", deltaNum=2).status, 200)
        self.assertEqual(first(alice.request("BENOTIFY").xml(), "modifiedGroup").get("name"), "Job")
        self.assertEqual(alice.soap("alice", "deleteGroup", groupID=2, deltaNum=3).status, 200)
        moved, gone = alice.request("BENOTIFY").xml(), alice.request("BENOTIFY").xml()
        self.assertEqual([c.get("groups") for c in every(moved, "modifiedContact")], ["1", "1"])
        self.assertEqual((first(gone, "deletedGroup").get("id"), gone.get("deltaNum")), ("2", "5"))
        self.assertEqual(alice.soap("alice", "deleteGroup", groupID=1, deltaNum=5).status, 403)

    def test_the_directory_is_searched(self):
        body = ('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/winrtc/2002/11/sip"><s:Body>'
                '<m:directorySearch><m:filter m:href="#searchArray"/><m:maxResults>{n}</m:maxResults></m:directorySearch>'
                '<m:Array m:id="searchArray"><m:row m:attrib="displayName" m:value="{v}"/></m:Array></s:Body></s:Envelope>')
        alice = self.user("alice")
        found = alice.service("alice", "application/SOAP+xml", body.format(n=100, v="carol c"), target="sip:corp.test")
        row = first(found.xml(), "row")
        self.assertEqual((row.get("uri"), row.get("displayName"), row.get("email")), ("sip:carol@corp.test", "Carol Clark", "carol@corp.test"))
        self.assertEqual(every(alice.service("alice", "application/SOAP+xml", body.format(n=9, v="x"), target="sip:corp.test").xml(), "row"), [])
        many = alice.service("alice", "application/SOAP+xml", body.format(n=2, v=""), target="sip:corp.test").xml()
        self.assertEqual((len(every(many, "row")), first(many, "moreAvailable").text), (2, "true"))

    def test_bodies_that_cannot_be_read_are_400_or_415(self):
        alice = self.user("alice")
        for kind in ("application/msrtc-category-publish+xml", "application/SOAP+xml", "application/msrtc-presence-setsubscriber+xml",
                     "application/msrtc-setcontainermembers+xml"):
            for body in ("", "<", "<x/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"):
                with self.subTest(kind=kind, body=body):
                    self.assertEqual(alice.service("alice", kind, body).status, 400)
        self.assertEqual(alice.service("alice", "text/plain", "x").status, 415)
        self.assertEqual(alice.subscribe("alice", "presence", body="<x/>").status, 400)


class Presence(Case):
    def test_a_published_state_reaches_the_watcher(self):
        alice, bob = self.user("alice"), self.user("bob")
        ok = alice.watch("alice", "bob")
        self.assertEqual(availability(ok), ("bob", 3500))
        self.assertEqual(first(ok.xml(), "displayName").text, "Bob Br\u00fcckner")
        self.assertEqual(bob.publish("bob", ("state", 536870912, 2, 0, "static", state(6500)), ("state", 536870912, 3, 0, "static", state(6500))).status, 200)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 6500))

    def test_the_aggregate_is_the_less_available_of_user_and_most_active_machine(self):
        alice, bob, other = self.user("alice"), self.user("bob"), self.user("bob", epid="second")
        alice.watch("alice", "bob")
        rows = ((bob, "epidbob", "userState", 1, 3500, None), (bob, "epidbob", "machineState", 2, 5000, 5000),
                (other, "second", "machineState", 3, 3500, 3500))
        for sip, epid, kind, instance, number, seen in rows:
            self.assertEqual(sip.ask("SERVICE", uri("bob"), "bob", ("Content-Type", "application/msrtc-category-publish+xml"), epid=epid, body=(
                '<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence"><publications uri="sip:bob@corp.test">'
                f'<publication categoryName="state" instance="{instance}" container="2" version="0" expireType="'
                f'{"endpoint" if kind == "machineState" else "static"}">{state(number, kind)}</publication></publications></publish>')).status, 200)
            if seen:
                self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", seen))
        other.close()
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 5000))

    def test_a_wrong_version_is_409_with_the_right_one(self):
        bob = self.user("bob")
        self.assertEqual(bob.publish("bob", ("note", 0, 200, 0, "static", "<note/>")).status, 200)
        refused = bob.publish("bob", ("note", 0, 300, 0, "static", "<note/>"), ("note", 0, 200, 0, "static", "<note/>"))
        self.assertEqual((refused.status, refused.get("Content-Type")), (409, "application/msrtc-fault+xml"))
        self.assertEqual(first(refused.xml(), "Faultcode").text, "Client.BadCall.WrongDelta")
        self.assertEqual([(o.get("index"), o.get("curVersion")) for o in every(refused.xml(), "operation")], [("1", "1")])
        self.assertEqual(bob.publish("bob", ("note", 0, 200, 1, "static", "<note/>")).status, 200)

    def test_the_publisher_is_told_on_every_endpoint(self):
        bob = self.user("bob")
        ok = bob.subscribe("bob", "vnd-microsoft-roaming-self", body=(
            '<roamingList xmlns="http://schemas.microsoft.com/2006/09/sip/roaming-self"><roaming type="categories"/></roamingList>'))
        self.assertEqual([e.tag.rpartition("}")[2] for e in ok.xml()], ["categories"])
        answer = bob.publish("bob", ("note", 0, 200, 0, "static", '<note xmlns="urn:n"><body>x</body></note>'))
        for doc in (answer.xml(), bob.request("BENOTIFY").xml()):
            item = first(doc, "category")
            self.assertEqual((item.get("name"), item.get("container"), item.get("version")), ("note", "200", "1"))
            self.assertEqual(first(doc, "body").text, "x")

    def test_somebody_else_may_not_publish_for_him(self):
        bob = self.user("bob")
        body = ('<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence"><publications uri="sip:alice@corp.test">'
                '<publication categoryName="note" instance="0" container="200" version="0"/></publications></publish>')
        self.assertEqual(bob.service("bob", "application/msrtc-category-publish+xml", body).status, 403)

    def test_the_65th_publication_is_refused(self):
        bob = self.user("bob")
        self.assertEqual(bob.publish("bob", *[("note", n, 200, 0, "static", "<n/>") for n in range(64)]).status, 200)
        self.assertEqual(bob.publish("bob", ("note", 64, 200, 0, "static", "<n/>")).status, 403)

    def test_the_last_endpoint_gone_is_off_line_and_static_items_stay(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.watch("alice", "bob")
        bob.publish("bob", ("state", 1, 2, 0, "static", state(6500)))
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 6500))
        bob.close()
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 18500))
        self.user("bob")
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 6500))

    def test_several_users_come_one_by_one_and_unknown_ones_not_at_all(self):
        alice = self.user("alice")
        first_told = availability(alice.watch("alice", "bob", "nobody", "carol"))
        self.assertEqual([first_told, availability(alice.request("BENOTIFY"))], [("bob", 18500), ("carol", 18500)])

    def test_a_query_tells_once(self):
        alice = self.user("alice")
        self.assertEqual(availability(alice.watch("alice", "bob", expires=0)), ("bob", 18500))
        self.user("bob")
        self.assertEqual(self.server.user("alice")["endpoints"][0]["subscriptions"], 0)

    def test_only_the_categories_asked_for_are_told(self):
        doc = self.user("alice").watch("alice", "bob", categories=("contactCard",)).xml()
        self.assertEqual([c.get("name") for c in every(doc, "category")], ["contactCard"])

    def test_a_new_watcher_is_told_to_the_watched_and_acknowledged(self):
        alice, bob = self.user("alice"), self.user("bob")
        bob.subscribe("bob", "vnd-microsoft-roaming-self")
        alice.watch("alice", "bob", context=True)
        told = first(bob.request("BENOTIFY").xml(), "subscriber")
        self.assertEqual((told.get("user"), told.get("displayName"), told.get("acknowledged")), ("alice@corp.test", "Alice Adams", "false"))
        self.assertEqual(bob.service("bob", "application/msrtc-presence-setsubscriber+xml",
                                     '<setSubscribers xmlns="http://schemas.microsoft.com/2006/09/sip/presence-subscribers">'
                                     '<subscriber user="alice@corp.test" acknowledged="true"/></setSubscribers>').status, 200)
        self.assertEqual(first(bob.request("BENOTIFY").xml(), "subscriber").get("acknowledged"), "true")

    def test_who_is_put_into_the_blocked_container_sees_nothing_and_rings_nobody(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.watch("alice", "bob")
        members = ('<setContainerMembers xmlns="http://schemas.microsoft.com/2006/09/sip/container-management"><container id="32000" version="{v}">'
                   '<member action="{a}" type="user" value="alice@corp.test"/></container></setContainerMembers>')
        kind = "application/msrtc-setcontainermembers+xml"
        self.assertEqual(bob.service("bob", kind, members.format(v=0, a="add")).status, 200)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 18500))
        self.assertEqual(alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP).status, 480)
        self.assertEqual(bob.service("bob", kind, members.format(v=0, a="remove")).status, 409)
        self.assertEqual(bob.service("bob", kind, members.format(v=1, a="remove")).status, 200)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 3500))

    def test_a_note_is_seen_from_the_container_one_is_in(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.watch("alice", "bob")
        note = '<note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal">{}</body></note>'
        bob.publish("bob", ("note", 0, 200, 0, "static", note.format("for all")), ("note", 0, 400, 0, "static", note.format("for friends")))
        self.assertEqual(first(alice.request("BENOTIFY").xml(), "body").text, "for all")
        bob.publish("bob", ("note", 0, 200, 1, "static", ""))
        gone = first(alice.request("BENOTIFY").xml(), "category")
        self.assertEqual((gone.get("name"), list(gone)), ("note", []))

    def test_what_a_watcher_may_not_see_any_more_is_taken_back(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.watch("alice", "bob")
        note = '<note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal">hush</body></note>'
        bob.publish("bob", ("note", 0, 200, 0, "static", note))
        self.assertEqual(first(alice.request("BENOTIFY").xml(), "body").text, "hush")

        def told():
            return [(c.get("name"), len(c)) for c in every(alice.request("BENOTIFY").xml(), "category")]
        members = ('<setContainerMembers xmlns="http://schemas.microsoft.com/2006/09/sip/container-management"><container id="{c}" version="{v}">'
                   '<member action="{a}" type="user" value="alice@corp.test"/></container></setContainerMembers>')
        for container in (32000, 400):
            for version, action, want in ((0, "add", 0), (1, "remove", 1)):
                self.assertEqual(bob.service("bob", "application/msrtc-setcontainermembers+xml",
                                             members.format(c=container, v=version, a=action)).status, 200)
                self.assertIn(("note", want), told(), f"{action} {container}")

    def test_a_user_is_told_his_own_card(self):
        alice = self.user("alice")
        mine = [c for c in every(alice.subscribe("alice", "vnd-microsoft-roaming-self").xml(), "category") if c.get("name") == "contactCard"]
        self.assertEqual([first(c, "displayName").text for c in mine], ["Alice Adams"])
        card = ('<contactCard xmlns="http://schemas.microsoft.com/2006/09/sip/contactcard"><identity><name><displayName>{}</displayName></name>'
                '</identity></contactCard>')
        bob = self.user("bob")
        bob.watch("bob", "alice", categories=("contactCard",))
        alice.publish("alice", ("contactCard", 0, 200, 0, "static", card.format("Al")))
        self.assertEqual([first(c, "displayName").text for c in every(bob.request("BENOTIFY").xml(), "category")], ["Alice Adams", "Al"])
        # The directory's is there again when his own is taken back.
        alice.publish("alice", ("contactCard", 0, 200, 1, "static", ""))
        self.assertEqual([first(c, "displayName").text for c in every(bob.request("BENOTIFY").xml(), "category")], ["Alice Adams"])


class Messages(Case):
    def call(self, caller, callee, call=None, **more):
        """An accepted conversation: the caller's answer and the callee's INVITE."""
        call = caller.ask("INVITE", uri("bob"), "alice", *IM, ("Ms-Text-Format", first_text("hi")),
                          ("Contact", "<sip:127.0.0.1:9;transport=tcp>"), body=SDP, wait=False, call=call, **more)
        invite = callee.request("INVITE", "bob")
        callee.answer(invite, 200, ("Contact", "<sip:127.0.0.1:8;transport=tcp>"), ("Content-Type", "application/sdp"), body=SDP.encode(), tag="b")
        return caller.wait(lambda m: m.status == 200 and m.get("Call-ID") == call), invite

    def inside(self, sip, method, ok, cseq, body="", user="alice", **more):
        return sip.ask(method, "sip:127.0.0.1:8", user, body=body, call=ok.get("Call-ID"), to=ok.get("To"), cseq=cseq, **more)

    def test_invite_message_info_and_bye_go_through_and_back(self):
        alice, bob = self.user("alice"), self.user("bob")
        ok, invite = self.call(alice, bob)
        self.assertEqual((len(invite.all("Via")), len(ok.all("Via"))), (2, 1))
        self.assertEqual(invite.get("Max-Forwards"), "69")
        self.assertEqual((invite.get("Ms-Text-Format"), invite.get("From")), (first_text("hi"), ok.get("From")))
        self.assertTrue(invite.uri.startswith("sip:127.0.0.1:9"))
        self.inside(alice, "ACK", ok, 1, wait=False)
        bob.request("ACK")
        for n, (method, body) in enumerate((("MESSAGE", "h\u00e9llo"), ("INFO", "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>")), 2):
            call = self.inside(alice, method, ok, n, body, wait=False)
            came = bob.request(method)
            self.assertEqual(came.body.decode(), body)
            bob.answer(came, 200)
            alice.wait(lambda m, c=call: m.status == 200 and m.get("Call-ID") == c)
        back = bob.ask("MESSAGE", "sip:127.0.0.1:9", "bob", body="back", call=ok.get("Call-ID"), to=ok.get("From"), tag="b", wait=False)
        came = alice.request("MESSAGE")
        self.assertEqual((came.body, came.get("Call-ID")), (b"back", back))
        alice.answer(came, 200)
        self.assertEqual(bob.wait(lambda m: m.status).status, 200)
        self.inside(alice, "BYE", ok, 4, wait=False)
        bob.answer(bob.request("BYE"), 200)
        self.assertEqual(alice.wait(lambda m: m.get("CSeq") == "4 BYE").status, 200)
        census = self.server.ask("census")
        self.assertEqual((census["conversations"], census["messages_total"]), (0, 2))
        self.assertEqual(self.inside(alice, "MESSAGE", ok, 5, "late").status, 481)

    def test_a_via_without_branch_is_matched_by_call_and_number(self):
        alice, bob = self.user("alice"), self.user("bob")
        self.call(alice, bob, via="SIP/2.0/tcp 127.0.0.1:9")

    def test_unknown_parameters_and_headers_pass_untouched(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.send(f"INVITE {uri('bob')};x-unknown=1 SIP/2.0", [
            ("Via", "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKu;x=y"), ("From", f'"A, \\"B\\"" <{uri("alice")}>;tag=q;epid=epidalice;x-new="a;b"'),
            ("To", f"<{uri('bob')}>;x-to=2"), ("Call-ID", "unknown-1"), ("CSeq", "1 INVITE"), ("Max-Forwards", "70"), ("X-Some", "a, b;c"),
            ("x-some", "d"), *IM], SDP)
        came = bob.request("INVITE")
        self.assertEqual((came.get("From"), came.get("To"), came.all("X-Some")), (
            f'"A, \\"B\\"" <{uri("alice")}>;tag=q;epid=epidalice;x-new="a;b"', f"<{uri('bob')}>;x-to=2", ["a, b;c", "d"]))

    def test_our_own_route_is_taken_off_and_that_of_another_proxy_on_this_host_is_kept(self):
        alice, bob = self.user("alice"), self.user("bob")
        port = self.server.port
        alice.ask("INVITE", uri("bob"), "alice", *IM, ("Route", f"<sip:localhost:{port};transport=tls;lr>, <sip:localhost:1;lr>"), body=SDP, wait=False)
        came = bob.request("INVITE")
        self.assertEqual((came.all("Route"), came.get("Record-Route")), (["<sip:localhost:1;lr>"], f"<sip:localhost:{port};transport=tcp;lr>"))

    def test_several_endpoints_ring_and_the_first_to_accept_has_it(self):
        alice, one, two = self.user("alice"), self.user("bob", epid="one"), self.user("bob", epid="two")
        call = alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        self.assertEqual(alice.wait(lambda m: m.status).status, 100)
        rings, takes = one.request("INVITE"), two.request("INVITE")
        one.answer(rings, 180, reason="Ringing", tag="o")
        self.assertEqual(alice.wait(lambda m: m.status).status, 180)
        two.answer(takes, 200, ("Contact", "<sip:two>"), tag="t")
        self.assertEqual(alice.wait(lambda m: m.status and m.get("Call-ID") == call).tag("To"), "t")
        cancel = one.request("CANCEL")
        self.assertEqual(cancel.all("Via")[0], rings.all("Via")[0])
        one.answer(cancel, 200)
        one.answer(rings, 487, reason="Terminated", tag="o")
        self.assertEqual(one.request("ACK").get("CSeq"), "1 ACK")
        bramble.wait_until(lambda: self.server.ask("census")["waiting"] == 0, "nothing is awaited any more")

    def test_a_second_acceptance_is_hung_up(self):
        alice, one, two = self.user("alice"), self.user("bob", epid="one"), self.user("bob", epid="two")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        for sip, tag in ((one, "o"), (two, "t")):
            sip.answer(sip.request("INVITE"), 200, ("Contact", "<sip:127.0.0.1:7>"), tag=tag)
            if sip is one:
                self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).tag("To"), "o")
        self.assertEqual((two.request("ACK").tag("To"), two.request("BYE").tag("To")), ("t", "t"))

    def test_the_best_refusal_comes_back_once_all_have_refused(self):
        alice, one, two = self.user("alice"), self.user("bob", epid="one"), self.user("bob", epid="two")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        one.answer(one.request("INVITE"), 486, reason="Busy", tag="o")
        two.answer(two.request("INVITE"), 480, reason="Gone", tag="t")
        self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).status, 480)

    def test_603_of_one_is_the_answer_of_all(self):
        alice, one, two = self.user("alice"), self.user("bob", epid="one"), self.user("bob", epid="two")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        rings = two.request("INVITE")
        one.answer(one.request("INVITE"), 603, reason="Decline", tag="o")
        two.answer(two.request("CANCEL"), 200)
        two.answer(rings, 487, reason="Terminated", tag="t")
        self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).status, 603)

    def test_the_caller_may_cancel(self):
        alice, bob = self.user("alice"), self.user("bob")
        via = "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKcancel"
        call = alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False, via=via)
        rings = bob.request("INVITE")
        self.assertEqual(alice.ask("CANCEL", uri("bob"), "alice", call=call, via=via).status, 200)
        bob.answer(bob.request("CANCEL"), 200)
        bob.answer(rings, 487, reason="Terminated", tag="b")
        self.assertEqual(alice.wait(lambda m: m.status and m.get("CSeq") == "1 INVITE" and m.status >= 200).status, 487)

    def test_the_gruu_rings_one_endpoint_alone(self):
        alice, one = self.user("alice"), self.user("bob", epid="one")
        two = self.connect()
        gruu = two.register("bob", epid="two").get("Contact").partition('gruu="')[2].rstrip('"')
        alice.ask("MESSAGE", gruu, "alice", body="for two", wait=False)
        two.answer(two.request("MESSAGE"), 200)
        self.assertEqual(alice.wait(lambda m: m.status).status, 200)
        self.assertEqual(one.register("bob", epid="one").status, 200)
        one.nothing("MESSAGE")

    def test_off_line_is_480_unknown_is_404_and_no_hops_left_is_483(self):
        alice = self.user("alice")
        self.assertEqual(alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP).status, 480)
        self.assertEqual(alice.ask("INVITE", "sip:ocschat@corp.test", "alice", *IM, body=SDP).status, 404)
        alice.send(f"MESSAGE {uri('bob')} SIP/2.0", [("Via", "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKh"), ("From", f"<{uri('alice')}>;tag=a;epid=epidalice"),
                                                   ("To", f"<{uri('bob')}>"), ("Call-ID", "hops"), ("CSeq", "1 MESSAGE"), ("Max-Forwards", "0")])
        self.assertEqual(alice.wait(lambda m: m.status).status, 483)

    def test_a_peer_that_vanishes_ends_what_waits_for_it(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        bob.request("INVITE")
        bob.close()
        self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).status, 480)

    def test_nobody_speaks_in_a_conversation_of_others(self):
        alice, bob, carol = self.user("alice"), self.user("bob"), self.user("carol")
        ok, _ = self.call(alice, bob)
        self.assertEqual(self.inside(carol, "MESSAGE", ok, 9, "hello", user="carol").status, 481)


class Time(Case):
    options = ("--clock", "manual")

    def move(self, seconds):
        self.server.ask("clock.advance", to_ms=self.server.ask("clock.show")["now_ms"] + seconds * 1000)

    def test_a_request_without_answer_is_408_after_32_s(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        bob.request("INVITE")
        self.move(31)
        self.move(1)
        self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).status, 408)
        bob.request("CANCEL")

    def test_ringing_is_waited_for_180_s(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.ask("INVITE", uri("bob"), "alice", *IM, body=SDP, wait=False)
        bob.answer(bob.request("INVITE"), 180, reason="Ringing", tag="b")
        self.assertEqual(alice.wait(lambda m: m.status and m.status != 100).status, 180)
        self.move(179)
        self.assertEqual(self.server.ask("census")["waiting"], 1)
        self.move(1)
        self.assertEqual(alice.wait(lambda m: m.status and m.status >= 200).status, 408)

    def test_a_registration_that_is_not_refreshed_ends(self):
        alice, bob = self.user("alice"), self.user("bob", expires=600)
        alice.watch("alice", "bob")
        self.move(599)
        self.assertEqual(len(self.server.user("bob")["endpoints"]), 1)
        self.move(1)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 18500))

    def test_a_client_that_does_not_keep_its_link_alive_loses_it(self):
        alice = self.user("alice")
        self.move(500)
        alice.socket.sendall(b"\r\n\r\n")
        alice.subscribe("alice", "presence")
        self.move(599)
        self.assertEqual(len(self.server.user("alice")["endpoints"]), 1)
        self.move(1)
        self.assertEqual(self.server.user("alice")["endpoints"], [])

    def test_a_subscription_that_is_not_refreshed_ends(self):
        alice = self.user("alice")
        alice.subscribe("alice", "vnd-microsoft-roaming-contacts", expires=60)
        self.move(60)
        self.assertEqual(self.server.user("alice")["endpoints"][0]["subscriptions"], 0)

    def test_a_notify_without_answer_ends_its_subscription_after_32_s(self):
        alice = self.user("alice")
        alice.subscribe("alice", "vnd-microsoft-roaming-contacts", benotify=False, piggyback=False)
        alice.request("NOTIFY")
        self.move(32)
        self.assertEqual(self.server.user("alice")["endpoints"][0]["subscriptions"], 0)

    def test_a_publication_for_a_time_ends_with_it(self):
        alice, bob = self.user("alice"), self.user("bob")
        alice.watch("alice", "bob")
        body = ('<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence"><publications uri="sip:bob@corp.test"><publication '
                f'categoryName="state" instance="1" container="2" version="0" expireType="time" expires="90">{state(9500)}</publication></publications></publish>')
        self.assertEqual(bob.service("bob", "application/msrtc-category-publish+xml", body).status, 200)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 9500))
        self.move(90)
        self.assertEqual(availability(alice.request("BENOTIFY")), ("bob", 3500))

    def test_who_registers_nobody_is_closed_after_a_minute(self):
        self.connect()
        bramble.wait_until(lambda: self.server.ask("census")["links"] == 1, "the link is there")
        self.move(60)
        bramble.wait_until(lambda: self.server.ask("census")["links"] == 0, "the link is closed")


class Trust(Case):
    """Mutual TLS, by openssl's own client and by Python's."""
    clients = "none"

    def s_client(self, *options, text=None):
        request = text or ("REGISTER sip:corp.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKs\r\nFrom: <sip:alice@corp.test>;tag=1;epid=e\r\n"
                           "To: <sip:alice@corp.test>\r\nCall-ID: s_client\r\nCSeq: 1 REGISTER\r\nContact: <sip:127.0.0.1:9>\r\n"
                           "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n")
        with subprocess.Popen(["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", self.server.authority.file, "-connect",
                               f"127.0.0.1:{self.server.port}", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            try:
                child.stdin.write(request.encode())
                child.stdin.flush()
            except BrokenPipeError:
                pass
            # The first line of the answer, or nothing when the handshake failed.
            said = child.stdout.readline().decode().strip()
            child.kill()
            return said, child.stderr.read().decode()

    def certificate(self, name, authority=None, **more):
        certificate, key = (authority or self.server.authority).sign(name, **more)
        return "-cert", certificate, "-key", key

    def test_a_trusted_servers_users_are_let_in_without_a_challenge(self):
        self.assertEqual(self.s_client(*self.certificate("cwa.corp.test"))[0], "SIP/2.0 200 OK")

    def test_a_name_among_the_alternative_ones_is_enough_and_the_subject_is_not(self):
        both = self.certificate("site.corp.test", names=["DNS:site.corp.test", "DNS:cwa.corp.test"])
        self.assertEqual(self.s_client(*both)[0], "SIP/2.0 200 OK")
        self.assertEqual(self.s_client(*self.certificate("cwa.corp.test", names=["DNS:other.corp.test"]))[0], "SIP/2.0 403 Forbidden")

    def test_a_good_certificate_of_a_server_that_is_not_listed_is_403(self):
        self.assertEqual(self.s_client(*self.certificate("rogue.corp.test"))[0], "SIP/2.0 403 Forbidden")
        self.assertIn("the certificate names no trusted server", self.server.errors())

    def test_no_certificate_is_403_when_clients_are_not_let_in(self):
        self.assertEqual(self.s_client()[0], "SIP/2.0 403 Forbidden")

    def test_a_certificate_of_another_ca_fails_the_handshake(self):
        other = communications.Authority(self.server.folder, "other")
        said, errors = self.s_client(*self.certificate("cwa.corp.test", other))
        self.assertEqual(said, "")
        self.assertIn("alert", errors)
        bramble.wait_until(lambda: self.server.ask("census")["links"] == 0, "the link is gone")

    def test_an_expired_certificate_fails_the_handshake(self):
        certificate, key = self.server.authority.sign("cwa.corp.test")
        communications.openssl("x509", "-req", "-in", certificate[:-4] + ".csr", "-CA", self.server.authority.file, "-CAkey", "ca.key", "-days", "-1",
                               "-out", certificate, "-extfile", certificate[:-4] + ".ext", cwd=self.server.folder)
        self.assertEqual(self.s_client("-cert", certificate, "-key", key)[0], "")

    def test_old_versions_of_tls_are_refused(self):
        self.assertEqual(self.s_client("-tls1_1", *self.certificate("cwa.corp.test"))[0], "")

    def test_many_users_come_on_line_over_one_servers_link(self):
        certificate = self.server.authority.sign("cwa.corp.test")
        cwa = self.connect(tls=True, certificate=certificate, ca=self.server.authority.file)
        for name in ("alice", "bob", "carol"):
            self.assertEqual(cwa.register(name).status, 200)
        cwa.ask("MESSAGE", uri("bob"), "alice", body="over the same link", wait=False)
        came = cwa.request("MESSAGE", "bob")
        self.assertEqual(came.body, b"over the same link")
        cwa.answer(came, 200)
        self.assertEqual(cwa.wait(lambda m: m.status).status, 200)
        census = self.server.ask("census")
        self.assertEqual((census["links"], census["server_links"]), (1, 1))

    def test_one_bad_message_does_not_cost_a_server_its_link(self):
        cwa = self.connect(tls=True, certificate=self.server.authority.sign("cwa.corp.test"), ca=self.server.authority.file)
        self.assertEqual(cwa.register("alice").status, 200)
        cwa.socket.sendall(b"NONSENSE\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(cwa.register("bob").status, 200)


class Hostile(Case):
    def test_what_is_no_sip_ends_its_own_link_alone(self):
        alice = self.user("alice")
        for bad in (b"GET / HTTP/1.0\r\n\r\n", b"x" * 20000, b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
                    b"MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
                    b"A sip:b SIP/2.0\r\n" + b"X: y\r\n" * 200 + b"Content-Length: 0\r\n\r\n"):
            with self.subTest(bad=bad[:30]):
                sip = self.connect()
                sip.socket.sendall(bad)
                with self.assertRaises((EOFError, ConnectionError)):
                    sip.wait(lambda m: False)
        self.assertEqual(alice.watch("alice", "bob").status, 200)

    def test_an_entity_bomb_is_refused(self):
        bomb = "<!DOCTYPE a [<!ENTITY a '" + "x" * 1000 + "'><!ENTITY b '" + "&a;" * 100 + "'>]><publish>" + "&b;" * 100 + "</publish>"
        self.assertEqual(self.user("alice").service("alice", "application/msrtc-category-publish+xml", bomb).status, 400)

    def test_pieces_of_one_byte_are_put_together(self):
        with Sip(self.server.tcp_port) as sip:
            send = sip.socket.sendall
            sip.socket = type("Slow", (), {"sendall": lambda _, d: [send(bytes([b])) for b in d], "settimeout": sip.socket.settimeout,
                                           "recv": sip.socket.recv, "close": sip.socket.close})()
            self.assertEqual(sip.register("alice").status, 200)

    def test_two_messages_in_one_write_are_both_answered(self):
        alice = self.user("alice")
        text = "".join(f"SUBSCRIBE sip:alice@corp.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9\r\nf: <sip:ALICE@Corp.Test>;tag=x;epid=epidalice\r\n"
                       f"t: <sip:alice@corp.test>\r\ni: joined-{n}\r\nCSeq: 1\r\n SUBSCRIBE\r\no: presence\r\nm: <sip:127.0.0.1:9>\r\nk: ms-benotify,\r\n"
                       "\tms-piggyback-first-notify\r\nl: 0\r\n\r\n\r\n\r\n" for n in (1, 2))
        alice.socket.sendall(text.encode())
        self.assertEqual([alice.wait(lambda m, n=n: m.get("Call-ID") == f"joined-{n}").status for n in (1, 2)], [200, 200])

    def test_faults_befall_what_they_name(self):
        alice = self.user("alice")
        self.server.ask("fault", word="refuse=503,on=SERVICE,count=1")
        self.assertEqual(alice.soap("alice", "addGroup", name="x", deltaNum=1).status, 503)
        self.assertEqual(alice.soap("alice", "addGroup", name="x", deltaNum=1).status, 200)
        for word in ("refuse=200,on=SERVICE", "drop,on=ACK", "drop,user=nobody"):
            with self.assertRaises(RuntimeError):
                self.server.ask("fault", word=word)

    def test_a_half_open_link_says_nothing_and_is_cut_when_the_fault_is_over(self):
        alice, bob = self.user("alice"), self.user("bob")
        self.server.ask("fault", word="half-open,user=alice,on=SERVICE,count=1")
        alice.socket.sendall(b"\r\n\r\n")
        with self.assertRaises((OSError, EOFError, AssertionError)):
            alice.socket.settimeout(0.3)
            alice.soap("alice", "addGroup", name="x", deltaNum=1)
        self.assertEqual(self.server.ask("census")["links"], 2)
        self.server.ask("fault.clear")
        bramble.wait_until(lambda: self.server.ask("census")["links"] == 1, "the link is cut")
        self.assertEqual(bob.soap("bob", "addGroup", name="x", deltaNum=1).status, 200)


class Profile2005(Case):
    options = ("--profile", "lcs2005")

    def test_it_does_not_offer_enhanced_presence(self):
        ok = self.connect().register("alice")
        self.assertEqual((ok.all("Supported"), ok.get("Server")), (["adhoclist"], "RTC/2.0"))


class Options(unittest.TestCase):
    def test_bad_options_are_told(self):
        rows = (((), "--world FILE is needed"), (("--world", "x"), "--certificate FILE and --key FILE are needed"),
                (("--clients", "all"), "--clients is none, tls, tcp or tls,tcp"), (("--profile", "x"), "--profile is ocs2007 or lcs2005"),
                (("--trusted-server", "a b"), "--trusted-server is a host name"), (("--name", "x/y"), "--name is a host name"),
                (("--world", "x", "--certificate", "c", "--key", "k", "--trusted-server", "a"), "--ca FILE is needed"),
                (("--world", "x", "--certificate", "c", "--key", "k", "--listen-tcp", "a:1"), "--listen-tcp goes with --clients tcp"),
                (("--world", "x", "--certificate", "c", "--key", "k", "--clients", "tcp", "--listen-tcp", "0.0.0.0:0"), "it takes a loopback address"),
                (("--nonsense",), "unknown option"), (("extra",), "nothing is expected"))
        for options, sentence in rows:
            with self.subTest(options=options):
                status, _, errors = bramble.run("bramble-sim", "ocs", *options)
                self.assertEqual(status, 2)
                self.assertIn(sentence, errors)
        status, out, _ = bramble.run("bramble-sim", "ocs", "--help")
        self.assertEqual((status, out[:6]), (0, "usage:"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
