"""What all daemons do the same way: options, settings, readiness, control socket, end."""
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import unittest

import bramble

DAEMONS = ["router", "dispatcher", "collab"]


class TestOptions(unittest.TestCase):
    def test_help_version_and_wrong_words(self):
        for name in DAEMONS:
            program = f"bramble-{name}"
            status, out, _ = bramble.run(program, "--help")
            self.assertEqual(status, 0)
            for word in (program, "--config", "--option", "--test", "--show", "--clock", "Exit status"):
                self.assertIn(word, out)
            self.assertRegex(bramble.run(program, "-V")[1], rf"^{program} \d")
            for words, said in [(["--confg", "x"], "did you mean config?"), (["-c"], "-c"), (["extra"], "extra"), (["-x"], "-x"),
                                (["--clock", "fast"], "fast"), (["--clock=manual:x"], "manual:x")]:
                status, _, err = bramble.run(program, *words)
                self.assertEqual(status, 2, err)
                self.assertIn(said, err)

    def test_bad_settings_end_with_status_3_and_the_line(self):
        with tempfile.TemporaryDirectory() as folder:
            ini = pathlib.Path(folder, "bramble.ini")
            for name in DAEMONS:
                for text, said in [(f"[{name}]\nlog_levl = info\n", ["bramble.ini:2", "did you mean log_level?"]),
                                   ("[common]\nlog_level = loud\n", ["log_level", "loud"]), ("[comon]\n", ["bramble.ini:1", "common"]),
                                   ("[common]\nrun_dir =\n", ["run_dir"])]:
                    ini.write_text(text)
                    status, _, err = bramble.run(f"bramble-{name}", "-t", "-c", ini)
                    self.assertEqual(status, 3, (name, text, err))
                    for words in said:
                        self.assertIn(words, err)
                status, _, err = bramble.run(f"bramble-{name}", "-t", "-c", f"{folder}/none.ini")
                self.assertEqual(status, 3)
                self.assertIn("none.ini", err)
                self.assertEqual(bramble.run(f"bramble-{name}", "-t", "-o", f"{name}.nothing=1")[0], 3)

    def test_what_show_prints_is_a_settings_file(self):
        with tempfile.TemporaryDirectory() as folder:
            ini = pathlib.Path(folder, "shown.ini")
            for name in DAEMONS:
                status, out, _ = bramble.run(f"bramble-{name}", "-T", "-o", "common.log_level=debug")
                self.assertEqual(status, 0)
                self.assertIn("log_level = debug\n", out)
                ini.write_text(out)
                self.assertEqual(bramble.run(f"bramble-{name}", "-T", "-c", ini)[1], out)


class TestLife(unittest.TestCase):
    """The router alone: it needs no database."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-daemon-"))
        keys = self.folder / "srp.keys"
        keys.write_text("T00000001 " + "ab" * 20 + "\n")
        keys.chmod(0o600)
        self.ini = self.folder / "bramble.ini"
        self.ini.write_text("[router]\nlisten = 127.0.0.1:0\nidentities = srp.keys\n")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def ask(self, verb, **params):
        return bramble.control(self.folder / "run" / "router.sock", verb, **params)

    def test_ready_is_told_to_a_socket_by_path_by_abstract_name_and_in_words(self):
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(path)
            heard.settimeout(bramble.DEADLINE_S)
            with bramble.Process("bramble-router", "-c", self.ini, env=dict(os.environ, NOTIFY_SOCKET=path)) as router:
                self.assertEqual(heard.recv(100).decode(), f"READY=1\nMAINPID={router.child.pid}\n")
        with bramble.Notify() as notify:
            with bramble.Process("bramble-router", "-c", self.ini, env=dict(os.environ, NOTIFY_SOCKET=notify.address)):
                notify.wait()
        with bramble.Process("bramble-router", "-c", self.ini, "--ready") as router:
            router.wait_line(lambda line: line == "READY", "READY")
            self.assertEqual(self.ask("status")["pid"], router.child.pid)

    def test_verbs_that_every_daemon_has(self):
        with bramble.Process("bramble-router", "-c", self.ini, "--ready") as router:
            router.wait_line(lambda line: line == "READY", "READY")
            status = self.ask("status")
            self.assertEqual((status["name"], status["ready"], status["log_level"]), ("router", True, "info"))
            self.assertEqual(self.ask("log.level", level="debug"), {"level": "debug"})
            self.assertEqual(self.ask("status")["log_level"], "debug")
            self.assertEqual(self.ask("trail")["entries"], [])
            self.assertFalse(self.ask("clock.show")["manual"])
            for verb, params, said in [("log.level", {"level": "loud"}, "loud"), ("trail", {"pin": "xyz"}, "hex"),
                                       ("trail", {"pim": "1"}, "did you mean pin?"), ("statsu", {}, "did you mean status?"),
                                       ("clock.advance", {"to_ms": 5}, "--clock")]:
                with self.assertRaisesRegex(RuntimeError, said):
                    self.ask(verb, **params)
            self.assertEqual(router.stop(), 0)
        self.assertFalse((self.folder / "run" / "router.sock").exists())

    def test_asking_again_and_again_does_not_end_it_in_the_middle_of_ending(self):
        for _ in range(5):
            with bramble.Process("bramble-router", "-c", self.ini, "--ready") as router:
                router.wait_line(lambda line: line == "READY", "READY")
                while router.child.poll() is None:
                    router.child.send_signal(signal.SIGTERM)
                self.assertEqual(router.child.returncode, 0)

    def test_a_second_one_in_the_same_run_dir_is_refused_and_a_stale_socket_is_not(self):
        with bramble.Process("bramble-router", "-c", self.ini, "--ready") as router:
            router.wait_line(lambda line: line == "READY", "READY")
            status, _, err = bramble.run("bramble-router", "-c", self.ini)
            self.assertEqual(status, 4)
            self.assertIn("router.sock", err)
            router.child.kill()
            router.child.wait()
            self.assertTrue((self.folder / "run" / "router.sock").exists())
            with bramble.Process("bramble-router", "-c", self.ini, "--ready") as again:
                again.wait_line(lambda line: line == "READY", "READY")
                self.assertTrue(self.ask("status")["ready"])

    def test_a_taken_port_is_status_4(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            status, _, err = bramble.run("bramble-router", "-c", self.ini, "-o", f"router.listen=127.0.0.1:{port}")
        self.assertEqual(status, 4, err)
        self.assertIn(str(port), err)

    def test_a_missing_database_is_status_5(self):
        for name in ("dispatcher", "collab"):
            status, _, err = bramble.run(f"bramble-{name}", "-o", f"common.run_dir={self.folder}/run", "-o",
                                         f"common.database={self.folder}/none.db", *(["-o", "collab.trust=none"] if name == "collab" else []))
            self.assertEqual(status, 5, err)
            self.assertIn("none.db", err)

    def test_the_clock_stands_until_it_is_moved(self):
        with bramble.Process("bramble-router", "-c", self.ini, "--ready", "--clock=manual:5s") as router:
            router.wait_line(lambda line: line == "READY", "READY")
            self.assertEqual(self.ask("clock.show")["now_ms"], 5000)
            self.assertEqual(self.ask("clock.advance", to_ms=65000)["now_ms"], 65000)
            with self.assertRaisesRegex(RuntimeError, "never goes back"):
                self.ask("clock.advance", to_ms=64999)


if __name__ == "__main__":
    unittest.main()
