/*
 * The engine's memory: one region at a fixed address, so that it can be written to a file and mapped back later.
 * Small blocks come from free lists by size class over a bump pointer; blocks of 128 KiB and more are mappings of
 * their own once the applet runs (during the snapshot they too must lie in the region).
 */
#include "region.h"

/* Large blocks, and all while the image is made. n counts the header. */
static __attribute__((noinline)) void *arena_malloc_rare(size_t n)
{
    if (n < ARENA_LARGE || arena_root()->building) return layout_malloc(arena_class(n));
    n = (n + ARENA_PAGE - 1) & -ARENA_PAGE;
    struct arena_block *b = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) return NULL;
    b->cls = 0;
    b->pages = n / ARENA_PAGE;
    return b + 1;
}

static inline void arena_put(uint8_t *at, size_t n)
{
    struct arena_root *root = arena_root();
    struct arena_block *b = (struct arena_block *)at;
    *b = (struct arena_block){ arena_class(n), 0 };
    *(void **)(b + 1) = root->free[b->cls];
    root->free[b->cls] = b + 1;
}

/* A block that is not small, or that the run in use has no room for. What is left of a run by a small one is a free block, for its size is a class. */
static __attribute__((noinline)) void *arena_malloc_later(size_t n)
{
    struct arena_root *root = arena_root();
    struct arena_run *run = &root->run, *last = root->later + root->runs;
    if (n > ARENA_SMALL) {
        if (root->large.next + n <= root->large.end) run = &root->large;
        else if (run->next + n > run->end) for (run = root->later; run < last && run->next + n > run->end; run++) { }
    } else while (run->next + n > run->end && root->runs) {
        if (run->next < run->end) arena_put(run->next, run->end - run->next);
        *run = root->later[0];
        memmove(root->later, root->later + 1, --root->runs * sizeof(*run));
    }
    if (run == last || run->next + n > run->end) return NULL;
    struct arena_block *b = (struct arena_block *)run->next;
    run->next += n;
    *b = (struct arena_block){ arena_class(n), 0 };
    return b + 1;
}

static inline void *arena_malloc(void *opaque, size_t size)
{
    struct arena_root *root = arena_root();
    size_t n = size + sizeof(struct arena_block);
    if (__builtin_expect(n >= ARENA_LARGE || root->building, 0)) return arena_malloc_rare(n);
    uint32_t cls = arena_class(n);
    void **head = &root->free[cls];
    if (*head) {
        void *p = *head;
        *head = *(void **)p;
        return p;
    }
    n = arena_class_size(cls);
    if (__builtin_expect(n > ARENA_SMALL || root->run.next + n > root->run.end, 0)) return arena_malloc_later(n);
    struct arena_block *b = (struct arena_block *)root->run.next;
    root->run.next += n;
    *b = (struct arena_block){ cls, 0 };
    return b + 1;
}

static inline size_t arena_usable(const void *p)
{
    const struct arena_block *b = (const struct arena_block *)p - 1;
    if (!p) return 0;
    return (b->cls ? arena_class_size(b->cls) : b->pages * ARENA_PAGE) - sizeof(*b);
}

static __attribute__((noinline)) void arena_free_rare(struct arena_block *b)
{
    if (b->cls) layout_free(b);
    else munmap(b, b->pages * ARENA_PAGE);
}

static inline void arena_free(void *opaque, void *p)
{
    struct arena_root *root = arena_root();
    struct arena_block *b = (struct arena_block *)p - 1;
    if ((uint8_t *)p < root->image_end || !p) return;
    if (__builtin_expect(!b->cls || root->building, 0)) { arena_free_rare(b); return; }
    *(void **)p = root->free[b->cls];
    root->free[b->cls] = p;
}

static inline void *arena_calloc(void *opaque, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) return NULL;
    void *p = arena_malloc(opaque, n);
    if (p && ((struct arena_block *)p - 1)->cls) memset(p, 0, n);
    return p;
}

static inline void *arena_realloc(void *opaque, void *p, size_t size)
{
    struct arena_block *b = (struct arena_block *)p - 1;
    if (!p) return size ? arena_malloc(opaque, size) : NULL;
    if (!size) { arena_free(opaque, p); return NULL; }
    size_t have = arena_usable(p), n = size + sizeof(*b);
    if (size <= have && size >= have / 2) return p;
    if (!b->cls && n >= ARENA_LARGE) {
        n = (n + ARENA_PAGE - 1) & -ARENA_PAGE;
        b = mremap(b, b->pages * ARENA_PAGE, n, MREMAP_MAYMOVE);
        if (b == MAP_FAILED) return NULL;
        b->pages = n / ARENA_PAGE;
        return b + 1;
    }
    void *q = arena_malloc(opaque, size);
    if (!q) return NULL;
    memcpy(q, p, have < size ? have : size);
    arena_free(opaque, p);
    return q;
}

static inline void arena_create(void)
{
    if (mmap(ARENA_BASE, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != ARENA_BASE) _exit(125);
    arena_root()->building = 1;
}

/* Maps an image. What every run writes to is copied at once and not page by page. */
static inline int arena_map(int fd, uint64_t offset, uint64_t size, uint64_t written)
{
    int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE, rw = PROT_READ | PROT_WRITE;
    uint8_t *rest = ARENA_BASE + written, *tail = ARENA_BASE + size;
    if (written && mmap(ARENA_BASE, written, rw, flags | MAP_POPULATE, fd, offset) != ARENA_BASE) return -1;
    if (mmap(rest, size - written, rw, flags, fd, offset + written) != rest) return -1;
    if (mmap(tail, ARENA_WARM, rw, flags | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) != tail) return -1;
    tail += ARENA_WARM;
    if (mmap(tail, ARENA_SIZE - size - ARENA_WARM, rw, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != tail) return -1;
    return 0;
}
