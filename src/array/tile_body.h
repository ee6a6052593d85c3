/* Tiles in the working type: reading them from any number type or from the noise, and writing them. Included by the
 * kernels_*.c files only. */

typedef void read_function(const void *row, size_t first, size_t n, WORK *out);
typedef void write_function(void *row, size_t first, size_t n, const WORK *in);

static void read_f32(const void *row, size_t first, size_t n, WORK *out)
{
	const float *DMI_RESTRICT in = (const float *)row + first;
	for (size_t j = 0; j < n; j++)
		out[j] = (WORK)in[j];
}

static void read_f64(const void *row, size_t first, size_t n, WORK *out)
{
	const double *DMI_RESTRICT in = (const double *)row + first;
	for (size_t j = 0; j < n; j++)
		out[j] = (WORK)in[j];
}

static void read_f16(const void *row, size_t first, size_t n, WORK *out)
{
	float wide[DMI_TILE];
	for (size_t j = 0, count; j < n; j += count) {
		count = n - j < DMI_TILE ? n - j : DMI_TILE;
		dmi_widen_f16((const uint16_t *)row + first + j, wide, count);
		read_f32(wide, 0, count, out + j);
	}
}

static void read_bf16(const void *row, size_t first, size_t n, WORK *out)
{
	float wide[DMI_TILE];
	for (size_t j = 0, count; j < n; j += count) {
		count = n - j < DMI_TILE ? n - j : DMI_TILE;
		dmi_widen_bf16((const uint16_t *)row + first + j, wide, count);
		read_f32(wide, 0, count, out + j);
	}
}

static void write_f32(void *row, size_t first, size_t n, const WORK *in)
{
	float *DMI_RESTRICT out = (float *)row + first;
	for (size_t j = 0; j < n; j++)
		out[j] = (float)in[j];
}

static void write_f64(void *row, size_t first, size_t n, const WORK *in)
{
	double *DMI_RESTRICT out = (double *)row + first;
	for (size_t j = 0; j < n; j++)
		out[j] = (double)in[j];
}

static void write_f16(void *row, size_t first, size_t n, const WORK *in)
{
	NARROW_F16(in, (uint16_t *)row + first, n);
}

static void write_bf16(void *row, size_t first, size_t n, const WORK *in)
{
	NARROW_BF16(in, (uint16_t *)row + first, n);
}

static read_function *const readers[] = {
    [DM_F32] = read_f32, [DM_F64] = read_f64, [DM_F16] = read_f16, [DM_BF16] = read_bf16};
static write_function *const writers[] = {
    [DM_F32] = write_f32, [DM_F64] = write_f64, [DM_F16] = write_f16, [DM_BF16] = write_bf16};

static const void *row_of(const dm_input *in, size_t sample)
{
	return (const unsigned char *)in->data + sample * in->stride * dmi_type_size(in->type);
}

/* n elements of input i as numbers of the working type, into buffer. */
static void make_chunk(const dm_job *job, int32_t i, size_t sample, size_t first, size_t n, WORK *buffer)
{
	const dm_input *in = &job->in[i];
	if (in->source == DM_SOURCE_NORMALS)
		NORMALS(dmi_normals_by(ISA), job->seed[sample], job->sample[sample], in->draw, first, n, buffer);
	else if (in->source == DM_SOURCE_PATH)
		PATH(job->seed[sample], job->sample[sample], in->path_from, in->path_to, first, n, buffer);
	else
		readers[in->type](row_of(in, sample), first, n, buffer);
}

/* A tile of input i: in the input's own memory where nothing is to be converted, else in buffer; past its n elements it
 * holds zeros. */
static const WORK *read_tile(const dm_job *job, int32_t i, size_t sample, size_t first, size_t n, WORK *buffer)
{
	const dm_input *in = &job->in[i];
	if (in->source == DM_SOURCE_DATA && in->type == WORK_TYPE && n == DMI_TILE)
		return (const WORK *)row_of(in, sample) + first;
	make_chunk(job, i, sample, first, n, buffer);
	for (size_t j = n; j < DMI_TILE; j++)
		buffer[j] = 0;
	return buffer;
}

static void write_tile(const dm_job *job, int32_t o, size_t sample, size_t first, size_t n, const WORK *tile)
{
	const dm_output *out = &job->out[o];
	void *row = (unsigned char *)out->data + sample * out->stride * dmi_type_size(out->type);
	writers[out->type](row, first, n, tile);
}

static size_t tile_length(size_t first, size_t end)
{
	return end - first < DMI_TILE ? end - first : DMI_TILE;
}
