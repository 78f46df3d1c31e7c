"""Lines of a control socket, from docs/protocol/control.md alone."""
import json


def line(**members):
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def vectors():
    yield line(verb="status", id=1, params={}), "call status id=1"
    yield line(verb="trail", id=7, params={"pin": "2100000A", "max": 10}), 'call trail id=7 pin="2100000A" max=10'
    yield line(verb="log.level", id=9007199254740991, params={"level": "debug"}), 'call log.level id=9007199254740991 level="debug"'
    yield line(verb="x" * 63, id=0, params={"on": True, "name": "J\u00fcrgen \u20ac"}), f'call {"x" * 63} id=0 on=true name="J\u00fcrgen \u20ac"'
    yield line(id=7, ok=True, result={"entries": [], "last": 42}), 'answer id=7 ok result={"entries":[],"last":42}'
    yield line(id=8, ok=True, result=None), "answer id=8 ok result=null"
    yield (line(id=9, ok=False, error="no session 12 here", status=1),
           'answer id=9 refused status=1 error="no session 12 here"')
