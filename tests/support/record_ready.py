"""Plays every ready scenario with histories, makes a scenario of these again, and plays that: it must come to the same on either IM system.
`make soak PARTS=records`; words choose scenarios by their names. The two long ones are left out: they are what a person would not play."""
import pathlib
import shutil
import sys
import tempfile

import bramble
import scenarios


def play(folder, *args):
    env = dict(bramble.gss_env(), TMPDIR=str(folder))
    return bramble.run("bramble-sim", "run", *args, timeout=600, env=env)


def again(path, backend, folder):
    """What went wrong; "" when all went well."""
    status, out, err = play(folder, "--backend", backend, "--check-history", "--keep", path)
    if status:
        return f"it does not hold itself:\n{out[-3000:]}{err}"
    [history] = folder.glob("bramble-run-*/history")
    made = folder / "made.xml"
    status, out, err = bramble.run("bramble", "trace", "record", made, "--history", history)
    if status:
        return f"no record of it: {err}"
    status, out, err = play(folder, "--backend", backend, made)
    return f"its record does not hold:\n{out[-3000:]}{err}\n{made.read_text()}" if status else ""


def main(words):
    failed = count = 0
    for backend in ("groupwise", "cwa"):
        for path in scenarios.SETTLED + scenarios.ROUGH:
            name = pathlib.Path(path).stem
            if words and not any(word in name for word in words):
                continue
            folder = pathlib.Path(tempfile.mkdtemp(prefix="br-again-"))
            try:
                wrong = again(path, backend, folder)
            finally:
                shutil.rmtree(folder, True)
            count += 1
            failed += bool(wrong)
            print(f"{name} on {backend}: {wrong or 'the same'}", flush=True)
    print(f"{count} scenarios recorded and played again, {failed} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
