/*
 * version.h
 *		The version of the library. The catalogue of a database has one of its own until ALTER EXTENSION weir UPDATE.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#define WEIR_VERSION "0.1.0" /* as in weir.control, META.json, CHANGELOG.md and debian/changelog: make lint compares them */

#endif
