#include "demist.h"
#include "op_parts.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANDOM = 1000, MAX_CALL = 8 };

static int failed(const struct op *op, const dm_error *err)
{
	return say(op->check->verdict, VERDICT_FAIL, "%s", err->message);
}

/* -------------------------------------------------------------------------------------------------- random streams */

/* The first and the last half of n numbers where the case gives only those. */
static int check_random(const struct op *op, struct case_array *array, double *value, size_t n)
{
	size_t half = array->n / 2;
	if (n > array->n) {
		memmove(value + half, value + n - half, half * sizeof *value);
		n = array->n;
	}
	return compare(op->check, array, value, n, array->name);
}

/* The arrays "sequence.<letter><n>" in their order: successive calls on one generator. */
static int check_sequence(const struct op *op)
{
	struct case_array *array[MAX_CALL];
	double value[MAX_CALL * MAX_RANDOM];
	size_t size[MAX_CALL], n = 0, at = 0;
	dm_error err;
	for (size_t i = 0; i < op->c->n_array && n < MAX_CALL; i++)
		if (!strncmp(op->c->array[i].name, "sequence.", 9) && op->c->array[i].n <= MAX_RANDOM) {
			array[n] = &op->c->array[i];
			size[n] = array[n]->n;
			n++;
		}
	if (dm_torch_cpu_normals(case_integer(op->c, "seed"), size, n, DM_F64, value, &err) != DM_OK)
		return failed(op, &err);
	for (size_t i = 0; i < n; at += size[i++])
		if (check_random(op, array[i], value + at, size[i]))
			return VERDICT_FAIL;
	return VERDICT_PASS;
}

int op_rng_torch_cpu(const struct op *op)
{
	double value[MAX_RANDOM];
	unsigned long long seed = case_integer(op->c, "seed");
	dm_error err;
	for (size_t i = 0; i < op->c->n_array; i++) {
		struct case_array *array = &op->c->array[i];
		unsigned n = 0;
		dm_status st = DM_OK;
		if (sscanf(array->name, "randn.%u", &n) == 1 && n <= MAX_RANDOM)
			st = dm_torch_cpu_normals(seed, &(size_t){n}, 1, DM_F64, value, &err);
		else if (sscanf(array->name, "uniform.%u", &n) == 1 && n <= MAX_RANDOM)
			st = dm_torch_cpu_uniforms(seed, n, DM_F64, value, &err);
		else
			continue;
		if (st != DM_OK)
			return failed(op, &err);
		if (check_random(op, array, value, n))
			return VERDICT_FAIL;
	}
	return check_sequence(op);
}

int op_rng_philox(const struct op *op)
{
	double value[MAX_RANDOM];
	unsigned long long seed = case_integer(op->c, "seed");
	dm_error err;
	for (size_t i = 0; i < op->c->n_array; i++) {
		struct case_array *array = &op->c->array[i];
		unsigned n = 0;
		int second = sscanf(array->name, "second_call.%u", &n) == 1;
		if ((!second && sscanf(array->name, "randn.%u", &n) != 1) || n > MAX_RANDOM)
			return say(op->check->verdict, VERDICT_SKIP, "array %s", array->name);
		if (dm_torch_cuda_normals(seed, second ? 1 : 0, n, DM_F64, value, &err) != DM_OK)
			return failed(op, &err);
		if (check_random(op, array, value, n))
			return VERDICT_FAIL;
	}
	return VERDICT_PASS;
}

/* --------------------------------------------------------------------------------------------------------- training */

int op_slerp(const struct op *op)
{
	const double *a = op_tensor(op, "a"), *b = op_tensor(op, "b");
	double t = case_number(op->c, "t", NAN), threshold = case_number(op->c, "dot_threshold", NAN);
	dm_error err;
	if (!a || !b)
		return VERDICT_FAIL;
	float *narrow = op->type == DM_F32 ? malloc(2 * op->n * sizeof *narrow) : NULL;
	for (size_t i = 0; narrow && i < op->n; i++) {
		narrow[i] = (float)a[i];
		narrow[op->n + i] = (float)b[i];
	}
	dm_status st = narrow ? dm_slerp(narrow, narrow + op->n, op->n, t, threshold, DM_F32, narrow, &err)
	                      : dm_slerp(a, b, op->n, t, threshold, DM_F64, op->result, &err);
	for (size_t i = 0; narrow && i < op->n; i++)
		op->result[i] = (double)narrow[i];
	free(narrow);
	return st == DM_OK ? op_check(op, "result", op->result) : failed(op, &err);
}

/* The weights that a case asks for by the name of an array. */
struct weight {
	const char *op, *scheme, *array, *spec, *option[2]; /* option: settings of the case with the name of an option */
};

static const struct weight weights[] = {
    {"weight_edm", NULL, "weight", "edm:", {"sigma_data"}},
    {"weight_flow", "sigma_sqrt", "weight", "sigma_sqrt:", {NULL}},
    {"weight_flow", "cosmap", "weight", "cosmap:", {NULL}},
    {"weight_min_snr", NULL, "snr", "snr:", {NULL}},
    {"weight_min_snr", NULL, "weight_epsilon", "min_snr:loss=epsilon,", {"gamma"}},
    {"weight_min_snr", NULL, "weight_v", "min_snr:loss=v,", {"gamma"}},
    {"weight_min_snr", NULL, "weight_sample", "min_snr:", {"gamma"}},
    {"weight_p2", NULL, "weight", "p2:", {"gamma", "k"}},
    {"weight_soft_min_snr", NULL, "soft_min_snr", "soft_min_snr:", {"sigma_data"}},
    {"weight_soft_min_snr", NULL, "snr", "snr:loss=edm,", {"sigma_data"}},
};

/* The level of entry i: an index of the schedule, s of rectified flow, or sigma. */
static int level(const struct op *op, size_t i, double *alpha, double *sigma)
{
	char schedule[SPEC_SIZE];
	dm_node node;
	const double *listed = case_text(op->c, "schedule") ? NULL : op_tensor(op, "sigma");
	if (listed) {
		*sigma = listed[i];
		*alpha = case_is(op->c, "op", "weight_flow") ? 1 - listed[i] : 1;
		return VERDICT_PASS;
	}
	if (op->check->verdict->kind || translate_schedule(op->c, schedule, op->check->verdict) ||
	    op_node(op, schedule, i, &node))
		return op->check->verdict->kind;
	*alpha = node.alpha;
	*sigma = node.sigma;
	return VERDICT_PASS;
}

static int check_weight(const struct op *op, const struct weight *w, const double *alpha, const double *sigma)
{
	char spec[SPEC_SIZE];
	dm_error err;
	size_t length = (size_t)snprintf(spec, sizeof spec, "%s", w->spec);
	for (size_t k = 0; k < 2 && w->option[k]; k++)
		if (case_text(op->c, w->option[k]))
			length += (size_t)snprintf(spec + length, sizeof spec - length, "%s=%s,", w->option[k],
			                           case_text(op->c, w->option[k]));
	spec[length - 1] = 0; /* the last comma or colon */
	if (dm_loss_weight(spec, op->n, alpha, sigma, op->result, &err) != DM_OK)
		return failed(op, &err);
	return op_check(op, w->array, op->result);
}

int op_weight(const struct op *op)
{
	int known = 0, kind = VERDICT_PASS;
	double *alpha = calloc(2 * op->n, sizeof *alpha);
	for (size_t i = 0; alpha && !kind && i < op->n; i++)
		kind = level(op, i, alpha + i, alpha + op->n + i);
	for (size_t k = 0; alpha && !kind && k < sizeof weights / sizeof *weights; k++) {
		const struct weight *w = &weights[k];
		if (!case_is(op->c, "op", w->op) || (w->scheme && !case_is(op->c, "scheme", w->scheme)))
			continue;
		known++;
		kind = check_weight(op, w, alpha, alpha + op->n);
	}
	free(alpha);
	return kind || known ? kind : say(op->check->verdict, VERDICT_SKIP, "%s", case_text(op->c, "op"));
}

/* ------------------------------------------------------------------------------------------------------ ancestral */

static dm_status predict_zero(void *user, const dm_request *rq)
{
	(void)user;
	*(double *)rq->out[0] = 0;
	return DM_OK;
}

/* A step of euler_ancestral of one number, where the prediction of x0 is 0: down / from * x + up * z. */
static int ancestral(const struct op *op, double eta, double from, double to, double x, double *result)
{
	char spec[SPEC_SIZE];
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict_zero};
	dm_run *run;
	dm_error err;
	snprintf(
	    spec, sizeof spec,
	    "sampler=euler_ancestral:eta=%.17g schedule=ve grid=levels:at=%.17g/%.17g,final=included model=x0 dtype=f64",
	    eta, from, to);
	dm_status st = dm_run_create_spec(&run, spec, &ops, NULL, 1, 1, NULL, &err);
	if (st == DM_OK)
		st = dm_run_start_state(run, &x, DM_F64, 0, &err);
	if (st == DM_OK)
		st = dm_run_all(run, &err);
	if (st == DM_OK || st == DM_DONE)
		st = dm_run_state(run, result, DM_F64, &err);
	dm_run_free(run);
	return st == DM_OK ? VERDICT_PASS : failed(op, &err);
}

/* The method's own split, seen in its result. */
int op_ancestral_split(const struct op *op)
{
	const double *from = op_tensor(op, "from"), *to = op_tensor(op, "to"), *eta = op_tensor(op, "eta");
	double z, noise, sum;
	uint32_t draw;
	if (!from || !to || !eta)
		return VERDICT_FAIL;
	if (dm_draw(DM_DRAW_STEP, 0, 0, &draw, NULL) != DM_OK || dm_normals(0, 0, draw, 0, 1, DM_F64, &z, NULL) != DM_OK)
		return say(op->check->verdict, VERDICT_FAIL, "no normal");
	for (size_t i = 0; i < op->n; i++) {
		if (ancestral(op, eta[i], from[i], to[i], 0, &noise) || ancestral(op, eta[i], from[i], to[i], from[i], &sum))
			return VERDICT_FAIL;
		op->result[i] = sum - noise;
		op->other[i] = noise / z;
	}
	return op_check(op, "down", op->result) ? VERDICT_FAIL : op_check(op, "up", op->other);
}
