/* Convolution of every channel of a picture with one kernel,
 *
 *     y[i][j] = sum_kl kernel[k][l] x[i - k + middle_k][j - l + middle_l]
 *
 * The adjoint runs over the same pairs of elements, the other way. */
#include "base/compiler.h"
#include "operator/operator.h"
#include "base/error.h"
#include "base/math.h"
#include <string.h>

struct convolution {
	size_t width, height, channels, kernel_width, kernel_height;
	int32_t boundary;
	double kernel[];
};

/* Which of n elements stands at i - k + middle; n where there is none. */
static size_t source(size_t i, size_t k, size_t middle, size_t n, int32_t boundary)
{
	size_t ahead = i + middle;
	if (ahead >= k && ahead - k < n)
		return ahead - k;
	if (boundary == DM_BOUNDARY_ZERO)
		return n;
	if (boundary == DM_BOUNDARY_PERIODIC)
		return ahead < k ? ahead + n - k : ahead - k - n;
	return ahead < k ? k - ahead : 2 * (n - 1) - (ahead - k);
}

/* One row of the kernel: from row `in` of x to row `out` of y, or back. */
static void sweep_row(const struct convolution *c, const double *kernel, const double *in, double *out, int adjoint)
{
	for (size_t j = 0; j < c->width; j++)
		for (size_t l = 0; l < c->kernel_width; l++) {
			size_t from = source(j, l, c->kernel_width / 2, c->width, c->boundary);
			if (from == c->width)
				continue;
			if (adjoint)
				out[from] += kernel[l] * in[j];
			else
				out[j] += kernel[l] * in[from];
		}
}

static void sweep(const struct convolution *c, const double *in, double *out, int adjoint)
{
	memset(out, 0, c->channels * c->height * c->width * sizeof *out);
	for (size_t row = 0; row < c->channels * c->height; row++)
		for (size_t k = 0; k < c->kernel_height; k++) {
			size_t i = row % c->height, from = source(i, k, c->kernel_height / 2, c->height, c->boundary);
			if (from == c->height)
				continue;
			const double *kernel = c->kernel + k * c->kernel_width;
			size_t here = row * c->width, there = (row - i + from) * c->width;
			sweep_row(c, kernel, in + (adjoint ? here : there), out + (adjoint ? there : here), adjoint);
		}
}

static dm_status apply(void *user, const double *in, double *out)
{
	sweep(user, in, out, 0);
	return DM_OK;
}

static dm_status adjoint(void *user, const double *in, double *out)
{
	sweep(user, in, out, 1);
	return DM_OK;
}

static dm_status check_kernel(const struct convolution *c, const double *kernel, dm_error *err)
{
	if (!kernel)
		return dmi_fail(err, DM_ERR_ARGUMENT, "operator convolution: kernel is NULL");
	if (c->kernel_width < 1 || c->kernel_width > c->width || c->kernel_height < 1 || c->kernel_height > c->height)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "operator convolution: kernel_width = %z and kernel_height = %z must be 1 to width = %z and 1 to "
		    "height = %z",
		    c->kernel_width, c->kernel_height, c->width, c->height);
	int is_zero = 1;
	for (size_t i = 0; i < c->kernel_width * c->kernel_height; i++) {
		is_zero &= kernel[i] == 0;
		if (!dmi_is_finite(kernel[i]))
			return dmi_fail(err, DM_ERR_ARGUMENT, "operator convolution: kernel[%z][%z] = %g must be finite",
			                i / c->kernel_width, i % c->kernel_width, kernel[i]);
	}
	if (is_zero)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "operator convolution: all elements of kernel are 0, at least one must differ");
	if (c->boundary < DM_BOUNDARY_ZERO || c->boundary > DM_BOUNDARY_REFLECT)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "operator convolution: boundary = %d must be one of DM_BOUNDARY_..., %d to %d", c->boundary,
		                DM_BOUNDARY_ZERO, DM_BOUNDARY_REFLECT);
	return DM_OK;
}

dm_status dm_operator_create_convolution(dm_operator **out, size_t width, size_t height, size_t channels,
                                         const double *kernel, size_t kernel_width, size_t kernel_height,
                                         int32_t boundary, const dm_allocator *allocator, dm_error *err)
{
	static const dm_operator_ops ops = {sizeof ops, apply, adjoint, NULL};
	const struct convolution shape = {width, height, channels, kernel_width, kernel_height, boundary};
	size_t n = 0;
	if (out)
		*out = NULL;
	dm_status st = dmi_operator_picture("convolution", width, height, channels, &n, err);
	if (st == DM_OK)
		st = check_kernel(&shape, kernel, err);
	if (st != DM_OK)
		return st;
	size_t bytes = kernel_width * kernel_height * sizeof *kernel;
	st = dmi_operator_new(out, n, n, &ops, sizeof shape + bytes, allocator, err);
	if (st != DM_OK)
		return st;
	struct convolution *own = (*out)->user;
	*own = shape;
	memcpy(own->kernel, kernel, bytes);
	return DM_OK;
}
