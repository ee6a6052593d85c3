/* Draws with a method that the small build holds, and is refused one that it does not. */
#include "demist.h"
#include <stdio.h>
#include <string.h>

static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t i = 0; i < rq->n_sample * rq->n_element; i++)
			((float *)rq->out[b])[i] = 0.5f * ((const float *)rq->x)[i];
	return 0;
}

static dm_status draw(const char *spec, dm_error *err)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_run *run;
	dm_status st = dm_run_create_spec(&run, spec, &ops, NULL, 8, 1, NULL, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	dm_run_free(run);
	return st;
}

int main(void)
{
	dm_error err;
	if (draw("sampler=dpmpp_2m schedule=flow grid=flow:steps=10 model=v guidance=cfg:scale=2", &err) != DM_OK)
		return puts(err.message), 1;
	if (draw("sampler=heun schedule=flow grid=flow:steps=10 model=v", &err) == DM_OK || !strstr(err.message, "heun"))
		return puts("heun is here"), 1;
	return 0;
}
