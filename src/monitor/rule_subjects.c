/*
 * rule_subjects.c
 *		A place per subject and segment of a rule, found by hashing: a rule may watch thousands of segments.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "monitor/rule.h"

typedef struct SubjectPlace
{
	const char *key;			/* of all three texts */
	uint32		hash;
	char		status;
	void	   *value;
} SubjectPlace;

#define SH_PREFIX place
#define SH_ELEMENT_TYPE SubjectPlace
#define SH_KEY_TYPE const char *
#define SH_KEY key
#define SH_HASH_KEY(table, text) hash_bytes((const unsigned char *) (text), strlen(text))
#define SH_EQUAL(table, a, b) (strcmp(a, b) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, place) (place)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct RuleSubjects
{
	place_hash *places;
	MemoryContext context;
};

RuleSubjects *
rule_subjects_create(void)
{
	RuleSubjects *subjects = palloc(sizeof(RuleSubjects));

	subjects->context = CurrentMemoryContext;
	subjects->places = place_create(CurrentMemoryContext, 64, NULL);
	return subjects;
}

/* With its length, so that no two subjects have the same key. */
static char *
key_part(const char *text)
{
	return text == NULL ? pstrdup("-") : psprintf("%zu:%s", strlen(text), text);
}

void **
rule_subjects_find(RuleSubjects *subjects, const char *family, const char *subject, const char *segment)
{
	MemoryContext old = MemoryContextSwitchTo(subjects->context);
	char	   *subject_part = key_part(subject);
	char	   *segment_part = key_part(segment);
	char	   *key = psprintf("%s %s %s", family, subject_part, segment_part);
	bool		found;
	SubjectPlace *place = place_insert(subjects->places, key, &found);

	if (found)
		pfree(key);
	else
		place->value = NULL;
	pfree(subject_part);
	pfree(segment_part);
	MemoryContextSwitchTo(old);
	return &place->value;
}
