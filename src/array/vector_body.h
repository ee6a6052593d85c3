/* Weighted sums by vectors of VECTOR_BYTES, straight from the inputs' memory into the outputs'. Every sum is the one of
 * sum_body.h: the same terms, left to right. Included by the kernels_*.c files only. */

/* A chunk is what is made of an input that must be converted or drawn before it is used, or summed before it is stored;
 * a long one passes where neither is needed. */
enum {
	CHUNK = 256,
	LONG_CHUNK = 2048,
	MAX_FUSED_IN = 16,
	MAX_FUSED_OUT = 4,
	MAX_MADE = 4,
	VECTOR_PASS = 4 * VECTOR_BYTES / sizeof(WORK)
};

typedef WORK vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(WORK)), may_alias));

/* n is a multiple of DMI_TILE, which is one of VECTOR_PASS. */
static DMI_INLINE void sum_vectors(WORK *out, const WORK *const *x, const WORK *c, int32_t n_term, size_t n)
{
	for (size_t j = 0; j < n; j += VECTOR_PASS) {
		const vec *v = (const vec *)(x[0] + j);
		vec a = c[0] * v[0], b = c[0] * v[1], d = c[0] * v[2], e = c[0] * v[3];
		for (int32_t t = 1; t < n_term; t++) {
			v = (const vec *)(x[t] + j);
			a += c[t] * v[0];
			b += c[t] * v[1];
			d += c[t] * v[2];
			e += c[t] * v[3];
		}
		vec *to = (vec *)(out + j);
		to[0] = a;
		to[1] = b;
		to[2] = d;
		to[3] = e;
	}
}

/* What the terms of one output are, and where the sum goes. */
struct fused_out {
	WORK *row; /* NULL: converted by write_tile */
	int32_t n_term, direct;
	int32_t in[MAX_FUSED_IN];
	WORK c[MAX_FUSED_IN];
};

/* Lengths known to the compiler keep the coefficients of the most common rows in registers. */
static void sum_chunk(WORK *out, const WORK *const *x, const WORK *c, int32_t n_term, size_t n)
{
	if (n_term == 0)
		memset(out, 0, n * sizeof *out);
	else if (n_term == 2)
		sum_vectors(out, x, c, 2, n);
	else if (n_term == 3)
		sum_vectors(out, x, c, 3, n);
	else if (n_term == 4)
		sum_vectors(out, x, c, 4, n);
	else
		sum_vectors(out, x, c, n_term, n);
}

/* Two or three outputs as sums over one list of inputs; which: bit o is set where output o has the term. */
enum { MAX_JOINT = 3 };

struct joint {
	int32_t n_term, in[MAX_FUSED_IN], which[MAX_FUSED_IN];
	WORK c[MAX_JOINT][MAX_FUSED_IN];
};

/* Every input is read once, and before anything is written at its place. Sums begin with -0, to which every number can be
 * added without a change. n as in sum_vectors. */
static void sum_two(WORK *const *out, const WORK *const *x, const struct joint *s, size_t n)
{
	const vec none = -(vec){0};
	for (size_t j = 0; j < n; j += VECTOR_PASS) {
		vec a0 = none, a1 = none, a2 = none, a3 = none, b0 = none, b1 = none, b2 = none, b3 = none;
		for (int32_t t = 0; t < s->n_term; t++) {
			const vec *v = (const vec *)(x[t] + j);
			vec v0 = v[0], v1 = v[1], v2 = v[2], v3 = v[3];
			if (s->which[t] & 1) {
				a0 += s->c[0][t] * v0;
				a1 += s->c[0][t] * v1;
				a2 += s->c[0][t] * v2;
				a3 += s->c[0][t] * v3;
			}
			if (s->which[t] & 2) {
				b0 += s->c[1][t] * v0;
				b1 += s->c[1][t] * v1;
				b2 += s->c[1][t] * v2;
				b3 += s->c[1][t] * v3;
			}
		}
		vec *a = (vec *)(out[0] + j), *b = (vec *)(out[1] + j);
		a[0] = a0;
		a[1] = a1;
		a[2] = a2;
		a[3] = a3;
		b[0] = b0;
		b[1] = b1;
		b[2] = b2;
		b[3] = b3;
	}
}

static void sum_three(WORK *const *out, const WORK *const *x, const struct joint *s, size_t n)
{
	const vec none = -(vec){0};
	for (size_t j = 0; j < n; j += VECTOR_PASS / 2) {
		vec a0 = none, a1 = none, b0 = none, b1 = none, d0 = none, d1 = none;
		for (int32_t t = 0; t < s->n_term; t++) {
			const vec *v = (const vec *)(x[t] + j);
			vec v0 = v[0], v1 = v[1];
			if (s->which[t] & 1) {
				a0 += s->c[0][t] * v0;
				a1 += s->c[0][t] * v1;
			}
			if (s->which[t] & 2) {
				b0 += s->c[1][t] * v0;
				b1 += s->c[1][t] * v1;
			}
			if (s->which[t] & 4) {
				d0 += s->c[2][t] * v0;
				d1 += s->c[2][t] * v1;
			}
		}
		vec *a = (vec *)(out[0] + j), *b = (vec *)(out[1] + j), *d = (vec *)(out[2] + j);
		a[0] = a0;
		a[1] = a1;
		b[0] = b0;
		b[1] = b1;
		d[0] = d0;
		d[1] = d1;
	}
}

struct fused {
	const WORK *row[MAX_FUSED_IN]; /* of inputs that are read in place; NULL: those that are made, chunk by chunk */
	int32_t used[MAX_FUSED_IN];
	struct fused_out out[MAX_FUSED_OUT];
	int32_t n_made, in_place; /* in_place: nothing is made and every sum goes straight to its output */
	struct joint joint;       /* n_term 0: the outputs are not rows to be summed together */
};

static void fuse_output(const dm_job *job, size_t sample, int32_t o, struct fused *f)
{
	const double *matrix = job->coefficient + sample * job->coefficient_stride + (size_t)o * (size_t)job->n_in;
	const dm_output *out = &job->out[o];
	struct fused_out *to = &f->out[o];
	to->row = out->type == WORK_TYPE ? (WORK *)out->data + sample * out->stride : NULL;
	to->n_term = 0;
	for (int32_t i = 0; i < job->n_in; i++) {
		WORK c = (WORK)matrix[i];
		if (c == 0) /* left out, so that 0 * infinity cannot spoil a sum */
			continue;
		f->n_made += !f->row[i] && !f->used[i];
		f->used[i] = 1;
		to->in[to->n_term] = i;
		to->c[to->n_term++] = c;
	}
}

/* Whether an output after o still reads what o would overwrite. */
static int read_later(const dm_job *job, const struct fused *f, int32_t o)
{
	for (int32_t later = o + 1; later < job->n_out; later++)
		for (int32_t t = 0; t < f->out[later].n_term; t++)
			if (f->row[f->out[later].in[t]] == f->out[o].row)
				return 1;
	return 0;
}

/* Outputs of the working type, one of which reads what another overwrites. */
static void join(const dm_job *job, size_t sample, struct fused *f)
{
	const double *matrix = job->coefficient + sample * job->coefficient_stride;
	struct joint *s = &f->joint;
	int all_direct = 1, possible = job->n_out == 2 || job->n_out == 3;
	s->n_term = 0;
	for (int32_t o = 0; o < job->n_out; o++) {
		all_direct &= f->out[o].direct;
		possible = possible && f->out[o].row && f->out[o].n_term;
	}
	if (all_direct || !possible)
		return;
	for (int32_t i = 0; i < job->n_in; i++) {
		int32_t which = 0;
		for (int32_t o = 0; o < job->n_out; o++) {
			s->c[o][s->n_term] = (WORK)matrix[o * job->n_in + i];
			which |= (s->c[o][s->n_term] != 0) << o;
		}
		s->in[s->n_term] = i;
		s->which[s->n_term] = which;
		s->n_term += which != 0;
	}
	for (int32_t o = 0; o < job->n_out; o++)
		f->out[o].direct = 1;
}

/* 0: the row is not one for the vectors. */
static int fuse(const dm_job *job, size_t sample, struct fused *f)
{
	if (job->n_in > MAX_FUSED_IN || job->n_out > MAX_FUSED_OUT)
		return 0;
	f->n_made = 0;
	for (int32_t i = 0; i < job->n_in; i++) {
		const dm_input *in = &job->in[i];
		f->used[i] = 0;
		f->row[i] = NULL;
		if (in->source == DM_SOURCE_DATA && in->type == WORK_TYPE)
			f->row[i] = (const WORK *)in->data + sample * in->stride;
	}
	for (int32_t o = 0; o < job->n_out; o++)
		fuse_output(job, sample, o, f);
	for (int32_t o = 0; o < job->n_out; o++)
		f->out[o].direct = f->out[o].row && !read_later(job, f, o);
	join(job, sample, f);
	f->in_place = f->n_made == 0;
	for (int32_t o = 0; o < job->n_out; o++)
		f->in_place &= f->out[o].direct;
	return f->n_made <= MAX_MADE;
}

static void make_inputs(const dm_job *job, const struct fused *f, size_t sample, size_t first, size_t n,
                        WORK made[MAX_MADE][CHUNK], const WORK *x[MAX_FUSED_IN])
{
	int32_t k = 0;
	for (int32_t i = 0; i < job->n_in; i++)
		if (f->row[i])
			x[i] = f->row[i] + first;
		else if (f->used[i]) {
			make_chunk(job, i, sample, first, n, made[k]);
			x[i] = made[k++];
		}
}

/* Not memcpy, of which gcc makes string instructions that take long to start. */
static void copy_vectors(WORK *to, const WORK *from, size_t n)
{
	const vec *in = (const vec *)from;
	vec *out = (vec *)to;
	for (size_t j = 0; j < n * sizeof(WORK) / VECTOR_BYTES; j += 4) {
		out[j] = in[j];
		out[j + 1] = in[j + 1];
		out[j + 2] = in[j + 2];
		out[j + 3] = in[j + 3];
	}
}

/* n: whole tiles. All outputs of a chunk are computed before one is stored that another still reads. */
static void combine_chunk(const dm_job *job, const struct fused *f, size_t sample, size_t first, size_t n)
{
	_Alignas(64) WORK made[MAX_MADE][CHUNK], result[MAX_FUSED_OUT][CHUNK];
	const WORK *x[MAX_FUSED_IN];
	make_inputs(job, f, sample, first, n, made, x);
	if (f->joint.n_term) {
		const WORK *term[MAX_FUSED_IN];
		WORK *row[MAX_JOINT];
		for (int32_t t = 0; t < f->joint.n_term; t++)
			term[t] = x[f->joint.in[t]];
		for (int32_t o = 0; o < job->n_out; o++)
			row[o] = f->out[o].row + first;
		(job->n_out == 2 ? sum_two : sum_three)(row, term, &f->joint, n);
		return;
	}
	for (int32_t o = 0; o < job->n_out; o++) {
		const struct fused_out *out = &f->out[o];
		const WORK *term[MAX_FUSED_IN];
		for (int32_t t = 0; t < out->n_term; t++)
			term[t] = x[out->in[t]];
		sum_chunk(out->direct ? out->row + first : result[o], term, out->c, out->n_term, n);
	}
	for (int32_t o = 0; o < job->n_out; o++)
		if (f->out[o].row && !f->out[o].direct)
			copy_vectors(f->out[o].row + first, result[o], n);
		else if (!f->out[o].row)
			write_tile(job, o, sample, first, n, result[o]);
}

static void combine_vectors(const dm_job *job, size_t sample, size_t first, size_t n)
{
	struct fused f;
	size_t whole = n / DMI_TILE * DMI_TILE;
	if (whole && fuse(job, sample, &f))
		for (; whole;) {
			size_t longest = f.in_place ? LONG_CHUNK : CHUNK, count = whole < longest ? whole : longest;
			combine_chunk(job, &f, sample, first, count);
			first += count;
			whole -= count;
			n -= count;
		}
	if (n)
		combine(job, sample, first, n);
}
