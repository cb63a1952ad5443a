"""The host's side of the guest channel, as small as tests need it: frames over a unix socket. Standard library only."""
import ctypes
import errno
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import time

SHELLD = os.environ.get("SHELLD") or str(pathlib.Path(__file__).resolve().parent.parent / "build" / "shelld")
DEADLINE_S = 30

HELLO, WELCOME, LAYER, PING, PONG, CREDIT, CANCEL, REFUSED, DONE = range(1, 10)
READ, DATA, WRITE, COMMIT, STAT, INFO, LIST = range(0x40, 0x47)
MAKE_DIRECTORY, RENAME, REMOVE, WATCH, WATCHING, CHANGED = range(0x47, 0x4D)
EXCLUSIVE, PARENTS, NO_FOLLOW, APPEND = 1, 2, 4, 8
FILE, DIRECTORY, LINK, OTHER = 1, 2, 3, 4
CREATED, MODIFIED, REMOVED, RENAMED_FROM, RENAMED_TO, ATTRIBUTES, OVERFLOW, GONE = range(1, 9)
WINDOW = 1048576


def text(value):
    data = os.fsencode(value)
    return struct.pack("<I", len(data)) + data


class Refused(Exception):
    """The terminal frame refused."""

    def __init__(self, payload):
        self.errno = struct.unpack_from("<H", payload)[0]
        fields, at = [], 2
        for _ in range(3):
            size = struct.unpack_from("<I", payload, at)[0]
            fields.append(payload[at + 4 : at + 4 + size])
            at += 4 + size
        self.operation, self.subject, self.message = fields[0].decode(), fields[1], fields[2].decode()
        super().__init__(f"{self.operation} {self.subject!r}: {self.message} ({self.errno})")


class Info:
    """The frame file.info."""

    def __init__(self, payload):
        fixed = struct.Struct("<BIQQIII")
        self.kind, self.mode, self.size, self.modified_ms, self.uid, self.gid, self.links = fixed.unpack_from(payload)
        at = fixed.size
        size = struct.unpack_from("<I", payload, at)[0]
        self.name = payload[at + 4 : at + 4 + size]
        at += 4 + size
        size = struct.unpack_from("<I", payload, at)[0]
        self.target = payload[at + 4 : at + 4 + size]


class Client:
    """One connection. Frames of other channels are kept until somebody asks for them."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.buffer = bytearray()
        self.kept = []
        self.last = 0
        self.send(HELLO, 0, struct.pack("<HH", 1, 1) + text("blackbox"))
        while self.receive(0)[0] != WELCOME:
            pass

    def close(self):
        self.socket.close()

    def open(self, type, payload=b""):
        """Sends a request on a new channel and returns the channel."""
        self.last += 1
        self.send(type, self.last, payload)
        return self.last

    def send(self, type, channel, payload=b""):
        self.socket.sendall(struct.pack("<IBI", len(payload), type, channel) + payload)

    def take(self):
        """The next frame of any channel: (type, channel, payload)."""
        while True:
            if len(self.buffer) >= 9:
                size, type, channel = struct.unpack_from("<IBI", self.buffer)
                if len(self.buffer) >= 9 + size:
                    payload = bytes(self.buffer[9 : 9 + size])
                    del self.buffer[: 9 + size]
                    return type, channel, payload
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError("shelld closed the connection")
            self.buffer += more

    def receive(self, channel):
        """The next frame of this channel: (type, payload)."""
        for index, (type, owner, payload) in enumerate(self.kept):
            if owner == channel:
                del self.kept[index]
                return type, payload
        while True:
            type, owner, payload = self.take()
            if owner == channel:
                return type, payload
            self.kept.append((type, owner, payload))

    def finish(self, channel):
        """Receives until the channel ends. Returns (frames before the end, count); raises Refused."""
        frames = []
        while True:
            type, payload = self.receive(channel)
            if type == DONE:
                return frames, struct.unpack("<Q", payload)[0]
            if type == REFUSED:
                raise Refused(payload)
            frames.append((type, payload))

    def ping(self):
        """A round trip: whatever was sent before has been handled, and the loop is alive. Returns its seconds."""
        start = time.monotonic()
        self.send(PING, 0, struct.pack("<Q", 7))
        while self.receive(0)[0] != PONG:
            pass
        return time.monotonic() - start

    # Whole operations.

    def read(self, path, offset=0, length=0, credit=1 << 30):
        """Returns (Info, content, count)."""
        frames, count = self.finish(self.open(READ, text(path) + struct.pack("<QQI", offset, length, credit)))
        assert frames[0][0] == INFO and all(type == DATA for type, _ in frames[1:])
        return Info(frames[0][1]), b"".join(payload for _, payload in frames[1:]), count

    def begin_write(self, path, mode=0, flags=0):
        return self.open(WRITE, text(path) + struct.pack("<II", mode, flags))

    def write(self, path, content, mode=0, flags=0, piece=256 * 1024):
        """Writes within the window. Returns (Info, count); raises Refused, also half way."""
        channel = self.begin_write(path, mode, flags)
        window = WINDOW
        for at in range(0, len(content), piece):
            part = content[at : at + piece]
            while window < len(part):
                type, payload = self.receive(channel)
                if type == REFUSED:
                    raise Refused(payload)
                assert type == CREDIT
                window += struct.unpack("<I", payload)[0]
            self.send(DATA, channel, part)
            window -= len(part)
        self.send(COMMIT, channel)
        frames, count = self.finish(channel)
        infos = [payload for type, payload in frames if type == INFO]
        assert len(infos) == 1
        return Info(infos[0]), count

    def stat(self, path, flags=0):
        frames, _ = self.finish(self.open(STAT, text(path) + struct.pack("<I", flags)))
        return Info(frames[0][1])

    def list(self, path, offset=0, limit=10000):
        """Returns ([Info], entries in the whole directory)."""
        frames, count = self.finish(self.open(LIST, text(path) + struct.pack("<II", offset, limit)))
        return [Info(payload) for _, payload in frames], count

    def make_directory(self, path, mode=0, flags=0):
        return self.finish(self.open(MAKE_DIRECTORY, text(path) + struct.pack("<II", mode, flags)))[1]

    def rename(self, old, new, flags=0):
        return self.finish(self.open(RENAME, text(old) + text(new) + struct.pack("<I", flags)))[1]

    def remove(self, path, flags=0):
        return self.finish(self.open(REMOVE, text(path) + struct.pack("<I", flags)))[1]

    def watch(self, path):
        channel = self.open(WATCH, text(path))
        type, payload = self.receive(channel)
        if type == REFUSED:
            raise Refused(payload)
        assert type == WATCHING
        return channel

    def change(self, channel):
        """The next change: (kind, name), or None when the watch has ended."""
        type, payload = self.receive(channel)
        if type == DONE:
            return None
        assert type == CHANGED, type
        return payload[0], payload[5:]

    def cancel(self, channel):
        self.send(CANCEL, channel)
        return self.finish(channel)


def hide_openat2():
    """For preexec_fn: a seccomp filter under which openat2 fails with EPERM, and all else works."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, 0x00050000 | errno.EPERM), (0x06, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in code))
    filter = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privs, seccomp, by_filter = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or libc.prctl(seccomp, by_filter, filter, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


class Shelld:
    """A running shelld with its own socket. On leaving it must still be alive: a sanitizer would have ended it."""

    def __init__(self, roots, **popen):
        self.directory = tempfile.TemporaryDirectory(prefix="shelld-test-")
        self.path = os.path.join(self.directory.name, "s")
        options = [part for root in roots for part in ("--root", root)]
        self.process = subprocess.Popen([SHELLD, "serve", "--listen", self.path, *options], **popen)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                Client(self.path).close()
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{SHELLD} did not begin to serve") from None

    def connect(self):
        return Client(self.path)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        alive = self.process.poll() is None
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.directory.cleanup()
        assert alive, f"shelld ended by itself: {self.process.returncode}"
