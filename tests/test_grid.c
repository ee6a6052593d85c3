/* Grids: formulas and published numbers, final nodes, directions, edges, errors, memory. */
#include "schedule_testing.h"
#include "schedule/grid.h"

static dm_grid *create_grid(const dm_schedule *s, const char *spec)
{
	dm_grid *g;
	dm_error err = {0};
	if (dm_grid_create(&g, s, spec, NULL, &err) != DM_OK)
		fail_msg("%s: %s", spec, err.message);
	return g;
}

static double time_of(const dm_node *node)
{
	return isnan(node->time) ? node->t : node->time;
}

static double level_of(const dm_node *node)
{
	return node->sigma / node->alpha;
}

enum { MAX_WANT = 10 };

/* Times that the model sees, or levels sigma/alpha, from the first node on; NAN ends the list. */
struct known {
	const char *schedule, *grid;
	double want[MAX_WANT];
};

static void check_known(const struct known *known, size_t n, double (*read)(const dm_node *), double tolerance)
{
	for (size_t k = 0; k < n; k++) {
		dm_schedule *s = create(known[k].schedule);
		dm_grid *g = create_grid(s, known[k].grid);
		for (size_t i = 0; i < MAX_WANT && !isnan(known[k].want[i]); i++) {
			assert_true(i < dm_grid_count(g));
			check_close(known[k].grid, read(dm_grid_node(g, i)), known[k].want[i], tolerance);
		}
		dm_grid_free(g);
		dm_schedule_free(s);
	}
}

/* ------------------------------------------------------------------------------------------------------- values */

/* As set_timesteps of DDPMScheduler, DDIMScheduler and EulerDiscreteScheduler gives them. */
static void test_published_times(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"linear", "leading:steps=7", {852, 710, 568, 426, 284, 142, 0, -1, NAN}},
	    {"linear", "leading:steps=3,offset=1", {667, 334, 1, -1, NAN}},
	    {"linear", "leading:steps=3,extra=1,offset=1", {751, 501, 251, -1, NAN}},
	    {"linear:T=500", "leading:steps=5,offset=3", {403, 303, 203, 103, 3, -1, NAN}},
	    {"linear", "linspace:steps=7", {999, 832, 666, 500, 333, 166, 0, -1, NAN}}, /* 499.5 and 166.5 to even */
	    {"linear", "linspace:steps=1", {0, -1, NAN}},
	    {"linear", "linspace:steps=3,extra=1", {999, 666, 333, -1, NAN}},
	    {"linear", "linspace:steps=3,extra=1,final=included", {999, 666, 333, 0, NAN}},
	    {"linear", "linspace:steps=3,round=0,level=table", {999, 499.5, 0, -1, NAN}},
	    {"linear", "trailing:steps=4", {999, 749, 499, 249, -1, NAN}},
	    {"linear", "trailing:steps=7", {999, 856, 713, 570, 428, 285, 142, -1, NAN}},
	    {"linear:T=5", "trailing:steps=2", {4, 1, -1, NAN}}, /* 5, 2.5: the half goes to 2 before 1 is taken off */
	    {"linear", "trailing:steps=3,round=0", {999, 665.6666666666667, 332.3333333333333, -1, NAN}},
	    {"linear", "times:at=999/500.5/20", {999, 500.5, 20, -1, NAN}},
	    {"vp", "linspace:steps=5,extra=1,final=included", {1, 0.8002, 0.6004, 0.4006, 0.2008, 0.001, NAN}},
	    {"vp", "trailing:steps=4", {1, 0.75, 0.5, 0.25, 0, NAN}},
	    {"vp", "trailing:steps=3,final=last", {1, 0.667, 0.334, 0.001, NAN}},
	    {"vp", "linspace:steps=1", {1, 0, NAN}},
	    {"vp",
	     "log_snr:steps=5",
	     {1, 0.7855680749745865, 0.49343953403327606, 0.14063641351890568, 0.018095399839036855, 0.001, NAN}},
	    {"flow", "trailing:steps=4", {1, 0.75, 0.5, 0.25, 0, NAN}},
	};
	check_known(known, sizeof known / sizeof *known, time_of, 1e-12);
}

/* Levels of k-diffusion's get_sigmas_* and of the same schedulers. */
static void test_published_levels(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"ve",
	     "karras:steps=8,sigma_min=0.0292,sigma_max=14.6146",
	     {14.6146, 7.903484962340379, 4.028368386770606, 1.910859442667186, 0.8291967401087096, 0.3213023657094556,
	      0.10728419914134453, 0.0292, 0, NAN}},
	    {"edm", "karras:steps=2,rho=3", {80, 0.002, 0, NAN}},
	    {"scaled_linear",
	     "linspace:steps=3,round=0,level=table",
	     {14.614641229333635, 1.615582510161246, 0.029167158151720367, 0, NAN}},
	    {"scaled_linear",
	     "linspace:steps=5,round=0,level=log_linear,final=last",
	     {14.614641229333632, 4.215114244752601, 1.215711546900998, 0.3506321488458646, 0.10112835081452129,
	      0.029167158151720367, NAN}},
	    {"linear",
	     "trailing:steps=8,direction=up",
	     {0, 0.42635870012806665, 0.9529355002015923, 1.7922942674222682, 3.424136619044041, 7.186138444724376,
	      17.24698300991162, 48.166835715703215, 157.40728081040757, NAN}},
	    {"scaled_linear",
	     "leading:steps=10,offset=1,final=last,direction=up",
	     {0.029167158151720367, 0.04131441199678309, NAN}},
	    {"ve", "exponential:steps=4,sigma_max=8,sigma_min=1", {8, 4, 2, 1, 0, NAN}},
	    {"ve", "log_snr:steps=3,sigma_max=8,sigma_min=1", {8, 4, 2, 1, NAN}},
	    {"ve", "log_snr:steps=4,extra=0,final=zero,sigma_max=8,sigma_min=1", {8, 4, 2, 1, 0, NAN}},
	    {"ve", "log_snr:steps=3,final=zero,sigma_max=8,sigma_min=1", {8, 4, 2, 0, NAN}},
	    {"ve", "levels:at=700/54.5/0.034", {700, 54.5, 0.034, 0, NAN}},
	    {"alpha_bars:at=0.9/0.5/0", "levels:at=inf/1/0.5,steps=3", {INFINITY, 1, 0.5, 0, NAN}},
	    {"scaled_linear",
	     "levels:at=1/0.029167158151,final=last", /* the end of the table up to rounding */
	     {1, 0.029167158151, NAN}},
	    /* the last step of final=last moves: one value more, and no value twice */
	    {"edm:sigma_max=81,sigma_min=1", "karras:steps=2,rho=2,final=last", {81, 25, 1, NAN}},
	    {"edm:sigma_max=81,sigma_min=1", "karras:steps=2,rho=2,final=repeat", {81, 1, 1, NAN}},
	    {"edm:sigma_max=81,sigma_min=1", "karras:steps=2,rho=2,final=denoise", {81, 25, 1, 0, NAN}},
	    {"edm:sigma_max=81,sigma_min=1", "karras:steps=2,rho=2,final=last,sigma_min=9", {81, 9, 1, NAN}},
	    {"ve:sigma_max=9,sigma_min=1", "levels:at=4/2/1,final=denoise", {4, 2, 1, 0, NAN}},
	    {"ve:sigma_max=9,sigma_min=1", "levels:at=4/2,final=denoise", {4, 2, 1, 0, NAN}},
	    {"ve", "levels:at=3/2/0,final=included", {3, 2, 0, NAN}},
	};
	check_known(known, sizeof known / sizeof *known, level_of, 1e-13);
}

static double sigma_of(const dm_node *node)
{
	return node->sigma;
}

/* Flow: 1 - i/N shifted; from top to bottom; and 1 to 1/T with the last value dropped. */
static void test_flow(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"flow", "flow:steps=4", {1, 0.75, 0.5, 0.25, 0, NAN}},
	    {"flow", "flow:steps=4,shift=3", {1, 0.9, 0.75, 0.5, 0, NAN}},
	    {"flow", "flow:steps=3,extra=0,bottom=0.2", {1, 0.6, 0.2, 0, NAN}},
	    {"flow", "flow:steps=3,extra=0,bottom=0.2,final=included", {1, 0.6, 0.2, NAN}},
	    {"flow",
	     "flow:steps=8,shift=3,bottom=0.001,cap=0.999999",
	     {0.999999, 0.9545950368148349, 0.9001199760047992, NAN}},
	    {"flow:t_min=0.01", "flow:steps=2,final=last", {1, 0.5, 0.01, NAN}},
	    {"flow", "flow:steps=2,final=repeat", {1, 0.5, 0.5, NAN}},
	    {"flow", "flow:steps=1", {1, 0, NAN}},
	    {"alpha_bars:at=0.9/0.5/0", "flow:steps=2", {1, 0.70710678118654752, 0, NAN}}, /* sigma/alpha = 1 at s = 1/2 */
	};
	check_known(known, sizeof known / sizeof *known, sigma_of, 1e-15);
}

/* An index that lies off the process carries its time, others leave it to the model. */
static void test_explicit_time(void **state)
{
	(void)state;
	dm_schedule *s = create("scaled_linear");
	dm_grid *log = create_grid(s, "linspace:steps=4,round=0");
	for (size_t i = 0; i < 5; i++)
		assert_true(isnan(dm_grid_node(log, i)->time) && dm_grid_node(log, i)->visit == (int64_t)i);
	dm_grid_free(log);
	dm_grid *table = create_grid(s, "linspace:steps=3,round=0,level=table");
	assert_true(isnan(dm_grid_node(table, 0)->time) && dm_grid_node(table, 1)->time == 499.5);
	assert_true(dm_grid_node(table, 1)->t != 499.5 && fabs(dm_grid_node(table, 1)->t - 499.5) < 0.01);
	dm_grid_free(table);
	dm_schedule_free(s);
}

/* --------------------------------------------------------------------------------------------- rules for every grid */

static const char *const schedules[] = {"linear", "squared_cosine", "scaled_linear:T=20000", "vp", "ve", "edm", "flow"};
static const char *const grids[] = {"leading", "linspace", "trailing", "karras", "exponential", "log_snr", "flow"};
static const char *const steps[] = {"1", "2", "3", "10", "1000", "10000"};
static const char *const finals[] = {"zero", "last", "repeat"};

static void check_grid(const dm_schedule *s, const char *spec, size_t n, const char *final, dm_grid *up)
{
	dm_grid *g = create_grid(s, spec);
	assert_int_equal(dm_grid_count(g), n + 1);
	assert_null(dm_grid_node(g, n + 1));
	for (size_t i = 0; i <= n; i++) {
		const dm_node *node = dm_grid_node(g, i), *other = dm_grid_node(up, n - i), *before = node - 1;
		assert_true(node->visit == (int64_t)i && node->alpha >= 0 && node->sigma >= 0 && isfinite(node->t));
		assert_true(node->sigma == other->sigma && node->alpha == other->alpha && node->t == other->t);
		if (i && !(i == n && final[0] == 'r' ? node->lambda == before->lambda : node->lambda > before->lambda))
			fail_msg("%s: node %zu does not fall", spec, i);
		if (i < n && node->alpha > 0)
			assert_true(fabs(node->lambda - log(node->alpha) + log(node->sigma)) < 1e-13);
	}
	const dm_node *last = dm_grid_node(g, n);
	double clean;
	dm_schedule_range(s, &clean, NULL);
	if (final[0] == 'z')
		assert_true(last->alpha == 1 && last->sigma == 0 && last->lambda == INFINITY);
	else if (final[0] == 'l')
		assert_true(last->t <= clean + 1e-9);
	else
		assert_true(last->lambda == last[-1].lambda);
	dm_grid_free(g);
}

static void test_every_grid(void **state)
{
	(void)state;
	char spec[128], up_spec[160];
	for (int a = 0; a < 7; a++)
		for (int b = 0; b < 7; b++)
			for (int c = 0; c < 6; c++)
				for (int d = 0; d < 3; d++) {
					dm_schedule *s = create(schedules[a]);
					size_t n = strtoul(steps[c], NULL, 10), t = dm_schedule_table_size(s);
					snprintf(spec, sizeof spec, "%s:steps=%s,final=%s%s", grids[b], steps[c], finals[d],
					         a == 6 && b >= 3 && b <= 5 ? ",sigma_max=100" : "");
					snprintf(up_spec, sizeof up_spec, "%s,direction=up", spec);
					dm_error err;
					dm_grid *up;
					dm_status st = dm_grid_create(&up, s, up_spec, NULL, &err);
					if (b == 0 && !t)
						assert_int_equal(st, DM_ERR_UNSUPPORTED);
					else if (b <= 2 && t && n + (d == 1) > t) /* final=last: index 0 is the final node */
						assert_int_equal(st, DM_ERR_ARGUMENT);
					else if (b == 6 && a != 6) /* s = 1 is an infinite level, which only flow reaches */
						assert_int_equal(st, DM_ERR_ARGUMENT);
					else
						check_grid(s, spec, n, finals[d], up);
					if (up)
						assert_int_equal(st, DM_OK);
					dm_grid_free(up);
					dm_schedule_free(s);
				}
}

/* -------------------------------------------------------------------------------------------------------- errors */

static void test_bad_specs(void **state)
{
	(void)state;
	static const struct {
		const char *schedule, *grid;
		dm_status status;
		const char *message;
	} bad[] = {
	    {"linear", "trailin", DM_ERR_NAME, "did you mean \"trailing\""},
	    {"linear", "trailing:step=3", DM_ERR_NAME, "did you mean \"steps\""},
	    {"linear", "trailing:steps=0", DM_ERR_ARGUMENT, "steps = 0 is outside [1, 1000000]"},
	    {"linear", "trailing:steps=1001", DM_ERR_ARGUMENT, "the table has 1000 entries"},
	    {"linear", "leading:steps=1000,extra=1", DM_ERR_ARGUMENT, "1000 steps need 1001 points"},
	    {"linear", "leading:steps=1000,offset=1", DM_ERR_ARGUMENT, "offset 1 leads to index 1000"},
	    {"vp", "leading:steps=5", DM_ERR_UNSUPPORTED, "the schedule is continuous"},
	    {"vp", "trailing:level=table", DM_ERR_UNSUPPORTED, "level=table needs a table"},
	    {"vp", "trailing:clip_lambda=-3", DM_ERR_UNSUPPORTED, "clip_lambda = -3 needs a table"},
	    {"vp", "linspace:clip_lambda=-3", DM_ERR_UNSUPPORTED, "clip_lambda = -3 needs a table"},
	    {"squared_cosine", "trailing:steps=500,clip_lambda=-5.1", DM_ERR_ARGUMENT,
	     "grid \"trailing\": clip_lambda = -5.1 keeps 996 of the table's 1000 entries, too few for steps = 500 with "
	     "the "
	     "stride 1000/500 (at most 222 fit)"},
	    {"squared_cosine", "trailing:steps=999,clip_lambda=-5.1", DM_ERR_ARGUMENT, "too few for steps = 999"},
	    {"squared_cosine", "trailing:steps=3,clip_lambda=2", DM_ERR_ARGUMENT, "too few for steps = 3"},
	    {"squared_cosine", "trailing:steps=3,clip_lambda=2,level=log_linear", DM_ERR_ARGUMENT, "too few for steps = 3"},
	    {"squared_cosine", "trailing:steps=1,clip_lambda=50,round=0", DM_ERR_ARGUMENT, "(at most 0 fit)"},
	    {"flow", "flow:mu=3", DM_ERR_ARGUMENT, "mu=3 has no effect without dynamic=exponential or linear"},
	    {"flow", "flow:mu_rule=line,tokens=3000", DM_ERR_ARGUMENT, "mu_rule=line has no effect without dynamic="},
	    {"flow", "flow:tokens=3000", DM_ERR_ARGUMENT, "tokens=3000 has no effect without dynamic="},
	    {"flow", "flow:dynamic=linear,tokens=3000", DM_ERR_ARGUMENT, "tokens=3000 has no effect without mu_rule="},
	    {"flow", "flow:dynamic=linear,mu_rule=line,tokens=9,mu=2", DM_ERR_ARGUMENT,
	     "has no effect without mu_rule=given"},
	    {"vp", "levels:at=14/13.999999999999998", DM_ERR_ARGUMENT,
	     "at = 14 and 13.999999999999998 cannot be told apart in lambda"},
	    {"linear", "lcm:strength=0.001", DM_ERR_ARGUMENT, "strength must lie in [0.4, 1]"},
	    {"cosine:shift=1000", "trailing", DM_ERR_ARGUMENT, "schedule \"cosine:shift=1000\" has the noise"},
	    {"cosine:shift=1000", "trailing", DM_ERR_ARGUMENT, "at t = 1 and at t = 0.95 alike; clamp_low"},
	    {"cosine:shift=1000", "times:at=1/0.9", DM_ERR_ARGUMENT, "at t = 1 and at t = 0.9 alike; clamp_low"},
	    {"alpha_bars:at=0.9/0", "linspace:steps=2,level=log_linear", DM_ERR_UNSUPPORTED, "finite noise end"},
	    {"ve", "karras:sigma_min=2,sigma_max=1.5", DM_ERR_ARGUMENT,
	     "grid \"karras\": sigma_min (2) must be below sigma_max (1.5)"},
	    {"ve", "karras:sigma_min=2,sigma_max=2", DM_ERR_ARGUMENT, "sigma_min (2)"},
	    {"ve", "karras:sigma_min=-1", DM_ERR_ARGUMENT, "sigma_min = -1"},
	    {"linear", "karras:sigma_max=200", DM_ERR_ARGUMENT, "level sigma/alpha = 200 is outside [0, 157.4"},
	    {"linear", "levels:at=157.5", DM_ERR_ARGUMENT, "is outside [0, 157.4"},
	    {"flow", "karras", DM_ERR_UNSUPPORTED, "give sigma_max"},
	    {"vp", "flow", DM_ERR_ARGUMENT, "is outside"},
	    {"flow", "flow:bottom=0.5,top=0.5", DM_ERR_ARGUMENT, "bottom (0.5) must be below top (0.5)"},
	    {"linear", "times", DM_ERR_ARGUMENT, "give the values"},
	    {"linear", "times:at=500/500", DM_ERR_ARGUMENT, "must fall"},
	    {"linear", "times:at=500/600", DM_ERR_ARGUMENT, "must fall"},
	    {"linear", "times:at=1000", DM_ERR_ARGUMENT, "time 1000 is outside [-1, 999]"},
	    {"linear", "times:at=500/20,steps=3", DM_ERR_ARGUMENT, "steps = 3, but there are 2 values"},
	    {"ve", "levels:at=3/nan", DM_ERR_ARGUMENT, "nan"},
	    {"ve", "levels:at=3/-1", DM_ERR_ARGUMENT, "at = -1 is outside"},
	    {"ve", "levels:at=3/1/2", DM_ERR_ARGUMENT, "is 2 at node 2 after 1"},
	    {"ve", "levels:at=3/1/1,final=included", DM_ERR_ARGUMENT, "must fall"},
	    {"ve", "levels:at=80/10/1/0", DM_ERR_ARGUMENT, "grid \"levels\": its values end with sigma/alpha = 0 already"},
	    {"ve", "levels:at=3/0", DM_ERR_ARGUMENT, "final=zero adds a node behind them; give final=included"},
	    {"ve", "levels:at=3/0,final=last", DM_ERR_ARGUMENT, "final=last adds a node behind them"},
	    {"ve", "levels:at=3/5/0", DM_ERR_ARGUMENT, "is 5 at node 1 after 3"}, /* the first fault is named */
	    {"ve", "levels:at=3/0/1", DM_ERR_ARGUMENT, "is 1 at node 2 after 0"},
	    {"vp", "levels:at=5/7/1", DM_ERR_ARGUMENT, "is 7 at node 1 after 5"}, /* not 4.999999999999999 */
	    {"ve", "levels:at=1/1.0000000000001", DM_ERR_ARGUMENT, "is 1.000000000000"},
	    {"vp", "karras:sigma_min=5,sigma_max=1", DM_ERR_ARGUMENT, "sigma_min (5) must be below sigma_max (1)"},
	    {"ve", "levels:at=3/0.001,final=last", DM_ERR_ARGUMENT, "must fall"},
	    {"ve", "karras:steps=1,final=included", DM_ERR_ARGUMENT, "needs two values"},
	    {"ve", "levels:at=0.02,final=last", DM_ERR_ARGUMENT, "final=last needs two values"},
	    {"linear:T=7", "linspace:steps=7,final=last", DM_ERR_ARGUMENT, "steps = 7 and final=last need 8 values"},
	    {"ve", NULL, DM_ERR_ARGUMENT, "spec is NULL"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dm_schedule *s = create(bad[i].schedule);
		dm_grid *g = (dm_grid *)&g;
		dm_error err = {0};
		assert_int_equal(dm_grid_create(&g, s, bad[i].grid, NULL, &err), bad[i].status);
		assert_null(g);
		if (!strstr(err.message, bad[i].message))
			fail_msg("%s: %s", bad[i].grid, err.message);
		dm_schedule_free(s);
	}
}

/* With clip_lambda, trailing takes every number of steps up to some largest one, which the refusal of more names. */
static void test_clipped_steps(void **state)
{
	(void)state;
	static const char *const ends[] = {"zero", "last", "repeat", "included", "denoise"};
	dm_schedule *s = create("squared_cosine:T=100");
	for (int k = 0; k < 4 * 5; k++) {
		int most = 0, named = -1;
		for (int n = 2; n <= 100; n++) {
			char spec[100];
			const char *fit;
			dm_grid *g;
			dm_error err = {0};
			snprintf(spec, sizeof spec, "trailing:steps=%d,final=%s,clip_lambda=%s,round=%d", n, ends[k % 5],
			         k / 10 ? "-1" : "-3", k / 5 % 2);
			if (dm_grid_create(&g, s, spec, NULL, &err) == DM_OK) {
				if (most != n - 1 && n > 2)
					fail_msg("%s: %d steps were refused", spec, n - 1);
				assert_true(k % 5 != 2 || dm_grid_node(g, dm_grid_count(g) - 1)->t > -1);
				most = n;
			} else if ((fit = strstr(err.message, "at most ")) != NULL) {
				named = atoi(fit + 8);
			} else if (!strstr(err.message, "is the most")) {
				fail_msg("%s: %s", spec, err.message);
			}
			dm_grid_free(g);
		}
		if (named != most)
			fail_msg("final=%s, case %d: %d steps fit, not %d", ends[k % 5], k / 5, most, named);
	}
	dm_schedule_free(s);
}

/* ------------------------------------------------------------------------------------------------ the caller's nodes
 */

static void test_nodes(void **state)
{
	(void)state;
	dm_schedule *s = create("linear");
	dm_error err = {0};
	dm_grid *g;
	dm_node node[] = {{NAN, NAN, 0.6, 0.8, 77, 5}, {12, 34, 0.8, 0.6, 0, 0}, {NAN, NAN, 1, 0, 0, 0}};
	assert_int_equal(dm_grid_create_nodes(&g, s, node, 3, NULL, &err), DM_OK);
	dm_schedule_free(s); /* the grid keeps it */
	const dm_node *a = dm_grid_node(g, 0), *b = dm_grid_node(g, 1), *c = dm_grid_node(g, 2);
	check_close("lambda", a->lambda, log(0.75), 1e-15);
	assert_true(a->t > 300 && a->t < 350 && isnan(a->time) && a->visit == 0 && a->alpha == 0.6 && a->sigma == 0.8);
	assert_true(b->t == 12 && b->time == 34 && b->visit == 1);
	assert_true(c->t == -1 && c->lambda == INFINITY);
	dm_grid_free(g);
}

static void test_node_order(void **state)
{
	(void)state;
	static const struct {
		double sigma[3];
		int accepted;
	} order[] = {
	    {{3, 2, 1}, 1}, {{1, 2, 3}, 1}, {{3, 2, 2}, 1},   {{1, 2, 2}, 1},        {{100, 99.99999999999999, 0.25}, 1},
	    {{3, 2, 0}, 1}, {{0, 2, 3}, 1}, {{3, 3, 2}, 1},   {{3, 2, 2.5}, 0},      {{3, NAN, 1}, 0},
	    {{1, 2, 1}, 0}, {{0, 0, 1}, 1}, {{3, -1, -2}, 0}, {{INFINITY, 2, 1}, 0},
	};
	dm_schedule *s = create("ve");
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		dm_node node[3];
		dm_grid *g;
		for (size_t k = 0; k < 3; k++)
			node[k] = (dm_node){NAN, NAN, 1, order[i].sigma[k], 0, 0};
		assert_int_equal(dm_grid_create_nodes(&g, s, node, 3, NULL, NULL), order[i].accepted ? DM_OK : DM_ERR_ARGUMENT);
		assert_true((g != NULL) == order[i].accepted);
		dm_grid_free(g);
	}
	dm_schedule_free(s);
}

static void test_bad_calls(void **state)
{
	(void)state;
	dm_schedule *s = create("ve");
	dm_grid *g;
	dm_error err = {0};
	const dm_node node[] = {{NAN, NAN, 1, 2, 0, 0}, {NAN, NAN, 1, 1, 0, 0}};
	dm_node bad[2];
	assert_int_equal(dm_grid_create(NULL, s, "karras", NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create(&g, NULL, "karras", NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create_nodes(NULL, s, node, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create_nodes(&g, NULL, node, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create_nodes(&g, s, NULL, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create_nodes(&g, s, node, 1, NULL, &err), DM_ERR_ARGUMENT);
	assert_int_equal(dm_grid_create_nodes(&g, s, node, SIZE_MAX, NULL, &err), DM_ERR_ARGUMENT);
	memcpy(bad, node, sizeof bad);
	bad[1].time = INFINITY;
	assert_int_equal(dm_grid_create_nodes(&g, s, bad, 2, NULL, &err), DM_ERR_ARGUMENT);
	memcpy(bad, node, sizeof bad);
	bad[0].alpha = 0; /* a level that the process does not have */
	assert_int_equal(dm_grid_create_nodes(&g, s, bad, 2, NULL, &err), DM_ERR_ARGUMENT);
	assert_null(g);
	assert_true(dm_grid_count(NULL) == 0 && dm_grid_node(NULL, 0) == NULL);
	dm_grid_free(NULL);
	dm_schedule_free(s);
}

/* -------------------------------------------------------------------------------------------------------- memory */

static void test_memory(void **state)
{
	(void)state;
	static const char *const specs[] = {"karras:steps=5", "trailing:steps=3,final=repeat", "times:at=9/5/2",
	                                    "levels:at=1"};
	struct memory memory;
	dm_allocator allocator = counting_allocator(&memory);
	dm_schedule *s = create("linear:T=10,beta_end=0.9");
	for (size_t k = 0; k < 4; k++)
		for (int n = 0;; n++) {
			dm_grid *g;
			dm_error err;
			memory = (struct memory){.left = n};
			dm_status st = dm_grid_create(&g, s, specs[k], &allocator, &err);
			if (st == DM_OK) {
				assert_true(n >= 2 && memory.bytes > 0);
				dm_grid_free(g);
				assert_true(memory.bytes == 0);
				break;
			}
			assert_int_equal(st, DM_ERR_MEMORY);
			assert_true(g == NULL && memory.bytes == 0);
		}
	dm_schedule_free(s);
}

static void test_spec_comes_back(void **state)
{
	(void)state;
	static const char *const specs[] = {"flow:steps=7,final=last,direction=up,shift=3", "times:at=0.5/0.25/0.125",
	                                    "levels:final=included,at=3/2/1", "linspace:steps=3"};
	dm_schedule *s = create("flow");
	char text[128];
	for (size_t k = 0; k < 4; k++) {
		struct dmi_text out = {text, sizeof text, 0};
		dm_grid *g = create_grid(s, specs[k]);
		dmi_grid_print(g, &out);
		assert_string_equal(text, specs[k]);
		dm_grid_free(g);
	}
	dm_schedule_free(s);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(published_times), TEST(published_levels), TEST(flow),
	                                   TEST(explicit_time),   TEST(every_grid),       TEST(bad_specs),
	                                   TEST(nodes),           TEST(node_order),       TEST(bad_calls),
	                                   TEST(memory),          TEST(spec_comes_back),  TEST(clipped_steps)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
