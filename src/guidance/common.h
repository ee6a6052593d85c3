/* What the guidances of the classifier-free family share: a scale that may depend on the noise level, and lists of
 * branches with weights. */
#ifndef DMI_GUIDANCE_COMMON_H
#define DMI_GUIDANCE_COMMON_H

#include "guidance/guidance.h"
#include <math.h>

/* The first options of a guidance: its scale, the interval of lambda = ln(alpha / sigma) in which it acts, both ends
 * included, and the scale as a function of lambda. */
enum { DMI_SCALE, DMI_FROM, DMI_TO, DMI_TABLE, DMI_SCALE_END };

#define DMI_INTERVAL_OPTIONS                                                                                           \
	DMI_REAL("from", "least lambda = ln(alpha / sigma) at which it acts", -(double)INFINITY, -(double)INFINITY,        \
	         (double)INFINITY),                                                                                        \
	    DMI_REAL("to", "largest lambda at which it acts", (double)INFINITY, -(double)INFINITY, (double)INFINITY)

#define DMI_SCALE_OPTIONS_WITHIN(help, value, low, high)                                                               \
	DMI_REAL("scale", help, value, low, high), DMI_INTERVAL_OPTIONS,                                                   \
	    DMI_LIST("table",                                                                                              \
	             "lambda/scale/lambda/scale/...: in place of scale, linear in lambda, constant before and after",      \
	             -1e30, 1e30)
#define DMI_SCALE_OPTIONS(help, value) DMI_SCALE_OPTIONS_WITHIN(help, value, -1000, 1000)

/* Whether a node lies in the interval. */
int dmi_acts_at(const double *option, const dm_node *at);

/* The scale at a node: neutral outside the interval. */
double dmi_scale_at(const double *option, const dm_node *at, double neutral);

/* The checks of a guidance that has these options: dmi_guidance_check_interval for the interval alone. */
dm_status dmi_guidance_check_interval(const struct dmi_guidance_type *type, const struct dmi_options *options,
                                      dm_guidance_ops *ops, dm_error *err);
dm_status dmi_guidance_check_scale(const struct dmi_guidance_type *type, const struct dmi_options *options,
                                   dm_guidance_ops *ops, dm_error *err);

/* A branch and its weight; the first of a list stands for the result of the stages before (the given condition where
 * there are none), whatever its branch says. */
struct dmi_part {
	dm_branch branch;
	double weight;
};

/* Adds the branches of the parts whose weight is not 0. */
void dmi_list_parts(const struct dmi_part *part, int32_t n_part, dm_branch *branch, int32_t *n);

/* weight[0 .. n] of the parts; all others 0. */
void dmi_weigh_parts(const struct dmi_part *part, int32_t n_part, const dm_branch *branch, int32_t n, double *weight);

/* For stages that weigh the result so far by its statistics: they need it, and `other`. */
void dmi_list_against(int32_t condition, dm_branch *branch, int32_t *n);

#endif
