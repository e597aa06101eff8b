# SPDX-License-Identifier: Apache-2.0
"""Verdict: judges by the history of a run which messages must, may and must not have arrived.

Publishers number their messages per subject. A flow is one publisher, one subject and one plain subscription.
- A flow never has a message twice, nor an older one after a newer one. A queue group never has a message twice.
- A message of a flow may be missing only around a fault of what lies on its way (depends()): it was published from
  GUARD_S before the fault until the flow goes on after its end. Everything else has to arrive within LATE_S.
- A flow between other servers begins when its first message arrives, BOUND_S at most after it could; a flow within
  one server begins with the PONG that follows the SUB.
- A queue group may lose a message around faults on the way to any of its members, and when a member has left.
- A server whose chosen member has just left passes the message on to a server with other members, and for that one it
  is a message to its plain subscriptions, too (nats-server does the same). So around the time when a member leaves, a
  plain subscription may get one more copy for each group, before the others or after them.
- The last messages of a publisher that was cut off count as far as a PONG has confirmed them.

It asks the servers for nothing, and reads no clock. Threads: none; callers hold a lock.
"""

import bisect
import collections
from array import array

GUARD_S = 3.0  # a message may be under way for as long, through pauses and stalls
GRACE_S = 1.0  # after the end of a fault what it had begun may still break off
LATE_S = 20.0
BOUND_S = 30.0  # time after a fault, until everybody is connected again
LEAVE_S = 3.0
VIOLATIONS_MAX = 40
NEVER = float("-inf")
OPEN = float("inf")


def matches(pattern, subject):
    pattern, subject = pattern.split("."), subject.split(".")
    for index, token in enumerate(pattern):
        if token == ">":
            return len(subject) > index
        if index >= len(subject) or token not in ("*", subject[index]):
            return False
    return len(pattern) == len(subject)


class Fault:
    """Something that may lose messages on the way over its elements: names of servers, pairs of them."""

    def __init__(self, name, elements, begin):
        self.name, self.elements, self.begin = name, frozenset(elements), begin
        self.heal = OPEN  # when nothing stood in the way any more
        self.settled = OPEN  # when all flows were seen to go on

    def __str__(self):
        return f"{self.name} {self.begin:.2f}-{self.heal:.2f}, settled {self.settled:.2f}"


class Publication:
    def __init__(self, name, server, account, begin):
        self.name, self.server, self.account, self.begin = name, server, account, begin
        self.sent = collections.defaultdict(lambda: array("d"))  # subject: times
        self.confirmed = {}  # subject: how many
        self.end = None
        self.clean = False
        self.judged = {}  # (group, subject): how many

    def due(self, subject):
        """How many of the subject have to arrive in the end."""
        if self.end is None or self.clean:
            return len(self.sent[subject])
        return self.confirmed.get(subject, 0)


class Subscription:
    def __init__(self, name, server, account, pattern, queue, since):
        self.name, self.server, self.account = name, server, account
        self.pattern, self.queue, self.since = pattern, queue, since
        self.last = {}  # (publication, subject): number
        self.missing = collections.defaultdict(set)  # numbers that were skipped
        self.copies = collections.Counter()  # (publication, subject, number): more than the first
        self.begun = {server: since}  # per server of publishers: published then or later arrives
        self.newest = {}  # per publication: when the newest that has come was published
        self.reported = set()
        self.steady = False
        self.settled = False


class Group:
    def __init__(self, key):
        self.key = key
        self.homes = set()  # servers that have, or had, a member
        self.left = []  # times at which a member left
        self.strict_from = OPEN
        self.seen = collections.defaultdict(bytearray)  # (publication, subject): 0 or 1 by number


class Verdict:
    def __init__(self, depends, log=print):
        self._depends = depends
        self._log = log
        self.publications = {}
        self.finished = {}
        self.subscriptions = {}
        self.groups = {}
        self.faults = []
        self.violations = []
        self.counts = collections.Counter()
        self.lag_s = 0.0  # the longest way of a message since somebody has cleared it
        self._suspects = collections.deque()  # (time, what judges it, its arguments)
        self._matches = {}

    # The history.

    def open_publication(self, name, server, account, now):
        self.publications[name] = Publication(name, server, account, now)
        return self.publications[name]

    def published(self, publication, subject, now):
        times = publication.sent[subject]
        times.append(now)
        self.counts["published"] += 1
        return len(times)

    def close_publication(self, publication, now, clean):
        publication.end, publication.clean = now, clean

    def open_subscription(self, name, server, account, pattern, queue, steady=False):
        subscription = Subscription(name, server, account, pattern, queue, OPEN)
        subscription.steady = steady
        self.subscriptions[name] = subscription
        if queue:
            key = (account, pattern, queue)
            group = self.groups.setdefault(key, Group(key))
            group.homes.add(server)
        return subscription

    def begin_subscription(self, subscription, now):
        """Its PONG has come: what is published at its server from now on arrives."""
        subscription.since = subscription.begun[subscription.server] = now

    def close_subscription(self, subscription, now):
        self.subscriptions.pop(subscription.name, None)
        if subscription.queue:
            group = self.groups[subscription.account, subscription.pattern, subscription.queue]
            group.left.append(now)

    def be_strict(self, account, pattern, queue, now):
        """From now on the group has a member all the time, and everybody knows."""
        self.groups[account, pattern, queue].strict_from = now

    def begin_fault(self, name, elements, now):
        fault = Fault(name, elements, now)
        self.faults.append(fault)
        return fault

    def withdraw_fault(self, fault):
        """It was too short to lose anything."""
        self.faults.remove(fault)

    def received(self, subscription, subject, publisher, number, now):
        self.counts["received"] += 1
        publication = self.publications.get(publisher) or self.finished.get(publisher)
        if not publication or not 1 <= number <= len(publication.sent[subject]):
            return self._violation(f"{subscription.name}: nobody has published {subject} {publisher} {number}")
        if publication.account != subscription.account or not self._match(subscription.pattern, subject):
            return self._violation(f"{subscription.name} ({subscription.pattern}) got {subject} of {publisher}")
        if subscription.queue:
            return self._received_in_group(subscription, subject, publication, number)
        key = (publisher, subject)
        last = subscription.last.get(key)
        time = publication.sent[subject][number - 1]
        self.lag_s = max(self.lag_s, now - time)
        subscription.begun.setdefault(publication.server, now)
        if last is not None and number <= last:
            missing = number in subscription.missing[key]
            subscription.missing[key].discard(number)
            what = f"reordered, behind {last}" if missing else f"doubled, the last one was {last}"
            self._suspects.append((now, self._judge_again, (subscription, publication, subject, number, what)))
            return None
        first = last + 1 if last is not None else self._first(subscription, publication, subject, number)
        if number > first:
            subscription.missing[key].update(range(first, number))
            last_time = publication.sent[subject][last - 1] if last else NEVER
            gap = (subscription, publication, subject, first, number - 1, last_time, f"then came {number}")
            self._suspects.append((now, self._judge_gap, gap))
        subscription.last[key] = number
        if time > subscription.newest.get(publisher, NEVER):
            subscription.newest[publisher] = time
        return None

    def _received_in_group(self, subscription, subject, publication, number):
        group = self.groups[subscription.account, subscription.pattern, subscription.queue]
        seen = group.seen[publication.name, subject]
        if len(seen) < number:
            seen.extend(bytes(number - len(seen) + 256))
        if seen[number - 1]:
            self._violation(self._about(subscription, publication, subject, number) + "doubled in its queue group")
        seen[number - 1] = 1

    def _may_be_copied(self, subscription, publication, subject, number):
        time = publication.sent[subject][number - 1]
        groups = sum(
            group.key[0] == publication.account and self._match(group.key[1], subject)
            and any(abs(time - left) < LEAVE_S for left in reversed(group.left[-50:]))
            for group in self.groups.values())  # fmt: skip
        copy = (subscription.name, publication.name, subject, number)
        if not groups or subscription.copies[copy] >= groups:
            return False
        subscription.copies[copy] += 1
        return True

    # Judging.

    def _match(self, pattern, subject):
        key = (pattern, subject)
        if key not in self._matches:
            self._matches[key] = matches(pattern, subject)
        return self._matches[key]

    def _about(self, subscription, publication, subject, number):
        time = publication.sent[subject][number - 1]
        return (f"{publication.name}@{publication.server} -> {subscription.name}@{subscription.server} "
                f"{subject} {number} (published {time:.2f}): ")  # fmt: skip

    def _first(self, subscription, publication, subject, other):
        """The first message that a flow without any message must have; `other`: if nothing is known."""
        begun = subscription.begun.get(publication.server, OPEN)
        if begun == OPEN:
            return other
        times = publication.sent[subject]
        return min(other, bisect.bisect_left(times, begun) + 1)

    def _excuses(self, servers, lasting):
        """Faults on the way; `lasting`: the flow has gone on after the end of older ones at that time."""
        return [fault for fault in self.faults
                if lasting <= fault.heal + GRACE_S and any(fault.elements & way for way in servers)]  # fmt: skip

    @staticmethod
    def _excused(time, faults):
        return any(f.begin - GUARD_S <= time <= min(f.settled + GRACE_S, f.heal + BOUND_S) for f in faults)

    def judge_suspects(self, before):
        """What looked wrong until then: by now it is known which connections had ended by that time."""
        while self._suspects and self._suspects[0][0] < before:
            _, judge, what = self._suspects.popleft()
            judge(*what)

    def _judge_again(self, subscription, publication, subject, number, what):
        if self._may_be_copied(subscription, publication, subject, number):
            self.counts["copies"] += 1
        else:
            self._violation(self._about(subscription, publication, subject, number) + what)

    def _judge_gap(self, subscription, publication, subject, first, last, last_time, what):
        faults = self._excuses([self._depends(publication.server, subscription.server)], last_time)
        times = publication.sent[subject]
        gap = subscription.missing[publication.name, subject].intersection(range(first, last + 1))
        lost = [number for number in sorted(gap) if not self._excused(times[number - 1], faults)]
        self.counts["excused"] += len(gap) - len(lost)
        if lost:
            self._violation(self._about(subscription, publication, subject, lost[0]) +
                            f"lost with {len(lost) - 1} more of {first}-{last}, {what}")  # fmt: skip

    def _violation(self, text):
        self.counts["violations"] += 1
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(text)
            self._log("VIOLATION " + text)

    def fail(self, text):
        self._violation(text)

    def sweep(self, now, late_s=LATE_S):
        """What is so old has arrived, or was lost with an excuse. Call it every second or so."""
        self.judge_suspects(now - min(LEAVE_S, late_s))
        for publication in list(self.publications.values()):
            for subject in publication.sent:
                for subscription in self.subscriptions.values():
                    if (not subscription.queue and subscription.account == publication.account
                            and self._match(subscription.pattern, subject)):  # fmt: skip
                        self._sweep_flow(subscription, publication, subject, now - late_s)
                for group in self.groups.values():
                    if group.key[0] == publication.account and self._match(group.key[1], subject):
                        self._sweep_group(group, publication, subject, now - late_s)
            if publication.end is not None and publication.end < now - late_s - 1:
                self.finished[publication.name] = self.publications.pop(publication.name)

    def _sweep_flow(self, subscription, publication, subject, before):
        key = (publication.name, subject)
        times = publication.sent[subject]
        until = min(bisect.bisect_left(times, before), publication.due(subject))
        last = subscription.last.get(key)
        if last is None:
            first = self._first(subscription, publication, subject, OPEN)
            if first == OPEN:  # it begins within a bounded time
                way = self._depends(publication.server, subscription.server)
                heals = [fault.heal for fault in self.faults if fault.elements & way]
                could = max([subscription.since, publication.begin, *heals])
                first = bisect.bisect_left(times, could + BOUND_S - LATE_S) + 1
        else:
            first = last + 1
        if first > until or key in subscription.reported:
            return
        last_time = times[last - 1] if last else NEVER
        faults = self._excuses([self._depends(publication.server, subscription.server)], last_time)
        if not all(self._excused(times[n - 1], faults) for n in (first, until)):
            subscription.reported.add(key)
            subscription.missing[key].update(range(first, until + 1))
            self._judge_gap(subscription, publication, subject, first, until, last_time, "nothing came since")

    def _sweep_group(self, group, publication, subject, before):
        key = (group.key, subject)
        times = publication.sent[subject]
        until = min(bisect.bisect_left(times, before), publication.due(subject))
        first = publication.judged.get(key, 0) + 1
        if first > until:
            return
        publication.judged[key] = until
        seen = group.seen[publication.name, subject]
        if len(seen) >= until and 0 not in seen[first - 1 : until]:
            return
        ways = [self._depends(publication.server, server) for server in group.homes]
        faults = self._excuses(ways, NEVER)
        lost = []
        for number in range(first, until + 1):
            time = times[number - 1]
            if (number > len(seen) or not seen[number - 1]) and time > group.strict_from:
                if self._excused(time, faults) or any(abs(time - left) < LEAVE_S for left in group.left):
                    self.counts["excused"] += 1
                else:
                    lost.append(number)
        if lost:
            self._violation(f"{publication.name}@{publication.server} -> group {'/'.join(group.key)} {subject}: "
                            f"lost {lost[:10]} ({len(lost)}), published {times[lost[0] - 1]:.2f}")  # fmt: skip

    # Having settled.

    def missing_since(self, time):
        """Flows of steady subscriptions that have had nothing that was published after that time."""
        return [
            f"{publication.name}@{publication.server} -> {subscription.name}@{subscription.server}"
            for subscription in self.subscriptions.values()
            for publication in self.publications.values()
            if subscription.steady and not subscription.queue and publication.end is None
            and publication.account == subscription.account
            and subscription.newest.get(publication.name, NEVER) < time
        ]  # fmt: skip

    def settle(self, now):
        for fault in self.faults:
            if fault.heal < OPEN and fault.settled == OPEN:
                fault.settled = now

    def incomplete(self, since):
        """A flow of a steady subscription that lacks something of a publisher that has ended after that time, or
        None."""
        for publication in self.publications.values():
            if publication.end is None or publication.end < since:
                continue
            for subject in publication.sent:
                for subscription in self.subscriptions.values():
                    if (subscription.steady and not subscription.queue and publication.account == subscription.account
                            and self._match(subscription.pattern, subject)
                            and subscription.last.get((publication.name, subject), 0) < publication.due(subject)):
                        return self._about(subscription, publication, subject, publication.due(subject))  # fmt: skip
        return None
