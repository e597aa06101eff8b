#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verdict of chaos_test.py finds what is lost, doubled, reordered or strayed, and excuses what a fault explains."""

import unittest

from support.chaos_verdict import BOUND_S, LATE_S, Verdict, matches

STEP_S = 0.1


def depends(one, other):
    return frozenset((one, other, frozenset((one, other))))


class VerdictTest(unittest.TestCase):
    """Publishers p (at A) and q (at B), and subscriptions at A, B and C."""

    def setUp(self):
        self.now = 100.0
        self.verdict = Verdict(depends, log=lambda text: None)
        self.p = self.verdict.open_publication("p", "A", "a", self.now)
        self.subscriptions = {}

    def subscribe(self, server, pattern="x.>", queue="", name=None):
        name = name or f"at{server}"
        found = self.verdict.open_subscription(name, server, "a", pattern, queue, steady=True)
        self.verdict.begin_subscription(found, self.now)
        return found

    def publish(self, *receivers, subject="x.y"):
        """The next message of p, and who gets it."""
        self.now += STEP_S
        number = self.verdict.published(self.p, subject, self.now)
        for each in receivers:
            self.receive(each, number, subject)
        return number

    def receive(self, subscription, number, subject="x.y"):
        self.verdict.received(subscription, subject, "p", number, self.now)

    def sweep(self, later=LATE_S + 1):
        self.now += later
        self.verdict.sweep(self.now)

    def expect(self, *words):
        """One violation each, and no more."""
        self.verdict.judge_suspects(float("inf"))
        found = self.verdict.violations
        self.assertEqual(len(found), len(words), found)
        for word, text in zip(words, found):
            self.assertIn(word, text)

    def test_all_is_well(self):
        at_a, at_b = self.subscribe("A"), self.subscribe("B")
        for _ in range(5):
            self.publish(at_a, at_b)
        self.sweep()
        self.expect()

    def test_a_gap(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.publish()
        self.publish(at_b)
        self.expect("x.y 2 (published 100.20): lost")

    def test_the_last_messages_are_missing(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.publish()
        self.publish()
        self.sweep(1)
        self.expect()
        self.sweep()
        self.expect("lost with 1 more")

    def test_doubled_and_reordered(self):
        at_b = self.subscribe("B")
        self.publish(at_b, at_b)
        self.expect("doubled")
        fault = self.verdict.begin_fault("cut", [frozenset("AB")], self.now)
        late = self.publish()
        self.publish(at_b)
        fault.heal = self.now
        self.receive(at_b, late)
        self.expect("doubled", "reordered")

    def test_the_first_messages_within_a_server(self):
        at_a = self.subscribe("A")
        self.publish()
        self.publish(at_a)
        self.expect("lost")

    def test_the_first_messages_between_servers_may_be_missing(self):
        at_b = self.subscribe("B")
        self.publish()
        self.publish(at_b)
        self.expect()

    def test_a_flow_that_never_begins(self):
        self.subscribe("B")
        for _ in range(int(2 * BOUND_S / STEP_S)):
            self.publish()
        self.sweep()
        self.expect("lost")

    def test_another_subject_of_a_flow_that_has_begun(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.publish(subject="x.z")
        self.publish(at_b, subject="x.z")
        self.expect("x.z 1")

    def test_a_fault_excuses_what_is_on_its_way(self):
        at_b, at_c = self.subscribe("B"), self.subscribe("C")
        self.publish(at_b, at_c)
        fault = self.verdict.begin_fault("cut", [frozenset("AB")], self.now)
        self.publish(at_c)
        fault.heal = self.now
        self.publish()
        self.publish(at_b, at_c)
        self.expect("-> atC@C x.y 3")

    def test_a_fault_excuses_nothing_after_the_flow_goes_on(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.verdict.begin_fault("kill", ["B"], self.now).heal = self.now
        for _ in range(15):
            self.publish(at_b)
        self.publish()
        self.publish(at_b)
        self.expect("lost")

    def test_a_fault_that_has_settled_excuses_nobody_new(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.verdict.begin_fault("kill", ["B"], self.now).heal = self.now
        self.verdict.settle(self.now + STEP_S)
        self.now += 5
        self.p = self.verdict.open_publication("p", "A", "a", self.now)
        at_b.last.clear()
        self.publish()
        self.publish(at_b)
        self.expect("lost")

    def test_a_flow_that_never_goes_on(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.verdict.begin_fault("cut", ["B"], self.now).heal = self.now
        for _ in range(int(2 * BOUND_S / STEP_S)):
            self.publish()
        self.sweep()
        self.expect("lost")

    def test_a_queue_group(self):
        members = [self.subscribe("A", queue="q", name="one"), self.subscribe("B", queue="q", name="two")]
        self.verdict.be_strict("a", "x.>", "q", self.now)
        self.publish(members[0])
        self.publish(members[1])
        self.sweep()
        self.expect()
        self.publish()
        self.sweep()
        self.expect("lost [3]")
        self.publish(*members)
        self.expect("lost [3]", "doubled in its queue group")

    def test_a_queue_group_is_excused_by_a_fault_and_by_a_member_that_leaves(self):
        member = self.subscribe("A", queue="q", name="one")
        self.subscribe("B", queue="q", name="two")
        self.verdict.be_strict("a", "x.>", "q", self.now)
        fault = self.verdict.begin_fault("cut", [frozenset("AB")], self.now)
        self.publish()
        fault.heal = self.now
        self.verdict.settle(self.now)
        self.now += 30
        self.publish()
        self.verdict.close_subscription(member, self.now)
        self.sweep()
        self.expect()

    def test_a_copy_of_what_was_for_a_member_that_left(self):
        at_b = self.subscribe("B")
        member = self.subscribe("C", queue="q", name="one")
        self.publish(at_b)
        self.verdict.close_subscription(member, self.now)
        second, third, fourth = self.publish(), self.publish(), self.publish()
        self.receive(at_b, third)  # the copy is faster
        for number in (second, third, fourth):
            self.receive(at_b, number)
        self.expect()
        self.receive(at_b, fourth)
        self.expect()
        self.receive(at_b, fourth)
        self.expect("doubled")
        self.now += 10
        self.publish(at_b, at_b)
        self.expect("doubled", "doubled")

    def test_a_loss_while_a_member_leaves(self):
        at_b = self.subscribe("B")
        member = self.subscribe("C", queue="q", name="one")
        self.publish(at_b)
        self.verdict.close_subscription(member, self.now)
        self.publish()
        self.publish(at_b)
        self.now += 10
        self.publish(at_b)
        self.expect("x.y 2 (published 100.20): lost with 0 more")

    def test_a_publisher_that_was_cut_off_counts_as_far_as_it_was_confirmed(self):
        for clean, confirmed, lost in ((False, 1, 0), (False, 2, 1), (True, 1, 1)):
            with self.subTest(clean=clean, confirmed=confirmed):
                self.setUp()
                at_b = self.subscribe("B")
                self.publish(at_b)
                self.publish()
                self.p.confirmed["x.y"] = confirmed
                self.verdict.close_publication(self.p, self.now, clean)
                self.sweep()
                self.assertEqual(len(self.verdict.violations), lost, self.verdict.violations)

    def test_what_strays(self):
        at_b = self.subscribe("B", pattern="x.z")
        self.publish(at_b)
        self.receive(at_b, 9, "x.z")
        self.expect("got x.y of p", "nobody has published x.z p 9")

    def test_settling(self):
        at_b = self.subscribe("B")
        self.publish(at_b)
        self.assertEqual(self.verdict.missing_since(self.now + 1), ["p@A -> atB@B"])
        self.assertEqual(self.verdict.missing_since(self.now), [])

    def test_patterns(self):
        for pattern, subject, wanted in (
            ("a.*", "a.b", True), ("a.*", "a", False), ("a.*", "a.b.c", False), (">", "a", True),
            ("a.>", "a", False), ("a.>", "a.b.c", True), ("*.1.x", "deep.1.x", True), ("a", "b", False),
        ):  # fmt: skip
            self.assertEqual(matches(pattern, subject), wanted, (pattern, subject))


if __name__ == "__main__":
    unittest.main()
