/* Where the matrix of all methods runs: schedules and grids, with what deterministic methods should come to. */
#ifndef MATRIX_SCENE_H
#define MATRIX_SCENE_H

#include "matrix.h"

enum { N_SAMPLE = 2, N_ELEMENT = 8, N_VALUE = N_SAMPLE * N_ELEMENT, MOST_STEPS = 64 };
enum { TO_ZERO, TO_LEAST };
enum { MOST_ORDER = 5 };

#define LENGTH(table) (sizeof(table) / sizeof *(table))

/* ---------------------------------------------------------------------------------------------- schedules and grids */

/* Options and grids of schedules where the defaults do not do. The grid is otherwise even in lambda. */
static const struct {
	const char *schedule, *options, *grid;
} needs[] = {
    {"betas", ":at=0.0004/0.002/0.01/0.04/0.1/0.2/0.3/0.4/0.5/0.6/0.7/0.8", NULL},
    {"alpha_bars", ":at=0.9999/0.999/0.99/0.95/0.8/0.6/0.4/0.2/0.1/0.01/0.001/0.0001", NULL},
    {"flow", "", "flow"},         /* starts at alpha = 0, where lambda is infinite */
    {"trigflow", "", "trigflow"}, /* the same */
};

enum { FROM_MIDDLE = 1, ONE_ULP = 2 };

struct place {
	const char *schedule, *options, *grid;
	int how;
};

/* Beside every schedule of the registry: zero terminal SNR, starts in the middle, adjacent nodes one ulp apart. */
static const struct place more_places[] = {
    {"linear", ":zero_snr=exact", "trailing", 0},
    {"scaled_linear", ":zero_snr=floor", "trailing", 0},
    {"squared_cosine", ":zero_snr=on_alphas_cumprod", "trailing", 0},
    {"linear", "", "trailing", FROM_MIDDLE},
    {"flow", "", "flow", FROM_MIDDLE},
    {"edm", "", "karras", FROM_MIDDLE},
    {"vp", "", "exponential", ONE_ULP},
    {"linear", "", "exponential", ONE_ULP},
    {"edm", "", "karras", ONE_ULP},
    {"flow", "", "flow:top=0.98", ONE_ULP},
};

static inline int place_at(int i, struct place *out)
{
	int n = 0;
	for (; dm_method_at(DM_KIND_SCHEDULE, n); n++)
		;
	if (i >= n) {
		if (i - n < (int)LENGTH(more_places))
			*out = more_places[i - n];
		return i - n < (int)LENGTH(more_places);
	}
	*out = (struct place){dm_method_at(DM_KIND_SCHEDULE, i)->name, "", "exponential", 0};
	for (size_t k = 0; k < LENGTH(needs); k++)
		if (!strcmp(needs[k].schedule, out->schedule)) {
			out->options = needs[k].options;
			out->grid = needs[k].grid ? needs[k].grid : out->grid;
		}
	return 1;
}

/* ------------------------------------------------------------------------------------------------------------ scenes */

/* A grid on a schedule, and where deterministic methods should arrive. */
struct scene {
	struct place place;
	int steps, final, start, number;
	dm_schedule *schedule;
	dm_grid *grid;
	const dm_node *from, *to;
	double expected[N_VALUE], last_step[N_VALUE]; /* the second: what one step from the last noisy node is off */
	double size[MOST_ORDER + 1];                  /* of the steps, by order */
};

static inline dm_status named_grid(struct scene *s, dm_error *err)
{
	char spec[200];
	const char *name = s->place.grid;
	int over_time = !strncmp(name, "flow", 4) || !strcmp(name, "trailing") || !strcmp(name, "trigflow");
	int included = s->final == TO_LEAST && !over_time; /* the last value is the end of least noise already */
	snprintf(spec, sizeof spec, "%s%csteps=%d,final=%s", name, strchr(name, ':') ? ',' : ':', s->steps + included,
	         s->final == TO_ZERO ? "zero"
	         : included          ? "included"
	                             : "last");
	return dm_grid_create(&s->grid, s->schedule, spec, NULL, err);
}

/* The second, the middle and the last noisy node go to one ulp below the node before them. */
static inline dm_status close_up(struct scene *s, dm_error *err)
{
	dm_node node[MOST_STEPS + 1];
	size_t n = dm_grid_count(s->grid), at[] = {1, n / 2, n - 2};
	for (size_t i = 0; i < n; i++)
		node[i] = *dm_grid_node(s->grid, i);
	for (size_t k = 0; k < LENGTH(at); k++)
		if (at[k] > 0 && node[at[k]].sigma > 0) {
			node[at[k]] = node[at[k] - 1];
			node[at[k]].sigma = nextafter(node[at[k]].sigma, 0);
			node[at[k]].t = NAN;
		}
	dm_grid_free(s->grid);
	return dm_grid_create_nodes(&s->grid, s->schedule, node, n, NULL, err);
}

/* The local error of order p is h^(p+1) times what x0 changes there, which is of the size u / (1 + u^2) in the end. */
static inline void add_size(double size[MOST_ORDER + 1], double h, double u)
{
	for (int p = 1; p <= MOST_ORDER; p++)
		size[p] += pow(h, p + 1) * u / (1 + u * u);
}

static inline void add_step(struct scene *s, const dm_node *a, const dm_node *b)
{
	double h = a->alpha > 0 ? b->lambda - a->lambda : 1;
	double u = a->alpha > 0 ? exp(-(a->lambda + b->lambda) / 2) : b->sigma / b->alpha;
	add_size(s->size, h, u);
}

static inline void find_expected(struct scene *s)
{
	int end = s->steps;
	while (dm_grid_node(s->grid, (size_t)end)->sigma == 0)
		end--;
	const dm_node *noisy = dm_grid_node(s->grid, (size_t)end);
	struct view v = view_of(noisy->alpha, noisy->sigma);
	double score;
	for (int i = s->start; i < end; i++)
		add_step(s, dm_grid_node(s->grid, (size_t)i), dm_grid_node(s->grid, (size_t)i + 1));
	for (int i = 0; i < N_SAMPLE; i++)
		dm_normals(0, i, 0, 0, N_ELEMENT, DM_F64, s->expected + i * N_ELEMENT, NULL);
	for (int i = 0; i < N_VALUE; i++)
		s->expected[i] *= s->from->sigma;
	converge(s->expected, N_VALUE, s->from, noisy);
	if (s->final == TO_LEAST)
		return;
	for (int i = 0; i < N_VALUE; i++)
		look(&v, s->expected[i], &s->last_step[i], &score);
	converge(s->expected, N_VALUE, noisy, s->to);
	for (int i = 0; i < N_VALUE; i++)
		s->last_step[i] = fabs(s->last_step[i] - s->expected[i]);
}

static inline void open_scene(struct scene *s, const struct place *place, int number, int steps, int final)
{
	char spec[200];
	dm_error err = {0};
	*s = (struct scene){.place = *place, .steps = steps, .final = final, .number = number};
	snprintf(spec, sizeof spec, "%s%s", place->schedule, place->options);
	dm_status st = dm_schedule_create(&s->schedule, spec, NULL, &err);
	if (st == DM_OK)
		st = named_grid(s, &err);
	if (st == DM_OK && place->how == ONE_ULP)
		st = close_up(s, &err);
	if (st != DM_OK)
		fail_msg("%s, %s, %d steps: %s", spec, place->grid, steps, err.message);
	assert_int_equal(dm_grid_count(s->grid), steps + 1);
	s->start = place->how == FROM_MIDDLE ? steps / 2 : 0;
	s->from = dm_grid_node(s->grid, (size_t)s->start);
	s->to = dm_grid_node(s->grid, (size_t)steps);
	if (steps == MOST_STEPS)
		find_expected(s);
}

static inline void close_scene(struct scene *s)
{
	dm_grid_free(s->grid);
	dm_schedule_free(s->schedule);
}

#endif
