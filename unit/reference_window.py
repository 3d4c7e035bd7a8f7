#!/usr/bin/env python3
"""tumble, hop and cumulate against an implementation that shares nothing with weir's: Python's zoneinfo and whole numbers of microseconds.

Random times and those around every change of the clocks, in zones with ordinary and with odd rules.  REFERENCE_SEED repeats a run.
"""
import datetime as dt
import random
import sys
import zoneinfo

import pandas
import psycopg
from checks import SEED, check, finish

RANDOM = random.Random(SEED)
UTC = dt.timezone.utc
EPOCH = dt.datetime(2000, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = dt.datetime(2000, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)
DAY = 86_400_000_000
HOUR = 3_600_000_000
MONDAY = 2 * DAY  # 2000-01-03

ZONES = ['UTC', 'Asia/Qatar', 'Asia/Kolkata', 'Asia/Kathmandu', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'Africa/Casablanca',
         'America/New_York', 'America/Havana', 'America/Sao_Paulo', 'America/St_Johns', 'America/Caracas', 'Asia/Beirut', 'Asia/Tehran',
         'Asia/Pyongyang', 'Australia/Sydney', 'Australia/Lord_Howe', 'Pacific/Apia', 'Pacific/Kwajalein', 'Pacific/Chatham',
         'Antarctica/Troll', 'America/Scoresbysund', 'Africa/Cairo']


def micros(moment):
    return (moment - EPOCH) // MICROSECOND


def local_of(zone, instant):
    return (instant * MICROSECOND + EPOCH).astimezone(zone).replace(tzinfo=None)


def local_micros(zone, instant):
    return (local_of(zone, instant) - NAIVE_EPOCH) // MICROSECOND


def first_instant(zone, local):
    """The first instant whose local time is at or past local (naive microseconds)."""
    naive = NAIVE_EPOCH + local * MICROSECOND
    instant = micros(naive.replace(tzinfo=zone, fold=0).astimezone(UTC))
    if local_micros(zone, instant) == local:
        return instant
    # The local time does not exist: the change lies within two days before; find the second at which the offset changes.
    low = instant - 2 * DAY
    high = instant
    offset = local_micros(zone, high) - high
    # There may be further changes in between; halve on "local time is past local", which holds from the change on.
    while high - low > 1:
        middle = (low + high) // 2
        if local_micros(zone, middle) >= local and local_micros(zone, middle) - middle == offset:
            high = middle
        else:
            low = middle
    return high


def add_months(local, months, origin_within):
    moment = NAIVE_EPOCH + local * MICROSECOND
    month = moment.year * 12 + moment.month - 1 + months
    first = dt.datetime(month // 12, month % 12 + 1, 1)
    return (first - NAIVE_EPOCH) // MICROSECOND + origin_within


class Clock:
    """Boundaries of windows in a range, in ascending order."""

    def __init__(self, zone, unit, count, origin=None):
        self.zone, self.unit, self.count = zone, unit, count
        if unit == 'us':
            self.origin = first_instant(zone, MONDAY) if origin is None else origin
        elif origin is not None:
            self.origin = local_micros(zone, origin)
        else:
            self.origin = MONDAY if unit == 'day' else 0
        self.known = {}

    def boundary(self, index):
        if index not in self.known:
            if self.unit == 'us':
                self.known[index] = self.origin + index * self.count
            elif self.unit == 'day':
                self.known[index] = first_instant(self.zone, self.origin + index * self.count * DAY)
            else:
                moment = NAIVE_EPOCH + self.origin * MICROSECOND
                within = (moment - dt.datetime(moment.year, moment.month, 1)) // MICROSECOND
                self.known[index] = first_instant(self.zone, add_months(self.origin, index * self.count, within))
        return self.known[index]

    def index(self, instant):
        """Greatest index whose boundary is at or before the instant; found by counting from a guess, not by arithmetic on local time."""
        length = {'us': 1, 'day': DAY, 'month': 30.436875 * DAY}[self.unit] * self.count
        index = int((instant - self.origin) // length) if self.unit == 'us' else int((instant - self.origin) / length)
        while self.boundary(index) > instant:
            index -= 1
        while self.boundary(index + 1) <= instant:
            index += 1
        return index


def interval(unit, count):
    return {'us': f'{count} microseconds', 'day': f'{count} days', 'month': f'{count} months'}[unit]


def add(zone, instant, unit, count):
    if unit == 'us':
        return instant + count
    local = local_micros(zone, instant)
    if unit == 'day':
        return first_instant(zone, local + count * DAY)
    moment = NAIVE_EPOCH + local * MICROSECOND
    month = moment.year * 12 + moment.month - 1 + count
    first = dt.datetime(month // 12, month % 12 + 1, 1)
    following = dt.datetime((month + 1) // 12, (month + 1) % 12 + 1, 1)
    day = min(moment.day, (following - first).days)
    return first_instant(zone, (first.replace(day=day) - NAIVE_EPOCH) // MICROSECOND + local % DAY)


def changes(zone):
    """Instants at which the zone's offset changes, 1970 to 2037."""
    found = []
    step = 7 * DAY
    instant = micros(dt.datetime(1970, 1, 1, tzinfo=UTC))
    end = micros(dt.datetime(2037, 12, 1, tzinfo=UTC))
    offset = local_micros(zone, instant) - instant
    while instant < end:
        following = local_micros(zone, instant + step) - instant - step
        if following != offset:
            low, high = instant, instant + step
            while high - low > 1:
                middle = (low + high) // 2
                if local_micros(zone, middle) - middle == offset:
                    low = middle
                else:
                    high = middle
            found.append(high)
            following = local_micros(zone, high) - high
            instant = high - step  # a second change in the same week
        offset = following
        instant += step
    return found


def times(zone, n):
    chosen = [RANDOM.randrange(micros(dt.datetime(1971, 1, 1, tzinfo=UTC)), micros(dt.datetime(2037, 1, 1, tzinfo=UTC))) for _ in range(n)]
    for change in RANDOM.sample(changes(zone), k=min(n // 4, len(changes(zone)))):
        chosen += [change + delta for delta in (-25 * HOUR, -HOUR, -1, 0, 1, HOUR // 2, HOUR, 23 * HOUR, 24 * HOUR, 25 * HOUR)]
    midnight = RANDOM.randrange(-10_000, 13_000) * DAY
    chosen += [first_instant(zone, midnight) + delta for delta in (-1, 0, 1)]
    # Each once, since queries group by them.
    chosen = list(dict.fromkeys(chosen))
    # In no order: tumble remembers the window before, and must be asked anew.
    RANDOM.shuffle(chosen)
    return chosen


def as_timestamps(instants):
    return [EPOCH + instant * MICROSECOND for instant in instants]


def test_tumble(cursor, zone_name):
    zone = zoneinfo.ZoneInfo(zone_name)
    instants = times(zone, 150)
    sizes = [('us', 5 * 60_000_000), ('us', HOUR), ('us', 36 * HOUR), ('us', RANDOM.randrange(1, 10**12)), ('day', 1), ('day', 7),
             ('day', RANDOM.randrange(2, 400)), ('month', 1), ('month', 3), ('month', RANDOM.randrange(2, 40))]
    for unit, count in sizes:
        origin = None
        if RANDOM.random() < 0.4:
            origin = RANDOM.randrange(-10**16, 10**16)
            if unit == 'month':  # weir refuses days past the 28th
                origin = first_instant(zone, local_micros(zone, origin) - 3 * DAY)
                if local_of(zone, origin).day > 28:
                    origin = None
        clock = Clock(zone, unit, count, origin)
        cursor.execute('SELECT ts, weir.tumble(ts, %s::interval, %s, %s) FROM unnest(%s::timestamptz[]) ts',
                       (interval(unit, count), None if origin is None else EPOCH + origin * MICROSECOND, zone_name, as_timestamps(instants)))
        wrong = [(ts, start) for ts, start in cursor if micros(start) != clock.boundary(clock.index(micros(ts)))]
        check(not wrong, f'tumble {zone_name} {interval(unit, count)} origin {origin}: {len(instants)} times' + (f' {wrong[:3]}' if wrong else ''))


def test_hop(cursor, zone_name):
    zone = zoneinfo.ZoneInfo(zone_name)
    instants = times(zone, 40)
    pairs = [(('us', HOUR), ('us', 5 * 60_000_000)), (('us', RANDOM.randrange(10**9, 10**11)), ('us', RANDOM.randrange(10**9, 10**11))),
             (('day', 7), ('day', 1)), (('day', 1), ('us', 6 * HOUR)), (('month', 1), ('day', 7)), (('month', 6), ('month', 1)), (('day', 2), ('day', 3))]
    for size, slide in pairs:
        clock = Clock(zone, *slide)
        cursor.execute('SELECT ts, array_agg(window_start ORDER BY ordinality), array_agg(window_end ORDER BY ordinality) FROM unnest(%s::timestamptz[]) ts, '
                       'weir.hop(ts, size => %s::interval, slide => %s::interval, time_zone => %s) WITH ORDINALITY GROUP BY 1',
                       (as_timestamps(instants), interval(*size), interval(*slide), zone_name))
        found = {micros(ts): list(zip(map(micros, starts), map(micros, ends))) for ts, starts, ends in cursor}
        wrong = []
        for instant in instants:
            expected = []
            index = clock.index(instant)
            while True:
                start = clock.boundary(index)
                end = add(zone, start, *size)
                if end <= instant and start < instant - 5 * DAY - 32 * DAY * size[1] * (size[0] == 'month') - DAY * size[1] * (size[0] == 'day'):
                    break
                if end <= instant and size[0] == slide[0] == 'us':
                    break
                if end > instant and (not expected or expected[0][0] != start):
                    expected.insert(0, (start, end))
                index -= 1
            if found.get(instant, []) != expected:
                wrong.append((instant, found.get(instant), expected))
        check(not wrong, f'hop {zone_name} {interval(*size)} every {interval(*slide)}: {len(instants)} times' + (f' {wrong[:1]}' if wrong else ''))


def test_cumulate(cursor, zone_name):
    zone = zoneinfo.ZoneInfo(zone_name)
    instants = times(zone, 40)
    pairs = [(('us', HOUR), ('us', 5 * 60_000_000)), (('day', 1), ('us', HOUR)), (('day', 1), ('us', 6 * HOUR)), (('day', 7), ('day', 1)),
             (('month', 1), ('day', 1)), (('month', 12), ('month', 3)), (('month', 1), ('us', 12 * HOUR))]
    for size, step in pairs:
        clock = Clock(zone, *size)
        cursor.execute('SELECT ts, array_agg(window_start ORDER BY ordinality), array_agg(window_end ORDER BY ordinality) FROM unnest(%s::timestamptz[]) ts, '
                       'weir.cumulate(ts, %s::interval, %s::interval, time_zone => %s) WITH ORDINALITY GROUP BY 1',
                       (as_timestamps(instants), interval(*size), interval(*step), zone_name))
        found = {micros(ts): list(zip(map(micros, starts), map(micros, ends))) for ts, starts, ends in cursor}
        wrong = []
        for instant in instants:
            index = clock.index(instant)
            start = clock.boundary(index)
            limit = clock.boundary(index + 1)
            local = clock.origin + index * clock.count * DAY if size[0] == 'day' else None
            if size[0] == 'month':
                local = add_months(clock.origin, index * clock.count, 0)
            ends = set()
            number = 1
            while True:
                if step[0] == 'us':
                    end = start + number * step[1]
                elif step[0] == 'day':
                    end = first_instant(zone, local + number * step[1] * DAY)
                else:
                    end = first_instant(zone, add_months(local, number * step[1], 0))
                ends.add(min(end, limit))
                if end >= limit:
                    break
                number += 1
            expected = [(start, end) for end in sorted(ends) if end > instant]
            if found.get(instant) != expected:
                wrong.append((instant, found.get(instant), expected))
        check(not wrong, f'cumulate {zone_name} {interval(*size)} by {interval(*step)}: {len(instants)} times' + (f' {wrong[:1]}' if wrong else ''))


def test_other_types(cursor):
    values = [RANDOM.randrange(-2**62, 2**62) for _ in range(500)] + list(range(-30, 30))
    for size, origin in [(1, 0), (7, 3), (10, -4), (RANDOM.randrange(1, 2**62), RANDOM.randrange(-2**62, 2**62))]:
        cursor.execute('SELECT v, weir.tumble(v, %s::bigint, %s::bigint) FROM unnest(%s::bigint[]) v', (size, origin, values))
        check(all(start == origin + (value - origin) // size * size for value, start in cursor), f'tumble bigint {size} {origin}')
    cursor.execute('SELECT v, h.window_start, h.window_end FROM unnest(%s::bigint[]) v, weir.hop(v, 1000, 70, 11) h', (values[500:],))
    found = {}
    for value, start, end in cursor:
        found.setdefault(value, []).append((start, end))
    check(all(found[value] == [(start, start + 1000) for start in range(11 - 70 * 40, 11 + 70 * 40, 70) if start <= value < start + 1000]
              for value in values[500:]), 'hop bigint')
    days = [dt.date(1900, 1, 1) + dt.timedelta(days=RANDOM.randrange(80_000)) for _ in range(300)]
    cursor.execute("SELECT d, weir.tumble(d, '1 week'), weir.tumble(d, '1 month'), weir.tumble(d, '3 months') FROM unnest(%s::date[]) d", (days,))
    check(all(week == day - dt.timedelta(days=day.weekday()) and month == day.replace(day=1) and
              quarter == dt.date(day.year, (day.month - 1) // 3 * 3 + 1, 1) for day, week, month, quarter in cursor), 'tumble date')
    stamps = pandas.Series(pandas.to_datetime([RANDOM.randrange(-10**15, 2 * 10**15) for _ in range(500)], unit='us'))
    for pandas_size, size in [('15min', '15 min'), ('h', '1 hour'), ('D', '1 day')]:
        cursor.execute('SELECT weir.tumble(ts, %s::interval) FROM unnest(%s::timestamp[]) WITH ORDINALITY AS u(ts, o) ORDER BY o',
                       (size, [stamp.to_pydatetime() for stamp in stamps]))
        check([pandas.Timestamp(row[0]) for row in cursor] == list(stamps.dt.floor(pandas_size)), f'tumble timestamp {size}: pandas floor')


# Types whose windows are arithmetic on whole numbers: SQL from a number, SQL back to it, SQL of a size, unit of random sizes, reach.
FLAT_TYPES = {
    'bigint': ('{}::bigint', '{}', '{}::bigint', 1, 2**40),
    'timestamp': ("timestamp '2000-01-01' + {} * interval '1 microsecond'", "(extract(epoch FROM {} - timestamp '2000-01-01') * 1000000)::bigint",
                  "{} * interval '1 microsecond'", 1, 10**15),
    'date': ("date '2000-01-01' + ({})::int", "({} - date '2000-01-01')", "{} * interval '1 day'", 1, 200_000),
    'timestamptz': ("timestamptz '2000-01-01 00:00+00' + {} * interval '1 microsecond'", "(extract(epoch FROM {} - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint",
                    "{} * interval '1 microsecond'", 1, 10**15),
}


def test_flat(cursor, kind):
    """Every form in every type on random sizes and origins; times at boundaries, beside them, far off and negative, infinite."""
    value, back, length, unit, reach = FLAT_TYPES[kind]
    for _ in range(6):
        slide = RANDOM.randrange(1, max(2, reach // RANDOM.choice([1, 10, 10**4])))
        size = RANDOM.choice([slide * RANDOM.randrange(1, 9), RANDOM.randrange(1, 7 * slide + 1)])
        steps = RANDOM.randrange(1, 9)
        origin = RANDOM.randrange(-reach // 3, reach // 3)
        chosen = [RANDOM.randrange(-reach, reach) for _ in range(40)]
        chosen += [origin + index * slide + delta for index in (-3, -1, 0, 1, 2) for delta in (-1, 0, 1) if abs(index * slide) < reach]
        chosen = sorted(set(chosen))
        arguments = f"{value.format('t')}, {length.format(size)}, {length.format(slide)}, {value.format(origin)}"
        cursor.execute(f"SELECT t, array_agg(ARRAY[{back.format('window_start')}, {back.format('window_end')}] ORDER BY o) FROM unnest(%s::bigint[]) t "
                       f"LEFT JOIN LATERAL weir.hop({arguments}) WITH ORDINALITY h(window_start, window_end, o) ON true GROUP BY t ORDER BY t", (chosen,))
        expected = []
        for instant in chosen:
            last = (instant - origin) // slide
            windows = [[origin + index * slide, origin + index * slide + size] for index in range(last - size // slide - 1, last + 1)
                       if origin + index * slide <= instant < origin + index * slide + size]
            expected.append((instant, windows or [[None, None]]))
        check(cursor.fetchall() == expected, f'hop {kind} {size} every {slide} from {origin}')

        whole = slide * steps
        arguments = f"{value.format('t')}, {length.format(whole)}, {length.format(slide)}, {value.format(origin)}"
        begin = back.format(f"(SELECT weir.tumble({value.format('t')}, {length.format(whole)}, {value.format(origin)}))")
        cursor.execute(f"SELECT t, array_agg(ARRAY[{back.format('window_start')}, {back.format('window_end')}] ORDER BY o), {begin} "
                       f"FROM unnest(%s::bigint[]) t, weir.cumulate({arguments}) WITH ORDINALITY h(window_start, window_end, o) GROUP BY t ORDER BY t", (chosen,))
        expected = []
        for instant in chosen:
            start = origin + (instant - origin) // whole * whole
            expected.append((instant, [[start, start + step * slide] for step in range(1, steps + 1) if start + step * slide > instant], start))
        check(cursor.fetchall() == expected, f'cumulate and tumble {kind} {whole} by {slide} from {origin}')

        since = RANDOM.randrange(-reach // 2, reach // 2)
        until = since + RANDOM.randrange(0, 30 * slide)
        cursor.execute(f"SELECT {back.format('window_start')}, {back.format('window_end')} FROM "
                       f"weir.tumble_windows({value.format(since)}, {value.format(until)}, {length.format(slide)}, {value.format(origin)})")
        first = origin + (since - origin) // slide * slide
        check(cursor.fetchall() == ([(start, start + slide) for start in range(first, until, slide)] if since < until else []), f'tumble_windows {kind} {slide} from {origin}')
    if kind != 'bigint':
        cursor.execute(f"SELECT bool_and(h.window_start = t AND h.window_end = t AND c.window_start = t AND c.window_end = t AND weir.tumble(t, '1 day') = t), count(*) "
                       f"FROM unnest('{{infinity,-infinity}}'::{kind}[]) t, weir.hop(t, '2 days', '1 day') h, weir.cumulate(t, '2 days', '1 day') c")
        check(cursor.fetchone() == (True, 2), f'infinite times of {kind} are in one window of their own')


def test_windows_of_zone(cursor, zone_name):
    """tumble_windows are the windows that tumble gives, without a hole."""
    for size in ('1 hour', '1 day', '1 week', '1 month', '5 months'):
        since = EPOCH + dt.timedelta(days=RANDOM.randrange(-9000, 13000), seconds=RANDOM.randrange(86400))
        cursor.execute("SELECT bool_and(weir.tumble(window_start, %(size)s::interval, time_zone => %(zone)s) = window_start AND "
                       "weir.tumble(window_end, %(size)s::interval, time_zone => %(zone)s) = window_end AND window_start < window_end AND "
                       "window_start IS NOT DISTINCT FROM coalesce(previous, weir.tumble(%(since)s::timestamptz, %(size)s::interval, time_zone => %(zone)s))), max(window_end) >= %(until)s "
                       "FROM (SELECT *, lag(window_end) OVER (ORDER BY window_start) AS previous FROM weir.tumble_windows(%(since)s, %(until)s, %(size)s::interval, time_zone => %(zone)s)) q",
                       {'size': size, 'zone': zone_name, 'since': since, 'until': since + dt.timedelta(days=400)})
        check(cursor.fetchone() == (True, True), f'tumble_windows {zone_name} {size}')


def test_session_ties(cursor):
    """Sessions with ties, NULLs and infinities against a loop over the sorted rows."""
    for kind in ('bigint', 'timestamp', 'date', 'timestamptz'):
        value, back, length, _, _ = FLAT_TYPES[kind]
        for gap in (1, 7, 40):
            rows = [(RANDOM.choice([None, 'a', 'b', 'c']), RANDOM.choice([None] + list(range(-300, 300)) * 2)) for _ in range(150)]
            cursor.execute(f"SELECT g, t, {back.format('s')} FROM (SELECT g, t, weir.session_start({value.format('t')}, {length.format(gap)}) OVER (PARTITION BY g ORDER BY {value.format('t')}) AS s "
                           "FROM unnest(%s::text[], %s::bigint[]) u(g, t)) q ORDER BY g NULLS LAST, t NULLS LAST", ([row[0] for row in rows], [row[1] for row in rows]))
            expected = []
            previous = None
            for group, instant in sorted(rows, key=lambda row: (row[0] is None, row[0] or '', row[1] is None, row[1] or 0)):
                if instant is None:
                    start = None
                elif previous is None or previous[0] != group or previous[1] is None or instant - previous[1] > gap:
                    start = instant
                expected.append((group, instant, start))
                previous = (group, instant)
            check(cursor.fetchall() == expected, f'session_start of {kind}, gap {gap}, with ties and NULLs')


def test_sessions(cursor):
    for gap in (1, 3, 10, 50):
        frame = pandas.DataFrame({'key': [RANDOM.randrange(5) for _ in range(400)], 'at': [RANDOM.randrange(4000) for _ in range(400)]})
        frame = frame.sort_values(['key', 'at'])
        begins = frame.groupby('key')['at'].diff().gt(gap) | (frame['key'] != frame['key'].shift())
        frame['start'] = frame['at'].groupby(begins.cumsum()).transform('min')
        for cast, scale in (('bigint', '%s::bigint'), ("timestamptz '2026-01-01 00:00+00' + interval '1 s' * %s", "interval '1 s' * %s")):
            column = 'at::bigint' if cast == 'bigint' else "timestamptz '2026-01-01 00:00+00' + interval '1 s' * at"
            back = 's' if cast == 'bigint' else "extract(epoch FROM s - timestamptz '2026-01-01 00:00+00')::bigint"
            cursor.execute(f'SELECT key, at, {back} FROM (SELECT key, at, weir.session_start({column}, {scale}) OVER (PARTITION BY key ORDER BY at) AS s '
                           'FROM unnest(%s::int[], %s::int[]) u(key, at)) q ORDER BY key, at',
                           (gap, frame['key'].tolist(), frame['at'].tolist()))
            check([tuple(row) for row in cursor] == list(frame[['key', 'at', 'start']].itertuples(index=False, name=None)),
                  f'session_start gap {gap} of {cast.split()[0]}')


def main():
    with psycopg.connect(options='-c timezone=UTC', autocommit=True) as connection, connection.cursor() as cursor:
        for zone_name in ZONES:
            test_tumble(cursor, zone_name)
            test_hop(cursor, zone_name)
            test_cumulate(cursor, zone_name)
            test_windows_of_zone(cursor, zone_name)
        test_other_types(cursor)
        for kind in FLAT_TYPES:
            test_flat(cursor, kind)
        test_sessions(cursor)
        test_session_ties(cursor)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
