# SPDX-License-Identifier: Apache-2.0
"""Differences from the references that are wanted, each with its reason.

A rule looks at what a connection got in one step, from the first frame on that differs: all of ours and of theirs,
a frame per line.
"""

import re

EMPTY_TOKEN = r"(?:\.|\.\S+|\S+\.|\S+\.\.\S+)"
ANY = ".*"


class Rule:
    def __init__(self, why, ours, theirs):
        self.why = why
        self.ours = re.compile(ours.encode(), re.DOTALL)
        self.theirs = re.compile(theirs.encode(), re.DOTALL)


RULES = [
    Rule(
        "a subscription must be a subset of what is allowed: `allow: \"*\"` does not let `>` in",
        "-ERR 'Permissions Violation for Subscription to \"[^\"]*[*>][^\"]*\".*",
        ANY,
    ),
    Rule(
        "an invalid subject is reported when the message is complete",
        "STUCK",
        "-ERR 'Invalid Publish Subject'\nSTUCK",
    ),
    Rule(
        "empty tokens of a published subject match wildcards of permissions, as in 2.0: of a deny list ...",
        f"-ERR 'Permissions Violation for Publish to \"{EMPTY_TOKEN}\"'.*",
        ANY,
    ),
    Rule(
        "... of subscriptions",
        f"-ERR 'Permissions Violation for Subscription to \"{EMPTY_TOKEN}\".*",
        "-ERR.*",
    ),
    Rule("... and of an allow list", ANY, f"-ERR 'Permissions Violation for Publish to \"{EMPTY_TOKEN}\"'.*"),
]


def why(ours, theirs):
    """The reason of the rule that covers this difference, or None."""
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    ours, theirs = b"\n".join(ours[same:]), b"\n".join(theirs[same:])
    return next((rule.why for rule in RULES if rule.ours.fullmatch(ours) and rule.theirs.fullmatch(theirs)), None)
