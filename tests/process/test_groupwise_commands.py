#!/usr/bin/env python3
"""The commands of the simulated Messenger server: details, searches, conferences, contact list, privacy."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dn, page, values

ARRAY, STRING, DN = page.ARRAY, page.STRING, page.DN
AVAILABLE, BUSY, AWAY, OFFLINE = 2, 3, 4, 1


class Details(messenger.Case):
    def test_three_forms_of_a_name_in_both_tags(self):
        raw = self.raw("alice")
        for tag, kind, name in (("NM_A_SZ_USERID", STRING, "BOB"), ("NM_A_SZ_USERID", STRING, "bob.people.CORP"),
                                ("NM_A_SZ_USERID", STRING, dn("bob").lower()), ("NM_A_SZ_DN", DN, "bob.people.corp"),
                                ("NM_A_SZ_DN", STRING, dn("bob"))):
            code, fields = raw.ask("getdetails", (tag, kind, name))
            self.assertEqual((code, values(fields, "NM_A_FA_RESULTS", "NM_A_SZ_DN")), (0, [dn("bob")]))
        code, fields = raw.ask("getdetails", ("NM_A_SZ_USERID", STRING, "bob"), ("NM_A_SZ_USERID", STRING, "nobody"),
                               ("NM_A_SZ_DN", STRING, dn("carol")))
        self.assertEqual((code, values(fields, "NM_A_FA_RESULTS", "CN")), (0, ["bob", "carol"]))
        self.assertEqual(raw.ask("getdetails", ("NM_A_SZ_USERID", STRING, "nobody")), (0xD10D, []))

    def test_status_with_its_text_as_the_asker_may_see_it(self):
        alice, bob = self.raw("alice"), self.raw("bob", None)
        bob.status(AWAY, "at l\u00fcnch", "back soon")
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), AWAY, "at l\u00fcnch"))
        code, fields = alice.ask("getdetails", ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual((values(fields[0][2], "NM_A_SZ_STATUS"), values(fields[0][2], "NM_A_SZ_MESSAGE_BODY")),
                         (["4"], ["at l\u00fcnch"]))
        self.assertEqual(alice.ask("getstatus", ("NM_A_SZ_DN", STRING, dn("bob")))[1], [("NM_A_SZ_STATUS", STRING, "4", 0)])
        bob.status(BUSY)
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), BUSY, ""))
        bob.status(OFFLINE)
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), OFFLINE, ""))
        self.assertEqual(alice.ask("getstatus", ("NM_A_SZ_DN", STRING, "bob"))[1][0][2], "1")
        for wrong in (0, 6, 99):
            self.assertEqual(bob.status(wrong)[0], 0xD130)

    def test_nothing_is_announced_before_setstatus(self):
        alice = self.raw("alice")
        self.raw("bob", None).close()
        carol = self.raw("carol")
        carol.close()
        self.assertEqual(alice.event(103)[2], dn("carol"))


class Search(messenger.Case):
    CONTAINS, BEGINS, ENDS, EQUAL = 17, 19, 20, 4

    def found(self, raw, *terms, handle="1227"):
        """Ids of those found, or the code that createsearch was answered."""
        code, fields = raw.ask("createsearch", ("NM_A_SZ_OBJECT_ID", STRING, handle),
                               *((tag, STRING, text, method) for tag, method, text in terms))
        if code:
            return code
        self.assertEqual(fields, [])
        code, fields = raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, handle))
        self.assertEqual((code, [(f[0], f[1]) for f in fields]), (0, [("NM_A_SZ_STATUS", STRING), ("NM_A_FA_RESULTS", ARRAY)]))
        self.assertEqual(fields[0][2], "2")
        return values(fields, "NM_A_FA_RESULTS", "NM_A_FA_CONTACT", "CN")

    def test_all_terms_must_match_whatever_the_letter_case(self):
        raw = self.raw("alice")
        for terms, wanted in (
                ([("Given Name", self.CONTAINS, "A")], ["alice", "carol", "dave"]),
                ([("Given Name", self.BEGINS, "a")], ["alice"]),
                ([("Surname", self.ENDS, "AZ")], ["dave"]),
                ([("NM_A_SZ_USERID", self.EQUAL, "BOB")], ["bob"]),
                ([("NM_A_SZ_USERID", self.EQUAL, "bo")], []),
                ([("Given Name", self.CONTAINS, "a"), ("Surname", self.BEGINS, "c")], ["carol"]),
                ([("Title", self.CONTAINS, "x")], [])):
            with self.subTest(terms=terms):
                self.assertEqual(self.found(raw, *terms), wanted)

    def test_what_is_no_search_is_refused(self):
        raw = self.raw("alice")
        self.assertEqual(self.found(raw), 0xD130)
        self.assertEqual(self.found(raw, ("Given Name", 0, "a")), 0xD130)
        self.assertEqual(self.found(raw, ("Shoe Size", self.EQUAL, "42")), 0xD10E)
        self.assertEqual(self.found(raw, ("Given Name", self.CONTAINS, "a"), handle=""), 0xD130)
        self.assertEqual(raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, "no such"))[0], 0xD124)

    def test_the_oldest_of_many_searches_goes(self):
        raw = self.raw("alice")
        for n in range(9):
            self.found(raw, ("CN", self.EQUAL, "bob"), handle=str(n))
        codes = [raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, str(n)))[0] for n in range(9)]
        self.assertEqual(codes, [0xD124] + [0] * 8)


class Conferences(messenger.Case):
    def test_one_to_one_with_any_tail_of_the_id(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob", "alice")
        self.assertRegex(guid, r"^\[[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}\]$")
        self.assertEqual(alice.message_to(guid[:28] + "ABCD-0000]", "bob", text="hi")[0], 0)
        kind, _, source, got_guid, flags, body = bob.event(108)
        self.assertEqual((source, got_guid, flags), (dn("alice"), guid, 0))
        self.assertEqual(body, "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 hi\\par\n}")
        self.assertEqual(bob.message_to(guid.lower(), text="ho")[0], 0)
        self.assertEqual(alice.event(108)[2], dn("bob"))

    def test_undeliverable_after_the_answer(self):
        alice = self.raw("alice")
        guid = alice.conference("bob")
        self.assertEqual(alice.message_to(guid, text="x")[0], 0)
        self.assertEqual(alice.events, [])
        self.assertEqual(alice.event(102), ("event", 102, dn("bob"), guid))

    def test_foreign_and_unknown_conferences_are_refused(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference()
        self.assertEqual(bob.message_to(guid, text="x")[0], 0xD12B)
        self.assertEqual(bob.ask("joinconf", messenger.conversation(guid))[0], 0xD12B)
        self.assertEqual(alice.message_to("[00000000-00000000-00000000-0000-0000]", text="x")[0], 0xD12B)
        self.assertEqual(alice.message_to("short", text="x")[0], 0xD12B)
        self.assertEqual(alice.ask("createconf", messenger.conversation(""), ("NM_A_SZ_DN", DN, "CN=nobody,O=x"))[0], 0xD10D)

    def test_a_room_is_invited_into_joined_declined_and_left(self):
        alice, bob, carol = self.raw("alice"), self.raw("bob"), self.raw("carol")
        guid = alice.conference("alice")
        there = messenger.conversation(guid)
        invite = ("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")), ("NM_A_SZ_DN", DN, dn("carol")),
                  ("NM_A_SZ_MESSAGE_BODY", STRING, "join us"))
        self.assertEqual(alice.ask(*invite), (0, []))
        self.assertEqual(bob.event(117), ("event", 117, dn("alice"), guid, "join us"))
        self.assertEqual(carol.event(117), ("event", 117, dn("alice"), guid, "join us"))
        code, fields = bob.ask("joinconf", there)
        self.assertEqual(code, 0)
        self.assertEqual([(f[0], [v[2] for v in f[2]]) for f in fields],
                         [("NM_A_FA_CONTACT_LIST", [dn("alice")]), ("NM_A_FA_RESULTS", [dn("carol")])])
        self.assertEqual(alice.event(106), ("event", 106, dn("bob"), guid, 0))
        self.assertEqual(carol.ask("rejectconf", there), (0, []))
        self.assertEqual(alice.event(119), ("event", 119, dn("carol"), guid))
        self.assertEqual(alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")))[0], 0xD11F)
        self.assertEqual(alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("dave")))[0], 0xD135)
        self.assertEqual(bob.ask("leaveconf", there), (0, []))
        self.assertEqual(alice.event(107), ("event", 107, dn("bob"), guid, 0))
        self.assertEqual(alice.ask("leaveconf", there), (0, []))
        self.assertEqual(self.server.ask("census")["conferences"], 0)

    def test_a_room_lives_until_the_last_invitation_is_answered(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        there = messenger.conversation(alice.conference())
        alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")))
        alice.ask("leaveconf", there)
        self.assertEqual(self.server.ask("census")["conferences"], 1)
        self.assertEqual([f[2] for f in bob.ask("joinconf", there)[1]], [[], []])
        bob.ask("leaveconf", there)
        self.assertEqual(self.server.ask("census")["conferences"], 0)

    def test_a_lost_connection_leaves_all_its_conferences(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        alice.message_to(guid, text="x")
        bob.event(108)
        bob.close()
        self.assertEqual(alice.event(107), ("event", 107, dn("bob"), guid, 0))
        alice.close()
        bramble.wait_until(lambda: self.server.ask("census")["conferences"] == 0, "the conference is gone")

    def test_typing_goes_to_the_others(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        alice.message_to(guid, text="x")
        for kind in (112, 113):
            typing = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid), ("NM_A_SZ_TYPE", STRING, str(kind))])
            self.assertEqual(alice.ask("sendtyping", typing), (0, []))
            self.assertEqual(bob.event(kind), ("event", kind, dn("alice"), guid))
        wrong = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid), ("NM_A_SZ_TYPE", STRING, "108")])
        self.assertEqual(alice.ask("sendtyping", wrong)[0], 0xD130)

    def test_an_auto_reply_once_per_status(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        bob.status(AWAY, "away", "back at two")
        for _ in range(2):
            alice.message_to(guid, text="x")
        self.assertEqual(alice.event(121), ("event", 121, dn("bob"), guid, 0, "back at two"))
        bob.status(BUSY, "busy", "in a talk")
        alice.message_to(guid, text="x")
        self.assertEqual(alice.event(121), ("event", 121, dn("bob"), guid, 0, "in a talk"))

    def test_a_message_over_the_bound_is_refused_and_one_below_arrives(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        self.assertEqual(alice.message_to(guid, text="x" * 32000)[0], 0xD130)
        self.assertEqual(alice.message_to(guid, text="x" * 31000)[0], 0)
        self.assertIn("x" * 31000, bob.event(108)[5])


class Lists(messenger.Case):
    def change(self, fields):
        """(method, tag, id, name) of each difference, and the new item's id."""
        results = fields[0]
        self.assertEqual(results[0], "NM_A_FA_RESULTS")
        changes = [(f[3], f[0], values(f[2], "NM_A_SZ_OBJECT_ID")[0], values(f[2], "NM_A_SZ_DISPLAY_NAME")[0])
                   for f in values(results[2], "NM_A_FA_CONTACT_LIST")[0]]
        return changes, values(results[2], "NM_A_SZ_OBJECT_ID")

    def test_folders_and_contacts_come_move_and_go(self):
        alice, dave = self.raw("alice"), self.raw("dave")
        new_folder = (("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Others"),
                      ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"))
        changes, ids = self.change(alice.ask("createfolder", *new_folder)[1])
        self.assertEqual(changes, [(5, "NM_A_FA_FOLDER", ids[0], "Others")])
        folder = ids[0]
        self.assertEqual(alice.ask("createfolder", *new_folder)[0], 0xD126)
        new_contact = (("NM_A_SZ_PARENT_ID", STRING, folder), ("NM_A_SZ_USERID", STRING, "dave"))
        changes, ids = self.change(alice.ask("createcontact", *new_contact)[1])
        self.assertEqual(changes, [(5, "NM_A_FA_CONTACT", ids[0], "Dave Diaz")])
        contact = ids[0]
        dave.status(BUSY)
        self.assertEqual(alice.event(103), ("event", 103, dn("dave"), BUSY, ""))
        self.assertEqual(alice.ask("createcontact", *new_contact)[0], 0xD127)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_USERID", STRING, "alice"))[0], 0xD128)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_USERID", STRING, "nobody"))[0], 0xD10D)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, "999"), ("NM_A_SZ_USERID", STRING, "dave"))[0],
                         0xD124)
        item = [("NM_A_SZ_OBJECT_ID", STRING, contact), ("NM_A_SZ_DISPLAY_NAME", STRING, "D."), ]
        self.assertEqual(alice.ask("updateitem", ("NM_A_FA_CONTACT_LIST", ARRAY, [
            ("NM_A_FA_CONTACT", ARRAY, item, 2), ("NM_A_FA_CONTACT", ARRAY, item, 5)])), (0, []))
        changes, ids = self.change(alice.ask("movecontact", ("NM_A_FA_CONTACT_LIST", ARRAY, [
            ("NM_A_FA_CONTACT", ARRAY, item, 2)]), ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"), ("NM_A_SZ_PARENT_ID", STRING, "0"))[1])
        self.assertEqual(changes, [(2, "NM_A_FA_CONTACT", contact, "D."), (5, "NM_A_FA_CONTACT", contact, "D.")])
        changes, _ = self.change(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, contact))[1])
        self.assertEqual(changes, [(2, "NM_A_FA_CONTACT", contact, "D.")])
        dave.status(AWAY)
        changes, _ = self.change(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1"))[1])
        self.assertEqual([c[1] for c in changes], ["NM_A_FA_CONTACT", "NM_A_FA_CONTACT", "NM_A_FA_FOLDER"])
        self.assertEqual(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1"))[0], 0xD124)
        self.assertEqual(alice.events, [], "dave was no contact any more when he went away")


class Privacy(messenger.Case):
    def test_a_block_is_felt_at_once_and_so_is_its_end(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        bob_sees = lambda: bob.ask("getstatus", ("NM_A_SZ_DN", STRING, "alice"))[1][0][2]
        self.assertEqual(alice.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, dn("bob").lower(), 5)),
                         (0, [("nnmBlockingDenyList", STRING, dn("bob"), 0)]))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), OFFLINE, ""))
        self.assertEqual(bob_sees(), "1")
        guid = bob.conference("alice")
        self.assertEqual(bob.message_to(guid, text="x")[0], 0)
        self.assertEqual(bob.event(102)[2], dn("alice"))
        self.assertEqual(bob.ask("sendinvite", messenger.conversation(guid), ("NM_A_SZ_DN", DN, dn("alice")))[0], 0xD135)
        self.assertEqual(alice.ask("updateblocks", ("nnmBlockingDenyList", DN, dn("bob"), 2)), (0, []))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), AVAILABLE, ""))

    def test_denied_by_default(self):
        alice, bob, carol = self.raw("alice"), self.raw("bob"), self.raw("carol")
        for client in (bob, carol):
            client.ask("ping")
            client.events.clear()
        alice.ask("createblock", ("NM_A_SZ_BLOCKING_ALLOW_ITEM", STRING, "carol", 5))
        self.assertEqual(alice.ask("updateblocks", ("nnmBlocking", STRING, "1", 6)), (0, []))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), OFFLINE, ""))
        carol.ask("ping")
        self.assertEqual([e for e in carol.events if e[2] == dn("alice")], [])
        again = self.raw()
        code, fields = again.login("alice")
        self.assertEqual((values(fields, "nnmBlocking"), values(fields, "nnmBlockingAllowList")), (["1"], [dn("carol")]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
