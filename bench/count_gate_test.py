#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of count_gate: what has grown fails, what has not passes, the simulated kernel does not count."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import tempfile
import unittest

PATH = pathlib.Path(__file__).resolve().parent / "count_gate"
LOADER = importlib.machinery.SourceFileLoader("count_gate", str(PATH))
count_gate = importlib.util.module_from_spec(importlib.util.spec_from_loader("count_gate", LOADER))
LOADER.exec_module(count_gate)

KEY = ("1to1-16", 2)
EVENTS = {"records": 10.0, "wakes": 1.0, "turns": 4.0, "sends": 2.0}
DUMP = """\
desc: Trigger: Client Request: 1to1-16 2
fl=(1) client.cc
fn=(1) nuring::client::Client::consume(char const*)
16 100
+3 20
cfn=(2) nuring::count::CountRing::send(int)
calls=1 20
* 5000
fn=(2)
30 7
fn=(3) memcpy
12 30
-1 3
totals: 160
"""


def check(figures, recorded, instructions):
    with contextlib.redirect_stdout(io.StringIO()):
        return count_gate.check("gcc-1", {KEY: figures}, recorded, instructions, 3)


class CountGateTest(unittest.TestCase):
    def test_each_figure_fails_above_the_tolerance_and_only_there(self):
        known = {"gcc-1": {KEY: 60.0}}
        for name in ["instructions", *EVENTS]:
            base = {"instructions": 60.0, **EVENTS}
            for factor, result in [(1, (1, 0)), (1.02, (1, 0)), (1.04, (0, 1)), (0.5, (1, 0))]:
                figures = base | {name: base[name] * factor}
                self.assertEqual(check(figures, {KEY: EVENTS}, known), result, (name, factor))

    def test_what_was_zero_must_stay_zero(self):
        recorded = {KEY: EVENTS | {"records": 0.0}}
        self.assertEqual(check(EVENTS | {"records": 0.0}, recorded, {}), (1, 0))
        self.assertEqual(check(EVENTS | {"records": 1.0}, recorded, {}), (0, 1))

    def test_a_scenario_without_figures_fails(self):
        self.assertEqual(check(EVENTS, {}, {}), (0, 1))

    def test_instructions_of_another_compiler_are_not_compared(self):
        self.assertEqual(check(EVENTS | {"instructions": 99.0}, {KEY: EVENTS}, {"gcc-2": {KEY: 1.0}}), (1, 0))

    def test_functions_count_themselves_and_the_simulated_kernel_does_not(self):
        costs = count_gate.costs_of(DUMP)
        self.assertEqual(costs["nuring::client::Client::consume(char const*)"], 120)
        self.assertEqual(costs["memcpy"], 33)
        self.assertEqual(sum(costs.values()), 153)

    def test_events_are_per_thousand_messages(self):
        counted, compiler = count_gate.read_lines(
            "compiler gcc-1\n1to1-16 2 messages=2000 records=20 wakes=2 turns=8 sends=4\n")
        self.assertEqual(compiler, "gcc-1")
        self.assertEqual({name: counted[KEY][name] for name in EVENTS}, EVENTS)

    def test_figures_are_read_as_they_were_written(self):
        with tempfile.TemporaryDirectory() as folder:
            count_gate.FIGURES = pathlib.Path(folder) / "figures.txt"
            self.assertEqual(count_gate.read_figures(), ({}, {}))
            count_gate.write_figures({KEY: EVENTS}, {"gcc-1": {KEY: 60.1}, "gcc-2": {KEY: 70.2}})
            self.assertEqual(count_gate.read_figures(),
                             ({KEY: EVENTS}, {"gcc-1": {KEY: 60.1}, "gcc-2": {KEY: 70.2}}))


if __name__ == "__main__":
    unittest.main()
