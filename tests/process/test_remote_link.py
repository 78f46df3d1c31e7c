"""A Collaboration Service on another host: two network namespaces with one wire between them. The Dispatcher (with router and devices)
is at one end, the service (with the IM server) at the other; everything that crosses the wire is recorded.

The test starts itself again in a network namespace of its own (and a user namespace, when it is not root's)."""
import base64
import ctypes
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

if "BRAMBLE_NAMESPACE" not in os.environ:
    os.environ["BRAMBLE_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "-n", sys.executable, "-B", *sys.argv])

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import srp_peer as srp

NEAR, FAR = "10.77.0.1", "10.77.0.2"
PORT = 3200
SECRETS = ("alice", "alice-secret", "carol", "carol-secret", "Alice Archer", "words that nobody else may read")
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3


def command(*args):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))}: {done.stdout.decode()}")
    return done.stdout.decode()


class FarHost:
    """The other end of the wire: a network namespace that lives as long as a process in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo there; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.pid = self.holder.pid
        command("ip", "link", "set", "lo", "up")
        command("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(self.pid))
        command("ip", "addr", "add", f"{NEAR}/24", "dev", "near")
        command("ip", "link", "set", "near", "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{FAR}/24", "dev", "far"), ("link", "set", "far", "up")):
            command(*self.inside("ip", *words))

    def inside(self, *args):
        return ["nsenter", "-t", str(self.pid), "-n", *args]

    def run(self, function):
        """Calls the function in a thread that lives over there: its sockets are of that host."""
        result = []

        def enter():
            try:
                with open(f"/proc/{self.pid}/ns/net", "rb") as space:
                    if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((function(), None))
            except BaseException as wrong:     # to the caller, whatever it is
                result.append((None, wrong))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        value, wrong = result[0]
        if wrong:
            raise wrong
        return value

    def end(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(10)


class Capture:
    """Every byte that passes an interface, both directions."""

    def __init__(self, interface):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((interface, 0))
        self.socket.settimeout(0.1)
        self.frames = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        while True:
            try:
                self.frames.append(self.socket.recv(262144))
            except TimeoutError:
                if self.over.is_set():
                    return

    def end(self):
        if not self.over.is_set():
            self.over.set()
            self.thread.join()
            self.socket.close()
        return self.frames


def found(text, frames):
    """The ways in which the text can be read in what passed: as it is, in UTF-16, in hex, in base64."""
    raw = text.encode()
    forms = {"clear": raw, "utf-16": text.encode("utf-16-le"), "hex": raw.hex().encode()}
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw)
        forms[f"base64+{shift}"] = whole[4 if shift else 0:len(whole) // 4 * 4 - 4]
    everything = b"".join(frames)
    return [name for name, form in forms.items() if len(form) > 4 and form in everything]


class Authority:
    """A CA and certificates of it, made by the openssl command."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, address):
        request, certificate, key = (self.folder / f"{self.name}-{name}.{end}" for end in ("csr", "crt", "key"))
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName=IP:{address}\nextendedKeyUsage=serverAuth,clientAuth\n")
        command("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
                key, "-out", request)
        command("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", certificate)
        return certificate, key


class RemoteLink(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-remote-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.far = FarHost()
        cls.addClassCleanup(cls.far.end)
        cls.ours, cls.stranger = Authority(cls.folder, "ours"), Authority(cls.folder, "stranger")
        cls.near_pair, cls.far_pair = cls.ours.issue("dispatcher", NEAR), cls.ours.issue("collab", FAR)
        cls.stranger_pair = cls.stranger.issue("collab", FAR)
        cls.lab = bramble.Lab(offset=0, dir=cls.folder / "lab")
        cls.lab.up()          # for its folder: the processes are started one by one below
        cls.lab.down()
        cls.ini = cls.lab.dir / "bramble.ini"

    def setUp(self):
        self.processes = []
        self.addCleanup(self.stop)

    def stop(self):
        while self.processes:
            self.assertEqual(self.processes.pop().stop(), 0)

    def start(self, name, *options, far=False):
        log = self.folder / f"{name}.log"
        args = [f"bramble-{name}", "-c", self.ini, "--ready", *options]
        process = InNamespace(self.far if far else None, *args, log=log)
        self.processes.append(process)
        process.wait_line(lambda line: line.startswith("READY"), f"{name} is ready", 20)
        return process

    def tls(self, section, pair, authority):
        return [word for key, value in (("certificate", pair[0]), ("key", pair[1]), ("ca", authority.certificate))
                for word in ("-o", f"{section}.tls_{key}={value}")]

    def start_near(self):
        self.start("router")
        return self.start("dispatcher", "-o", f"dispatcher.listen={NEAR}:{PORT}", *self.tls("dispatcher", self.near_pair, self.ours))

    def start_far(self, pair=None, authority=None):
        groupwise = InNamespace(self.far, "bramble-sim", "groupwise", "--listen", "127.0.0.1:8300", "--world", self.lab.dir / "world.xml",
                                "--certificate", self.lab.dir / "groupwise.crt", "--key", self.lab.dir / "groupwise.key",
                                log=self.folder / "groupwise.log")
        self.processes.append(groupwise)
        return self.start("collab", "-o", f"collab.dispatcher={NEAR}:{PORT}",
                          *self.tls("collab", pair or self.far_pair, authority or self.ours), far=True)

    def status(self, name):
        return bramble.control(self.lab.dir / "run" / f"{name}.sock", "status")

    def test_a_login_crosses_the_wire_and_nobody_can_read_it(self):
        capture = Capture("near")
        self.addCleanup(capture.end)
        self.start_near()
        self.start_far()
        bramble.wait_until(lambda: self.status("collab")["linked"], "the link is up")
        with self.lab.device("alice") as alice, self.lab.device("carol") as carol:
            for who, name in ((alice, "alice"), (carol, "carol")):
                who.say(f"login {name} {name}-secret")
                who.wait({"event": "login-ok"})
            alice.say("send carol words that nobody else may read")
            carol.wait({"event": "message", "text": "words that nobody else may read"})
        self.stop()
        frames = capture.end()
        # It all went this way, and over TLS 1.3: no other version, and the recording is not empty.
        self.assertGreater(sum(map(len, frames)), 5000)
        ends = socket.inet_aton(FAR) + socket.inet_aton(NEAR)
        self.assertTrue(any(frame[26:34] == ends for frame in frames), "nothing came from the far host")
        self.assertIn("tls=yes", (self.folder / "dispatcher.log").read_text())
        hellos = [frame for frame in frames if b"\x16\x03\x03" in frame and b"\x00\x2b\x00\x02\x03\x04" in frame]
        self.assertTrue(hellos, "no ServerHello that chooses TLS 1.3")
        for text in SECRETS:
            self.assertEqual(found(text, frames), [], f"{text} can be read on the wire")

    def test_the_recording_would_show_it(self):
        """The control: over a clear loopback link the same recording holds user, password and text."""
        capture = Capture("lo")
        self.addCleanup(capture.end)
        with bramble.Lab(offset=1000) as lab, lab.device("alice") as alice, lab.device("carol") as carol:
            for who, name in ((alice, "alice"), (carol, "carol")):
                who.say(f"login {name} {name}-secret")
                who.wait({"event": "login-ok"})
            alice.say("send carol words that nobody else may read")
            carol.wait({"event": "message", "text": "words that nobody else may read"})
        frames = capture.end()
        for text in SECRETS:
            self.assertIn("clear", found(text, frames), text)

    def test_clear_is_refused_by_both_daemons(self):
        for daemon, setting, words in (("dispatcher", f"listen={NEAR}:{PORT}", ("tls_certificate", "tls_ca")),
                                       ("dispatcher", f"listen=0.0.0.0:{PORT}", ("tls_certificate", "tls_ca")),
                                       ("collab", f"dispatcher={NEAR}:{PORT}", ("tls_certificate", "tls_ca"))):
            with self.subTest(setting):
                status, _, said = bramble.run(f"bramble-{daemon}", "-c", self.ini, "-o", f"{daemon}.{setting}", timeout=30)
                self.assertEqual(status, 3, said)
                for word in words:
                    self.assertIn(word, said)

    def test_strangers_are_refused(self):
        self.start_near()
        register = srp.frame(0x15, "BBIM", "stranger", 100, 1)

        def clear():
            with srp.Peer(PORT, NEAR) as peer:
                peer.say(register)
                return self.heard(peer.socket)

        def over_tls(pair=None, newest=None):
            context = ssl.create_default_context(cafile=str(self.ours.certificate))
            if pair:
                context.load_cert_chain(*map(str, pair))
            if newest:
                context.maximum_version = newest
            with socket.create_connection((NEAR, PORT), 10) as raw:
                with context.wrap_socket(raw, server_hostname=NEAR) as s:
                    s.sendall(register)
                    return self.heard(s)

        rows = {
            "in clear": clear,
            "TLS without a certificate": over_tls,
            "TLS with another CA's certificate": lambda: over_tls(self.stranger_pair),
            "TLS 1.2 with the right certificate": lambda: over_tls(self.far_pair, ssl.TLSVersion.TLSv1_2),
        }
        for what, attempt in rows.items():
            with self.subTest(what):
                try:
                    heard = self.far.run(attempt)
                except (ssl.SSLError, ConnectionError):
                    heard = b""
                self.assertNotIn(b"\x01\x01", heard[:2], "it was answered")
                self.assertEqual(self.status("dispatcher")["services_registered"], 0)
        # The same words under the right certificate are taken: what was refused was not the words.
        heard = self.far.run(lambda: over_tls(self.far_pair))
        self.assertEqual(heard[:2], b"\x01\x01")
        self.assertIn("tls-failed", (self.folder / "dispatcher.log").read_text())

    @staticmethod
    def heard(s):
        """What comes at first; empty when it is closed instead."""
        s.settimeout(20)
        try:
            return s.recv(4096)
        except (ssl.SSLError, ConnectionError):
            return b""

    def test_the_service_refuses_a_dispatcher_of_another_ca(self):
        self.start_near()
        self.start_far(authority=self.stranger)
        log = self.folder / "collab.log"
        bramble.wait_until(lambda: "certificate" in log.read_text(), "the service says what is wrong with the certificate")
        self.assertFalse(self.status("collab")["linked"])
        self.assertEqual(self.status("dispatcher")["services_registered"], 0)


class InNamespace(bramble.Process):
    """A program of ours on the far host (or, without one, on this)."""

    def __init__(self, far, name, *args, log):
        self.far = far
        super().__init__(name, *args, log=log)

    @property
    def args(self):
        return self.words

    @args.setter
    def args(self, words):
        self.words = self.far.inside(*words) if self.far else words


if __name__ == "__main__":
    unittest.main()
