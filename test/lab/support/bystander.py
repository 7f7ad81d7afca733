"""A process without RDMA that counts: threads, a pipe, a timer, private and shared memory, a file, a UNIX socket pair.

Arguments: the file it counts in. Each line: the count, a sum over all that it holds.
"""
import hashlib
import mmap
import os
import signal
import socket
import sys
import threading
import time

private = bytearray(os.urandom(1 << 20))
shared = mmap.mmap(-1, 1 << 16)
shared.write(os.urandom(1 << 16))
read, write = os.pipe()
left, right = socket.socketpair()
ticks = 0


def tick(*_):
    global ticks
    ticks += 1


def echo():
    while True:
        right.send(right.recv(1))


signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
threading.Thread(target=echo, daemon=True).start()
count = 0
with open(sys.argv[1], "w") as out:
    while True:
        os.write(write, b"x")
        left.send(os.read(read, 1))
        total = hashlib.sha256(bytes(private) + shared[:] + left.recv(1)).hexdigest()
        out.write(f"{count} {total} {ticks > 0}\n")
        out.flush()
        count += 1
        time.sleep(0.05)
