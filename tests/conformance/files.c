#include "files.h"
#include "demist.h"
#include "likelihood_case.h"
#include "op_cases.h"
#include "replay.h"
#include "table_cases.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

/* The length of name up to ".case"; 0 for other names. */
static size_t stem(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && !strcmp(name + n - 5, ".case") ? n - 5 : 0;
}

const char *case_name(const char *path, char name[NAME_SIZE])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = stem(base) ? stem(base) : strlen(base);
	n = n < NAME_SIZE ? n : NAME_SIZE - 1;
	memcpy(name, base, n);
	name[n] = 0;
	return name;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the cases of a folder; NULL when there are none. */
static char **list(DIR *folder, size_t *n)
{
	char **names = NULL;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		size_t size = strlen(entry->d_name) + 1;
		if (!stem(entry->d_name))
			continue;
		char **more = realloc(names, (*n + 1) * sizeof *names), *copy = malloc(size);
		names = more ? more : names;
		if (!more || !copy) {
			free(copy);
			break;
		}
		names[(*n)++] = memcpy(copy, entry->d_name, size);
	}
	if (names)
		qsort(names, *n, sizeof *names, by_name);
	return names;
}

int for_each_case(const char *path, int (*body)(const char *path, void *user), void *user)
{
	char file[PATH_SIZE];
	size_t n = 0, done = 0;
	DIR *folder = opendir(path);
	if (!folder) {
		FILE *readable = fopen(path, "rb");
		if (readable)
			fclose(readable);
		return readable ? body(path, user) : 1;
	}
	char **names = list(folder, &n);
	closedir(folder);
	for (size_t i = 0; i < n; i++) {
		if (snprintf(file, sizeof file, "%s/%s", path, names[i]) < PATH_SIZE && done == i)
			done += !body(file, user);
		free(names[i]);
	}
	free(names);
	return n == 0 || done < n;
}

static int run_as(const struct test_case *c, int32_t type, struct check *check)
{
	if (case_is(c, "kind", "run") && case_is(c, "sampler", "likelihood"))
		return likelihood_case(c, type, check);
	if (case_is(c, "kind", "run"))
		return replay_case(c, type, check);
	if (case_is(c, "kind", "table"))
		return table_case(c, check);
	if (case_is(c, "kind", "op"))
		return op_case(c, type, check);
	return say(check->verdict, VERDICT_SKIP, "kind %s", case_text(c, "kind"));
}

int run_case(const struct test_case *c, struct case_array **touched, size_t capacity, size_t *n_touched,
             struct verdict *verdict)
{
	static const struct {
		int32_t type;
		const char *name;
	} types[] = {{DM_F32, "f32"}, {DM_F64, "f64"}};
	struct check check = {.touched = touched, .capacity = capacity, .verdict = verdict};
	char reason[sizeof verdict->reason];
	verdict->kind = VERDICT_PASS;
	check.tol = case_number(c, "tol", -1);
	check.tol_time = case_number(c, "tol.time", 1e-5);
	if (!(check.tol >= 0 && check.tol_time >= 0))
		return say(verdict, VERDICT_FAIL, "no tolerance");
	for (size_t i = 0; i < 2 && !verdict->kind; i++)
		if (run_as(c, types[i].type, &check) == VERDICT_FAIL) {
			memcpy(reason, verdict->reason, sizeof reason);
			say(verdict, VERDICT_FAIL, "(%s) %.380s", types[i].name, reason);
		}
	if (n_touched)
		*n_touched = check.n_touched;
	return verdict->kind;
}

int run_file(const char *path, struct verdict *verdict)
{
	struct test_case c;
	if (!case_read(&c, path, verdict))
		run_case(&c, NULL, 0, NULL, verdict);
	case_free(&c);
	return verdict->kind;
}
