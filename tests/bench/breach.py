# SPDX-License-Identifier: Apache-2.0
"""Pushes a level; once an arm is in force, past the guardrail, and writes down how long until it is gone.

A frame has the mean of what was pushed in its tick: what is past the guardrail is so by far, and one is enough.

    breach.py SOCKET FILE WANT RESULTS

The arm is in force while FILE shows WANT. A line of RESULTS is microseconds, or null where the arm was still in force after five seconds.
"""
import os
import random
import socket
import sys
import time

address, path, want, results = sys.argv[1:]
push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)


def send(text):
    try:
        push.sendto(text, address)
        return True
    except OSError:
        return False


def in_force():
    with open(path) as file:
        return want in file.read()


def breach():
    # At any moment of a tick of 250 ms, before the frame that ends the arm's first whole one.
    time.sleep(0.01 + random.random() * 0.22)
    if not in_force() or not send(b"bench.harm 1000000"):
        return
    begin = time.monotonic()
    while in_force() and time.monotonic() < begin + 5:
        time.sleep(0.0001)
    took = time.monotonic() - begin
    with open(results, "a") as file:
        file.write("null\n" if took >= 5 else "%d\n" % (took * 1000000))


random.seed(1)
while os.getppid() > 1:
    send(b"bench.level %d\nbench.harm 0" % (100 + random.randrange(10)))
    if in_force():
        breach()
    time.sleep(0.02)
