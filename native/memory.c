/*
 * memcpy, memmove and memset for short blocks, which is what the engine moves: musl's begin each with a string instruction, whose
 * start alone costs more than most of these copies.
 */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef uint32_t half __attribute__((may_alias, aligned(1)));
typedef uint16_t quarter __attribute__((may_alias, aligned(1)));
typedef long long block __attribute__((vector_size(16), may_alias, aligned(1)));

#define STRING 1024          /* from here on a string instruction is faster */

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (n <= 16) {
        if (n >= 8) { word a = *(word *)s, b = *(word *)(s + n - 8); *(word *)d = a; *(word *)(d + n - 8) = b; }
        else if (n >= 4) { half a = *(half *)s, b = *(half *)(s + n - 4); *(half *)d = a; *(half *)(d + n - 4) = b; }
        else if (n >= 2) { quarter a = *(quarter *)s, b = *(quarter *)(s + n - 2); *(quarter *)d = a; *(quarter *)(d + n - 2) = b; }
        else if (n) *d = *s;
        return to;
    }
    if (n <= 32) {
        block a = *(block *)s, b = *(block *)(s + n - 16);
        *(block *)d = a;
        *(block *)(d + n - 16) = b;
        return to;
    }
    if ((size_t)(d - s) >= n) {
        if (n >= STRING) {
            __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
            return to;
        }
        block last = *(block *)(s + n - 16), lastbut = *(block *)(s + n - 32);
        uint8_t *end = d + n;
        for (; n > 32; n -= 32, d += 32, s += 32) {
            block a = *(block *)s, b = *(block *)(s + 16);
            *(block *)d = a;
            *(block *)(d + 16) = b;
        }
        *(block *)(end - 32) = lastbut;
        *(block *)(end - 16) = last;
    } else {
        block first = *(block *)s, second = *(block *)(s + 16);
        while (n > 32) {
            n -= 32;
            block a = *(block *)(s + n + 16), b = *(block *)(s + n);
            *(block *)(d + n + 16) = a;
            *(block *)(d + n) = b;
        }
        *(block *)(d + 16) = second;
        *(block *)d = first;
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) __attribute__((alias("memmove")));

void *memset(void *to, int byte, size_t n)
{
    uint8_t *d = to;
    word w = (uint8_t)byte * 0x0101010101010101ull;
    if (n < 16) {
        if (n >= 8) { *(word *)d = w; *(word *)(d + n - 8) = w; }
        else if (n >= 4) { *(half *)d = w; *(half *)(d + n - 4) = w; }
        else for (; n; n--) *d++ = byte;
        return to;
    }
    if (n >= STRING) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
        return to;
    }
    block b = { (long long)w, (long long)w };
    uint8_t *end = d + n - 16;
    for (; d < end; d += 16) *(block *)d = b;
    *(block *)end = b;
    return to;
}
