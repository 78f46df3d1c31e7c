"""The disk under the database, the histories and the logs is full, read-only or broken, and the database's file is damaged: a clear refusal or
correct work, and never a seat too many."""
import errno
import os
import pathlib
import random
import shutil
import tempfile
import unittest

import chaos

OUT = pathlib.Path(os.environ["BRAMBLE_OUT"])
DAMAGES = int(os.environ.get("CHAOS_ROUNDS") or 6)
DAMAGED_S = 0.7


class Disk(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-disk-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        env = dict(os.environ, LD_PRELOAD=str(OUT / "tests" / "process" / "disk_faults.so"), DISK_FAULTS=str(self.folder / "faults"),
                   ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        self.lab = self.enterContext(chaos.Chaos(1, env=env, settings=("common.confine=no",)))      # the preload reads a file of its own
        self.enterContext(chaos.replayable(self.lab, self.id()))
        self.lab.steady()

    def fail(self, number, word):
        """What is written to paths with the word in them."""
        (self.folder / "new").write_text(f"{number} {word}\n")
        (self.folder / "new").rename(self.folder / "faults")

    def mended(self):
        (self.folder / "faults").unlink()

    def log(self, name):
        return (self.lab.lab.dir / "log" / f"{name}.log").read_text()

    def test_a_database_that_takes_no_writes_lets_no_one_in_and_ends_no_session(self):
        for number in (errno.ENOSPC, errno.EROFS, errno.EIO):
            self.lab.steady()
            self.lab.hold_still()
            for phone in self.lab.phones.values():
                phone.refused = None
            self.fail(number, "bramble.db")
            # Somebody must have a place to take: a login that finds none writes nothing, and is Server Busy.
            self.lab.log_out(2)
            self.lab.until(self.lab.no_login_but_refused, "each login is told that the database is away")
            seated = {p.pin for p in self.lab.phones.values() if p.state == "online"}
            logins = self.lab.counts["logins"]
            self.lab.pass_(1)
            self.assertEqual((self.lab.counts["logins"], {p.pin for p in self.lab.phones.values() if p.state == "online"}), (logins, seated))
            self.mended()
            self.lab.back(chaos.now_s())
            self.lab.settle(os.strerror(number))
        self.lab.end()

    def test_a_full_disk_under_logs_and_histories_ends_these_and_nothing_else(self):
        self.fail(errno.ENOSPC, "/log/")
        since = chaos.now_s()
        self.lab.back(since)
        for name in ("router", "dispatcher", "collab", "groupwise"):
            self.lab.ask(name, "log.level", level="debug") if name != "groupwise" else None
        self.lab.steady()
        self.mended()
        self.fail(errno.ENOSPC, "/history/")
        self.lab.back(chaos.now_s())
        self.lab.steady()
        self.mended()
        self.lab.quiet()
        self.assertEqual(self.lab.processes(), self.lab.pids)
        for name in ("router", "dispatcher", "collab", "groupwise"):
            with self.subTest(process=name):
                self.assertEqual(self.log(name).count("cannot be written: No space left on device; it ends here"), 1)
        # What histories do not say is unknown, and no violation.
        self.lab.check("histories that ended")


class Damaged(unittest.TestCase):
    """Service and Dispatcher are started on a database file that was damaged while nobody had it open."""

    @staticmethod
    def damage(file, dice):
        """In one of several ways; says which."""
        data = bytearray(file.read_bytes())
        how = dice.choice(("flips", "flips", "header", "page", "cut", "cut"))
        if how == "cut":
            del data[dice.randrange(len(data)):]
        elif how == "page":
            at = 4096 * dice.randrange(len(data) // 4096)
            data[at:at + 4096] = dice.randbytes(4096)
        else:
            for _ in range(dice.choice((1, 8, 200))):
                data[dice.randrange(100 if how == "header" else len(data))] ^= 1 << dice.randrange(8)
        file.write_bytes(data)
        return f"{how}, {len(data)} bytes"

    def test_a_damaged_database_is_refused_with_a_sentence_or_served_and_never_over_its_limits(self):
        seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1, 1 << 30))
        with chaos.Chaos(seed) as lab, chaos.replayable(lab, f"CHAOS_SEED={seed} make test ONLY=chaos_disk"):
            lab.steady()
            lab.settle("before")
            file, good = lab.lab.dir / "bramble.db", lab.folder / "good.db"
            outcomes, allowed = {"refused": 0, "served": 0}, chaos.SEATS
            lab.stop_all("collab", "dispatcher")
            shutil.copy(file, good)
            for n in range(DAMAGES):
                how = self.damage(file, lab.random)
                outcome = "served"
                for name in ("dispatcher", "collab"):
                    outcome = lab.try_to_start(name) or outcome
                chaos.say(f"{n + 1} of {DAMAGES}, seed {seed}: {how}: {outcome}")
                if outcome != "served":
                    self.assertRegex(outcome, r"bramble\.db|database", how)
                outcomes["served" if outcome == "served" else "refused"] += 1
                if outcome == "served":
                    # A flipped bit may have hit the limit itself: then that is the limit.
                    allowed = max(allowed, lab.ask("collab", "status")["limits"]["max_sessions"] or len(lab.phones))
                lab.pass_(DAMAGED_S)
                lab.stop_all("collab", "dispatcher")
                for beside in ("-wal", "-shm"):
                    pathlib.Path(f"{file}{beside}").unlink(missing_ok=True)
                shutil.copy(good, file)
            chaos.say(f"damaged: {outcomes}")
            self.assertGreater(outcomes["refused"], 0)
            for name in ("dispatcher", "collab"):
                lab.restarted(name)
            lab.back(chaos.now_s())
            lab.quiet()
            self.assertEqual(lab.processes(), lab.pids)
            # The ids of sessions begin anew with each copy, so the histories are none; the IM server counts for itself.
            self.assertLessEqual(lab.ask("groupwise", "census")["sessions_most"], allowed)


if __name__ == "__main__":
    unittest.main()
