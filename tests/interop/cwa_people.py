"""The people of the independent Communicator Web Access server: their lists, their sessions on the wire, and those at the other end whom a
test moves (puppets)."""
import asyncio
import dataclasses
import time

from cwa_wire import SIP, Node, node

DEADLINE_S = 20
ONLINE, IDLE, BUSY, DO_NOT_DISTURB, BE_RIGHT_BACK, AWAY, OFFLINE = 3500, 4500, 6500, 9500, 12500, 15500, 18500
BLOCKED = "32000"


def wait(condition, what, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (got := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.01)
    return got


def name_of(uri):
    """The user's name in sip:name@domain, however it is written."""
    uri = uri.lower()
    return (uri[4:] if uri.startswith("sip:") else uri).partition("@")[0]


@dataclasses.dataclass
class Contact:
    uri: str
    name: str
    groups: list
    subscribed: str = "true"
    tag: str = "false"


class User:
    def __init__(self, name, display_name, **card):
        self.name, self.display_name, self.card = name, display_name, card
        self.password = name + "-secret"
        self.uri = f"sip:{name}@corp.test"
        self.groups = {"1": "~"}
        self.contacts = {}              # by name
        self.delta = 0
        self.containers = {c: [] for c in ("0", "1", "100", "200", "300", "400", BLOCKED)}
        self.subscribers = {}           # who asks to see: name: acknowledged
        self.state, self.note = OFFLINE, ""

    def add_group(self, name):
        number = str(max(map(int, self.groups), default=0) + 1)
        self.groups[number] = name
        return number

    def add_contact(self, user, *groups, name=None):
        self.contacts[user.name] = Contact(user.uri, name or user.display_name, ["1", *groups] if "1" in self.groups else list(groups))

    def blocks(self, other):
        return any(value.lower() in (other.uri, other.uri[4:]) for _, value in self.containers[BLOCKED])


@dataclasses.dataclass
class Place:
    """Somebody's place in a chat: the number the chat has for him, and whether he is in."""
    who: object                     # Session or Puppet
    number: int
    state: str                      # connecting, incoming, connected, terminated


class Chat:
    """A conversation of two or more."""
    count = 0

    def __init__(self):
        Chat.count += 1
        self.key, self.places, self.mode = Chat.count, [], "invitingPeer"
        self.said = []              # what was said before the other answered

    def place(self, who):
        return next((p for p in self.places if p.who is who and p.state != "terminated"), None)

    def inside(self, but=None):
        return [p.who for p in self.places if p.state == "connected" and p.who is not but]


class Session:
    """One client process of a user."""

    def __init__(self, server, user, sid, as_json):
        self.server, self.user, self.sid, self.json = server, user, sid, as_json
        self.events, self.counter = [], 0      # (eid, Node)
        self.waiter = None                      # the GET that is held
        self.chats, self.rids = {}, set()
        self.watched = set()                    # names
        self.told = None                        # of the newest answer: its ackId and pause and more, see Connection.check_get
        self.active = time.monotonic()
        self.user_active = []                   # what UA said
        self.said_state, self.machine = None, None
        self.connection = None                  # of the newest GET
        self.caused, self.over = [], False

    def deliver(self, event):
        """An event of the session: it gets its number here."""
        if self.over:
            return
        self.counter += 1
        self.events.append((self.counter, Node(event.name, {"eid": str(self.counter), **event.attrs}, event.children, event.text)))
        self.wake()

    def wake(self):
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def conference(self, chat, *children):
        place = next(p for p in chat.places if p.who is self)
        self.deliver(node("conference", *children, confId=place.number))

    def after(self, number):
        """The events that a client has not seen who saw that number. Those before are forgotten."""
        self.events = [e for e in self.events if e[0] > number]
        return self.events

    async def hold(self, seconds):
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(asyncio.shield(self.waiter), seconds)
        except asyncio.TimeoutError:
            pass

    # what happens in chats, told as the wire tells it

    def invited(self, chat, by, words, format_):
        number = max([*self.chats, 0]) + 1
        self.chats[number] = chat
        chat.places.append(Place(self, number, "incoming"))
        self.server.invitations += 1
        message = node("message", node("format", text=format_) if format_ else None, node("content", text=words or ""))
        several = chat.mode.startswith("escalat")
        self.deliver(node("conference", node("imSessionReceived",
                     node("inviter", uri=self.server.spell(by.user.uri), name=by.user.display_name, sourceNetwork="sameEnterprise"),
                     node("role", text="attendee"), node("escalationMode", text=chat.mode), node("subject"), message if not several else node(
                         "message", node("content", text=words or ""))), confId=number))
        if self.server.odd.auto_accept_s:
            self.server.loop.call_later(self.server.odd.auto_accept_s, self.server.accept, chat, self)

    def heard(self, chat, by, words, format_):
        self.conference(chat, node("messageReceived", node("message", node("format", text=format_ or "text/plain"), node("content", text=words)),
                                   sender=self.server.spell(by.user.uri)))

    def typed(self, chat, by, state):
        many = {"sender": by.user.uri} if len(chat.inside()) > 2 else {}
        self.conference(chat, node("composingState", text=state, **many))

    def changed(self, chat, state=None, mode=None):
        if mode:
            self.conference(chat, node("escalationMode", text=mode))
        if state:
            self.conference(chat, node("imSessionState", text=state))

    def member(self, chat, other, action):
        if action == "added":
            self.conference(chat, node("participant", uri=self.server.spell(other.user.uri), name=other.user.display_name, role="attendee"))
        else:
            self.conference(chat, node("participantRemoved", text=self.server.spell(other.user.uri)))


class Puppet:
    """Somebody at the other end, moved by the test: what comes for him is in events, as (what, from, words)."""

    def __init__(self, server, user, answer="yes"):
        self.server, self.user, self.answer = server, user, answer
        self.events, self.chats, self.over = [], {}, False

    def note(self, *event):
        self.events.append(event)

    def invited(self, chat, by, words, _):
        chat.places.append(Place(self, 0, "incoming"))
        self.note("invited", by.user.name, words)
        if words:
            self.note("message", by.user.name, words)
        self.chats[chat.key] = chat
        if self.answer == "yes":
            self.server.accept(chat, self)
        elif self.answer == "no":
            self.server.refuse(chat, self)

    def heard(self, chat, by, words, _):
        self.note("message", by.user.name, words)

    def typed(self, chat, by, state):
        self.note("typing", by.user.name, state)

    def changed(self, chat, state=None, mode=None):
        self.note("state", state or mode, "")

    def member(self, chat, other, action):
        self.note("participant", other.user.name, action)

    # what a test does with him

    def words(self, by=None):
        return [e[2] for e in self.events if e[0] == "message" and by in (None, e[1])]

    def with_(self, name):
        """The chat of two that he has with somebody, and no other is in."""
        return next((c for c in reversed(list(self.chats.values())) if not c.mode.startswith("escalat") and c.place(self)
                     and any(p.who.user.name == name and p.state != "terminated" for p in c.places)), None)

    def say(self, to, words, format_="text/plain"):
        """Says something to one user, in the chat that they have, or by an invitation."""
        def act():
            chat = self.with_(to)
            if chat is None:
                self.server.begin(self, [self.server.users[to]], words, format_)
            elif chat.inside(self):
                self.server.pass_on(chat, self, words, format_)
            else:
                chat.said.append((self, words, format_))
        self.server.call(act)

    def typing(self, to, on=True):
        def act():
            chat = self.with_(to)
            for other in chat.inside(self):
                other.typed(chat, self, "composing" if on else "idle")
        self.server.call(act)

    def accept(self):
        """Takes the newest invitation."""
        self.server.call(lambda: self.server.accept(list(self.chats.values())[-1], self))

    def leave(self, chat=None):
        self.server.call(lambda: self.server.leave(chat or list(self.chats.values())[-1], self))

    def invite(self, chat, *names):
        self.server.call(lambda: self.server.escalate(chat, self, [self.server.users[n] for n in names]))

    def speak(self, chat, words):
        self.server.call(lambda: self.server.pass_on(chat, self, words, "text/plain"))

    def show(self, state, note=""):
        self.server.call(lambda: self.server.show(self.user, state, note))

    def wait(self, *event, what=None):
        return wait(lambda: next((e for e in self.events if e[:len(event)] == event), None), what or f"{event} for {self.user.name}; he saw {self.events}")


# categories

def a_state(value):
    return node("state", node("availability", text=str(value), ns=SIP + "state"), ns=SIP + "state", **{"xsi:type": "aggregateState"})


def a_note(words):
    return node("note", node("body", text=words, ns=SIP + "note", type="personal"), ns=SIP + "note")


def a_card(user):
    ns = SIP + "contactcard"
    return node("contactCard", node("identity", node("name", node("displayName", text=user.display_name, ns=ns), ns=ns),
                                    node("email", text=user.uri[4:], ns=ns), ns=ns), ns=ns)


def categories(user, shown, note):
    """The five, in the order of recorded traffic; what is empty has no content."""
    stamp = {"instance": "0", "version": "0", "publishTime": "2010-05-04T09:10:11Z"}
    return [node("cwaCategory", name="calendarData"),
            node("cwaCategory", a_card(user), name="contactCard", **stamp),
            node("cwaCategory", a_note(note), name="note", **stamp) if note else node("cwaCategory", name="note"),
            node("cwaCategory", a_state(shown), name="state", **{**stamp, "instance": "1"}),
            node("cwaCategory", name="services")]
