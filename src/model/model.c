#include "model/model.h"
#include "base/error.h"
#include "base/math.h"
#include "model/time.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { INPUT_AUTO, INPUT_STATE, INPUT_SCALED, INPUT_VE };

static void finish(void *object)
{
	dm_model *model = object;
	if (model->ops.destroy)
		model->ops.destroy(model->user);
	dmi_options_free(&model->options, &model->object.allocator);
}

static dm_status fill(dm_model *model, const char *spec, dm_error *err)
{
	const char *text;
	int32_t n;
	const struct dmi_method *const *registry = dmi_prediction_registry(&n);
	const struct dmi_method *method = dmi_method_find(registry, n, "model", spec, &text, err);
	if (!method)
		return spec ? DM_ERR_NAME : DM_ERR_ARGUMENT;
	model->kind = (const struct dmi_prediction *)method;
	return dmi_options_parse(&model->options, "model", method->info.name, method->option, method->info.n_option, text,
	                         &model->object.allocator, err);
}

dm_status dm_model_create(dm_model **out, const char *spec, const dm_model_ops *ops, void *user,
                          const dm_allocator *allocator, dm_error *err)
{
	dm_model_ops own = {0};
	dm_status st = DM_OK;
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	if (ops)
		st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_model_ops, destroy) + sizeof own.destroy, "model ops",
		                     err);
	if (st == DM_OK && !out)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "model: out is NULL");
	dm_model *model = st == DM_OK ? dmi_object_new(sizeof *model, allocator, finish, err) : NULL;
	if (!model) {
		if (own.destroy)
			own.destroy(user);
		return err->status;
	}
	model->ops = own;
	model->user = user;
	st = fill(model, spec, err);
	if (st == DM_OK)
		*out = model;
	else
		dmi_object_release(model);
	return st;
}

void dm_model_free(dm_model *model)
{
	dmi_object_release(model);
}

double dmi_model_sigma_data(const dm_model *model)
{
	return model->options.value[DMI_MODEL_SIGMA_DATA];
}

void dmi_model_level(const dm_model *model, const dm_schedule *schedule, const dm_node *at, struct dmi_level *out)
{
	dm_node previous = {.alpha = NAN, .sigma = NAN};
	dm_error unused;
	if (schedule && dm_schedule_table_size(schedule) &&
	    dm_schedule_at_time(schedule, fmax(at->t - 1, -1), &previous, &unused) != DM_OK)
		previous.alpha = previous.sigma = NAN;
	*out = (struct dmi_level){.alpha = at->alpha,
	                          .sigma = at->sigma,
	                          .sigma_data = dmi_model_sigma_data(model),
	                          .sigma_min = model->options.value[DMI_MODEL_SIGMA_MIN],
	                          .previous_alpha = previous.alpha,
	                          .previous_sigma = previous.sigma};
}

dm_status dmi_model_fail_level(const dm_model *model, const dm_schedule *schedule, const dm_node *at, const char *what,
                               dm_error *err)
{
	const char *name = model->kind->method.info.name;
	if (dmi_prediction_needs_table(model->kind) && !dm_schedule_table_size(schedule))
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "model \"%s\": %s cannot be had from it: it needs a table, but the schedule is continuous",
		                name, what);
	return dmi_fail(err, DM_ERR_UNSUPPORTED, "model \"%s\": %s cannot be had from it at alpha = %g, sigma = %g", name,
	                what, at->alpha, at->sigma);
}

int dmi_model_has_variance(const dm_model *model)
{
	return model->options.value[DMI_MODEL_VARIANCE] != 0;
}

int dmi_model_has_two_times(const dm_model *model)
{
	return model->options.value[DMI_MODEL_TWO_TIME] != 0;
}

static int scaled(const dm_model *model)
{
	double input = model->options.value[DMI_MODEL_INPUT];
	return input == INPUT_SCALED || (input == INPUT_AUTO && model->kind->scaled_input);
}

double dmi_model_input_scale(const dm_model *model, const dm_node *at)
{
	double sd = dmi_model_sigma_data(model);
	if (model->options.value[DMI_MODEL_INPUT] == INPUT_VE)
		return 1 / at->alpha;
	return scaled(model) ? 1 / sqrt(at->alpha * at->alpha * sd * sd + at->sigma * at->sigma) : 1;
}

int dmi_model_reads_state(const dm_model *model)
{
	const double *value = model->options.value;
	return !scaled(model) && value[DMI_MODEL_INPUT] != INPUT_VE && value[DMI_MODEL_X] == 0 &&
	       value[DMI_MODEL_X_STRIDE] == 0;
}

static int32_t type_of(double word, int32_t state_type)
{
	return word == 0 ? state_type : (int32_t)word; /* the words stand in the order of DM_F32 .. DM_BF16 */
}

int32_t dmi_model_x_type(const dm_model *model, int32_t state_type)
{
	return type_of(model->options.value[DMI_MODEL_X], state_type);
}

int32_t dmi_model_out_type(const dm_model *model, int32_t state_type)
{
	return type_of(model->options.value[DMI_MODEL_OUT], state_type);
}

static size_t stride_of(double stride, size_t n_element)
{
	return stride == 0 ? n_element : (size_t)stride;
}

size_t dmi_model_x_stride(const dm_model *model, size_t n_element)
{
	return stride_of(model->options.value[DMI_MODEL_X_STRIDE], n_element);
}

size_t dmi_model_out_stride(const dm_model *model, size_t n_element)
{
	return stride_of(model->options.value[DMI_MODEL_OUT_STRIDE], n_element);
}

void dmi_model_print(const dm_model *model, struct dmi_text *text)
{
	const struct dmi_method *method = &model->kind->method;
	dmi_options_print(text, method->info.name, method->option, method->info.n_option, &model->options);
}

dm_status dm_model_time(const dm_model *model, const dm_schedule *schedule, const dm_node *at, double *time,
                        dm_error *err)
{
	if (!model || !schedule || !at || !time)
		return dmi_fail(err, DM_ERR_ARGUMENT, "model time: model, schedule, at and time must not be NULL");
	if (!dmi_is_nan(at->time)) {
		*time = at->time;
		return DM_OK;
	}
	struct dmi_time_numbers numbers = {model->options.value[DMI_MODEL_TIME_N], dmi_model_sigma_data(model)};
	return dmi_time_at((int32_t)model->options.value[DMI_MODEL_TIME], &numbers, schedule, at, time, err);
}

static const struct dmi_prediction *find(const char *name, dm_error *err)
{
	int32_t n;
	const char *rest;
	const struct dmi_method *const *registry = dmi_prediction_registry(&n);
	if (strchr(name, ':')) {
		dmi_fail(err, DM_ERR_NAME, "convert: \"%s\" must be the name of a prediction alone", name);
		return NULL;
	}
	return (const struct dmi_prediction *)dmi_method_find(registry, n, "convert", name, &rest, err);
}

dm_status dm_convert(const char *from, const char *to, double alpha, double sigma, double sigma_data,
                     double coefficient[2], dm_error *err)
{
	double x0[2], epsilon[2], through[3];
	if (!from || !to || !coefficient)
		return dmi_fail(err, DM_ERR_ARGUMENT, "convert: from, to and coefficient must not be NULL");
	if (!(alpha >= 0 && sigma >= 0 && alpha + sigma > 0 && alpha < INFINITY && sigma < INFINITY))
		return dmi_fail(err, DM_ERR_ARGUMENT, "convert: alpha = %g, sigma = %g must be finite, >= 0 and not both 0",
		                alpha, sigma);
	if (!(sigma_data > 0 && sigma_data < INFINITY))
		return dmi_fail(err, DM_ERR_ARGUMENT, "convert: sigma_data = %g must be above 0", sigma_data);
	const struct dmi_prediction *a = find(from, err), *b = a ? find(to, err) : NULL;
	if (!b)
		return DM_ERR_NAME;
	if (a == b) {
		coefficient[0] = 0;
		coefficient[1] = 1;
		return DM_OK;
	}
	const struct dmi_level at = {alpha, sigma, sigma_data, 0, NAN, NAN};
	a->decode(&at, x0, epsilon);
	b->encode(&at, through);
	dmi_prediction_through(through, x0, epsilon, coefficient);
	if (!dmi_is_finite(coefficient[0]) || !dmi_is_finite(coefficient[1]))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "convert: %s from %s has no meaning at alpha = %g, sigma = %g", to,
		                from, alpha, sigma);
	return DM_OK;
}
