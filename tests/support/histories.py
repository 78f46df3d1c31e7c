"""Histories to break: a copy of the folder that processes wrote, in which a test changes a line and asks `bramble check` what it says of that."""
import json
import shutil

import bramble


def check(history, *words):
    """Exit status, what is said about each rule, and on standard error."""
    status, out, err = bramble.run("bramble", "check", history, *words, "--json")
    return status, json.loads(out) if out else None, err


def violated(result):
    return {rule["rule"]: rule["violations"] for rule in result["rules"] if rule["violated"]}


class History:
    """A copy to break: the lines of each file, whose numbers are put right when it is written."""

    def __init__(self, source, folder):
        self.folder = folder
        self.files = {f.name: [json.loads(line) for line in f.read_text().splitlines()] for f in source.glob("*.jsonl")}

    def find(self, event, where=lambda line: True, nth=0):
        """The nth line of an event in the order of time: its file's lines, and its place there."""
        found = sorted(((line["at_us"], name, i) for name, lines in self.files.items() for i, line in enumerate(lines)
                        if line["event"] == event and where(line)))
        assert found, f"no line {event} to break"
        _, name, at = found[nth]
        return self.files[name], at

    def change(self, event, where=lambda line: True, nth=0, **numbers):
        lines, at = self.find(event, where, nth)
        for name, value in numbers.items():
            if name in ("clock_ms", "at_us"):
                lines[at][name] += value
            else:
                lines[at]["numbers"][name] = value(lines[at]["numbers"][name]) if callable(value) else value
        return lines[at]

    def remove(self, event, where=lambda line: True, nth=0):
        lines, at = self.find(event, where, nth)
        return lines.pop(at)

    def repeat(self, event, where=lambda line: True, nth=0):
        lines, at = self.find(event, where, nth)
        lines.insert(at + 1, json.loads(json.dumps(lines[at])))
        return lines[at]

    def write(self):
        shutil.rmtree(self.folder, True)
        self.folder.mkdir()
        for name, lines in self.files.items():
            for seq, line in enumerate(lines, 1):
                line["seq"] = seq
            (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
        return self.folder


def number(name, value):
    return lambda line: line["numbers"].get(name) == value


def of(first, *more):
    return lambda line: first(line) and all(m(line) for m in more)
