#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py [--kill] PROGRAM ARG...: runs a shell in L0 on a terminal of its own and types.

Prints a line "ok WHAT" for all that is as it must be. --kill: ends PROGRAM by SIGTERM at the prompt.
"""
import fcntl
import hashlib
import os
import select
import signal
import struct
import sys
import termios
import time

DEADLINE = time.monotonic() + 120
PROMPT = b"L0:/midflight# "

args = sys.argv[1:]
kill = args[0] == "--kill"
if kill:
    args = args[1:]

user, program = os.openpty()
fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
before = termios.tcgetattr(program)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(program, termios.TIOCSCTTY, 0)
    for fd in 0, 1, 2:
        os.dup2(program, fd)
    os.execv(args[0], args)


def tell(ok, what, seen):
    print(f"ok {what}" if ok else f"not so: {what}: {seen!r}", flush=True)


def read_until(text):
    """What the terminal gets up to @text; the test ends if it does not come."""
    got = b""
    while not got.endswith(text):
        if not select.select([user], [], [], max(0, DEADLINE - time.monotonic()))[0]:
            print(f"no {text!r} within the time, but {got!r}")
            os.kill(pid, signal.SIGTERM)
            sys.exit(1)
        got += os.read(user, 1)
    return got


def write(data):
    """Types @data while what comes back is taken."""
    got = b""
    while data:
        readable, writable, _ = select.select([user], [user], [])
        if readable:
            got += os.read(user, 4096)
        if writable:
            data = data[os.write(user, data[:256]) :]
    return got


def ask(command):
    write(command + b"\r")
    read_until(b"\n")  # the echo
    return read_until(PROMPT)


read_until(PROMPT)
want = 130
if kill:
    os.kill(pid, signal.SIGTERM)
else:
    want = 5
    seen = ask(b"stty size")
    tell(b"33 101\r\n" in seen, "size", seen)
    write(b"echo begun; sleep 1000000\r")
    read_until(b"\nbegun\r\n")
    write(b"\x03")
    read_until(PROMPT)
    seen = ask(b"echo status $?")
    tell(b"status 130\r\n" in seen, "Ctrl-C goes to L0", seen)
    paste = b"".join(b"%060d\n" % i for i in range(300))
    write(b"echo begun; md5sum -; echo taken\r")
    read_until(b"\nbegun\r\n")
    seen = write(paste + b"\x04") + read_until(b"\ntaken\r\n")
    tell(hashlib.md5(paste).hexdigest().encode() in seen, "all of a paste arrives", seen[-200:])
    read_until(PROMPT)
    write(b"echo begun; seq 20000; echo all\r")
    read_until(b"\nbegun\r\n")
    time.sleep(3)  # the terminal is full meanwhile
    seen = read_until(b"\nall\r\n")
    tell(seen.split() == [b"%d" % i for i in range(1, 20001)] + [b"all"],
         "a slow terminal loses nothing", seen[-200:])
    read_until(PROMPT)
    write(b"echo left >out/left; exit 5\r")
while True:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    if time.monotonic() > DEADLINE:
        os.kill(pid, signal.SIGKILL)
    if select.select([user], [], [], 0.1)[0]:
        os.read(user, 4096)
tell(os.waitstatus_to_exitcode(status) == want, "exit status", status)
tell(termios.tcgetattr(program) == before, "the terminal is as it was", termios.tcgetattr(program))
