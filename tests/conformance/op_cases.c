#include "op_cases.h"
#include "levels.h"
#include "op_parts.h"
#include "single.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double *op_tensor(const struct op *op, const char *name)
{
	const struct case_array *array = case_array(op->c, name);
	if (array && array->n == op->n)
		return array->value;
	say(op->check->verdict, VERDICT_FAIL, "no array %s of the size of the shape", name);
	return NULL;
}

int op_check(const struct op *op, const char *name, const double *value)
{
	return op_tensor(op, name) ? compare(op->check, case_array(op->c, name), value, op->n, name) : VERDICT_FAIL;
}

/* ----------------------------------------------------------------------------------------------------- guidance */

/* Any state and level do: the model predicts x0, and the result of the step is the guided x0. */
static int guided(const struct op *op, const char *guidance, const double *given, const double *none)
{
	struct single one = {.schedule = "linear", .model = "x0", .guidance = guidance, .x = given, .type = op->type};
	one.from = (dm_node){.t = NAN, .time = NAN, .alpha = 0.6, .sigma = 0.8};
	one.output[0] = given;
	one.output[1] = none;
	one.n_sample = op->n_sample;
	one.n_element = op->n_element;
	one.result = op->result;
	return single_run(&one, op->check->verdict) ? VERDICT_FAIL : op_check(op, "result", op->result);
}

static int cfg(const struct op *op)
{
	char spec[SPEC_SIZE];
	const double *given = op_tensor(op, "cond"), *none = given ? op_tensor(op, "uncond") : NULL;
	const char *scale = case_text(op->c, "scale"), *phi = case_text(op->c, "rescale");
	if (!none || !scale || !phi)
		return op->check->verdict->kind ? VERDICT_FAIL : say(op->check->verdict, VERDICT_FAIL, "no scale or rescale");
	snprintf(spec, sizeof spec, "cfg:scale=%s|rescale:phi=%s", scale, phi);
	return guided(op, spec, given, none);
}

/* The guidances that are an op of their own name over two branches. */
static int two_branches(const struct op *op)
{
	char spec[SPEC_SIZE];
	const double *given = op_tensor(op, "cond"), *none = given ? op_tensor(op, "uncond") : NULL;
	const char *scale = case_text(op->c, "scale");
	if (!none || !scale)
		return none ? say(op->check->verdict, VERDICT_FAIL, "no scale") : VERDICT_FAIL;
	snprintf(spec, sizeof spec, "%s:scale=%s%s", case_text(op->c, "op"), scale,
	         case_is(op->c, "op", "cfg_zero_star") && case_is(op->c, "base", "cond") ? ",base=given" : "");
	return guided(op, spec, given, none);
}

/* Two evaluations, of which the second sees what the first kept. */
static int apg(const struct op *op)
{
	char spec[SPEC_SIZE];
	const double *given[2] = {op_tensor(op, "cond1"), op_tensor(op, "cond2")};
	const double *none[2] = {op_tensor(op, "uncond1"), op_tensor(op, "uncond2")};
	if (!given[0] || !given[1] || !none[0] || !none[1])
		return VERDICT_FAIL;
	snprintf(spec, sizeof spec, "apg:scale=%.17g,eta=%.17g,norm_threshold=%.17g,momentum=%.17g,form=%s",
	         case_number(op->c, "scale", NAN), case_number(op->c, "eta", NAN),
	         case_number(op->c, "norm_threshold", NAN), case_number(op->c, "momentum", NAN),
	         case_is(op->c, "base", "cond") ? "given" : "none");
	struct single two = {.schedule = "linear", .model = "x0", .guidance = spec, .x = given[0], .type = op->type};
	two.from = (dm_node){.t = NAN, .time = NAN, .alpha = 0.6, .sigma = 0.8};
	two.output[0] = given[0];
	two.output[1] = none[0];
	two.later[0] = given[1];
	two.later[1] = none[1];
	two.n_sample = op->n_sample;
	two.n_element = op->n_element;
	two.result = op->result;
	two.later_result = op->other;
	if (single_run(&two, op->check->verdict) || op_check(op, "result1", op->result))
		return VERDICT_FAIL;
	return op_check(op, "result2", op->other);
}

static int threshold_dynamic(const struct op *op)
{
	char spec[SPEC_SIZE];
	const double *x0 = op_tensor(op, "x0");
	const char *ratio = case_text(op->c, "ratio"), *max = case_text(op->c, "max");
	if (!x0 || !ratio || !max)
		return x0 ? say(op->check->verdict, VERDICT_FAIL, "no ratio or max") : VERDICT_FAIL;
	snprintf(spec, sizeof spec, "threshold:ratio=%s,max=%s", ratio, max);
	return guided(op, spec, x0, x0);
}

/* --------------------------------------------------------------------------------------------------- predictions */

/* One prediction from another by the library's coefficients, compared with the array `name`. */
static int converted(const struct op *op, const char *from, const char *to, const double *out, const char *name)
{
	double coefficient[2], sign_from = 1, sign_to = 1;
	double alpha = case_number(op->c, "alpha", NAN), sigma = case_number(op->c, "sigma", NAN);
	const char *kind_from = translate_prediction(from, &sign_from), *kind_to = translate_prediction(to, &sign_to);
	const double *x = op_tensor(op, "x");
	dm_error err;
	if (!x || !out)
		return VERDICT_FAIL;
	if (!kind_from || !kind_to)
		return say(op->check->verdict, VERDICT_SKIP, "prediction %s", kind_from ? to : from);
	if (dm_convert(kind_from, kind_to, alpha, sigma, case_number(op->c, "sigma_data", 0.5), coefficient, &err) != DM_OK)
		return say(op->check->verdict, VERDICT_FAIL, "%s", err.message);
	for (size_t i = 0; i < op->n; i++)
		op->result[i] = sign_to * (coefficient[0] * x[i] + coefficient[1] * sign_from * out[i]);
	return op_check(op, name, op->result);
}

static int convert(const struct op *op)
{
	const char *from = case_text(op->c, "from"), *to = case_text(op->c, "to");
	if (!from || !to)
		return say(op->check->verdict, VERDICT_FAIL, "no from or to");
	return converted(op, from, to, op_tensor(op, "model"), "result");
}

static int convert_all(const struct op *op)
{
	static const char *const kinds[] = {"epsilon", "sample", "v", "score"};
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4; k++)
			if (converted(op, kinds[i], kinds[k], op_tensor(op, kinds[i]), kinds[k]))
				return op->check->verdict->kind;
	return VERDICT_PASS;
}

static int precondition(const struct op *op)
{
	char spec[SPEC_SIZE];
	double sign, sigma = case_number(op->c, "sigma", NAN), time = NAN;
	const char *kind = case_text(op->c, "prediction"), *name = kind ? translate_prediction(kind, &sign) : NULL;
	struct case_array *c_noise = case_array(op->c, "c_noise");
	const double *x = op_tensor(op, "x"), *model = op_tensor(op, "model");
	if (!x || !model || !c_noise)
		return say(op->check->verdict, VERDICT_FAIL, "no x, model or c_noise");
	if (!name)
		return say(op->check->verdict, VERDICT_SKIP, "prediction %s", kind ? kind : "(none given)");
	snprintf(spec, sizeof spec, "%s:input=scaled,time=quarter_log_sigma,sigma_data=%.17g", name,
	         case_number(op->c, "sigma_data", 0.5));
	struct single one = {.schedule = "edm", .model = spec, .guidance = "none", .x = x, .type = op->type};
	for (size_t i = 0; i < op->n; i++)
		op->result[i] = sign * model[i];
	one.from = (dm_node){.t = NAN, .time = NAN, .alpha = 1, .sigma = sigma};
	one.output[0] = one.output[1] = op->result;
	one.n_sample = op->n_sample;
	one.n_element = op->n_element;
	one.result = op->result;
	one.seen = op->other;
	one.time = &time;
	if (single_run(&one, op->check->verdict) || op_check(op, "result", op->result) ||
	    op_check(op, "model_input", op->other))
		return VERDICT_FAIL;
	return compare(op->check, c_noise, &time, 1, "c_noise");
}

/* -------------------------------------------------------------------------------------------- the forward process */

int op_node(const struct op *op, const char *schedule, size_t i, dm_node *node)
{
	dm_schedule *s;
	dm_error err;
	if (case_text(op->c, "level")) {
		*node = node_at_level(op->c, case_nth(op->c, "level", i));
		return VERDICT_PASS;
	}
	if (dm_schedule_create(&s, schedule, NULL, &err) != DM_OK)
		return say(op->check->verdict, VERDICT_FAIL, "%s", err.message);
	dm_status st = dm_schedule_at_time(s, case_nth(op->c, "index", i), node, &err);
	dm_schedule_free(s);
	return st == DM_OK ? VERDICT_PASS : say(op->check->verdict, VERDICT_FAIL, "%s", err.message);
}

/* alpha x0 + sigma noise of every entry: the first state of a run that starts from a clean sample. */
static int noised(const struct op *op, dm_node *nodes)
{
	char spec[SPEC_SIZE] = "ve";
	const double *x0 = op_tensor(op, "x0"), *noise = op_tensor(op, "noise");
	if (!x0 || !noise)
		return VERDICT_FAIL;
	if (case_is(op->c, "space", "flow"))
		snprintf(spec, sizeof spec, "flow");
	else if (case_text(op->c, "schedule") && translate_schedule(op->c, spec, op->check->verdict))
		return op->check->verdict->kind;
	for (size_t i = 0; i < op->n_sample; i++) {
		size_t at = i * op->n_element;
		struct single one = {.schedule = spec, .model = "x0", .guidance = "none", .type = op->type, .n_sample = 1};
		if (op_node(op, spec, i, &nodes[i]))
			return VERDICT_FAIL;
		one.from = nodes[i];
		one.x = x0 + at;
		one.noise = noise + at;
		one.output[0] = one.output[1] = x0 + at;
		one.n_element = op->n_element;
		one.seen = op->result + at;
		if (single_run(&one, op->check->verdict))
			return VERDICT_FAIL;
	}
	return VERDICT_PASS;
}

/* The velocity at the noised samples: from x0 where the noise is most of them, else from epsilon, so that nothing is
 * divided by a small number. */
static int velocity(const struct op *op, const dm_node *nodes)
{
	const double *x0 = op_tensor(op, "x0"), *noise = op_tensor(op, "noise");
	double coefficient[2];
	dm_error err;
	for (size_t i = 0; i < op->n; i++) {
		const dm_node *node = &nodes[i / op->n_element];
		int noisy = node->sigma > node->alpha;
		if (dm_convert(noisy ? "x0" : "epsilon", "v", node->alpha, node->sigma, 0.5, coefficient, &err) != DM_OK)
			return say(op->check->verdict, VERDICT_FAIL, "%s", err.message);
		op->result[i] = coefficient[0] * op->result[i] + coefficient[1] * (noisy ? x0 : noise)[i];
	}
	return VERDICT_PASS;
}

static int add_noise(const struct op *op)
{
	dm_node *nodes = calloc(op->n_sample, sizeof *nodes);
	int kind = nodes ? noised(op, nodes) : say(op->check->verdict, VERDICT_FAIL, "out of memory");
	if (!kind && case_is(op->c, "op", "velocity"))
		kind = velocity(op, nodes);
	free(nodes);
	return kind ? kind : op_check(op, "result", op->result);
}

int op_case(const struct test_case *c, int32_t type, struct check *check)
{
	static const struct {
		const char *name;
		int (*run)(const struct op *op);
	} ops[] = {
	    {"cfg", cfg},
	    {"cfg_zero_star", two_branches},
	    {"tcfg", two_branches},
	    {"apg", apg},
	    {"threshold_dynamic", threshold_dynamic},
	    {"convert", convert},
	    {"convert_all", convert_all},
	    {"precondition", precondition},
	    {"add_noise", add_noise},
	    {"add_noise_level", add_noise},
	    {"velocity", add_noise},
	    {"rng_torch_cpu", op_rng_torch_cpu},
	    {"rng_philox", op_rng_philox},
	    {"slerp", op_slerp},
	    {"weight_edm", op_weight},
	    {"weight_flow", op_weight},
	    {"weight_min_snr", op_weight},
	    {"weight_p2", op_weight},
	    {"weight_soft_min_snr", op_weight},
	    {"ancestral_split", op_ancestral_split},
	};
	struct op op = {.c = c, .type = type, .check = check};
	size_t i = 0, n = sizeof ops / sizeof *ops;
	while (i < n && !case_is(c, "op", ops[i].name))
		i++;
	if (i == n)
		return say(check->verdict, VERDICT_SKIP, "op %s", case_text(c, "op") ? case_text(c, "op") : "(none)");
	op.n_sample = case_batch(c);
	op.n_element = case_elements(c);
	op.n = op.n_sample * op.n_element;
	op.result = calloc(op.n, sizeof *op.result);
	op.other = calloc(op.n, sizeof *op.other);
	int kind = op.result && op.other ? ops[i].run(&op) : say(check->verdict, VERDICT_FAIL, "out of memory");
	free(op.other);
	free(op.result);
	return kind;
}
