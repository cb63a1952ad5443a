"""What a command sees and what comes back of it: R-EXEC-1, 2, 3, 5 and 7."""
import random
import signal
import struct
import time

from cases_kill import fugitives
from guest import (DETACHED, DONE, ENV, FORGET, IS_SANITIZED, KILL, PTY, RESIZE, SESSION_KILL, SESSION_OPEN,
                   SESSION_OPENED, SIGNAL, WITH_STDIN, below, eventually, text, texts, u32, with_mark)


def test_echo_and_codes(guest, client):
    done = client.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.code, done.signal, done.cause) == (b"out\n", b"err\n", 7, 0, "exited")
    assert (done.stdout_bytes, done.stderr_bytes) == (4, 4) and done.wall_us > 0 and done.max_rss_kib > 0
    done = client.run("sh", "-c", "kill -TERM $$")
    assert (done.cause, done.signal) == ("signalled", 15)
    assert client.run("cat").stdout == b""
    assert client.run("pwd", cwd="/usr").stdout == b"/usr\n"
    assert client.run("sh", "-c", "echo $X", env=[*ENV, "X=a b"]).stdout == b"a b\n"


def test_children_start_clean(guest, client):
    script = "ls /proc/self/fd; grep -E 'SigBlk|SigIgn' /proc/self/status; umask; cut -d' ' -f6 /proc/self/stat; echo $$"
    lines = client.run("sh", "-c", script).stdout.decode().split()
    assert lines[:4] == ["0", "1", "2", "3"], lines
    assert lines[5] == lines[7] == "0" * 16, lines
    assert lines[8] == "0022", lines
    assert lines[9] == lines[10], "session of its own"


def test_failures_to_start(guest, client):
    cases = [(["/nowhere/x"], "", "notFound", 127), (["nowhere-x"], "", "notFound", 127), (["/etc/passwd"], "", "notExecutable", 126),
             (["/tmp"], "", "notExecutable", 126), (["true"], "/nowhere", "badDirectory", 126),
             (["true", "x" * 200000], "", "spawnFailed", 126)]
    for argv, cwd, cause, code in cases:
        done = client.run(*argv, cwd=cwd)
        assert (done.cause, done.code, done.pid) == (cause, code, None), (argv, done.cause, done.code)
    assert client.run("true", env=[]).code == 0, "default PATH"
    assert client.run("true", env=["PATH=/nowhere"]).cause == "notFound"
    process = client.start([])
    client.until(lambda: process.end)
    assert process.errno == 22


def test_stdin(guest, client):
    data = random.randbytes(10 << 20)
    process = client.start(["cat"], flags=WITH_STDIN)
    process.feed(data)
    process.end_stdin()
    assert process.wait().stdout == data
    inline = random.randbytes(1000000)
    assert client.run("cat", stdin=inline).stdout == inline
    process = client.start(["cat"], flags=WITH_STDIN, stdin=inline)
    process.feed(b"more")
    process.end_stdin()
    assert process.wait().stdout == inline + b"more"
    started = time.monotonic()
    assert client.run("true", stdin=inline).code == 0 and time.monotonic() - started < 2
    process = client.start(["sh", "-c", "exec <&-; sleep 0.2"], flags=WITH_STDIN)
    process.feed(bytes(1 << 20))
    assert process.wait().code == 0


def test_large_output(guest, client):
    done = client.run("head", "-c", "100000000", "/dev/zero")
    assert len(done.stdout) == done.stdout_bytes == 100000000
    done = client.run("sh", "-c", "seq 200000; seq 200000 >&2")
    expected = b"".join(b"%d\n" % n for n in range(1, 200001))
    assert done.stdout == done.stderr == expected


def test_pty(guest, client):
    process = client.start(["sh", "-c", "stty size; tty; read x; stty size; echo got $x >&2"], flags=PTY | WITH_STDIN, rows=30, columns=100)
    process.output(b"30 100").output(b"/dev/pts")
    assert client.done(RESIZE, struct.pack("<IHH", process.started().id, 50, 120)) == (0, 0)
    process.feed(b"word\n")
    done = process.wait()
    assert b"50 120" in done.stdout and b"got word" in done.stdout and done.stderr == b""
    process = client.start(["cat"], flags=PTY | WITH_STDIN)
    process.feed(b"line\n")
    process.output(b"line\r\nline\r\n")
    process.end_stdin()
    assert process.wait().code == 0, "^D"
    process = client.start(["sleep", "1000"], flags=PTY | WITH_STDIN)
    process.started().feed(b"\x03")
    assert process.wait().signal == signal.SIGINT
    assert client.run("head", "-c", "300000", "/dev/zero", flags=PTY).stdout_bytes == 300000


def test_signals(guest, client):
    process = client.start(["sh", "-c", "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done"]).output(b"ready\n")
    assert client.done(SIGNAL, struct.pack("<IBB", process.id, signal.SIGUSR1, 0)) == (0, 0)
    done = process.wait()
    assert (done.code, done.stdout) == (5, b"ready\ngot\n")
    for scope in (1, 2):
        process = client.start(["sh", "-c", "sleep 1000 & echo ready; wait"]).output(b"ready\n")
        assert client.done(SIGNAL, struct.pack("<IBB", process.id, signal.SIGTERM, scope)) == (0, 0)
        assert process.wait().signal == signal.SIGTERM
    assert client.done(SIGNAL, struct.pack("<IBB", process.id, 15, 0))[1] == 3
    assert client.done(SIGNAL, struct.pack("<IBB", process.id, 0, 0))[1] == 22


def test_reattach(guest, client):
    first = guest.connect()
    process = first.start(["sh", "-c", "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.01; done"]).output(b"line 5\n")
    seen = bytes(process.out[0])
    first.close()
    second = client.attach(process.id, stdout=len(seen))
    assert second.cursors[0] == len(seen)
    rest = second.wait().stdout
    assert seen + rest == b"".join(b"line %d\n" % n for n in range(1, 41))
    assert client.attach(process.id).wait().stdout == seen + rest, "retained"
    one = client.start(["sh", "-c", "sleep 0.3; echo end"]).started()
    two = client.attach(one.id)
    client.until(lambda: one.end)
    assert one.end == DONE and two.wait().stdout == b"end\n", "the latest gets the output"
    assert client.attach(999999).errno == 3


def test_ring_keeps_the_newest(guest, client):
    process = client.start(["sh", "-c", "seq 100000"], flags=DETACHED, ring=8192)
    client.until(lambda: process.end)
    assert process.end == DONE and process.pid
    eventually(lambda: not client.list()[process.id][4])
    again = client.attach(process.id)
    expected = b"".join(b"%d\n" % n for n in range(1, 100001))
    assert again.cursors[0] == len(expected) - 8192
    done = again.wait()
    assert done.stdout == expected[-8192:] and done.stdout_bytes == len(expected)


def test_stdin_after_reattach(guest, client):
    first = guest.connect()
    process = first.start(["cat"], flags=WITH_STDIN)
    process.feed(b"one\n")
    process.output(b"one\n").started()
    first.close()
    again = client.attach(process.id, flags=WITH_STDIN)
    again.feed(b"two\n")
    again.end_stdin()
    assert again.wait().stdout == b"one\ntwo\n"


def test_sessions(guest, client):
    def session(cwd, env):
        kind, payload = client.request(SESSION_OPEN, text(cwd) + texts(env))[-1]
        assert kind == SESSION_OPENED
        return struct.unpack("<I", payload)[0]
    one, two = session("/usr", ["A=session", "B=session"]), session("", [])
    assert two == one + 1
    done = client.run("sh", "-c", "pwd; echo $A $B", session=one, env=[*ENV, "A=exec"])
    assert done.stdout == b"/usr\nexec session\n", done.stdout
    assert client.run("pwd", session=one, cwd="bin").stdout in (b"/usr/bin\n",)
    assert client.run("pwd", session=one, cwd="/etc").stdout == b"/etc\n"
    mark, argv = fugitives("wait; sleep 1000")
    members = [client.start(argv, session=one).output(b"two\n") for _ in range(3)]
    stranger = client.start(["sleep", "1000"], session=two).started()
    eventually(lambda: len(with_mark(mark)) >= 12)
    count, _ = client.done(SESSION_KILL, u32(one))
    assert count >= 12 and with_mark(mark) == []
    assert all(member.wait().cause == "killed" for member in members)
    assert client.list()[stranger.id][4] == 1
    client.done(KILL, u32(stranger.id))
    refused = client.start(["true"], session=one)
    client.until(lambda: refused.end)
    assert refused.errno == 3 and client.done(SESSION_KILL, u32(one))[1] == 3


def test_list_and_forget(guest, client):
    running = client.start(["sleep", "1000"]).started()
    ended = client.run("sh", "-c", "echo x; exit 4")
    rows = client.list()
    assert rows[running.id][4] == 1 and rows[ended.process][4:8] == (0, 0, 4, 0) and rows[ended.process][9] == 2
    assert client.done(FORGET, u32(running.id))[1] == 16
    assert client.done(FORGET, u32(ended.process)) == (0, 0)
    assert client.done(FORGET, u32(ended.process))[1] == 3 and ended.process not in client.list()
    client.done(KILL, u32(running.id))
    for _ in range(70):
        client.run("true")
    assert sum(not row[4] for row in client.list().values()) <= 64


def test_large_environment(guest, client):
    env = [f"V{n}={'x' * 90000}" for n in range(10)]
    assert client.run("sh", "-c", "echo ${#V9}", env=[*ENV, *env]).stdout == b"90000\n"
    assert client.run("/bin/echo", *["y" * 100000] * 8).stdout_bytes == 800008


def test_many(guest, client):
    total = 200 if IS_SANITIZED else 1000
    client.run("true")
    before = guest.descriptors()
    for _ in range(total):
        assert client.run("/bin/true").code == 0
    parallel = [client.start(["sh", "-c", f"echo {n}; echo {n} >&2; exit {n % 100}"]) for n in range(200)]
    for n, process in enumerate(parallel):
        done = process.wait()
        assert (done.stdout, done.stderr, done.code) == (b"%d\n" % n, b"%d\n" % n, n % 100)
    eventually(lambda: guest.descriptors() <= before + 4)
    eventually(lambda: len([1 for row in below(guest.process.pid).values() if row[1] == "Z"]) == 0)
    eventually(lambda: len(below(guest.process.pid)) <= 4, 10)
