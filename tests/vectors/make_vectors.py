#!/usr/bin/env python3
"""Makes the test vectors of every format from the format's page alone, with nothing of ours but this folder.

  tests/vectors/make_vectors.py          print all of them
  tests/vectors/make_vectors.py --write  write them to NAME.txt, where the tests read them

One module per format, named vectors_NAME.py, with a function `vectors()` that gives (bytes, text) pairs: the bytes of one
message, and what it says. A line of the file is the bytes in hex, a tab, the text."""
import glob
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def formats():
    """(name, content of its vector file) of every format."""
    for path in sorted(glob.glob(os.path.join(HERE, "vectors_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        name = module.__name__[len("vectors_"):]
        yield name, "".join(f"{raw.hex()}\t{text}\n" for raw, text in module.vectors())


def main():
    write = sys.argv[1:] == ["--write"]
    if sys.argv[1:] and not write:
        sys.exit(__doc__)
    for name, content in formats():
        if write:
            with open(os.path.join(HERE, name + ".txt"), "w", encoding="utf-8") as out:
                out.write(content)
        else:
            print(f"# {name}")
            print(content, end="")


if __name__ == "__main__":
    main()
