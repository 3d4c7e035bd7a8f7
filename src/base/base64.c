/*
 * base64.c
 *		The text form of weir's types: their stored form in base64 (RFC 4648, with padding).
 */
#include "postgres.h"

#include "base/base64.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
base64_text(const char *bytes, Size size)
{
	Size		n_groups = (size + 2) / 3;
	char	   *result = palloc(add_size(mul_size(4, n_groups), 1));
	char	   *next = result;

	for (Size i = 0; i < size; i += 3)
	{
		Size		left = size - i;
		uint32		group = (uint32) (unsigned char) bytes[i] << 16 | (left > 1 ? (uint32) (unsigned char) bytes[i + 1] << 8 : 0) |
			(left > 2 ? (unsigned char) bytes[i + 2] : 0);

		*next++ = base64_digits[group >> 18];
		*next++ = base64_digits[group >> 12 & 63];
		*next++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
		*next++ = left > 2 ? base64_digits[group & 63] : '=';
	}
	*next = '\0';
	return result;
}

static void
invalid_text(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input syntax for type weir.%s", type),
			 errdetail("It is written in base64, as the type's output gives it.")));
}

char *
base64_bytes(const char *text, const char *type, Size *size)
{
	Size		length = strlen(text);
	char	   *result = palloc(length / 4 * 3 + 1);
	char	   *next = result;
	int			padding = 0;

	if (length % 4 != 0)
		invalid_text(type);
	for (Size i = 0; i < length; i += 4)
	{
		uint32		group = 0;

		for (int j = 0; j < 4; j++)
		{
			char		c = text[i + j];
			const char *digit = c == '\0' ? NULL : strchr(base64_digits, c);

			if (c == '=' && i + 4 == length && j >= 2)
				padding++;
			else if (digit == NULL || padding > 0)
				invalid_text(type);
			group = group << 6 | (c == '=' ? 0 : (uint32) (digit - base64_digits));
		}
		*next++ = (char) (group >> 16);
		*next++ = (char) (group >> 8);
		*next++ = (char) group;
	}
	*size = (Size) (next - result) - (Size) padding;
	return result;
}
