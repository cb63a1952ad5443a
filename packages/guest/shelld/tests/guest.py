"""The host's side of exec and sessions, as small as the black-box tests need it. Standard library only."""
import ctypes
import itertools
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HELLO, WELCOME, LAYER, PING, PONG, CREDIT, CANCEL, REFUSED, DONE = range(1, 10)
SESSION_OPEN, SESSION_OPENED, SESSION_KILL = 0x10, 0x11, 0x12
START, STARTED, STDIN, STDIN_END, STDOUT, STDERR, EXITED = range(0x20, 0x27)
SIGNAL, RESIZE, KILL, ATTACH, ATTACHED, LIST, LISTED, FORGET = range(0x27, 0x2F)
TERMINAL = {REFUSED, DONE, SESSION_OPENED, EXITED}
PTY, WITH_STDIN, UNTRACKED, DETACHED, AS_USER = 1, 2, 4, 8, 16
CAUSES = "exited signalled timeout idleTimeout killed notFound notExecutable badDirectory spawnFailed lost".split()
ENV = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]
DEADLINE_S = 60
BINARY = os.path.abspath(sys.argv[1])
IS_SANITIZED = "asan" in BINARY
u32 = struct.Struct("<I").pack


def text(value):
    data = os.fsencode(value)
    return struct.pack("<I", len(data)) + data


def texts(values):
    return struct.pack("<I", len(values)) + b"".join(map(text, values))


def frame(type, channel, payload=b""):
    return struct.pack("<IBI", len(payload), type, channel) + payload


class Exit:
    """The frame exec.exited, and what came before it on the channel."""

    def __init__(self, payload, process):
        fields = struct.unpack_from("<IBiBQQQQQQ", payload)
        self.process, cause, self.code, self.signal, self.stdout_bytes, self.stderr_bytes = fields[:6]
        self.wall_us, self.user_us, self.system_us, self.max_rss_kib = fields[6:]
        self.cause = CAUSES[cause]
        self.stdout, self.stderr, self.pid = bytes(process.out[0]), bytes(process.out[1]), process.pid


class Process:
    """One followed exec on its channel."""

    def __init__(self, client, channel, credit):
        self.client, self.channel, self.auto_credit = client, channel, credit is None
        self.out, self.pid, self.id, self.exit, self.end = (bytearray(), bytearray()), None, None, None, None
        self.window, self.cursors, self.errno = 262144, None, None

    def on(self, type, payload):
        if type == STARTED:
            self.id, self.pid = struct.unpack("<II", payload[:8])
        elif type == ATTACHED:
            self.id, self.pid, self.flags, *self.cursors = struct.unpack_from("<IIIQQ", payload)
        elif type in (STDOUT, STDERR):
            self.out[type - STDOUT].extend(payload)
            if self.auto_credit:
                self.client.send(CREDIT, self.channel, struct.pack("<I", len(payload)))
        elif type == CREDIT:
            self.window += struct.unpack("<I", payload)[0]
        elif type == EXITED:
            self.exit = Exit(payload, self)
        elif type == REFUSED:
            self.errno = struct.unpack_from("<H", payload)[0]
        if type in TERMINAL:
            self.end = type

    def wait(self):
        self.client.until(lambda: self.end)
        assert self.exit, f"ended by frame {self.end}, errno {self.errno}"
        return self.exit

    def started(self):
        self.client.until(lambda: self.pid or self.end)
        assert self.pid, "did not start"
        return self

    def output(self, wanted):
        """Waits until stdout holds these bytes."""
        self.client.until(lambda: wanted in self.out[0] or self.end)
        assert wanted in self.out[0], bytes(self.out[0])
        return self

    def feed(self, data):
        """Sends stdin within the window."""
        while data:
            self.client.until(lambda: self.window > 0 or self.end)
            if self.end:
                return
            part, data = data[: self.window], data[self.window :]
            self.window -= len(part)
            self.client.send(STDIN, self.channel, part)

    def end_stdin(self):
        self.client.send(STDIN_END, self.channel)


class Closed(Exception):
    """shelld closed the connection."""


class Client:
    """One connection. Frames are handed to their process, or kept for whoever asked."""

    def __init__(self, connected, greet=True):
        self.socket, self.buffer, self.ids = connected, bytearray(), itertools.count(1)
        self.processes, self.frames, self.layers = {}, {}, []
        self.outgoing, self.is_sending, self.is_handing_out = bytearray(), False, False
        if greet:
            self.hello()

    def hello(self):
        self.send(HELLO, 0, struct.pack("<HH", 1, 1) + text("blackbox"))
        self.until(lambda: WELCOME in [kind for kind, _ in self.frames.get(0, [])])
        self.welcome = self.frames[0][-1][1]
        self.instance = self.welcome[10:42].decode()

    def send(self, type, channel, payload=b""):
        self.send_raw(frame(type, channel, payload))

    def send_raw(self, data):
        """Writes, and reads meanwhile, so that neither side waits for the other. What reading makes us send waits its turn."""
        self.outgoing += data
        if self.is_sending:
            return
        self.is_sending, deadline = True, time.monotonic() + DEADLINE_S
        self.socket.setblocking(False)
        try:
            while self.outgoing:
                assert time.monotonic() < deadline, "shelld does not read"
                try:
                    del self.outgoing[: self.socket.send(self.outgoing)]
                except BlockingIOError:
                    if select.select([self.socket], [self.socket], [], 1)[0]:
                        self.read()
        except (BrokenPipeError, ConnectionResetError):
            raise Closed
        finally:
            self.is_sending = False

    def read(self):
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionResetError:
            raise Closed
        if not data:
            raise Closed
        self.buffer += data
        self.hand_out()

    def hand_out(self):
        """One frame after the other, in their order: a frame may make us send, and sending reads."""
        if self.is_handing_out:
            return
        self.is_handing_out = True
        try:
            while len(self.buffer) >= 9:
                length, type, channel = struct.unpack_from("<IBI", self.buffer)
                if len(self.buffer) < 9 + length:
                    break
                payload = bytes(self.buffer[9 : 9 + length])
                del self.buffer[: 9 + length]
                self.take(type, channel, payload)
        finally:
            self.is_handing_out = False

    def take(self, type, channel, payload):
        if type == LAYER:
            self.layers.append(payload)
        elif channel in self.processes:
            self.processes[channel].on(type, payload)
        else:
            self.frames.setdefault(channel, []).append((type, payload))

    def until(self, condition, seconds=DEADLINE_S):
        deadline = time.monotonic() + seconds
        self.socket.setblocking(False)
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, "deadline"
            if select.select([self.socket], [], [], left)[0]:
                self.read()

    def request(self, type, payload=b""):
        """Sends a request and returns all frames of its channel, the terminal one last."""
        channel = next(self.ids)
        self.send(type, channel, payload)
        self.until(lambda: channel in self.frames and self.frames[channel][-1][0] in TERMINAL)
        return self.frames.pop(channel)

    def done(self, type, payload=b""):
        """The count of done, or None and the errno of refused."""
        kind, payload = self.request(type, payload)[-1]
        return (struct.unpack("<Q", payload)[0], 0) if kind == DONE else (None, struct.unpack_from("<H", payload)[0])

    def start(self, argv, *, env=ENV, cwd="", stdin=b"", flags=0, timeout_ms=0, idle_ms=0, drain_ms=0, ring=0, credit=None,
              rows=0, columns=0, session=0, user=None):
        channel = next(self.ids)
        process = self.processes[channel] = Process(self, channel, credit)
        flags, added = (flags, b"") if user is None else (flags | AS_USER, text(user))
        fixed = struct.pack("<IIIIIIIHH", session, flags, timeout_ms, idle_ms, drain_ms, ring,
                            1 << 21 if credit is None else credit, rows, columns)
        self.send(START, channel, fixed + text(cwd) + texts(argv) + texts(env) + struct.pack("<I", len(stdin)) + stdin + added)
        return process

    def run(self, *argv, **options):
        return self.start(list(argv), **options).wait()

    def attach(self, id, stdout=0, stderr=0, flags=0, credit=None):
        channel = next(self.ids)
        process = self.processes[channel] = Process(self, channel, credit)
        self.send(ATTACH, channel, struct.pack("<IIQQI", id, flags, stdout, stderr, 1 << 21 if credit is None else credit))
        self.until(lambda: process.cursors or process.end)
        return process

    def list(self):
        *entries, _ = self.request(LIST)
        fixed = struct.Struct("<IIIIBBiBQQQ")
        return {row[0]: row for row in (fixed.unpack_from(payload) for _, payload in entries)}

    def close(self):
        self.socket.close()


def die_with_us():
    """A test run that is killed leaves no daemon: PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Guest:
    """A shelld of its own, on a unix socket."""

    def __init__(self, binary, *options, root=False):
        # Goes also when a test ends the daemon itself, or fails.
        self.temporary = tempfile.TemporaryDirectory(prefix="shelld-")
        self.directory = self.temporary.name
        self.path = os.path.join(self.directory, "socket")
        self.process = subprocess.Popen([binary, "serve", "--listen", self.path, *options], preexec_fn=die_with_us)

    def connect(self, greet=True):
        eventually(self.is_listening)
        return Client(self.connected, greet)

    def is_listening(self):
        assert self.process.poll() is None, "shelld has exited"
        self.connected = socket.socket(socket.AF_UNIX)
        try:
            self.connected.connect(self.path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            self.connected.close()
            return False

    def descriptors(self):
        """How many are open; 0 for who may not look, for shelld is not dumpable."""
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except PermissionError:
            return 0

    def stop(self):
        self.process.terminate()
        code = self.process.wait(DEADLINE_S)
        self.temporary.cleanup()
        return code


def parents():
    """pid -> (parent, state, command line) of every process, from outside."""
    table = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline", "rb") as line:
                state, parent = stat.read().rsplit(") ", 1)[1].split()[:2]
                table[int(pid)] = (int(parent), state, line.read())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return table


def below(root):
    """Every descendant of root, from outside."""
    table = parents()
    found, more = set(), {root}
    while more:
        found |= more
        more = {pid for pid, (parent, _, _) in table.items() if parent in found} - found
    return {pid: table[pid] for pid in found - {root} if pid in table}


def with_mark(mark):
    """Live processes whose command line holds the mark."""
    return [pid for pid, (_, state, line) in parents().items() if mark.encode() in line and state != "Z" and pid != os.getpid()]


def asleep(mark):
    """Those of them that have become `sleep`, which is the last that they become."""
    return [pid for pid, (_, _, line) in parents().items() if line.startswith(b"sleep\0") and mark.encode() in line]


def eventually(condition, seconds=DEADLINE_S):
    """Polls what can only be seen from outside."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "deadline"
        time.sleep(0.005)
