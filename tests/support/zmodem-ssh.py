#!/usr/bin/env python3
"""zmodem-ssh.py SZ RZ -- COMMAND...

A terminal that knows ZMODEM, round a session: COMMAND (`ssh -tt -e none HOST`) runs in a pty of its own, and when the
session waits for a file SZ (`sz -b FILE...`) is put on it, when it sends one RZ (`rz -b`), until that ends.
"""
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import tty

CHUNK = 65536
STARTS = re.compile(rb"\*\*\x18B0([01])")
# ZFIN in hex: a sender wants nothing behind it, and the session's next words may come before it has ended.
FIN = re.compile(rb"\*\*\x18B08[0-9a-f]{12}\r[\n\x8a]")
FIN_LENGTH = 20
# The beginning of a start at the end of what was read: the rest may come with the next.
MAY_START = re.compile(rb"\*(?:\*(?:\x18(?:B0?)?)?)?$")


def main(sz, rz, command):
    child, session = pty.fork()
    if child == 0:
        os.execvp(command[0], command)

    def resize(*_):
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(session, termios.TIOCSWINSZ, size)

    before = termios.tcgetattr(0)
    tty.setraw(0)
    resize()
    signal.signal(signal.SIGWINCH, resize)
    try:
        talk(session, {b"0": shlex.split(rz), b"1": shlex.split(sz)})
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def talk(session, programs):
    held = b""
    while True:
        ready = select.select([0, session], [], [])[0]
        if 0 in ready:
            write_all(session, os.read(0, CHUNK))
        if session not in ready:
            continue
        data = held + read(session)
        if data == held:
            write_all(1, held)
            return
        start = STARTS.search(data)
        if start is not None:
            write_all(1, data[: start.start()])
            move(session, programs[start.group(1)], data[start.start() :], start.group(1) == b"1")
            held = b""
        else:
            tail = MAY_START.search(data)
            shown = len(data) if tail is None else tail.start()
            write_all(1, data[:shown])
            held = data[shown:]


def move(session, program, first, sends):
    """The program on the session until it ends. What one side does not take is not read from the other."""
    peer = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    to_peer, from_peer = peer.stdin.fileno(), peer.stdout.fileno()
    for descriptor in (to_peer, session):
        os.set_blocking(descriptor, False)
    inward, outward = first, b""
    before, behind = b"", None
    while True:
        from_session = inward == b"" and behind is None
        reads = ([from_peer] if outward == b"" else []) + ([session] if from_session else [])
        writes = ([to_peer] if inward else []) + ([session] if outward else [])
        can_read, can_write, _ = select.select(reads, writes, [])
        if to_peer in can_write:
            inward = inward[write(to_peer, inward) :]
        if session in can_write:
            outward = outward[write(session, outward) :]
        if session in can_read:
            inward = read(session)
            if inward == b"":
                peer.kill()
                break
            fin = FIN.search(before + inward) if sends else None
            if fin is not None:
                end = fin.end() - len(before)
                inward, behind = inward[:end], inward[end:]
            before = inward[-FIN_LENGTH:]
        if from_peer in can_read:
            outward = os.read(from_peer, CHUNK)
            if outward == b"":
                break
    os.set_blocking(session, True)
    peer.stdin.close()
    peer.wait()
    # What the session said behind the transfer is the person's again.
    write_all(1, inward + (behind or b""))


def read(descriptor):
    try:
        return os.read(descriptor, CHUNK)
    except OSError:  # How a pty says that its other side was closed.
        return b""


def write(descriptor, data):
    try:
        return os.write(descriptor, data)
    except BrokenPipeError:
        return len(data)


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(*sys.argv[1:split], sys.argv[split + 1 :]))
