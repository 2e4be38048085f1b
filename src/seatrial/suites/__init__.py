"""Tasks: the built-in suite and its generator, and the reader of Harbor task folders.

It does not run tasks (`seatrial.bench` does) and does not isolate anything (`seatrial.sandbox`).
In: a seed, or a folder. Out: task folders, or `Task`s.
"""

from __future__ import annotations

from seatrial.suites.harbor import SUITES, make, write_task
from seatrial.suites.shakedown import Edit, Instance, WordPool, Write, apply, generate
from seatrial.suites.task import Placement, Task, load_suite, load_task

__all__ = [
    "SUITES",
    "Edit",
    "Instance",
    "Placement",
    "Task",
    "WordPool",
    "Write",
    "apply",
    "generate",
    "load_suite",
    "load_task",
    "make",
    "write_task",
]
