"""A key distribution centre of its own on loopback, with Debian's programs: realm CORP.TEST, the users that are asked for, and the key of
HTTP/localhost in a keytab.

    with kdc.Kdc(bob="bob-secret") as realm:
        ... realm.env, realm.keytab"""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import bramble


def need(program):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        if os.access(os.path.join(folder, program), os.X_OK):
            return os.path.join(folder, program)
    raise AssertionError(f"{program} is needed: make test-deps installs it")


class Kdc:
    def __init__(self, **users):
        self.dir = tempfile.mkdtemp(prefix="bramble-kdc-")
        self.keytab = f"{self.dir}/keytab"
        self.users = users
        self.process = None
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        pathlib.Path(self.dir, "krb5.conf").write_text(f"""[libdefaults]
 default_realm = CORP.TEST
 dns_canonicalize_hostname = false
 rdns = false
 dns_lookup_kdc = false
 udp_preference_limit = 1
[realms]
 CORP.TEST = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = CORP.TEST
""")
        pathlib.Path(self.dir, "kdc.conf").write_text(f"""[realms]
 CORP.TEST = {{
  database_name = {self.dir}/principal
  key_stash_file = {self.dir}/stash
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
  acl_file = {self.dir}/acl
 }}
""")
        self.env = dict(os.environ, KRB5_CONFIG=f"{self.dir}/krb5.conf", KRB5_KDC_PROFILE=f"{self.dir}/kdc.conf",
                        KRB5CCNAME=f"FILE:{self.dir}/cache", KRB5RCACHETYPE="none")

    def start(self):
        self._run("kdb5_util", "create", "-s", "-r", "CORP.TEST", "-P", "master-key")
        for command in [f"addprinc -pw {password} {user}" for user, password in self.users.items()] + [
                "addprinc -randkey HTTP/localhost", f"ktadd -k {self.keytab} HTTP/localhost"]:
            self._run("kadmin.local", "-r", "CORP.TEST", "-q", command)
        self.process = subprocess.Popen([need("krb5kdc"), "-n", "-P", f"{self.dir}/pid"], env=self.env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        user, password = next(iter(self.users.items()))

        def has_a_ticket():
            done = subprocess.run([need("kinit"), user], input=password + "\n", text=True, env=self.env, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
            return done.returncode == 0
        bramble.wait_until(has_a_ticket, "the KDC gives a ticket", every_s=0.2)
        return self

    def _run(self, program, *args):
        done = subprocess.run([need(program), *args], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{program} {args}: {done.stdout}")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
