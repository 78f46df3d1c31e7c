"""The people of the independent Messenger server, and those at the other end whom a test moves."""
import time

from groupwise_wire import *      # noqa: F403

DEADLINE_S = 20


class Refused(Exception):
    """Answered with a result code."""


class User:
    def __init__(self, name, given, surname, unit="staff"):
        self.name, self.given, self.surname, self.unit = name, given, surname, unit
        self.password = name + "-secret"
        self.dn = f"CN={name},OU={unit},O=example"
        self.title = "Painter" if name == "zoe" else "Engineer"
        self.mark = True            # its records carry NM_A_SZ_AUTH_ATTRIBUTE
        self.folders, self.contacts = {}, []
        self.deny, self.allow, self.blocking = [], [], "0"

    @property
    def full_name(self):
        return f"{self.given} {self.surname}"

    def next_id(self):
        return max([*self.folders, *(c["id"] for c in self.contacts), 0]) + 1

    def add_folder(self, name):
        made = self.next_id()
        self.folders[made] = name
        return made

    def add_contact(self, user, folder=0, name=None, details=True):
        made = {"id": self.next_id(), "parent": folder, "user": user, "name": name or user.full_name, "details": details}
        self.contacts.append(made)
        return made

    def lets(self, other):
        return other.name in self.allow if self.blocking == "1" else other.name not in self.deny


class Conference:
    def __init__(self, guid):
        self.guid, self.here, self.invited, self.replied = guid, [], [], set()


class Session:
    """A user who is logged in: over the wire, or as a puppet of the test."""

    def __init__(self, server, user=None):
        self.server, self.user = server, user
        self.status, self.text, self.auto_reply = AVAILABLE, "", ""
        self.announced = False

    def shown(self):
        return (OFFLINE, "") if self.status == OFFLINE or not self.announced else (self.status, self.text)

    def deliver(self, kind, source, *body):
        raise NotImplementedError


class Puppet(Session):
    """Someone at the other end, moved by the test: what comes for it is in events."""

    def __init__(self, server, user):
        super().__init__(server, user)
        self.announced, self.events, self.guids = True, [], {}

    def deliver(self, kind, source, *body):
        self.events.append((kind, source, *body))

    def say(self, to, what, body=None, flags=0):
        """Says something to one user, in the conference they had; body is the RTF, made here unless given."""
        return self.server.call(self._say, to, what, body, flags)

    def _say(self, to, what, body, flags):
        if to not in self.guids or self.guids[to] not in self.server.conferences:
            self.guids[to] = self.server.conference(self.user.name, to).guid[:SAME]
        guid = self.server.conferences[self.guids[to]].guid
        self.server.session(to).deliver(MESSAGE, self.user.dn, guid, flags, envelope(what) if body is None else body)
        return guid

    def set_status(self, status, words="", auto_reply=""):
        self.server.call(self.server.set_status, self, status, words, auto_reply)

    def open_room(self):
        return self.server.call(self.server.conference, self.user.name)

    def room_of(self, kind, user):
        """The conference that the newest event of a kind from a user was about."""
        def newest():
            found = [e for e in self.events if e[0] == kind and e[1] == self.server.users[user].dn]
            return found and self.server.conferences.get(found[-1][2][:SAME])
        return wait(newest, f"event {kind} of {user} for {self.user.name}")

    def invite(self, room, name, words=""):
        def act():
            room.invited.append(name)
            self.server.session(name).deliver(INVITED, self.user.dn, room.guid, words)
            self.server.tell(room, self.server.users[name], OTHER_INVITED, room.guid, but=self.user.name)
        self.server.call(act)

    def join(self, room):
        def act():
            room.invited.remove(self.user.name)
            self.server.tell(room, self.user, JOINED, room.guid, 0)
            room.here.append(self.user.name)
        self.server.call(act)

    def reject(self, room):
        def act():
            room.invited.remove(self.user.name)
            self.server.tell(room, self.user, REJECTED, room.guid)
        self.server.call(act)

    def leave(self, room):
        self.server.call(self.server.let_out, room, self.user)

    def speak(self, room, words, flags=0):
        def act():
            for name in room.here:
                if name != self.user.name:
                    other = self.server.session(name)
                    other.deliver(MESSAGE, self.user.dn, room.guid, flags, words if isinstance(other, Puppet) else envelope(words))
        self.server.call(act)

    def heard(self):
        """The plain words of the messages that came."""
        return [e[-1] for e in self.events if e[0] == MESSAGE]

    def wait(self, wanted, what="an event"):
        return wait(lambda: next((e for e in self.events if wanted(e)), None), what)


def wait(condition, what, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (got := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.01)
    return got
