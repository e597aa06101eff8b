#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers: how many, on which processors, by which way to the kernel, and what they cost when idle.

Method: a filter of system calls (seccomp) stands for container runtimes and old kernels that have no io_uring
and for units that may not pin threads.
"""

import ctypes
import errno
import os
import platform
import subprocess
import sys
import time

from support import case
from support.case import ServerCase

IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER = 425, 426, 427  # the same everywhere
ENTER_FLAGS, ENTER_GETEVENTS = 3, 1  # the place of that argument of io_uring_enter, and one of the flags
SCHED_SETAFFINITY = {"x86_64": 203, "aarch64": 122}.get(platform.machine())

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_libc = ctypes.CDLL(None, use_errno=True)


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction))]


def deny(system_call, error=errno.EPERM, flags=None):
    """What a child calls before it becomes a program to which that system call is forbidden; with `flags`, the place
    of an argument and bits of it, only where it has one of the bits."""
    load, equal, any_bit, answer = 0x20, 0x15, 0x45, 0x06
    allow, fail = 0x7FFF0000, 0x00050000 | error
    place, bits = flags or (0, 0)
    argument_at = 16 + 8 * place + (4 if sys.byteorder == "big" else 0)
    test_flags = [_Instruction(load, 0, 0, argument_at), _Instruction(any_bit, 0, 1, bits)] if flags else []
    lines = [
        _Instruction(load, 0, 0, 0),
        _Instruction(equal, 0, 1 + len(test_flags), system_call),
        *test_flags,
        _Instruction(answer, 0, 0, fail),
        _Instruction(answer, 0, 0, allow),
    ]
    code = (_Instruction * len(lines))(*lines)
    program = _Program(len(code), ctypes.cast(code, ctypes.POINTER(_Instruction)))

    def before_exec():
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")

    before_exec.keep = code  # the program points to it
    return before_exec


def tasks(pid):
    """By name of the thread: its processors, as the kernel writes them; CPU time in ns."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        folder = f"/proc/{pid}/task/{task}"
        with open(f"{folder}/status", encoding="ascii", errors="replace") as stream:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in stream if ":\t" in line)
        with open(f"{folder}/schedstat", encoding="ascii") as stream:
            found[task] = (status["Name"], status["Cpus_allowed_list"], int(stream.read().split()[0]))
    return found


def cpu_ns(pid):
    return sum(ns for _, _, ns in tasks(pid).values())


class CountTest(ServerCase):
    def workers(self, server):
        return sorted(task[:2] for task in tasks(server.pid).values() if task[0].startswith("worker-"))

    def test_one_per_processor_of_the_mask_and_pinned_there_if_wanted(self):
        processors = sorted(os.sched_getaffinity(0))
        server = self.start(config="uring { pin: true }")
        workers = self.workers(server)
        server.log.wait(rf"Workers: {len(workers)} on ")
        if len(workers) < len(processors):
            self.skipTest("SKIPPED: a quota of a control group is in force")
        self.assertEqual(sorted(where for _, where in workers), sorted(str(one) for one in processors))
        self.check_serves(server)

    def test_a_narrower_mask_is_respected(self):
        one = max(os.sched_getaffinity(0))
        server = self.start(before_exec=lambda: os.sched_setaffinity(0, {one}))
        self.assertEqual(self.workers(server), [("worker-0", str(one))])
        self.check_serves(server)

    def test_the_flag_wins_and_nobody_is_pinned_beyond_the_mask(self):
        count = len(os.sched_getaffinity(0)) + 3
        server = self.start("--workers", str(count))
        workers = self.workers(server)
        self.assertEqual([name for name, _ in workers], sorted(f"worker-{i}" for i in range(count)))
        self.assertEqual(len({where for _, where in workers}), 1)
        self.check_serves(server)

    def test_by_default_workers_are_pinned_only_where_processors_outnumber_them(self):
        count = len(os.sched_getaffinity(0))
        server = self.start()
        if len(self.workers(server)) < count:
            self.skipTest("SKIPPED: a quota of a control group is in force")
        self.assertEqual(len({where for _, where in self.workers(server)}), 1)
        if count > 1:
            # It may have been released already, on a busy machine.
            few = self.start("--workers", "1")
            where = self.workers(few)[0][1]
            self.assertTrue(where.isdigit() or "no longer pinned" in few.log.text(), where)

    def test_a_worker_that_waits_for_its_processor_is_released(self):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) < 2:
            self.skipTest("SKIPPED: one processor")
        server = self.start("--workers", "1")
        for processor in processors:
            burner = subprocess.Popen(
                [sys.executable, "-c", "while True: pass"],
                preexec_fn=lambda processor=processor: os.sched_setaffinity(0, {processor}),
            )
            self.addCleanup(burner.wait)
            self.addCleanup(burner.kill)
        client = self.client(server)
        end = time.monotonic() + 20
        while "no longer pinned" not in server.log.text() and time.monotonic() < end:
            client.expect_quiet()
        server.log.wait("Worker 0 has to wait for its processor: it is no longer pinned")
        self.assertFalse(self.workers(server)[0][1].isdigit())

    def test_only_workers_keep_a_realtime_priority(self):
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except PermissionError:
            self.skipTest("SKIPPED: it takes the right to real-time priorities")
        server = self.start(
            "--workers", "2", "-m", "-1",
            before_exec=lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
            config="uring { pin: false }, authorization { users: [{ user: u, password: "
            '"$2a$04$MwTBJ0Eaq0hsAI4vsmzNpe3zM6XaKBqbYjJ6TzTLmeIb5SQZZRIWO" }] }',
        )
        names = {task: found[0] for task, found in tasks(server.pid).items()}
        realtime = {task for task in names if os.sched_getscheduler(int(task)) == os.SCHED_RR}
        self.assertNotIn(str(server.pid), realtime)
        # A sanitizer has a thread of its own, with the name of the program.
        program = names[str(server.pid)]
        self.assertEqual({names[task] for task in realtime} - {program}, {"worker-0", "worker-1"})
        self.assertIn("jobs", names.values())
        self.assertIn("monitor", names.values())

    def test_who_may_not_pin_runs_all_the_same(self):
        if SCHED_SETAFFINITY is None:
            self.skipTest(f"SKIPPED: not known for {platform.machine()}")
        server = self.start(before_exec=deny(SCHED_SETAFFINITY), config="uring { pin: true }")
        self.assertTrue(self.workers(server))
        self.check_serves(server)


class WayToTheKernelTest(ServerCase):
    def loud_lines(self, server):
        return [line for line in server.log.lines() if "epoll, which costs" in line]

    def test_denied_io_uring_falls_back_and_says_so_once(self):
        for denied, error, why in (
            (IO_URING_SETUP, errno.EPERM, "io_uring is denied here"),
            (IO_URING_SETUP, errno.ENOSYS, "io_uring is not available in this kernel, or a container's"),
            (IO_URING_SETUP, errno.EINVAL, "io_uring of this kernel is too old (6.1 is needed)"),
            (IO_URING_SETUP, errno.ENOMEM, "locked-memory limit too small"),
            (IO_URING_REGISTER, errno.EPERM, "io_uring"),
            (IO_URING_ENTER, errno.EPERM, "io_uring is denied here"),
            (IO_URING_ENTER, errno.ENOSYS, "io_uring is not available in this kernel, or a container's"),
        ):
            with self.subTest(denied=denied, error=errno.errorcode[error]):
                server = self.start("--workers", "3", before_exec=deny(denied, error))
                server.log.wait(r"Workers: 3 on epoll")
                self.check_serves(server)
                self.assertEqual(len(self.loud_lines(server)), 1)
                self.assertIn("[WRN]", self.loud_lines(server)[0])
                self.assertIn(why, self.loud_lines(server)[0])

    def test_epoll_that_was_asked_for_is_nothing_to_warn_of(self):
        server = self.start("--io", "epoll")
        server.log.wait(r"Workers: \d+ on epoll")
        self.check_serves(server)
        self.assertEqual(self.loud_lines(server), [])

    def test_io_uring_that_was_asked_for_and_is_denied_ends_the_start(self):
        for system_call in (IO_URING_SETUP, IO_URING_ENTER):
            with self.subTest(system_call):
                ended = self.run_to_end(deny(system_call))
                self.assertRegex(ended.stderr, r"\[FTL\] io_uring is denied here .* - io: auto runs on epoll there\n$")
                self.assertNotIn("Listening", ended.stderr)

    def test_io_uring_that_is_denied_later_ends_the_server(self):
        """A filter that spares the call that the start makes, for it asks for no completions."""
        ended = self.run_to_end(deny(IO_URING_ENTER, flags=(ENTER_FLAGS, ENTER_GETEVENTS)))
        if "io: auto runs on epoll there" in ended.stderr:
            self.skipTest("SKIPPED: no io_uring here")
        why = "io_uring_enter: operation not permitted - io: epoll does without io_uring"
        self.assertRegex(ended.stderr, rf"\[FTL\] Worker 0 cannot go on: {why}\n$")

    def run_to_end(self, before_exec):
        # TSan would report the threads of a process that ends at once, and change its exit code.
        tsan = os.environ.get("TSAN_OPTIONS", "") + " report_thread_leaks=0"
        ended = subprocess.run(
            [case.Options.server, "-a", "127.0.0.1", "-p", "-1", "--io", "uring", "--workers", "1"],
            preexec_fn=before_exec, capture_output=True, timeout=case.DEADLINE_S, text=True,
            env={**os.environ, "TSAN_OPTIONS": tsan.strip()},
        )
        self.assertEqual(ended.returncode, 1, ended.stderr)
        return ended


class IdleTest(ServerCase):
    PINGS = 3

    def idle_share(self, *args):
        """The server's CPU time while a client is asked for signs of life, by the time that takes."""
        server = self.start(*args, config='ping_interval: "500ms"\n')
        idle, listening = self.client(server), self.client(server)
        listening.send("SUB quiet 1\r\n")
        listening.expect_quiet()
        idle.expect("PING\r\n")
        begin_ns, begin = cpu_ns(server.pid), time.monotonic_ns()
        for _ in range(self.PINGS):
            idle.send("PONG\r\n")
            idle.expect("PING\r\n")
        share = (cpu_ns(server.pid) - begin_ns) / (time.monotonic_ns() - begin)
        print(f"{args}: {share:.4f} of a processor", flush=True)
        self.check_serves(server)
        return share

    def test_idle_workers_sleep(self):
        for io in ("uring", "epoll"):
            with self.subTest(io):
                self.assertLess(self.idle_share("--io", io), 0.02)

    def test_workers_that_poll_go_to_sleep_after_that(self):
        """They look for 1 ms after whatever happened: a few times in that second."""
        self.assertLess(self.idle_share("--busy_poll", "1ms"), 0.05)


if __name__ == "__main__":
    case.main()
