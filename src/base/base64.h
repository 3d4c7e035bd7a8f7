/*
 * base64.h
 *		The text form of weir's types: their stored form in base64 (RFC 4648, with padding).
 */
#ifndef WEIR_BASE64_H
#define WEIR_BASE64_H

#include "postgres.h"

extern char *base64_text(const char *bytes, Size size);

/* Raises 22P02, naming the type, for what is not base64. */
extern char *base64_bytes(const char *text, const char *type, Size *size);

#endif
