/*
 * learner_datum.h
 *		Learners made from the server's values, stored as such, and kept between calls.
 */
#ifndef WEIR_LEARNER_DATUM_H
#define WEIR_LEARNER_DATUM_H

#include "postgres.h"

#include "fmgr.h"
#include "learn/feature_reader.h"
#include "learn/learner.h"
#include "utils/jsonb.h"

/* Raises 22023 for what is not known or not valid; options may be NULL. */
extern Learner *learner_from_names(MemoryContext context, const char *name, Jsonb *options);
extern Jsonb *learner_options_jsonb(LearnerKind kind, const double *options);

/* Of a learner its options and, where it has steps, its pipeline. */
extern Jsonb *learner_all_options(const Learner *learner);

/* What options say under "pipeline", NULL for nothing; the options without it; and its steps, which raise 22023 when not valid. */
extern JsonbValue *pipeline_value(Jsonb *options);
extern Jsonb *without_pipeline(Jsonb *options);
extern void pipeline_from_jsonb(Learner *learner, const JsonbValue *value);

/* weir.learner and back; raises 22P03 for what is not one. */
extern Datum learner_to_datum(const Learner *learner);
extern Learner *learner_from_bytes(MemoryContext context, const char *bytes, Size size);
extern Learner *learner_from_datum(MemoryContext context, Datum datum);

/*
 * The learner that is argument 0 of a function, and a reader of the features that are argument 1, kept from call to call as long as
 * the learner is the same. The features are not read yet.
 */
extern FeatureReader *cached_reader(FunctionCallInfo fcinfo);

/* The same without features: the learner alone. */
extern Learner *cached_learner(FunctionCallInfo fcinfo);

/* text: the name of a feature; of one that stands for a value of another, with the value once it is known. */
extern Datum feature_label(const Learner *learner, int feature);

/* What the learner says of the row just read, as text: a class or a number; *is_known false when it says nothing. */
extern Datum learner_prediction(const FeatureReader *reader, bool *is_known);

/*
 * The same as what a function returns, NULL for no reader: the number; the probability of the class that argument number names.
 * Raise 0A000 for a learner that has none.
 */
extern Datum said_number(FunctionCallInfo fcinfo, const FeatureReader *reader);
extern Datum said_probability(FunctionCallInfo fcinfo, const FeatureReader *reader, int number);

/* jsonb: a number per class, such as its probability. */
extern Datum class_numbers(const Learner *learner, const double *numbers);

#endif
