/*
 * The engine's memory functions, which stand in its source in place of its own (tools/lib/engine.ts): straight to the arena, and without an
 * account of what is in use, for nobody asks: the cycle collector is called by name (native.collect). Every block begins with the engine's
 * header of 8 bytes.
 */
#include "arena.h"

void *js_malloc_rt(JSRuntime *rt, size_t size)
{
    if (unlikely(size == 0)) return NULL;
    JSMallocBlockHeader *b = arena_malloc(NULL, sizeof(*b) + size);
    return likely(b != NULL) ? b->user_data : NULL;
}

void *js_calloc_rt(JSRuntime *rt, size_t count, size_t size)
{
    size_t n;
    if (unlikely(__builtin_mul_overflow(count, size, &n) || n + sizeof(JSMallocBlockHeader) < n)) return NULL;
    JSMallocBlockHeader *b = arena_calloc(NULL, 1, sizeof(*b) + n);
    return likely(b != NULL) ? b->user_data : NULL;
}

void js_free_rt(JSRuntime *rt, void *p)
{
    if (p) arena_free(NULL, container_of(p, JSMallocBlockHeader, user_data));
}

void *js_realloc_rt(JSRuntime *rt, void *p, size_t size)
{
    if (!p) return js_malloc_rt(rt, size);
    if (unlikely(size == 0)) { js_free_rt(rt, p); return NULL; }
    JSMallocBlockHeader *b = arena_realloc(NULL, container_of(p, JSMallocBlockHeader, user_data), sizeof(*b) + size);
    return likely(b != NULL) ? b->user_data : NULL;
}

size_t js_malloc_usable_size_rt(JSRuntime *rt, const void *p)
{
    return p ? arena_usable(container_of(p, JSMallocBlockHeader, user_data)) - sizeof(JSMallocBlockHeader) : 0;
}

