#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Members that come in any order, with and without a cluster name, and come back after a kill.

All dial the first member, the seed; the full mesh must come about whatever the order of the starts, and again after
each member has been killed and started anew. All six orders run side by side.
"""

import itertools

from support import cluster
from support.case import differs
from support.cluster import Cluster, ClusterCase

SIZE = 3
NAME = "named"


class RestartCase(ClusterCase):
    named = ()  # indexes of the members that have a configured name

    def setUp(self):
        for kind in self.kinds():
            if not kind.names_clusters:
                self.skipTest("servers before 2.2 know no cluster names")

    def make_cluster(self, order):
        members = [
            self.member(index, cluster_name=NAME if index in self.named else "", start=False)
            for index in range(SIZE)
        ]
        for member in members[1:]:
            member.routes = [members[0].route_url]
        for index in order:
            members[index].start()
        return Cluster(self, members)

    def restart(self, member):
        member.kill()
        member.start()

    def name_of(self, member):
        with self.subTest("asked by a client"):
            return self.client(member).info.get("cluster")

    def check_names(self, members):
        names = {self.name_of(member) for member in members}
        self.assertEqual(len(names), 1, names)
        if self.named:
            self.assertEqual(names, {NAME})

    def check_all_orders(self):
        clusters = [self.make_cluster(order) for order in itertools.permutations(range(SIZE))]
        for members in clusters:
            members.wait_mesh()
            self.check_names(members)
        for index in range(SIZE):
            for members in clusters:
                self.restart(members[index])
            for members in clusters:
                members.wait_mesh()
                self.check_names(members)


class NobodyHasANameTest(RestartCase):
    def test_every_order_and_every_restart(self):
        self.check_all_orders()


class TheSeedHasANameTest(RestartCase):
    named = (0,)

    def test_every_order_and_every_restart(self):
        self.check_all_orders()


class AnotherMemberHasANameTest(RestartCase):
    named = (2,)

    @differs("2.9.10", "a seed may give up a configured route after a conflict of names")
    def test_every_order_and_every_restart(self):
        self.check_all_orders()


class ATakenOverNameStaysTest(RestartCase):
    """A seed without a name that has met a configured one goes by it, also when only newcomers without one come."""

    @differs("2.9.10", "of the seed's name and the newcomers' random names the greatest wins, at times after a refusal")
    def test_it_does_not_follow_a_newcomer(self):
        seed = self.member(0, cluster_name="")
        named = self.member(1, cluster_name=NAME, routes=[seed.route_url])
        Cluster(self, [seed, named]).wait_mesh()
        named.close()
        newcomers = [self.member(i, cluster_name="", routes=[seed.route_url]) for i in (2, 3)]
        Cluster(self, [seed, *newcomers]).wait_mesh()
        self.check_names([seed, *newcomers])
        self.assertEqual(self.name_of(seed), NAME)


if __name__ == "__main__":
    cluster.main()
