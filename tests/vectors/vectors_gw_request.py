"""Requests of Messenger clients."""
from groupwise_page import ARRAY, BOOL, DN, MULTI, STRING, TRANSACTION, UDWORD, request, show

GUID = "[3F2A1B0C-00000457-00000001-0001-0000]"
BLANK = "[00000000-00000000-00000000-0000-0000]"
RTF = "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 Hi \\u8364?\\par\n}"

# The worked examples as the page prints them, to hold the functions beside this file to it.
LOGIN = (b"POST /login HTTP/1.0\r\nHost: im.example.test:8300\r\n\r\n"
         b"&tag=NM_A_SZ_USERID&cmd=0&val=jdoe&type=10"
         b"&tag=NM_A_SZ_CREDENTIALS&cmd=0&val=p%40ss+word&type=10"
         b"&tag=NM_A_SZ_USER_AGENT&cmd=0&val=Collab%2f1%2e0+%28Linux%29&type=10"
         b"&tag=NM_A_UD_BUILD&cmd=0&val=2&type=8"
         b"&tag=nnmIPAddress&cmd=0&val=192%2e0%2e2%2e10&type=10"
         b"&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=1&type=10\r\n")
CREATE = (b"&tag=NM_A_FA_CONVERSATION&cmd=0&val=1&type=9"
          b"&tag=NM_A_SZ_OBJECT_ID&cmd=0&val=%5b00000000%2d00000000%2d00000000%2d0000%2d0000%5d&type=10"
          b"&tag=NM_A_SZ_DN&cmd=0&val=CN%3dbob%2cO%3dacme&type=13"
          b"&tag=NM_A_SZ_DN&cmd=0&val=CN%3djdoe%2cO%3dacme&type=13"
          b"&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=3&type=10\r\n")
SEND = (b"&tag=NM_A_FA_CONVERSATION&cmd=0&val=1&type=9"
        b"&tag=NM_A_SZ_OBJECT_ID&cmd=0&val=%5b3F2A1B0C%2d00000457%2d00000001%2d0001%2d0000%5d&type=10"
        b"&tag=NM_A_FA_MESSAGE&cmd=0&val=3&type=9"
        b"&tag=NM_A_SZ_MESSAGE_BODY&cmd=0&val=%7b%5crtf1%5cansi%0a%7b%5cfonttbl%7b%5cf0%5cfnil+Arial%3b%7d%7d%0a%5cuc1"
        b"%5cf0%5cfs20+Hi+%5cu8364%3f%5cpar%0a%7d&type=10"
        b"&tag=NM_A_UD_MESSAGE_TYPE&cmd=0&val=0&type=8"
        b"&tag=NM_A_SZ_MESSAGE_TEXT&cmd=0&val=Hi+%e2%82%ac&type=10"
        b"&tag=NM_A_SZ_DN&cmd=0&val=CN%3dbob%2cO%3dacme&type=13"
        b"&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=4&type=10\r\n")


def head(command):
    return f"POST /{command} HTTP/1.0\r\n\r\n".encode("ascii")


def conversation(guid):
    return ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid)])


def messages():
    login = (("NM_A_SZ_USERID", STRING, "jdoe"), ("NM_A_SZ_CREDENTIALS", STRING, "p@ss word"),
             ("NM_A_SZ_USER_AGENT", STRING, "Collab/1.0 (Linux)"), ("NM_A_UD_BUILD", UDWORD, 2),
             ("nnmIPAddress", STRING, "192.0.2.10"))
    yield "login", 1, login, "im.example.test:8300", LOGIN
    yield ("createconf", 3, (conversation(BLANK), ("NM_A_SZ_DN", DN, "CN=bob,O=acme"), ("NM_A_SZ_DN", DN, "CN=jdoe,O=acme")),
           None, head("createconf") + CREATE)
    message = ("NM_A_FA_MESSAGE", ARRAY, [("NM_A_SZ_MESSAGE_BODY", STRING, RTF), ("NM_A_UD_MESSAGE_TYPE", UDWORD, 0),
                                          ("NM_A_SZ_MESSAGE_TEXT", STRING, "Hi \u20ac")])
    yield "sendmessage", 4, (conversation(GUID), message, ("NM_A_SZ_DN", DN, "CN=bob,O=acme")), None, head("sendmessage") + SEND
    yield "ping", 2, (), None, None
    yield "setstatus", 5, (("NM_A_SZ_STATUS", STRING, "4"), ("NM_A_SZ_STATUS_TEXT", STRING, "z\u00fcm Essen & zur\u00fcck"),
                           ("NM_A_SZ_MESSAGE_BODY", STRING, "")), None, None
    yield "sendtyping", 6, (("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, GUID),
                                                             ("NM_A_SZ_TYPE", STRING, "112")]),), None, None
    contact = [("NM_A_SZ_OBJECT_ID", STRING, "7"), ("NM_A_SZ_PARENT_ID", STRING, "1")]
    move = ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, contact, 2), ("NM_A_FA_CONTACT", ARRAY, [], 5)])
    yield "movecontact", 4294967295, (move, ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"), ("NM_A_SZ_PARENT_ID", STRING, "2")), None, None
    yield "updateblocks", 8, (("nnmBlockingDenyList", DN, "CN=bob,O=acme", 2), ("nnmBlocking", STRING, "1", 6)), None, None
    yield "createsearch", 9, (("NM_A_SZ_OBJECT_ID", STRING, "1227"), ("Given Name", STRING, "al", 17),
                              ("Surname", STRING, "d", 19), ("Title", STRING, "x", 20), ("OU", STRING, "y", 4),
                              ("nnmMulti", MULTI, [("a", BOOL, 1), ("a", 1, 4294967295)])), None, None
    for transaction, (command, *fields) in enumerate(others(), 10):
        yield command, transaction, fields, None, None


def others():
    """Every other command of the page, as the page's tables have it."""
    bob = "CN=bob,O=acme"
    yield ("logout",)
    yield "getstatus", ("NM_A_SZ_DN", STRING, bob)
    yield "getdetails", ("NM_A_SZ_USERID", STRING, "bob"), ("NM_A_SZ_USERID", STRING, "carol.acme")
    yield "getdetails", ("NM_A_SZ_DN", DN, "bob.acme")
    yield "getresults", ("NM_A_SZ_OBJECT_ID", STRING, "1227")
    yield ("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Fr\u00e4unde"),
           ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"))
    yield "createcontact", ("NM_A_SZ_PARENT_ID", STRING, "1"), ("NM_A_SZ_USERID", STRING, bob)
    yield ("createcontact", ("NM_A_SZ_PARENT_ID", STRING, "1"), ("NM_A_SZ_DN", STRING, bob),
           ("NM_A_SZ_DISPLAY_NAME", STRING, "Bob"))
    yield "deletecontact", ("NM_A_SZ_PARENT_ID", STRING, "1"), ("NM_A_SZ_OBJECT_ID", STRING, "7")
    yield "deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1")
    was, now = ([("NM_A_SZ_OBJECT_ID", STRING, "7"), ("NM_A_SZ_DISPLAY_NAME", STRING, name)] for name in ("Bob", "Bobby"))
    yield "updateitem", ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, was, 2), ("NM_A_FA_CONTACT", ARRAY, now, 5)])
    yield "updateitem", ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_FOLDER", ARRAY, was, 2), ("NM_A_FA_FOLDER", ARRAY, now, 5)])
    yield "createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, bob.lower(), 5)
    yield "createblock", ("NM_A_SZ_BLOCKING_ALLOW_ITEM", STRING, "bob", 5)
    yield "updateblocks", ("nnmBlocking", STRING, "0", 6)
    yield "updateblocks", ("nnmBlockingAllowList", STRING, bob, 2)
    yield ("sendinvite", conversation(GUID), ("NM_A_SZ_DN", DN, bob), ("NM_A_SZ_DN", DN, "CN=carol,O=acme"),
           ("NM_A_SZ_MESSAGE_BODY", STRING, "join us"))
    yield "joinconf", conversation(GUID)
    yield "rejectconf", conversation(GUID)
    yield "leaveconf", conversation(GUID)
    yield "joinchat", conversation("Town hall")
    yield "chatsearch", ("NM_A_B_ONLY_MODIFIED", BOOL, 1)
    yield "getchatsearchresults", ("NM_A_UD_OBJECT_ID", UDWORD, 3), ("NM_A_UD_QUERY_COUNT", UDWORD, 10)
    yield ("chatcounts",)
    yield "chatproperties", ("nnmDisplayName", STRING, "Town hall")
    yield ("login", ("NM_A_SZ_USERID", STRING, "jdoe"), ("NM_A_SZ_CREDENTIALS", STRING, "p"), ("NM_A_UD_BUILD", UDWORD, 5),
           ("NM_A_B_NO_CONTACTS", BOOL, 1), ("NM_A_B_NO_CUSTOMS", BOOL, 1), ("NM_A_B_NO_PRIVACY", BOOL, 0))


def vectors():
    for command, transaction, fields, host, printed in messages():
        raw = request(command, transaction, *fields, host=host)
        assert printed is None or raw == printed, command
        yield raw, f"{command} {transaction} {show(*fields, (TRANSACTION, STRING, str(transaction)))}"
