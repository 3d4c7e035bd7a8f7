/*
 * privileges.c
 *		Who may do what, checked in C; and where weir's own objects are.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

Oid
extension_oid(bool missing_ok)
{
	return get_extension_oid("weir", missing_ok);
}

bool
extension_lock(void)
{
	Oid			extension = extension_oid(true);

	if (!OidIsValid(extension))
		return false;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	return extension_oid(true) == extension;
}

/* One column of weir's row in pg_extension, copied; there is no syscache for these. */
static Datum
extension_attribute(AttrNumber attribute)
{
	Oid			extension = extension_oid(false);
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	Form_pg_attribute form = TupleDescAttr(RelationGetDescr(catalog), attribute - 1);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum		value;
	bool		is_null;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "extension %u not found", extension);
	value = datumCopy(heap_getattr(tuple, attribute, RelationGetDescr(catalog), &is_null), form->attbyval, form->attlen);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return value;
}

Oid
extension_owner(void)
{
	return DatumGetObjectId(extension_attribute(Anum_pg_extension_extowner));
}

char *
extension_version(void)
{
	return TextDatumGetCString(extension_attribute(Anum_pg_extension_extversion));
}

Oid
extension_schema(void)
{
	return get_namespace_oid("weir", false);
}

Oid
extension_type(const char *name)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name), ObjectIdGetDatum(extension_schema()));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type weir.%s does not exist", name),
				 errhint("Run CREATE EXTENSION weir.")));
	return type;
}

void
require_table_owner(Oid relation)
{
	if (!has_privs_of_role(GetUserId(), relation_owner(relation)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table %s", get_rel_name(relation)),
				 errhint("Ask its owner to run this, or to grant you membership in the owning role.")));
}

void
require_role(Oid role, const char *what)
{
	if (!has_privs_of_role(GetUserId(), role))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of %s", what)));
}

Oid
relation_owner(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static bool
row_security_filters(Oid relation)
{
	return check_enable_rls(relation, InvalidOid, true) == RLS_ENABLED;
}

bool
may_read_table(Oid relation)
{
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		return superuser();
	return pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK && !row_security_filters(relation);
}

bool
may_read_column(Oid relation, const char *column)
{
	AttrNumber	attribute;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
		return superuser();
	if (row_security_filters(relation))
		return false;
	if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	attribute = get_attnum(relation, column);
	return attribute != InvalidAttrNumber && pg_attribute_aclcheck(relation, attribute, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}
