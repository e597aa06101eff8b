#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the arithmetic of tools/latency: percentiles, sums of rounds, steps and units."""

import importlib.machinery
import importlib.util
import pathlib
import unittest

PATH = pathlib.Path(__file__).resolve().parent / "latency"
LOADER = importlib.machinery.SourceFileLoader("latency", str(PATH))
latency = importlib.util.module_from_spec(importlib.util.spec_from_loader("latency", LOADER))
LOADER.exec_module(latency)


def run(buckets, **more):
    return {"valid": True, "histogram": buckets, "messages": 10, "own_delay_p99_us": 1, "own_delay_max_us": 2} | more


class LatencyTest(unittest.TestCase):
    def test_percentiles_agree_with_a_sorted_list(self):
        values = [value * value for value in range(1, 1001)]
        buckets = [[value, 1] for value in values]
        for share in (0.5, 0.9, 0.99, 0.999):
            self.assertEqual(latency.percentile_ns(buckets, share), values[round(share * 1000) - 1])

    def test_a_percentile_needs_a_message_above_it(self):
        self.assertIsNone(latency.percentile_ns([[5, 999]], 0.999))
        self.assertEqual(latency.percentile_ns([[5, 1000]], 0.999), 5)
        self.assertIsNone(latency.percentile_ns([[5, 9999]], 0.9999))
        self.assertEqual(latency.percentile_ns([[5, 10000]], 0.9999), 5)
        self.assertIsNone(latency.percentile_ns([], 0.5))

    def test_rounds_add_up_and_invalid_ones_do_not_count(self):
        figures = latency.figures_of([
            run([[1000, 3], [4000, 1]], cpu_ns=100), {"valid": False, "why": "lost"},
            run([[1000, 1], [9000, 1]], cpu_ns=300)])
        self.assertEqual(figures["histogram_ns"], [(1000, 4), (4000, 1), (9000, 1)])
        self.assertEqual((figures["rounds"], figures["invalid"], figures["messages"]), (2, ["lost"], 6))
        self.assertEqual((figures["p50_us"], figures["max_us"]), (1.0, 9.0))
        self.assertAlmostEqual(figures["server_cpu_us"], 0.2)

    def test_steps_cover_every_value_once(self):
        for buckets in ([[1, 1]], [[999, 1], [1000, 2], [1001, 3]], [[7, 1], [3_000_000_000, 1]]):
            steps = latency.steps_over([buckets])
            covered = sum(number for low, high in zip(steps, steps[1:])
                          for limit, number in buckets if low < limit <= high)
            self.assertEqual(covered, sum(number for _, number in buckets), steps)

    def test_durations_have_three_digits(self):
        self.assertEqual([latency.duration(us) for us in (0.5, 9.994, 54.84, 123.4, 1234, 56_000, 2_500_000, None)],
                         ["0.50 us", "9.99 us", "54.8 us", "123 us", "1.23 ms", "56.0 ms", "2.50 s ", "-"])

    def test_what_is_rare_is_seen(self):
        self.assertEqual(latency.bar(1, 1_000_000), ".")
        self.assertEqual(latency.bar(0, 1_000_000), "")
        self.assertEqual(latency.bar(1_000_000, 1_000_000), "#" * latency.BAR_COLUMNS)
        self.assertEqual(latency.share_of(5, 1_000_000), "5 msg")
        self.assertEqual(latency.share_of(500_000, 1_000_000), "50.0 %")


if __name__ == "__main__":
    unittest.main()
