# SPDX-License-Identifier: Apache-2.0
"""Faults: what is done to a World, each with a name in KINDS. A fault returns when it is over; what it may have lost on
which way stands in the verdict.

Without loss: pause, stall, slow, rotate, stuck. Around a server: kill, restart, lame_duck, freeze. Around what joins
two servers: reset, cut, hold.
"""

import signal
import time

from support.chaos_world import PENDING_MB
from support.tls import TlsWire
from support.wire import Wire

SHORT_S = 3.0  # a pause or a stall of less loses nothing: PINGs fail after 6 s at the earliest
LAME_DUCK_S = 60.0
FLOOD_MB = PENDING_MB + 16
BLOCK = 64 * 1024


def pause(world, draw):
    """SIGSTOP for a moment: everything comes late, and nothing is lost."""
    with world.take_node() as node:
        fault = world.begin_fault(f"pause {node.name}", node.name)
        begin = time.monotonic()
        node.send_signal(signal.SIGSTOP)
        world.wait(draw.uniform(0.2, 1.3))
        node.send_signal(signal.SIGCONT)
        end_short(world, fault, begin)


def end_short(world, fault, begin):
    """On a busy machine a short fault may become a long one."""
    if time.monotonic() - begin < SHORT_S:
        world.withdraw(fault)
    else:
        world.heal(fault)


def freeze(world, draw):
    """SIGSTOP, until the others have closed their connections to it."""
    with world.take_node() as node:
        fault = world.begin_fault(f"freeze {node.name}", node.name)
        node.send_signal(signal.SIGSTOP)
        world.wait(draw.uniform(7.5, 10.0))
        node.send_signal(signal.SIGCONT)
        world.heal(fault)


def kill(world, draw):
    with world.take_node() as node:
        fault = world.begin_fault(f"kill {node.name}", node.name)
        node.takes_clients = False
        node.kill()
        world.wait(draw.uniform(0.0, 2.5))
        world.start_node(node)
        world.heal(fault)


def restart(world, draw):
    """SIGINT; it must end well."""
    with world.take_node() as node:
        fault = world.begin_fault(f"restart {node.name}", node.name)
        node.takes_clients = False
        expect_good_end(world, node, node.stop())
        world.wait(draw.uniform(0.0, 1.0))
        world.start_node(node)
        world.heal(fault)


def expect_good_end(world, node, code):
    if code != 0:
        world.verdict.fail(f"{node.name} ended with {code}: {node.log.text()[-2000:]}")


def lame_duck(world, draw, node=None):
    """SIGUSR2: publishers leave it without a loss; then it ends by itself."""
    with world.take_node(node) as node:
        world.log(f"  lame duck: {node.name}")
        node.takes_clients = False
        node.send_signal(signal.SIGUSR2)
        code = node.wait_exit(LAME_DUCK_S)
        fault = world.begin_fault(f"{node.name} has ended", node.name)
        expect_good_end(world, node, code)
        world.wait(draw.uniform(0.0, 0.5))
        world.start_node(node)
        world.heal(fault)


def rolling(world, draw):
    """Every server in turn, as for an upgrade."""
    for node in world.nodes:
        lame_duck(world, draw, node)
        world.settle()


def reset(world, draw):
    with world.take_pair() as pair:
        fault = world.begin_fault(f"reset {'-'.join(pair)}", frozenset(pair))
        for _ in range(draw.choice([1, 1, 1, 3])):
            world.board.reset(pair)
            world.wait(draw.uniform(0.0, 0.3))
        world.heal(fault)


def cut(world, draw):
    """Reset, and not to be dialed for a while."""
    with world.take_pair() as pair:
        fault = world.begin_fault(f"cut {'-'.join(pair)}", frozenset(pair))
        world.board.refuse(pair)
        world.board.reset(pair)
        world.wait(draw.uniform(0.5, 4.0))
        world.board.refuse(pair, False)
        world.heal(fault)


def hold(world, draw):
    """Nothing comes through, in one direction or both, until PINGs fail."""
    with world.take_pair() as pair:
        owners = draw.choice([pair, pair[:1]])
        fault = world.begin_fault(f"hold {'-'.join(pair)} from {'+'.join(owners)}", frozenset(pair))
        world.board.hold(pair, owners)
        world.wait(draw.uniform(7.0, 10.0))
        if draw.random() < 0.5:
            world.board.reset(pair)
        world.board.hold(pair)
        world.heal(fault)


def stall(world, draw):
    """Nothing comes through for a moment; all of it comes afterwards."""
    with world.take_pair() as pair:
        fault = world.begin_fault(f"stall {'-'.join(pair)}", frozenset(pair))
        begin = time.monotonic()
        world.board.hold(pair, draw.choice([pair, pair[:1]]))
        world.wait(draw.uniform(0.2, 1.5))
        world.board.hold(pair)
        end_short(world, fault, begin)


def slow(world, draw):
    with world.take_pair() as pair:
        delay_s = draw.uniform(0.005, 0.08)
        world.log(f"  slow: {'-'.join(pair)} by {delay_s * 1000:.0f} ms")
        world.board.delay(pair, delay_s)
        world.wait(draw.uniform(1.0, 4.0))
        world.board.delay(pair)


def rotate(world, draw):
    """New certificates by a reload: who is connected stays, and who comes sees the new one."""
    old = world.certificates.cert, world.certificates.key
    serial = world.next_serial()
    world.certificates.cert, world.certificates.key = world.certificates.issue(
        f"server{serial}", f"/CN=localhost{serial}", "IP:127.0.0.1,DNS:localhost")  # fmt: skip
    for node in world.nodes:
        node.blocks = node.blocks.replace(old[0], world.certificates.cert).replace(old[1], world.certificates.key)
        node.write_config()
        first = len(node.log.lines())
        node.send_signal(signal.SIGHUP)
        line = node.log.wait(r"Reloaded server configuration|Failed to reload", after=first)[0]
        if "Failed" in line.string:
            world.verdict.fail(f"{node.name} has not reloaded: {line.string}")
        with TlsWire(node.port) as wire:
            wire.read_info()
            wire.handshake(world.certificates)
            shown = wire.socket.getpeercert()["subject"][0][0][1]
            if shown != f"localhost{serial}":
                world.verdict.fail(f"{node.name} shows the certificate of {shown}")


def stuck(world, draw):
    """A subscriber that stops to read is closed by its pending limit, wherever the flood comes from."""
    with world.take_node() as node:
        source = draw.choice(world.clusters[node.cluster_name])
        subject = f"flood.{world.next_serial()}"
        world.log(f"  stuck: at {node.name}, flooded from {source.name}")
        with Wire(node.port, receive_bytes=4096) as wire, Wire(source.port) as flood:
            for each in (wire, flood):
                each.open(user="f", **{"pass": "f"})
            wire.send(f"SUB {subject} 1\r\nPING\r\n")
            wire.expect(b"PONG\r\n")
            frame = f"PUB {subject} {BLOCK}\r\n".encode() + b"x" * BLOCK + b"\r\n"
            for _ in range(FLOOD_MB * 1024 * 1024 // BLOCK):
                flood.send(frame)
                world.wait(0.01)
            flood.expect_quiet()
            end = time.monotonic() + 15
            while not wire.ended and time.monotonic() < end:
                wire.receive(end)
                wire.buffer.clear()
            if not wire.ended:
                world.verdict.fail(f"{node.name} has not closed a subscriber that does not read")


# name: (function, weight, seconds that it may take, alone)
KINDS = {
    "pause": (pause, 4, 1.3, False),
    "stall": (stall, 4, 1.5, False),
    "slow": (slow, 2, 4, False),
    "rotate": (rotate, 2, 2, True),
    "stuck": (stuck, 1, 10, True),
    "kill": (kill, 4, 4, False),
    "restart": (restart, 2, 4, False),
    "reset": (reset, 4, 1, False),
    "cut": (cut, 4, 4, False),
    "hold": (hold, 2, 10, False),
    "freeze": (freeze, 2, 10, False),
    "lame_duck": (lame_duck, 1, 14, False),
    "rolling": (rolling, 0.3, 90, True),
}
