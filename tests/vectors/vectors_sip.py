"""SIP messages as docs/protocol/ocs.md shows them: what a client of Communications Servers and its server say."""


def message(start, *headers, body=""):
    raw = body.encode()
    return "\r\n".join([start, *headers, f"Content-Length: {len(raw)}"]).encode() + b"\r\n\r\n" + raw


ANA = "From: <sip:ana@corp.test>;tag=93842;epid=abb2cb12b77f"
OURS = "sip:ana@corp.test;opaque=user:epid:Qm9iJ3MgZXBpZCBpcyBoZQ;gruu"
SDP = "v=0\r\no=- 0 0 IN IP4 10.0.0.1\r\ns=session\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n"


def vectors():
    yield message("REGISTER sip:corp.test SIP/2.0", "Via: SIP/2.0/TLS 127.0.0.1:36554;branch=z9hG4bK1A", ANA, "To: <sip:ana@corp.test>",
                  "Max-Forwards: 70", "CSeq: 1 REGISTER", "Call-ID: 9d2f",
                  'Contact: <sip:127.0.0.1:36554;transport=tls;ms-opaque=d3>;methods="INVITE, MESSAGE, ACK, REFER, BENOTIFY";proxy=replace;'
                  '+sip.instance="<urn:uuid:4a>"',
                  "Supported: gruu-10, adhoclist, msrtc-event-categories", "Event: registration", "Allow-Events: presence",
                  "ms-keep-alive: UAC;hop-hop=yes"), (
        "REGISTER sip:corp.test from sip:ana@corp.test tag=93842 epid=abb2cb12b77f to sip:ana@corp.test call 9d2f 1 REGISTER "
        "contact sip:127.0.0.1:36554;transport=tls;ms-opaque=d3 instance=<urn:uuid:4a> branch z9hG4bK1A")
    yield message("SIP/2.0 200 OK", "Via: SIP/2.0/TLS 127.0.0.1:36554;branch=z9hG4bK1A", ANA, "To: <sip:ana@corp.test>;tag=77", "Call-ID: 9d2f",
                  "CSeq: 1 REGISTER", f'Contact: <sip:127.0.0.1:36554;transport=tls>;expires=7200;+sip.instance="<urn:uuid:4a>";gruu="{OURS}"',
                  "Expires: 7200", "Supported: adhoclist", "Supported: msrtc-event-categories", "Server: RTC/3.0"), (
        "200 OK from sip:ana@corp.test tag=93842 epid=abb2cb12b77f to sip:ana@corp.test tag=77 call 9d2f 1 REGISTER "
        "contact sip:127.0.0.1:36554;transport=tls instance=<urn:uuid:4a> expires=7200 branch z9hG4bK1A")
    yield message(f"INVITE {OURS} SIP/2.0", "Via: SIP/2.0/tcp 127.0.0.1:9", 'From: "Ben, \\"B\\"" <sip:ben@corp.test>;tag=5;epid=0b;x-new="a;b"',
                  "To: <sip:ana@corp.test>", "Call-ID: 5f@x", "CSeq: 12 INVITE", "Supported: ms-sender", "Ms-Conversation-ID: 7",
                  "Ms-Text-Format: text/plain; charset=UTF-8;ms-body=aGk=", "Content-Type: application/sdp", body=SDP), (
        f"INVITE {OURS} from sip:ben@corp.test tag=5 epid=0b to sip:ana@corp.test call 5f@x 12 INVITE im text=hi")
    yield message("MESSAGE sip:ana@corp.test SIP/2.0", "Via: SIP/2.0/TLS a.test;branch=z9hG4bKa, SIP/2.0/TLS b.test;branch=z9hG4bKb",
                  "From: sip:ben@corp.test;tag=5", "To: <SIP:Ana@Corp.Test>;tag=9", "Call-ID: 5f@x", "CSeq: 13 MESSAGE",
                  "Content-Type: text/plain; charset=UTF-8", body="h\u00e9llo \U0001f600"), (
        "MESSAGE sip:ana@corp.test from sip:ben@corp.test tag=5 to sip:ana@corp.test tag=9 call 5f@x 13 MESSAGE branch z9hG4bKa")
    yield message("BENOTIFY sip:127.0.0.1:36554;transport=tls SIP/2.0", "Via: SIP/2.0/TLS ocs.corp.test:5061;branch=z9hG4bKq", "From: <sip:ana@corp.test>;tag=1",
                  ANA.replace("From", "To"), "Call-ID: s1", "CSeq: 2 BENOTIFY", "Event: vnd-microsoft-roaming-contacts",
                  "subscription-state: active;expires=3600", "Content-Type: application/vnd-microsoft-roaming-contacts+xml",
                  body='<contactDelta deltaNum="2" prevDeltaNum="1"/>'), (
        "BENOTIFY sip:127.0.0.1:36554;transport=tls from sip:ana@corp.test tag=1 to sip:ana@corp.test tag=93842 epid=abb2cb12b77f "
        "call s1 2 BENOTIFY branch z9hG4bKq")
