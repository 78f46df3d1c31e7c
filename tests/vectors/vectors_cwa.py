"""Communicator Web Access, from the page on it: each envelope in XML (the bytes) and in JSON (the text). Both are written here from one
value, by the rules of the page."""
import json
from xml.sax.saxutils import escape

NAMESPACE = "http://schemas.microsoft.com/2006/09/rtc/cwa"
SIP = "http://schemas.microsoft.com/2006/09/sip/"
ENVELOPES = ("cwaRequests", "cwaResponses", "cwaEvents")
FOREIGN = ("cwaCategory", "rawCategory")
MANY = ("contact", "group", "subscriber", "cwaCategory", "rawCategory", "localeId", "addMember", "deleteMember", "removeMember", "container", "member",
        "participant")


def e(name, attributes=None, *children):
    """An element; a child that is a text is its text."""
    return name, attributes or {}, children


def words(node):
    return "".join(c for c in node[2] if isinstance(c, str))


def inner(node):
    return [c for c in node[2] if not isinstance(c, str)]


def quoted(value):
    return escape(value, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def xml(node):
    name, attributes, children = node
    out = "<" + name + "".join(f' {k}="{quoted(v)}"' for k, v in attributes.items())
    if name == "cwaRequests":
        out += f' xmlns="{NAMESPACE}"'
    if not any(children):
        return out + "/>"
    if name in FOREIGN:
        return f"{out}>\n{words(node)}\n</{name}>"
    return out + ">" + escape(words(node), {"\r": "&#13;"}) + "".join(map(xml, inner(node))) + f"</{name}>"


def is_text(node):
    return node[0] in ("uri", "format", "content", "subject", "signInData", "user", "password", "localeId", "securityMode",
                       "userStateAvailability", "firstName", "lastName", "displayName", "emailAlias", "function", "notifyComposing", "lock",
                       "sid", "pollWaitTime", "stackTrace", "enableAppearOffline", "confUri", "role", "escalationMode", "imSessionState",
                       "composingState", "locked", "ejectParticipant", "promoteParticipant", "contentType", "userNotice",
                       "participantRemoved")


def value(node, parent):
    name, attributes, _ = node
    members = {"@" + k: v for k, v in attributes.items()}
    if name == "uris":
        return [value(c, node) for c in inner(node)]
    if name in ENVELOPES:
        members["items"] = [{c[0]: value(c, node)} for c in inner(node)]
        return members
    if is_text(node) and parent[0] not in ("userPresence", "searchResult"):
        return dict(members, **{"#text": words(node)}) if members else words(node)
    if name in FOREIGN and words(node):
        members["#xml"] = words(node)
    for c in inner(node):
        if c[0] in MANY or parent[0] == "cwaEvents" and c[0] == "user":
            members.setdefault(c[0], []).append(value(c, node))
        else:
            members[c[0]] = value(c, node)
    return members


def pair(node):
    text = json.dumps({node[0]: value(node, ("",))}, ensure_ascii=False, separators=(",", ":"))
    return xml(node).encode("utf-8"), text


def request(*methods, sid="41"):
    return pair(e("cwaRequests", {"sid": sid} if sid else {}, *methods))


def response(*statuses, processed="1"):
    return pair(e("cwaResponses", {"requestProcessed": processed, "unexpectedElement": "0"}, *statuses))


def events(ack, *items):
    return pair(e("cwaEvents", {"sid": "41", "ackId": ack, "pollWaitTime": "1000", "sessionTimeout": "594"}, *items))


def conference(rid, conf, *children):
    return e("conference", {"rid": rid, "confId": conf}, *children)


def happened(eid, *children):
    return e("conference", {"eid": eid, "confId": "1"}, *children)


def uris(*names):
    return e("uris", {}, *[e("uri", {}, f"sip:{n}@corp.test") for n in names])


def message(content, form="text/plain"):
    return e("message", {}, e("format", {}, form), e("content", {}, content))


STATE = (f'<state xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="{SIP}state" xsi:type="userState" manual="true">'
         "<availability>6500</availability></state>")
NOTE = f'<note xmlns="{SIP}note"><body type="personal">at the \u201cdentist\u201d &amp; back</body></note>'
CARD = (f'<contactCard xmlns="{SIP}contactcard"><identity><name><displayName>Ben Ode</displayName></name>'
        "<email>ben@corp.test</email></identity></contactCard>")
FONT = "X-MMS-IM-Format: FN=Arial; EF=; CO=000000; CS=1; PF=00"


def vectors():
    yield request(e("logon", {}, e("user", {}, "CORP\\ana"), e("password", {}, "s3cret&<x> "), e("uri", {}, "sip:ana@corp.test")), sid=None)
    yield request(e("initiateSession", {"rid": "1"}, e("localeId", {}, "1033"), e("localeId", {}, "1031"), e("securityMode", {}, "private"),
                    e("userStateAvailability", {}, "3500"), e("options", {"autoPublishMachineState": "true"}), e("categoryEventFilter"),
                    e("signInData", {}, "dGVsOis0OTU1NTAxMDA=")), sid="0")
    yield request(e("terminateSession", {"rid": "2"}))
    yield request(e("addContact", {"rid": "3"}, e("contact", {"uri": "sip:ben@corp.test", "name": 'Ben "B" Ode\n', "subscribed": "true",
                                                              "tag": "false", "groups": "1 2"})),
                  e("updateContact", {"rid": "4"}, e("contact", {"uri": "sip:ben@corp.test", "name": "Ben", "tag": "true"})),
                  e("deleteContact", {"rid": "5"}, e("uri", {}, "sip:ben@corp.test")))
    yield request(e("addGroup", {"rid": "6"}, e("group", {"name": "Team \u00e9", "externalUri": ""})),
                  e("updateGroup", {"rid": "7"}, e("group", {"id": "3", "name": "Team"})), e("deleteGroup", {"rid": "8"}, e("group", {"id": "3"})))
    yield request(e("publishSelfPresence", {"rid": "9"}, e("cwaCategory", {"name": "state", "instanceMask": "536870912"}, STATE),
                    e("cwaCategory", {"name": "note", "instanceMask": "0", "expires": "-1"}, NOTE)))
    yield request(e("publishRawCategories", {"rid": "10"}, e("rawCategory", {"Name": "note", "nameSpace": SIP + "note", "instanceMask": "0",
                    "Version": "0", "Container": "400", "expireType": "user"}, NOTE)))
    yield request(e("queryPresence", {"rid": "11"}, uris("ben")), e("subscribePresence", {"rid": "12"}, uris("ben", "carla")))
    yield request(e("search", {"rid": "13"}, e("firstName"), e("lastName", {}, "O'De"), e("displayName"), e("emailAlias"), e("function", {}, "or")))
    yield request(e("acknowledgeSubscriber", {"rid": "14"}, uris("ben")), e("updateContainer", {"rid": "15"}, e("container", {"id": "32000"},
                    e("addMember", {"type": "uri", "value": "sip:ben@corp.test"}), e("deleteMember", {"type": "everyone"}),
                    e("removeMember", {"type": "user", "value": "sip:carla@corp.test"}))))
    yield request(conference("21", "0", e("initiateImSession", {}, uris("ben"), message("hello"), e("subject"))))
    yield request(conference("22", "2", e("acceptImSession")), conference("23", "2", e("sendMessage", {}, e("format", {}, FONT),
                  e("content", {}, " two\n lines\t\r\n]]> \U0001F600 "))), conference("24", "2", e("notifyComposing", {}, "composing")),
                  conference("25", "2", e("inviteParticipants", {}, uris("carla"))), conference("26", "2", e("lock", {}, "true")),
                  conference("27", "2", e("ejectParticipant", {}, "sip:ben@corp.test")),
                  conference("28", "2", e("promoteParticipant", {}, "sip:ben@corp.test")),
                  conference("29", "2", e("sendInfo", {}, e("contentType", {}, "text/plain"), e("content", {}, " Hello & "))),
                  conference("30", "2", e("terminateImSession")))
    yield response(e("requestSucceeded", {}, e("uri", {}, "sip:ana@corp.test"), e("signInData", {}, "dGVsOis0OTU1NTAxMDA=")))
    yield response(e("requestAccepted", {"rid": "1"}, e("sid", {}, "41"), e("uri", {}, "sip:ana@corp.test"), e("pollWaitTime", {}, "3000")))
    yield response(e("initiateImSessionAccepted", {"rid": "21", "confId": "1"}), e("requestInvalid", {"rid": "22"},
                   e("error", {"code": "18001", "subCode": "0", "reason": "InvalidRequest", "detail": ""})), e("requestAccepted", {"rid": "x"}))
    yield response(e("error", {"code": "18000", "warning": "w", "description": "d"}, e("stackTrace", {}, "at a(b)")), processed="0")
    yield response(e("initiateSessionAccepted", {"rid": "1", "sid": "41", "uri": "sip:ana@corp.test", "pollWaitTime": "3000"}))
    yield events("12")
    yield events("3", e("contactGroup", {"eid": "2", "fullList": "true", "deltaNum": "7"}, e("group", {"id": "1", "name": "~", "externalUri": ""}),
                        e("group", {"id": "2", "name": "Team", "externalUri": ""}),
                        e("contact", {"uri": "sip:ben@corp.test", "name": "Ben Ode", "subscribed": "true", "tag": "false", "groups": "1 2"})),
                 e("contactGroup", {"eid": "3", "fullList": "false", "deltaNum": "8"}, e("contact", {"uri": "sip:c@x.test", "name": "C",
                   "tag": "false", "groups": "", "action": "deleted"})))
    yield events("8", e("userPresence", {"eid": "7"}, e("user", {"uri": "sip:ben@corp.test", "sourceNetwork": "sameEnterprise"},
                        e("cwaCategory", {"name": "contactCard", "instance": "0", "version": "0", "publishTime": "2010-05-04T09:10:11Z"}, CARD),
                        e("cwaCategory", {"name": "note"}),
                        e("cwaCategory", {"name": "state", "instance": "1", "version": "0", "publishTime": "2010-05-04T09:12:00Z"}, STATE)),
                        e("user", {"uri": "sip:who@else.test", "sourceNetwork": "federated"})),
                 e("selfPresence", {"eid": "8"}, e("cwaCategory", {"name": "services"})))
    yield events("31", e("requestFailed", {"rid": "31", "eid": "30"}, e("error", {"code": "18201", "subCode": "0", "reason": "OCSFailureResponse",
                         "detail": ""}, e("sipResponse", {"code": "480", "reason": "Temporarily Unavailable", "warning": "", "description": "Temporarily Unavailable"}))),
                 e("requestSucceeded", {"rid": "9", "eid": "31"}))
    yield events("34", e("subscribers", {"eid": "32"}, e("subscriber", {"uri": "sip:ben@corp.test", "displayName": "Ben", "sourceNetwork":
                         "sameEnterprise", "acknowledged": "false"})), e("containers", {"eid": "33"}, e("container", {"id": "0"}),
                 e("container", {"id": "32000"}, e("member", {"type": "uri", "value": "sip:ben@corp.test"}))),
                 e("configuration", {"eid": "34"}, e("search", {"defaultFunction": "or", "defaultFields": "1111"}), e("enableAppearOffline", {}, "true"),
                   e("imComposingTimers", {"refreshInterval": "3", "timeout": "60"}), e("userNotice", {}, "This is noted.")))
    yield events("35", e("searchResult", {"eid": "35", "rid": "13", "returned": "1", "moreAvailable": "false"},
                         e("user", {"uri": "sip:ben@corp.test", "displayName": "Ben Ode", "title": "Boss", "phone": "1", "email": "ben@corp.test"})))
    yield events("36", happened("36", e("imSessionReceived", {}, e("inviter", {"uri": "sip:ben@corp.test", "name": "Ben Ode", "sourceNetwork":
                 "sameEnterprise"}), e("role", {}, "attendee"), e("escalationMode", {}, "invitingPeer"), e("subject"), message("hi", FONT))))
    yield events("48", happened("37", e("imSessionState", {}, "connected")),
                 happened("38", e("messageReceived", {"sender": "sip:ben@corp.test"}, message("<b>hi</b>"))),
                 happened("39", e("messageIdReceived", {"rid": "23", "messageId": "2-mcu"})), happened("40", e("messageSendFailed", {"rid": "24", "messageId": "2"},
                 e("error", {"code": "18201"}))), happened("41", e("composingState", {"sender": "sip:ben@corp.test"}, "idle")),
                 happened("42", e("inviteFailed", {"uri": "sip:x@corp.test"}, e("error", {"code": "18201"}))), happened("43", e("locked", {}, "true")),
                 happened("44", e("escalationMode", {}, "escalated")), happened("45", e("role", {}, "presenter")),
                 happened("46", e("participant", {"uri": "sip:carla@corp.test", "name": "Carla", "role": "attendee", "archiving": "false"})),
                 happened("47", e("participantRemoved", {}, "sip:carla@corp.test")), happened("47", e("confUri", {}, "sip:focus-1@corp.test")), happened("48", e("initiateImSessionAccepted", {"rid": "21", "confId": "1"})))
