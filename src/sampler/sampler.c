#include "sampler/sampler.h"
#include "base/error.h"
#include <stddef.h>
#include <string.h>

static void finish(void *object)
{
	dm_sampler *s = object;
	if (s->ops.destroy)
		s->ops.destroy(s->user);
	dmi_options_free(&s->options, &s->object.allocator);
}

static dm_status fill(dm_sampler *s, const char *spec, dm_error *err)
{
	int32_t n;
	const char *text;
	const struct dmi_method *const *registry = dmi_sampler_registry(&n);
	const struct dmi_method *method = dmi_method_find(registry, n, "sampler", spec, &text, err);
	if (!method)
		return DM_ERR_NAME;
	const struct dmi_sampler_type *type = (const struct dmi_sampler_type *)method;
	s->name = method->info.name;
	s->ops = type->ops;
	s->option = method->option;
	s->n_option = method->info.n_option;
	s->user = &s->options; /* for lists, which step() does not see otherwise */
	dm_status st =
	    dmi_options_parse(&s->options, "sampler", s->name, s->option, s->n_option, text, &s->object.allocator, err);
	if (st == DM_OK && type->check)
		st = type->check(&s->options, err);
	if (st == DM_OK && type->order)
		s->ops.order = type->order(&s->options);
	return st;
}

dm_status dm_sampler_create(dm_sampler **out, const char *spec, const dm_allocator *allocator, dm_error *err)
{
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	if (!out || !spec)
		return dmi_fail(err, DM_ERR_ARGUMENT, "sampler: %s is NULL", out ? "spec" : "out");
	dm_sampler *s = dmi_object_new(sizeof *s, allocator, finish, err);
	if (!s)
		return err->status;
	dm_status st = fill(s, spec, err);
	if (st == DM_OK)
		*out = s;
	else
		dmi_object_release(s);
	return st;
}

static dm_status check_custom(dm_sampler **out, const char *spec, const dm_sampler_ops *ops, const dm_option *option,
                              int32_t n_option, dm_error *err)
{
	size_t name = spec ? strcspn(spec, ":") : 0;
	if (!out || !spec)
		return dmi_fail(err, DM_ERR_ARGUMENT, "sampler: %s is NULL", out ? "spec" : "out");
	if (!dmi_name_is_good(spec, name))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "sampler: the name in \"%s\" must have 1 to 63 characters, no space and none of | , ; = \" \\",
		                spec);
	if (!ops->step)
		return dmi_fail(err, DM_ERR_ARGUMENT, "sampler \"%s\": ops need step", spec);
	if (ops->n_past < 0 || ops->n_past > DMI_MAX_PAST || ops->n_kept < 0 || ops->n_kept > DMI_MAX_KEPT ||
	    ops->n_memory < 0 || ops->n_memory > DMI_MAX_MEMORY)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "sampler \"%s\": n_past = %d, n_kept = %d, n_memory = %d; at most %d, %d, %d", spec,
		                ops->n_past, ops->n_kept, ops->n_memory, DMI_MAX_PAST, DMI_MAX_KEPT, DMI_MAX_MEMORY);
	if (ops->order < 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "sampler \"%s\": order = %d; it must be 0 or more", spec, ops->order);
	if (ops->control && ops->n_past)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "sampler \"%s\": an adaptive method keeps values, it has no n_past",
		                spec);
	return dmi_options_check_table(option, n_option, err);
}

dm_status dm_sampler_create_custom(dm_sampler **out, const char *spec, const dm_sampler_ops *ops, void *user,
                                   const dm_option *option, int32_t n_option, const dm_allocator *allocator,
                                   dm_error *err)
{
	dm_sampler_ops own;
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_sampler_ops, destroy) + sizeof own.destroy,
	                               "sampler ops", err);
	if (st == DM_OK)
		st = check_custom(out, spec, &own, option, n_option, err);
	dm_sampler *s = st == DM_OK ? dmi_object_new(sizeof *s, allocator, finish, err) : NULL;
	if (!s) {
		if (own.destroy)
			own.destroy(user);
		return err->status;
	}
	size_t name = strcspn(spec, ":");
	memcpy(s->own_name, spec, name);
	s->name = s->own_name;
	s->ops = own;
	s->user = user;
	s->option = option;
	s->n_option = n_option;
	st = dmi_options_parse(&s->options, "sampler", s->name, option, n_option, spec[name] ? spec + name + 1 : "",
	                       &s->object.allocator, err);
	if (st == DM_OK)
		*out = s;
	else
		dmi_object_release(s);
	return st;
}

void dm_sampler_free(dm_sampler *sampler)
{
	dmi_object_release(sampler);
}

int32_t dm_sampler_order(const dm_sampler *sampler)
{
	return sampler ? sampler->ops.order : 0;
}

void dmi_sampler_print(const dm_sampler *sampler, struct dmi_text *text)
{
	dmi_options_print(text, sampler->name, sampler->option, sampler->n_option, &sampler->options);
}
