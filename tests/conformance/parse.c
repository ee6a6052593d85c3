/* Reading a case file, strictly: whatever the grammar does not allow is an error with its line. */
#include "case.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int say(struct verdict *verdict, int kind, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(verdict->reason, sizeof verdict->reason, format, list);
	va_end(list);
	return verdict->kind = kind;
}

struct reader {
	struct test_case *c;
	struct verdict *verdict;
	const char *path;
	char *next; /* the line after the current one; NULL at the end */
	size_t line;
};

static int wrong(struct reader *r, const char *what)
{
	return say(r->verdict, VERDICT_FAIL, "%s:%zu: %s", r->path, r->line, what);
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t n = 0, capacity = 0, got = 1;
	while (file && got) {
		if (n + 1 >= capacity) {
			char *more = realloc(text, capacity = 2 * capacity + 65536);
			if (!more)
				break;
			text = more;
		}
		got = fread(text + n, 1, capacity - n - 1, file);
		n += got;
	}
	int bad = !file || got || ferror(file) || (text && memchr(text, 0, n));
	if (file)
		fclose(file);
	if (bad) {
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

/* The next line without its end; NULL at the end of the file. */
static char *next_line(struct reader *r)
{
	char *line = r->next;
	if (!line || !*line)
		return NULL;
	char *end = strchr(line, '\n');
	r->next = end ? end + 1 : NULL;
	if (end)
		*end = 0;
	r->line++;
	return line;
}

/* Room for one more entry of an array that doubles at powers of two. */
static void *grow(void *data, size_t n, size_t size)
{
	if (n & (n - 1))
		return data;
	return realloc(data, (n ? 2 * n : 1) * size);
}

static int number(const char *word, double *out)
{
	char *end;
	*out = strtod(word, &end);
	return end != word && !*end;
}

/* Cuts the word at the next space and returns what follows; NULL at the last word. */
static char *cut(char *word)
{
	char *space = strchr(word, ' ');
	if (space)
		*space++ = 0;
	return space;
}

static struct case_array *add_array(struct reader *r, const char *name, size_t n)
{
	struct test_case *c = r->c;
	struct case_array *array = grow(c->array, c->n_array, sizeof *array);
	if (!array)
		return NULL;
	c->array = array;
	array += c->n_array;
	array->name = name;
	array->n = n;
	array->block = c->n_block - 1;
	array->value = calloc(n + 1, sizeof *array->value);
	if (!array->value)
		return NULL;
	c->n_array++;
	return array;
}

static int read_array(struct reader *r, char *rest)
{
	double count = 0;
	char *words = rest ? cut(rest) : NULL;
	if (!words || !number(words, &count) || count < 0 || count > 1e7 || count != floor(count))
		return wrong(r, "expected `array NAME COUNT`");
	if (case_block_array(r->c, r->c->n_block - 1, rest))
		return wrong(r, "a second array of that name in its block");
	struct case_array *array = add_array(r, rest, (size_t)count);
	if (!array)
		return wrong(r, "out of memory");
	for (size_t i = 0; i < array->n;) {
		char *word = next_line(r);
		if (!word)
			return wrong(r, "the file ends inside an array");
		while (word) {
			char *after = cut(word);
			if (i == array->n || !number(word, &array->value[i++]))
				return wrong(r, "not a number, or more numbers than the array has");
			word = after;
		}
	}
	return VERDICT_PASS;
}

static int add_block(struct reader *r, int kind, int used)
{
	struct case_block *block = grow(r->c->block, r->c->n_block, sizeof *block);
	if (!block)
		return wrong(r, "out of memory");
	r->c->block = block;
	block[r->c->n_block++] = (struct case_block){kind, used};
	return VERDICT_PASS;
}

/* `eval K TIME` and `noise K used|unused`, where K counts the blocks of that kind. */
static int read_block(struct reader *r, int kind, char *rest)
{
	double k = 0, time = 0;
	size_t count = 0;
	char *words = rest ? cut(rest) : NULL;
	for (size_t i = 0; i < r->c->n_block; i++)
		count += r->c->block[i].kind == kind;
	if (!words || !number(rest, &k) || k != (double)count)
		return wrong(r, "expected the next number of `eval` or `noise`");
	if (kind == BLOCK_NOISE) {
		if (strcmp(words, "used") && strcmp(words, "unused"))
			return wrong(r, "expected `used` or `unused`");
		return add_block(r, kind, !strcmp(words, "used"));
	}
	if (!number(words, &time))
		return wrong(r, "expected the time of the evaluation");
	if (add_block(r, kind, 1))
		return VERDICT_FAIL;
	struct case_array *array = add_array(r, "time", 1);
	if (!array)
		return wrong(r, "out of memory");
	array->value[0] = time;
	return VERDICT_PASS;
}

static int add_setting(struct reader *r, const char *key, const char *value)
{
	struct test_case *c = r->c;
	if (!value || !*value)
		return wrong(r, "a key without a value");
	if (case_text(c, key))
		return wrong(r, "a setting twice");
	struct case_setting *setting = grow(c->setting, c->n_setting, sizeof *setting);
	if (!setting)
		return wrong(r, "out of memory");
	c->setting = setting;
	setting[c->n_setting++] = (struct case_setting){key, value};
	return VERDICT_PASS;
}

static int read_line(struct reader *r, char *line)
{
	char *rest = cut(line);
	if (!strcmp(line, "array"))
		return read_array(r, rest);
	if (!strcmp(line, "eval"))
		return read_block(r, BLOCK_EVAL, rest);
	if (!strcmp(line, "noise"))
		return read_block(r, BLOCK_NOISE, rest);
	if (!strcmp(line, "result") && !rest)
		return add_block(r, BLOCK_RESULT, 1);
	return add_setting(r, line, rest);
}

/* The name of a file without folder and ".case". */
static int name_agrees(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t n = strlen(name);
	return !strncmp(base, name, n) && !strcmp(base + n, ".case");
}

static int read_lines(struct reader *r)
{
	char *line = next_line(r);
	if (!line || strcmp(line, "conformance 1"))
		return wrong(r, "the first line is not `conformance 1`");
	if (add_block(r, BLOCK_HEADER, 1))
		return VERDICT_FAIL;
	while ((line = next_line(r)) != NULL && strcmp(line, "end"))
		if (read_line(r, line))
			return VERDICT_FAIL;
	if (!line)
		return wrong(r, "the file ends without `end`");
	if (next_line(r))
		return wrong(r, "text after `end`");
	const char *name = case_text(r->c, "name");
	if (!case_text(r->c, "kind") || !name || !name_agrees(r->path, name))
		return wrong(r, "no kind, no name, or a name that is not the file's");
	return VERDICT_PASS;
}

int case_read(struct test_case *c, const char *path, struct verdict *verdict)
{
	struct reader r = {c, verdict, path, NULL, 0};
	memset(c, 0, sizeof *c);
	verdict->kind = VERDICT_PASS;
	c->text = r.next = read_file(path);
	if (!c->text)
		return wrong(&r, "cannot be read as text");
	for (const char *p = c->text; *p; p++) {
		r.line += *p == '\n';
		if ((*p < ' ' || *p > '~') && *p != '\n')
			return r.line++, wrong(&r, "a character outside plain ASCII");
	}
	r.line = 0;
	return read_lines(&r);
}

void case_free(struct test_case *c)
{
	for (size_t i = 0; i < c->n_array; i++)
		free(c->array[i].value);
	free(c->array);
	free(c->block);
	free(c->setting);
	free(c->text);
	memset(c, 0, sizeof *c);
}
