"""What a daemon gives up when it has started (base/confine.h) is refused to whatever runs inside of it: programs, other processes, files that are
not its own. Tried from inside, by a library that is loaded into the real daemons and into a small program with their rights."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import unittest.mock

import bramble

OUT = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute() / "tests" / "process"
EPERM, EACCES, ENOSYS = 1, 13, 38
# What one or the other is let do; everything else is refused to all.
NEVER_ASKED = {"clone3": ENOSYS}
LET = {"none": set(), "files": {"own"}, "files and sockets": {"own", "tcp", "unix"}}
RIGHTS = {"none": 0, "files": 1, "files and sockets": 3}
DAEMONS = {"router": "none", "dispatcher": "files and sockets", "collab": "files and sockets"}


def status_of(pid, task=None):
    text = pathlib.Path(f"/proc/{pid}/task/{task or pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children_of(pid):
    return [int(child) for task in os.listdir(f"/proc/{pid}/task") for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]


class Confined(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-confine-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        (self.folder / "log").mkdir()
        (self.folder / "own").mkdir()
        (self.folder / "file").write_text("not theirs\n")
        self.env = dict(os.environ, LD_PRELOAD=str(OUT / "forbidden.so"), FORBIDDEN_LOG=str(self.folder / "log"),
                        FORBIDDEN_FILE=str(self.folder / "file"), FORBIDDEN_OWN=str(self.folder / "own"),
                        ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def told(self, pid):
        """What the kernel said to each try, once all are through."""
        log = self.folder / "log" / str(pid)
        bramble.wait_until(lambda: log.read_text().endswith("end\n"), f"process {pid} has tried everything")
        tries = dict(line.rsplit(" ", 1) for line in log.read_text().splitlines()[:-1])
        self.assertGreater(len(tries), 40)
        return {name: int(wrong) for name, wrong in tries.items()}

    def check(self, tries, profile, is_sanitized, let=None):
        let = LET[profile] if let is None else let
        self.assertEqual({name for name, wrong in tries.items() if wrong == 0}, let)
        for name, wrong in tries.items():
            # The search for leaks looks into its own process; what it was asked for here is a process that there is not.
            if name not in let and not (is_sanitized and name == "ptrace"):
                self.assertIn(wrong, (NEVER_ASKED[name],) if name in NEVER_ASKED else (EPERM, EACCES), name)
        self.assertEqual((self.folder / "file").read_text(), "not theirs\n")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["file", "log", "own"])

    def test_programs_processes_and_files_are_refused_whatever_the_rights(self):
        for profile, rights in RIGHTS.items():
            with self.subTest(profile):
                child = subprocess.Popen([OUT / "confined", str(rights), self.folder / "own"], env=self.env)
                self.assertEqual(child.wait(bramble.DEADLINE_S), 0)
                tries = self.told(child.pid)
                self.check(tries, profile, False)
                if profile == "none":
                    self.assertEqual(set(tries.values()), {EPERM, ENOSYS})

    def test_real_daemons_refuse_it_from_inside_and_work_on(self):
        with unittest.mock.patch.dict(os.environ, self.env), bramble.Lab(dir=self.folder / "own" / "lab") as lab:
            pids = {name: lab.ask(name, "status")["pid"] for name in DAEMONS}
            keeper, = children_of(pids["router"])
            for name, pid in (*pids.items(), ("keeper", keeper)):
                for task in os.listdir(f"/proc/{pid}/task"):
                    now = status_of(pid, task)
                    self.assertEqual((now["Seccomp"], now["NoNewPrivs"]), ("2", "1"), f"{name} {now['Name']}")
            for name, profile in DAEMONS.items():
                with self.subTest(name):
                    said = lab.ask(name, "status")["confined"]
                    self.assertTrue(said["seccomp"] and said["landlock"] >= 1, said)
                    os.kill(pids[name], signal.SIGUSR2)
                    tries = self.told(pids[name])
                    # Beside its run folder and its database lie those of the lab, but not this.
                    self.assertIn(tries.pop("own"), (EPERM, EACCES))
                    self.check(tries, profile, "libasan" in pathlib.Path(f"/proc/{pids[name]}/maps").read_text(), LET[profile] - {"own"})
            with lab.device("alice") as alice:
                alice.say(f"login alice {bramble.password('alice')}")
                alice.wait({"event": "login-ok"})
            self.assertEqual(lab.ask("router", "srp.reload")["identities"], 1)

            # What keeps the Router's files speaks with nobody, and ends with it, however it ends.
            def held():
                with contextlib.suppress(FileNotFoundError):      # the file that it has just handed over
                    return sorted(os.readlink(f"/proc/{keeper}/fd/{fd}").partition(":")[0] for fd in os.listdir(f"/proc/{keeper}/fd"))
            bramble.wait_until(lambda: held() == ["/dev/null"] * 3 + ["socket"], "the keeper holds nothing but its socket")
            lab.tool("lab", "kill", "router")
            bramble.wait_until(lambda: not bramble.is_alive(keeper), "the keeper has ended with its router")

    def test_a_router_whose_keeper_is_gone_says_so_and_works_on(self):
        with bramble.Lab() as lab:
            keeper, = children_of(lab.ask("router", "status")["pid"])
            os.kill(keeper, signal.SIGKILL)
            with self.assertRaisesRegex(RuntimeError, "cannot open the SRP identities .*; the identities read before stay in use"):
                lab.ask("router", "srp.reload")
            with lab.device("alice") as alice:
                alice.say(f"login alice {bramble.password('alice')}")
                alice.wait({"event": "login-ok"})

    def test_without_it_a_daemon_says_so(self):
        with bramble.Lab("--option", "common.confine=no") as lab:
            pid = lab.ask("router", "status")["pid"]
            self.assertEqual(lab.ask("router", "status")["confined"], {"seccomp": False, "landlock": 0})
            self.assertEqual((status_of(pid)["Seccomp"], status_of(pid)["NoNewPrivs"], children_of(pid)), ("0", "0", []))
            self.assertIn("confined seccomp=no landlock=0", (lab.dir / "log" / "router.log").read_text())


if __name__ == "__main__":
    unittest.main()
