"""Readings, views and data versions as DataFrames of pandas.

Types: numbers as int64 or float64 (Int64 where an integer is NULL; numeric is a float64), booleans as bool (boolean where one is NULL),
timestamps with time zone in UTC, intervals as timedelta64 (a month is 30 days), text as string, jsonb as what it holds, arrays as lists.
Times that are infinite are NaT.
"""
from __future__ import annotations

import contextlib
import datetime
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from .session import Connected, Connection

if TYPE_CHECKING:
    import pandas

    Time = datetime.datetime | datetime.date | str
    Length = datetime.timedelta | str

CHUNK = 50_000      # rows that are fetched at a time
EPOCH = 946_684_800_000_000     # 2000-01-01 since 1970-01-01, in microseconds
EPOCH_DAYS = 10_957
NOT_A_TIME = -2**63             # as NumPy has it
MONTH = 30 * 86_400_000_000


class _Timestamp(Loader):
    """Microseconds since 1970; what is infinite, or beyond what 64 bits of them hold, is no time."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        micros: int = struct.unpack('!q', data)[0]
        return NOT_A_TIME if micros in (NOT_A_TIME, 2**63 - 1) or micros + EPOCH >= 2**63 else micros + EPOCH


class _Date(Loader):
    """Microseconds since 1970."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        days: int = struct.unpack('!i', data)[0]
        micros = (days + EPOCH_DAYS) * 86_400_000_000
        return NOT_A_TIME if days in (-2**31, 2**31 - 1) or not -2**63 < micros < 2**63 else micros


class _Interval(Loader):
    """Microseconds."""

    format = psycopg.pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        micros, days, months = struct.unpack('!qii', data)
        length: int = micros + days * 86_400_000_000 + months * MONTH
        return length if -2**63 < length < 2**63 and (days, months) not in ((-2**31, -2**31), (2**31 - 1, 2**31 - 1)) else NOT_A_TIME


LOADERS: dict[str, type[Loader]] = {'timestamptz': _Timestamp, 'timestamp': _Timestamp, 'date': _Date, 'interval': _Interval}
INTEGERS, FLOATS, TEXTS = ('int2', 'int4', 'int8'), ('float4', 'float8', 'numeric'), ('text', 'varchar', 'bpchar', 'name')
OTHERS = ('json', 'jsonb', 'bytea', 'uuid')
ARRAYS = ('bool', *INTEGERS, 'float4', 'float8', *TEXTS)
TYPES = psycopg.adapters.types
KINDS = {TYPES[name].oid: name for name in ('bool', *INTEGERS, *FLOATS, *TEXTS, *OTHERS, *LOADERS)}
KINDS.update({TYPES[name].array_oid: 'array' for name in ARRAYS})


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("DataFrames need pandas: pip install 'weir-client[pandas]'") from error
    return pandas


def _series(values: Sequence[Any], kind: str) -> Any:
    import numpy
    pandas = _pandas()
    has_null = any(value is None for value in values)
    if kind in FLOATS:
        return pandas.Series(numpy.array([numpy.nan if value is None else float(value) for value in values], dtype='float64'))
    if kind in INTEGERS:
        return pandas.Series(pandas.array(values, dtype='Int64') if has_null else numpy.array(values, dtype='int64'))
    if kind == 'bool':
        return pandas.Series(pandas.array(values, dtype='boolean') if has_null else numpy.array(values, dtype='bool'))
    if kind in LOADERS:
        micros = numpy.array([NOT_A_TIME if value is None else value for value in values], dtype='int64')
        series = pandas.Series(micros.view('timedelta64[us]' if kind == 'interval' else 'datetime64[us]'))
        return series.dt.tz_localize('UTC') if kind == 'timestamptz' else series
    if kind in TEXTS:
        return pandas.Series(pandas.array(values, dtype='string'))
    # An empty array first: otherwise NumPy would make a matrix of lists.
    column = numpy.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = value
    return pandas.Series(column, dtype=object)


def _frame(rows: Sequence[tuple[Any, ...]], names: Sequence[str], kinds: Sequence[str]) -> Any:
    pandas = _pandas()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    if not names:
        return pandas.DataFrame(index=pandas.RangeIndex(len(rows)))
    frame = pandas.concat([_series(column, kind) for column, kind in zip(columns, kinds, strict=True)], axis=1)
    frame.columns = list(names)
    return frame


def _frames(connection: Connection, query: sql.Composable, parameters: Sequence[Any], chunk: int) -> Iterator[Any]:
    """The rows of a query, so many in each frame; one frame without rows when there are none. chunk 0: all in one frame."""
    given = list(parameters) or None
    described = connection.execute(sql.SQL('SELECT * FROM ({}) AS q LIMIT 0').format(query), given).description or []
    names = [column.name for column in described]
    # Types that are not known here come as text. The columns get names of their own: those of a query may be there twice.
    own = [sql.Identifier(f'c{number}') for number in range(len(names))]
    chosen = [name if column.type_code in KINDS else sql.SQL('{}::text').format(name) for name, column in zip(own, described, strict=True)]
    kinds = [KINDS.get(column.type_code, 'text') for column in described]
    if not names:
        count = connection.execute(sql.SQL('SELECT count(*) FROM ({}) AS q').format(query), given).fetchone()
        yield _frame([()] * (count[0] if count else 0), names, kinds)
        return
    statement = sql.SQL('SELECT {} FROM ({}) AS q ({})').format(sql.SQL(', ').join(chosen), query, sql.SQL(', ').join(own))
    with connection.transaction(), connection.cursor(name='weir', binary=True) as cursor:
        for name, loader in LOADERS.items():
            cursor.adapters.register_loader(name, loader)
        cursor.execute(statement, given)
        rows = cursor.fetchmany(chunk or CHUNK)
        parts = []
        while True:
            following = cursor.fetchmany(chunk or CHUNK) if rows else []
            part = _frame(rows, names, kinds)
            if chunk:
                yield part
            else:
                parts.append(part)
            rows = following
            if not rows:
                break
    if not chunk:
        yield parts[0] if len(parts) == 1 else _pandas().concat(parts, ignore_index=True)


class Frames(Connected):
    """The part of the client that reads."""

    def _read(self, query: sql.Composable, parameters: Sequence[Any]) -> pandas.DataFrame:
        return self._session.run(lambda connection: next(_frames(connection, query, parameters, 0)), 30)

    def frame(self, query: str, parameters: Sequence[Any] = ()) -> pandas.DataFrame:
        """What one SELECT gives; parameters stand for %s in it."""
        return self._read(sql.SQL(query), parameters)  # type: ignore[arg-type, unused-ignore]

    def view(self, name: str, /, **equal: Any) -> pandas.DataFrame:
        """A view of weir's, rows whose columns are equal to what is given: `client.view('jobs', state='failed')`."""
        query = sql.SQL('SELECT * FROM weir.{}').format(sql.Identifier(name))
        if equal:
            conditions = [sql.SQL('{} IS NULL' if wanted is None else '{} = %s').format(sql.Identifier(column)) for column, wanted in equal.items()]
            query += sql.SQL(' WHERE ') + sql.SQL(' AND ').join(conditions)
        return self._read(query, [wanted for wanted in equal.values() if wanted is not None])

    def alerts(self, **equal: Any) -> pandas.DataFrame:
        """Alerts, the latest first, with columns equal to what is given: `client.alerts(monitor='loans', state='open')`."""
        return self.view('alerts', **equal).sort_values('opened_at', ascending=False, kind='stable', ignore_index=True)

    # ---- readings of a monitor; window_size: other windows than its own, slide: how far apart these begin ----

    def _readings(self, function: str, monitor: str, since: Time | None, until: Time | None, window_size: Length | None, slide: Length | None,
                  columns: str = '*') -> pandas.DataFrame:
        query = sql.SQL('SELECT ' + columns + ' FROM weir.{}(%s::text, window_size => %s::interval, slide => %s::interval, since => %s::timestamptz, until => %s::timestamptz)')
        return self._read(query.format(sql.Identifier(function)), [monitor, window_size, slide, since, until])

    def windows(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                slide: Length | None = None) -> pandas.DataFrame:
        """Windows that begin in [since, until): how many rows, whether final."""
        return self._readings('windows', monitor, since, until, window_size, slide)

    def window_stats(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                     slide: Length | None = None) -> pandas.DataFrame:
        """Statistics of each column in each window, without the summaries themselves."""
        columns = ('monitor, window_start, window_end, segment, column_name, kind, n, null_count, null_share, mean, stddev, min, p25, p50, p75, p95, p99, max, '
                   'distinct_count, top_values, is_final, status')
        return self._readings('window_stats', monitor, since, until, window_size, slide, columns)

    def scores(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
               slide: Length | None = None) -> pandas.DataFrame:
        """All scores in one shape: drift, fairness, performance, quality, detectors."""
        return self._readings('scores', monitor, since, until, window_size, slide)

    def drift_scores(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                     slide: Length | None = None) -> pandas.DataFrame:
        """How far each column of each window is from the baseline."""
        return self._readings('drift_scores', monitor, since, until, window_size, slide)

    def fairness_scores(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                        slide: Length | None = None) -> pandas.DataFrame:
        """How the groups of protected columns are treated in each window."""
        return self._readings('fairness_scores', monitor, since, until, window_size, slide)

    def performance_scores(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                           slide: Length | None = None) -> pandas.DataFrame:
        """How good the model is in each window."""
        return self._readings('performance_scores', monitor, since, until, window_size, slide)

    def quality_scores(self, monitor: str, *, since: Time | None = None, until: Time | None = None, window_size: Length | None = None,
                       slide: Length | None = None) -> pandas.DataFrame:
        """How good the data are in each window."""
        return self._readings('quality_scores', monitor, since, until, window_size, slide)

    # ---- data versions ----

    def data_version(self, data_version: int, split: str | None = None) -> pandas.DataFrame:
        """The rows of a data version, or those of a split, train or validation."""
        return self._session.run(lambda connection: next(_data_version(connection, data_version, split, 0)), 30)

    def train_and_validation(self, data_version: int) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """Both splits of a data version."""
        return self.data_version(data_version, 'train'), self.data_version(data_version, 'validation')

    def data_version_chunks(self, data_version: int, split: str | None = None, rows: int = CHUNK) -> Iterator[pandas.DataFrame]:
        """The rows of a data version in frames of so many rows, for what does not fit into memory; on a connection of its own."""
        if rows < 1:
            raise ValueError('rows must be at least 1')
        with contextlib.closing(self._session.settings.connect()) as connection:
            yield from _data_version(connection, data_version, split, rows)


def _data_version(connection: Connection, data_version: int, split: str | None, chunk: int) -> Iterator[Any]:
    if split not in (None, 'train', 'validation'):
        raise ValueError("split is 'train', 'validation' or None")
    row = connection.execute("SELECT relation, validation IS NOT NULL, status, columns FROM weir.data_versions WHERE data_version = %s", [data_version]).fetchone()
    if row is None:
        raise LookupError(f'there is no data version {data_version}, or it may not be seen')
    relation, has_validation, status, columns = row
    if status in ('dropped', 'missing'):
        raise LookupError(f'the rows of data version {data_version} are {status}')
    names = sql.SQL(', ').join(sql.Identifier(column['name']) for column in columns)
    if relation is None:
        # The query runs again; its rows come as objects and get their types back.
        record = sql.SQL(', ').join(sql.SQL('{} {}').format(sql.Identifier(column['name']), sql.SQL(column['type'])) for column in columns)
        query = sql.SQL('SELECT {} FROM weir.data_version_rows({}, {}) AS r (r), jsonb_to_record(r.r) AS x ({})').format(
            names, sql.Literal(data_version), sql.Literal(split), record)
    else:
        query = sql.SQL('SELECT {} FROM {}').format(names, sql.SQL(relation))
        if split is not None and has_validation:
            query += sql.SQL(' WHERE split = {}').format(sql.Literal(split))
        elif split == 'validation':
            query += sql.SQL(' WHERE false')
    yield from _frames(connection, query, [], chunk)
