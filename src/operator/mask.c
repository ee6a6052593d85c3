/* The operators that only leave elements out: identity, y = x, and mask, y = the elements of x where the mask is 1. */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include <string.h>

/* Which elements are kept. */
struct mask {
	size_t n_in, n_out;
	size_t place[];
};

static dm_status apply_identity(void *user, const double *in, double *out)
{
	const struct mask *mask = user;
	memcpy(out, in, mask->n_in * sizeof *out);
	return DM_OK;
}

static dm_status apply(void *user, const double *in, double *out)
{
	const struct mask *mask = user;
	for (size_t i = 0; i < mask->n_out; i++)
		out[i] = in[mask->place[i]];
	return DM_OK;
}

static dm_status adjoint(void *user, const double *in, double *out)
{
	const struct mask *mask = user;
	memset(out, 0, mask->n_in * sizeof *out);
	for (size_t i = 0; i < mask->n_out; i++)
		out[mask->place[i]] = in[i];
	return DM_OK;
}

dm_status dm_operator_create_identity(dm_operator **out, size_t n, const dm_allocator *allocator, dm_error *err)
{
	static const dm_operator_ops ops = {sizeof ops, apply_identity, apply_identity, NULL};
	if (out)
		*out = NULL;
	dm_status st = dmi_operator_new(out, n, n, &ops, sizeof(struct mask), allocator, err);
	if (st == DM_OK)
		((struct mask *)(*out)->user)->n_in = n;
	return st;
}

/* How many elements a mask keeps. */
static dm_status count(const double *mask, size_t n, size_t *kept, dm_error *err)
{
	*kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (mask[i] != 0 && mask[i] != 1)
			return dmi_fail(err, DM_ERR_ARGUMENT, "operator mask: mask[%z] = %g must be 0 or 1", i, mask[i]);
		*kept += mask[i] == 1;
	}
	return *kept ? DM_OK
	             : dmi_fail(err, DM_ERR_ARGUMENT,
	                        "operator mask: all n = %z elements of mask are 0, at least one must be 1", n);
}

dm_status dm_operator_create_mask(dm_operator **out, const double *mask, size_t n, const dm_allocator *allocator,
                                  dm_error *err)
{
	static const dm_operator_ops ops = {sizeof ops, apply, adjoint, NULL};
	size_t kept = 0;
	if (out)
		*out = NULL;
	if (!mask)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator mask: mask is NULL");
	dm_status st = count(mask, n, &kept, err);
	if (st == DM_OK)
		st = dmi_operator_new(out, n, kept, &ops, sizeof(struct mask) + kept * sizeof(size_t), allocator, err);
	if (st != DM_OK)
		return st;
	struct mask *own = (*out)->user;
	own->n_in = n;
	for (size_t i = 0; i < n; i++)
		if (mask[i] == 1)
			own->place[own->n_out++] = i;
	return DM_OK;
}
