/*
 * numeric_double.c
 *		numeric to double, fast for the usual short numbers.
 *
 * The server goes through text.  Where all digits together are an integer below 2^53 and the power of ten beside them is at
 * most 10^22, both are doubles exactly and one division or multiplication gives the correctly rounded result, which is what
 * strtod gives.
 *
 * The layout read here is the one numeric has on disk, so it cannot change; the server keeps its names private to numeric.c.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "fmgr.h"
#include "summary/numeric_double.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define SIGN_MASK 0xC000
#define SIGN_NEGATIVE 0x4000
#define SIGN_SHORT 0x8000
#define SIGN_SPECIAL 0xC000
#define SPECIAL_NAN 0xC000
#define SPECIAL_POSITIVE_INFINITY 0xD000
#define SHORT_NEGATIVE 0x2000
#define SHORT_WEIGHT_NEGATIVE 0x0040
#define SHORT_WEIGHT_MASK 0x003F

#define DIGITS_BASE 10000 /* four decimal digits each */
#define DIGITS_FAST 4
#define EXACT_POWERS 23

static const double powers_of_ten[EXACT_POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
												   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline uint16
half_word(const char *bytes)
{
	uint16		word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* False when it is not one of the usual short numbers. */
static bool
read_short(const char *bytes, size_t size, double *result)
{
	uint16		header = half_word(bytes);
	bool		negative;
	int			weight;
	int			n_digits;
	int			exponent;
	int64		integer = 0;

	if ((header & SIGN_MASK) == SIGN_SPECIAL)
	{
		*result = header == SPECIAL_NAN ? NAN : header == SPECIAL_POSITIVE_INFINITY ? INFINITY : -INFINITY;
		return true;
	}
	if ((header & SIGN_SHORT) != 0)
	{
		negative = (header & SHORT_NEGATIVE) != 0;
		weight = header & SHORT_WEIGHT_MASK;
		if ((header & SHORT_WEIGHT_NEGATIVE) != 0)
			weight |= ~SHORT_WEIGHT_MASK;
		bytes += sizeof(uint16);
		size -= sizeof(uint16);
	}
	else
	{
		negative = (header & SIGN_MASK) == SIGN_NEGATIVE;
		weight = (int16) half_word(bytes + sizeof(uint16));
		bytes += 2 * sizeof(uint16);
		size -= 2 * sizeof(uint16);
	}
	n_digits = (int) (size / sizeof(int16));
	if (n_digits == 0)
	{
		*result = 0;
		return true;
	}
	if (n_digits > DIGITS_FAST)
		return false;
	for (int i = 0; i < n_digits; i++)
		integer = integer * DIGITS_BASE + (int16) half_word(bytes + i * sizeof(int16));
	exponent = 4 * (weight - n_digits + 1);
	if (integer > INT64CONST(1) << 53 || exponent >= EXACT_POWERS || exponent <= -EXACT_POWERS)
		return false;
	*result = exponent < 0 ? (double) integer / powers_of_ten[-exponent] : (double) integer * powers_of_ten[exponent];
	if (negative)
		*result = -*result;
	return true;
}

double
numeric_to_double(Datum value)
{
	struct varlena *stored = PG_DETOAST_DATUM_PACKED(value);
	double		result;

	if (!read_short(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored), &result))
		result = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, PointerGetDatum(stored)));
	if ((Pointer) stored != DatumGetPointer(value))
		pfree(stored);
	return result;
}
