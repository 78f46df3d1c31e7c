"""Answers of Messenger servers."""
import groupwise_examples
from groupwise_page import ARRAY, BOOL, DATE, DN, MULTI, RESULT, STRING, TRANSACTION, UDWORD, answer, show

FOLDER = ("NM_A_FA_FOLDER", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, "1"), ("NM_A_SZ_PARENT_ID", STRING, "0"),
                                    ("NM_A_SZ_TYPE", STRING, "1"), ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "0"),
                                    ("NM_A_SZ_DISPLAY_NAME", STRING, "Team")])
LOGIN = (("nnmMaxContacts", STRING, "150"), ("CN", STRING, "jdoe"), ("Full Name", STRING, "Jane Doe"),
         ("NM_A_FA_CONTACT_LIST", ARRAY, [FOLDER]), ("NM_A_SZ_DN", STRING, "CN=jdoe,O=acme"), ("NM_A_UD_KEEPALIVE", UDWORD, 10))
DETAILS = ("NM_A_FA_RESULTS", ARRAY, [
    ("CN", STRING, "bob"), ("Surname", STRING, "Br\u00fcckner"), ("Full Name", STRING, "Bob Br\u00fcckner"),
    ("NM_A_FA_INFO_DISPLAY_ARRAY", ARRAY, [
        ("Internet EMail Address", MULTI, [("Internet EMail Address", STRING, "bob@acme.example"),
                                           ("Internet EMail Address", STRING, "b@acme.example")])]),
    ("NM_A_SZ_DN", STRING, "CN=bob,O=acme"), ("NM_A_SZ_STATUS", STRING, "4"), ("NM_A_SZ_MESSAGE_BODY", STRING, "lunch")])
CREATED = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, "[3F2A1B0C-00000457-00000001-0001-0000]")])
CHANGES = ("NM_A_FA_RESULTS", ARRAY, [
    ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, "7")], 2),
                                     ("NM_A_FA_CONTACT", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, "8")], 5)]),
    ("NM_A_SZ_OBJECT_ID", STRING, "8")])
TYPES = (("a", 1, 0), ("b", 3, 255), ("c", 4, 1), ("d", 5, 2), ("e", 6, 3), ("f", 7, 4294967295), ("g", UDWORD, 2147483648),
         ("h", BOOL, 1), ("i", DN, ""), ("j", STRING, ""), ("k", ARRAY, []), ("l", MULTI, []), ("m" * 63, STRING, "n" * 300))


def messages():
    yield 0, 1, LOGIN, groupwise_examples.LOGIN_ANSWER
    yield 0xD149, 1, (), groupwise_examples.REFUSED_LOGIN
    yield 0, 2, (DETAILS,), None
    yield 0, 3, (CREATED,), None
    yield 0, 4294967295, (CHANGES,), None
    yield 0, 7, TYPES, None
    for transaction, (code, *fields) in enumerate(others(), 8):
        yield code, transaction, fields, None


def others():
    """What else the page has in answers: lists of privacy, custom statuses, a room, results of searches, refusals."""
    bob, carol = "CN=bob,O=acme", "CN=carol,O=acme"
    yield (0, ("nnmFileTransfer", STRING, "0"), ("nnmBlocking", STRING, "1"), ("nnmBlockingAllowList", STRING, bob),
           ("nnmBlockingDenyList", MULTI, [("nnmBlockingDenyList", DN, bob), ("nnmBlockingDenyList", DN, carol)]),
           ("nnmLockedAttrList", STRING, "nnmBlocking"), ("NM_A_FA_CLIENT_SETTINGS", ARRAY, [("Novell.AskToSave", STRING, "1")]),
           ("NM_A_FA_CUSTOM_STATUSES", ARRAY, [("NM_A_FA_STATUS", ARRAY, [
               ("NM_A_SZ_TYPE", STRING, "4"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Z\u00fcm Essen"),
               ("NM_A_SZ_MESSAGE_BODY", STRING, "back at two")])]),
           ("NM_A_UD_BUILD", UDWORD, 7), ("NM_A_FA_AU_SETTINGS", ARRAY, [("nnmClientDownload", STRING, "0")]))
    yield 0, ("NM_A_SZ_STATUS", STRING, "4")
    yield 0, ("nnmBlockingDenyList", STRING, bob)
    yield (0, ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_SZ_DN", STRING, bob)]), ("NM_A_FA_RESULTS", ARRAY, []))
    yield (0, ("NM_A_SZ_STATUS", STRING, "2"), ("NM_A_FA_RESULTS", ARRAY, [
        ("NM_A_FA_CONTACT", ARRAY, [("CN", STRING, "bob"), ("NM_A_SZ_DN", STRING, bob), ("NM_A_SZ_STATUS", STRING, "1")])]))
    yield (0, ("NM_A_FA_RESULTS", ARRAY, [("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_FOLDER", ARRAY, [
        ("NM_A_SZ_OBJECT_ID", STRING, "9"), ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_TYPE", STRING, "1"),
        ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "2"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Others")], 5)]),
        ("NM_A_SZ_OBJECT_ID", STRING, "9")]))
    yield 0, ("NM_A_UD_OBJECT_ID", UDWORD, 3)
    yield (0, ("NM_A_UW_STATUS", 6, 2), ("NM_A_FA_RESULTS", ARRAY, [("NM_A_FA_CHAT", ARRAY, [
        ("nnmDisplayName", STRING, "Town hall"), ("nnmChatOwnerDN", STRING, bob), ("NM_A_UD_PARTICIPANTS", UDWORD, 12)])]))
    for code in (0xD101, 0xD10A, 0xD130, 0xD159):
        yield (code,)


def with_full_header(raw):
    """The page prints the second example with a shorter header than servers send."""
    return raw.replace(b"HTTP/1.0 200\r\n\r\n", f"HTTP/1.0 200\r\nDate: {DATE}\r\nPragma: no-cache\r\n"
                       "Cache-Control: no-cache\r\n\r\n".encode("ascii"))


def vectors():
    for code, transaction, fields, printed in messages():
        raw = answer(code, transaction, *fields)
        assert printed is None or raw == with_full_header(printed), code
        yield raw, f"{code} {transaction} {show(*fields, (RESULT, STRING, str(code)), (TRANSACTION, STRING, str(transaction)))}"
