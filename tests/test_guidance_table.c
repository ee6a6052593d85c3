/* What every guidance makes of known predictions. One row per chain; a new guidance is tested by adding its row. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "demist.h"

enum { N = 4 };

/* The x0 that the network predicts with the condition and without it, at sigma/alpha = 1; what comes out, and from how
 * many branches. */
struct known {
	const char *chain;
	double given[N], none[N], want[N];
	int32_t n_branch;
};

static const struct known rows[] = {
    {"none", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1},
    {"cfg", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {1, -1, 0.5, 2}, 1},
    {"cfg:scale=0", {9, 9, 9, 9}, {1, -1, 0.5, 2}, {1, -1, 0.5, 2}, 1},
    {"cfg:scale=3", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -3, 0.5, 4}, 2},
    {"cfg:scale=-1", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {0, 1, 0.5, 0}, 2},
    /* <given, none> = 4, <none, none> = 2: the other branch counts 4 / (2 + 1e-8) times */
    {"cfg_zero_star:scale=3", {3, 1, 0, 2}, {1, 1, 0, 0}, {9 - 8 / (2 + 1e-8), 3 - 8 / (2 + 1e-8), 0, 6}, 2},
    {"cfg_zero_star:scale=3,base=given",
     {3, 1, 0, 2},
     {1, 1, 0, 0},
     {12 - 12 / (2 + 1e-8), 4 - 12 / (2 + 1e-8), 0, 8},
     2},
    /* the common direction: (1, 1) of (2, 1) and (1, 2); the longer of two at right angles; (1, 0) of two more */
    {"tcfg:scale=3", {2, 1, 0, 0}, {1, 2, 0, 0}, {3, 0, 0, 0}, 2},
    {"tcfg:scale=3", {3, 1, 0, 0}, {0, 0, 1, 0}, {9, 3, 0, 0}, 2},
    {"tcfg:scale=3", {4, 0.5, 0, 0}, {2, -1, 0, 0}, {8, 1.5, 0, 0}, 2},
    /* deviations 1 and 3 around means of 2 and 4 */
    {"cfg:scale=3|rescale:phi=1", {3, 1, 3, 1}, {1, 1, 1, 1}, {7.0 / 3, 1.0 / 3, 7.0 / 3, 1.0 / 3}, 2},
    {"cfg:scale=3|rescale:phi=0.5", {3, 1, 3, 1}, {1, 1, 1, 1}, {14.0 / 3, 2.0 / 3, 14.0 / 3, 2.0 / 3}, 2},
    {"cfg:scale=3|rescale:phi=0", {3, 1, 3, 1}, {1, 1, 1, 1}, {7, 1, 7, 1}, 2},
    {"clip:range=0.75", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.75, -0.75, 0.5, 0.75}, 1},
    {"cfg:scale=3|clip:range=2.5", {1, -1, 0.5, 2}, {0.5, 0, 0.5, 1}, {2, -2.5, 0.5, 2.5}, 2},
    {"threshold:ratio=1,max=4", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.5, -0.5, 0.25, 1}, 1},
    {"threshold:ratio=1,max=1.6", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.625, -0.625, 0.3125, 1}, 1},
    {"threshold:ratio=0.75,max=9", {3, -4, 2, 1}, {9, 9, 9, 9}, {12.0 / 13, -1, 8.0 / 13, 4.0 / 13}, 1}, /* q = 3.25 */
    {"threshold:ratio=0.25,max=9", {0.1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.1, -1, 0.5, 1}, 1},
    {"threshold:ratio=1,max=4,form=floor", {1, -1, 0.5, 2}, {9, 9, 9, 9}, {0.25, -0.25, 0.125, 0.5}, 1},
};

enum { N_ROW = sizeof rows / sizeof *rows };

struct world {
	const struct known *row;
	const char *kind;
	int32_t n_branch;
};

/* The network says x0, or the velocity epsilon - x0 that leads there: the same chain must come to the same result. */
static double output(const struct world *w, double x, double x0)
{
	return strcmp(w->kind, "flow") ? x0 : x - 2 * x0; /* at alpha = sigma = 1 epsilon is x - x0 */
}

static dm_status predict(void *user, const dm_request *rq)
{
	struct world *w = user;
	w->n_branch = rq->n_branch;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (int e = 0; e < N; e++) {
			double x0 = rq->branch[b].condition == DM_CONDITION_GIVEN ? w->row->given[e] : w->row->none[e];
			if (rq->x_type == DM_F32)
				((float *)rq->out[b])[e] = (float)output(w, (double)((const float *)rq->x)[e], x0);
			else
				((double *)rq->out[b])[e] = output(w, ((const double *)rq->x)[e], x0);
		}
	return 0;
}

/* One step of Euler to the clean end arrives at the prediction itself. */
static void check(const struct known *row, const char *dtype, const char *kind, double tolerance)
{
	struct world w = {row, kind, 0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	char spec[256] = "sampler=euler schedule=ve grid=levels:at=1";
	double found[N];
	dm_error err;
	dm_run *run;
	strcat(strcat(spec, " model="), kind);
	strcat(strcat(spec, " dtype="), dtype);
	strcat(strcat(spec, " guidance="), row->chain);
	if (dm_run_create_spec(&run, spec, &ops, &w, 1, N, NULL, &err) != DM_OK || dm_run_all(run, &err) != DM_OK ||
	    dm_run_state(run, found, DM_F64, &err) != DM_OK)
		fail_msg("%s: %s", row->chain, err.message);
	dm_run_free(run);
	assert_int_equal(w.n_branch, row->n_branch);
	for (int e = 0; e < N; e++)
		if (!(fabs(found[e] - row->want[e]) <= tolerance))
			fail_msg("%s (%s, %s): element %d is %.9g instead of %.9g", row->chain, dtype, kind, e, found[e],
			         row->want[e]);
}

static void known_results(void **state)
{
	(void)state;
	for (int i = 0; i < N_ROW; i++) {
		check(&rows[i], "f64", "x0", 1e-14);
		check(&rows[i], "f64", "flow", 1e-13);
		check(&rows[i], "f32", "x0", 2e-6);
		check(&rows[i], "f32", "flow", 4e-6);
	}
}

static int has_stage(const char *chain, const char *name)
{
	for (; chain; chain = strchr(chain, '|') ? strchr(chain, '|') + 1 : NULL)
		if (strcspn(chain, ":|") == strlen(name) && !strncmp(chain, name, strlen(name)))
			return 1;
	return 0;
}

static void every_guidance_has_a_row(void **state)
{
	const dm_method *method;
	(void)state;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_GUIDANCE, i)) != NULL; i++) {
		int n_row = 0;
		for (int k = 0; k < N_ROW; k++)
			n_row += has_stage(rows[k].chain, method->name);
		if (!n_row)
			fail_msg("guidance \"%s\" has no row", method->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known_results), cmocka_unit_test(every_guidance_has_a_row)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
