# SPDX-License-Identifier: Apache-2.0
"""Clusters of clusters: several clusters, joined by gateways.

`--clusters server,2.9.10` says what the clusters are made of, in turn; `server+2.9.10` is a cluster whose
members are of both kinds, in turn. Names are those of support/cluster.py. Without it all are the binary under
test.

Waiting: SuperCluster.wait_gateways() until every member has reported its connection to every other cluster;
ClusterCase.sync() until what one connection subscribed is known where another publishes.
"""

import argparse
import re
import sys

from support import case
from support.cluster import UNDER_TEST, Cluster, ClusterCase, HeldPort, Member, find_kind

OUTBOUND = r'Outbound gateway connection to "{}" \(\w+\) registered'
INBOUND = r'Inbound gateway connection from "{}" \(\w+\) registered'


class SuperOptions:
    clusters = [UNDER_TEST]


class GatewayMember(Member):
    """One server of a cluster that has gateways. Its ports stay the same over a restart."""

    gateways = ()  # of each a cluster's name, the URLs of its gateways, and maybe what else stands in the entry
    gateway_settings = ""  # inside the `gateway` block
    gateway_name = None  # if other than the cluster's

    def __init__(self, *args, **parts):
        super().__init__(*args, **parts)
        self._held.append(HeldPort())
        self.gateway_port = self._held[-1].number

    @property
    def gateway_url(self):
        return f"nats://127.0.0.1:{self.gateway_port}"

    def config_text(self):
        remotes = "\n".join(
            f'    {{ name: "{name}", urls: [{", ".join(repr(url) for url in urls)}]\n{"".join(more)} }}'
            for name, urls, *more in self.gateways
        )
        return super().config_text() + "\n".join([
            "gateway {",
            f'  name: "{self.gateway_name or self.cluster_name}"',
            f"  listen: 127.0.0.1:{self.gateway_port}",
            self.gateway_settings,
            f"  gateways: [\n{remotes}\n  ]" if remotes else "",
            "}",
            "",
        ])  # fmt: skip

    def wait_outbound(self, name, after=0):
        return self.log.wait(OUTBOUND.format(re.escape(name)), after=after)[1]

    def wait_inbound(self, name, after=0):
        return self.log.wait(INBOUND.format(re.escape(name)), after=after)[1]


class SuperCluster:
    """Clusters in order; [0][1] is the second member of the first one."""

    def __init__(self, test, clusters):
        self.test, self.clusters = test, clusters

    def __getitem__(self, index):
        return self.clusters[index]

    def __iter__(self):
        return iter(self.clusters)

    @property
    def members(self):
        return [member for cluster in self.clusters for member in cluster]

    def wait_gateways(self):
        names = [cluster[0].cluster_name for cluster in self.clusters]
        for member in self.members:
            for name in names:
                if name != member.cluster_name:
                    member.wait_outbound(name)
        return self


class SuperClusterCase(ClusterCase):
    def cluster_kinds(self, index):
        kinds = []
        for name in SuperOptions.clusters[index % len(SuperOptions.clusters)].split("+"):
            kind = find_kind(name)
            if not kind:
                self.skipTest(f"SKIPPED: no nats-server {name}; tools/reference builds it")
            kinds.append(kind)
        return kinds

    def all_kinds(self):
        return [kind for index in range(len(SuperOptions.clusters)) for kind in self.cluster_kinds(index)]

    def gateway_member(self, cluster=0, index=0, *args, start=True, **parts):
        kinds = self.cluster_kinds(cluster)
        parts.setdefault("cluster_name", "ABCDEFGH"[cluster])
        name = f"{parts['cluster_name']}{index}"
        member = GatewayMember(kinds[index % len(kinds)], name, args=args, **parts)
        self.addCleanup(member.close)
        return member.start() if start else member

    def super_cluster(self, *sizes, args=(), know=None, **parts):
        """Clusters of those sizes. Every member is configured with the gateways of all clusters; `know`: says of
        a cluster's index which clusters it is configured with."""
        clusters = []
        for number, size in enumerate(sizes):
            members = [
                self.gateway_member(number, index, *args, start=False, **parts) for index in range(size)
            ]
            for member in members[1:]:
                member.routes = [members[0].route_url]
            clusters.append(Cluster(self, members))
        for number, cluster in enumerate(clusters):
            known = range(len(clusters)) if know is None else know(number)
            for member in cluster:
                member.gateways = [
                    (clusters[other][0].cluster_name, [each.gateway_url for each in clusters[other]])
                    for other in known
                ]
        for cluster in clusters:
            for member in cluster:
                member.start()
        for cluster in clusters:
            cluster.wait_mesh()
        return SuperCluster(self, clusters).wait_gateways()


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--clusters", default=UNDER_TEST)
    options, rest = parser.parse_known_args()
    SuperOptions.clusters = options.clusters.split(",")
    sys.argv[1:] = rest
    case.main()
