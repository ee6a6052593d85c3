/* The object: birth, keys, driving. */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "base/error.h"
#include <string.h>

void dmi_likelihood_place(dm_likelihood *l)
{
	l->eval_of = dmi_arena_take(&l->ask.arena, l->ask.n_sample, sizeof *l->eval_of);
	l->log_density = dmi_arena_take(&l->ask.arena, l->ask.n_sample, sizeof *l->log_density);
	l->start = dmi_ask_take_rows(&l->ask, l->ask.n_element, DM_F64);
}

dm_status dmi_likelihood_begin(dm_likelihood *l, dm_error *err)
{
	static const double one = 1;
	size_t n = l->ask.n_element;
	dm_status st = dmi_ask_check_rows(&l->ask, "x0 of sample", l->given, l->ask.number, l->ask.n_sample, err);
	for (size_t i = 0; st == DM_OK && i < l->ask.n_sample; i++) {
		const dm_input in = {.data = (const char *)l->given + i * n * dmi_type_size(l->ask.number),
		                     .type = l->ask.number};
		dmi_row_sum(&l->ask, i, 1, &in, &one, l->start + i * n, DM_F64);
	}
	return st;
}

void dmi_likelihood_count(dm_likelihood *l)
{
	for (size_t k = 0; l->ask.rq.kind == DM_ASK_PREDICTION && k < l->ask.rq.n_sample; k++)
		l->eval_of[l->ask.row[k]]++;
}

static dm_status create(dm_likelihood **out, const struct dmi_asker_type *type, const struct dmi_ask_given *given,
                        const void *x0, const dm_allocator *allocator, dm_error *err)
{
	dm_error own;
	if (!err)
		err = &own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: out is NULL", type->name);
	*out = NULL;
	dm_status st = dmi_ask_check(type, given, err);
	if (st == DM_OK && !x0)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "%s: x0 is NULL", type->name);
	dm_likelihood *l = st == DM_OK ? dmi_ask_new(sizeof *l, type, given, allocator, err) : NULL;
	if (!l)
		return err->status;
	l->given = x0;
	st = dmi_ask_fill(l, given->options, err);
	l->given = NULL;
	if (st == DM_OK)
		*out = l;
	else
		dmi_object_release(l);
	return st;
}

dm_status dm_likelihood_create(dm_likelihood **out, const dm_schedule *schedule, const dm_model *model,
                               const char *options, const void *x0, int32_t type, size_t n_sample, size_t n_element,
                               const dm_allocator *allocator, dm_error *err)
{
	const struct dmi_ask_given given = {schedule, NULL, model, options, n_sample, n_element, type};
	return create(out, &dmi_likelihood_ode, &given, x0, allocator, err);
}

dm_status dm_likelihood_create_bound(dm_likelihood **out, const dm_schedule *schedule, const dm_grid *grid,
                                     const dm_model *model, const char *options, const void *x0, int32_t type,
                                     size_t n_sample, size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	const struct dmi_ask_given given = {schedule, grid, model, options, n_sample, n_element, type};
	return create(out, &dmi_likelihood_bound, &given, x0, allocator, err);
}

void dm_likelihood_free(dm_likelihood *l)
{
	dmi_object_release(l);
}

dm_status dm_likelihood_next(dm_likelihood *l, const dm_request **rq, dm_error *err)
{
	return dmi_ask_next(l, "likelihood next", rq, err);
}

dm_status dm_likelihood_all(dm_likelihood *l, dm_error *err)
{
	return dmi_ask_all(l, "likelihood all", err);
}

/* ---------------------------------------------------------------------------------------------------------- keys */

dm_status dm_likelihood_keys(dm_likelihood *l, const uint64_t *seed, const int64_t *sample, size_t n, dm_error *err)
{
	dm_status st = dmi_ask_early(l, "likelihood keys", err);
	if (st != DM_OK)
		return st;
	if (!seed || !sample || n != l->ask.n_sample)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "likelihood keys: seed and sample must hold n_sample = %z numbers each, n is %z",
		                l->ask.n_sample, n);
	for (size_t i = 0; i < n; i++)
		if (sample[i] < 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood keys: sample[%z] is %l, it must be 0 or more", i,
			                sample[i]);
	memcpy(l->ask.seed, seed, n * sizeof *seed);
	memcpy(l->ask.sample, sample, n * sizeof *sample);
	return DM_OK;
}

dm_status dm_likelihood_probes(dm_likelihood *l, const void *probe, int32_t type, size_t n_probe, dm_error *err)
{
	dm_status st = dmi_ask_early(l, "likelihood probes", err);
	if (st != DM_OK)
		return st;
	if (l->ask.type != &dmi_likelihood_ode)
		return dmi_fail(err, DM_ERR_STATE, "likelihood probes: a bound has none");
	if (!probe || (type != DM_F32 && type != DM_F64))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "likelihood probes: probe must not be NULL, type (%d) must be DM_F32 (1) or DM_F64 (2)", type);
	if (n_probe != l->ode.n_probe)
		return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood probes: n_probe is %z, the option n_probe says %z", n_probe,
		                l->ode.n_probe);
	st = dmi_ask_check_rows(&l->ask, "probe row", probe, type, n_probe * l->ask.n_sample, err);
	if (st != DM_OK)
		return st;
	l->ode.given = probe;
	l->ode.given_type = type;
	return DM_OK;
}
