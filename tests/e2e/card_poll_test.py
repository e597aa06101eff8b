#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server with `busy_poll` fetches packets from its network card, instead of waiting for the card's interrupt.

Method: server and clients are in two network namespaces, joined by a pair of virtual cards. The card of the server
reports packets after 200 ms only; a worker that polls has them at once.
"""

import array
import ctypes
import fcntl
import os
import platform
import re
import socket
import struct
import subprocess
import sys
import time

from support import case
from support.case import ServerCase

_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
_ETHTOOL_STSO, _ETHTOOL_SGRO = 0x1F, 0x2C  # segmentation when sending, merging when receiving
_libc = ctypes.CDLL(None, use_errno=True)

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
REQUESTS = 20
HELD_BACK_S = 0.2


def skip(why):
    print(f"SKIPPED: {why}", file=sys.stderr)
    sys.exit(77)


def enter_namespaces():
    """Runs this program again as the owner of a network of its own; ends it with 77 where that is denied."""
    if os.environ.get("CARD_POLL_TEST") == "inside":
        return
    os.environ["CARD_POLL_TEST"] = "inside"
    if tuple(int(each) for each in re.findall(r"\d+", platform.release())[:2]) < (6, 9):
        skip("io_uring polls cards from Linux 6.9 on")
    inside = ["unshare", "--net", "--mount"]
    try:
        possible = subprocess.run([*inside, "ip", "link"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        skip("it takes root's rights, unshare and ip")
    os.execvp(inside[0], [*inside, sys.executable, *sys.argv])


def ip(*words, of=None):
    prefix = ["nsenter", f"--net=/proc/{of}/ns/net"] if of else []
    subprocess.run([*prefix, "ip", *words], check=True)


def set_feature(card, command, on):
    value = array.array("B", struct.pack("II", command, int(on)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sP", card.encode(), value.buffer_info()[0])
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def leave_network():
    if _libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


class CardPollTest(ServerCase):
    def start_behind_card(self, *args):
        server = self.start(*args, host="0.0.0.0", before_exec=leave_network)
        ip("link", "add", "card0", "type", "veth", "peer", "name", "card1")
        self.addCleanup(ip, "link", "del", "card0")
        for card in ("card0", "card1"):
            set_feature(card, _ETHTOOL_STSO, False)  # else the cards hand packets over without being polled
            set_feature(card, _ETHTOOL_SGRO, True)
        write("/sys/class/net/card1/napi_defer_hard_irqs", "1000000")
        write("/sys/class/net/card1/gro_flush_timeout", "200000000")
        ip("link", "set", "card1", "netns", str(server.pid))
        ip("addr", "add", f"{OURS}/24", "dev", "card0")
        ip("link", "set", "card0", "up")
        ip("addr", "add", f"{THEIRS}/24", "dev", "card1", of=server.pid)
        ip("link", "set", "card1", "up", of=server.pid)
        server.host = THEIRS
        return server

    def count_quick_requests(self, *args):
        """Those that the card did not hold back."""
        server = self.start_behind_card(*args)
        client = self.wire(server, host=THEIRS)
        client.open()
        quick = 0
        for _ in range(REQUESTS):
            begin = time.monotonic()
            client.send("PING\r\n")
            client.expect("PONG\r\n")
            quick += time.monotonic() - begin < HELD_BACK_S / 4
        self.doCleanups()  # the next server's card has the same name
        return quick

    # A worker stops polling for a while when another program takes its processor, so only some may be quick.
    def test_packets_are_fetched_from_the_card(self):
        plain = self.count_quick_requests("--io", "uring", "--workers", "1")
        self.assertLess(plain, REQUESTS / 4, "the card does not hold packets back here")
        polled = self.count_quick_requests("--io", "uring", "--workers", "1", "--busy_poll", "1s")
        self.assertGreaterEqual(polled, plain + REQUESTS / 10)


if __name__ == "__main__":
    enter_namespaces()
    subprocess.run(["mount", "-t", "sysfs", "none", "/sys"], check=True)
    case.main()
