"""What is left running: nothing that was to end, everything that was to stay. Verdicts come from /proc. R-EXEC-4, 5 and 6."""
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

from guest import (BINARY, Client, Closed, Guest, KILL, UNTRACKED, asleep, below, eventually, u32, with_mark)


# Children that try to get away: a session of their own, a double fork, ignored signals.
FUGITIVES = """
trap '' TERM HUP INT
setsid sh -c 'echo one; exec sleep 1000.MARK' &
(setsid sh -c 'sleep 1000.MARK; :' & ) &
sh -c '(sh -c "sleep 1000.MARK & sleep 1000.MARK" &) ; exit' &
echo two
"""


def fugitives(end):
    mark = uuid.uuid4().int % 10**12
    return str(mark), ["sh", "-c", FUGITIVES.replace("MARK", str(mark)) + end]


def stood_until_timeout(client, option):
    """The exit of fugitives that all stood before their time was over; a busy host needs more time for that."""
    for patience_ms in (400, 1600, 6400, 25600):
        mark, argv = fugitives("wait; sleep 1000")
        process = client.start(argv, **{option: patience_ms})
        all_stood = False
        while not (all_stood or process.end):
            client.list()
            all_stood = len(asleep(mark)) == 4 and b"two\n" in process.out[0]
        if all_stood:
            return mark, process.wait()
    raise AssertionError("they never stood")


def test_timeouts_reach_everything(guest, client):
    for option, cause in (("timeout_ms", "timeout"), ("idle_ms", "idleTimeout")):
        mark, done = stood_until_timeout(client, option)
        assert (done.cause, done.signal) == (cause, 9)
        assert sorted(done.stdout.split()) == [b"one", b"two"], "partial output"
        assert with_mark(mark) == [], "gone when exited is sent"
    done = client.run("sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.5; echo $i; done", idle_ms=2000)
    assert (done.cause, done.code) == ("exited", 0), "output keeps it alive"


def test_timeout_without_client(guest, client):
    mark, argv = fugitives("wait; sleep 1000")
    other = guest.connect()
    process = other.start(argv, timeout_ms=2000).output(b"two\n").started()
    other.close()
    assert with_mark(mark), "it runs on"
    eventually(lambda: not with_mark(mark), 5)
    assert client.attach(process.id).wait().cause == "timeout"


def test_kill(guest, client):
    mark, argv = fugitives("wait; sleep 1000")
    process = client.start(argv).output(b"two\n").output(b"one\n").started()
    eventually(lambda: len(asleep(mark)) == 4)
    count, _ = client.done(KILL, u32(process.id))
    assert count >= 4 and with_mark(mark) == [], count
    assert process.wait().cause == "killed"
    assert client.done(KILL, u32(process.id)) == (0, 0), "nothing is left"
    assert client.done(KILL, u32(999999)) == (None, 3)


def test_background_survives_and_is_killed_later(guest, client):
    mark, argv = fugitives("")
    started = time.monotonic()
    done = client.run(*argv, drain_ms=50)
    assert time.monotonic() - started < 2 and done.code == 0, "a grandchild holding the pipe does not hang the call"
    assert with_mark(mark)
    client.done(KILL, u32(done.process))
    assert with_mark(mark) == []


def test_held_pipe_does_not_break(guest, client):
    script = "(sleep 0.3; echo late; echo alive >/tmp/%s) & echo early" % (mark := uuid.uuid4().hex)
    done = client.run("sh", "-c", script, drain_ms=20)
    assert done.stdout == b"early\n"
    eventually(lambda: os.path.exists("/tmp/" + mark))
    os.unlink("/tmp/" + mark)
    assert client.attach(done.process).wait().stdout == b"early\nlate\n"
    done = client.run("sh", "-c", "yes & exit 3", drain_ms=20)
    assert done.code == 3
    client.done(KILL, u32(done.process))


def test_fork_bomb(guest, client):
    mark = str(uuid.uuid4().int % 10**12)
    bomb = "import os, sys, time\nfor i in range(6):\n    os.fork()\n    os.setsid() if os.getpid() != os.getsid(0) else 0\nwhile True:\n    time.sleep(0.001)\n    if os.fork() == 0: os._exit(0)\n    os.waitpid(-1, os.WNOHANG)"
    process = client.start([sys.executable, "-c", bomb, mark])
    eventually(lambda: len(with_mark(mark)) > 50)
    client.done(KILL, u32(process.started().id))
    assert with_mark(mark) == []
    assert process.wait().cause == "killed"


def test_untracked(guest, client):
    mark = str(uuid.uuid4().int % 10**12)
    done = client.run("sh", "-c", f"echo up; setsid sleep 1000.{mark} >/dev/null 2>&1 & exit 6", flags=UNTRACKED)
    assert (done.stdout, done.code, done.cause) == (b"up\n", 6, "exited")
    assert client.run("/nowhere", flags=UNTRACKED).cause == "notFound"
    other = Guest(BINARY)
    second = other.connect()
    process = second.start(["sh", "-c", f"echo up; exec sleep 1000.{mark}"], flags=UNTRACKED).output(b"up\n").started()
    eventually(lambda: process.pid in asleep(mark))
    other.stop()
    assert process.pid in with_mark(mark), "not killed at shutdown"
    for pid in with_mark(mark):
        os.kill(pid, signal.SIGKILL)


def test_lost_keeper(guest, client):
    mark, argv = fugitives("wait; sleep 1000")
    other = Guest(BINARY)
    second = other.connect()
    process = second.start(argv).output(b"two\n").started()
    eventually(lambda: len(asleep(mark)) == 4)
    keeper = below(other.process.pid)[process.pid][0]
    os.kill(keeper, signal.SIGUSR1), os.kill(keeper, signal.SIGTERM), os.kill(keeper, signal.SIGINT)
    assert second.run("true").code == 0 and len(with_mark(mark)) >= 4, "signals of others do not matter"
    os.kill(keeper, signal.SIGKILL)
    assert process.wait().cause == "lost"
    eventually(lambda: not with_mark(mark), 5)
    assert second.run("true").code == 0
    other.stop()


def test_kill_of_what_a_lost_keeper_left(guest, client):
    other = Guest(BINARY)
    second = other.connect()
    for _ in range(10):
        mark, argv = fugitives("wait; sleep 1000")
        process = second.start(argv).output(b"two\n").started()
        eventually(lambda: len(asleep(mark)) == 4)
        os.kill(below(other.process.pid)[process.pid][0], signal.SIGKILL)
        assert second.done(KILL, u32(process.id))[1] == 0 and with_mark(mark) == [], "done means gone"
        assert process.wait().cause in ("lost", "killed")
    other.stop()


def test_stopped_keeper(guest, client):
    process = client.start(["sh", "-c", "kill -STOP $PPID; echo did; sleep 1000"], timeout_ms=300)
    assert process.wait().cause == "timeout"


def test_death_of_shelld(guest, client):
    for number in (signal.SIGTERM, signal.SIGKILL):
        other = Guest(BINARY)
        mark, argv = fugitives("wait; sleep 1000")
        other.connect().start(argv).output(b"two\n")
        eventually(lambda: len(asleep(mark)) == 4)
        other.process.send_signal(number)
        if number == signal.SIGTERM:
            # The first one asks, which all of these ignore; the second one kills.
            eventually(lambda: not can_connect_to(other.path))
            assert other.process.poll() is None and len(with_mark(mark)) >= 4
            other.process.send_signal(number)
        code = other.process.wait(20)
        if number == signal.SIGTERM:
            assert code == 0 and with_mark(mark) == [], "gone before shelld is"
        eventually(lambda: not with_mark(mark), 5)


def test_exit_on_disconnect(guest, client):
    other = Guest(BINARY, "--exit-on-disconnect")
    mark, argv = fugitives("wait; sleep 1000")
    one, two = other.connect(), other.connect()
    one.start(argv).output(b"two\n")
    one.close()
    assert two.run("true").code == 0 and with_mark(mark)
    two.close()
    assert other.process.wait(20) == 0 and with_mark(mark) == []


def test_pid_1(guest, client):
    if os.geteuid() != 0:
        print("skip  pid_1: needs root to make a PID namespace")
        return
    path = os.path.join(guest.directory, "pid1")
    parent = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", BINARY, "serve", "--listen", path])
    eventually(lambda: os.path.exists(path) and can_connect_to(path))
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    inside = Client(peer)
    assert struct.unpack_from("<I", inside.welcome, 2)[0] == 1
    try:
        inside.run("sh", "-c", "kill -KILL 1; kill -TERM 1; echo fine", flags=0)
    except Closed:
        pass
    assert parent.wait(20) == 0, "SIGTERM ends it"
    parent = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", BINARY, "serve", "--listen", path])
    eventually(lambda: can_connect_to(path))
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    inside = Client(peer)
    for _ in range(5):
        assert inside.run("sh", "-c", "(sleep 0.05 &) & exit 3", flags=UNTRACKED).code == 3
    shelld = next(iter(below(parent.pid)))
    time.sleep(0.1)
    eventually(lambda: not [1 for row in below(shelld).values() if row[1] == "Z"], 5)
    mark, argv = fugitives("wait; sleep 1000")
    process = inside.start(argv).output(b"two\n").started()
    inside.done(KILL, u32(process.id))
    assert with_mark(mark) == []
    parent.kill()
    parent.wait(20)


def can_connect_to(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
