#!/usr/bin/python3
"""
A guest daemon that breaks the rules: it is put in the place of shelld. On the host it is the real one, whose path stands
in REAL; inside a guest (`serve --listen-fd 3`) it does what MODE says. See hostile-guest.test.ts.
"""
import os
import socket
import struct
import sys
import time

REAL = '@REAL@'
MODE = '@MODE@'

if sys.argv[1] != 'serve' or '--listen-fd' not in sys.argv:
    os.execv(REAL, [REAL, *sys.argv[1:]])


def text(value):
    data = value.encode('utf-8', 'surrogateescape')
    return struct.pack('<I', len(data)) + data


def frame(kind, channel, payload=b''):
    return struct.pack('<IBI', len(payload), kind, channel) + payload


LAYERS = ['root-filesystem', 'mount-namespace', 'pid-namespace', 'net-namespace', 'seccomp', 'landlock', 'no-new-privs',
          'capabilities', 'uid', 'user-namespace', 'ipc-namespace', 'uts-namespace', 'cgroup-namespace']


def layer(name, state=0, detail='network refused'):
    return frame(0x03, 0, text(name) + bytes([state]) + text(detail))


def welcome(version='1'):
    return frame(0x02, 0, struct.pack('<HI', 1, 1) + text('i' * 32) + text(version) + struct.pack('<I', 1) + text('/'))


def endless(connection, piece):
    while True:
        connection.sendall(piece)


def speak(connection):
    """A guest that is sound until its first command, and then does what `during` says."""
    if MODE == 'escapes':
        connection.sendall(layer('\x1b[31mseccomp\x07', 1, '\x1b]0;owned\x07') + welcome('\x1b[2J'))
    else:
        connection.sendall(b''.join(layer(name) for name in LAYERS if MODE != 'no-layers') + welcome())
    pending = b''
    while True:
        data = connection.recv(65536)
        if not data:
            return
        pending += data
        while len(pending) >= 9:
            length, kind, channel = struct.unpack('<IBI', pending[:9])
            if len(pending) < 9 + length:
                break
            payload, pending = pending[9:9 + length], pending[9 + length:]
            if kind == 0x04 and MODE != 'no-pong':
                connection.sendall(frame(0x05, 0, payload if MODE != 'wrong-pong' else b'\0' * 8))
            if kind == 0x20:
                during(connection, channel)


def during(connection, channel):
    started = frame(0x21, channel, struct.pack('<II', 1, 1))
    if MODE == 'exec-garbage':
        connection.sendall(started + os.urandom(100000))
    elif MODE == 'exec-wrong-channel':
        connection.sendall(frame(0x24, channel + 77, b'not yours') + frame(0x7f, channel, b''))
    elif MODE == 'exec-oversized':
        connection.sendall(started + struct.pack('<IBI', 0xffffffff, 0x24, channel))
    elif MODE == 'exec-beyond-credit':
        connection.sendall(started)
        endless(connection, frame(0x24, channel, b'x' * 1048576))
    elif MODE == 'exec-exits-twice':
        exited = frame(0x26, channel, struct.pack('<IBiBQQQQQQ', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        connection.sendall(started + exited + started + frame(0x09, 0, b'\0' * 8))
    elif MODE == 'exec-lies':
        # Well-formed lies: 2^53 bytes of output, a signal that does not exist, a code beyond any.
        lies = struct.pack('<IBiBQQQQQQ', 1, 200, -2147483648, 255, 2**53 - 1, 2**53 - 1, 2**53 - 1, 0, 0, 0)
        connection.sendall(started + frame(0x26, channel, lies))
    elif MODE == 'exec-hangs-up':
        connection.sendall(started)
        connection.close()
        time.sleep(1000)
    elif MODE == 'exec-dies':
        os._exit(1)


listener = socket.socket(fileno=3)
if MODE == 'exits':
    os.write(2, b'I quit \x1b[31m\x07\n')
    os._exit(7)
connection, _ = listener.accept()
if MODE == 'silent' or MODE == 'never-reads':
    time.sleep(1000)
elif MODE == 'closes':
    connection.close()
    time.sleep(1000)
elif MODE == 'garbage':
    connection.sendall(os.urandom(4 << 20))
elif MODE == 'zeros':
    endless(connection, bytes(1 << 16))
elif MODE == 'text':
    connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n' * 1000)
elif MODE == 'oversized':
    connection.sendall(struct.pack('<IBI', 0xffffffff, 0x02, 0))
elif MODE == 'wrong-side':
    connection.sendall(frame(0x01, 0, struct.pack('<HH', 1, 1) + text('host')))
elif MODE == 'half':
    connection.sendall(welcome()[:-3])
    connection.close()
elif MODE == 'layers-forever':
    endless(connection, layer('seccomp') * 1000)
elif MODE == 'generation':
    connection.sendall(frame(0x02, 0, struct.pack('<HI', 9, 1) + text('i') + text('v') + struct.pack('<I', 0)))
else:
    speak(connection)
time.sleep(1000)
