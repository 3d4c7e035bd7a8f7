/*
 * verdict.h
 *		The words in which every score says whether it can be trusted, and what it means.  Plain C.
 *
 * A verdict is given only where the status is ok.
 */
#ifndef WEIR_VERDICT_H
#define WEIR_VERDICT_H

#include <stddef.h>

typedef enum ScoreStatus
{
	SCORE_OK = 0,
	SCORE_INSUFFICIENT,			/* too few rows to judge; the value, where there is one, is only a hint */
	SCORE_UNDEFINED				/* no value exists: an empty denominator, an infinite distance */
} ScoreStatus;

typedef enum ScoreVerdict
{
	VERDICT_NONE = 0,
	VERDICT_OK,
	VERDICT_WARNING,
	VERDICT_ALERT
} ScoreVerdict;

static inline const char *
score_status_name(ScoreStatus status)
{
	return status == SCORE_OK ? "ok" : status == SCORE_INSUFFICIENT ? "insufficient" : "undefined";
}

/* NULL for VERDICT_NONE. */
static inline const char *
score_verdict_name(ScoreVerdict verdict)
{
	return verdict == VERDICT_OK ? "ok" : verdict == VERDICT_WARNING ? "warning" : verdict == VERDICT_ALERT ? "alert" : NULL;
}

#endif
