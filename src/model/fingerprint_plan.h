/*
 * fingerprint_plan.h
 *		Plans in which fingerprint(t) reads the rows where they lie.
 */
#ifndef WEIR_MODEL_FINGERPRINT_PLAN_H
#define WEIR_MODEL_FINGERPRINT_PLAN_H

/* Called by model_init. */
extern void fingerprint_plan_init(void);

#endif
