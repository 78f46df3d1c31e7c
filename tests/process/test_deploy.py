#!/usr/bin/env python3
"""What is under samples/deploy can be installed as it is: systemd finds its units good and little exposed, and the daemons know the
settings that the units give them."""
import configparser
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import bramble

UNITS = pathlib.Path(HERE, "..", "..", "samples", "deploy", "systemd")
DAEMONS = ("router", "dispatcher", "collab")
EXPOSURE = 20           # of 100: systemd prints a tenth of it


def said(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


class Units(unittest.TestCase):
    """In a folder that stands for the root of a machine."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="bramble-units-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        units, programs = cls.root / "etc/systemd/system", cls.root / "usr/bin"
        shutil.copytree(UNITS, units)
        shutil.copytree("/lib/systemd/system", cls.root / "lib/systemd/system", symlinks=True)
        programs.mkdir(parents=True)
        for name in DAEMONS:
            shutil.copy("/bin/true", programs / f"bramble-{name}")

    def test_systemd_finds_each_unit_good(self):
        status, out = said("systemd-analyze", "verify", f"--root={self.root}", *(f"bramble-{name}.service" for name in DAEMONS))
        self.assertEqual((status, [line for line in out.splitlines() if "bramble" in line]), (0, []), out)

    def test_each_daemon_is_exposed_below_2_0(self):
        for name in DAEMONS:
            with self.subTest(name):
                status, out = said("systemd-analyze", "security", "--offline=true", f"--root={self.root}", "--no-pager",
                                   f"--threshold={EXPOSURE}", f"bramble-{name}.service")
                self.assertEqual(status, 0, out)
                self.assertIn(f"Overall exposure level for bramble-{name}.service", out)

    def test_each_daemon_knows_the_settings_that_its_unit_gives_it(self):
        for name in DAEMONS:
            with self.subTest(name):
                unit = configparser.RawConfigParser(strict=False)
                unit.optionxform = str
                unit.read(UNITS / f"bramble-{name}.service")
                program, *options = shlex.split(unit["Service"]["ExecStart"])
                self.assertEqual(pathlib.Path(program).name, f"bramble-{name}")
                self.assertEqual(options[:2], ["-c", "/etc/bramble/bramble.ini"])
                for letter, folder in (("%t", "/run"), ("%S", "/var/lib"), ("%d", "/run/credentials")):
                    options = [option.replace(letter, folder) for option in options]
                status, out, err = bramble.run(f"bramble-{name}", "-c", UNITS / ".." / ".." / "bramble.ini", *options[2:], "-T")
                self.assertEqual(status, 0, err)
                for option in options[3::2]:
                    key, value = option.split("=", 1)
                    self.assertIn(f"\n{key.split('.')[1]} = {value}\n", out)

    def test_a_user_for_each_daemon_is_made(self):
        made = [line.split()[1] for line in (UNITS / "bramble-sysusers.conf").read_text().splitlines() if line.startswith("u ")]
        self.assertEqual(made, [f"bramble-{name}" for name in DAEMONS])


if __name__ == "__main__":
    unittest.main()
