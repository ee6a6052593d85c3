#include "base/compiler.h"
#include "array/array.h"
#include "base/error.h"

size_t dmi_type_size(int32_t type)
{
	static const size_t size[] = {[DM_F32] = 4, [DM_F64] = 8, [DM_F16] = 2, [DM_BF16] = 2};
	return type >= DM_F32 && type <= DM_BF16 ? size[type] : 0;
}

static void finish_array(void *object)
{
	dm_array *array = object;
	if (array->ops.destroy)
		array->ops.destroy(array->user);
}

static dm_status check_ops(const dm_array_ops *ops, dm_error *err)
{
	const struct {
		const char *name;
		int present;
	} slot[] = {
	    {"combine", !!ops->combine},   {"stats", !!ops->stats}, {"check", !!ops->check},
	    {"map", !!ops->map},           {"error", !!ops->error}, {"poison", !!ops->poison},
	    {"poisoned", !!ops->poisoned}, {"copy", !!ops->copy},   {"allocate", !!ops->allocate},
	    {"release", !!ops->release},
	};
	if (ops->type != DM_F32 && ops->type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "array ops: type is %d, it must be DM_F32 (1) or DM_F64 (2)", ops->type);
	for (size_t i = 0; i < sizeof slot / sizeof *slot; i++)
		if (!slot[i].present)
			return dmi_fail(err, DM_ERR_ARGUMENT, "array ops: %s is NULL, every function is required", slot[i].name);
	return DM_OK;
}

dm_status dm_array_create_custom(dm_array **out, const dm_array_ops *ops, void *user, const dm_allocator *allocator,
                                 dm_error *err)
{
	dm_array_ops own = {0};
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, sizeof own, "array ops", err);
	if (st == DM_OK)
		st = out ? check_ops(&own, err) : dmi_fail(err, DM_ERR_ARGUMENT, "array: out is NULL");
	if (st == DM_OK) {
		*out = dmi_object_new(sizeof **out, allocator, finish_array, err);
		st = *out ? DM_OK : err->status;
	}
	if (st == DM_OK) {
		(*out)->ops = own;
		(*out)->user = user;
	} else if (own.destroy) {
		own.destroy(user);
	}
	return st;
}

void dm_array_free(dm_array *array)
{
	dmi_object_release(array);
}
