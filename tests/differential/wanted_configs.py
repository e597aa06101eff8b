# SPDX-License-Identifier: Apache-2.0
"""Configuration files about which ours and the references differ on purpose, each kind with its reason."""

import re


class Rule:
    """The pattern is looked for in the complaints of those who refuse it, the other one in the file."""

    def __init__(self, why, taken, complaint, config=""):
        self.why = why
        self.taken = taken
        self.complaint = re.compile(complaint)
        self.config = re.compile(config)


# taken: whether ours takes it.
RULES = [
    Rule("options of ours alone", True, r'unknown field "(log_format|uring)"'),
    Rule("what decides who enters is refused until it works", False, r"is not active in this version: without it"),
    # The Go server says these at the start only; ours with -t, too.
    Rule("a file with which the server would not start is not valid", False, r"no_auth_user: "),
    Rule("a file with which the server would not start is not valid", False, r"cannot be higher than max_pending"),
    Rule("a file with which the server would not start is not valid", False, r"cert and key required for HTTPS"),
    Rule("a file with which the server would not start is not valid", False, r"system account: account missing"),
    Rule("a port for MQTT, which is not built, admits nobody", True, r"no_auth_user: ", r"mqtt"),
    Rule("a mapping needs a target", False, r'Error adding mapping for "a" to "" '),
    Rule("accounts that are no accounts are a slip", False, r"not map\[string\]interface", r"accounts:"),
    Rule("a key that is none pins nobody", False, r"pinned account key"),
    Rule("a bare host:port is an address", True, r"error parsing (gateway|leafnode|route) url"),
    Rule("a port that does not exist", False, r"port -?\d+ is out of range"),
    Rule("a route without a host", False, r'error parsing route url \["nats-route:'),
]


def why(config, answers):
    """The reason of the rule that covers this difference, or None."""
    taken = answers[0][0]
    complaints = [text for other, text in answers if other is False]
    for rule in RULES:
        if rule.taken != taken or not rule.config.search(config):
            continue
        if any(rule.complaint.search(text) for text in complaints):
            return rule.why
    return None
