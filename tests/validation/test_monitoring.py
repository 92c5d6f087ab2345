"""Monitoring of 500 simulated courses: filter, network and RECIST at one rate of false alarms.

Half of the courses chooses the thresholds by which the other half is judged, and the other way
round. The network is trained on courses of its own.
"""

from __future__ import annotations

import numpy as np
import pytest

from experiments.monitoring.comparison import compare_rules, weeks_gained
from experiments.monitoring.courses import SCAN_DAYS, Course, virtual_course
from experiments.monitoring.followed import Followed, follow
from experiments.monitoring.network import chances, train_reader
from twin.cores import on_every_core

pytestmark = pytest.mark.timeout(7200)
COURSES, TRAINING = 500, 1500


def _followed(seed: int) -> tuple[Course, Followed]:
    course = virtual_course(seed)
    return course, follow(course, seed=seed)


@pytest.fixture(scope="module")
def study():
    first = int(np.random.default_rng().integers(1_000_000)) * 10_000
    print(f"\nsimulated courses, first seed {first}")
    pairs = list(on_every_core(_followed, range(first, first + COURSES), worth_processes=2))
    others = range(first + COURSES, first + COURSES + TRAINING)
    train = list(on_every_core(virtual_course, others, worth_processes=2))
    courses, followed = zip(*pairs, strict=True)
    reader = train_reader(train)
    rules = {
        "filter": np.stack([f.not_responding for f in followed]),
        "network": chances(reader, courses),
    }
    volumes = np.stack([c.outlined_ml for c in courses])
    responded = np.array([c.responded for c in courses])
    half = np.arange(COURSES) < COURSES // 2
    days = np.array(SCAN_DAYS)
    halves = [compare_rules(rules, volumes, responded, days, part) for part in (half, ~half)]
    print(f"{(~responded).sum()} of {COURSES} did not respond")
    return courses, followed, halves


def _joined(halves, name):
    """Shares averaged over the halves, days of all tumors that did not respond."""
    parts = [half[name] for half in halves]
    return (
        np.mean([p.false_alarms for p in parts]),
        np.mean([p.found for p in parts]),
        np.concatenate([p.days for p in parts]),
        np.mean([p.area for p in parts], axis=0),
    )


def test_the_filter_finds_tumors_that_do_not_respond_before_recist_does(study):
    _, _, halves = study
    for name in halves[0]:
        false, found, days, area = _joined(halves, name)
        print(
            f"{name}: false alarms {false:.2f}, found {found:.2f}, mean day {days.mean():.0f},"
            f" area {np.round(area, 2)}"
        )
    gains = {}
    for rule, other in (("filter", "RECIST"), ("network", "RECIST"), ("filter", "network")):
        gains[rule, other] = weeks_gained(_joined(halves, rule)[2], _joined(halves, other)[2])
        mean, low, high = gains[rule, other]
        print(f"{rule} before {other}: {mean:.2f} weeks (95 % {low:.2f} to {high:.2f})")
    assert gains["filter", "RECIST"][1] > 0.0


def test_the_intervals_of_the_viable_burden_hold_what_is_true(study):
    courses, followed, _ = study
    truth = np.stack([c.viable_ml[2:] for c in courses])
    members = np.stack([f.viable_ml for f in followed])
    low, high = np.quantile(members, [0.05, 0.95], axis=2)
    inside = ((truth >= low) & (truth <= high)).mean(axis=0)
    print(f"90 % intervals of the viable burden hold {np.round(inside, 3)} at {SCAN_DAYS}")
    assert inside.mean() > 0.8


def test_the_alarm_keeps_its_stated_rate(study):
    _, followed, _ = study
    rate = np.mean([f.alarm.any() for f in followed])
    print(f"courses with an alarm of more tumor than the twin allows: {rate:.3f} (stated 0.05)")
    assert rate <= 0.05 + 1.96 * np.sqrt(0.05 * 0.95 / COURSES)
