"""Runs rdma-core's own tests, as Debian's rdma-core package brings them, and prints a line of JSON for each.

Arguments: directory of the tests, uncompressed; seconds that one test may take; then names that are to be run.
Each test has a process group of its own, so that one that hangs or dies ends alone.
"""
import io
import json
import os
import signal
import sys
import time
import unittest


def outcome_of(result):
    for kind in ("skipped", "errors", "failures"):
        for _, text in getattr(result, kind):
            return {"skipped": "skip", "errors": "error", "failures": "fail"}[kind], text.strip().split("\n")[-1]
    return "pass", ""


def attempt(test, report):
    """In the child: runs the test and writes what came of it."""
    os.setsid()
    # What a test prints is not for the table.
    sys.stdout = io.StringIO()
    result = unittest.TestResult()
    test.run(result)
    outcome, reason = outcome_of(result)
    os.write(report, json.dumps({"outcome": outcome, "reason": reason}).encode())
    os._exit(0)


def run(test, limit):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            attempt(test, write)
        finally:
            os._exit(1)
    os.close(write)
    end = time.monotonic() + limit
    status = None
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        status = None
        time.sleep(0.02)
    try:
        # Its helpers too; they are in its group.
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if status is None:
        os.waitpid(pid, 0)
        answer = {"outcome": "timeout", "reason": f"did not end within {limit} s"}
    else:
        # A helper may still have the pipe; what the test wrote is in it already.
        os.set_blocking(read, False)
        try:
            text = os.read(read, 65536)
        except BlockingIOError:
            text = b""
        answer = json.loads(text) if text else {"outcome": "died", "reason": f"wait status {status}"}
    os.close(read)
    return answer


def complaints():
    words = ("BUG:", "WARNING:", "Oops", "general protection", "Call Trace", "hung task")
    with os.popen("dmesg -c") as log:
        return [line.strip() for line in log if any(word in line for word in words)]


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    directory, limit, wanted = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    sys.path.insert(0, directory)
    sys.argv[1:] = ["--dev", "rxe0"]
    from args_parser import parser
    parser.parse_args()
    # By that name the tests import one another.
    sys.path.insert(0, os.path.dirname(directory))
    loader = unittest.TestLoader()
    complaints()
    for test in flatten(loader.loadTestsFromName(os.path.basename(directory))):
        name = test.id().split(".", 1)[1]
        if wanted and not any(word in name for word in wanted):
            continue
        start = time.monotonic()
        answer = run(test, limit)
        seconds = round(time.monotonic() - start, 1)
        print(json.dumps({"test": name, **answer, "seconds": seconds, "kernel": complaints()}), flush=True)


main()
