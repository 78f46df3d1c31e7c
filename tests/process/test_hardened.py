"""What the compiler and the linker can do against an attacker is in the programs, read from the files themselves. With a sanitizer some of it
is not asked for (fortified calls would hide what the sanitizer finds); then it is read from a program that is built as the others are
without one. `make check` runs this on the plain programs."""
import os
import pathlib
import platform
import re
import subprocess
import unittest

import bramble

PROGRAMS = ("bramble-router", "bramble-dispatcher", "bramble-collab", "bramble-sim", "bramble")
PLAIN = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute() / "tests" / "process" / "confined"


def read(*what):
    return subprocess.run(["readelf", "--wide", *what], stdout=subprocess.PIPE, check=True, text=True).stdout


def is_sanitized(program):
    return "__asan_init" in read("--dyn-syms", program)


class Hardened(unittest.TestCase):
    def setUp(self):
        self.programs = [pathlib.Path(bramble.program(name)) for name in PROGRAMS] + [PLAIN]

    def each(self, only_plain=False):
        plain = [p for p in self.programs if not is_sanitized(p)]
        self.assertIn(PLAIN, plain)
        for program in plain if only_plain else self.programs:
            with self.subTest(program.name):
                yield program

    def test_programs_lie_at_another_address_each_time(self):
        for program in self.each():
            self.assertRegex(read("-h", program), r"Type:\s+DYN")
            self.assertIn("PIE", re.search(r"\(FLAGS_1\).*", read("-d", program)).group())

    def test_addresses_of_functions_cannot_be_written_over_once_it_runs(self):
        for program in self.each():
            self.assertIn("GNU_RELRO", read("-l", program))
            self.assertRegex(read("-d", program), r"\(FLAGS\).*BIND_NOW|\(BIND_NOW\)")

    def test_nothing_that_can_be_written_can_be_run(self):
        for program in self.each():
            segments = read("-l", program)
            self.assertRegex(segments, r"GNU_STACK.* RW +0x")
            self.assertNotRegex(segments, r"LOAD.* RWE +0x")

    def test_a_buffer_that_overflows_on_the_stack_is_noticed(self):
        for program in self.each():
            self.assertIn("__stack_chk_fail", read("--dyn-syms", program))

    def test_calls_that_fill_buffers_know_their_size(self):
        for program in self.each(only_plain=True):
            self.assertRegex(read("--dyn-syms", program), r"__\w+_chk@")

    def test_no_text_is_relocated_and_no_library_is_looked_for_beside_the_program(self):
        for program in self.each():
            self.assertNotRegex(read("-d", program), r"\(TEXTREL\)|\(RPATH\)|\(RUNPATH\)")

    def test_functions_begin_with_the_mark_of_a_place_to_jump_to(self):
        """The note that lets a kernel enforce it takes a C library whose start files have it too, which Debian 12's have not."""
        mark = {"x86_64": "f30f1efa"}.get(platform.machine())      # endbr64; elsewhere the compiler is not asked for it
        for program in self.each() if mark else ():
            address, size = next((int(row[1], 16), int(row[2])) for row in map(str.split, read("--syms", program).splitlines())
                                 if row[3:4] == ["FUNC"] and row[-1] == "main")
            self.assertGreater(size, 4)
            for row in re.finditer(r"LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)", read("-l", program)):
                offset, start, length = (int(n, 16) for n in row.groups())
                if start <= address < start + length:
                    self.assertEqual(program.read_bytes()[address - start + offset:][:4], bytes.fromhex(mark))
                    break
            else:
                self.fail("main is in no segment")


if __name__ == "__main__":
    unittest.main()
