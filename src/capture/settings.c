/*
 * settings.c
 *		Settings of capture and of builds.
 */
#include "postgres.h"

#include "capture/settings.h"
#include "capture/status.h"
#include "utils/guc.h"

int			capture_flush_interval_ms = 200;
int			capture_memory_kb = 256 * 1024;
int			capture_decoding_memory_kb = 16 * 1024;
int			capture_max_wal_mb = 10 * 1024;
int			capture_max_spill_mb = 10 * 1024;
int			capture_max_xmin_age = 200000000;
int			build_workers = 1;
int			build_slice_rows = 2000000;
int			build_rate = 0;

void
settings_init(void)
{
	DefineCustomIntVariable("weir.flush_interval", "How long changes may wait in memory before capture writes them to the panes.",
							"Shorter is fresher and writes more WAL.", &capture_flush_interval_ms, 200, 10, 60000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.decoding_memory",
							"Memory for changes of transactions that are not over; above it, the largest is folded in progress.",
							"Replaces logical_decoding_work_mem in each database's capture worker, which reads it when it starts.",
							&capture_decoding_memory_kb, 16 * 1024, 64, MAX_KILOBYTES, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.capture_memory",
							"Memory for panes in each database's capture worker; above it, they are written and forgotten.", NULL,
							&capture_memory_kb, 256 * 1024, 1024, MAX_KILOBYTES, PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"weir.max_wal", "WAL that the slot of each database may keep; past it, capture lets go of the slot.",
		"The gap is recorded, and monitors are built again from their tables. -1: no limit but the server's own.",
		&capture_max_wal_mb, 10 * 1024, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"weir.max_spill",
		"Disk space for changes of large transactions that decoding may use in each database; past it, capture lets go of its slot.",
		"The gap is recorded, and monitors are built again from their tables. -1: no limit.", &capture_max_spill_mb, 10 * 1024, -1,
		INT_MAX, PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"weir.max_xmin_age",
		"For how many transactions the slot of each database may hold back vacuum of the system catalogs; past it, capture lets go of the slot.",
		NULL, &capture_max_xmin_age, 200000000, 1000, 2000000000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.build_workers", "How many builders may read sources at a time, in each database.", NULL,
							&build_workers, 1, 1, CAPTURE_MAX_BUILDERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.build_slice_rows", "Rows that a builder reads under one snapshot, where it can.",
							"Fewer keep a snapshot for a shorter time and cost more. At most 2 GB of the table.", &build_slice_rows,
							2000000, 1000, INT_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("weir.build_rate", "Rows per second that the builders of a database may read in all; 0: no limit.",
							NULL, &build_rate, 0, 0, INT_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
}
