"""Opens with the Python writing of the pages what our C code seals: the other direction of test_channel.c."""
import os
import subprocess
import unittest

import make_gme_vectors as page

SEALED = ("envelope ", "receipt ", "resume ", "no-service ")


class Sealed(unittest.TestCase):
    def test_python_opens_what_we_seal(self):
        program = os.path.join(os.environ["BRAMBLE_OUT"], "tests/vectors/test_channel")
        text = subprocess.run([program, "--seal"], stdout=subprocess.PIPE, check=True).stdout.decode()
        blocks = text.split("message ")[1:]
        self.assertEqual(len(blocks), 24)
        drawn = set()
        for block in blocks:
            lines = block.splitlines()
            with self.subTest(lines[0]):
                suite, key_id, secret = lines[1].split()[1:]
                clear = bytes.fromhex(lines[3][len("clear "):])
                envelopes = [bytes.fromhex(line.split()[1]) for line in lines[4:]]
                opened = page.open_message(suite, key_id.encode(), bytes.fromhex(secret), page.SERVICE, page.DEVICE, envelopes)
                self.assertEqual(opened, (int(lines[2].split()[1]), clear))
                drawn.update(envelope[-40:] for envelope in envelopes)
        # Fresh keys for every packet: no two ends are alike.
        self.assertEqual(len(drawn), text.count("envelope "))

    def test_the_vectors_are_what_the_script_makes(self):
        made = subprocess.run(["python3", "-B", page.__file__], stdout=subprocess.PIPE, check=True).stdout.decode()
        with open("tests/vectors/channel.txt", encoding="ascii") as file:
            # DEFLATE may be written in more than one way by another zlib, and is in what answers are made of; the rest may not differ.
            strip = [line for line in file.read().splitlines() if not line.startswith(SEALED)]
        self.assertEqual([line for line in made.splitlines() if not line.startswith(SEALED)], strip)


if __name__ == "__main__":
    unittest.main()
