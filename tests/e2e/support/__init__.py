# SPDX-License-Identifier: Apache-2.0
"""Support for tests that run a real server process: Python 3 standard library only."""
