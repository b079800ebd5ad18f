/*
 * Gives back what is free: where free blocks lie side by side they become a run that blocks are made of anew, and its whole pages go back to the kernel.
 * Which blocks are free is noted beside the arena, for their pages may be shared with the process that this one was forked from.
 */

struct trim {
    uint8_t *from;                        /* where blocks begin, and a bit for each 16 bytes from there on */
    uint64_t *free;
    struct arena_run found[ARENA_RUNS], bare[ARENA_RUNS + 1];
    int n, bares;
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

/* A span without a block in use, from the run `run` on: its blocks are free no more, or, when it stays as it is, its runs become blocks. */
static void trim_span(struct trim *t, uint8_t *at, uint8_t *to, const struct arena_run *run, int taken)
{
    while (at < to) {
        const struct arena_run *was = run;
        uint8_t *end = trim_step(at, &run);
        if (taken && run == was) trim_flip(t, at);
        if (!taken && run > was) t->bare[t->bares++] = (struct arena_run){ at, end };
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
            /* room is kept for those that have a whole page */
            int taken = page_up(span) < page_down(at) ? t->n < ARENA_RUNS - 1 : at - span > ARENA_SMALL && t->n < ARENA_RUNS / 2;
            if (taken) t->found[t->n++] = (struct arena_run){ span, at };
            trim_span(t, span, at, first, taken);
            span = NULL;
        }
        at = end;
    }
    if (!span) return top;
    trim_span(t, span, top, first, 1);
    return span;
}

/* All runs there are, by their addresses. */
static void trim_runs(struct arena_run *to)
{
    struct arena_root *root = arena_root();
    if (root->large.next < root->run.next) *to++ = root->large;
    *to++ = root->run;
    for (int i = 0; i < root->runs; i++) {
        if (root->large.next > to[-1].next && root->large.next < root->later[i].next) *to++ = root->large;
        *to++ = root->later[i];
    }
}

static void trim_give(uint8_t *from, uint8_t *to) { if (from < to) madvise(from, to - from, MADV_DONTNEED); }

static void arena_trim(void)
{
    struct arena_root *root = arena_root();
    struct trim t = { .from = root->image_end };
    struct arena_run runs[ARENA_RUNS + 2], *biggest = NULL;
    uint8_t *top = arena_last()->next;
    size_t size = (top - t.from) / 128 + 8;
    trim_runs(runs);
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
    for (struct arena_run *b = t.bare; b < t.bare + t.bares; b++)
        for (size_t n; b->next < b->end; b->next += n) {
            n = b->end - b->next < ARENA_SMALL ? b->end - b->next : ARENA_SMALL;
            arena_put(b->next, n);
        }
    for (struct arena_run *run = t.found; run < t.found + t.n; run++) {
        trim_give(page_up(run->next), page_down(run->end));
        if (!biggest || run->end - run->next > biggest->end - biggest->next) biggest = run;
    }
    trim_give(page_up(last), page_up(top) + ARENA_WARM);
    root->large = (struct arena_run){ last, last };
    if (biggest) {
        root->large = *biggest;
        memmove(biggest, biggest + 1, (t.found + --t.n - biggest) * sizeof(*biggest));
    }
    t.found[t.n++] = (struct arena_run){ last, ARENA_BASE + ARENA_SIZE };
    root->run = t.found[0];
    root->runs = t.n - 1;
    memcpy(root->later, t.found + 1, root->runs * sizeof(*root->later));
}
