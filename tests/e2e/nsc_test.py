#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nsc`, the stock tool of operator mode: its configuration as it prints it, its push, pull and prune, and its
credentials for a leafnode.

usage: nsc_test.py --server PATH --work-dir DIR [--fetch] [--reference VERSION] [unittest arguments]

nsc comes from PATH, or from the work directory, where --fetch builds what monitoring_tools/nsc pins; without it
the test is skipped, in so many words.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from consumers_test import LEAFNODES, Tools, parse_own, run  # noqa: E402
from support.case import ServerCase, main  # noqa: E402


class NscTest(ServerCase):
    def setUp(self):
        self.program = Tools.path("nsc")
        self.home = self.folder()
        self.nsc("add", "operator", "-n", "O", "--sys")
        for account in "AB":
            self.nsc("add", "account", "-n", account)
            self.nsc("add", "user", "-a", account, "-n", "u")
        self.directory = os.path.join(self.home, "jwt")
        config = self.nsc("generate", "config", "--nats-resolver", "--sys-account", "SYS")
        config = config[config.index("# Operator named") :]
        config = config.replace("'./jwt'", f"'{self.directory}'")
        config = config.replace("allow_delete: false", "allow_delete: true")
        config += '\nleafnodes { listen: "127.0.0.1:-1" }\n'
        self.server = self.start("-DV", config=config)
        self.url = f"nats://127.0.0.1:{self.server.port}"
        self.nsc("edit", "operator", "--account-jwt-server-url", self.url)

    def nsc(self, *arguments):
        environment = ("env", f"HOME={self.home}", "NO_COLOR=1")
        return run(*environment, self.program, "-H", os.path.join(self.home, "nsc"), *arguments)

    def push(self, *arguments):  # which waits all that time for more servers to answer
        return self.nsc("push", "--timeout", "2", *arguments)

    def key(self, account):
        return json.loads(self.nsc("describe", "account", account, "--json"))["sub"]

    def stored(self):
        return {name for name in os.listdir(self.directory) if name.endswith(".jwt")}

    def enters(self, account):
        try:
            self.nsc("tool", "rtt", "-a", account, "-u", "u", "--nats", self.url)
            return True
        except AssertionError as error:
            self.assertRegex(str(error), "(?i)authorization violation")
            return False

    def test_what_is_pushed_counts(self):
        self.assertFalse(self.enters("A"))
        self.assertEqual(self.push("-A").count("jwt updated"), 3)
        self.assertEqual(self.stored(), {self.key(account) + ".jwt" for account in ("A", "B", "SYS")})
        self.assertTrue(self.enters("A"))
        self.assertTrue(self.enters("B"))
        # What changes, changes who may enter.
        self.nsc("revocations", "add-user", "-a", "A", "-n", "u")
        self.assertTrue(self.enters("A"))
        self.push("-a", "A")
        self.assertFalse(self.enters("A"))
        self.assertTrue(self.enters("B"))

    def test_what_was_pushed_is_pulled(self):
        self.push("-A")
        pulled = self.nsc("pull", "-A", "-F")
        self.assertNotRegex(pulled, r"(?i)error|fail|timeout")
        self.assertIn("A", pulled)

    def test_what_is_pruned_is_gone(self):
        self.push("-A")
        key = self.key("B")
        self.nsc("delete", "account", "-n", "B", "-F")
        self.push("-P")
        self.assertNotIn(key + ".jwt", self.stored())
        self.assertTrue(self.enters("A"))

    def test_credentials_of_a_leafnode(self):
        self.push("-A")
        path = os.path.join(self.home, "leaf.creds")
        with open(path, "w", encoding="ascii") as out:
            out.write(self.nsc("generate", "creds", "-a", "A", "-n", "u"))
        port = self.server.log.wait(LEAFNODES)[0].group(1)
        leaf = self.start("-DV", config=f"""leafnodes {{ reconnect: 1, remotes [
            {{ url: "nats-leaf://127.0.0.1:{port}", credentials: "{path}" }} ] }}""")
        client = self.client(leaf)
        client.send("SUB from.hub 1\r\n")
        self.server.log.wait(r"<<- \[LS\+ from\.hub\s*\]")
        for account in "BA":  # of the other account nothing comes
            self.nsc("tool", "pub", "from.hub", account, "-a", account, "-u", "u", "--nats", self.url)
        client.expect_message("from.hub", 1, b"A")
        self.nsc("revocations", "add-user", "-a", "A", "-n", "u")
        self.push("-a", "A")
        leaf.log.wait("User Authentication Revoked")
        leaf.log.wait("Authorization Violation")


if __name__ == "__main__":
    parse_own()
    main()
