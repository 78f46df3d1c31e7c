"""Events of Messenger servers."""
import groupwise_examples
from groupwise_page import event, text, u16, u32

BOB = "CN=bob,O=acme"
GUID = "[3F2A1B0C-00000457-00000001-0001-0000]"
RTF = "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 Hi \\u8364?\\par\n}"


def messages():
    yield event(101, ""), 'event 101 invalid-recipient source=""', None
    yield event(102, BOB, text(GUID)), f'event 102 undeliverable source="{BOB}" conference={GUID}', None
    yield event(103, BOB, u16(4), text("lunch")), f'event 103 status source="{BOB}" status=4 (away) text=lunch', \
        groupwise_examples.STATUS_EVENT
    yield event(103, BOB, u16(1), text("")), f'event 103 status source="{BOB}" status=1 (offline) text=""', None
    yield event(104, BOB), f'event 104 contact-added source="{BOB}"', None
    yield event(105, BOB, text(GUID)), f'event 105 conference-closed source="{BOB}" conference={GUID}', None
    yield event(106, BOB, text(GUID), u32(1)), f'event 106 joined source="{BOB}" conference={GUID} flags=0x1', None
    yield event(107, BOB, text(GUID), u32(0x10000000)), f'event 107 left source="{BOB}" conference={GUID} flags=0x10000000', None
    shown = RTF.replace("\\", "\\x5c").replace("\n", "\\x0a")
    yield event(108, BOB, text(GUID), u32(0), text(RTF)), \
        f'event 108 message source="{BOB}" conference={GUID} flags=0x0 text="{shown}"', groupwise_examples.MESSAGE_EVENT
    yield event(109, BOB), f'event 109 file source="{BOB}"', None
    yield event(112, BOB, text(GUID)), f'event 112 typing source="{BOB}" conference={GUID}', groupwise_examples.TYPING_EVENT
    yield event(113, BOB, text(GUID)), f'event 113 typing-stopped source="{BOB}" conference={GUID}', None
    yield event(114, BOB), f'event 114 signed-on-elsewhere source="{BOB}"', None
    yield event(115, BOB), f'event 115 server-down source="{BOB}"', None
    yield event(117, BOB, text(GUID), text("come in")), \
        f'event 117 invitation source="{BOB}" conference={GUID} text="come in"', None
    yield event(118, BOB, text(GUID)), f'event 118 other-invited source="{BOB}" conference={GUID}', None
    yield event(119, BOB, text(GUID)), f'event 119 rejected source="{BOB}" conference={GUID}', None
    yield event(121, BOB, text(GUID), u32(0), text("back at two")), \
        f'event 121 auto-reply source="{BOB}" conference={GUID} flags=0x0 text="back at two"', None
    yield event(122, BOB, text("fire drill")), f'event 122 broadcast source="{BOB}" text="fire drill"', None
    yield event(123, BOB, text("fire drill")), f'event 123 system-broadcast source="{BOB}" text="fire drill"', None


def vectors():
    for raw, shown, printed in messages():
        assert printed is None or raw == printed, shown
        yield raw, shown
