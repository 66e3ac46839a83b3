/* SPDX-License-Identifier: BSD-2-Clause */
/* The C string functions that freestanding code (and the compiler) needs. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* True if the comma-separated list @list (of @len bytes) has the word @word. */
bool list_has(const char *list, size_t len, const char *word);

/* Parses @len bytes as decimal or 0x-hexadecimal. False on anything else or overflow. */
bool parse_u64(const char *s, size_t len, uint64_t *val);

#endif
