/* Means over squares of factor x factor elements (over factor elements where the picture has one row). */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include <string.h>

struct pool {
	size_t width, rows, across, down; /* of the input, of all channels; of a square */
};

static dm_status apply(void *user, const double *in, double *out)
{
	const struct pool *p = user;
	size_t width = p->width / p->across;
	double share = 1 / (double)(p->across * p->down);
	memset(out, 0, width * (p->rows / p->down) * sizeof *out);
	for (size_t i = 0; i < p->rows; i++)
		for (size_t j = 0; j < p->width; j++)
			out[i / p->down * width + j / p->across] += share * in[i * p->width + j];
	return DM_OK;
}

static dm_status adjoint(void *user, const double *in, double *out)
{
	const struct pool *p = user;
	size_t width = p->width / p->across;
	double share = 1 / (double)(p->across * p->down);
	for (size_t i = 0; i < p->rows; i++)
		for (size_t j = 0; j < p->width; j++)
			out[i * p->width + j] = share * in[i / p->down * width + j / p->across];
	return DM_OK;
}

dm_status dm_operator_create_average_pool(dm_operator **out, size_t width, size_t height, size_t channels,
                                          size_t factor, const dm_allocator *allocator, dm_error *err)
{
	static const dm_operator_ops ops = {sizeof ops, apply, adjoint, NULL};
	size_t n = 0, down = height == 1 ? 1 : factor;
	if (out)
		*out = NULL;
	dm_status st = dmi_operator_picture("average_pool", width, height, channels, &n, err);
	if (st == DM_OK && (factor == 0 || width % factor || height % down))
		st = dmi_fail(err, DM_ERR_ARGUMENT,
		              "operator average_pool: factor = %z must be at least 1 and divide width = %z and height = %z",
		              factor, width, height);
	if (st == DM_OK)
		st = dmi_operator_new(out, n, n / factor / down, &ops, sizeof(struct pool), allocator, err);
	if (st == DM_OK)
		*(struct pool *)(*out)->user = (struct pool){width, height * channels, factor, down};
	return st;
}
