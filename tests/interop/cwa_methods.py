"""The methods of the command channel of the independent Communicator Web Access server. Each gives the status elements of its answer; what is to
happen after the answer goes into session.caused."""
from cwa_people import OFFLINE, Chat, Contact, Place, categories, name_of
from cwa_wire import Refused, node

TELLABLE = ("title", "office", "phone", "company", "city", "email")


class Methods:
    """Part of the server: self is it."""

    def accepted(self, n):
        return [node("requestAccepted", rid=n.attrs["rid"])]

    def later(self, session, function, *parameters):
        session.caused.append((function, parameters))

    def succeeded(self, session, n):
        self.later(session, session.deliver, node("requestSucceeded", rid=n.attrs["rid"]))

    # lists

    def contact_node(self, contact, action=None):
        more = {"action": action} if action else {}
        return node("contact", uri=self.spell(contact.uri), name=contact.name, subscribed=contact.subscribed, tag=contact.tag,
                    groups=" ".join(contact.groups), **more)

    def group_node(self, number, name, action=None):
        return node("group", id=number, name=name, externalUri="", **({"action": action} if action else {}))

    def whole_list(self, user):
        return node("contactGroup", *(self.group_node(*g) for g in user.groups.items()), *(self.contact_node(c) for c in user.contacts.values()),
                    fullList="true", deltaNum=user.delta)

    def list_changed(self, user, *parts):
        """Tells every session of the user."""
        user.delta += 1
        for session in self.sessions_of(user.name):
            session.deliver(self.whole_list(user) if self.odd.full_lists else node("contactGroup", *parts, deltaNum=user.delta))

    def do_addContact(self, session, n):
        asked = n.child("contact").attrs
        name, groups = name_of(asked["uri"]), asked.get("groups", "").split()
        if any(g not in session.user.groups for g in groups):
            raise Refused(18102, f"groups {groups}")
        contact = Contact(f"sip:{name}@corp.test" if name in self.users else asked["uri"], asked["name"], groups, asked.get("subscribed", "false"),
                          asked["tag"])
        action = "updated" if name in session.user.contacts else "added"
        session.user.contacts[name] = contact
        self.later(session, self.list_changed, session.user, self.contact_node(contact, action))
        if contact.subscribed == "true":
            self.later(session, self.tell_presence, session, [name])
        return self.accepted(n)

    def do_updateContact(self, session, n):
        name = name_of(n.child("contact").attrs["uri"])
        if name not in session.user.contacts:
            raise Refused(18102, f"no contact {name}")
        return self.do_addContact(session, n)

    def do_deleteContact(self, session, n):
        gone = session.user.contacts.pop(name_of(n.value("uri")), None)
        if gone is None:
            raise Refused(18102, "no such contact")
        self.later(session, self.list_changed, session.user, self.contact_node(gone, "deleted"))
        return self.accepted(n)

    def do_addGroup(self, session, n):
        name = n.child("group").attrs["name"]
        if name in session.user.groups.values():
            raise Refused(18102, f"a group {name} is there")
        number = session.user.add_group(name)
        self.later(session, self.list_changed, session.user, self.group_node(number, name, "added"))
        return self.accepted(n)

    def a_group(self, session, n):
        number = n.child("group").attrs["id"]
        if session.user.groups.get(number) in (None, "~"):
            raise Refused(18102, f"group {number}")
        return number

    def do_updateGroup(self, session, n):
        number, name = self.a_group(session, n), n.child("group").attrs["name"]
        session.user.groups[number] = name
        self.later(session, self.list_changed, session.user, self.group_node(number, name, "updated"))
        return self.accepted(n)

    def do_deleteGroup(self, session, n):
        number = self.a_group(session, n)
        name = session.user.groups.pop(number)
        for contact in session.user.contacts.values():
            contact.groups = [g for g in contact.groups if g != number]
        self.later(session, self.list_changed, session.user, self.group_node(number, name, "deleted"))
        return self.accepted(n)

    def do_acknowledgeSubscriber(self, session, n):
        for uri in n.uris() or [n.value("uri")]:
            session.user.subscribers[name_of(uri)] = True
        self.succeeded(session, n)
        return self.accepted(n)

    def subscribers(self, user):
        return node("subscribers", *(node("subscriber", uri=self.users[s].uri, displayName=self.users[s].display_name, sourceNetwork="sameEnterprise",
                                          acknowledged=str(seen).lower()) for s, seen in user.subscribers.items()))

    def containers(self, user, *changed):
        return node("containers", *(node("container", *(node("member", type=t, value=v) for t, v in members), id=c) for c, members in
                                    user.containers.items() if c in changed or not changed))

    def do_updateContainer(self, session, n):
        for container in n.all("container"):
            members = session.user.containers[container.attrs["id"]]
            for change in container.children:
                member = (change.attrs["type"], change.attrs.get("value", ""))
                if change.name == "addMember" and member not in members:
                    members.append(member)
                elif change.name == "deleteMember" and member in members:
                    members.remove(member)
        self.later(session, lambda: [s.deliver(self.containers(session.user, *(c.attrs["id"] for c in n.all("container")))) for s in self.sessions_of(session.user.name)])
        self.later(session, self.announce, session.user)
        return self.accepted(n)

    # presence

    def shown_to(self, user, viewer):
        if user.blocks(viewer) or user.state >= 18000:
            return self.odd.offline, ""
        return user.state, user.note

    def presence_of(self, name, viewer):
        user = self.users.get(name)
        if user is None:                # of a foreign domain, or nobody: known by name alone
            return node("user", uri=f"sip:{name}@corp.test", sourceNetwork="federated")
        return node("user", *categories(user, *self.shown_to(user, viewer)), uri=self.spell(user.uri), sourceNetwork="sameEnterprise")

    def tell_presence(self, session, names):
        for some in ([[n] for n in names] if self.odd.later else [names]):
            if some:
                session.deliver(node("userPresence", *(self.presence_of(n, session.user) for n in some)))

    def self_presence(self, user):
        return node("selfPresence", *categories(user, user.state, user.note))

    def announce(self, user):
        """Tells those who watch the user."""
        for session in self.all_sessions():
            contact = session.user.contacts.get(user.name)
            if session.user is not user and (user.name in session.watched or contact and contact.subscribed == "true"):
                self.tell_presence(session, [user.name])

    def show(self, user, state, note=""):
        user.state, user.note = state, note
        for session in self.sessions_of(user.name):
            session.deliver(self.self_presence(user))
        self.announce(user)

    def do_publishSelfPresence(self, session, n):
        user = session.user
        state, note = user.state, user.note
        for category in n.all("cwaCategory"):
            if category.attrs["name"] == "state" and category.child("state"):
                value = int(category.value("state", "availability"))
                if category.attrs["instanceMask"] == "805306368":
                    session.machine = value
                    # The user's own word is above his machine's, unless he said no more than that he is there.
                    state = value if session.said_state in (None, 3500) else session.said_state
                else:
                    session.said_state = state = value
            elif category.attrs["name"] == "note":
                note = category.value("note", "body") or ""
        self.succeeded(session, n)
        self.later(session, self.show, user, state, note)
        return self.accepted(n)

    def do_queryPresence(self, session, n):
        self.later(session, self.tell_presence, session, [name_of(u) for u in n.uris()])
        return self.accepted(n)

    def do_subscribePresence(self, session, n):
        session.watched |= {name_of(u) for u in n.uris()}
        return self.do_queryPresence(session, n)

    # search

    def do_search(self, session, n):
        asked = {f: (n.value(f) or "").lower() for f in ("firstName", "lastName", "displayName", "emailAlias")}
        given = {f: v for f, v in asked.items() if v}
        self.searches.append((given, n.value("function") or "or"))
        if not given:
            raise Refused(18001, "nothing to look for")
        found = []
        for user in self.users.values():
            parts = user.display_name.lower().partition(" ")
            mail = user.uri[4:] if "@" in asked["emailAlias"] else user.name
            is_ = {"firstName": parts[0], "lastName": parts[2], "displayName": user.display_name.lower(), "emailAlias": mail}
            fits = [is_[f].startswith(v) or (f == "displayName" and v in is_[f]) for f, v in given.items()]
            if all(fits) if n.value("function") == "and" else any(fits):
                found.append(user)
        told = [node("user", uri=self.spell(u.uri), displayName=u.display_name, **{k: v for k, v in u.card.items() if k in TELLABLE}) for u in found[:20]]
        self.later(session, session.deliver, node("searchResult", *told, rid=n.attrs["rid"], returned=len(told),
                                                  moreAvailable=str(len(found) > 20).lower()))
        return self.accepted(n)

    # conversations

    def do_conference(self, session, n):
        inner = n.children[0]
        number = int(n.attrs["confId"])
        if inner.name == "initiateImSession":
            return self.initiate(session, n, inner, number)
        chat = session.chats.get(number)
        place = chat and chat.place(session)
        if place is None:
            raise Refused(18102, f"no conversation {number}")
        return getattr(self, "chat_" + inner.name)(session, n, inner, chat, place)

    def initiate(self, session, n, inner, number):
        if number == 0 or number in session.chats:
            number = max([*session.chats, 0]) + 1
        users = []
        for uri in inner.uris():
            user = self.users.get(name_of(uri))
            if user is None:
                raise Refused(18201, "nobody", sip="404")
            users.append(user)
        chat = Chat()
        session.chats[number] = chat
        chat.places.append(Place(session, number, "connecting"))
        done = node("initiateImSessionAccepted", rid=n.attrs["rid"], confId=number)
        if self.odd.im_accepted != "sync":
            self.later(session, session.conference, chat, done)
        message = inner.child("message")
        self.later(session, self.invite_all, chat, session, users, message.value("content") if message else "", message.value("format") if message else None)
        return [done] if self.odd.im_accepted != "event" else self.accepted(n)

    def chat_acceptImSession(self, session, n, _, chat, place):
        if place.state != "incoming":
            raise Refused(18102, "nothing to accept")
        self.later(session, self.accept, chat, session)
        return self.accepted(n)

    def chat_terminateImSession(self, session, n, _, chat, place):
        self.later(session, self.refuse if place.state == "incoming" else self.leave, chat, session)
        return self.accepted(n)

    def chat_sendMessage(self, session, n, inner, chat, place):
        if place.state != "connected" or chat.mode == "escalating":
            raise Refused(18102, f"not {place.state} in {chat.mode}")
        self.later(session, self.pass_on, chat, session, inner.value("content"), inner.value("format"))
        self.later(session, session.conference, chat, node("messageIdReceived", rid=n.attrs["rid"], messageId=str(session.counter + 1)))
        return self.accepted(n)

    def chat_notifyComposing(self, session, n, inner, chat, place):
        if place.state != "connected":
            raise Refused(18102, "not connected")
        for other in chat.inside(session):
            self.later(session, other.typed, chat, session, inner.text)
        return self.accepted(n)

    def chat_inviteParticipants(self, session, n, inner, chat, place):
        if place.state != "connected":
            raise Refused(18102, "not connected")
        users = [self.users.get(name_of(u)) for u in inner.uris()]
        if None in users:
            raise Refused(18201, "nobody", sip="404")
        self.later(session, self.escalate, chat, session, users)
        return self.accepted(n)

    # what chats do, whoever is in them

    def begin(self, who, users, words, format_):
        """A puppet's own chat."""
        chat = Chat()
        who.chats[chat.key] = chat
        chat.places.append(Place(who, 0, "connecting"))
        self.invite_all(chat, who, users, words, format_)
        return chat

    def invite_all(self, chat, who, users, words, format_):
        if len(users) > 1:
            chat.mode = "escalated"
            chat.place(who).state = "connected"
            self.tell(chat, who, node("confUri", text=f"sip:{who.user.name}@corp.test;gruu;opaque=app:conf:focus:id:{chat.key}"), node(
                "role", text="presenter"))
            who.changed(chat, "connected", "escalated")
        else:
            who.changed(chat, "connecting", "invitingPeer")
        for user in users:
            self.invite_one(chat, who, user, words, format_)

    def tell(self, chat, who, *children):
        """Says to a client what a puppet does not need."""
        if hasattr(who, "sid"):
            for child in children:
                who.conference(chat, child)

    def invite_one(self, chat, who, user, words, format_):
        ends = [e for e in [*self.sessions_of(user.name), self.puppets.get(user.name)] if e]
        if not ends or user.state >= 18000 or user.blocks(who.user):
            self.failed(chat, who, user, 480, "Temporarily Unavailable")
            return
        for end in ends:
            end.invited(chat, who, words, format_)

    def failed(self, chat, who, user, sip, description):
        self.tell(chat, who, node("inviteFailed", self.error(Refused(18201, description, sip=str(sip))), uri=self.spell(user.uri)))
        if not chat.mode.startswith("escalat"):
            chat.place(who).state = "terminated"
            who.changed(chat, "terminated")

    def accept(self, chat, who):
        mine = chat.place(who)
        if mine is None or mine.state != "incoming":
            return
        mine.state = "connected"
        for other in [p for p in chat.places if p.who.user is who.user and p is not mine and p.state == "incoming"]:
            other.state = "terminated"
            other.who.changed(chat, "terminated")
        if chat.mode.startswith("escalat"):
            who.changed(chat, "connected", "escalated")
            for other in chat.inside(who):
                other.member(chat, who, "added")
                who.member(chat, other, "added")
        else:
            chat.mode = "peer"
            for place in chat.places:
                if place.state in ("connecting", "connected"):
                    place.state = "connected"
                    place.who.changed(chat, "connected", "peer")
        said, chat.said = chat.said, []
        for by, words, format_ in said:
            self.pass_on(chat, by, words, format_)

    def refuse(self, chat, who):
        mine = chat.place(who)
        mine.state = "terminated"
        who.changed(chat, "terminated")
        first = chat.places[0]
        if first.state != "terminated" and not any(p.state == "incoming" and p.who.user is who.user for p in chat.places):
            self.failed(chat, first.who, who.user, 603, "Decline")

    def leave(self, chat, who):
        mine = chat.place(who)
        if mine is None:
            return
        mine.state = "terminated"
        who.changed(chat, "terminated")
        for place in chat.places:
            if place.state == "terminated":
                continue
            if chat.mode.startswith("escalat"):
                if place.state == "connected":
                    place.who.member(chat, who, "deleted")
            else:
                place.state = "terminated"
                place.who.changed(chat, "terminated")

    def pass_on(self, chat, by, words, format_):
        for other in chat.inside(by):
            other.heard(chat, by, words, format_)

    def escalate(self, chat, by, users):
        def done():
            chat.mode = "escalated"
            for who in chat.inside():
                self.tell(chat, who, node("confUri", text=f"sip:{by.user.name}@corp.test;gruu;opaque=app:conf:focus:id:{chat.key}"))
                who.changed(chat, mode="escalated")
                for other in chat.inside(who):
                    who.member(chat, other, "added")
            for user in users:
                self.invite_one(chat, by, user, "", None)
        if chat.mode == "escalated":
            for user in users:
                self.invite_one(chat, by, user, "", None)
            return
        chat.mode = "escalating"
        for who in chat.inside():
            self.tell(chat, who, node("role", text="presenter" if who is by else "attendee"))
            who.changed(chat, mode="escalating")
        if self.odd.escalating_s:
            self.loop.call_later(self.odd.escalating_s, done)
        else:
            done()

    # sessions

    def first_events(self, session, rid):
        user = session.user
        session.deliver(self.whole_list(user))
        session.deliver(self.self_presence(user))
        self.tell_presence(session, list(user.contacts))
        session.deliver(node("configuration", node("enableAppearOffline", text="true")))
        session.deliver(self.containers(user))
        session.deliver(self.subscribers(user))
        session.deliver(node("requestSucceeded", rid=rid))
        self.announce(user)

    def do_terminateSession(self, session, n):
        self.later(session, self.end, session)
        return self.accepted(n)

    def end(self, session):
        """The session is over, whatever the reason."""
        if self.sessions.pop(session.sid, None) is None:
            return
        for chat in list(session.chats.values()):
            self.leave(chat, session)
        session.over = True
        session.wake()
        if not self.sessions_of(session.user.name) and session.user.name not in self.puppets:
            self.show(session.user, OFFLINE)
