"""Message bodies: RTF, and the UTF-8 text it says in hex. `own`: byte for byte what the page tells to write for that text;
`safe`: others' RTF that may be passed on; `rebuild`: readable, but it must not be passed on."""

HEAD = "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 "


def written(text):
    out = ""
    for char in text:
        if char in "\\{}":
            out += "\\" + char
        elif char == "\n":
            out += "\\par "
        elif ord(char) > 0x7F:
            out += f"\\u{ord(char)}?"
        else:
            out += char
    return HEAD + out + "\\par\n}"


OWN = ["", "Hi \u20ac", "a\\b{c}d", "one\ntwo\n", "tab\there", "\u00e9" * 600, "\u6f22\u5b57 \U0001f600 \uffe5", "a \\u8364? in words"]

OTHERS = [
    ("safe", "{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0\\fnil\\fcharset0 Arial;}{\\f1\\fswiss MS Sans Serif;}}\\f1\\b bold\\b0\\par}", "bold"),
    ("safe", HEAD + "a\\line b\\tab c\\~d\\emdash e\\endash\\ldblquote x\\rdblquote\\lquote y\\rquote\\par\n}",
     "a\nb\tc\u00a0d\u2014e\u2013\u201cx\u201d\u2018y\u2019"),
    ("safe", HEAD + "{\\*\\generator Riched20 5.40;}{\\info{\\author nobody}}{\\colortbl;\\red0;}in\\par\n}", "in"),
    ("safe", HEAD + "\\'e9\\'80\\par\n}", "\u00e9\u20ac"),
    ("safe", HEAD + "one\\par two\\par\\par\n}", "one\ntwo\n"),
    ("safe", "{\\rtf1{\\fonttbl{\\f0\\fcharset204 A;}{\\f1\\fcharset128 B;}}\\f0\\'cf\\f1\\'82\\'a0\\'b1\\par}", "\u041f\u3042\uff71"),
    ("safe", HEAD + "\\uc2\\u233 ab{\\uc0\\u234}c\\u235 xyd\\par\n}", "\u00e9\u00eac\u00ebd"),
    ("safe", "{\\rtf1{\\fonttbl{\\f0\\fcharset128 B;}}\\f0 x\\'83Ay\\par}", "x\u30a2y"),
    ("rebuild", HEAD + "\\u-10179?single half\\par\n}", "\ufffdsingle half"),
    ("rebuild", HEAD + "\\u-10179?\\u-8704?\\par\n}", "\U0001f600"),
    ("rebuild", HEAD + "\\u55357?\\u56832? \\u-27?\\par\n}", "\U0001f600 \uffe5"),
    ("rebuild", "{\\rtf1\\ansi no table\\par}", "no table"),
    ("rebuild", "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\f1 foreign font\\par}", "foreign font"),
    ("rebuild", "{\\rtf1\\ansi{\\fonttbl}no entry\\par}", "no entry"),
    ("rebuild", "{\\rtf1\\ansi{\\fonttbl{\\f0 A;}{\\f5 B;}}\\f5 far\\par}", "far"),
]


def vectors():
    for text in OWN:
        yield written(text).encode("ascii"), "own " + text.encode("utf-8").hex()
    for rule, rtf, text in OTHERS:
        yield rtf.encode("ascii"), f"{rule} {text.encode('utf-8').hex()}"
