/* Weighted sums of tiles. Included by the kernels_*.c files only. */

/* Terms are added in groups of up to four, which keeps the sum in registers; the order stays left to right. */
enum { GROUP = 4 };

#define SUM(name, expression)                                                                                          \
	static void name(WORK *DMI_RESTRICT out, const WORK *const *x, const WORK *c)                                      \
	{                                                                                                                  \
		for (size_t j = 0; j < DMI_TILE; j++)                                                                          \
			out[j] = expression;                                                                                       \
	}
#define TERM(k) c[k] * x[k][j]

SUM(first_1, TERM(0))
SUM(first_2, TERM(0) + TERM(1))
SUM(first_3, TERM(0) + TERM(1) + TERM(2))
SUM(first_4, TERM(0) + TERM(1) + TERM(2) + TERM(3))
SUM(more_1, out[j] + TERM(0))
SUM(more_2, out[j] + TERM(0) + TERM(1))
SUM(more_3, out[j] + TERM(0) + TERM(1) + TERM(2))
SUM(more_4, out[j] + TERM(0) + TERM(1) + TERM(2) + TERM(3))

typedef void sum_function(WORK *out, const WORK *const *x, const WORK *c);

static sum_function *const sum_of[2][GROUP] = {{first_1, first_2, first_3, first_4}, {more_1, more_2, more_3, more_4}};

/* One tile of up to GROUP inputs, each read when the first output wants it: a normal that no one wants is not made. */
struct group {
	const WORK *tile[GROUP];
	_Alignas(64) WORK buffer[GROUP][DMI_TILE];
};

/* Adds inputs i .. i + count - 1 to output o; *begun tells whether it holds a sum already. A term whose coefficient is
 * zero is left out, so that 0 * infinity cannot spoil a sum. */
static void add_group(const dm_job *job, size_t sample, size_t first, size_t n, struct group *group, int32_t i,
                      int32_t count, int32_t o, WORK *out, unsigned char *begun)
{
	const double *matrix = job->coefficient + sample * job->coefficient_stride;
	const WORK *x[GROUP];
	WORK c[GROUP];
	size_t terms = 0;
	for (int32_t k = 0; k < count; k++) {
		c[terms] = (WORK)matrix[(size_t)o * (size_t)job->n_in + (size_t)(i + k)];
		if (c[terms] == 0)
			continue;
		if (!group->tile[k])
			group->tile[k] = read_tile(job, i + k, sample, first, n, group->buffer[k]);
		x[terms++] = group->tile[k];
	}
	if (terms) {
		sum_of[*begun][terms - 1](out, x, c);
		*begun = 1;
	}
}

/* All outputs of one tile. */
static void sum_tile(const dm_job *job, size_t sample, size_t first, size_t n, WORK out[][DMI_TILE])
{
	unsigned char begun[DMI_MAX_OUT] = {0};
	struct group group;
	for (int32_t i = 0; i < job->n_in; i += GROUP) {
		int32_t count = job->n_in - i < GROUP ? job->n_in - i : GROUP;
		for (int32_t k = 0; k < GROUP; k++)
			group.tile[k] = NULL;
		for (int32_t o = 0; o < job->n_out; o++)
			add_group(job, sample, first, n, &group, i, count, o, out[o], &begun[o]);
	}
	for (int32_t o = 0; o < job->n_out; o++)
		if (!begun[o])
			memset(out[o], 0, sizeof out[o]);
}

static void combine(const dm_job *job, size_t sample, size_t first, size_t n)
{
	_Alignas(64) WORK out[DMI_MAX_OUT][DMI_TILE];
	for (size_t end = first + n; first < end; first += DMI_TILE) {
		size_t count = tile_length(first, end);
		sum_tile(job, sample, first, count, out);
		for (int32_t o = 0; o < job->n_out; o++)
			write_tile(job, o, sample, first, count, out[o]);
	}
}
