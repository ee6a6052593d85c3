/* Linear operators: what they measure, their adjoints, and what methods ask of them. */
#include "run_testing.h"
#include "operator/operator.h"

/* --------------------------------------------------------------------------------------- operators with known matrices */

enum { MAX = 36 };

struct known {
	const char *name;
	dm_operator *op;
	size_t n_in, n_out;
	double a[MAX][MAX];
};

/* Its matrix, one unit vector after the other. */
static void columns(const dm_operator *op, double a[MAX][MAX])
{
	for (size_t j = 0; j < dm_operator_n_in(op); j++) {
		double x[MAX] = {0}, y[MAX];
		x[j] = 1;
		DO(dm_operator_apply(op, x, y, err));
		for (size_t i = 0; i < dm_operator_n_out(op); i++)
			a[i][j] = y[i];
	}
}

static void check_matrix(const char *name, dm_operator *op, size_t n_out, size_t n_in, const double *want)
{
	double a[MAX][MAX] = {{0}}, mismatch = -1;
	assert_int_equal(dm_operator_n_in(op), n_in);
	assert_int_equal(dm_operator_n_out(op), n_out);
	columns(op, a);
	for (size_t i = 0; i < n_out; i++)
		for (size_t j = 0; j < n_in; j++) {
			double unit[MAX] = {0}, column[MAX];
			if (!(fabs(a[i][j] - want[i * n_in + j]) < 1e-15))
				fail_msg("%s: element %zu, %zu is %g instead of %g", name, i, j, a[i][j], want[i * n_in + j]);
			unit[i] = 1;
			DO(dm_operator_adjoint(op, unit, column, err));
			if (!(fabs(column[j] - a[i][j]) < 1e-15))
				fail_msg("%s: the adjoint's element %zu, %zu is %g instead of %g", name, j, i, column[j], a[i][j]);
		}
	DO(dm_operator_check(op, &mismatch, err));
	assert_true(mismatch >= 0 && mismatch < 1e-14);
	dm_operator_free(op);
}

static void test_identity_mask_matrix(void **state)
{
	(void)state;
	dm_operator *op;
	DO(dm_operator_create_identity(&op, 3, NULL, err));
	check_matrix("identity", op, 3, 3, (double[]){1, 0, 0, 0, 1, 0, 0, 0, 1});
	DO(dm_operator_create_mask(&op, (double[]){0, 1, 0, 1}, 4, NULL, err));
	check_matrix("mask", op, 2, 4, (double[]){0, 1, 0, 0, 0, 0, 0, 1});
	double a[] = {1, 2, -3, 0.5, 0, 4};
	DO(dm_operator_create_matrix(&op, a, 2, 3, NULL, err));
	a[0] = 99; /* it was copied */
	check_matrix("matrix", op, 2, 3, (double[]){1, 2, -3, 0.5, 0, 4});
}

static void check_line(const double *kernel, size_t n_kernel, int32_t boundary, size_t n, const double *want)
{
	dm_operator *op;
	char name[40];
	snprintf(name, sizeof name, "convolution, boundary %d", (int)boundary);
	DO(dm_operator_create_convolution(&op, n, 1, 1, kernel, n_kernel, 1, boundary, NULL, err));
	check_matrix(name, op, n, n, want);
}

static void test_convolution_of_a_line(void **state)
{
	(void)state;
	static const double odd[] = {1, 2, 5}, even[] = {1, 2, 5, 7};
	/* y[i] = x[i + 1] + 2 x[i] + 5 x[i - 1] */
	check_line(odd, 3, DM_BOUNDARY_ZERO, 4, (double[]){2, 1, 0, 0, 5, 2, 1, 0, 0, 5, 2, 1, 0, 0, 5, 2});
	check_line(odd, 3, DM_BOUNDARY_PERIODIC, 4, (double[]){2, 1, 0, 5, 5, 2, 1, 0, 0, 5, 2, 1, 1, 0, 5, 2});
	check_line(odd, 3, DM_BOUNDARY_REFLECT, 4, (double[]){2, 6, 0, 0, 5, 2, 1, 0, 0, 5, 2, 1, 0, 0, 6, 2});
	/* y[i] = x[i + 2] + 2 x[i + 1] + 5 x[i] + 7 x[i - 1] */
	check_line(even, 4, DM_BOUNDARY_ZERO, 4, (double[]){5, 2, 1, 0, 7, 5, 2, 1, 0, 7, 5, 2, 0, 0, 7, 5});
	check_line(even, 4, DM_BOUNDARY_PERIODIC, 4, (double[]){5, 2, 1, 7, 7, 5, 2, 1, 1, 7, 5, 2, 2, 1, 7, 5});
	check_line(even, 4, DM_BOUNDARY_REFLECT, 4, (double[]){5, 9, 1, 0, 7, 5, 2, 1, 0, 7, 6, 2, 0, 1, 9, 5});
	check_line((double[]){3}, 1, DM_BOUNDARY_REFLECT, 1, (double[]){3});
}

/* An element of a picture, seen through its boundary. */
static double look(const double *x, int width, int height, int i, int j, int32_t boundary)
{
	if (boundary == DM_BOUNDARY_ZERO && (i < 0 || i >= height || j < 0 || j >= width))
		return 0;
	if (boundary == DM_BOUNDARY_PERIODIC) {
		i = (i + 8 * height) % height;
		j = (j + 8 * width) % width;
	}
	if (boundary == DM_BOUNDARY_REFLECT) {
		i = i < 0 ? -i : i;
		j = j < 0 ? -j : j;
		i = i >= height ? 2 * height - 2 - i : i;
		j = j >= width ? 2 * width - 2 - j : j;
	}
	return x[i * width + j];
}

static void test_convolution_of_pictures(void **state)
{
	(void)state;
	enum { WIDTH = 4, HEIGHT = 3, CHANNELS = 2, N = WIDTH * HEIGHT * CHANNELS, ACROSS = 4, DOWN = 3 };
	double kernel[DOWN * ACROSS], x[N], y[N], mismatch;
	DO(dm_normals(1, 0, 0, 0, DOWN * ACROSS, DM_F64, kernel, err));
	DO(dm_normals(2, 0, 0, 0, N, DM_F64, x, err));
	for (int32_t boundary = DM_BOUNDARY_ZERO; boundary <= DM_BOUNDARY_REFLECT; boundary++) {
		dm_operator *op;
		DO(dm_operator_create_convolution(&op, WIDTH, HEIGHT, CHANNELS, kernel, ACROSS, DOWN, boundary, NULL, err));
		DO(dm_operator_apply(op, x, y, err));
		for (int c = 0; c < CHANNELS; c++)
			for (int i = 0; i < HEIGHT; i++)
				for (int j = 0; j < WIDTH; j++) {
					double sum = 0;
					for (int k = 0; k < DOWN; k++)
						for (int l = 0; l < ACROSS; l++)
							sum += kernel[k * ACROSS + l] * look(x + c * WIDTH * HEIGHT, WIDTH, HEIGHT,
							                                     i - k + DOWN / 2, j - l + ACROSS / 2, boundary);
					assert_true(fabs(y[(c * HEIGHT + i) * WIDTH + j] - sum) < 1e-13);
				}
		DO(dm_operator_check(op, &mismatch, err));
		assert_true(mismatch < 1e-14);
		dm_operator_free(op);
	}
}

static void test_average_pool(void **state)
{
	(void)state;
	dm_operator *op;
	DO(dm_operator_create_average_pool(&op, 4, 1, 1, 2, NULL, err));
	check_matrix("pool of a line", op, 2, 4, (double[]){0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5});
	DO(dm_operator_create_average_pool(&op, 2, 2, 2, 2, NULL, err));
	check_matrix("pool of two channels", op, 2, 8,
	             (double[]){0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25});
	DO(dm_operator_create_average_pool(&op, 4, 2, 1, 2, NULL, err));
	check_matrix("pool of a picture", op, 2, 8,
	             (double[]){0.25, 0.25, 0, 0, 0.25, 0.25, 0, 0, 0, 0, 0.25, 0.25, 0, 0, 0.25, 0.25});
	DO(dm_operator_create_average_pool(&op, 3, 1, 1, 1, NULL, err));
	check_matrix("pool by 1", op, 3, 3, (double[]){1, 0, 0, 0, 1, 0, 0, 0, 1});
}

/* ---------------------------------------------------------------------------------------------- what methods ask for */

/* A 2 x 3 matrix of full rank, and one whose rows are dependent: its A A^T has no inverse. */
static const double full[] = {1, 2, 0, -1, 0.5, 3}, flat[] = {1, 2, 0, 2, 4, 0};

/* out = A^T (r2 A A^T + s2)^-1 v for two rows, by Cramer's rule. */
static void by_hand(const double *a, double r2, double s2, const double *v, double *out)
{
	double g[2][2] = {{0}}, u[2];
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++) {
			for (int k = 0; k < 3; k++)
				g[i][j] += r2 * a[i * 3 + k] * a[j * 3 + k];
			g[i][j] += i == j ? s2 : 0;
		}
	double determinant = g[0][0] * g[1][1] - g[0][1] * g[1][0];
	u[0] = (g[1][1] * v[0] - g[0][1] * v[1]) / determinant;
	u[1] = (g[0][0] * v[1] - g[1][0] * v[0]) / determinant;
	for (int k = 0; k < 3; k++)
		out[k] = a[k] * u[0] + a[3 + k] * u[1];
}

static void make(const double *a, int32_t what, double r, double s, const double *x, const double *y, double *out)
{
	dm_operator *op;
	double work[2 * (3 + 2)];
	const double parameter[4] = {r, s};
	DO(dm_operator_create_matrix(&op, a, 2, 3, NULL, err));
	assert_true(dmi_operator_work(op) <= sizeof work / sizeof *work);
	DO(dmi_operator_make(op, what, parameter, x, y, out, work, err));
	dm_operator_free(op);
}

static void test_what_methods_ask_for(void **state)
{
	(void)state;
	const double x[] = {0.3, -1, 0.7}, y[] = {0.9, -0.4};
	double out[3], want[3], ax[2] = {0}, rest[2], size;
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 3; k++)
			ax[i] += full[i * 3 + k] * x[k];
		rest[i] = y[i] - ax[i];
	}
	size = sqrt(rest[0] * rest[0] + rest[1] * rest[1]);
	make(full, DM_OPERATOR_RESIDUAL, 0, 0, x, y, out);
	by_hand(full, 0, 1, rest, want);
	check_same("residual", out, want, 3, 1e-14);
	make(full, DM_OPERATOR_GRAM, 0, 0, x, y, out);
	by_hand(full, 0, 1, ax, want);
	check_same("gram", out, want, 3, 1e-14);
	make(full, DM_OPERATOR_PSEUDO, 0, 0, x, y, out);
	by_hand(full, 1, 0, rest, want);
	check_same("pseudo-inverse", out, want, 3, 1e-11);
	make(full, DM_OPERATOR_PROJECT, 0, 0, x, y, out);
	by_hand(full, 1, 0, ax, want);
	check_same("projection", out, want, 3, 1e-11);
	make(full, DM_OPERATOR_POSTERIOR, 0.7, 0.2, x, y, out);
	by_hand(full, 0.49, 0.04, rest, want);
	check_same("posterior", out, want, 3, 1e-11);
	make(full, DM_OPERATOR_NORMAL, 0.7, 0.2, x, y, out);
	by_hand(full, 0.49, 0.04, ax, want);
	check_same("normal", out, want, 3, 1e-11);
	make(full, DM_OPERATOR_POSTERIOR, 0, 0.2, x, y, out);
	by_hand(full, 0, 0.04, rest, want);
	check_same("posterior of no spread", out, want, 3, 1e-12);
	make(full, DM_OPERATOR_DIRECTION, 0, 0, x, y, out);
	by_hand(full, 0, 1, (double[]){rest[0] / size, rest[1] / size}, want);
	check_same("direction", out, want, 3, 1e-14);
	make(full, DM_OPERATOR_ONES, 0, 0, x, y, out);
	by_hand(full, 0, 1, (double[]){1, 1}, want);
	check_same("ones", out, want, 3, 1e-14);
	/* full w is 4, -2.5: the second counts as 0 */
	make(full, DM_OPERATOR_DIVIDED, 0.7, 0.2, (double[]){0.3, -1, 0.7, 2, 1, -1.0 / 3}, y, out);
	by_hand(full, 0, 1, (double[]){rest[0] / (0.49 * 4 + 0.04), rest[1] / 0.04}, want);
	check_same("divided", out, want, 3, 1e-13);
	make(full, DM_OPERATOR_DIVIDED, 0.7, 0, (double[]){0.3, -1, 0.7, 2, 1, -1.0 / 3}, y, out);
	by_hand(full, 0, 1, (double[]){rest[0] / (0.49 * 4), 0}, want);
	check_same("divided by nothing", out, want, 3, 1e-13);
	make(full, DM_OPERATOR_DIRECTION, 0, 0, (double[]){0, 0, 0}, (double[]){0, 0}, out);
	check_same("direction of nothing", out, (double[]){0, 0, 0}, 3, 0);
}

/* Where A A^T is singular, the solution of least norm: for rows a and 2 a and y = (1, 2) it is a / |a|^2. */
static void test_singular(void **state)
{
	(void)state;
	double out[3];
	make(flat, DM_OPERATOR_PSEUDO, 0, 0, (double[]){0, 0, 0}, (double[]){1, 2}, out);
	check_same("dependent rows", out, (double[]){0.2, 0.4, 0}, 3, 1e-12);
	make(flat, DM_OPERATOR_PSEUDO, 0, 0, (double[]){0, 0, 0}, (double[]){2, -1}, out);
	check_same("outside of the range", out, (double[]){0, 0, 0}, 3, 1e-12);
	make(flat, DM_OPERATOR_PSEUDO, 0, 0, (double[]){0, 0, 0}, (double[]){3, 1}, out);
	check_same("partly outside", out, (double[]){0.2, 0.4, 0}, 3, 1e-9);
}

/* -------------------------------------------------------------------------------------------------- refusals and faults */

static void test_arguments(void **state)
{
	(void)state;
	dm_operator *op = (dm_operator *)1;
	const double kernel[] = {1, 2, 1}, bad[] = {1, NAN, 1};
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_identity(NULL, 3, NULL, err), "out");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_identity(&op, 0, NULL, err), "n_in = 0", "at least 1");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_mask(&op, NULL, 3, NULL, err), "mask is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_mask(&op, (double[]){1, 0.5}, 2, NULL, err), "mask[1] = 0.5", "0 or 1");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_mask(&op, (double[]){0, 0}, 2, NULL, err), "n = 2", "at least one");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_matrix(&op, NULL, 1, 3, NULL, err), "a is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_matrix(&op, bad, 1, 3, NULL, err), "a[0][1]", "finite");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_matrix(&op, kernel, 0, 3, NULL, err), "n_out = 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_matrix(&op, kernel, SIZE_MAX / 2, 3, NULL, err), "memory");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 1, 1, NULL, 3, 1, 0, NULL, err), "kernel is NULL");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 1, 1, bad, 3, 1, 0, NULL, err), "kernel[0][1]");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 1, 1, (double[]){0, -0.0}, 2, 1, 0, NULL, err),
	       "kernel are 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_matrix(&op, (double[]){0, 0, 0}, 1, 3, NULL, err), "a are 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 2, 1, 1, kernel, 3, 1, 0, NULL, err),
	       "kernel_width = 3", "width = 2");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 2, 1, kernel, 1, 3, 0, NULL, err),
	       "kernel_height = 3", "height = 2");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 1, 1, kernel, 0, 1, 0, NULL, err),
	       "kernel_width = 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 1, 1, kernel, 3, 1, 3, NULL, err), "boundary = 3",
	       "0 to 2");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, 3, 0, 1, kernel, 3, 1, 0, NULL, err), "height = 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_convolution(&op, SIZE_MAX, 3, 1, kernel, 3, 1, 0, NULL, err),
	       "width = ");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_average_pool(&op, 4, 4, 1, 0, NULL, err), "factor = 0");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_average_pool(&op, 4, 3, 1, 2, NULL, err), "factor = 2", "height = 3");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_average_pool(&op, 5, 1, 1, 2, NULL, err), "factor = 2", "width = 5");
	REFUSE(DM_ERR_ARGUMENT, dm_operator_create_average_pool(&op, 4, 4, 0, 2, NULL, err), "channels = 0");
	assert_null(op);
	assert_int_equal(dm_operator_n_in(NULL), 0);
	assert_int_equal(dm_operator_n_out(NULL), 0);
	REFUSE(DM_ERR_ARGUMENT, dm_operator_check(NULL, NULL, err), "op is NULL");
}

/* A map of the caller's with a fault. */
struct faulty {
	double extra, shift; /* in one element of the adjoint; added by apply */
	int32_t code;        /* what apply returns */
};

static dm_status faulty_apply(void *user, const double *in, double *out)
{
	const struct faulty *f = user;
	for (int i = 0; i < 5; i++)
		out[i] = 2 * in[i] + f->shift;
	return f->code;
}

static dm_status faulty_adjoint(void *user, const double *in, double *out)
{
	const struct faulty *f = user;
	for (int i = 0; i < 5; i++)
		out[i] = 2 * in[i] + (i == 3 ? f->extra * in[2] : 0);
	return 0;
}

static double mismatch_of(struct faulty f, dm_status wanted)
{
	const dm_operator_ops ops = {sizeof ops, faulty_apply, faulty_adjoint, NULL};
	double mismatch = -1;
	dm_operator *op;
	dm_error error = {0};
	DO(dm_operator_create_custom(&op, 5, 5, &ops, &f, NULL, err));
	assert_int_equal(dm_operator_check(op, &mismatch, &error), wanted);
	assert_int_equal(dm_operator_check(op, NULL, NULL), wanted);
	if (wanted == DM_ERR_ARGUMENT) {
		assert_true(strstr(error.message, "<A x, y>") && strstr(error.message, "adjoint"));
		assert_true(error.value == mismatch || mismatch != mismatch);
	}
	dm_operator_free(op);
	return mismatch;
}

static void test_check_finds_faults(void **state)
{
	(void)state;
	assert_true(mismatch_of((struct faulty){0}, DM_OK) < 1e-15);
	double small = mismatch_of((struct faulty){.extra = 1e-4}, DM_ERR_ARGUMENT);
	assert_true(small > 1e-6 && small < 1e-4);
	assert_true(mismatch_of((struct faulty){.extra = 1e-8}, DM_OK) > 1e-10);
	assert_true(mismatch_of((struct faulty){.extra = 1}, DM_ERR_ARGUMENT) > 0.01);
	assert_true(mismatch_of((struct faulty){.shift = 0.1}, DM_ERR_ARGUMENT) > 1e-3);
	double undefined = mismatch_of((struct faulty){.shift = NAN}, DM_ERR_ARGUMENT);
	assert_true(undefined != undefined);
	mismatch_of((struct faulty){.code = 7}, DM_ERR_CALLBACK);
}

/* Nothing is seen, or nothing comes back. */
static dm_status nothing(void *user, const double *in, double *out)
{
	(void)user, (void)in;
	out[0] = out[1] = 0;
	return 0;
}

static dm_status copy_pair(void *user, const double *in, double *out)
{
	(void)user;
	memcpy(out, in, 2 * sizeof *out);
	return 0;
}

static void test_check_finds_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		const dm_operator_ops ops = {sizeof ops, i == 1 ? copy_pair : nothing, i == 2 ? copy_pair : nothing, NULL};
		double mismatch = -1;
		dm_operator *op;
		DO(dm_operator_create_custom(&op, 2, 2, &ops, NULL, NULL, err));
		REFUSE(DM_ERR_ARGUMENT, dm_operator_check(op, &mismatch, err), i ? "differ by" : "measures nothing");
		assert_true(mismatch == (i ? 1 : 0));
		dm_operator_free(op);
	}
}

/* Results that are not finite, or were not written, are errors that tell which. */
static dm_status break_one(void *user, const double *in, double *out)
{
	const double *value = user;
	out[0] = in[0];
	if (value)
		out[1] = *value;
	return 0;
}

static void test_bad_results(void **state)
{
	(void)state;
	static const double nan = NAN, inf = INFINITY;
	static const int32_t all[] = {DM_OPERATOR_RESIDUAL,  DM_OPERATOR_GRAM,   DM_OPERATOR_PSEUDO, DM_OPERATOR_POSTERIOR,
	                              DM_OPERATOR_DIRECTION, DM_OPERATOR_NORMAL, DM_OPERATOR_PROJECT};
	const double *const values[] = {&nan, &inf, NULL}, parameter[4] = {1, 0.5}, x[2] = {1, 2}, y[2] = {0.5, -1};
	double out[2], work[8];
	for (int i = 0; i < 6; i++)
		for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
			const double *value = values[i / 2];
			const dm_operator_ops ops = {sizeof ops, i % 2 ? copy_pair : break_one, i % 2 ? break_one : copy_pair,
			                             NULL};
			union {
				const double *in;
				void *user;
			} given = {value};
			dm_operator *op;
			DO(dm_operator_create_custom(&op, 2, 2, &ops, given.user, NULL, err));
			REFUSE(value ? DM_ERR_NOT_FINITE : DM_ERR_NOT_WRITTEN,
			       dmi_operator_make(op, all[k], parameter, x, y, out, work, err),
			       i % 2 ? "operator adjoint" : "operator apply", "element 1", value ? "result" : "did not write");
			dm_operator_free(op);
		}
}

/* Squares that overflow are no convergence. */
static void test_too_large(void **state)
{
	(void)state;
	static const int32_t all[] = {DM_OPERATOR_PSEUDO, DM_OPERATOR_POSTERIOR, DM_OPERATOR_DIRECTION};
	const double parameter[4] = {1, 0.5}, x[2] = {1, 2}, y[2] = {1e200, 1};
	double out[2], work[8];
	dm_operator *op;
	DO(dm_operator_create_identity(&op, 2, NULL, err));
	for (size_t k = 0; k < sizeof all / sizeof *all; k++)
		REFUSE(DM_ERR_NOT_FINITE, dmi_operator_make(op, all[k], parameter, x, y, out, work, err), "squares",
		       "overflow");
	REFUSE(DM_ERR_NOT_FINITE, dmi_operator_make(op, DM_OPERATOR_GRAM, parameter, (double[]){1, NAN}, y, out, work, err),
	       "element 1", "applied to");
	dm_operator_free(op);
	/* the gradient is 1e150, its image 1e155 */
	DO(dm_operator_create_matrix(&op, (double[]){1e5, 0, 0, 1}, 2, 2, NULL, err));
	REFUSE(DM_ERR_NOT_FINITE,
	       dmi_operator_make(op, DM_OPERATOR_PSEUDO, parameter, (double[]){0, 0}, (double[]){1e145, 0}, out, work, err),
	       "squares", "overflow");
	dm_operator_free(op);
}

/* The n-th allocation fails. */
struct scarce {
	int left, out;
};

static void *scarce_allocate(void *user, size_t bytes)
{
	struct scarce *s = user;
	if (s->left-- <= 0)
		return NULL;
	s->out++;
	return malloc(bytes);
}

static void scarce_release(void *user, void *memory, size_t bytes)
{
	(void)bytes;
	((struct scarce *)user)->out--;
	free(memory);
}

static void test_memory(void **state)
{
	(void)state;
	struct scarce scarce = {0, 0};
	const dm_allocator allocator = {sizeof allocator, &scarce, scarce_allocate, scarce_release};
	const double one[] = {1, 1, 1, 1};
	dm_operator *op = (dm_operator *)1;
	REFUSE(DM_ERR_MEMORY, dm_operator_create_identity(&op, 4, &allocator, err), "bytes");
	REFUSE(DM_ERR_MEMORY, dm_operator_create_mask(&op, one, 4, &allocator, err), "bytes");
	REFUSE(DM_ERR_MEMORY, dm_operator_create_matrix(&op, one, 2, 2, &allocator, err), "bytes");
	REFUSE(DM_ERR_MEMORY, dm_operator_create_convolution(&op, 4, 1, 1, one, 2, 1, 0, &allocator, err), "bytes");
	REFUSE(DM_ERR_MEMORY, dm_operator_create_average_pool(&op, 4, 1, 1, 2, &allocator, err), "bytes");
	assert_null(op);
	scarce.left = 1;
	DO(dm_operator_create_matrix(&op, one, 2, 2, &allocator, err));
	REFUSE(DM_ERR_MEMORY, dm_operator_check(op, NULL, err), "bytes");
	scarce.left = 1;
	DO(dm_operator_check(op, NULL, err));
	assert_int_equal(scarce.out, 1);
	dm_operator_free(op);
	assert_int_equal(scarce.out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_identity_mask_matrix),
	    cmocka_unit_test(test_convolution_of_a_line),
	    cmocka_unit_test(test_convolution_of_pictures),
	    cmocka_unit_test(test_average_pool),
	    cmocka_unit_test(test_what_methods_ask_for),
	    cmocka_unit_test(test_singular),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_check_finds_faults),
	    cmocka_unit_test(test_check_finds_nothing),
	    cmocka_unit_test(test_bad_results),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
