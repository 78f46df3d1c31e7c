"""What Bramble is measured beside: programs of others, with a configuration made here, on loopback; each gone when its block ends."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import bramble
import instrument

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def find(name):
    return shutil.which(name, path=PATH)


def free_port():
    """Free now, and below the range from which the kernel takes the near ends of outgoing connections."""
    return bramble.free_offset((0,))


def listens(port, child, log):
    def check():
        if child.poll() is not None:
            raise RuntimeError(f"{child.args[0]} ended {child.returncode}: {pathlib.Path(log).read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    return check


@contextlib.contextmanager
def running(command, folder, port, env=None, user=None):
    """A program in the background that listens on the port, its process when it does."""
    log = pathlib.Path(folder, "log")
    with open(log, "ab") as out:
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder, env=env, user=user,
                                 group=user, extra_groups=[] if user else None)
    try:
        if port:
            bramble.wait_until(listens(port, child, log), f"{command[0]} listens")
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def folder():
    it = tempfile.mkdtemp(prefix="bramble-peer-")
    os.chmod(it, 0o755)
    try:
        yield pathlib.Path(it)
    finally:
        shutil.rmtree(it, ignore_errors=True)


@contextlib.contextmanager
def relay():
    """(listening port, backend port, pid)"""
    port, backend = free_port(), free_port()
    child = subprocess.Popen([instrument.path("bench_relay"), str(port), str(backend)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout.readline() != "READY\n":
            raise RuntimeError("bench_relay does not start")
        yield port, backend, child.pid
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()


@contextlib.contextmanager
def haproxy():
    """(listening port, backend port, pid), one thread, plain TCP; None when it is not installed."""
    if not find("haproxy"):
        yield None
        return
    with folder() as at:
        port, backend = free_port(), free_port()
        # Asked on the port of its own statistics whether it is up: a connection to the measured one would be passed on.
        stats = free_port()
        (at / "haproxy.cfg").write_text(f"""global
    nbthread 1
    maxconn 9000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
frontend devices
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server one 127.0.0.1:{backend}
listen stats
    bind 127.0.0.1:{stats}
    mode http
    stats enable
""")
        with running([find("haproxy"), "-db", "-f", at / "haproxy.cfg"], at, stats) as child:
            yield port, backend, child.pid


def certificate(at, who=None):
    """A P-256 key and a certificate signed by itself, in one file and in two."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", at / "key.pem", "-out", at / "cert.pem"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    (at / "both.pem").write_text((at / "cert.pem").read_text() + (at / "key.pem").read_text())
    if who:
        for name in (".", "key.pem", "cert.pem", "both.pem"):
            os.chown(at / name, who, who)


def unprivileged():
    """Whom to run a server as that refuses to be root, or None."""
    return 65534 if os.geteuid() == 0 else None


@contextlib.contextmanager
def prosody(users):
    """(port of TLS from the first byte, pid) with users user0001 and on, whose passwords it keeps in clear as our simulated server does."""
    if not find("prosody"):
        yield None
        return
    with folder() as at:
        port, who = free_port(), unprivileged()
        accounts = at / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True)
        for i in range(1, users + 1):
            (accounts / f"user{i:04}.dat").write_text(f'return {{ ["password"] = "user{i:04}-secret"; }};\n')
        (at / "prosody.cfg.lua").write_text(f"""
daemonize = false; pidfile = "{at}/pid"; data_path = "{at}/data"; network_backend = "epoll"
run_as_root = true
log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "disco"; }}
modules_disabled = {{ "s2s"; "offline"; "c2s_limit" }}
authentication = "internal_plain"; storage = "internal"
c2s_ports = {{}}; s2s_ports = {{}}; http_ports = {{}}; https_ports = {{}}; component_ports = {{}}
c2s_direct_tls_ports = {{ {port} }}; c2s_direct_tls_interfaces = {{ "127.0.0.1" }}
c2s_direct_tls_ssl = {{ key = "{at}/key.pem"; certificate = "{at}/cert.pem"; }}
ssl = {{ key = "{at}/key.pem"; certificate = "{at}/cert.pem"; }}
VirtualHost "localhost"
""")
        certificate(at)
        if who:
            subprocess.run(["chown", "-R", str(who), at], check=True)
        with running([find("prosody"), "--config", at / "prosody.cfg.lua", "-F"], at, port, user=who) as child:
            yield port, child.pid


@contextlib.contextmanager
def ejabberd(users):
    """The same with ejabberd and its own database; its virtual machine has one scheduler."""
    if not find("ejabberdctl"):
        yield None
        return
    with folder() as at:
        port, who = free_port(), unprivileged()
        certificate(at)
        (at / "ejabberd.yml").write_text(f"""
hosts: [localhost]
loglevel: warning
certfiles: ["{at}/both.pem"]
ca_file: "{at}/cert.pem"
auth_method: internal
auth_password_format: plain
disable_sasl_mechanisms: [scram-sha-1, scram-sha-256, scram-sha-512, digest-md5, x-oauth2]
shaper: {{ }}
shaper_rules: {{ max_user_sessions: 1000 }}
acl: {{ }}
access_rules: {{ c2s: {{ allow: all }}, register: {{ allow: all }} }}
listen:
  - {{ port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true, backlog: 512, max_stanza_size: 262144 }}
modules: {{ mod_roster: {{ }}, mod_disco: {{ }} }}
""")
        # The same program that its own script starts, without the script's search for a home and an account.
        beam = next(pathlib.Path("/usr/lib").glob("**/ebin/ejabberd.beam"), None)
        lines = "".join(f'ejabberd_auth:try_register(<<"user{i:04}">>, <<"localhost">>, <<"user{i:04}-secret">>),' for i in range(1, users + 1))
        if who:
            subprocess.run(["chown", "-R", str(who), at], check=True)
        env = dict(os.environ, HOME=str(at), EJABBERD_CONFIG_PATH=str(at / "ejabberd.yml"), SPOOL_DIR=str(at), EJABBERD_LOG_PATH=str(at / "ejabberd.log"))
        command = [find("erl"), "-noinput", "+S", "1:1", "-boot", "start_sasl", "-sasl", "sasl_error_logger", "false", "-pa", beam.parent,
                   "-mnesia", "dir", f'"{at}"', "-s", "ejabberd", "-eval",
                   f'timer:sleep(10), {lines} file:write_file("{at}/registered", <<"all">>).']
        with running(command, at, port, env=env, user=who) as child:
            bramble.wait_until((at / "registered").exists, "ejabberd knows its users")
            yield port, child.pid


@contextlib.contextmanager
def mosquitto():
    """(port of TLS, pid) of a broker that takes anyone."""
    if not find("mosquitto"):
        yield None
        return
    with folder() as at:
        port = free_port()
        certificate(at)
        (at / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {at}/cert.pem\nkeyfile {at}/key.pem\n"
                                           "user root\nlog_type error\n")
        with running([find("mosquitto"), "-c", at / "mosquitto.conf"], at, port) as child:
            yield port, child.pid
