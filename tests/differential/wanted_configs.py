# SPDX-License-Identifier: Apache-2.0
"""Configuration files about which ours and the references differ on purpose, each kind with its reason."""

import re


class Rule:
    """The pattern is looked for in the complaints of those who refuse it."""

    def __init__(self, why, taken, complaint):
        self.why = why
        self.taken = taken
        self.complaint = re.compile(complaint)


# taken: whether ours takes it.
RULES = [
    Rule("options of ours alone", True, r'unknown field "(log_format|uring)"'),
    Rule("gateways are not active yet, and their URLs not looked at", True, r"error parsing gateway url"),
    # The Go server says these at the start only; ours with -t, too.
    Rule("a file with which the server would not start is not valid", False, r"no_auth_user: "),
    Rule("a file with which the server would not start is not valid", False, r"cannot be higher than max_pending"),
    Rule("a port that does not exist", False, r"port -?\d+ is out of range"),
    Rule("a route without a host", False, r'error parsing route url \["nats-route:'),
]


def why(config, answers):
    """The reason of the rule that covers this difference, or None."""
    taken = answers[0][0]
    complaints = [text for other, text in answers if other is False]
    for rule in RULES:
        if rule.taken == taken and any(rule.complaint.search(text) for text in complaints):
            return rule.why
    return None
