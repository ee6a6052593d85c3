#include "base/compiler.h"
#include "plan/program.h"
#include "base/error.h"
#include <string.h>

/* Where a row's pointers go once the pools have stopped moving. */
struct offset {
	size_t in, out, coefficient, parameter, at, to, branch;
};

static const size_t sizes[DMI_N_POOL] = {
    [DMI_POOL_ROW] = sizeof(dm_row),         [DMI_POOL_OFFSET] = sizeof(struct offset),
    [DMI_POOL_OPERAND] = sizeof(dm_operand), [DMI_POOL_SLOT] = sizeof(int32_t),
    [DMI_POOL_NUMBER] = sizeof(double),      [DMI_POOL_NODE] = sizeof(dm_node),
    [DMI_POOL_BRANCH] = sizeof(dm_branch),
};

void dmi_program_init(struct dmi_program *program, const dm_allocator *allocator)
{
	memset(program, 0, sizeof *program);
	program->allocator = allocator;
	for (int i = 0; i < DMI_N_POOL; i++)
		program->pool[i].size = sizes[i];
}

void dmi_program_free(struct dmi_program *program)
{
	for (int i = 0; program->allocator && i < DMI_N_POOL; i++)
		dmi_release_memory(program->allocator, program->pool[i].p, program->pool[i].capacity * sizes[i]);
}

void dmi_program_clear(struct dmi_program *program)
{
	program->is_full = 0;
	for (int i = 0; i < DMI_N_POOL; i++)
		program->pool[i].n = 0;
}

static size_t place_bytes(const struct dmi_pool *pool, size_t factor)
{
	return (pool->most * factor * pool->size + 15) / 16 * 16;
}

size_t dmi_program_bytes(const struct dmi_program *program, size_t factor)
{
	size_t bytes = 0;
	for (int i = 0; i < DMI_N_POOL; i++)
		bytes += place_bytes(&program->pool[i], factor);
	return bytes;
}

void dmi_program_place(struct dmi_program *out, const struct dmi_program *like, size_t factor, void *memory)
{
	char *p = memory;
	dmi_program_init(out, NULL);
	for (int i = 0; i < DMI_N_POOL; i++) {
		out->pool[i].p = p;
		out->pool[i].capacity = like->pool[i].most * factor;
		p += place_bytes(&like->pool[i], factor);
	}
}

/* Makes room for n more items. */
static dm_status reserve(struct dmi_program *program, struct dmi_pool *pool, size_t n, dm_error *err)
{
	if (pool->n + n <= pool->capacity)
		return DM_OK;
	program->is_full = !program->allocator;
	if (program->is_full)
		return dmi_fail(err, DM_ERR_SAMPLER, "sampler: a trial is larger than those the plan was made from");
	size_t capacity = pool->capacity * 2 + n + 16;
	void *p = dmi_allocate(program->allocator, capacity, pool->size, err);
	if (!p)
		return DM_ERR_MEMORY;
	if (pool->n)
		memcpy(p, pool->p, pool->n * pool->size);
	dmi_release_memory(program->allocator, pool->p, pool->capacity * pool->size);
	pool->p = p;
	pool->capacity = capacity;
	return DM_OK;
}

static dm_status append(struct dmi_program *program, int which, const void *item, size_t n, size_t *first,
                        dm_error *err)
{
	struct dmi_pool *pool = &program->pool[which];
	dm_status st = reserve(program, pool, n, err);
	if (st != DM_OK)
		return st;
	*first = pool->n;
	if (n)
		memcpy((char *)pool->p + pool->n * pool->size, item, n * pool->size);
	pool->n += n;
	pool->most = pool->n > pool->most ? pool->n : pool->most;
	return DM_OK;
}

dm_status dmi_program_add(struct dmi_program *program, const dm_row *row, size_t n_number, size_t n_parameter,
                          dm_error *err)
{
	struct offset o;
	size_t unused;
	dm_status st = append(program, DMI_POOL_OPERAND, row->in, (size_t)row->n_in, &o.in, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_SLOT, row->out, (size_t)row->n_out, &o.out, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_NUMBER, row->coefficient, n_number, &o.coefficient, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_NUMBER, row->parameter, n_parameter, &o.parameter, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_NODE, row->at, row->at ? 1 : 0, &o.at, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_NODE, row->to, row->to ? 1 : 0, &o.to, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_BRANCH, row->branch, (size_t)row->n_branch, &o.branch, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_OFFSET, &o, 1, &unused, err);
	if (st == DM_OK)
		st = append(program, DMI_POOL_ROW, row, 1, &unused, err);
	return st;
}

void dmi_program_seal(struct dmi_program *program)
{
	dm_row *row = program->pool[DMI_POOL_ROW].p;
	const struct offset *o = program->pool[DMI_POOL_OFFSET].p;
	const dm_operand *operand = program->pool[DMI_POOL_OPERAND].p;
	const int32_t *slot = program->pool[DMI_POOL_SLOT].p;
	const double *number = program->pool[DMI_POOL_NUMBER].p;
	const dm_node *node = program->pool[DMI_POOL_NODE].p;
	const dm_branch *branch = program->pool[DMI_POOL_BRANCH].p;
	for (size_t i = 0; i < program->pool[DMI_POOL_ROW].n; i++, row++, o++) {
		row->in = operand ? operand + o->in : NULL;
		row->out = slot ? slot + o->out : NULL;
		row->coefficient = number ? number + o->coefficient : NULL;
		row->parameter = number ? number + o->parameter : NULL;
		row->at = row->at ? node + o->at : NULL;
		row->to = row->to ? node + o->to : NULL;
		row->branch = branch ? branch + o->branch : NULL;
	}
}

static void raise_to(int32_t *most, int32_t n)
{
	*most = n > *most ? n : *most;
}

static int measures(const dm_row *row)
{
	return row->kind == DM_ROW_MAP && row->stage && row->map != DM_OPERATOR_GRAM && row->map != DM_OPERATOR_NORMAL &&
	       row->map != DM_OPERATOR_PROJECT && row->map != DM_OPERATOR_ONES;
}

void dmi_program_add_needs(const struct dmi_program *program, struct dmi_needs *needs)
{
	for (size_t r = 0; r < dmi_program_count(program); r++) {
		const dm_row *row = dmi_program_row(program, r);
		int32_t draws = 0;
		for (int32_t i = 0; i < row->n_in; i++) {
			draws += row->in[i].slot < 0;
			if (row->in[i].slot >= 0)
				needs->slots |= (uint64_t)1 << row->in[i].slot;
		}
		for (int32_t o = 0; o < row->n_out; o++)
			if (row->out[o] >= 0) /* sums over samples have no slot */
				needs->slots |= (uint64_t)1 << row->out[o];
		raise_to(&needs->draw, draws);
		raise_to(&needs->branch, row->n_branch);
		raise_to(&needs->stats, row->kind == DM_ROW_STATS ? row->n_out : 0);
		raise_to(&needs->weighted, row->weighted ? row->n_in : 0);
		needs->measures |= measures(row);
	}
}

int dmi_needs_cover(const struct dmi_needs *all, const struct dmi_needs *some)
{
	return !(some->slots & ~all->slots) && some->branch <= all->branch && some->draw <= all->draw &&
	       some->stats <= all->stats && some->weighted <= all->weighted && some->measures <= all->measures;
}

size_t dmi_program_count(const struct dmi_program *program)
{
	return program->pool[DMI_POOL_ROW].n;
}

const dm_row *dmi_program_row(const struct dmi_program *program, size_t i)
{
	return (const dm_row *)program->pool[DMI_POOL_ROW].p + i;
}
