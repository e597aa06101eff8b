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


if __name__ == "__main__":
    cluster.main()
