"""Sends numbered lines by one TCP connection and checks that each comes back, byte by byte.

Arguments: address, port. Each answer is one line of output; a connection that ends, or a wrong byte, is one that
begins with "bad".
"""
import hashlib
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    answers = connection.makefile("rb")
    for count in range(10**9):
        line = f"{count} {hashlib.sha256(str(count).encode()).hexdigest()}\n".encode()
        try:
            connection.sendall(line)
            answer = answers.readline()
        except OSError as error:
            answer = str(error).encode()
        if answer != line:
            print(f"bad: {answer!r} is not {line!r}", flush=True)
            sys.exit(1)
        print(f"{count} came back", flush=True)
        time.sleep(0.1)
