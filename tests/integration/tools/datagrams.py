#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""datagrams.py - numbered datagrams, to count which of them arrive where

send ADDRESS PORT COUNT RATE [FILE]    sends COUNT numbers, RATE a second, and more of them until FILE is
                                there; prints how many were sent and how many of them came back
count PORT FILE [echo]          appends every number that arrives to FILE until it is killed; with
                                "echo" sends it back too
listen INTERFACE SECONDS        prints the hardware addresses that frames came from
"""
import os
import socket
import sys
import time


def roomy(sock):
    """Datagrams wait for a reader that the machine has no time for, beyond what the administrator allows others."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)


def send(address, port, count, rate, until):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    roomy(sock)
    sock.setblocking(False)
    back = set()

    def receive():
        while True:
            try:
                back.add(sock.recv(64))
            except OSError:
                return

    began = time.monotonic()
    i = 0
    while i < count or (until and i < 20 * count and not os.path.exists(until)):
        wait = began + i / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            sock.sendto(b"%d" % i, (address, port))
        except OSError as e:
            print("send", i, e, file=sys.stderr)
        receive()
        i += 1
    # a machine that is slow answers late
    quiet, before = 0, -1
    while len(back) < i and quiet < 30:
        quiet = quiet + 1 if len(back) == before else 0
        before = len(back)
        time.sleep(0.1)
        receive()
    print(i, len(back))


def count(port, path, echo):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    roomy(sock)
    sock.bind(("::", port))
    with open(path, "a", buffering=1) as out:
        while True:
            data, peer = sock.recvfrom(64)
            out.write(data.decode() + "\n")
            if echo:
                sock.sendto(data, peer)


def listen(interface, seconds):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind((interface, 0))
    end = time.monotonic() + seconds
    heard = set()
    while True:
        left = end - time.monotonic()
        if left <= 0:
            break
        sock.settimeout(left)
        try:
            frame, address = sock.recvfrom(64)
        except socket.timeout:
            break
        if address[2] != socket.PACKET_OUTGOING:
            heard.add(":".join("%02x" % b for b in frame[6:12]))
    print("\n".join(sorted(heard)))


if sys.argv[1] == "listen":
    listen(sys.argv[2], float(sys.argv[3]))
elif sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), (sys.argv[6:] or [None])[0])
else:
    count(int(sys.argv[2]), sys.argv[3], len(sys.argv) > 4)
