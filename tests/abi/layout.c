/* The binary interface: where the members of public structs lie on machines with 64-bit pointers, and the values of
 * public numbers. Members are only appended, which changes a SIZE; no AT and no IS ever changes. */
#include "demist.h"

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)
#define IS(name, value) _Static_assert((name) == (value), #name)

#if UINTPTR_MAX == UINT64_MAX

SIZE(dm_error, 312);
AT(dm_error, status, 0);
AT(dm_error, user_code, 4);
AT(dm_error, step, 8);
AT(dm_error, eval, 16);
AT(dm_error, branch, 24);
AT(dm_error, sample, 32);
AT(dm_error, element, 40);
AT(dm_error, value, 48);
AT(dm_error, message, 56);

SIZE(dm_allocator, 32);
AT(dm_allocator, struct_size, 0);
AT(dm_allocator, user, 8);
AT(dm_allocator, allocate, 16);
AT(dm_allocator, release, 24);

SIZE(dm_option, 64);
AT(dm_option, struct_size, 0);
AT(dm_option, name, 8);
AT(dm_option, help, 16);
AT(dm_option, type, 24);
AT(dm_option, value, 32);
AT(dm_option, low, 40);
AT(dm_option, high, 48);
AT(dm_option, choice, 56);

SIZE(dm_method, 48);
AT(dm_method, struct_size, 0);
AT(dm_method, name, 8);
AT(dm_method, help, 16);
AT(dm_method, source, 24);
AT(dm_method, n_option, 32);
AT(dm_method, known_as, 40);

SIZE(dm_node, 48);
AT(dm_node, t, 0);
AT(dm_node, time, 8);
AT(dm_node, alpha, 16);
AT(dm_node, sigma, 24);
AT(dm_node, lambda, 32);
AT(dm_node, visit, 40);

SIZE(dm_schedule_ops, 40);
AT(dm_schedule_ops, struct_size, 0);
AT(dm_schedule_ops, level, 8);
AT(dm_schedule_ops, destroy, 16);
AT(dm_schedule_ops, time, 24);
AT(dm_schedule_ops, rates, 32);

SIZE(dm_sde_ops, 32);
AT(dm_sde_ops, struct_size, 0);
AT(dm_sde_ops, drift, 8);
AT(dm_sde_ops, diffusion, 16);
AT(dm_sde_ops, destroy, 24);

SIZE(dm_branch, 12);
AT(dm_branch, model, 0);
AT(dm_branch, condition, 4);
AT(dm_branch, perturbation, 8);

SIZE(dm_request, 248);
AT(dm_request, struct_size, 0);
AT(dm_request, kind, 8);
AT(dm_request, n_branch, 12);
AT(dm_request, eval, 16);
AT(dm_request, step, 24);
AT(dm_request, n_step, 32);
AT(dm_request, sample, 40);
AT(dm_request, seed, 48);
AT(dm_request, row, 56);
AT(dm_request, n_sample, 64);
AT(dm_request, n_element, 72);
AT(dm_request, time, 80);
AT(dm_request, alpha, 88);
AT(dm_request, sigma, 96);
AT(dm_request, n_time, 104);
AT(dm_request, x, 112);
AT(dm_request, x_type, 120);
AT(dm_request, out_type, 124);
AT(dm_request, x_stride, 128);
AT(dm_request, out_stride, 136);
AT(dm_request, branch, 144);
AT(dm_request, out, 152);
AT(dm_request, out_variance, 160);
AT(dm_request, x0, 168);
AT(dm_request, draw, 176);
AT(dm_request, draw_ordinal, 184);
AT(dm_request, error, 192);
AT(dm_request, cotangent, 200);
AT(dm_request, target, 208);
AT(dm_request, log_value, 216);
AT(dm_request, time_to, 224);
AT(dm_request, alpha_to, 232);
AT(dm_request, sigma_to, 240);

SIZE(dm_model_ops, 40);
AT(dm_model_ops, struct_size, 0);
AT(dm_model_ops, predict, 8);
AT(dm_model_ops, destroy, 16);
AT(dm_model_ops, vjp, 24);
AT(dm_model_ops, gradient, 32);

SIZE(dm_guidance_ops, 80);
AT(dm_guidance_ops, struct_size, 0);
AT(dm_guidance_ops, needs_stats, 8);
AT(dm_guidance_ops, branches, 16);
AT(dm_guidance_ops, weights, 24);
AT(dm_guidance_ops, destroy, 32);
AT(dm_guidance_ops, keep, 40);
AT(dm_guidance_ops, before, 48);
AT(dm_guidance_ops, after, 56);
AT(dm_guidance_ops, state, 64);
AT(dm_guidance_ops, rule, 72);

SIZE(dm_guide, 80);
AT(dm_guide, struct_size, 0);
AT(dm_guide, step, 8);
AT(dm_guide, n_step, 16);
AT(dm_guide, at, 24);
AT(dm_guide, from, 32);
AT(dm_guide, to, 40);
AT(dm_guide, schedule, 48);
AT(dm_guide, x, 56);
AT(dm_guide, evaluation, 60);
AT(dm_guide, end, 64);
AT(dm_guide, variance, 72);

SIZE(dm_operator_ops, 32);
AT(dm_operator_ops, struct_size, 0);
AT(dm_operator_ops, apply, 8);
AT(dm_operator_ops, adjoint, 16);
AT(dm_operator_ops, destroy, 24);

SIZE(dm_noise_ops, 24);
AT(dm_noise_ops, struct_size, 0);
AT(dm_noise_ops, fill, 8);
AT(dm_noise_ops, destroy, 16);

SIZE(dm_term, 16);
AT(dm_term, coefficient, 0);
AT(dm_term, value, 8);

SIZE(dm_past, 56);
AT(dm_past, at, 0);
AT(dm_past, prediction, 48);
AT(dm_past, order, 52);

SIZE(dm_step, 104);
AT(dm_step, struct_size, 0);
AT(dm_step, step, 8);
AT(dm_step, n_step, 16);
AT(dm_step, from, 24);
AT(dm_step, to, 32);
AT(dm_step, x, 40);
AT(dm_step, n_past, 44);
AT(dm_step, past, 48);
AT(dm_step, kept, 56);
AT(dm_step, option, 64);
AT(dm_step, memory, 72);
AT(dm_step, schedule, 80);
AT(dm_step, grid, 88);
AT(dm_step, end, 96);

SIZE(dm_stats, 40);
AT(dm_stats, struct_size, 0);
AT(dm_stats, n, 8);
AT(dm_stats, n_element, 16);
AT(dm_stats, gram, 24);
AT(dm_stats, sum, 32);

SIZE(dm_sampler_ops, 64);
AT(dm_sampler_ops, struct_size, 0);
AT(dm_sampler_ops, n_past, 8);
AT(dm_sampler_ops, n_kept, 12);
AT(dm_sampler_ops, n_memory, 16);
AT(dm_sampler_ops, step, 24);
AT(dm_sampler_ops, control, 32);
AT(dm_sampler_ops, destroy, 40);
AT(dm_sampler_ops, weights, 48);
AT(dm_sampler_ops, clock, 56);
AT(dm_sampler_ops, order, 60);

SIZE(dm_operand, 32);
AT(dm_operand, slot, 0);
AT(dm_operand, draw, 4);
AT(dm_operand, path_from, 8);
AT(dm_operand, path_to, 16);
AT(dm_operand, draw_ordinal, 24);

SIZE(dm_row, 104);
AT(dm_row, struct_size, 0);
AT(dm_row, kind, 8);
AT(dm_row, weighted, 12);
AT(dm_row, step, 16);
AT(dm_row, n_in, 24);
AT(dm_row, n_out, 28);
AT(dm_row, n_branch, 32);
AT(dm_row, map, 36);
AT(dm_row, in, 40);
AT(dm_row, out, 48);
AT(dm_row, coefficient, 56);
AT(dm_row, parameter, 64);
AT(dm_row, at, 72);
AT(dm_row, branch, 80);
AT(dm_row, stage, 88);
AT(dm_row, to, 96);

SIZE(dm_plan_info, 80);
AT(dm_plan_info, struct_size, 0);
AT(dm_plan_info, n_step, 8);
AT(dm_plan_info, n_eval, 16);
AT(dm_plan_info, n_branch_eval, 24);
AT(dm_plan_info, n_draw, 32);
AT(dm_plan_info, n_slot, 40);
AT(dm_plan_info, n_state_slot, 44);
AT(dm_plan_info, adaptive, 48);
AT(dm_plan_info, departs, 52);
AT(dm_plan_info, n_past, 56);
AT(dm_plan_info, n_kept, 60);
AT(dm_plan_info, n_vjp, 64);
AT(dm_plan_info, n_gradient, 72);

SIZE(dm_input, 48);
AT(dm_input, data, 0);
AT(dm_input, stride, 8);
AT(dm_input, type, 16);
AT(dm_input, source, 20);
AT(dm_input, draw, 24);
AT(dm_input, reserved, 28);
AT(dm_input, path_from, 32);
AT(dm_input, path_to, 40);

SIZE(dm_output, 24);
AT(dm_output, data, 0);
AT(dm_output, stride, 8);
AT(dm_output, type, 16);
AT(dm_output, reserved, 20);

SIZE(dm_job, 80);
AT(dm_job, struct_size, 0);
AT(dm_job, n_sample, 8);
AT(dm_job, n_element, 16);
AT(dm_job, seed, 24);
AT(dm_job, sample, 32);
AT(dm_job, n_in, 40);
AT(dm_job, n_out, 44);
AT(dm_job, in, 48);
AT(dm_job, out, 56);
AT(dm_job, coefficient, 64);
AT(dm_job, coefficient_stride, 72);

SIZE(dm_array_ops, 104);
AT(dm_array_ops, struct_size, 0);
AT(dm_array_ops, type, 8);
AT(dm_array_ops, combine, 16);
AT(dm_array_ops, stats, 24);
AT(dm_array_ops, check, 32);
AT(dm_array_ops, map, 40);
AT(dm_array_ops, error, 48);
AT(dm_array_ops, poison, 56);
AT(dm_array_ops, poisoned, 64);
AT(dm_array_ops, copy, 72);
AT(dm_array_ops, allocate, 80);
AT(dm_array_ops, release, 88);
AT(dm_array_ops, destroy, 96);

SIZE(dm_codebook_info, 40);
AT(dm_codebook_info, struct_size, 0);
AT(dm_codebook_info, n_index, 8);
AT(dm_codebook_info, n_step, 16);
AT(dm_codebook_info, bits, 24);
AT(dm_codebook_info, bits_per_element, 32);

SIZE(dm_run_info, 48);
AT(dm_run_info, struct_size, 0);
AT(dm_run_info, n_eval, 8);
AT(dm_run_info, n_accepted, 16);
AT(dm_run_info, n_rejected, 24);
AT(dm_run_info, n_vjp, 32);
AT(dm_run_info, n_gradient, 40);

SIZE(dm_picard_info, 48);
AT(dm_picard_info, struct_size, 0);
AT(dm_picard_info, n_eval, 8);
AT(dm_picard_info, n_iteration, 16);
AT(dm_picard_info, n_request, 24);
AT(dm_picard_info, n_row, 32);
AT(dm_picard_info, n_settled, 40);

#endif

IS(DM_OK, 0);
IS(DM_EVAL, 1);
IS(DM_DONE, 2);
IS(DM_ERR_ARGUMENT, -1);
IS(DM_ERR_NAME, -2);
IS(DM_ERR_MEMORY, -3);
IS(DM_ERR_OVERFLOW, -4);
IS(DM_ERR_UNSUPPORTED, -5);
IS(DM_ERR_STATE, -6);
IS(DM_ERR_BUSY, -7);
IS(DM_ERR_CALLBACK, -8);
IS(DM_ERR_CANCELLED, -9);
IS(DM_ERR_NOT_FINITE, -10);
IS(DM_ERR_NOT_WRITTEN, -11);
IS(DM_ERR_SAMPLER, -12);
IS(DM_ERR_LIMIT, -13);

IS(DM_OPTION_REAL, 1);
IS(DM_OPTION_INTEGER, 2);
IS(DM_OPTION_CHOICE, 3);
IS(DM_OPTION_LIST, 4);

IS(DM_KIND_SCHEDULE, 1);
IS(DM_KIND_GRID, 2);
IS(DM_KIND_MODEL, 3);
IS(DM_KIND_GUIDANCE, 4);
IS(DM_KIND_SAMPLER, 5);
IS(DM_KIND_TIME, 6);
IS(DM_KIND_WEIGHT, 7);

IS(DM_BY_TIME, 1);
IS(DM_BY_LEVEL, 2);
IS(DM_BY_LAMBDA, 3);
IS(DM_BY_INDEX, 4);
IS(DM_BY_PERCENT, 5);

IS(DM_ROUND_NONE, 0);
IS(DM_ROUND_NEAREST, 1);
IS(DM_ROUND_DOWN, 2);

IS(DM_F32, 1);
IS(DM_F64, 2);
IS(DM_F16, 3);
IS(DM_BF16, 4);

IS(DM_CONDITION_GIVEN, 0);
IS(DM_CONDITION_NONE, 1);

IS(DM_ASK_PREDICTION, 1);
IS(DM_ASK_VJP, 2);
IS(DM_ASK_GRADIENT, 3);
IS(DM_ASK_NOISE, 4);
IS(DM_ASK_VALUE, 5);
IS(DM_ASK_STEP, 6);

IS(DM_GUIDANCE_MAX_BRANCH, 8);

IS(DM_DRAW_INIT, 0);
IS(DM_DRAW_STEP, 1);
IS(DM_DRAW_PATH, 2);
IS(DM_DRAW_RENOISE, 3);
IS(DM_DRAW_USER, 4);
IS(DM_DRAW_PROBE, 5);
IS(DM_DRAW_BOUND, 6);

IS(DM_SPACE_RAW, 0);
IS(DM_SPACE_X0, 1);
IS(DM_SPACE_EPSILON, 2);
IS(DM_SPACE_V, 3);
IS(DM_SPACE_SCORE, 4);

IS(DM_PART_PREDICTION, 0);
IS(DM_PART_UNGUIDED, 1);
IS(DM_PART_VARIANCE, 2);
IS(DM_PART_UNMAPPED, 4);

IS(DM_DEPARTS_MEAN, 1);
IS(DM_DEPARTS_VARIANCE, 2);

IS(DM_CLOCK_LAMBDA, 0);
IS(DM_CLOCK_TIME, 1);

IS(DM_NORM_SAMPLE, 0);
IS(DM_NORM_BATCH, 1);

IS(DM_SLOT_INPUT, 0);
IS(DM_SLOT_OUT, 1);
IS(DM_SLOT_VARIANCE, 9);
IS(DM_SLOT_STATE, 17);

IS(DM_ROW_COMBINE, 1);
IS(DM_ROW_EVAL, 2);
IS(DM_ROW_STATS, 3);
IS(DM_ROW_MAP, 4);
IS(DM_ROW_ERROR, 5);
IS(DM_ROW_STEP, 6);

IS(DM_SOURCE_DATA, 0);
IS(DM_SOURCE_NORMALS, 1);
IS(DM_SOURCE_PATH, 2);

IS(DM_MAP_CLIP, 1);
IS(DM_MAP_QUANTILE_CLIP, 2);
IS(DM_MAP_LEARNED_STD, 3);
IS(DM_MAP_BLEND, 4);

IS(DM_COPY_TO_BACKEND, 1);
IS(DM_COPY_FROM_BACKEND, 2);
