"""How the independent Communicator Web Access server behaves: legal all of it, and some of it unusual."""
import dataclasses


@dataclasses.dataclass
class Odd:
    # sign-in
    iwa: object = "ntlm"            # or the status of its answer, or "no-ticket": 200 and no ticket; "refuse": NTLM, and then 401
    offers: tuple = ("Negotiate", "NTLM")
    forms: object = "yes"           # or the status of its answer
    tickets: str = "every"          # a new one with each answer; "first": the first one goes on
    tickets_good: int = 24          # so many of the newest are accepted
    # HTTP
    pieces: str = "whole"           # "bytes": each byte by itself; "random"
    chunked: bool = False
    close: bool = False             # the connection ends after each answer
    header_case: bool = False       # names of headers in small letters, and white space around their values
    interim: bool = False           # 100 Continue before each answer
    content_type: str = ""          # another way to write the type
    # elements
    declaration: bool = False
    mark: bool = False              # a byte order mark
    namespace: bool = False
    prefix: bool = False
    pretty: bool = False            # white space and comments between elements
    quotes: bool = False
    references: bool = False        # numbers in place of characters
    cdata: bool = False
    shuffle: bool = False           # attributes and members in any order
    unknown: bool = False           # attributes, elements and events that nobody knows
    bare: bool = False              # JSON: numbers and truth values as such
    # the two channels
    hold_s: float = 20              # how long a GET without news is held; 0: answered at once
    poll_ms: int = 40
    first_poll_ms: int = 40
    timeout: object = 594           # sessionTimeout
    batch: int = 1000               # at most so many events in an answer
    begun: str = "children"         # "attributes": initiateSessionAccepted, as the older page has it
    im_accepted: str = "sync"       # "event", "both"
    wrapped: bool = False           # cwaEvents inside cwaResponses
    errors: str = "reason"          # "description": the attributes of the other page
    events_first: bool = False      # what a request causes is on the data channel before its answer
    spell: object = None            # what happens to a URI that is told
    offline: int = 18500
    full_lists: bool = False        # each change tells the whole list
    hundred: bool = False           # requestProcessed and unexpectedElement say anything
    escalating_s: float = 0         # how long nothing is passed while a chat of two becomes one of several
    auto_accept_s: float = 0        # when an invitation is accepted by itself; 0: never
    later: bool = False             # contacts' presence comes one by one
