"""What DuckDB and chdb make of the same records: run by `cargo xtask bench store`.

  peers.py parquet FILE < ROWS       rows of `bench rows` into a Parquet file (zstd)
  peers.py chdb FILE FOLDER          the Parquet file into a MergeTree table of chdb
  peers.py ask duckdb FILE < ASKED   answers SQL, a JSON object a line: {"name", "sql"}
  peers.py ask chdb FOLDER < ASKED

Each answer is a JSON object on a line: {"name", "cpu_s", "wall_s", "rows"}. Processor seconds are those of the question
alone, without the start of Python and the loading of the library.
"""

import json
import resource
import sys
import time

THREADS = 2
CHUNK = 1_048_576


def columns():
    """The rows of `bench rows`: 128 octets each, little endian."""
    import numpy

    names = ["src_hi", "src_lo", "dst_hi", "dst_lo", "hop_hi", "hop_lo", "start_ms", "end_ms", "packets", "bytes"]
    fields = [(name, "<u8") for name in names]
    fields += [(name, "<u4") for name in ["in_if", "out_if", "src_as", "dst_as", "link"]]
    fields += [(name, "<u2") for name in ["src_port", "dst_port", "app"]]
    octets = ["protocol", "flags", "tos", "src_prefix", "dst_prefix", "direction", "reason"]
    fields += [(name, "u1") for name in octets]
    used = numpy.dtype(fields).itemsize
    return numpy.dtype(fields + [("rest", f"V{128 - used}")])


def parquet(path):
    import numpy
    import pyarrow
    import pyarrow.parquet

    dtype = columns()
    names = [name for name in dtype.names if name != "rest"]
    writer = None
    while True:
        octets = sys.stdin.buffer.read(CHUNK * dtype.itemsize)
        if not octets:
            break
        rows = numpy.frombuffer(octets, dtype)
        arrays = []
        for name in names:
            array = pyarrow.array(numpy.ascontiguousarray(rows[name]))
            if name.endswith("_ms"):
                array = array.cast(pyarrow.int64()).cast(pyarrow.timestamp("ms"))
            arrays.append(array)
        table = pyarrow.table(arrays, names)
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(path, table.schema, compression="zstd", compression_level=3)
        writer.write_table(table)
    writer.close()


def chdb(source, folder):
    from chdb.session import Session

    session = Session(folder)
    session.query(f"SET max_threads = {THREADS}")
    session.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    session.query("DROP TABLE IF EXISTS bench.flows SYNC")
    # Times as ClickHouse's users keep them: sorted, differences compressed.
    session.query(f"""
        CREATE TABLE bench.flows ENGINE = MergeTree ORDER BY toStartOfHour(end_ms)
        SETTINGS default_compression_codec = 'ZSTD(1)'
        AS SELECT * EXCEPT (src_hi, src_lo, dst_hi, dst_lo, hop_hi, hop_lo, start_ms, end_ms),
            assumeNotNull(start_ms) AS start_ms, assumeNotNull(end_ms) AS end_ms,
            bitShiftLeft(toUInt128(src_hi), 64) + src_lo AS src_ip,
            bitShiftLeft(toUInt128(dst_hi), 64) + dst_lo AS dst_ip,
            bitShiftLeft(toUInt128(hop_hi), 64) + hop_lo AS next_hop
        FROM file('{source}', Parquet)
        SETTINGS schema_inference_make_columns_nullable = 0
    """)
    session.query("OPTIMIZE TABLE bench.flows FINAL")
    print(session.query("SELECT count() AS rows, (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND "
                        "database = 'bench') AS octets FROM bench.flows", "JSONEachRow").bytes().decode().strip())


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def ask(who, where):
    if who == "duckdb":
        import duckdb

        connection = duckdb.connect()
        connection.execute(f"SET threads = {THREADS}; SET memory_limit = '8GB'")
        connection.execute(f"CREATE VIEW flows AS SELECT * FROM read_parquet('{where}')")

        def answer(sql):
            return connection.execute(sql).fetchall()
    else:
        from chdb.session import Session

        session = Session(where)
        session.query(f"SET max_threads = {THREADS}")
        session.query("USE bench")

        def answer(sql):
            text = session.query(sql, "JSONCompactEachRow").bytes().decode()
            return [json.loads(line) for line in text.splitlines()]

    for line in sys.stdin:
        asked = json.loads(line)
        before, began = cpu(), time.monotonic()
        rows = answer(asked["sql"])
        took = {"name": asked["name"], "cpu_s": cpu() - before, "wall_s": time.monotonic() - began}
        # Addresses have 128 bits, which JSON's numbers are not everywhere.
        rows = [[str(int(value)) for value in row] for row in rows]
        print(json.dumps({**took, "rows": rows}), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["parquet", path]:
            parquet(path)
        case ["chdb", source, folder]:
            chdb(source, folder)
        case ["ask", ("duckdb" | "chdb") as who, where]:
            ask(who, where)
        case _:
            sys.exit(__doc__)
