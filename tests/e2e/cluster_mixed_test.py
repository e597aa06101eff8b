#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two servers with unlike settings of pools, pinned accounts, compression and TLS: what they agree on, and that
messages of all accounts pass both ways. Each pair is tried with either side dialing (`--cluster`).
"""

import shutil
import signal
import unittest

from support import cluster
from support.cluster import ACCOUNTS, USERS, Cluster, ClusterCase
from support.tls import Certificates


class MixedCase(ClusterCase):
    def pair(self, first, second, common=""):
        """The second dials. Settings of pools and compression are for those that know them."""
        known = [text if self.kind(index).pools else "" for index, text in enumerate((first, second))]
        members = []
        for index in range(2):
            members.append(
                self.member(index, settings=ACCOUNTS, cluster_settings=f"  {known[index]}\n{common}",
                            routes=[m.route_url for m in members])
            )  # fmt: skip
        return Cluster(self, members).wait_mesh()

    def check(self, pair, links, compression=None):
        """`links`: how many each has in the end."""
        if not all(self.kind(index).pools for index in range(2)):
            links, compression = 1, "not supported"
        for member in pair:
            self.wait_for(lambda m=member: m.get("/routez")["num_routes"] == links, f"{links} routes of {member.name}")
            if compression and member.kind.pools:
                shown = {route["compression"] for route in member.get("/routez")["routes"]}
                self.assertTrue(all(mode.startswith(compression) for mode in shown), (member.name, shown))
        for user in USERS:
            ends = [self.client(member, user=user, **{"pass": user}) for member in pair]
            for one, other in (ends, reversed(ends)):
                one.send("SUB here 1\r\nSUB here.q q 2\r\n")
                self.sync(one, other)
                big = b"0123456789abcdef" * 6000
                other.send(b"PUB here 5\r\nhello\r\nPUB here.q re 1\r\nq\r\nPUB here %d\r\n%s\r\n" % (len(big), big))
                one.expect_message("here", 1, b"hello")
                one.expect_message("here.q", 2, b"q", "re")
                one.expect_message("here", 1, big)
                one.send("UNSUB 1\r\nUNSUB 2\r\n")
                one.expect_quiet()


class MixedTest(MixedCase):
    def test_defaults(self):
        self.check(self.pair("", ""), 4, "off")

    def test_pools_of_two_sizes(self):
        kinds = [self.kind(index) for index in range(2)]
        if any(kind.pools and kind.is_go and kind.number < (2, 12) for kind in kinds):
            self.skipTest("they must be of one size before 2.11.2")
        self.check(self.pair("pool_size: 2", "pool_size: 5"), 6)

    def test_one_without_a_pool(self):
        self.check(self.pair("pool_size: -1", ""), 1)
        self.check(self.pair("", "pool_size: -1"), 1)

    def test_an_account_is_pinned_by_reload_and_let_go(self):
        if not all(self.kind(index).pools for index in range(2)):
            self.skipTest("pinned accounts came with 2.10")
        pair = self.pair("pool_size: 3", "pool_size: 3")
        self.check(pair, 4)
        for pinned, links in (("accounts: [X]", 5), ("", 4)):
            for member in pair:
                mark = len(member.log.lines())
                member.cluster_settings = f"  pool_size: 3\n  {pinned}"
                member.write_config()
                member.send_signal(signal.SIGHUP)
                member.log.wait("Reloaded: cluster", after=mark)
            self.check(pair, links)

    def test_pinned_accounts_and_compression(self):
        pinned = "accounts: [X], compression: "
        self.check(self.pair(pinned + "s2_fast", pinned + "accept"), 5, "s2_fast")
        self.check(self.pair(pinned + "accept", pinned + "s2_better"), 5, "s2_better")

    @unittest.skipUnless(shutil.which("openssl"), "SKIPPED: openssl is not installed")
    def test_auto_over_tls(self):
        certificates = Certificates(self.folder())
        tls = certificates.config(f'ca_file: "{certificates.ca}"', "timeout: 10")
        # The level goes by the round trip time.
        self.check(self.pair("compression: s2_auto", "compression: s2_auto", tls), 4, "s2_")


class Flow:
    """Numbered messages of account X from one server to a subscriber of another one."""

    def __init__(self, test, source, target):
        user = {"user": "x", "pass": "x"}
        self.test, self.name = test, f"{source.name}.{target.name}"
        self.receiver, self.sender = test.client(target, **user), test.client(source, **user)
        self.receiver.send(f"SUB {self.name} 1\r\n")
        self.receiver.expect_quiet()
        self.sent = 0
        self.numbers = []

    def step(self):
        """Sends some more and reads what has come."""
        count = 10
        frames = (f"PUB {self.name} 8\r\n{self.sent + i:08}\r\n" for i in range(1, count + 1))
        self.sender.send("".join(frames))
        self.sender.expect_quiet()
        self.sent += count
        self.receiver.send("PING\r\n")
        while self.receiver.take(f"MSG {self.name} 1 8\r\n".encode()):
            self.numbers.append(int(self.receiver.read(10)))

    def check(self):
        self.test.assertEqual(self.numbers, sorted(set(self.numbers)), f"{self.name}: twice, or not in order")


class PinnedByReloadTest(ClusterCase):
    """An account is pinned, and let go, at one member after the other, with traffic between all the time. Members
    that are not reloaded yet take part."""

    def setUp(self):
        if not all(kind.pools for kind in self.kinds()):
            self.skipTest("pinned accounts came with 2.10")

    def begin(self, pinned="", size=2, dialers=None):
        """All know the addresses of all (those of `dialers` alone), so that each can dial each."""
        members = [
            self.member(i, settings=ACCOUNTS, cluster_settings=self.text(pinned), start=False) for i in range(size)
        ]
        for index, member in enumerate(members):
            if dialers is None or index in dialers:
                member.routes = [other.route_url for other in members if other is not member]
        for member in members:
            member.start()
        group = Cluster(self, members).wait_mesh()
        self.flows = {(i, j): Flow(self, group[i], group[j]) for i in range(size) for j in range(size) if i != j}
        self.check_flows()
        links = 5 if pinned else 4
        for member in group:
            self.wait_for(lambda m=member: m.get("/routez")["num_routes"] == (size - 1) * links, "all routes")
        return group

    def text(self, pinned, size=3):
        return f"  pool_size: {size}\n  {pinned}"

    def give(self, member, pinned, size=3):
        mark = len(member.log.lines())
        member.cluster_settings = self.text(pinned, size)
        member.write_config()
        member.send_signal(signal.SIGHUP)

        def reloaded():
            self.step()
            return any("Reloaded: cluster" in line for line in member.log.lines()[mark:])

        self.wait_for(reloaded, f"{member.name} is reloaded")

    def pin_at_first(self):
        group = self.begin()
        self.give(group[0], "accounts: [X]")
        self.check_flows()
        return group

    def step(self):
        for flow in self.flows.values():
            flow.step()

    def check_flows(self, only=None):
        """What is sent from now on arrives, once: many in a row, so that nothing is about to break off."""
        for flow in self.flows.values() if only is None else only:
            in_a_row = 0

            def runs(flow=flow):
                nonlocal in_a_row
                self.step()
                arrived = bool(flow.numbers) and flow.numbers[-1] > flow.sent - 50
                in_a_row = in_a_row + 1 if arrived else 0
                return in_a_row == 20

            self.wait_for(runs, f"messages of {flow.name} arrive")
        for flow in self.flows.values():
            flow.check()

    def wait_pinned(self, group, is_pinned):
        """Each server has a connection for X to each other one, or none has."""
        for member in group:

            def there(member=member):
                self.step()
                routes = member.get("/routez")["routes"]
                peers = {route["remote_id"] for route in routes if route.get("account") == "X"}
                return peers == ({other.id for other in group if other is not member} if is_pinned else set())

            self.wait_for(there, f"connections for X of {member.name}: {is_pinned}")

    def go(self, *indexes):
        return any(self.kind(index).is_go for index in indexes)

    def test_it_is_pinned_and_let_go(self):
        group = self.begin()
        for member in group:
            self.give(member, "accounts: [X]")
            self.check_flows()
        self.wait_pinned(group, True)
        self.give(group[0], "")
        if not self.go(0):  # it goes on using the connection that the other one wants; Go's refuses that
            self.check_flows()
        self.give(group[1], "")
        self.check_flows()
        self.wait_pinned(group, False)

    def test_it_is_pinned_and_let_go_in_the_other_order(self):
        group = self.begin()
        for member in reversed(list(group)):
            self.give(member, "accounts: [X]")
            self.check_flows()
        self.wait_pinned(group, True)
        for member in group:
            self.give(member, "")
        self.check_flows()
        self.wait_pinned(group, False)

    def test_only_one_member_pins_it_and_lets_it_go(self):
        if self.go(1):
            self.skipTest("Go's stays without the interest of the other until it is reloaded")
        group = self.begin()
        for _ in range(2):
            self.give(group[0], "accounts: [X]")
            self.check_flows()
            self.wait_pinned(group, True)
            self.give(group[0], "")
            self.check_flows()
            self.wait_pinned(group, False)

    def test_new_interest_and_the_end_of_interest_while_only_one_has_pinned_it(self):
        group = self.pin_at_first()
        for source, target in (group, reversed(list(group))):
            one, other = (self.client(member, user="x", **{"pass": "x"}) for member in (target, source))
            one.send("SUB new 1\r\nSUB new.q q 2\r\n")
            self.sync(one, other)
            other.send("PUB new 1\r\nx\r\nPUB new.q 1\r\nq\r\n")
            one.expect_message("new", 1, b"x")
            one.expect_message("new.q", 2, b"q")
            one.send("UNSUB 1\r\nUNSUB 2\r\nSUB later 3\r\n")
            self.sync(one, other)
            other.send("PUB new 1\r\nx\r\nPUB new.q 1\r\nq\r\nPUB later 1\r\ny\r\n")
            one.expect_message("later", 3, b"y")
            one.expect_quiet()
        self.give(group[1], "accounts: [X]")
        self.check_flows()

    def restart(self, group, index):
        """Its clients and their counts begin anew."""
        group[index].restart()
        group[index].id = group[index].get("/varz")["server_id"]
        self.flows = {}
        group.wait_mesh()
        for i, j in ((0, 1), (1, 0)):
            self.flows[i, j] = Flow(self, group[i], group[j])

    def test_the_other_one_restarts_before_it_is_reloaded(self):
        group = self.pin_at_first()
        self.restart(group, 1)
        if not self.go(1):  # Go's has forgotten the announcement, and says so: No route for account "X"
            self.check_flows()
            self.wait_pinned(group, True)
        self.give(group[1], "accounts: [X]")
        self.check_flows()
        self.wait_pinned(group, True)

    def test_the_one_that_is_reloaded_restarts(self):
        group = self.pin_at_first()
        self.restart(group, 0)
        self.check_flows()
        self.wait_pinned(group, True)
        self.give(group[1], "accounts: [X]")
        self.check_flows()

    def test_the_one_that_is_reloaded_dials_nobody(self):
        if self.go(1):
            self.skipTest("Go's dials for accounts of its own configuration only")
        group = self.begin(dialers=[1])
        self.give(group[0], "accounts: [X]")
        self.check_flows()
        self.wait_pinned(group, True)
        self.give(group[1], "accounts: [X]")
        self.check_flows()
        for member in group:
            self.give(member, "")
            self.step()
        self.check_flows()
        self.wait_pinned(group, False)

    def test_the_one_that_pins_it_dials_nobody_and_the_other_one_restarts(self):
        if self.go(0, 1):
            self.skipTest("Go's dials for accounts of its own configuration only")
        for pinned in ("", "accounts: [X]"):
            group = self.begin(pinned=pinned, dialers=[1])
            if not pinned:
                self.give(group[0], "accounts: [X]")
            else:
                self.give(group[1], "")
            for index in (1, 0):
                self.restart(group, index)
                self.check_flows()
                self.wait_pinned(group, True)

    def test_the_size_of_the_pool_changes_before_and_with_it(self):
        """The member that dials nobody may complete the pool first; it does not dial for the account."""
        if self.kind(0).number < (2, 12) or self.kind(1).number < (2, 12):
            self.skipTest("they must be of one size before 2.11.2")
        last = (5, "accounts: [X]")
        for steps in ((last,), ((5, ""), last)):
            group = self.begin(dialers=[1])
            for size, pinned in ((-1, ""), (3, ""), *steps):
                for member in group:
                    self.give(member, pinned, size)
                    if not pinned:
                        self.check_flows()
                links = 1 if size < 0 else size + 1 + bool(pinned)
                self.check_flows()
                for member in group:
                    self.wait_for(lambda m=member: m.get("/routez")["num_routes"] == links, f"{links} routes")

    def test_three_members(self):
        if self.go(0, 1, 2):
            self.skipTest("a Go server to which it is announced takes the account off all its pools")
        group = self.begin(size=3)
        for member in group:
            self.give(member, "accounts: [X]")
            self.check_flows()
        self.wait_pinned(group, True)
        for member in group:
            self.give(member, "")
            self.check_flows()
        self.wait_pinned(group, False)


if __name__ == "__main__":
    cluster.main()
