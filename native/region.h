/*
 * The region that an image is: its root, how blocks are sized, and the header that stands before each.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>

#define ARENA_BASE ((uint8_t *)0x1000000000)
#define ARENA_SIZE (1ul << 30)
#define ARENA_WARM (96ul << 10)          /* mapped at once behind the image: what a short run allocates */
#define ARENA_WARM_LARGE (40ul << 10)    /* of it for blocks beyond ARENA_SMALL: of these most are of no use for long, and leave whole pages free */
#define ARENA_LARGE (128ul << 10)
#define ARENA_PAGE 4096ul
#define ARENA_CLASSES 128
#define ARENA_RUNS 64
#define ARENA_SMALL 512ul

/* Memory that no block has been made of yet, or that trim.h has given back. The last one ends where the arena does. */
struct arena_run { uint8_t *next, *end; };
struct arena_root {
    struct arena_run run;                 /* the one that blocks are made of now */
    uint8_t *image_end;                   /* what lies below came with the image and is never given out again */
    void *context, *main;                 /* what the host goes on with */
    uint64_t written;                     /* bytes of the image, from its beginning, that every run writes to */
    int building, runs;                   /* while the snapshot is made; how many of `later` there are */
    void *free[ARENA_CLASSES];
    struct arena_run later[ARENA_RUNS];   /* by their addresses */
    struct arena_run large;               /* for blocks beyond ARENA_SMALL, before all others */
};
/* Stands before each block. pages: of a mapping of its own; while the image is made, the block's number (layout.h); 0 of all others. */
struct arena_block { uint32_t cls, pages; };

void *layout_malloc(uint32_t cls);
void layout_free(struct arena_block *b);

static inline struct arena_root *arena_root(void) { return (struct arena_root *)ARENA_BASE; }
static inline struct arena_run *arena_last(void)
{
    struct arena_root *root = arena_root();
    return root->runs ? &root->later[root->runs - 1] : &root->run;
}
static inline size_t arena_used(void) { return arena_last()->next - ARENA_BASE; }

/* Classes: multiples of 16 up to 512, then four steps per power of two. n counts the block's header. */
static inline uint32_t arena_class(size_t n)
{
    if (n <= 512) return (n + 15) / 16;
    uint32_t log = 63 - __builtin_clzl(n - 1);
    return 32 + (log - 9) * 4 + ((n - 1) >> (log - 2)) - 3;
}

static inline size_t arena_class_size(uint32_t cls)
{
    if (cls <= 32) return cls * 16;
    uint32_t log = 9 + (cls - 33) / 4, step = (cls - 33) % 4;
    return (1ul << log) + ((step + 1ul) << (log - 2));
}
