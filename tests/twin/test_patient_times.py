"""Dates and courses of the patient file become days since the first visit."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.patient_folder.times import (
    Moment,
    check_one_calendar,
    days_since,
    expand_course,
    origin_of,
    parse_moment,
)

moments = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 1, 1))
zones = st.integers(-12, 14).map(lambda hours: dt.timezone(dt.timedelta(hours=hours)))
WHERE = "patient.yaml: visits[0]"


def at(text: str) -> Moment:
    return parse_moment(None, text, where=WHERE)


def course(moment: Moment, start: float, **options):
    usual = {
        "dose_gy": 2.0,
        "fractions": 1,
        "per_day": 1,
        "interval_hours": 6.0,
        "weekdays": None,
        "field": 0,
    }
    return expand_course(moment, start, **(usual | options))


@given(first=moments, second=moments)
def test_dates_come_back_from_their_days(first, second):
    days = days_since(at(first.isoformat()), at(second.isoformat()))
    error = first + dt.timedelta(days=days) - second
    assert abs(error) <= dt.timedelta(milliseconds=1)


@given(moment=moments, first=zones, second=zones)
def test_one_instant_in_two_zones_is_no_time_apart(moment, first, second):
    there = moment.replace(tzinfo=first)
    assert days_since(at(there.isoformat()), at(there.astimezone(second).isoformat())) == 0.0


def test_a_date_without_an_hour_is_noon():
    assert days_since(at("2026-01-05"), at("2026-01-07T18:00")) == 2.25


def test_the_earliest_visit_is_day_zero():
    visits = [at("2026-03-01"), at("2026-01-05"), at("2026-02-01")]
    assert origin_of(visits).date == dt.datetime(2026, 1, 5, 12)


@pytest.mark.parametrize("text", ["5.1.2026", "2026-13-01", "2026-01-05T25:00", "tomorrow", ""])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(TwinError, match="not a date.*ISO 8601 such as"):
        at(text)


@pytest.mark.parametrize(
    ("day", "text", "got"), [(None, None, "neither"), (1.0, "2026-01-05", "both")]
)
def test_an_entry_has_exactly_one_time(day, text, got):
    with pytest.raises(TwinError, match=rf"visits\[0\].*either day or date, got {got}"):
        parse_moment(day, text, where=WHERE)


def test_days_and_dates_do_not_mix():
    with pytest.raises(
        TwinError, match="day and date are mixed.*1 entries with day and 1 with date"
    ):
        check_one_calendar([Moment("a", day=0.0), at("2026-01-05")])


@pytest.mark.parametrize("other", ["2026-01-06T12:00", "2026-01-06"])
def test_time_zones_are_given_everywhere_or_nowhere(other):
    with pytest.raises(TwinError, match="with and without a time zone"):
        check_one_calendar([at("2026-01-05T12:00+01:00"), at(other)])


def test_days_that_do_not_start_at_zero_are_refused():
    with pytest.raises(TwinError, match="expected day 0.*got day 3.*Subtract 3"):
        origin_of([Moment("a", day=3.0), Moment("b", day=9.0)])


def test_a_course_leaves_out_the_weekend():
    # Day 3 is a Thursday.
    given_ = course(Moment("", day=3.0), 3.0, fractions=4)
    assert [fraction.time_days for fraction in given_] == [3.0, 4.0, 7.0, 8.0]


def test_a_course_by_date_follows_the_calendar():
    # 2026-01-09 is a Friday.
    given_ = course(at("2026-01-09"), 4.0, fractions=2)
    assert [fraction.time_days for fraction in given_] == [4.0, 7.0]


def test_several_fractions_a_day_are_hours_apart():
    given_ = course(Moment("", day=0.0), 0.0, fractions=5, per_day=2, interval_hours=6.0)
    assert [fraction.time_days for fraction in given_] == [0.0, 0.25, 1.0, 1.25, 2.0]


def test_a_single_fraction_may_be_given_on_a_sunday():
    assert course(Moment("", day=-1.0), -1.0)[0].time_days == -1.0


@given(
    start=st.integers(-20, 60),
    fractions=st.integers(1, 60),
    per_day=st.integers(1, 3),
    weekdays=st.sets(
        st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1
    ),
)
def test_a_course_gives_every_fraction_on_its_weekdays(start, fractions, per_day, weekdays):
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    moment = Moment("", day=float(start))
    options = {"fractions": fractions, "per_day": per_day, "weekdays": tuple(sorted(weekdays))}
    if names[start % 7] not in weekdays:
        with pytest.raises(TwinError, match="starts on a day without treatment"):
            course(moment, float(start), **options)
        return
    given_ = course(moment, float(start), **options)
    assert len(given_) == fractions
    days = [int(fraction.time_days // 1) for fraction in given_]
    assert {names[day % 7] for day in days} <= weekdays
    assert max(days.count(day) for day in days) <= per_day


def test_a_day_too_short_for_its_fractions_is_refused():
    with pytest.raises(TwinError, match="do not fit.*5 fractions within 24 hours, got 6 hours"):
        course(Moment("", day=0.0), 0.0, fractions=10, per_day=5)
