/* Reading the results, and the calls that do everything at once. */
#include "base/compiler.h"
#include "likelihood/ode.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

dm_status dm_likelihood_values(const dm_likelihood *l, double *log_density, double *bits, int64_t *n_eval,
                               dm_error *err)
{
	static const double ln2 = 0.6931471805599453;
	dm_status st = dmi_ask_late(l, "likelihood values", err);
	double offset = st == DM_OK && l->ask.type == &dmi_likelihood_ode ? l->ask.options.value[DMI_ODE_OFFSET] : 0;
	for (size_t i = 0; st == DM_OK && i < l->ask.n_sample; i++) {
		if (log_density)
			log_density[i] = l->log_density[i];
		if (bits)
			bits[i] = -l->log_density[i] / ((double)l->ask.n_element * ln2) + offset;
		if (n_eval)
			n_eval[i] = l->eval_of[i];
	}
	return st;
}

dm_status dm_likelihood_latent(const dm_likelihood *l, void *latent, int32_t type, dm_error *err)
{
	dm_status st = dmi_ask_late(l, "likelihood latent", err);
	if (st != DM_OK)
		return st;
	if (l->ask.type != &dmi_likelihood_ode)
		return dmi_fail(err, DM_ERR_STATE, "likelihood latent: a bound has none");
	if (!latent || (type != DM_F32 && type != DM_F64))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "likelihood latent: latent must not be NULL, type (%d) must be DM_F32 (1) or DM_F64 (2)", type);
	const dm_node *end = &l->ode.node[l->ode.n_node - 1];
	double r = sqrt(end->alpha * end->alpha + end->sigma * end->sigma);
	for (size_t i = 0; i < l->ask.n_sample; i++) {
		const dm_input y = dmi_row(l->ode.y + i * l->ask.n_element);
		dmi_row_sum(&l->ask, i, 1, &y, &r, (char *)latent + i * l->ask.n_element * dmi_type_size(type), type);
	}
	return DM_OK;
}

dm_status dm_likelihood_terms(const dm_likelihood *l, double *term, size_t n_term, dm_error *err)
{
	dm_status st = dmi_ask_late(l, "likelihood terms", err);
	if (st != DM_OK)
		return st;
	if (l->ask.type != &dmi_likelihood_bound)
		return dmi_fail(err, DM_ERR_STATE, "likelihood terms: only a bound has terms");
	if (!term || n_term != l->bound.n_node)
		return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood terms: %s, n_term is %z, it must be %z",
		                term ? "of every sample" : "term is NULL", n_term, l->bound.n_node);
	memcpy(term, l->bound.term, l->ask.n_sample * n_term * sizeof *term);
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------------- one call */

dm_status dm_log_likelihood(const dm_schedule *schedule, const dm_model *model, const char *options, const void *x0,
                            int32_t type, size_t n_sample, size_t n_element, double *log_density, double *bits,
                            void *latent, int64_t *n_eval, const dm_allocator *allocator, dm_error *err)
{
	dm_likelihood *l;
	dm_status st = dm_likelihood_create(&l, schedule, model, options, x0, type, n_sample, n_element, allocator, err);
	if (st != DM_OK)
		return st;
	st = dm_likelihood_all(l, err);
	if (st == DM_OK)
		st = dm_likelihood_values(l, log_density, bits, n_eval, err);
	if (st == DM_OK && latent)
		st = dm_likelihood_latent(l, latent, type, err);
	dm_likelihood_free(l);
	return st;
}

dm_status dm_variational_bound(const dm_schedule *schedule, const dm_grid *grid, const dm_model *model,
                               const char *options, const void *x0, int32_t type, size_t n_sample, size_t n_element,
                               double *bits, double *term, size_t n_term, const dm_allocator *allocator, dm_error *err)
{
	dm_likelihood *l;
	dm_status st =
	    dm_likelihood_create_bound(&l, schedule, grid, model, options, x0, type, n_sample, n_element, allocator, err);
	if (st != DM_OK)
		return st;
	if (term && n_term != l->bound.n_node)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "bound: n_term is %z, it must be %z", n_term, l->bound.n_node);
	if (st == DM_OK)
		st = dm_likelihood_all(l, err);
	if (st == DM_OK)
		st = dm_likelihood_values(l, NULL, bits, NULL, err);
	if (st == DM_OK && term)
		st = dm_likelihood_terms(l, term, n_term, err);
	dm_likelihood_free(l);
	return st;
}
