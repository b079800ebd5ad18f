/*
 * fits(shape, value): whether a value out of JSON.parse is of a shape, as src/linux/sys/shape.ts writes shapes down: [kind, …]. False also where it
 * is not certain; then TypeScript looks, and says what is wrong. Fields that are null are taken away, as Go writes null for what is not there.
 */
#include <math.h>

enum shape_kind { SHAPE_ANY, SHAPE_STRING, SHAPE_WORD, SHAPE_BOOLEAN, SHAPE_NUMBER, SHAPE_LIST, SHAPE_MAP, SHAPE_OBJECT };
#define SHAPE_DEPTH 32

static double shape_number(JSContext *ctx, JSValueConst v)
{
    double d = NAN;
    if (JS_VALUE_GET_TAG(v) == JS_TAG_INT) return JS_VALUE_GET_INT(v);
    JS_ToFloat64(ctx, &d, v);
    return d;
}

static int shape_fits(JSContext *ctx, JSValueConst shape, JSValueConst value, int depth);

static JSValue shape_part(JSContext *ctx, JSValueConst shape, int at) { return JS_GetPropertyUint32(ctx, shape, at); }

static int shape_fits_list(JSContext *ctx, JSValueConst of, JSValueConst value, int depth)
{
    int64_t n;
    int fits = 1;
    if (!JS_IsArray(value) || JS_GetLength(ctx, value, &n)) return 0;
    for (int64_t i = 0; fits && i < n; i++) {
        JSValue entry = JS_GetPropertyUint32(ctx, value, i);
        fits = shape_fits(ctx, of, entry, depth);
        JS_FreeValue(ctx, entry);
    }
    return fits;
}

/* `fields` by name, or all of them are `every`. */
static int shape_fits_fields(JSContext *ctx, JSValueConst fields, JSValueConst every, JSValueConst value, int depth)
{
    JSPropertyEnum *names;
    uint32_t n;
    int fits = 1;
    if (!JS_IsObject(value) || JS_IsArray(value)) return 0;
    if (JS_GetOwnPropertyNames(ctx, &names, &n, value, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY)) return 0;
    for (uint32_t i = 0; fits && i < n; i++) {
        JSAtom name = names[i].atom;
        JSValue entry = JS_GetProperty(ctx, value, name);
        if (JS_IsNull(entry)) fits = JS_DeleteProperty(ctx, value, name, 0) > 0;
        else if (!JS_IsUndefined(every)) fits = shape_fits(ctx, every, entry, depth);
        else {
            JSValue inner = JS_GetProperty(ctx, fields, name);
            /* it may be a known one in another case */
            fits = !JS_IsUndefined(inner) && shape_fits(ctx, inner, entry, depth);
            JS_FreeValue(ctx, inner);
        }
        JS_FreeValue(ctx, entry);
    }
    JS_FreePropertyEnum(ctx, names, n);
    return fits;
}

static int shape_fits_word(JSContext *ctx, JSValueConst words, JSValueConst value)
{
    if (!JS_IsString(value)) return 0;
    JSAtom word = JS_ValueToAtom(ctx, value);
    int there = JS_HasProperty(ctx, words, word);
    JS_FreeAtom(ctx, word);
    return there > 0;
}

static int shape_fits(JSContext *ctx, JSValueConst shape, JSValueConst value, int depth)
{
    JSValue kind = shape_part(ctx, shape, 0), part;
    int fits = 0;
    double d;
    if (JS_VALUE_GET_TAG(kind) != JS_TAG_INT || depth > SHAPE_DEPTH) { JS_FreeValue(ctx, kind); return 0; }
    switch (JS_VALUE_GET_INT(kind)) {
    case SHAPE_ANY: return JS_IsObject(value) && !JS_IsArray(value);
    case SHAPE_STRING: return JS_IsString(value);
    case SHAPE_BOOLEAN: return JS_IsBool(value);
    case SHAPE_NUMBER:
        if (!JS_IsNumber(value)) return 0;
        d = shape_number(ctx, value);
        return d >= shape_number(ctx, shape_part(ctx, shape, 1)) && d <= shape_number(ctx, shape_part(ctx, shape, 2)) && d == floor(d);
    }
    part = shape_part(ctx, shape, 1);
    switch (JS_VALUE_GET_INT(kind)) {
    case SHAPE_WORD: fits = shape_fits_word(ctx, part, value); break;
    case SHAPE_LIST: fits = shape_fits_list(ctx, part, value, depth + 1); break;
    case SHAPE_MAP: fits = shape_fits_fields(ctx, JS_UNDEFINED, part, value, depth + 1); break;
    case SHAPE_OBJECT: fits = shape_fits_fields(ctx, part, JS_UNDEFINED, value, depth + 1); break;
    }
    JS_FreeValue(ctx, part);
    return fits;
}

static JSValue js_fits(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return JS_NewBool(ctx, shape_fits(ctx, argv[0], argv[1], 0));
}
