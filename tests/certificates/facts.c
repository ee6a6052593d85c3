#include "base/compiler.h"
#include "certificates/facts.h"
#include "certificates/table.h"
#include "certificates/world.h"
#include <stdio.h>
#include <string.h>

/* The grids, to which the number of steps is appended: down to a level, to the clean end, and up. */
#define TO_A_LEVEL "log_snr:sigma_max=20,sigma_min=0.05,steps="
#define TO_THE_DATA "log_snr:sigma_max=20,sigma_min=0.05,extra=0,final=zero,steps="
#define UP "log_snr:sigma_max=20,sigma_min=0.05,direction=up,steps="

static dm_plan *plan_of(const char *spec, const struct process *p, const char *grid, int32_t steps, struct world *w,
                        dm_error *err)
{
	char text[120];
	snprintf(text, sizeof text, "%s%d", grid, (int)steps);
	return make_plan(spec, p, text, w, err);
}

/* ------------------------------------------------------------------------------------------------------------- counts
 */

/* Of the plan: for adaptive methods those of one trial. */
static int64_t evaluations(const dm_plan *plan)
{
	int64_t n = 0;
	for (size_t r = 0; r < dm_plan_count(plan); r++)
		n += dm_plan_row(plan, r)->kind == DM_ROW_EVAL;
	return n;
}

static int64_t draws(const dm_plan *plan)
{
	int64_t n = 0;
	for (size_t r = 0; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; i < row->n_in; i++)
			if (row->in[i].slot < 0 && row->in[i].draw_ordinal >= n)
				n = row->in[i].draw_ordinal + 1;
	}
	return n;
}

typedef int64_t counter(const dm_plan *plan);

static int64_t count(counter *what, const char *spec, const char *grid, int32_t steps)
{
	dm_error err = {0};
	dm_plan *plan = plan_of(spec, &processes[0], grid, steps, NULL, &err);
	int64_t n = plan ? what(plan) : -1;
	dm_plan_free(plan);
	return n;
}

static int64_t is_adaptive_plan(const dm_plan *plan)
{
	return facts_of(plan).adaptive;
}

static int is_adaptive(const char *spec)
{
	return count(is_adaptive_plan, spec, TO_A_LEVEL, 8) == 1;
}

/* A trial of an adaptive method may name draws whose weight depends on where it ends. */
int draws_of(const char *spec)
{
	return !is_adaptive(spec) && count(draws, spec, TO_A_LEVEL, 8) > 0;
}

/* "2 N - 1", from the counts at two numbers of steps, where it holds at others too; else "17 in 30". */
static void write_count(counter *what, const char *spec, const char *grid, char text[40])
{
	int at_30 = (int)count(what, spec, grid, 30), slope = ((int)count(what, spec, grid, 60) - at_30) / 30;
	int more = at_30 - 30 * slope;
	int is_line = 1;
	for (int32_t n = 19; n <= 24; n++)
		is_line = is_line && count(what, spec, grid, n) == slope * n + more;
	if (!is_line)
		snprintf(text, 40, "%d in 30", at_30);
	else if (slope == 0)
		snprintf(text, 40, "%d", more);
	else if (slope == 1)
		snprintf(text, 40, more ? "N%+d" : "N", more);
	else
		snprintf(text, 40, more ? "%dN%+d" : "%dN", slope, more);
}

/* To a level, and where it differs, to the clean end. */
static void say_count(struct page *page, counter *what, const char *spec)
{
	char level[40], data[40];
	write_count(what, spec, TO_A_LEVEL, level);
	write_count(what, spec, TO_THE_DATA, data);
	say(page, strcmp(level, data) ? " %s; %s |" : " %s |", level, data);
}

void say_cost(struct page *page, const char *spec)
{
	dm_error err = {0};
	dm_plan *plan = plan_of(spec, &processes[0], TO_A_LEVEL, 64, NULL, &err);
	if (!plan) {
		fault(page, "%s: %s", spec, err.message);
		return;
	}
	dm_plan_info info = facts_of(plan);
	if (info.adaptive)
		say(page, " %d a trial |", (int)evaluations(plan));
	else
		say_count(page, evaluations, spec);
	dm_plan_free(plan);
	if (draws_of(spec))
		say_count(page, draws, spec);
	say(page, " %d, %d | %d |", (int)info.n_past, (int)info.n_kept, (int)info.n_state_slot);
}

/* ---------------------------------------------------------------------------------------------------------- few steps
 */

/* The evaluations of a run over the mixture, whose result must be finite, and the count that of the plan. */
static int64_t short_run(struct page *page, const char *spec, const struct process *p, const char *grid, int32_t steps)
{
	struct world world = {&mixture, p->model, 0};
	double x[N_START] = {0};
	dm_error err = {0};
	dm_plan *plan = plan_of(spec, p, grid, steps, &world, &err);
	int good = plan && run_plan(plan, NULL, x, &err) == DM_OK;
	good = good && (facts_of(plan).adaptive || world.evaluations == facts_of(plan).n_eval);
	dm_plan_free(plan);
	for (int e = 0; e < N_START; e++)
		good = good && x[e] - x[e] == 0;
	if (!good)
		fault(page, "%s, %s%d over %s: %d evaluations, x = %g, %g, ...: %s", spec, grid, (int)steps, p->title,
		      (int)world.evaluations, x[0], x[1], err.message);
	return world.evaluations;
}

/* On every process, though only the counts on the first are shown, and none of adaptive methods. */
static void say_short_runs(struct page *page, const char *spec, const char *grid, int adaptive)
{
	for (int32_t n = 1; n <= 3; n++)
		for (int p = 0; p < N_PROCESS; p++) {
			int64_t taken = short_run(page, spec, &processes[p], grid, n);
			if (p == 0 && !adaptive)
				say(page, n == 1 ? " %d" : ", %d", (int)taken);
		}
	say(page, adaptive ? " finite |" : " |");
}

/* -------------------------------------------------------------------------------------------------------------- where
 */

static const struct {
	struct process process;
	const char *grid;
} places[] = {
    {{"VP", "vp", "v"}, TO_A_LEVEL},
    {{"VE", "ve", "x0"}, TO_A_LEVEL},
    {{"flow", "flow", "flow"}, TO_A_LEVEL},
    {{"table", "linear", "epsilon"}, "trailing:steps="},
    {{"zero SNR", "linear:zero_snr=exact", "v"}, "trailing:steps="},
    {{"flow from s = 1", "flow", "flow"}, "flow:steps="},
    {{"up", "vp", "v"}, UP},
};
enum { N_PLACE = sizeof places / sizeof *places };

/* A sentence without the name of the sampler and the numbers in brackets: many methods share the rest. */
static int32_t number_of(struct page *page, char *sentence)
{
	char *name = strchr(sentence, '"'), *end = name ? strchr(name + 1, '"') : NULL;
	char *numbers = strstr(sentence, " (first");
	if (numbers)
		*numbers = 0;
	if (end)
		memmove(name - 1, end + 1, strlen(end + 1) + 1);
	return refusal_number(page, sentence);
}

static void say_places(struct page *page, struct page *cells, const char *spec)
{
	for (int i = 0; i < N_PLACE; i++) {
		dm_error err = {0};
		dm_plan *plan = plan_of(spec, &places[i].process, places[i].grid, 8, NULL, &err);
		if (plan)
			say(cells, " yes |");
		else
			say(cells, " no (%d) |", (int)number_of(page, err.message));
		dm_plan_free(plan);
	}
}

/* ------------------------------------------------------------------------------------------------------------ the table
 */

/* Settings with the same cells share a row. */
enum { N_GROUP = 100 };

struct groups {
	struct page names[N_GROUP], cells[N_GROUP];
	int n;
};

static int group_of(struct page *page, struct groups *g, const char *spec)
{
	struct page cells = {0};
	say_places(page, &cells, spec);
	int adaptive = is_adaptive(spec);
	say_short_runs(&cells, spec, TO_A_LEVEL, adaptive);
	say_short_runs(&cells, spec, TO_THE_DATA, adaptive);
	page->faults += cells.faults;
	int i = 0;
	while (i < g->n && strcmp(g->cells[i].text, cells.text))
		i++;
	if (i == N_GROUP)
		fault(page, "%s: more than %d rows of different reach", spec, N_GROUP);
	if (i == N_GROUP || i < g->n)
		free_page(&cells);
	else
		g->cells[g->n++] = cells;
	return i < N_GROUP ? i : 0;
}

static void add_name(struct groups *g, int i, const char *spec)
{
	say(&g->names[i], g->names[i].n ? ", `%s`" : "`%s`", spec);
}

static int add_settings(struct page *page, struct groups *g, const char *name, int plain, const struct setting *s)
{
	int n = 0;
	for (; s->spec; s++) {
		if (!is_of_method(s->spec, name))
			continue;
		int i = group_of(page, g, s->spec);
		if (i != plain)
			add_name(g, i, s->spec);
		n++;
	}
	return n;
}

/* The plain method, and the settings that differ from it. */
static void add_method(struct page *page, struct groups *g, const char *name)
{
	int plain = group_of(page, g, name);
	add_name(g, plain, name);
	int n = add_settings(page, g, name, plain, orders) + add_settings(page, g, name, plain, weak_orders) +
	        add_settings(page, g, name, plain, adaptive_orders);
	struct setting own;
	if (n == 0 && !property_setting(name, DRAWS_NONE, 0, &own) && !property_setting(name, DRAWS_SOME, 0, &own))
		fault(page, "%s: a method without a certificate is not in the registry", name);
}

void say_reach(struct page *page)
{
	struct groups groups = {.n = 0};
	const dm_method *method;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)) != NULL; i++)
		add_method(page, &groups, method->name);
	say(page, "| settings |");
	for (int i = 0; i < N_PLACE; i++)
		say(page, " %s |", places[i].process.title);
	say(page, " 1, 2, 3 steps to a level | and to the data |\n|---|");
	for (int i = 0; i < N_PLACE; i++)
		say(page, "---|");
	say(page, "---|---|\n");
	for (int i = 0; i < groups.n; i++) {
		say(page, "| %s |%s\n", groups.names[i].text, groups.cells[i].text);
		free_page(&groups.names[i]);
		free_page(&groups.cells[i]);
	}
}

void say_refusals(struct page *page)
{
	for (int32_t i = 0; i < page->refusals->n; i++)
		say(page, "%d. %s\n", (int)i + 1, page->refusals->sentence[i]);
}
