CREATE TYPE weir.summary AS (x int);
