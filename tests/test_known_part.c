/* docs/conditioning.md: with which samplers the known part of an inpainted sample comes out as it is. */
#include "run_testing.h"

enum { N = 4 };

static const double mask[N] = {1, 0, 1, 0}, known[N] = {0.7, 0, -1.2, 0};

/* The largest distance of a known element from what it should be; below 0 where the sampler does not go with the process. */
static double distance(const char *sampler, const char *process, const char *guidance)
{
	struct denoiser d = {.kind = X0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	char spec[300];
	double x[2 * N], most = 0;
	dm_run *run;
	dm_error error;
	snprintf(spec, sizeof spec, "sampler=%s %s model=x0 dtype=f64 guidance=%s", sampler, process, guidance);
	if (dm_run_create_spec(&run, spec, &ops, &d, 2, N, NULL, &error) != DM_OK)
		return -1;
	DO(dm_run_bind(run, DM_BOUND_MASK, mask, DM_F64, N, err));
	DO(dm_run_bind(run, DM_BOUND_KNOWN, known, DM_F64, N, err));
	if (dm_run_all(run, &error) == DM_OK) {
		DO(dm_run_state(run, x, DM_F64, err));
		for (int i = 0; i < 2 * N; i += 2)
			most = fmax(most, fabs(x[i] - known[i % N]));
	} else /* of what the page says: no step is short enough */
		most = error.status == DM_ERR_LIMIT && !strcmp(sampler, "rk45") ? -1 : NAN;
	dm_run_free(run);
	return most;
}

/* The exceptions of that page. */
static int may_differ(const char *sampler, const char *guidance)
{
	static const char *const names[] = {"edict", "lcm", "edm_ablation", "pc"};
	int found = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		found |= !strcmp(sampler, names[i]) && !strstr(guidance, "replace");
	return found;
}

static void test_known_part(void **state)
{
	static const char *const processes[] = {"schedule=vp grid=log_snr:steps=6,final=zero",
	                                        "schedule=edm grid=karras:steps=6", "schedule=flow grid=flow:steps=6"};
	static const char *const guidances[] = {"inpaint", "inpaint:mode=replace", "inpaint:mode=clean",
	                                        "clip:range=1|inpaint"};
	const dm_method *method;
	int checked = 0;
	(void)state;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)) != NULL; i++)
		for (int k = 0; k < 12; k++) {
			double found = distance(method->name, processes[k / 4], guidances[k % 4]);
			checked += found >= 0;
			if (!(found < 1e-9) && !(found >= 0 && may_differ(method->name, guidances[k % 4])))
				fail_msg("%s, %s, %s: a known element is off by %g", method->name, processes[k / 4], guidances[k % 4],
				         found);
		}
	assert_true(checked > 400);
	/* a map behind it acts on what is known, too: 1.2 becomes 1 */
	double clipped = distance("ddim", processes[0], "inpaint|clip:range=1"), want = 0.2;
	check_same("clipped", &clipped, &want, 1, 1e-12);
	/* lcm keeps a share of the state */
	assert_true(distance("lcm", processes[0], "inpaint") < 1e-4 && distance("lcm", processes[1], "inpaint") > 0.01);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_part)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
