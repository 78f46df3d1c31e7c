#!/usr/bin/env python3
"""What is under samples/deploy can be installed as it is: systemd finds its units good and little exposed, the daemons know the settings
that the units give them, images hold the libraries that the programs need, and containers start what the script of three hosts starts."""
import configparser
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import bramble

DEPLOY = pathlib.Path(HERE, "..", "..", "samples", "deploy")
UNITS = DEPLOY / "systemd"
PROGRAMS = ("bramble", "bramble-router", "bramble-dispatcher", "bramble-collab", "bramble-sim")
DAEMONS = ("router", "dispatcher", "collab")
OF_THE_SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libasan.so.8"}
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

    def test_the_units_let_daemons_give_up_more_by_themselves(self):
        conf = (UNITS / "bramble-.service.d" / "hardened.conf").read_text()
        allowed = [call for line in re.findall(r"^SystemCallFilter=([^~].*)$", conf, re.M) for call in line.split()]
        used = set(re.findall(r"SYS_(landlock_\w+)", (DEPLOY / ".." / ".." / "base" / "confine.c").read_text()))
        self.assertEqual(len(used), 3)
        self.assertEqual((used | {"seccomp"}) - set(allowed), set())

    def test_a_user_for_each_daemon_is_made(self):
        made = [line.split()[1] for line in (UNITS / "bramble-sysusers.conf").read_text().splitlines() if line.startswith("u ")]
        self.assertEqual(made, [f"bramble-{name}" for name in DAEMONS])


class Containers(unittest.TestCase):
    def test_the_image_has_the_libraries_that_the_programs_name(self):
        image = (DEPLOY / "Containerfile").read_text().rpartition("FROM ")[2]
        packages = set(re.findall(r"[a-z0-9][a-z0-9.+-]+", image))
        needed = {}
        for name in PROGRAMS:
            named = set(re.findall(r"NEEDED.*\[(.*)\]", said("readelf", "-d", bramble.program(name))[1]))
            self.assertIn("libc.so.6", named)
            found = dict(re.findall(r"^\s*(\S+) => (/\S+)", said("ldd", bramble.program(name))[1], re.M))
            needed.update((library, found[library]) for library in named - OF_THE_SYSTEM)
        owned = said("dpkg", "-S", *{path for found in needed.values() for path in (found, f"/usr{found}", os.path.realpath(found))})[1]
        owners = dict(reversed(line.split(": ", 1)) for line in owned.splitlines() if line.startswith("lib") or line.startswith("zlib"))
        for library, found in needed.items():
            owner = next(owners[path] for path in (found, f"/usr{found}", os.path.realpath(found)) if path in owners)
            self.assertIn(owner.split(":")[0], packages, library)

    def test_containers_start_what_the_script_of_three_hosts_starts(self):
        services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        script = (DEPLOY / "three-hosts").read_text()
        self.assertEqual(sorted(services), sorted(re.search(r'^NAMES="(.*)"$', script, re.M).group(1).split()))
        addresses = dict(re.findall(r"\[(\w+)\]=(10\.77\.0\.\d+)", script))
        hosts = {"postgres": "c", "router-a": "a", "router-b": "b", "groupwise": "outside"}
        for name, service in services.items():
            with self.subTest(name):
                first = service.get("network_mode", f"service:{name}").removeprefix("service:")
                self.assertEqual(services[first]["networks"]["bramble"]["ipv4_address"], addresses[hosts[first]])
                self.assertTrue(service["read_only"] and service["cap_drop"] == ["ALL"])
                if first[-2:] in ("-a", "-b"):
                    self.assertEqual(service["command"][1:], ["-c", f"${{FOLDER}}/{name[-1]}/bramble.ini"])


if __name__ == "__main__":
    unittest.main()
