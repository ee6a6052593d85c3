#include "base/compiler.h"
#include "plan/expr.h"
#include "base/error.h"
#include <string.h>

int32_t dmi_take_lowest(uint64_t *set)
{
#if defined(__GNUC__)
	int32_t i = __builtin_ctzll(*set);
#else
	int32_t i = 0;
	while (!(*set >> i & 1))
		i++;
#endif
	*set &= *set - 1;
	return i;
}

void dmi_expr_zero(struct dmi_expr *e)
{
	e->used = 0;
}

void dmi_expr_of(struct dmi_expr *e, int32_t base)
{
	e->c[base] = 1;
	e->used = (uint64_t)1 << base;
}

void dmi_expr_add(struct dmi_expr *to, double factor, const struct dmi_expr *e)
{
	for (uint64_t left = factor != 0 ? e->used : 0; left;) {
		int32_t i = dmi_take_lowest(&left);
		uint64_t bit = (uint64_t)1 << i;
		to->c[i] = (to->used & bit ? to->c[i] : 0) + factor * e->c[i];
		to->used = to->c[i] != 0 ? to->used | bit : to->used & ~bit; /* cancelled exactly: not read */
	}
}

int dmi_expr_equal(const struct dmi_expr *a, const struct dmi_expr *b)
{
	int equal = a->used == b->used;
	for (uint64_t left = a->used; equal && left;) {
		int32_t i = dmi_take_lowest(&left);
		equal = a->c[i] == b->c[i];
	}
	return equal;
}

int32_t dmi_expr_single(const struct dmi_expr *e)
{
	uint64_t left = e->used;
	int32_t i = left ? dmi_take_lowest(&left) : -1;
	return i >= 0 && !left && e->c[i] == 1 ? i : -1;
}

static int32_t new_base(struct dmi_compiler *c, const struct dmi_base *base, dm_error *err)
{
	uint64_t room = ~c->held & (((uint64_t)1 << DMI_MAX_BASE) - 1);
	if (!room) {
		dmi_fail(err, DM_ERR_SAMPLER, "sampler: more than %d arrays and draws are alive at once", DMI_MAX_BASE);
		return -1;
	}
	int32_t i = dmi_take_lowest(&room);
	c->base[i] = *base;
	c->held |= (uint64_t)1 << i;
	if (base->kind == DMI_BASE_SLOT && base->slot >= c->n_slot &&
	    (base->slot < DM_SLOT_GRADIENT || base->slot >= DMI_SLOT_END))
		c->n_slot = base->slot + 1;
	return i;
}

int32_t dmi_base_slot(struct dmi_compiler *c, int32_t slot, dm_error *err)
{
	return new_base(c, &(struct dmi_base){DMI_BASE_SLOT, slot, 0, -1, 0, 0}, err);
}

/* Every draw has one ordinal, however often it is asked for. */
static int64_t ordinal_of(struct dmi_compiler *c, uint32_t draw)
{
	for (int i = 0; i < DMI_MAX_RECENT; i++)
		if (c->recent[i].draw == draw && c->recent[i].ordinal >= 0)
			return c->recent[i].ordinal;
	int64_t ordinal = c->n_draw++;
	c->recent[ordinal % DMI_MAX_RECENT].draw = draw;
	c->recent[ordinal % DMI_MAX_RECENT].ordinal = ordinal;
	return ordinal;
}

int32_t dmi_base_draw(struct dmi_compiler *c, uint32_t draw, const double path[2], dm_error *err)
{
	for (uint64_t left = c->held; left;) {
		int32_t i = dmi_take_lowest(&left);
		if (c->base[i].kind == DMI_BASE_DRAW && c->base[i].draw == draw)
			return i;
	}
	return new_base(c, &(struct dmi_base){DMI_BASE_DRAW, -1, draw, -1, path[0], path[1]}, err);
}

dm_operand dmi_base_operand(const struct dmi_compiler *c, int32_t base)
{
	const struct dmi_base *b = &c->base[base];
	return (dm_operand){b->slot, b->draw, b->path_from, b->path_to, b->ordinal};
}

void dmi_base_number(struct dmi_compiler *c, int32_t base)
{
	if (c->base[base].kind == DMI_BASE_DRAW && c->base[base].ordinal < 0)
		c->base[base].ordinal = ordinal_of(c, c->base[base].draw);
}

int32_t dmi_base_of_slot(const struct dmi_compiler *c, int32_t slot)
{
	for (uint64_t left = c->held; left;) {
		int32_t i = dmi_take_lowest(&left);
		if (c->base[i].kind == DMI_BASE_SLOT && c->base[i].slot == slot)
			return i;
	}
	return -1;
}

int32_t dmi_free_slot(struct dmi_compiler *c)
{
	int32_t slot = DM_SLOT_STATE;
	while (dmi_base_of_slot(c, slot) >= 0 || (slot >= DM_SLOT_GRADIENT && slot < DMI_SLOT_END))
		slot++;
	return slot;
}

void dmi_base_keep_only(struct dmi_compiler *c, uint64_t used)
{
	c->held &= used;
}

uint64_t dmi_base_buffers(const struct dmi_compiler *c)
{
	uint64_t set = 0;
	for (uint64_t left = c->held; left;) {
		int32_t i = dmi_take_lowest(&left);
		if (c->base[i].kind == DMI_BASE_SLOT && c->base[i].slot >= DM_SLOT_OUT && c->base[i].slot < DM_SLOT_STATE)
			set |= (uint64_t)1 << i;
	}
	return set;
}
