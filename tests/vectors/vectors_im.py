"""The messages of the device's IM client, from the page on them: u8 type, u32 sequence number, items."""
import struct

from items import number, string

SESSION = 5


def message(kind, sequence, *items):
    return struct.pack(">BI", kind, sequence) + b"".join(items)


def contact(user, name, folder, presence, text):
    return string(user) + string(name) + string(folder) + number(presence) + string(text)


def vectors():
    yield (message(1, 1, string("alice"), string("alice-secret"), number(0)),
           "#1 LOGIN user=alice password=<hidden> capabilities=0")
    yield (message(2, 1, number(SESSION), string("Alice Adams"), number(60)),
           '#1 LOGIN_OK session=5 display_name="Alice Adams" status_interval_s=60 login_id="" forget_password=0')      # a device of old
    yield (message(1, 1, string("alice"), string("alice-secret"), number(1)),
           "#1 LOGIN user=alice password=<hidden> capabilities=1")
    yield (message(2, 1, number(SESSION), string("Alice Adams"), number(60), string("2100000A-17")),
           '#1 LOGIN_OK session=5 display_name="Alice Adams" status_interval_s=60 login_id=2100000A-17 forget_password=0')
    yield (message(1, 2, string("alice"), string("alice-secret"), number(3)),
           "#2 LOGIN user=alice password=<hidden> capabilities=3")
    yield (message(2, 2, number(SESSION), string("Alice Adams"), number(60), string("2100000A-17"), number(1)),
           '#2 LOGIN_OK session=5 display_name="Alice Adams" status_interval_s=60 login_id=2100000A-17 forget_password=1')
    yield (message(3, 1, number(100), string("Server Busy"), string("2100000A-18")),
           '#1 LOGIN_FAIL code=100 status_text="Server Busy" login_id=2100000A-18')
    yield message(3, 1, number(100), string("Server Busy")), '#1 LOGIN_FAIL code=100 status_text="Server Busy" login_id=""'
    yield message(3, 2, number(300), string("Failed (300)")), '#2 LOGIN_FAIL code=300 status_text="Failed (300)" login_id=""'
    yield message(4, 9, number(SESSION)), "#9 LOGOUT session=5"
    yield message(5, 3, number(SESSION)), "#3 STATUS session=5"
    yield message(6, 4, number(SESSION), number(4), string("at lunch")), '#4 PRESENCE_SET session=5 presence=4 text="at lunch"'
    yield (message(7, 2, number(SESSION), string("bob"), number(3), string("")),
           '#2 PRESENCE_EVENT session=5 user=bob presence=3 text=""')
    yield message(8, 1, number(SESSION), number(0)), "#1 CONTACTS session=5 more=0 contacts=[]"
    yield (message(8, 1, number(SESSION), number(1), contact("bob", "Bob Brown", "Friends", 2, ""),
                   contact("carol", "Carol", "", 1, "gone")),
           '#1 CONTACTS session=5 more=1 contacts=[{user=bob name="Bob Brown" folder=Friends presence=2 text=""}, '
           '{user=carol name=Carol folder="" presence=1 text=gone}]')
    yield message(12, 5, number(SESSION), string("bob"), string("hello")), "#5 MESSAGE session=5 to=bob text=hello"
    yield (message(13, 3, number(SESSION), string("bob"), string("Bob Brown"), string("see you"), number(0)),
           '#3 MESSAGE_EVENT session=5 from=bob name="Bob Brown" text="see you" kind=0')
    yield (message(13, 3, number(SESSION), string("bob"), string(""), string("of old")),    # the kind may be missing
           '#3 MESSAGE_EVENT session=5 from=bob name="" text="of old" kind=0')
    yield (message(13, 4, number(SESSION), string("bob"), string("Bob Brown"), string("on holiday"), number(1)),
           '#4 MESSAGE_EVENT session=5 from=bob name="Bob Brown" text="on holiday" kind=1')
    yield (message(14, 4, number(SESSION), number(2), string("device out of coverage")),
           '#4 FORCED_LOGOUT session=5 reason=2 text="device out of coverage"')
    yield message(15, 0, number(SESSION), string("")), '#0 PLEASE_LOGIN session=5 text=""'
    yield message(16, 5, number(SESSION), number(5), number(0), string("")), '#5 ACK session=5 sequence=5 code=0 text=""'
    yield (message(16, 0xFFFFFFFF, number(SESSION), number(6), number(410), string("bob is offline")),
           '#4294967295 ACK session=5 sequence=6 code=410 text="bob is offline"')
    yield message(9, 6, number(SESSION), number(1)), "#6 ROOM_OPEN session=5 room=1 users=[]"
    yield (message(9, 6, number(SESSION), number(2), string("bob"), string("carol")),
           "#6 ROOM_OPEN session=5 room=2 users=[{user=bob}, {user=carol}]")
    yield (message(10, 7, number(SESSION), number(2), string("dave"), string("join us")),
           '#7 ROOM_INVITE session=5 room=2 user=dave text="join us"')
    yield message(11, 8, number(SESSION), number(2)), "#8 ROOM_LEAVE session=5 room=2"
    yield message(17, 9, number(SESSION), number(0x80000000), number(1)), "#9 ROOM_ANSWER session=5 room=2147483648 accept=1"
    yield (message(18, 5, number(SESSION), number(0x80000000), number(1), string("bob"), string("Bob Brown"), string("lunch?")),
           '#5 ROOM_EVENT session=5 room=2147483648 event=1 user=bob name="Bob Brown" text=lunch?')
    yield message(19, 10, number(SESSION), number(2), string("hello all")), '#10 ROOM_MESSAGE session=5 room=2 text="hello all"'
    yield (message(20, 6, number(SESSION), number(2), string("bob"), string("Bob Brown"), string("hello")),
           '#6 ROOM_MESSAGE_EVENT session=5 room=2 from=bob name="Bob Brown" text=hello')
    yield message(21, 11, number(SESSION), number(0), string("bob"), number(1)), "#11 TYPING session=5 room=0 user=bob on=1"
    yield message(22, 7, number(SESSION), number(2), string("bob"), number(0)), "#7 TYPING_EVENT session=5 room=2 user=bob on=0"
    yield (message(23, 12, number(SESSION), number(1), string("erin"), string(""), string("Work")),
           '#12 CONTACT_CHANGE session=5 action=1 user=erin name="" folder=Work')
    yield (message(24, 8, number(SESSION), number(1), string("erin"), string("Erin"), string("Work"), number(2), string("")),
           '#8 CONTACT_EVENT session=5 action=1 user=erin name=Erin folder=Work presence=2 text=""')
    yield message(25, 13, number(SESSION), string("bob"), number(1)), "#13 BLOCK session=5 user=bob blocked=1"
    yield message(26, 9, number(SESSION), string(""), number(0)), '#9 BLOCK_EVENT session=5 user="" blocked=0'
    yield message(27, 14, number(SESSION), number(3), string("Brown")), "#14 SEARCH session=5 field=3 text=Brown"
    yield message(28, 10, number(SESSION), number(14), number(0)), "#10 SEARCH_RESULT session=5 sequence=14 more=0 contacts=[]"
    yield (message(28, 10, number(SESSION), number(14), number(1), contact("bob", "Bob Brown", "", 2, "")),
           '#10 SEARCH_RESULT session=5 sequence=14 more=1 contacts=[{user=bob name="Bob Brown" folder="" presence=2 text=""}]')
