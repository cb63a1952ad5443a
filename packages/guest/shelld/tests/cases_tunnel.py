"""Tunnels: dial and listen, credit both ways, half close, resets, and what is bounded."""
import errno
import os
import select
import socket
import struct
import time

from guest import BINARY, CANCEL, CREDIT, Closed, DONE, Guest, REFUSED, eventually, text, texts, u32

LISTEN, LISTENING, INCOMING, REFUSE, ACCEPT, DIAL, OPEN, DATA, END, RESET = range(0x60, 0x6A)
TCP, UNIX = 1, 2
WINDOW = 1048576
ENDS = (REFUSED, DONE, RESET)


class Tunnel:
    """One connection through shelld."""

    def __init__(self, client, type, payload):
        self.client, self.channel = client, next(client.ids)
        self.is_open, self.has_ended, self.end, self.errno, self.data, self.credit = False, False, None, 0, bytearray(), 0
        client.processes[self.channel] = self
        client.send(type, self.channel, payload)

    def on(self, type, payload):
        assert not self.end
        if type == OPEN:
            assert not self.is_open
            self.is_open = True
        elif type == DATA:
            assert not self.has_ended
            self.data += payload
        elif type == END:
            self.has_ended = True
        elif type == CREDIT:
            self.credit += struct.unpack("<I", payload)[0]
        else:
            assert type in ENDS, type
            self.end = type
            self.errno = 0 if type == DONE else struct.unpack_from("<H", payload)[0]

    def opened(self):
        self.client.until(lambda: self.is_open or self.end)
        assert self.is_open, self.errno
        return self

    def send(self, type, payload=b""):
        self.client.send(type, self.channel, payload)

    def until(self, condition):
        self.client.until(condition)
        return self

    def ended(self):
        self.client.until(lambda: self.end)
        return self.end, self.errno


def dial(client, port=0, kind=TCP, address="", credit=1 << 30):
    return Tunnel(client, DIAL, struct.pack("<BH", kind, port) + text(address) + u32(credit))


class Listener:
    def __init__(self, client, port=0, kind=TCP, address="", backlog=8, names=()):
        self.client, self.channel, self.seen, self.port, self.errno = client, next(client.ids), [], None, 0
        self.is_done = False
        client.processes[self.channel] = self
        client.send(LISTEN, self.channel, struct.pack("<BHH", kind, port, backlog) + text(address) + texts(names))
        client.until(lambda: self.port is not None or self.errno)

    def on(self, type, payload):
        if type == LISTENING:
            self.port, self.is_named = struct.unpack("<HB", payload)
        elif type == INCOMING:
            self.seen.append(struct.unpack("<I", payload)[0])
        elif type == DONE:
            self.is_done = True
        else:
            assert type == REFUSED, type
            self.errno = struct.unpack_from("<H", payload)[0]

    def incoming(self, count=1):
        self.client.until(lambda: len(self.seen) >= count)
        return self.seen[count - 1]

    def accept(self, connection, credit=1 << 30):
        return Tunnel(self.client, ACCEPT, struct.pack("<III", self.channel, connection, credit))

    def cancel(self):
        self.client.send(CANCEL, self.channel)
        self.client.until(lambda: self.is_done)


def server(address=("127.0.0.1", 0), backlog=16):
    listening = socket.create_server(address, backlog=backlog)
    listening.settimeout(30)
    return listening, listening.getsockname()[1]


def receive_all(peer):
    peer.settimeout(30)
    parts = []
    while part := peer.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def is_reset(peer):
    peer.settimeout(30)
    try:
        return peer.recv(1) is None
    except ConnectionResetError:
        return True


def test_tunnel_dial(guest, client):
    listening, port = server()
    tunnel = dial(client, port).opened()
    peer = listening.accept()[0]
    tunnel.send(DATA, b"question")
    tunnel.send(END)
    assert receive_all(peer) == b"question"
    peer.sendall(b"answer")
    peer.close()
    assert tunnel.ended() == (DONE, 0) and tunnel.has_ended and tunnel.data == b"answer"
    listening.close()


def test_tunnel_dial_refusals(guest, client):
    listening, port = server()
    listening.close()
    for wanted, options in {
        errno.ECONNREFUSED: {"port": port},
        errno.EACCES: {"port": port, "address": "10.0.0.1"},
        errno.EINVAL: {"port": 0},
    }.items():
        assert dial(client, **options).ended() == (REFUSED, wanted), options
    for address in ("0.0.0.0", "::", "128.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"):
        assert dial(client, port, address=address).ended()[1] == errno.EACCES, address
    for address in ("localhost", "127.1", "0x7f.0.0.1", "x" * 500, "127.0.0.1%lo"):
        assert dial(client, port, address=address).ended()[1] == errno.EINVAL, address
    assert dial(client, port, kind=9).ended()[1] == errno.EINVAL


def test_tunnel_listen(guest, client):
    listener = Listener(client, address="127.7.8.9")
    peer = socket.create_connection(("127.7.8.9", listener.port))
    tunnel = listener.accept(listener.incoming()).opened()
    peer.sendall(b"up")
    tunnel.until(lambda: tunnel.data == b"up")
    tunnel.send(DATA, b"down")
    tunnel.send(END)
    assert receive_all(peer) == b"down"
    peer.shutdown(socket.SHUT_WR)
    assert tunnel.ended() == (DONE, 0)
    refused = socket.create_connection(("127.7.8.9", listener.port))
    client.send(REFUSE, listener.channel, u32(listener.incoming(2)))
    assert is_reset(refused)
    assert listener.accept(2).ended() == (REFUSED, errno.ESRCH), "it is gone"
    waiting = socket.create_connection(("127.7.8.9", listener.port))
    listener.incoming(3)
    other = guest.connect()
    assert Tunnel(other, ACCEPT, struct.pack("<III", listener.channel, 3, 1)).ended()[1] == errno.ESRCH, "not its own"
    other.close()
    listener.cancel()
    assert is_reset(waiting)
    again = Listener(client, port=listener.port, address="127.7.8.9")
    assert again.port == listener.port, "the port is free again"
    assert Listener(client, port=again.port, address="127.7.8.9").errno == errno.EADDRINUSE
    assert Listener(client, address="0.0.0.0").errno == errno.EACCES
    again.cancel()


def test_tunnel_connection_ends_all(guest, client):
    other = guest.connect()
    listening, port = server()
    listener = Listener(other)
    dial(other, port).opened()
    dialled = listening.accept()[0]
    waiting = socket.create_connection(("127.0.0.1", listener.port))
    listener.incoming()
    other.close()
    assert is_reset(dialled) and is_reset(waiting)
    again = Listener(client, port=listener.port)
    assert again.errno == 0
    again.cancel()
    listening.close()


def test_tunnel_credit(guest, client):
    listening, port = server()
    tunnel = dial(client, port, credit=1000).opened()
    peer = listening.accept()[0]
    peer.setblocking(False)
    sent = 0
    while select.select([], [peer], [], 0.2)[1]:
        sent += peer.send(b"x" * 65536)
    tunnel.until(lambda: len(tunnel.data) == 1000)
    client.until(lambda: True)
    assert len(tunnel.data) == 1000 and sent < 32 << 20, "what nobody takes stays with the sender"
    tunnel.send(CREDIT, u32(sent))
    tunnel.until(lambda: len(tunnel.data) == sent)
    # The other way: a window is taken, and not one byte more.
    tunnel.send(DATA, b"y" * WINDOW)
    assert tunnel.credit <= WINDOW
    content = b"".join(b"%8d" % number for number in range(1 << 18))
    at, window, deadline = 0, tunnel.credit, time.monotonic() + 30
    got = bytearray()
    granted = tunnel.credit
    while len(got) < WINDOW + len(content):
        assert time.monotonic() < deadline
        if at < len(content) and window > 0:
            part = content[at : at + min(window, 100000)]
            tunnel.send(DATA, part)
            at, window = at + len(part), window - len(part)
        if select.select([peer], [], [], 0.01)[0]:
            got += peer.recv(1 << 20)
        if select.select([client.socket], [], [], 0)[0]:
            client.read()
        window += tunnel.credit - granted
        granted = tunnel.credit
    assert got == b"y" * WINDOW + content
    tunnel.send(CANCEL)
    assert tunnel.ended()[0] == DONE and is_reset(peer)
    listening.close()


def test_tunnel_overrun_is_punished(guest, client):
    listening, port = server()
    for frames in ([(DATA, b"z" * WINDOW)] * 32, [(END, b""), (END, b"")], [(END, b""), (DATA, b"z")], [(REFUSE, u32(1))]):
        bad = guest.connect()
        tunnel = dial(bad, port).opened()
        peer = listening.accept()[0]
        try:
            for type, payload in frames:
                tunnel.send(type, payload)
            tunnel.until(lambda: False)
            assert False
        except Closed:
            pass
        assert is_reset(peer) or True
        peer.close()
        bad.close()
    twin = dial(client, port).opened()
    peer = listening.accept()[0]
    twin.send(DATA, b"z" * WINDOW)
    twin.send(END)
    assert len(receive_all(peer)) == WINDOW
    peer.close()
    assert twin.ended() == (DONE, 0)
    listening.close()


def test_tunnel_reset(guest, client):
    listening, port = server()
    tunnel = dial(client, port).opened()
    peer = listening.accept()[0]
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert tunnel.ended() == (RESET, errno.ECONNRESET)
    listening.close()


def test_tunnel_half_close_other_way(guest, client):
    listening, port = server()
    tunnel = dial(client, port).opened()
    peer = listening.accept()[0]
    peer.shutdown(socket.SHUT_WR)
    tunnel.until(lambda: tunnel.has_ended)
    for _ in range(20):
        tunnel.send(DATA, b"later")
    tunnel.send(END)
    assert receive_all(peer) == b"later" * 20
    assert tunnel.ended() == (DONE, 0)
    listening.close()


def test_tunnel_backlog_and_bounds(guest, client):
    listener = Listener(client, backlog=3)
    peers = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(6)]
    listener.incoming(3)
    client.request(0x2C)
    assert len(listener.seen) == 3, "the others wait in the kernel"
    client.send(REFUSE, listener.channel, u32(1))
    listener.incoming(4)
    listener.cancel()
    for peer in peers:
        peer.close()
    listeners = [Listener(client) for _ in range(129)]
    assert [listener.errno for listener in listeners] == [0] * 128 + [errno.EMFILE]
    for listener in listeners[:128]:
        listener.cancel()
    listening, port = server(backlog=600)
    tunnels = [dial(client, port) for _ in range(513)]
    client.until(lambda: all(tunnel.is_open or tunnel.end for tunnel in tunnels))
    assert [tunnel.errno for tunnel in tunnels] == [0] * 512 + [errno.EMFILE]
    before = guest.descriptors()
    for tunnel in tunnels[:512]:
        tunnel.send(CANCEL)
    client.until(lambda: all(tunnel.end for tunnel in tunnels))
    assert guest.descriptors() in (0, before - 512)
    listening.close()


def test_tunnel_slow_peer_stalls_nobody(guest, client):
    listening, port = server()
    stuck = [dial(client, port).opened() for _ in range(8)]
    peers = [listening.accept()[0] for _ in stuck]
    for tunnel in stuck:
        tunnel.send(DATA, b"n" * WINDOW)
    started = time.monotonic()
    for _ in range(50):
        assert client.run("echo", "x").stdout == b"x\n"
    assert time.monotonic() - started < 20
    for tunnel in stuck:
        tunnel.send(CANCEL)
        tunnel.ended()
    assert all(is_reset(peer) or True for peer in peers)
    listening.close()


def test_tunnel_unix(guest, client):
    own = Guest(BINARY, "--root", guest.directory)
    peer = own.connect()
    path = os.path.join(guest.directory, "door")
    outside = socket.socket(socket.AF_UNIX)
    outside.bind(os.path.join(own.directory, "outside"))
    outside.listen()
    listener = Listener(peer, kind=UNIX, address=path)
    assert listener.errno == 0 and os.stat(path).st_mode & 0o777 == 0o666
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(path)
    tunnel = listener.accept(listener.incoming()).opened()
    caller.sendall(b"local")
    caller.close()
    tunnel.until(lambda: tunnel.data == b"local" and tunnel.has_ended)
    assert Listener(peer, kind=UNIX, address=path).errno == errno.EADDRINUSE
    dialled = dial(peer, kind=UNIX, address=path).opened()
    back = listener.accept(listener.incoming(2)).opened()
    back.send(DATA, b"hi")
    dialled.until(lambda: dialled.data == b"hi")
    os.symlink(os.path.join(own.directory, "outside"), os.path.join(guest.directory, "trick"))
    assert dial(peer, kind=UNIX, address=os.path.join(guest.directory, "trick")).ended()[1] == errno.ECONNREFUSED
    assert dial(peer, kind=UNIX, address=os.path.join(own.directory, "outside")).ended()[1] == errno.EACCES
    assert dial(peer, kind=UNIX, address=guest.path).opened(), "a twin inside the root is reached"
    assert Listener(peer, kind=UNIX, address=os.path.join(own.directory, "new")).errno == errno.EACCES
    listener.cancel()
    assert not os.path.exists(path)
    outside.close()
    peer.close()
    assert own.stop() == 0


def test_tunnel_names(guest, client):
    path = os.path.join(guest.directory, "hosts")
    open(path, "w").close()
    own = Guest(BINARY, "--hosts", path)
    peer = own.connect()
    def content():
        with open(path) as file:
            return file.read()
    assert content() == "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
    first = Listener(peer, address="127.9.9.1", names=["db", "sbx_0123456789ab"])
    second = Listener(peer, address="127.9.9.2", names=["web.internal"])
    assert first.is_named and second.is_named
    assert "127.9.9.1 db sbx_0123456789ab\n" in content() and "127.9.9.2 web.internal\n" in content()
    for bad in ("a b", "a\nb", "", "-x", "é", "x" * 129, "a#b"):
        assert Listener(peer, names=[bad]).errno == errno.EINVAL, bad
    assert Listener(peer, names=["n"] * 9).errno == errno.EINVAL
    first.cancel()
    first.cancel()
    assert "127.9.9.1" not in content() and "web.internal" in content()
    peer.close()
    eventually(lambda: content() == "127.0.0.1\tlocalhost\n::1\tlocalhost\n")
    assert own.stop() == 0
    nameless = Listener(client, names=["db"])
    assert nameless.errno == 0 and not nameless.is_named, "without a hosts file it listens all the same"
    nameless.cancel()
