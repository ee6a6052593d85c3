/* Prints a plan for every registered sampler. Linked with the floors up to plan, without array and run: that it links
 * shows that a sampler is pure arithmetic over scalars. */
#include "demist.h"
#include "sampler/sampler.h"
#include <stdio.h>

static const struct {
	const char *schedule, *grid;
} process[] = {{"linear", "trailing:steps=4"}, {"flow", "flow:steps=4"}, {"ve", "karras:steps=4"}};
enum { N_PROCESS = sizeof process / sizeof *process };

static dm_status print_plan(const char *sampler, int k, dm_error *err)
{
	static char text[1 << 18];
	size_t length;
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_model *model = NULL;
	dm_sampler *own = NULL;
	dm_plan *plan = NULL;
	dm_status st = dm_schedule_create(&schedule, process[k].schedule, NULL, err);
	if (st == DM_OK)
		st = dm_grid_create(&grid, schedule, process[k].grid, NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "x0", NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&own, sampler, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(&plan, schedule, grid, own, model, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_plan_print(plan, "table", text, sizeof text, &length, err);
	if (st == DM_OK)
		puts(text);
	dm_schedule_free(schedule);
	dm_grid_free(grid);
	dm_model_free(model);
	dm_sampler_free(own);
	dm_plan_free(plan);
	return st;
}

/* On the first kind of process where it has a meaning. */
static int print_somewhere(const char *sampler)
{
	dm_error err = {0};
	for (int k = 0; k < N_PROCESS; k++)
		if (print_plan(sampler, k, &err) == DM_OK)
			return 1;
	fprintf(stderr, "%s: %s\n", sampler, err.message);
	return 0;
}

int main(void)
{
	int32_t n;
	const struct dmi_method *const *registry = dmi_sampler_registry(&n);
	for (int32_t i = 0; i < n; i++)
		if (!print_somewhere(registry[i]->info.name))
			return 1;
	return n == 0;
}
