/* gradient_estimation with fresh noise, against the loop of its definition. */
#include "properties.h"

enum { N_NODE = 6, ELEMENTS = 4 };

/* Over u = sigma/alpha (ve) or s = sigma/(alpha + sigma) (flow, where alpha = 1 - s): the level below the node, the factor
 * on the state there, and the noise that is added; eta <= 1. */
struct split {
	double down, scale, up;
};

static struct split split_ve(double level, double to, double eta)
{
	struct split a = {.scale = 1};
	a.up = fmin(to, eta * to * sqrt(1 - to * to / (level * level)));
	a.down = sqrt(to * to - a.up * a.up);
	return a;
}

static struct split split_rf(double level, double to, double eta)
{
	struct split a = {.down = to * (1 + (to / level - 1) * eta)};
	a.scale = (1 - to) / (1 - a.down);
	a.up = sqrt(to * to - a.down * a.down * a.scale * a.scale);
	return a;
}

/* The loop: level[] falls to 0. Flow: x = (1 - s) x0 + s noise; else x = x0 + u noise. */
static double loop(int flow, const double *level, double x, double gamma, double eta, const double *z)
{
	double old = 0;
	for (int i = 0; i + 1 < N_NODE; i++) {
		double alpha = flow ? 1 - level[i] : 1, to = level[i + 1], x0 = exact_x0(&mixture, x, alpha, level[i]);
		double d = (x - x0) / level[i];
		if (to == 0) {
			x = x0;
			continue;
		}
		struct split a = flow ? split_rf(level[i], to, eta) : split_ve(level[i], to, eta);
		x += (a.down - level[i]) * (i ? gamma * d + (1 - gamma) * old : d);
		x = a.scale * x + a.up * z[i];
		old = d;
	}
	return x;
}

static void library(const char *sampler, int flow, const double *level, double x[ELEMENTS])
{
	dm_node node[N_NODE];
	dm_schedule *schedule;
	const char *spec = flow ? "flow" : "edm";
	struct world w = {.kind = "x0", .target = &mixture};
	assert_int_equal(dm_schedule_create(&schedule, spec, NULL, NULL), DM_OK);
	for (int i = 0; i < N_NODE; i++) {
		double u = flow ? level[i] / (1 - level[i]) : level[i];
		assert_int_equal(dm_schedule_at_lambda(schedule, -log(u), &node[i], NULL), DM_OK);
	}
	dm_schedule_free(schedule);
	struct recipe r = {.sampler = sampler, .schedule = spec, .model = "x0", .node = node, .n_node = N_NODE};
	dm_plan *plan = make_plan(&r, predict, &w);
	finish_run(make_run(plan, DM_F64, 1, ELEMENTS, "seed=5"), DM_F64, x);
	dm_plan_free(plan);
}

static void ancestral_is_the_loop(void **state)
{
	static const double ve[N_NODE] = {14, 5, 2.2, 0.9, 0.3, 0}, flow[N_NODE] = {0.95, 0.8, 0.6, 0.4, 0.15, 0};
	static const struct {
		const char *sampler;
		double gamma, eta;
		int flow;
	} forms[] = {
	    {"gradient_estimation:eta=1", 2, 1, 0},
	    {"gradient_estimation:eta=0.4,gamma=1.7", 1.7, 0.4, 0},
	    {"gradient_estimation:eta=1,split=rf", 2, 1, 1},
	    {"gradient_estimation:eta=0.4,split=rf,gamma=1.7", 1.7, 0.4, 1},
	};
	(void)state;
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
		const double *level = forms[f].flow ? flow : ve;
		double x[ELEMENTS], start[ELEMENTS], z[N_NODE][ELEMENTS];
		library(forms[f].sampler, forms[f].flow, level, x);
		assert_int_equal(dm_normals(5, 0, 0, 0, ELEMENTS, DM_F64, start, NULL), DM_OK);
		for (int i = 0; i < N_NODE; i++) {
			uint32_t draw;
			assert_int_equal(dm_draw(DM_DRAW_STEP, i, 0, &draw, NULL), DM_OK);
			assert_int_equal(dm_normals(5, 0, draw, 0, ELEMENTS, DM_F64, z[i], NULL), DM_OK);
		}
		for (int e = 0; e < ELEMENTS; e++) {
			double own[N_NODE];
			for (int i = 0; i < N_NODE; i++)
				own[i] = z[i][e];
			double expected = loop(forms[f].flow, level, level[0] * start[e], forms[f].gamma, forms[f].eta, own);
			if (!(fabs(x[e] - expected) <= 1e-12))
				fail_msg("%s: %.17g instead of %.17g", forms[f].sampler, x[e], expected);
		}
	}
}

/* eta = 0 takes none of it into account, to the last bit. */
static void without_noise_nothing_changes(void **state)
{
	static const double level[N_NODE] = {0.95, 0.8, 0.6, 0.4, 0.15, 0};
	static const char *const same[] = {"gradient_estimation:s_noise=1.3", "gradient_estimation:split=rf",
	                                   "gradient_estimation:eta=0,split=rf,s_noise=0"};
	double plain[ELEMENTS], x[ELEMENTS];
	(void)state;
	for (int flow = 0; flow < 2; flow++)
		for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
			library("gradient_estimation", flow, level, plain);
			library(same[i], flow, level, x);
			assert_memory_equal(x, plain, sizeof x);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ancestral_is_the_loop),
	    cmocka_unit_test(without_noise_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
