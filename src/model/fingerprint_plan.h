/*
 * fingerprint_plan.h
 *		Plans in which fingerprint(t) reads the rows where they lie.
 */
#ifndef WEIR_MODEL_FINGERPRINT_PLAN_H
#define WEIR_MODEL_FINGERPRINT_PLAN_H

/* Called by model_init. */
extern void fingerprint_plan_init(void);

/* What tells the number in such a plan from one that a query has: no query can give an integer a type modifier. */
#define FINGERPRINT_SLOT_MARK 0x77656972

#endif
