"""How the independent Messenger server says the same otherwise: legal, and unusual."""
import dataclasses
import re

from groupwise_wire import *      # noqa: F403


@dataclasses.dataclass
class Odd:
    """Behaviours that are legal and unusual. All are off at first."""
    pieces: str = "whole"           # "bytes": each byte a TLS record; "random": records of odd sizes
    join: bool = False              # events go into one record with the answer they follow
    head: str = "HTTP/1.0 200\r\nDate: Thu, 01 Jan 2009 12:00:00 GMT\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n"
    types: bool = False             # integers where strings are usual, and the reverse
    shuffle: bool = False           # fields in any order, at every level
    unknown: bool = False           # fields that nobody knows, of every type
    case: object = None             # what happens to the letters of a DN
    tails: bool = False             # conference ids end otherwise each time
    dead: str = "code"              # a dead conference: "code" 0xD12B, "swallow" the message, "silent" no answer
    events_first: bool = False      # what a request causes comes before its answer
    details: bool = True            # contacts carry their details
    folders_last: bool = False
    keep_alive: object = 10         # minutes; None leaves it out
    several: bool = False           # a user may have several sessions; what is for him goes to the one that he had first
    oneself: bool = False           # those who join find themselves among the participants
    neighbours: bool = False        # changes of the contact list name other items, whose places moved
    search: list = dataclasses.field(default_factory=list)          # states told before a search is done
    extra_login: list = dataclasses.field(default_factory=list)


EXTRAS = [Field("X_" + str(kind), kind, 4294967295) for kind in INTEGERS] + [
    text("nnmUnheardOf", "\u00e9" * 100), Field("X_DN", DN, "CN=nobody"), text("", ""), text("T" * 63, "long tag"),
    array("NM_A_FA_UNHEARD_OF", []), array("X_NEST", [array("X_NEST", [array("X_NEST", [text("NM_A_SZ_DN", "CN=inner")])])]),
    Field("X_MULTI", MULTI, [text("X_MULTI", "1"), Field("X_MULTI", UDWORD, 2)], 6)]
CODES = re.compile(r"NM_A_SZ_(RESULT_CODE|TRANSACTION_ID|OBJECT_ID|PARENT_ID|SEQUENCE_NUMBER|STATUS|TYPE)|nnm.*")


def twist(fields, odd, dice):
    """The same answer, said otherwise."""
    out = []
    for f in fields:
        kind, value = f.type, f.value
        if kind in (ARRAY, MULTI):
            value = twist(value, odd, dice)
        elif odd.types and kind == STRING and CODES.fullmatch(f.tag) and value.isdigit():
            kind, value = dice.choice(INTEGERS), int(value)
        elif odd.types and kind in INTEGERS:
            kind, value = STRING, str(value)
        elif odd.types and kind in (STRING, DN) and f.tag == "NM_A_SZ_DN":
            kind = STRING + DN - kind
        if f.tag == "NM_A_SZ_DN" and odd.case:
            value = odd.case(value)
        if f.tag == "NM_A_SZ_OBJECT_ID" and odd.tails and isinstance(value, str) and value.startswith("["):
            value = other_tail(value, dice)
        out.append(Field(f.tag, kind, value, f.method))
    if odd.unknown:
        for extra in EXTRAS:
            out.insert(dice.randrange(len(out) + 1), extra)
    if odd.shuffle:
        dice.shuffle(out)
    return out


def other_tail(guid, dice):
    return f"{guid[:SAME]}-{dice.randrange(65536):04X}-{dice.randrange(65536):04X}]"
