/* The families of grids beyond those of test_grid.c: formulas, published numbers, refusals; every family over every
 * schedule; memory. */
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
	return node->t;
}

static double level_of(const dm_node *node)
{
	return node->sigma / node->alpha;
}

static double sigma_of(const dm_node *node)
{
	return node->sigma;
}

enum { MAX_WANT = 14 };

/* The whole grid; NAN ends the list. */
struct known {
	const char *schedule, *grid;
	double want[MAX_WANT];
};

static void check_known(const struct known *known, size_t n, double (*read)(const dm_node *), double tolerance)
{
	for (size_t k = 0; k < n; k++) {
		dm_schedule *s = create(known[k].schedule);
		dm_grid *g = create_grid(s, known[k].grid);
		size_t i = 0;
		for (; i < MAX_WANT && !isnan(known[k].want[i]); i++) {
			assert_true(i < dm_grid_count(g));
			check_close(known[k].grid, read(dm_grid_node(g, i)), known[k].want[i], tolerance);
		}
		assert_int_equal(dm_grid_count(g), i);
		dm_grid_free(g);
		dm_schedule_free(s);
	}
}

static void test_times(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"linear", "respaced:ddim=5,final=last", {800, 600, 400, 200, 0, NAN}},
	    {"linear", "respaced:ddim=5,final=repeat", {800, 600, 400, 200, 0, 0, NAN}},
	    {"linear:T=300", "respaced:sections=2/3,final=last", {299, 224, 150, 149, 0, NAN}},
	    {"linear:T=7", "respaced:sections=2/1/2", {6, 5, 3, 2, 0, -1, NAN}}, /* 3, 2 and 2 indices */
	    {"linear:T=9", "respaced:steps=4", {8, 5, 3, 0, -1, NAN}},
	    {"linear", "respaced:sections=1", {0, -1, NAN}},
	    {"linear", "lcm:steps=4", {999, 759, 499, 259, -1, NAN}},
	    {"linear", "lcm:steps=2,strength=0.45", {439, 219, -1, NAN}},
	    {"linear", "lcm:steps=3,original_steps=3", {998, 665, 332, -1, NAN}},
	    {"linear", "simple:steps=3", {999, 666, 333, -1, NAN}},
	    {"linear", "simple:steps=7", {999, 857, 714, 571, 428, 285, 142, -1, NAN}},
	    {"linear", "normal:steps=3", {999, 499.5, 0, -1, NAN}},
	    {"linear", "normal:steps=1", {999, -1, NAN}},
	    {"linear", "sgm_uniform:steps=3", {999, 666, 333, -1, NAN}},
	    {"linear:T=10", "ddim_uniform:steps=4", {9, 7, 5, 3, 1, -1, NAN}}, /* more than asked for */
	    {"linear", "smoothstep:steps=4", {999, 843, 500, 156, -1, NAN}},   /* 499.5 goes up */
	    {"linear:T=5", "smoothstep:steps=5", {4, 3, 1, 0, -1, NAN}},       /* 3.584 and 4 fall together */
	    {"linear", "beta_index:steps=4", {999, 823, 500, 176, -1, NAN}},
	    {"linear", "beta_index:steps=4,a=1,b=1", {999, 749, 500, 250, -1, NAN}},
	    {"linear", "ays_sd15:form=times", {999, 850, 736, 645, 545, 455, 343, 233, 124, 24, -1, NAN}},
	    {"vp", "time_uniform:steps=2", {1, 0.5005, 0.001, NAN}},
	    {"vp:t_min=0.01", "time_quadratic:steps=3", {1, 0.49, 0.16, 0.01, NAN}},
	    {"vp:t_min=0.01", "time_quadratic:steps=3,final=zero", {1, 0.49, 0.16, 0, NAN}},
	    {"vp:t_min=0.01", "time_quadratic:steps=3,final=denoise", {1, 0.49, 0.16, 0.01, 0, NAN}},
	    {"vp", "trailing:steps=2,final=denoise", {1, 0.5005, 0.001, 0, NAN}},
	    {"linear", "trailing:steps=2,final=denoise", {999, 499, 0, -1, NAN}},
	    {"linear", "linspace:steps=3,final=denoise", {999, 666, 333, 0, -1, NAN}},
	    {"flow:t_min=0.01", "flow:steps=2,final=denoise", {1, 0.5, 0.01, 0, NAN}},
	    {"flow:t_min=0.01", "flow:steps=2,extra=0,final=last", {1, 0.5, 0.01, NAN}},
	    {"ve:sigma_min=1,sigma_max=9", "time_quadratic:steps=2", {9, 4, 1, NAN}},
	    {"vp", "simple:steps=4,T=8", {1, 0.75, 0.5, 0.25, 0, NAN}},
	    {"trigflow", "trigflow:steps=2,max=1.5708,intermediate=1.3", {1.5707963267948966, 1.3, 0, NAN}},
	    {"trigflow", "trigflow:steps=4,max=1.2", {1.2, 0.9, 0.6, 0.3, 0, NAN}},
	};
	check_known(known, sizeof known / sizeof *known, time_of, 1e-12);
}

/* clip_lambda leaves K entries: linspace and leading take K for T, trailing starts from K with the stride T/N. */
static void test_clip_lambda(void **state)
{
	(void)state;
	dm_schedule *s = create("squared_cosine");
	size_t k = 0;
	while (k < 1000 && at_time(s, (double)k).lambda >= -5.1)
		k++;
	assert_true(k > 900 && k < 1000);
	dm_grid *even = create_grid(s, "linspace:steps=2,extra=1,clip_lambda=-5.1");
	dm_grid *leading = create_grid(s, "leading:steps=4,extra=1,clip_lambda=-5.1");
	dm_grid *trailing = create_grid(s, "trailing:steps=4,clip_lambda=-5.1");
	double last = (double)k - 1;
	assert_true(dm_grid_node(even, 0)->t == last && dm_grid_node(even, 1)->t == rint(last / 2));
	assert_true(dm_grid_node(leading, 0)->t == 4 * floor((double)k / 5));
	assert_true(dm_grid_node(trailing, 0)->t == last && dm_grid_node(trailing, 1)->t == last - 250);
	dm_grid_free(even);
	dm_grid_free(leading);
	dm_grid_free(trailing);
	dm_schedule_free(s);
}

static void test_levels(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"ve", "polyexponential:steps=3,rho=2,sigma_max=16,sigma_min=1", {16, 2, 1, 0, NAN}},
	    {"ve", "beta:steps=3,sigma_max=5,sigma_min=1", {5, 3, 1, 0, NAN}},
	    {"ve",
	     "beta:steps=5,sigma_max=3,sigma_min=2,a=1,b=2",
	     {3, 2.5, 2.2928932188134524, 2.1339745962155616, 2, 0, NAN}},
	    {"ve", "vp_time:steps=2,beta_d=0,beta_min=2,t_end=0.25", {2.5276582243117147, 0.80543235016985015, 0, NAN}},
	    {"ve", "vp_time:steps=2,t_end=0.25,sigma_min=0.5,sigma_max=4", {4, 0.5, 0, NAN}},
	    {"edm:sigma_max=81,sigma_min=1",
	     "consistency:steps=2,train_steps=5,rho=2", /* places 0 and 2 of 4 */
	     {81, 25, 0, NAN}},
	    {"edm:sigma_max=81,sigma_min=1", "consistency:train_steps=5,rho=2,at=3/1", {49, 9, 0, NAN}},
	    {"edm:sigma_max=81,sigma_min=1", "consistency:steps=1,rho=2,final=last", {81, 1, NAN}},
	    {"ve", "geometric_variance:steps=3,sigma_max=8,sigma_min=2", {64, 16, 4, 0, NAN}},
	    {"edm:sigma_max=8,sigma_min=0.5", "geometric_variance:steps=2,final=last", {64, 4, 0.25, NAN}},
	    {"edm:sigma_max=8,sigma_min=0.5", "geometric_variance:steps=2,final=denoise", {64, 4, 0.25, 0, NAN}},
	    {"alpha_bars:at=0.9/0.2",
	     "geometric_variance:steps=2",
	     {2, 1.0 / 9, 0, NAN}}, /* the noise end is at 2, not 4 */
	    {"ve",
	     "laplace:steps=3,sigma_max=100,sigma_min=0.01,b=0.25",
	     {17.782794100389228, 1, 0.056234132519034912, 0, NAN}},
	    {"ve", "laplace:steps=5,sigma_max=1.2,sigma_min=0.9", {1.2, 1, 0.9, 0, NAN}}, /* clamped: each level once */
	    {"ve", "gits:steps=3", {14.61464119, 1.56271636, 0.52423614, 0, NAN}},
	    {"ve", "gits:steps=2,final=included", {14.61464119, 0.803307, 0.02916753, NAN}},
	    {"ve", "gits:steps=1", {14.61464119, 0, NAN}},
	    {"ve:sigma_max=700", "ays_svd:steps=5", {700, 15.886, 4.248, 0.981, 0.173, 0, NAN}},
	    {"ve",
	     "ays_sdxl:steps=5,final=included",
	     {14.6146412293, 3.7681790315, 1.3405244945, 0.5550693289, 0.2332364134, 0.0291671582, NAN}},
	    {"alpha_bars:at=0.8/0.7/0.5", "kl_optimal:steps=3", {1, 0.72075922005612647, 0.5, 0, NAN}},
	    {"alpha_bars:at=0.9/0.8/0.7/0.5", "linear_quadratic:steps=4", {1, 0.9875, 0.975, 0.725, 0, NAN}},
	    {"ve:sigma_min=0.01,sigma_max=100", "normal:steps=5", {100, 10, 1, 0.1, 0.01, 0, NAN}},
	    {"ve:sigma_min=0.01,sigma_max=100",
	     "bong_tangent:steps=5",
	     {100, 93.204237265884956, 80.432584210169423, 50.004999999999995, 13.23482084699237, 0, NAN}},
	    {"trigflow:sigma_data=1", "sin2_angle:steps=2", {INFINITY, 0.57735026918962573, 0, NAN}},
	};
	check_known(known, sizeof known / sizeof *known, level_of, 1e-13);
}

/* Twenty steps: every second level is published, those between are means in the logarithm. */
static void test_resampled(void **state)
{
	(void)state;
	dm_schedule *s = create("ve");
	dm_grid *ten = create_grid(s, "ays_sd15:final=included"),
	        *twenty = create_grid(s, "ays_sd15:steps=20,final=included");
	assert_int_equal(dm_grid_count(ten), 11);
	assert_int_equal(dm_grid_count(twenty), 21);
	for (size_t i = 0; i < 11; i++)
		assert_true(level_of(dm_grid_node(twenty, 2 * i)) == level_of(dm_grid_node(ten, i)));
	for (size_t i = 0; i < 10; i++)
		check_close("between", level_of(dm_grid_node(twenty, 2 * i + 1)),
		            sqrt(level_of(dm_grid_node(ten, i)) * level_of(dm_grid_node(ten, i + 1))), 1e-14);
	dm_grid *forty = create_grid(s, "ays_sd15:steps=40");
	check_close("a quarter", level_of(dm_grid_node(forty, 1)),
	            pow(level_of(dm_grid_node(ten, 0)), 0.75) * pow(level_of(dm_grid_node(ten, 1)), 0.25), 1e-14);
	dm_grid_free(forty);
	dm_grid_free(ten);
	dm_grid_free(twenty);
	dm_schedule_free(s);
}

static void test_flow(void **state)
{
	(void)state;
	static const struct known known[] = {
	    {"flow", "flow:at=1/0.5/0.25,shift=3", {1, 0.75, 0.5, 0, NAN}},
	    {"flow", "flow:steps=2,dynamic=linear,mu=3", {1, 0.75, 0, NAN}},
	    {"flow", "flow:steps=2,dynamic=exponential,mu=1.0986122886681098", {1, 0.75, 0, NAN}},
	    {"flow", "flow:steps=2,dynamic=exponential,mu_rule=line,tokens=4096", {1, 0.75951091694911094, 0, NAN}},
	    /* 8000 tokens: 0.00016927 * 8000 + 0.45666666 */
	    {"flow", "flow:steps=2,dynamic=exponential,mu_rule=flux2,tokens=8000", {1, 0.85946175392567303, 0, NAN}},
	    /* 1000 tokens: the line through the fits of 10 and 200 steps */
	    {"flow", "flow:steps=2,dynamic=exponential,mu_rule=flux2,tokens=1000", {1, 0.88523515136448461, 0, NAN}},
	    {"flow", "flow:steps=4,terminal=0.1", {1, 0.7, 0.4, 0.1, 0, NAN}},
	    {"flow", "flow:steps=3,extra=0,bottom=0.0625,respace=exponential", {1, 0.25, 0.0625, 0, NAN}},
	    {"flow", "flow:steps=3,extra=0,bottom=0.5,respace=beta", {1, 0.75, 0.5, 0, NAN}},
	    {"flow", "flow:steps=2,invert=1,direction=up,final=included", {0, 0.5, 1, NAN}},
	    {"flow", "normal:steps=2,T=4", {1, 0.25, 0, NAN}},
	    {"flow", "normal:steps=2,T=4,shift=3", {1, 0.75, 0, NAN}}, /* shift(1/4) = 1/2 is shifted again */
	    {"flow", "simple:steps=2,T=4,shift=3", {1, 0.75, 0, NAN}},
	    {"flow", "simple:steps=2,T=4,shift=3,first_below_one=0.25", {0.9, 0.75, 0, NAN}},
	    {"flow", "linear_quadratic:steps=2", {1, 0.975, 0, NAN}},
	    {"flow", "logit_normal:steps=2,std=1", {0.99987660542401369, 0.5, 0, NAN}},
	    {"flow", "logit_normal:steps=2,mean=1,logsnr_min=-4", {0.88079707797788243, 0.7310585786300049, 0, NAN}},
	};
	check_known(known, sizeof known / sizeof *known, sigma_of, 1e-14);
}

/* The cosine levels of iDDPM: sqrt(1/abar - 1) of a squared-cosine table, before its betas are capped. */
static void test_iddpm(void **state)
{
	(void)state;
	const double half_pi = 1.5707963267948966;
	dm_schedule *s = create("edm:sigma_min=0.01,sigma_max=20");
	dm_grid *g = create_grid(s, "iddpm:steps=50,C_1=1e-9");
	for (size_t i = 0; i < 50; i++) {
		double u = level_of(dm_grid_node(g, i)), j = 0;
		/* abar(j) = sin^2(pi/2 j/(M 1.008)) / sin^2(pi/2 / 1.008): j is whole */
		double top = sin(half_pi / 1.008), sine = top / sqrt(1 + u * u);
		j = asin(sine) / (half_pi)*1008;
		assert_true(fabs(j - rint(j)) < 1e-8 && u <= 20 && u >= 0.01);
	}
	dm_grid_free(g);
	dm_schedule_free(s);
}

/* --------------------------------------------------------------------------------------- every family and schedule */

static const char *const schedules[] = {"linear",
                                        "squared_cosine",
                                        "scaled_linear:continuous=1",
                                        "linear:zero_snr=exact",
                                        "scaled_linear:zero_snr=floor",
                                        "laplace",
                                        "exp:rate=9",
                                        "sigmoid",
                                        "vp",
                                        "sub_vp",
                                        "vp_cosine",
                                        "cosine",
                                        "ve",
                                        "ve_sde",
                                        "edm",
                                        "edm_ablation:sigma_of_t=vp,scaling=vp",
                                        "flow",
                                        "trigflow"};
static const char *const steps[] = {"1", "2", "3", "16", "1000", "20000"};
static const char *const finals[] = {"zero", "last", "denoise"};

/* Either a grid that falls from noise to data and ends where it says, or a refusal that gives a reason. */
static int check_any(const dm_schedule *s, const char *schedule, const char *spec, int final)
{
	dm_grid *g;
	dm_error err = {0};
	dm_status st = dm_grid_create(&g, s, spec, NULL, &err);
	if (st != DM_OK) {
		if ((st != DM_ERR_ARGUMENT && st != DM_ERR_UNSUPPORTED) || strlen(err.message) < 20)
			fail_msg("%s over %s: status %d, %s", spec, schedule, (int)st, err.message);
		assert_null(g);
		return 0;
	}
	size_t n = dm_grid_count(g);
	for (size_t i = 0; i < n; i++) {
		const dm_node *node = dm_grid_node(g, i);
		if (!(node->alpha >= 0 && node->sigma >= 0 && node->alpha < 1e6 && isfinite(node->t)))
			fail_msg("%s over %s: node %zu has alpha %g, sigma %g, t %g", spec, schedule, i, node->alpha, node->sigma,
			         node->t);
		if (i && !(node->lambda > node[-1].lambda) && !(final == 1 && i == n - 1))
			fail_msg("%s over %s: node %zu does not fall", spec, schedule, i);
	}
	if (final != 1)
		assert_true(dm_grid_node(g, n - 1)->sigma == 0);
	dm_grid_free(g);
	return 1;
}

static void test_every_family(void **state)
{
	(void)state;
	const dm_method *m;
	char spec[128];
	for (int32_t k = 0; (m = dm_method_at(DM_KIND_GRID, k)) != NULL; k++) {
		int made = 0;
		if (!strcmp(m->name, "times") || !strcmp(m->name, "levels"))
			continue;
		for (size_t a = 0; a < sizeof schedules / sizeof *schedules; a++) {
			dm_schedule *s = create(schedules[a]);
			for (size_t b = 0; b < sizeof steps / sizeof *steps; b++)
				for (int c = 0; c < 3; c++) {
					snprintf(spec, sizeof spec, "%s:steps=%s,final=%s", m->name, steps[b], finals[c]);
					made += check_any(s, schedules[a], spec, c);
				}
			dm_schedule_free(s);
		}
		if (made < 20)
			fail_msg("%s is made %d times only", m->name, made);
	}
}

/* Grids of whole indices have at most as many steps as the table has entries; those that interpolate have any number. */
static void test_more_steps_than_entries(void **state)
{
	static const char *const grids[] = {
	    "trailing:round=0,", "linspace:round=0,", "time_uniform:round=0,", "normal:", "sgm_uniform:", "kl_optimal:",
	    "linear_quadratic:", "bong_tangent:",     "time_quadratic:",       "karras:", "exponential:", "log_snr:"};
	dm_schedule *s = create("linear:T=10");
	(void)state;
	for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
		char spec[64];
		snprintf(spec, sizeof spec, "%ssteps=33", grids[i]);
		dm_grid *g = create_grid(s, spec);
		assert_int_equal(dm_grid_count(g), 34);
		dm_grid_free(g);
	}
	dm_schedule_free(s);
}

/* ---------------------------------------------------------------------------------------------------------- errors */

static void test_bad_specs(void **state)
{
	(void)state;
	static const struct {
		const char *schedule, *grid;
		dm_status status;
		const char *message;
	} bad[] = {
	    {"vp", "respaced", DM_ERR_UNSUPPORTED, "needs a table's indices"},
	    {"linear", "respaced:ddim=600", DM_ERR_ARGUMENT, "no stride keeps ddim = 600 of 1000"},
	    {"linear", "respaced:ddim=10,steps=9", DM_ERR_ARGUMENT, "steps = 9, but there are 10 indices"},
	    {"linear", "respaced:sections=10/10,steps=9", DM_ERR_ARGUMENT, "steps = 9, but there are 20 indices"},
	    {"linear", "respaced:sections=501/1", DM_ERR_ARGUMENT, "a section of 500 indices cannot give 501"},
	    {"linear", "respaced:sections=1.5", DM_ERR_ARGUMENT, "a section of 1.5"},
	    {"linear", "respaced:ddim=10,sections=3", DM_ERR_ARGUMENT, "not both"},
	    {"linear", "lcm:steps=51", DM_ERR_ARGUMENT, "steps = 51 is outside [1, 50]"},
	    {"linear", "lcm:strength=0", DM_ERR_ARGUMENT, "strength = 0"},
	    {"linear", "lcm:strength=1.1", DM_ERR_ARGUMENT, "strength = 1.1 is outside [0, 1]"},
	    {"linear:T=10", "lcm", DM_ERR_ARGUMENT, "original_steps = 50, but the table has 10"},
	    {"linear", "simple:steps=1001", DM_ERR_ARGUMENT, "1001 steps, but the table has 1000"},
	    {"linear", "ddim_uniform:steps=1001", DM_ERR_ARGUMENT, "1001 steps, but the table has 1000"},
	    {"linear", "smoothstep:steps=1001", DM_ERR_ARGUMENT, "1001 steps, but the table has 1000"},
	    {"linear", "beta_index:steps=1001", DM_ERR_ARGUMENT, "1001 steps, but the table has 1000"},
	    {"linear", "time_uniform:steps=1000", DM_ERR_ARGUMENT, "1000 steps need 1001 points"},
	    {"linear", "respaced:steps=1001", DM_ERR_ARGUMENT, "1000 indices cannot give 1001"},
	    {"linear", "lcm:steps=51", DM_ERR_ARGUMENT, "steps = 51 is outside"},
	    {"alpha_bars:at=0.9/0.2", "geometric_variance:sigma_max=2", DM_ERR_ARGUMENT,
	     "sigma_max = 2 stands for the level 4"},
	    {"linear", "simple:shift=3", DM_ERR_UNSUPPORTED, "shift = 3 needs"},
	    {"ve", "simple:shift=3", DM_ERR_UNSUPPORTED, "shift = 3 needs"},
	    {"linear", "simple:T=500", DM_ERR_ARGUMENT, "T = 500, but the schedule's table has 1000"},
	    {"linear:zero_snr=exact", "simple:first_below_one=1e-4", DM_ERR_UNSUPPORTED, "first_below_one needs"},
	    {"linear:zero_snr=exact", "kl_optimal", DM_ERR_UNSUPPORTED, "infinite at the schedule's noise end"},
	    {"linear:T=1", "ddim_uniform:steps=1", DM_ERR_ARGUMENT, "begins at index 1"},
	    {"ve", "consistency:steps=41", DM_ERR_ARGUMENT, "steps = 41 is above train_steps = 40"},
	    {"ve", "consistency:at=5/7", DM_ERR_ARGUMENT, "places are whole, fall"},
	    {"ve", "consistency:at=50", DM_ERR_ARGUMENT, "lie in [0, 39]"},
	    {"ve", "consistency:at=5/1,steps=3", DM_ERR_ARGUMENT, "steps = 3, but there are 2 places"},
	    {"ve", "iddpm:steps=900,sigma_max=1", DM_ERR_ARGUMENT, "900 steps, but"},
	    {"ve", "vp_time:sigma_min=5,sigma_max=4", DM_ERR_ARGUMENT, "ask for beta_min"},
	    {"ve", "ays_sd15:steps=9,form=rounded", DM_ERR_ARGUMENT, "form=rounded has 10 steps, not 9"},
	    {"ve", "ays_sd15:form=times", DM_ERR_UNSUPPORTED, "needs a table's indices"},
	    {"trigflow", "trigflow:steps=3,intermediate=1", DM_ERR_ARGUMENT, "intermediate = 1 needs steps=2"},
	    {"trigflow", "trigflow:steps=2,max=1,intermediate=1.2", DM_ERR_ARGUMENT, "must fall"},
	    {"flow", "logit_normal:logsnr_min=3,logsnr_max=3", DM_ERR_ARGUMENT, "logsnr_min (3) must be below"},
	    {"flow", "flow:at=1/0.5,steps=3", DM_ERR_ARGUMENT, "steps = 3, but there are 2 values"},
	    {"flow", "flow:dynamic=linear,mu=0", DM_ERR_ARGUMENT, "mu = 0 must be above 0"},
	    {"flow", "flow:dynamic=linear,mu_rule=line", DM_ERR_ARGUMENT, "needs the number of tokens"},
	    {"flow", "flow:steps=1,terminal=0.1", DM_ERR_ARGUMENT, "needs a last value below 1"},
	    {"flow", "flow:invert=1", DM_ERR_ARGUMENT, "give final=included"},
	    {"flow", "flow:extra=0,respace=karras", DM_ERR_ARGUMENT, "needs a last value above 0"},
	    {"flow", "flow:at=0.5/0.75", DM_ERR_ARGUMENT, "must fall"},
	    {"flow", "flow:at=0.5/nan", DM_ERR_ARGUMENT, "nan"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dm_schedule *s = create(bad[i].schedule);
		dm_grid *g = (dm_grid *)&g;
		dm_error err = {0};
		dm_status st = dm_grid_create(&g, s, bad[i].grid, NULL, &err);
		if (st != bad[i].status || !strstr(err.message, bad[i].message))
			fail_msg("%s: status %d, %s", bad[i].grid, (int)st, err.message);
		assert_null(g);
		dm_schedule_free(s);
	}
}

static void test_memory(void **state)
{
	(void)state;
	static const char *const specs[] = {"flow:steps=5,shift=3", "iddpm:steps=3", "ddim_uniform:steps=7"};
	struct memory memory;
	dm_allocator allocator = counting_allocator(&memory);
	dm_schedule *s[3] = {create("flow"), create("edm"), create("linear")};
	for (size_t k = 0; k < 3; k++) {
		for (int n = 0;; n++) {
			dm_grid *g;
			dm_error err;
			memory = (struct memory){.left = n};
			dm_status st = dm_grid_create(&g, s[k], specs[k], &allocator, &err);
			dm_grid_free(g);
			assert_true(memory.bytes == 0 && (st == DM_OK || st == DM_ERR_MEMORY));
			if (st == DM_OK) {
				assert_true(n >= 3);
				break;
			}
		}
		dm_schedule_free(s[k]);
	}
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(times),     TEST(clip_lambda), TEST(levels),       TEST(resampled),
	    TEST(flow),      TEST(iddpm),       TEST(every_family), TEST(more_steps_than_entries),
	    TEST(bad_specs), TEST(memory)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
