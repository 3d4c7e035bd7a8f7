/*
 * fairness_key.c
 *		The key of a fairness group: the tuple of its protected values as one byte string.
 */
#include "fairness/fairness.h"

#include <string.h>

/* Unknown sorts after every known value. */
#define KEY_KNOWN 1
#define KEY_UNKNOWN 2
#define KEY_HEADER_SIZE 5

size_t
fairness_key_size(int n_columns, const char *const *values, const size_t *lengths)
{
	size_t		size = (size_t) n_columns * KEY_HEADER_SIZE;

	for (int i = 0; i < n_columns; i++)
		if (values[i] != NULL)
			size += lengths[i];
	return size;
}

size_t
fairness_key(int n_columns, const char *const *values, const size_t *lengths, char *buffer)
{
	char	   *at = buffer;

	for (int i = 0; i < n_columns; i++)
	{
		uint32_t	length = values[i] == NULL ? 0 : (uint32_t) lengths[i];

		*at++ = values[i] == NULL ? KEY_UNKNOWN : KEY_KNOWN;
		*at++ = (char) (length >> 24);
		*at++ = (char) (length >> 16);
		*at++ = (char) (length >> 8);
		*at++ = (char) length;
		if (length > 0)
			memcpy(at, values[i], length);
		at += length;
	}
	return (size_t) (at - buffer);
}

bool
fairness_key_next(const char *key, size_t length, size_t *offset, const char **value, size_t *value_length)
{
	const unsigned char *header;
	size_t		size;

	if (*offset > length || length - *offset < KEY_HEADER_SIZE)
		return false;
	header = (const unsigned char *) key + *offset;
	size = ((size_t) header[1] << 24) | ((size_t) header[2] << 16) | ((size_t) header[3] << 8) | (size_t) header[4];
	if (header[0] != KEY_KNOWN && !(header[0] == KEY_UNKNOWN && size == 0))
		return false;
	if (length - *offset - KEY_HEADER_SIZE < size)
		return false;
	*value = header[0] == KEY_KNOWN ? key + *offset + KEY_HEADER_SIZE : NULL;
	*value_length = size;
	*offset += KEY_HEADER_SIZE + size;
	return true;
}

bool
fairness_key_valid(const char *key, size_t length, int n_columns)
{
	size_t		offset = 0;
	const char *value;
	size_t		value_length;
	int			n = 0;

	while (n <= n_columns && fairness_key_next(key, length, &offset, &value, &value_length))
		n++;
	return n == n_columns && offset == length;
}

static size_t
append(char *buffer, size_t capacity, size_t at, const char *bytes, size_t length)
{
	if (at < capacity)
		memcpy(buffer + at, bytes, length < capacity - at ? length : capacity - at);
	return at + length;
}

size_t
fairness_key_display(const char *key, size_t length, char *buffer, size_t capacity)
{
	size_t		offset = 0;
	const char *value;
	size_t		value_length;
	size_t		at = 0;
	bool		first = true;

	while (fairness_key_next(key, length, &offset, &value, &value_length))
	{
		if (!first)
			at = append(buffer, capacity, at, " | ", 3);
		first = false;
		if (value == NULL)
			at = append(buffer, capacity, at, "(unknown)", 9);
		else
			at = append(buffer, capacity, at, value, value_length);
	}
	return at;
}
