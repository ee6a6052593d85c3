/* Prints a plan for every registered sampler. Linked with the floors up to plan, without array and run: that it links
 * shows that a sampler is pure arithmetic over scalars. */
#include "demist.h"
#include "sampler/sampler.h"
#include <stdio.h>

static dm_status print_plan(const char *sampler, dm_error *err)
{
	static char text[1 << 16];
	size_t length;
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_model *model = NULL;
	dm_sampler *own = NULL;
	dm_plan *plan = NULL;
	dm_status st = dm_schedule_create(&schedule, "linear", NULL, err);
	if (st == DM_OK)
		st = dm_grid_create(&grid, schedule, "trailing:steps=4", NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "epsilon", NULL, NULL, NULL, err);
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

int main(void)
{
	int32_t n;
	const struct dmi_method *const *registry = dmi_sampler_registry(&n);
	for (int32_t i = 0; i < n; i++) {
		dm_error err = {0};
		if (print_plan(registry[i]->info.name, &err) != DM_OK) {
			fprintf(stderr, "%s: %s\n", registry[i]->info.name, err.message);
			return 1;
		}
	}
	return n == 0;
}
