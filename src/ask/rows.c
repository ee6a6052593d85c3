/* Rows of requests, and sums over rows. */
#include "base/compiler.h"
#include "ask/ask.h"
#include "base/error.h"
#include "base/math.h"

void dmi_ask_rows(struct dmi_asker *a, size_t n, size_t n_time)
{
	for (size_t k = 0; k < n; k++) {
		a->rq_seed[k] = a->seed[a->row[k]];
		a->rq_sample[k] = a->sample[a->row[k]];
	}
	a->rq.n_sample = n;
	a->rq.n_time = n_time;
}

dm_status dmi_ask_node(struct dmi_asker *a, size_t k, const dm_node *at, dm_error *err)
{
	a->alpha[k] = at->alpha;
	a->sigma[k] = at->sigma;
	return dm_model_time(a->model, a->schedule, at, &a->time[k], err);
}

void *dmi_ask_input(const struct dmi_asker *a, size_t k)
{
	return (char *)a->x + k * a->rq.x_stride * dmi_type_size(a->rq.x_type);
}

void *dmi_ask_cotangent(const struct dmi_asker *a, size_t k)
{
	return (char *)a->cotangent + k * a->rq.out_stride * dmi_type_size(a->rq.out_type);
}

dm_input dmi_ask_answer(const struct dmi_asker *a, size_t k)
{
	const char *out = a->out[0];
	return (dm_input){.data = out + k * a->rq.out_stride * dmi_type_size(a->rq.out_type), .type = a->rq.out_type};
}

dm_status dmi_ask_decode(const struct dmi_asker *a, int32_t space, const dm_node *at, double row[2], dm_error *err)
{
	struct dmi_level level;
	dmi_model_level(a->model, a->schedule, at, &level);
	dmi_prediction_row(a->model->kind, space, &level, row);
	if (dmi_is_finite(row[0]) && dmi_is_finite(row[1]))
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED,
	                "%s: prediction \"%s\" says nothing about %s at t = %g (alpha = %g, sigma = %g)", a->type->name,
	                a->model->kind->method.info.name, space == DM_SPACE_X0 ? "x0" : "the direction of the equation",
	                at->t, at->alpha, at->sigma);
}

dm_status dmi_ask_scale(const struct dmi_asker *a, const dm_node *at, double *scale, dm_error *err)
{
	*scale = dmi_model_input_scale(a->model, at);
	return dmi_is_finite(*scale)
	           ? DM_OK
	           : dmi_fail(err, DM_ERR_UNSUPPORTED, "%s: the model's input has no scale at t = %g (alpha = %g)",
	                      a->type->name, at->t, at->alpha);
}

void dmi_row_sum(const struct dmi_asker *a, size_t sample, int32_t n, const dm_input *in, const double *c, void *out,
                 int32_t type)
{
	const dm_output to = {.data = out, .type = type};
	const dm_job job = {.struct_size = sizeof job,
	                    .n_sample = 1,
	                    .n_element = a->n_element,
	                    .seed = &a->seed[sample],
	                    .sample = &a->sample[sample],
	                    .n_in = n,
	                    .n_out = 1,
	                    .in = in,
	                    .out = &to,
	                    .coefficient = c};
	dmi_kernels_f64.combine(&job, 0, 0, a->n_element);
}

void dmi_row_gram(const struct dmi_asker *a, size_t sample, int32_t n, const dm_input *in, double *gram)
{
	static const double identity[DMI_GRAM][DMI_GRAM * DMI_GRAM] = {{1}, {1, 0, 0, 1}, {1, 0, 0, 0, 1, 0, 0, 0, 1}};
	double sum[DMI_GRAM];
	const dm_job job = {.struct_size = sizeof job,
	                    .n_sample = 1,
	                    .n_element = a->n_element,
	                    .seed = &a->seed[sample],
	                    .sample = &a->sample[sample],
	                    .n_in = n,
	                    .n_out = n,
	                    .in = in,
	                    .coefficient = identity[n - 1]};
	dmi_kernels_f64.stats(&job, 0, gram, sum);
}

double dmi_row_product(const struct dmi_asker *a, dm_input x, dm_input y)
{
	double gram[4];
	dmi_row_gram(a, 0, 2, (dm_input[]){x, y}, gram);
	return gram[1];
}
