/* digits_table.c: every sampler on the digits network at 10 and 20 evaluations, as the tables of docs/digits.md.
 *
 *     digits_table [--count N] [--grid SPEC] [SAMPLER]...
 *
 * N noises (64), labels 0 to 9 in turn, no guidance; all samplers of the registry unless some are named. A method that
 * draws no noise is compared with the converged trajectory from the same noise, one that does with the law of its ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "classifier.h"
#include "denoiser.h"
#include "setup.h"

enum { N_TARGET = 2, MAX_SPEC = 256 };

static const int targets[N_TARGET] = {10, 20};

/* The trajectory that all deterministic methods converge to: at 400 steps it stands to 0.0002, the worst of 16. */
static const char REFERENCE[] = "dpmpp_2m";
enum { REFERENCE_STEPS = 400 };

/* The relative tolerances of adaptive methods: from 1 on, or the largest that is allowed, and so often 1/sqrt(2) times that. A
 * method is left out where none comes as near as this to the number of evaluations wanted. */
enum { N_TOLERANCE = 40 };
static const double FIRST_TOLERANCE = 1, NEAR = 0.2;

struct outcome {
	int found;
	int64_t steps; /* 0: adaptive */
	double tolerance, evals, median, worst, recognised, law;
};

struct row {
	char spec[MAX_SPEC];
	int by_law; /* it draws noise, or follows another trajectory than that of the guided prediction */
	struct outcome at[N_TARGET];
	char why[N_TARGET][MAX_SPEC]; /* why nothing was found */
};

struct table {
	struct digits_args args;
	struct digits_labels labels;
	struct digits_progress progress;
	struct digits_denoiser denoiser;
	struct digits_classifier judge;
	struct digits_classifier_scratch scratch;
	atomic_int stop;
	size_t count, n_eval; /* predictions of one sample, summed over samples */
	float *reference, *samples;
	double *distance;
};

/* ------------------------------------------------------------------------------------------------------- measures */

static double rms(const float *a, const float *b)
{
	double sum = 0;
	for (size_t k = 0; k < DIGITS_PIXELS; k++)
		sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
	return sqrt(sum / DIGITS_PIXELS);
}

/* The mean distance between sample i of a and sample j of b, i and j different. */
static double spread(const float *a, const float *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			sum += i == j ? 0 : rms(a + i * DIGITS_PIXELS, b + j * DIGITS_PIXELS);
	return sum / ((double)n * (double)(n - 1));
}

/* The energy distance of two laws with equal labels, 2 E|X - Y| - E|X - X'| - E|Y - Y'|, without bias: 0 for equal laws, up to
 * the error of so few samples. */
static double law_distance(const struct table *t)
{
	return 2 * spread(t->samples, t->reference, t->count) - spread(t->samples, t->samples, t->count) -
	       spread(t->reference, t->reference, t->count);
}

static int shows(struct table *t, const float *sample, int label)
{
	float clipped[DIGITS_PIXELS], logits[DIGITS_LOGITS];
	int best = 0;
	for (size_t k = 0; k < DIGITS_PIXELS; k++)
		clipped[k] = fminf(fmaxf(sample[k], -1), 1);
	digits_classifier_logits(&t->judge, clipped, 0, logits, &t->scratch);
	for (int k = 1; k < DIGITS_LOGITS; k++)
		best = logits[k] > logits[best] ? k : best;
	return best == label;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void measure(struct table *t, struct outcome *out)
{
	size_t right = 0, n = t->count;
	for (size_t i = 0; i < n; i++) {
		const float *sample = t->samples + i * DIGITS_PIXELS;
		t->distance[i] = rms(sample, t->reference + i * DIGITS_PIXELS);
		right += (size_t)shows(t, sample, digits_label_of(&t->labels, (int64_t)i));
	}
	qsort(t->distance, n, sizeof *t->distance, compare);
	out->median = (t->distance[(n - 1) / 2] + t->distance[n / 2]) / 2;
	out->worst = t->distance[n - 1];
	out->recognised = 100 * (double)right / (double)n;
	out->law = law_distance(t);
}

/* ----------------------------------------------------------------------------------------------------------- runs */

static dm_status predict(void *user, const dm_request *rq)
{
	struct table *t = user;
	t->n_eval += rq->n_sample;
	return digits_denoiser_predict(&t->denoiser, rq);
}

static dm_status make_plan(struct table *t, const char *spec, int64_t steps, dm_plan **plan, dm_plan_info *info,
                           dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	t->args.sampler = spec;
	t->args.steps = (uint64_t)steps;
	*info = (dm_plan_info){.struct_size = sizeof *info};
	dm_status st = digits_plan_create(plan, &t->args, &ops, t, err);
	return st == DM_OK ? dm_plan_facts(*plan, info, err) : st;
}

static dm_status run(struct table *t, const dm_plan *plan, float *samples, dm_error *err)
{
	dm_run *run_of_plan;
	dm_status st = digits_run_create(&run_of_plan, &t->args, plan, err);
	t->n_eval = 0;
	if (st == DM_OK)
		st = dm_run_all(run_of_plan, err);
	if (st == DM_OK)
		st = dm_run_state(run_of_plan, samples, DM_F32, err);
	dm_run_free(run_of_plan);
	return st;
}

static int try_form(struct table *t, const char *spec, int64_t steps, struct outcome *out, dm_error *err)
{
	dm_plan *plan;
	dm_plan_info info;
	dm_status st = make_plan(t, spec, steps, &plan, &info, err);
	if (st == DM_OK)
		st = run(t, plan, t->samples, err);
	dm_plan_free(plan);
	if (st != DM_OK)
		return 0;
	*out = (struct outcome){.found = 1, .steps = steps, .evals = (double)t->n_eval / (double)t->count};
	measure(t, out);
	return 1;
}

/* Whether any row but the start's reads fresh noise, or asks for the prediction without condition. */
static int is_by_law(const dm_plan *plan)
{
	for (size_t r = 1; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; i < row->n_in; i++)
			if (row->in[i].slot < 0)
				return 1;
		for (int32_t b = 0; b < row->n_branch; b++)
			if (row->branch[b].condition != DM_CONDITION_GIVEN)
				return 1;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------- ten and twenty */

static const dm_option *find_option(const char *spec, const char *name)
{
	const size_t n = strcspn(spec, ":");
	const dm_method *method;
	const dm_option *option;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)) != NULL; i++)
		if (strlen(method->name) == n && strncmp(method->name, spec, n) == 0)
			for (int32_t k = 0; (option = dm_method_option(DM_KIND_SAMPLER, i, k)) != NULL; k++)
				if (strcmp(option->name, name) == 0)
					return option;
	return NULL;
}

static void set_option(char out[MAX_SPEC], const char *spec, const char *name, double value)
{
	snprintf(out, MAX_SPEC, "%s%c%s=%g", spec, strchr(spec, ':') ? ',' : ':', name, value);
}

enum { ALL = -1 };

static void refuse(struct row *row, int which, const char *why)
{
	for (int k = 0; k < N_TARGET; k++) {
		if (which != ALL && which != k)
			continue;
		row->at[k].found = 0;
		snprintf(row->why[k], sizeof row->why[k], "%s", why);
	}
}

/* The number of steps that takes the target's evaluations, or the most below it. */
static void fit_steps(struct table *t, struct row *row, int which)
{
	char spec[MAX_SPEC];
	int64_t best = 0, evals = 0;
	dm_error err;
	snprintf(spec, sizeof spec, "%s", row->spec);
	if (find_option(row->spec, "nfe"))
		set_option(spec, row->spec, "nfe", targets[which]);
	for (int64_t n = 1; n <= targets[which]; n++) {
		dm_plan *plan;
		dm_plan_info info;
		if (make_plan(t, spec, n, &plan, &info, &err) == DM_OK && info.n_eval <= targets[which] &&
		    info.n_eval >= evals) {
			best = n;
			evals = info.n_eval;
		}
		dm_plan_free(plan);
	}
	if (best == 0)
		refuse(row, which, "one step takes more evaluations");
	else if (!try_form(t, spec, best, &row->at[which], &err))
		refuse(row, which, err.message);
}

static void keep_near(struct row *row)
{
	char why[MAX_SPEC];
	for (int k = 0; k < N_TARGET; k++) {
		const struct outcome *o = &row->at[k];
		if (fabs(o->evals - targets[k]) <= NEAR * targets[k])
			continue;
		snprintf(why, sizeof why, "the nearest number of evaluations is %.1f, with rtol = %.2g", o->evals,
		         o->tolerance);
		refuse(row, k, why);
	}
}

/* The relative tolerance whose mean number of evaluations is nearest. */
static void fit_tolerance(struct table *t, struct row *row)
{
	const dm_option *rtol = find_option(row->spec, "rtol");
	char spec[MAX_SPEC];
	struct outcome now = {0};
	dm_error err;
	if (!rtol) {
		refuse(row, ALL, "it chooses its steps, and has no option rtol to set how many");
		return;
	}
	for (int i = 0; i < N_TOLERANCE && now.evals < 1.5 * targets[N_TARGET - 1]; i++) {
		double tolerance = fmin(FIRST_TOLERANCE, rtol->high) * pow(2, -0.5 * i);
		set_option(spec, row->spec, "rtol", tolerance);
		if (!try_form(t, spec, 1, &now, &err)) {
			refuse(row, ALL, err.message);
			return;
		}
		now.steps = 0;
		now.tolerance = tolerance;
		for (int k = 0; k < N_TARGET; k++)
			if (!row->at[k].found || fabs(now.evals - targets[k]) < fabs(row->at[k].evals - targets[k]))
				row->at[k] = now;
	}
	keep_near(row);
}

static void fill_row(struct table *t, struct row *row, const char *spec)
{
	dm_plan *plan;
	dm_plan_info info;
	dm_error err;
	snprintf(row->spec, sizeof row->spec, "%s", spec);
	if (digits_is_terminal(2))
		fprintf(stderr, "%s\n", spec);
	if (make_plan(t, spec, targets[0], &plan, &info, &err) != DM_OK) {
		refuse(row, ALL, err.message);
		return;
	}
	row->by_law = is_by_law(plan);
	for (int k = 0; k < N_TARGET && !info.adaptive; k++)
		fit_steps(t, row, k);
	if (info.adaptive)
		fit_tolerance(t, row);
	dm_plan_free(plan);
}

/* ------------------------------------------------------------------------------------------------------- printing */

static void print_cost(const struct outcome *o)
{
	if (o->steps > 0)
		printf(" | %g (%d)", o->evals, (int)o->steps);
	else
		printf(" | %.1f (rtol %.2g)", o->evals, o->tolerance);
}

static void print_outcome(const struct outcome *o, int by_law)
{
	if (!o->found) {
		printf(by_law ? " | - | - | -" : " | - | - | - | -");
		return;
	}
	print_cost(o);
	if (by_law)
		printf(" | %.3f | %.0f %%", fabs(o->law) < 5e-4 ? 0 : o->law, o->recognised);
	else
		printf(" | %.4f | %.4f | %.0f %%", o->median, o->worst, o->recognised);
}

static void print_head(int by_law)
{
	printf("| sampler |");
	for (int k = 0; k < N_TARGET; k++)
		printf(by_law ? " %d: evaluations (steps) | law | recognised |"
		              : " %d: evaluations (steps) | median | worst | recognised |",
		       targets[k]);
	printf("\n|---|");
	for (int k = 0; k < (by_law ? 3 : 4) * N_TARGET; k++)
		printf("---|");
	printf("\n");
}

static void print_rows(const struct row *rows, size_t n, int by_law)
{
	size_t found = 0;
	for (size_t i = 0; i < n; i++)
		found += rows[i].by_law == by_law;
	if (found == 0)
		return;
	printf("\n");
	print_head(by_law);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].by_law != by_law)
			continue;
		printf("| `%s`", rows[i].spec);
		for (int k = 0; k < N_TARGET; k++)
			print_outcome(&rows[i].at[k], by_law);
		printf(" |\n");
	}
}

static void print_gaps(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < N_TARGET; k++)
			if (!rows[i].at[k].found)
				printf("\n`%s` at %d: %s.\n", rows[i].spec, targets[k], rows[i].why[k]);
}

/* -------------------------------------------------------------------------------------------------------- program */

static int prepare(struct table *t, struct digits_error *error)
{
	const struct digits_denoiser lent = {.labels = &t->labels, .progress = &t->progress, .stop = &t->stop};
	t->count = (size_t)t->args.count;
	t->reference = malloc(t->count * DIGITS_PIXELS * sizeof(float));
	t->samples = malloc(t->count * DIGITS_PIXELS * sizeof(float));
	t->distance = malloc(t->count * sizeof(double));
	if (!t->reference || !t->samples || !t->distance)
		return digits_fail(error, "out of memory for the samples");
	return digits_labels_parse(&t->labels, "all", error) ||
	               digits_denoiser_create(&t->denoiser, &lent, &t->args, "", error) ||
	               digits_classifier_load(&t->judge, DIGITS_DIR "/classifier.bin", error)
	           ? -1
	           : 0;
}

static int make_reference(struct table *t, struct digits_error *error)
{
	dm_plan *plan;
	dm_plan_info info;
	dm_error err;
	struct outcome out;
	dm_status st = make_plan(t, REFERENCE, REFERENCE_STEPS, &plan, &info, &err);
	if (st == DM_OK)
		st = run(t, plan, t->reference, &err);
	dm_plan_free(plan);
	if (st != DM_OK)
		return digits_fail(error, "%s", err.message);
	memcpy(t->samples, t->reference, t->count * DIGITS_PIXELS * sizeof(float));
	measure(t, &out);
	printf("Grid `%s`, %d noises; the converged trajectory (`%s`, %d steps) ends at the digit asked for in %.0f %%.\n",
	       t->args.grid, (int)t->count, REFERENCE, REFERENCE_STEPS, out.recognised);
	return 0;
}

static int make_tables(struct table *t, char *const *spec, size_t n, struct digits_error *error)
{
	struct row *rows = calloc(n, sizeof *rows);
	if (!rows)
		return digits_fail(error, "out of memory for %d rows", (int)n);
	for (size_t i = 0; i < n; i++)
		fill_row(t, &rows[i], spec ? spec[i] : dm_method_at(DM_KIND_SAMPLER, (int32_t)i)->name);
	print_rows(rows, n, 0);
	print_rows(rows, n, 1);
	print_gaps(rows, n);
	free(rows);
	return 0;
}

static int read_arguments(struct digits_args *args, int argc, char **argv, struct digits_error *error)
{
	int i = 1;
	*args = (struct digits_args){.schedule = "linear",
	                             .grid = "log_snr:final=last",
	                             .guidance = "none",
	                             .count = 64,
	                             .given = 1u << DIGITS_ARG_STEPS,
	                             .dtype = DIGITS_DTYPE_F32,
	                             .model = DIGITS_MODEL_V,
	                             .predict = DIGITS_PREDICT_V};
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
		if (strcmp(argv[i], "--count") == 0)
			args->count = strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--grid") == 0)
			args->grid = argv[i + 1];
		else
			break;
	if (args->count < 2 || args->count > 10000 || (i < argc && argv[i][0] == '-'))
		return digits_fail(error, "usage: digits_table [--count 2..10000] [--grid SPEC] [SAMPLER]...");
	return i;
}

int main(int argc, char **argv)
{
	static struct table t;
	struct digits_error error;
	int first = read_arguments(&t.args, argc, argv, &error), status = first < 0 ? -1 : prepare(&t, &error);
	size_t n = first > 0 ? (size_t)(argc - first) : 0;
	char *const *spec = n > 0 ? argv + first : NULL;
	while (!spec && dm_method_at(DM_KIND_SAMPLER, (int32_t)n))
		n++;
	if (status == 0)
		status = make_reference(&t, &error);
	if (status == 0)
		status = make_tables(&t, spec, n, &error);
	if (status != 0)
		fprintf(stderr, "digits_table: %s\n", error.text);
	digits_denoiser_free(&t.denoiser);
	digits_classifier_free(&t.judge);
	digits_labels_free(&t.labels);
	free(t.reference);
	free(t.samples);
	free(t.distance);
	return status != 0;
}
