/*
 * data_version.h
 *		Recorded sets of rows that models are trained on.  Inside this room only.
 */
#ifndef WEIR_MODEL_DATA_VERSION_H
#define WEIR_MODEL_DATA_VERSION_H

#include "postgres.h"

/* A row of weir.data_version, in the caller's memory. */
typedef struct DataVersion
{
	int64		data_version;
	char	   *name;
	Oid			owner;
	char	   *query;
	char	   *search_path;	/* with which the query was written */
	char	   *validation;		/* may be NULL */
	char	   *relation;		/* qualified and quoted; NULL: not materialised, or gone */
	char	   *status;
	char	   *columns;		/* quoted, with commas: the query's, without split */
	char	   *content_hash;
	int64		n;
} DataVersion;

/* Raises 42704 when there is none. Outside of an SQL scope. */
extern DataVersion data_version_find(int64 number);

/* Raises 42704 or 42501 unless the user may name it as what a model was trained on. Inside an SQL scope. */
extern void data_version_require(int64 number, Oid user);

/*
 * The SELECT that reads its rows of the split (NULL: all) as the current user, who must be able to read the relation, or be the
 * owner where rows are read by the query again: what somebody wrote runs as nobody else.
 */
extern char *data_version_query(const DataVersion *version, const char *split);

/* A step of the scheduler's task: drops relations whose retention has passed. */
extern void data_version_expire(void);

/* For monitors; see monitor_register_data_versions. */
extern char *data_version_query_of(int64 number);

#endif
