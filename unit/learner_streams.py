"""Streams of rows in a table, and what weir's learners say of each row before they learn it."""
import json


class Streams:
    def __init__(self, cursor, table):
        self.cursor = cursor
        self.table = table
        self.n = 0
        cursor.execute(f'CREATE TABLE {table} (stream int, i int, x float8[], label text, target float8, PRIMARY KEY (stream, i))')

    def store(self, rows, targets):
        """The number of the stream."""
        self.n += 1
        with self.cursor.copy(f'COPY {self.table} FROM STDIN') as copy:
            for i, (x, y) in enumerate(zip(rows, targets)):
                copy.write_row((self.n, i, [float(v) for v in x], str(y), float(y)))
        return self.n

    def tested(self, stream, learner, options, label='target', features='x'):
        self.cursor.execute(f'SELECT weir.test_then_train(%s, {features}, {label}, %s) OVER (ORDER BY i) FROM {self.table} WHERE stream = %s ORDER BY i',
                            (learner, json.dumps(options), stream))
        return [row[0] for row in self.cursor]
