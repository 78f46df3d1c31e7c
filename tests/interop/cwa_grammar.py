"""What a client of Communicator Web Access may say, strictly: the children of cwaRequests, their attributes, and what stands in them in which
order. Real servers are lenient; what this one notes is what a careful client does not write."""
import re

from cwa_wire import NAMESPACE, SIP, Fault

URI = r"sip:[^\s@:]+@[^\s@:]+"
NUMBER = r"-?\d+"
TRUTH = "true|false"
# element or path: (attributes that must be there, attributes that may, children in order, or the text)
CONTACT = ({"uri": URI, "name": ".+", "tag": TRUTH}, {"subscribed": TRUTH, "groups": r"(\d+( \d+)*)?"}, "", None)
URIS = ({}, {}, "(uri )+", None)
TEXT = ({}, {}, "", r"(?s).*")
MESSAGE = ({}, {}, "(format )?content ", None)
GRAMMAR = {
    "logon": ({}, {}, "(user password )?(uri )?", None),
    "initiateSession": ({}, {}, "(localeId )*(securityMode )?(userStateAvailability )?(options )?(categoryEventFilter )?(signInData )?", None),
    "localeId": ({}, {}, "", NUMBER),
    "securityMode": ({}, {}, "", "public|private"),
    "userStateAvailability": ({}, {}, "", "3500|4500|6500|7500|9500|12500|15500|18500"),
    "options": ({}, {"autoPublishMachineState": TRUTH, "debug": TRUTH}, "", None),
    "categoryEventFilter": ({}, {}, "", None),
    "terminateSession": ({}, {}, "", None),
    "addContact": ({}, {}, "contact ", None),
    "updateContact": ({}, {}, "contact ", None),
    "contact": CONTACT,
    "deleteContact": ({}, {}, "uri ", None),
    "addGroup": ({}, {}, "group ", None),
    "addGroup/group": ({"name": ".+"}, {"externalUri": ""}, "", None),
    "updateGroup": ({}, {}, "group ", None),
    "updateGroup/group": ({"id": NUMBER, "name": ".+"}, {"externalUri": ""}, "", None),
    "deleteGroup": ({}, {}, "group ", None),
    "deleteGroup/group": ({"id": NUMBER}, {"name": ".+", "externalUri": ""}, "", None),
    "acknowledgeSubscriber": ({}, {}, "uri |uris ", None),
    "updateContainer": ({}, {}, "(container )+", None),
    "container": ({"id": "0|1|100|200|300|400|32000"}, {}, "(addMember )*(deleteMember )*", None),
    "addMember": ({"type": "uri|everyone|domain|sameEnterprise|publicCloud|federated"}, {"value": ".*"}, "", None),
    "deleteMember": ({"type": "uri|everyone|domain|sameEnterprise|publicCloud|federated"}, {"value": ".*"}, "", None),
    "publishSelfPresence": ({}, {}, "(cwaCategory )+", None),
    "publishSelfPresence/cwaCategory": ({"name": "state|note|.+", "instanceMask": r"\d+"}, {"expires": NUMBER}, ".*", None),
    "queryPresence": ({}, {}, "uris ", None),
    "subscribePresence": ({}, {}, "uris ", None),
    "uris": URIS,
    "search": ({}, {}, "(firstName )?(lastName )?(displayName )?(emailAlias )?(function )?", None),
    "function": ({}, {}, "", "and|or"),
    "conference": ({"confId": r"\d+"}, {}, "(initiateImSession|acceptImSession|terminateImSession|sendMessage|notifyComposing|inviteParticipants) ", None),
    "initiateImSession": ({}, {}, "uris (message )?(subject )?(format )?", None),
    "message": MESSAGE,
    "acceptImSession": ({}, {}, "", None),
    "terminateImSession": ({}, {}, "", None),
    "sendMessage": MESSAGE,
    "notifyComposing": ({}, {}, "", "composing|idle"),
    "inviteParticipants": ({}, {}, "uris ", None),
    "format": ({}, {}, "", r"text/plain.*|text/rtf.*|X-MMS-IM-Format:.*|"),
    "content": TEXT, "subject": TEXT, "firstName": TEXT, "lastName": TEXT, "displayName": TEXT, "emailAlias": TEXT, "user": TEXT, "password": TEXT,
    "signInData": TEXT, "uri": ({}, {}, "", URI),
}
METHODS = {"logon", "initiateSession", "terminateSession", "addContact", "updateContact", "deleteContact", "addGroup", "updateGroup", "deleteGroup",
           "acknowledgeSubscriber", "updateContainer", "publishSelfPresence", "queryPresence", "subscribePresence", "search", "conference"}


def check(n, parent="", as_json=False):
    """Raises Fault for what is not in the tables."""
    rule = GRAMMAR.get(f"{parent}/{n.name}") or GRAMMAR.get(n.name)
    if rule is None or (not parent and n.name not in METHODS):
        raise Fault(f"unknown {n.name} in {parent or 'cwaRequests'}")
    must, may, children, text = rule
    for name, value in n.attrs.items():
        if name == "rid" and not parent and n.name != "logon":
            continue
        if name not in must and name not in may:
            raise Fault(f"{n.name} with {name}={value!r}")
        if not re.fullmatch(must.get(name) or may[name], value):
            raise Fault(f"{n.name}: {name}={value!r}")
    missing = set(must) - set(n.attrs) | ({"rid"} - set(n.attrs) if not parent and n.name != "logon" else set())
    if missing:
        raise Fault(f"{n.name} without {missing}")
    sign = "".join(c.name + " " for c in n.children)
    if not re.fullmatch(children, sign):
        raise Fault(f"{n.name} holds {sign}")
    if n.text.strip() if text is None else not re.fullmatch(text, n.text):
        raise Fault(f"{n.name}: text {n.text!r}")
    if n.name == "cwaCategory":
        category(n)
        return
    for c in n.children:
        if not as_json and c.ns not in ("", NAMESPACE):
            raise Fault(f"{c.name} of the namespace {c.ns}")
        check(c, n.name, as_json)


def category(n):
    """What is published: a state of the user or of the machine, or a note."""
    name, mask = n.attrs["name"], n.attrs["instanceMask"]
    if len(n.children) > 1 or (n.children and n.children[0].name != name):
        raise Fault(f"category {name} holds {[c.name for c in n.children]}")
    if not n.children:
        return
    inner = n.children[0]
    if inner.ns != SIP + name:
        raise Fault(f"category {name} of the namespace {inner.ns}")
    if name == "state":
        kind = {"805306368": "machineState", "536870912": "userState"}.get(mask)
        if kind is None or inner.attrs.get("xsi:type") != kind:
            raise Fault(f"state of instanceMask {mask} and type {inner.attrs}")
        if not re.fullmatch(r"\d+", inner.value("availability") or ""):
            raise Fault(f"state without availability: {inner}")
    elif name == "note":
        if mask != "0" or [(c.name, c.attrs) for c in inner.children] not in ([], [("body", {"type": "personal"})]):
            raise Fault(f"note of instanceMask {mask} with {inner.children}")
    else:
        raise Fault(f"category {name}")
