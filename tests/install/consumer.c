/* What a program outside the project does with an installed demist: sample, with a denoiser that always says 0.25. */
#include <demist.h>
#include <stdio.h>

static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (size_t i = 0; i < rq->n_sample; i++)
		for (size_t j = 0; j < rq->n_element; j++)
			((float *)rq->out[0])[i * rq->out_stride + j] = 0.25f;
	return DM_OK;
}

int main(void)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_run *run;
	dm_error err;
	float x[2 * 3] = {0};
	if (dm_run_create_spec(&run, "sampler=dpmpp_2m schedule=linear grid=trailing:steps=5 model=x0", &ops, NULL, 2, 3,
	                       NULL, &err) != DM_OK ||
	    dm_run_all(run, &err) != DM_OK || dm_run_state(run, x, DM_F32, &err) != DM_OK) {
		puts(err.message);
		return 1;
	}
	dm_run_free(run);
	int right = dm_version() == DM_VERSION_MAJOR * 10000 + DM_VERSION_MINOR * 100 + DM_VERSION_PATCH;
	for (int i = 0; i < 6; i++)
		right = right && x[i] > 0.25f - 1e-6f && x[i] < 0.25f + 1e-6f;
	printf("version %d, sample %g: %s\n", (int)dm_version(), (double)x[0], right ? "right" : "WRONG");
	return !right;
}
