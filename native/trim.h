/*
 * Gives back whole pages on which nothing but free blocks lies: they become runs that blocks are made of again, and are zeros until then. Which
 * blocks are free is noted beside the arena: their pages may be shared with the process that this one was forked from.
 */

struct trim {
    uint8_t *from;                        /* where blocks begin, and a bit for each 16 bytes from there on */
    uint64_t *free;
    struct arena_run pages[ARENA_RUNS], edges[3 * ARENA_RUNS + 1];
    int n, edge;
};

static int trim_is_free(const struct trim *t, const void *block)
{
    size_t n = ((uint8_t *)block - t->from) / 16;
    return t->free[n / 64] >> n % 64 & 1;
}

static void trim_flip(const struct trim *t, const void *block)
{
    size_t n = ((uint8_t *)block - t->from) / 16;
    t->free[n / 64] ^= 1ul << n % 64;
}

static uint8_t *page_up(const uint8_t *at) { return (uint8_t *)(((uintptr_t)at + ARENA_PAGE - 1) & -ARENA_PAGE); }
static uint8_t *page_down(const uint8_t *at) { return (uint8_t *)((uintptr_t)at & -ARENA_PAGE); }

/* The end of what begins at `at`: a block, or the run `*run` if it is that, which is left behind then. */
static uint8_t *trim_step(uint8_t *at, const struct arena_run **run)
{
    if (at == (*run)->next) return (*run)++->end;
    return at + arena_class_size(((struct arena_block *)at)->cls);
}

/* A span without a block in use is about to be `pages`: its free blocks there are free no more. What blocks and runs have beyond these pages are edges. */
static void trim_span(struct trim *t, uint8_t *at, uint8_t *to, const struct arena_run *run, struct arena_run pages)
{
    while (at < to) {
        const struct arena_run *was = run;
        uint8_t *end = trim_step(at, &run);
        int inside = end > pages.next && at < pages.end;
        if (run > was && !inside) t->edges[t->edge++] = (struct arena_run){ at, end };
        if (inside && at < pages.next) t->edges[t->edge++] = (struct arena_run){ at, pages.next };
        if (inside && end > pages.end) t->edges[t->edge++] = (struct arena_run){ pages.end, end };
        if (inside && run == was) trim_flip(t, at);
        at = end;
    }
}

/* Finds what can be given back; answers where the last run begins. */
static uint8_t *trim_find(struct trim *t, const struct arena_run *run, uint8_t *top)
{
    const struct arena_run *first = run;
    uint8_t *span = NULL;
    for (uint8_t *at = t->from; at < top; ) {
        const struct arena_run *was = run;
        uint8_t *end = trim_step(at, &run);
        if (run > was || trim_is_free(t, at)) {
            if (!span) { span = at; first = was; }
        } else if (span) {
            struct arena_run pages = { page_up(span), page_down(at) };
            if (pages.next < pages.end && t->n < ARENA_RUNS - 1) t->pages[t->n++] = pages;
            else pages = (struct arena_run){ at, at };
            trim_span(t, span, at, first, pages);
            span = NULL;
        }
        at = end;
    }
    if (!span) return top;
    trim_span(t, span, top, first, (struct arena_run){ span, top });
    return span;
}

static void trim_give(uint8_t *from, uint8_t *to) { if (from < to) madvise(from, to - from, MADV_DONTNEED); }

static void arena_trim(void)
{
    struct arena_root *root = arena_root();
    struct trim t = { .from = root->image_end };
    struct arena_run runs[ARENA_RUNS + 2], *all = runs, *biggest = NULL;
    uint8_t *top = arena_last()->next;
    size_t size = (top - t.from) / 128 + 8;
    if (root->large.next < root->run.next) *all++ = root->large;
    *all++ = root->run;
    for (int i = 0; i < root->runs; i++) {
        if (root->large.next > all[-1].next && root->large.next < root->later[i].next) *all++ = root->large;
        *all++ = root->later[i];
    }
    t.free = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t.free == MAP_FAILED) return;
    for (int cls = 0; cls < ARENA_CLASSES; cls++)
        for (void *p = root->free[cls]; p; p = *(void **)p) trim_flip(&t, (struct arena_block *)p - 1);
    uint8_t *last = trim_find(&t, runs, top);
    for (int cls = 0; cls < ARENA_CLASSES; cls++)
        for (void **link = &root->free[cls], *p; (p = *link); )
            if (trim_is_free(&t, (struct arena_block *)p - 1)) link = p;
            else *link = *(void **)p;
    munmap(t.free, size);
    for (struct arena_run *e = t.edges; e < t.edges + t.edge; e++)
        for (size_t n; e->next < e->end; e->next += n) {
            n = e->end - e->next < ARENA_SMALL ? e->end - e->next : ARENA_SMALL;
            arena_put(e->next, n);
        }
    for (struct arena_run *p = t.pages; p < t.pages + t.n; p++) {
        trim_give(p->next, p->end);
        if (!biggest || p->end - p->next > biggest->end - biggest->next) biggest = p;
    }
    trim_give(page_up(last), page_up(top) + ARENA_WARM);
    root->large = (struct arena_run){ last, last };
    if (biggest) {
        root->large = *biggest;
        memmove(biggest, biggest + 1, (t.pages + --t.n - biggest) * sizeof(*biggest));
    }
    t.pages[t.n++] = (struct arena_run){ last, ARENA_BASE + ARENA_SIZE };
    root->run = t.pages[0];
    root->runs = t.n - 1;
    memcpy(root->later, t.pages + 1, root->runs * sizeof(*root->later));
}
