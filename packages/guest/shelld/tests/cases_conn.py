"""Connections: flow control, the command line, and peers that send rubbish."""
import os
import random
import socket
import struct
import subprocess
import time

from guest import (BINARY, CANCEL, CREDIT, Client, Closed, DONE, ENV, EXITED, Guest, HELLO, IS_SANITIZED, KILL, LIST,
                   PING, PONG, REFUSED, SESSION_OPEN, START, STDIN, STDOUT, WELCOME, WITH_STDIN, eventually, frame,
                   text, texts, u32)


def test_slow_client_stalls_nobody(guest, client):
    slow = guest.connect()
    stuck = slow.start(["cat", "/dev/zero"])
    frozen = [slow.start(["cat", "/dev/zero"], credit=1 << 30) for _ in range(4)]
    time.sleep(0.2)  # lets the buffers of the slow one fill; nothing is waited for
    started = time.monotonic()
    for _ in range(50):
        assert client.run("echo", "x").stdout == b"x\n"
    assert time.monotonic() - started < (10 if IS_SANITIZED else 2)
    slow.close()
    for process in client.list().values():
        client.done(KILL, u32(process[0]))
    assert stuck.exit is None and frozen


def test_a_connection_is_watched_by_one_descriptor(guest, client):
    """Two for one port of a machine took each other's wake-ups (conn.c, watch)."""
    client.list()
    before = guest.descriptors()
    others = [guest.connect() for _ in range(5)]
    for other in others:
        other.list()
    assert guest.descriptors() in (0, before + len(others))
    for other in others:
        other.close()
    eventually(lambda: guest.descriptors() == before)


def test_credit_is_lossless(guest, client):
    process = client.start(["seq", "300000"], credit=0)
    process.started()
    time.sleep(0.1)
    assert process.out[0] == b"" and process.end is None
    process.auto_credit = True
    client.send(CREDIT, process.channel, u32(100000))
    done = process.wait()
    assert done.stdout == b"".join(b"%d\n" % n for n in range(1, 300001))
    process = client.start(["sh", "-c", "seq 150000; exit 3"], credit=10, ring=1 << 20, drain_ms=1)
    client.until(lambda: process.out[0])
    eventually(lambda: not client.list()[process.started().id][4])
    assert len(process.out[0]) == 10, "not lost, though it has exited"
    process.auto_credit = True
    client.send(CREDIT, process.channel, u32(1 << 20))
    assert len(process.wait().stdout) == process.exit.stdout_bytes


def test_cancel(guest, client):
    process = client.start(["sh", "-c", "sleep 0.3; echo end"]).started()
    client.send(CANCEL, process.channel)
    client.until(lambda: process.end)
    assert process.end == DONE
    client.send(CREDIT, process.channel, u32(5))
    assert client.attach(process.id).wait().stdout == b"end\n", "it runs on"
    busy = client.start(["cat", "/dev/zero"], credit=1 << 31).started()
    client.until(lambda: len(busy.out[0]) > 5000000)
    client.send(CANCEL, busy.channel)
    client.until(lambda: busy.end)
    client.done(KILL, u32(busy.id))


def test_stdio(guest, client):
    ours, theirs = socket.socketpair()
    shelld = subprocess.Popen([BINARY, "serve", "--stdio"], stdin=theirs, stdout=theirs)
    theirs.close()
    peer = Client(ours)
    assert peer.run("echo", "x").stdout == b"x\n"
    peer.close()
    assert shelld.wait(20) == 0
    shelld = subprocess.Popen([BINARY, "serve", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shelld.stdin.write(frame(HELLO, 0, struct.pack("<HH", 1, 1) + text("pipe")) + frame(PING, 0, struct.pack("<Q", 9)))
    shelld.stdin.flush()
    seen = b""
    while frame(PONG, 0, struct.pack("<Q", 9)) not in seen:
        seen += os.read(shelld.stdout.fileno(), 65536)
    shelld.stdin.close()
    assert shelld.wait(20) == 0
    shelld.stdout.close()


def test_listen_fd_and_timeout(guest, client):
    listening = socket.socket(socket.AF_UNIX)
    path = os.path.join(guest.directory, "fd")
    listening.bind(path)
    listening.listen()
    shelld = subprocess.Popen([BINARY, "serve", "--listen-fd", str(listening.fileno())], pass_fds=[listening.fileno()])
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    assert Client(peer).run("echo", "x").stdout == b"x\n"
    shelld.terminate()
    assert shelld.wait(20) == 0
    late = subprocess.run([BINARY, "serve", "--listen-fd", str(listening.fileno()), "--accept-timeout-ms", "50"],
                          pass_fds=[listening.fileno()], stderr=subprocess.PIPE, timeout=20)
    assert late.returncode == 1 and b"50 ms" in late.stderr


def test_command_line(guest, client):
    def complaint(*options):
        done = subprocess.run([BINARY, "serve", *options], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=20)
        return done.returncode, done.stderr.decode()
    assert b"shelld" in subprocess.run([BINARY, "--version"], stdout=subprocess.PIPE).stdout
    assert complaint()[0] == 2 and complaint("--stdio", "--listen", "/x")[0] == 2 and complaint("--bogus")[0] == 2
    code, message = complaint("--listen", "/tmp/" + "x" * 120)
    assert code == 1 and "107" in message
    open_directory = os.path.join(guest.directory, "open")
    os.mkdir(open_directory)
    os.chmod(open_directory, 0o755)
    code, message = complaint("--listen", open_directory + "/s")
    assert code == 1 and "0700" in message
    guest.connect().close()
    assert os.stat(guest.path).st_mode & 0o777 == 0o600


def test_pipelining_and_ping(guest, client):
    raw = guest.connect(greet=False)
    channel = next(raw.ids)
    fixed = struct.pack("<IIIIIIIHH", 0, 0, 0, 0, 0, 0, 1000, 0, 0)
    start = fixed + text("") + texts(["echo", "early"]) + texts(ENV) + u32(0)
    hello = frame(HELLO, 0, struct.pack("<HH", 7, 1) + text("x"))
    raw.send_raw(hello + frame(START, channel, start) + frame(PING, 0, struct.pack("<Q", 77)))
    raw.until(lambda: channel in raw.frames and raw.frames[channel][-1][0] == EXITED)
    assert (STDOUT, b"early\n") in raw.frames[channel]
    kinds = [kind for kind, _ in raw.frames[0]]
    assert kinds == [WELCOME, PONG] and struct.unpack_from("<H", raw.frames[0][0][1])[0] == 1
    other = guest.connect(greet=False)
    other.send(HELLO, 0, struct.pack("<HH", 9, 5) + text("newer"))
    other.until(lambda: other.frames)
    assert other.frames[0][0][0] == REFUSED
    assert client.request(0x77)[-1][0] == REFUSED, "a request from the future"


def test_rubbish_ends_only_its_connection(guest, client):
    greeting = frame(HELLO, 0, struct.pack("<HH", 1, 1) + text("x"))
    sleeper = struct.pack("<IIIIIIIHH", 0, 0, 0, 0, 0, 0, 0, 0, 0) + text("") + texts(["sleep", "0.1"]) + texts(ENV) + u32(0)
    survivor = client.start(["sh", "-c", "sleep 1; echo fine"])
    rubbish = {
        "no hello": frame(PING, 0, bytes(8)), "request before hello": frame(LIST, 1), "second hello": greeting + greeting,
        "oversized": greeting + struct.pack("<IBI", 1048577, START, 1), "huge": greeting + b"\xff" * 9,
        "wrong side": greeting + frame(WELCOME, 0, bytes(64)), "wrong side on a channel": greeting + frame(EXITED, 3, bytes(64)),
        "id in use": greeting + frame(START, 1, sleeper) + frame(START, 1, sleeper),
        "truncated fields": greeting + frame(START, 1, sleeper[:40]), "request on 0": greeting + frame(LIST, 0),
        "stdin without leave": greeting + frame(START, 1, sleeper) + frame(STDIN, 1, b"x"),
        "NUL in a string": greeting + frame(START, 1, sleeper.replace(b"sleep", b"sl\0ep")),
        "long list": greeting + frame(SESSION_OPEN, 1, text("") + u32(16385) + text("") * 16385),
        "more than the window": greeting + frame(START, 1, sleeper[:4] + u32(WITH_STDIN) + sleeper[8:]) + frame(STDIN, 1, bytes(262145)),
        "random": greeting + random.randbytes(100000), "random at once": random.randbytes(5000),
    }
    for name, data in rubbish.items():
        raw = guest.connect(greet=False)
        try:
            raw.send_raw(data)
            raw.until(lambda: False, 10)
        except Closed:
            continue
        except AssertionError:
            raise AssertionError(f"not closed: {name}")
    for _ in range(20):
        raw = guest.connect(greet=False)
        raw.send_raw((greeting + frame(START, 1, sleeper))[: random.randrange(1, 100)])
        raw.close()
    assert survivor.wait().stdout == b"fine\n"


def test_ended_channels_are_ignored(guest, client):
    done = client.start(["true"])
    done.wait()
    client.send(CREDIT, done.channel, u32(1))
    client.send(CANCEL, done.channel)
    client.send(STDIN, done.channel, b"late")
    assert client.run("true").code == 0
    channel = done.channel
    process = client.processes[channel] = type(done)(client, channel, None)
    fixed = struct.pack("<IIIIIIIHH", 0, 0, 0, 0, 0, 0, 1000, 0, 0)
    client.send(START, channel, fixed + text("") + texts(["echo", "again"]) + texts(ENV) + u32(0))
    assert process.wait().stdout == b"again\n", "the id may be used again"


def test_limits(guest, client):
    other = Guest(BINARY)
    second = other.connect()
    extra = []
    try:
        for _ in range(70):
            extra.append(other.connect())
    except Closed:
        pass
    assert len(extra) == 63, len(extra)
    assert second.run("true").code == 0
    for peer in extra:
        peer.close()
    eventually(lambda: can_connect(other))
    other.stop()


def can_connect(guest):
    try:
        guest.connect().close()
        return True
    except Closed:
        return False
