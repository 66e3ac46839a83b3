/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which code of L0's KVM ran, as `run --coverage` leaves it in coverage.json (docs/coverage.md
 * tells the format): several runs added up, and judged by the tables coverage.def and
 * coverage_lines.def.
 */
#ifndef HOST_LAB_COVERAGE_H
#define HOST_LAB_COVERAGE_H

#include "host/base/util.h"

#define COVERAGE_SCHEMA	 "midflight-coverage"
#define COVERAGE_VERSION 1
#define COVERAGE_FILE	 "coverage.json"
#define COVERAGE_MODULES 2 /* kvm, kvm_intel */

/* A symbol of a module. */
struct coverage_symbol {
	char *name, *section;
	uint32_t at, size; /* bytes, in its section */
	uint8_t *ran;	   /* 1 for each byte of an instruction that was executed */
};

struct coverage_module {
	char *name, *build_id;
	struct coverage_symbol *symbol;
	size_t symbols;
};

struct coverage {
	char *kernel;
	struct coverage_module module[COVERAGE_MODULES];
	unsigned modules, runs;
};

/* A line of source; from debug information only. */
struct coverage_line {
	char *file;
	unsigned line, size, ran; /* bytes of code */
};

/*
 * A function of the source: the symbol of its name, those of its parts (.cold, .part.0,
 * .constprop.0, .isra.0), and with debug information where it was inlined. Symbols of the same name
 * are one.
 */
struct coverage_function {
	const char *module; /* of the struct coverage */
	char *name;
	size_t size, ran;   /* bytes of code */
	bool path;	    /* it is on the nested save/restore path */
	const char *reason; /* why it cannot be reached, or NULL */
	bool symbol;	    /* false: all of it was inlined */
	struct coverage_line *line;
	size_t lines;
};

struct coverage_functions {
	struct coverage_function *function; /* by module and name */
	size_t count;
};

/*
 * Adds the run whose coverage.json is at @path, or in directory @path, to @c, which is all zero
 * before the first. 0, or -1 with @e filled: damaged, or of other modules than those before.
 */
int coverage_add(struct coverage *c, const char *path, struct err *e);
void coverage_free(struct coverage *c);

/*
 * Adds up what @count labs have left in their directories and writes it into @log. One that has
 * left nothing, because it died, is left out. 0, or -1 with @e filled.
 */
int coverage_join(const char *log, char *const *labs, unsigned count, struct err *e);

/* Whether @name may be that of a function, a section or a module. */
bool coverage_is_name(const char *name);

/* All functions of @c, judged. */
void coverage_functions(const struct coverage *c, struct coverage_functions *f);
void coverage_functions_free(struct coverage_functions *f);

/* The number in @f of the one of @name in @module, which is made if there is none. */
size_t coverage_function(struct coverage_functions *f, const char *module, const char *name);

/*
 * Adds what the debug information in @file, a module of @c with the same build id, tells of inlined
 * functions and of lines; by readelf and addr2line. 0, or -1 with @e filled.
 */
int coverage_debug_info(const struct coverage *c, const char *file, struct coverage_functions *f,
			struct err *e);

/* A line of source with code. A line of a macro or an inline function may be of several functions.
 */
struct coverage_source_line {
	const char *file,
		*function; /* the one with most of its bytes; both of the functions given */
	unsigned line, size;
	bool ran;
	const char *reason; /* why it cannot run, by coverage_lines.def, or NULL */
};

/*
 * The lines of @module's source that @f knows, by file and line, each once; @kernel is the release
 * that ran. NULL, and *count 0: no debug information. The caller frees it, and before @f.
 */
struct coverage_source_line *coverage_source(const struct coverage_functions *f, const char *kernel,
					     const char *module, size_t *count);

/* A module of the table of whose path @f has no function: then nothing can be said. NULL: none. */
const char *coverage_lacks(const struct coverage_functions *f);

/* Sorts @f, and fills @path and @reason by the table. */
void coverage_judge(struct coverage_functions *f);

#endif
