/*
 * What libraries built for glibc ask for beyond standard C: its checked variants of printf and of the memory functions, and the
 * names that its newer headers give to strtol and its like.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vfprintf(f, format, args);
    va_end(args);
    return n;
}

int __snprintf_chk(char *to, size_t length, int flag, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, length <= size ? length : size, format, args);
    va_end(args);
    return n;
}

void *__memcpy_chk(void *to, const void *from, size_t n, size_t size) { if (n > size) abort(); return memcpy(to, from, n); }
void *__memmove_chk(void *to, const void *from, size_t n, size_t size) { if (n > size) abort(); return memmove(to, from, n); }
void *__memset_chk(void *to, int byte, size_t n, size_t size) { if (n > size) abort(); return memset(to, byte, n); }
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }

int __vfprintf_chk(FILE *f, int flag, const char *format, va_list args) { return vfprintf(f, format, args); }

int __sprintf_chk(char *to, int flag, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, size, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= size) abort();
    return n;
}

long __fdelt_chk(long fd) { if (fd < 0 || fd >= 1024) abort(); return fd / 64; }

/* libcrypto's fibres, which nobody here uses: without contexts it says that it cannot have them. */
int getcontext(void *context) { return -1; }
int setcontext(const void *context) { return -1; }
void makecontext(void *context, void (*run)(void), int count, ...) { abort(); }
