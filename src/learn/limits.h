/*
 * limits.h
 *		What learners can have at most.
 */
#ifndef WEIR_LIMITS_H
#define WEIR_LIMITS_H

#define LEARNER_MAX_FEATURES 1024
#define LEARNER_MAX_CLASSES 1000
#define LEARNER_MAX_CATEGORIES 1000 /* of one feature; others are missing values */
#define LEARNER_MAX_NAME 255 /* bytes of a feature's, a category's, a class's name; longer ones are cut */

/* Numbers beyond are missing values: their squares, summed, would overflow. */
#define LEARNER_LARGEST 1e100

#endif
