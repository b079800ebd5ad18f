// The engine's source with seven changes that the memory image needs; each must be found where it is expected.
import { readFileSync } from "node:fs";

const ARGUMENT = String.raw`((?:[^()]|\([^()]*\))*)`;

/** After the definition of JS_REF_COUNT: counts of ARENA_IMMORTAL (native/layout.h) and more stay as they are. */
const COUNTING = `
#define JS_RC_IMMORTAL 0x40000000
static inline void js_rc_up(const void *p) { JSMallocBlockHeader *h = js_rc(p); if (h->ref_count < JS_RC_IMMORTAL) h->ref_count++; }
static inline int js_rc_down(const void *p) { JSMallocBlockHeader *h = js_rc(p); return h->ref_count < JS_RC_IMMORTAL ? --h->ref_count : h->ref_count; }
`;

const SEAL = `
/* Takes all objects there are out of the cycle collector's sight: they came with the image and do not die. Then makes room in the
   engine's table of atoms: when it grows later it relinks, and so writes to, all of them in the image. */
#define JS_SEAL_ROOM 400
void js_seal_heap(JSRuntime *rt)
{
    init_list_head(&rt->gc_obj_list);
    while (rt->atom_count + JS_SEAL_ROOM >= rt->atom_count_resize)
        if (JS_ResizeAtomHash(rt, rt->atom_hash_size * 2)) abort();
}
`;

/** `pages` in the header of the prototype's block (native/region.h): its number, when it came with the image. */
const BY_NUMBER = `    if (proto && ((uint32_t *)proto)[-3])
        return shape_hash(1, ((uint32_t *)proto)[-3]);
    `;

/** Before the function that links a shape: the heads of both tables' chains, one continued by the other. */
const LATE_SHAPES = `
#define JS_LATE_SHAPES 7
static JSShape *js_late_shapes[1 << JS_LATE_SHAPES];
static inline bool js_shape_is_late(const void *sh) { const uint8_t *end = arena_root()->image_end; return end && (const uint8_t *)sh >= end; }
static JSShape **js_shape_head(JSRuntime *rt, bool late, uint32_t hash)
{
    return late ? &js_late_shapes[get_shape_hash(hash, JS_LATE_SHAPES)] : &rt->shape_hash[get_shape_hash(hash, rt->shape_hash_bits)];
}
static JSShape *js_shape_first(JSRuntime *rt, uint32_t hash)
{
    JSShape *sh = *js_shape_head(rt, false, hash);
    return sh ? sh : *js_shape_head(rt, true, hash);
}
static JSShape *js_shape_next(JSRuntime *rt, JSShape *sh, uint32_t hash)
{
    if (sh->shape_hash_next || js_shape_is_late(sh)) return sh->shape_hash_next;
    return *js_shape_head(rt, true, hash);
}
static void js_shape_hash_link(JSRuntime *rt, JSShape *sh)
{
    bool late = js_shape_is_late(sh);
    JSShape **head = js_shape_head(rt, late, sh->hash);
    sh->shape_hash_next = *head;
    *head = sh;
    rt->shape_hash_count += !late;
}
static void js_shape_hash_unlink(JSRuntime *rt, JSShape *sh)
{
    bool late = js_shape_is_late(sh);
    JSShape **psh = js_shape_head(rt, late, sh->hash);
    while (*psh != sh)
        psh = &(*psh)->shape_hash_next;
    *psh = sh->shape_hash_next;
    rt->shape_hash_count -= !late;
}
`;

function replaceAll(text: string, pattern: RegExp, replacement: string, atLeast: number): string {
  const found = text.match(pattern)?.length ?? 0;
  if (found < atLeast)
    throw new Error(`the engine's source has changed: ${pattern} found ${found} times, expected ${atLeast}`);
  return text.replace(pattern, replacement);
}

/**
 * 1. Reference counts of what came with the image are never written, so that its pages stay clean and shared.
 * 2. The engine's own pools of small blocks are off: a free block inside the image must not be given out again.
 * 3. js_seal_heap(), which native/host.c calls before the image is written.
 * 4. The table of shapes does not depend on where prototypes lie: its chains lead by the same shapes however an image is laid out.
 * 5. Shapes that are made later stand in a small table of their own: in the image's they would be spread over all its pages.
 * 6. Memory comes straight from the arena (native/blocks.h), and no account is kept of it.
 * 7. Functions do not keep their text, of which each holds that of all inside it: the image is smaller, and what is used lies closer.
 */
export function patchEngine(path: string): string {
  let text = readFileSync(path, "utf8");
  text = replaceAll(text, new RegExp(String.raw`JS_REF_COUNT\(${ARGUMENT}\)\+\+;`, "g"), "js_rc_up($1);", 19);
  text = replaceAll(text, new RegExp(String.raw`--JS_REF_COUNT\(${ARGUMENT}\)`, "g"), "js_rc_down($1)", 7);
  text = replaceAll(text, new RegExp(String.raw`JS_REF_COUNT\(${ARGUMENT}\)--;`, "g"), "js_rc_down($1);", 2);
  text = replaceAll(text, /^#define JS_REF_COUNT\(p\).*$/gm, `$&${COUNTING}`, 1);
  text = replaceAll(text, /#define JS_ARENA_LARGE_BLOCKS_ONLY 0/g, "#define JS_ARENA_LARGE_BLOCKS_ONLY 1", 1);
  const initial = "static uint32_t shape_initial_hash(JSObject *proto)\n{\n    uint32_t h;\n";
  text = replaceAll(
    text,
    /static uint32_t shape_initial_hash\(JSObject \*proto\)\s*\{\s*uint32_t h;\s*/g,
    initial + BY_NUMBER,
    1,
  );
  const links = /^static void js_shape_hash_link\([\s\S]*?(?=^\/\* create a new empty shape with prototype)/gm;
  text = replaceAll(text, links, LATE_SHAPES, 1);
  const chain = /for\(sh1 = rt->shape_hash\[h1\]; sh1 != NULL; sh1 = sh1->shape_hash_next\)/g;
  text = replaceAll(text, chain, "for(sh1 = js_shape_first(rt, h); sh1 != NULL; sh1 = js_shape_next(rt, sh1, h))", 2);
  const own = /^void \*js_calloc_rt\([\s\S]*?(?=^\/\*\*\n \* This used to be implemented as malloc)/gm;
  text = replaceAll(text, own, '#include "blocks.h"\n\n', 1);
  const forget = "js_free(ctx, fd->source);\n    b->source = NULL;\n    b->source_len = 0;";
  text = replaceAll(text, /b->source = fd->source;\s*b->source_len = fd->source_len;/g, forget, 1);
  return text + SEAL;
}
