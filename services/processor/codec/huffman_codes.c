/*
 * Gives the scan of a baseline JPEG file Huffman codes of its own. Source: ITU T.81, annexes B, C, F and K.2.
 *
 * An encoder that does so itself goes through all coefficients once more. Here the symbols of the finished scan are
 * counted and then written again; most coefficients are zero and have none.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { END_OF_BLOCK = 0x00 };
enum { SOI = 0xD8, SOF0 = 0xC0, DHT = 0xC4, EOI = 0xD9, SOS = 0xDA, DRI = 0xDD };

#define SYMBOLS 256
#define LONGEST_CODE 16
#define LONGEST_UNLIMITED SYMBOLS
#define MOST_COMPONENTS 4
#define TABLES 4
/* DC tables come first, and AC tables two places behind those of the same number. */
#define FIRST_AC 2
#define LOOK_BITS 10
#define COEFFICIENTS 64
/* What a broken block may read behind the end of the scan, which is looked at after each block alone. */
#define BYTES_BEHIND (COEFFICIENTS * 4 + 16)

typedef struct {
    uint8_t counts[LONGEST_CODE + 1]; /* of the codes of each length */
    uint8_t symbols[SYMBOLS];         /* by code */
    int is_known;
} Table;

typedef struct {
    uint16_t code;
    uint8_t length; /* 0: no code */
} Code;

typedef struct {
    uint8_t id, blocks; /* of a minimum coded unit */
    uint8_t dc, ac;     /* which tables */
} Component;

typedef struct {
    const uint8_t *file;
    Py_ssize_t length;
    Py_ssize_t scan; /* where it begins, behind its header */
    Py_ssize_t units;
    int components; /* 0: no frame was read */
    Component component[MOST_COMPONENTS];
    Table table[TABLES];
} Picture;

/* A symbol, the length of its code, and that with the bits that belong to it; 0: a longer code, or none. */
typedef uint32_t Found;
#define FOUND(symbol, length) ((Found)((symbol) | (length) << 8 | ((length) + ((symbol) & 15)) << 16))
#define SYMBOL_OF(found) ((found) & 0xFF)
#define LENGTH_OF(found) ((found) >> 8 & 0xFF)
#define BITS_OF(found) ((found) >> 16)

/* To find the symbol of a code: at once for the short ones, by length for the others. */
typedef struct {
    Found found[1 << LOOK_BITS];
    uint32_t end[LONGEST_CODE + 1]; /* of the codes of each length, as sixteen bits */
    int first[LONGEST_CODE + 1];    /* what to add to a code to get the place of its symbol */
    const uint8_t *symbols;
} Finder;

/* A scan without stuffed bytes. The next bits are the highest ones of `ahead`. */
typedef struct {
    const uint8_t *next, *end; /* BYTES_BEHIND more are readable behind the end */
    uint64_t ahead;
    int bits; /* of those, how many are there */
} Reader;

typedef struct {
    uint8_t *next; /* eight bytes more than are written are writable */
    uint64_t held;
    int bits; /* of those, how many are not written */
} Writer;

/* A symbol of the scan: the bits that belong to it, then which table's it is, then itself. */
typedef uint32_t Token;
#define TOKEN(value, table, symbol) ((uint32_t)(value) << 16 | (table) << 8 | (symbol))
#define VALUE_OF(token) ((token) >> 16)
#define TABLE_AND_SYMBOL_OF(token) ((token) & 0xFFFF)
#define MOST_UNIT_TOKENS (MOST_COMPONENTS * 16 * COEFFICIENTS)

typedef struct {
    Token *tokens;
    Py_ssize_t used, room;
} Tokens;

static int refused(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return 0;
}

static int read16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

/* ---- what stands in front of the scan (annex B) ---- */

static int read_tables(Picture *picture, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (end - at < 1 + LONGEST_CODE || (at[0] & ~0x11))
            return refused("the JPEG file has a Huffman table that is broken");
        Table *table = &picture->table[(at[0] & 1) + (at[0] >> 4 ? FIRST_AC : 0)];
        int all = 0;
        for (int length = 1; length <= LONGEST_CODE; length++)
            all += table->counts[length] = at[length];
        at += 1 + LONGEST_CODE;
        if (all > SYMBOLS || all > end - at)
            return refused("the JPEG file has a Huffman table that is broken");
        memcpy(table->symbols, at, all);
        table->is_known = 1;
        at += all;
    }
    return 1;
}

static int read_frame(Picture *picture, const uint8_t *at, Py_ssize_t size)
{
    int most_across = 1, most_down = 1;

    if (size < 6 || at[5] < 1 || at[5] > MOST_COMPONENTS || size != 6 + 3 * at[5])
        return refused("the JPEG file has a frame that is broken");
    Py_ssize_t height = read16(at + 1), width = read16(at + 3);
    picture->components = at[5];
    for (int number = 0; number < picture->components; number++) {
        const uint8_t *said = at + 6 + 3 * number;
        int across = said[1] >> 4, down = said[1] & 15;
        if (across < 1 || across > 4 || down < 1 || down > 4)
            return refused("the JPEG file has a frame that is broken");
        most_across = across > most_across ? across : most_across;
        most_down = down > most_down ? down : most_down;
        picture->component[number] = (Component){.id = said[0], .blocks = across * down};
    }
    if (picture->components == 1) /* B.2.3: what is not interleaved has one block for a unit */
        most_across = most_down = picture->component[0].blocks = 1;
    Py_ssize_t across = 8 * most_across, down = 8 * most_down;
    picture->units = ((width + across - 1) / across) * ((height + down - 1) / down);
    return picture->units > 0 ? 1 : refused("the JPEG file has a frame without pixels");
}

static int read_scan_header(Picture *picture, const uint8_t *at, Py_ssize_t size)
{
    if (picture->components == 0 || size != 4 + 2 * picture->components || at[0] != picture->components)
        return refused("the JPEG file has more than one scan");
    for (int number = 0; number < picture->components; number++) {
        Component *component = &picture->component[number];
        const uint8_t *said = at + 1 + 2 * number;
        component->dc = said[1] >> 4;
        component->ac = (said[1] & 15) + FIRST_AC;
        if (said[0] != component->id || component->dc >= FIRST_AC || component->ac >= TABLES
            || !picture->table[component->dc].is_known || !picture->table[component->ac].is_known)
            return refused("the JPEG file has a scan that is broken");
    }
    return 1;
}

static int read_picture(Picture *picture)
{
    const uint8_t *file = picture->file;
    Py_ssize_t at = 2;

    if (picture->length < 4 || file[0] != 0xFF || file[1] != SOI)
        return refused("this is no JPEG file");
    for (;;) {
        if (picture->length - at < 4 || file[at] != 0xFF)
            return refused("the JPEG file ends before its scan");
        int marker = file[at + 1];
        Py_ssize_t size = read16(file + at + 2) - 2;
        const uint8_t *body = file + at + 4;
        at += 4 + size;
        if (size < 0 || at > picture->length)
            return refused("the JPEG file ends before its scan");
        if (marker == DHT && !read_tables(picture, body, body + size))
            return 0;
        if (marker == SOF0 && !read_frame(picture, body, size))
            return 0;
        if (marker == DRI)
            return refused("the JPEG file can be begun in the middle");
        if (marker == SOS) {
            picture->scan = at;
            return read_scan_header(picture, body, size);
        }
    }
}

/* ---- codes (annex C) ---- */

static void codes_of(const Table *table, Code *codes)
{
    int code = 0, place = 0;

    memset(codes, 0, SYMBOLS * sizeof(Code));
    for (int length = 1; length <= LONGEST_CODE; length++, code <<= 1)
        for (int number = 0; number < table->counts[length]; number++)
            codes[table->symbols[place++]] = (Code){code++, length};
}

static void find_by(const Table *table, Finder *finder)
{
    int code = 0, place = 0;

    memset(finder, 0, sizeof *finder);
    finder->symbols = table->symbols;
    for (int length = 1; length <= LONGEST_CODE; length++, code <<= 1) {
        finder->first[length] = place - code;
        for (int number = 0; number < table->counts[length]; number++, code++, place++) {
            int beside = LOOK_BITS - length;
            for (int other = 0; beside >= 0 && other < 1 << beside; other++)
                finder->found[(code << beside | other) & ((1 << LOOK_BITS) - 1)] = FOUND(table->symbols[place], length);
        }
        finder->end[length] = (uint32_t)code << (LONGEST_CODE - length);
    }
}

/* The lengths of the best codes for these frequencies (K.2), in the order of the annex where two are as good. */
static void best_table(const uint32_t *frequencies, Table *table)
{
    int64_t frequency[SYMBOLS + 1];
    int length[SYMBOLS + 1] = {0}, next[SYMBOLS + 1];
    int counts[LONGEST_UNLIMITED + 1] = {0};

    for (int symbol = 0; symbol < SYMBOLS; symbol++)
        frequency[symbol] = frequencies[symbol];
    frequency[SYMBOLS] = 1; /* so that no code is all ones */
    for (int symbol = 0; symbol <= SYMBOLS; symbol++)
        next[symbol] = -1;
    for (;;) {
        int least = -1, second = -1;
        for (int symbol = 0; symbol <= SYMBOLS; symbol++) {
            if (frequency[symbol] == 0)
                continue;
            if (least < 0 || frequency[symbol] <= frequency[least]) {
                second = least;
                least = symbol;
            } else if (second < 0 || frequency[symbol] <= frequency[second])
                second = symbol;
        }
        if (second < 0)
            break;
        frequency[least] += frequency[second];
        frequency[second] = 0;
        for (length[least]++; next[least] >= 0; length[least]++)
            least = next[least];
        next[least] = second;
        for (length[second]++; next[second] >= 0; length[second]++)
            second = next[second];
    }
    for (int symbol = 0; symbol <= SYMBOLS; symbol++)
        if (length[symbol] > 0)
            counts[length[symbol]]++;
    int longest_unlimited = LONGEST_UNLIMITED;
    while (counts[longest_unlimited] == 0)
        longest_unlimited--;
    for (int long_one = longest_unlimited; long_one > LONGEST_CODE; long_one--)
        while (counts[long_one] > 0) {
            int shorter = long_one - 2;
            while (counts[shorter] == 0)
                shorter--;
            counts[long_one] -= 2;
            counts[long_one - 1]++;
            counts[shorter + 1] += 2;
            counts[shorter]--;
        }
    int longest = LONGEST_CODE;
    while (counts[longest] == 0)
        longest--;
    counts[longest]--; /* the one of no symbol */

    int place = 0;
    for (int each = 1; each <= LONGEST_CODE; each++)
        table->counts[each] = counts[each];
    for (int each = 1; each <= longest_unlimited; each++)
        for (int symbol = 0; symbol < SYMBOLS; symbol++)
            if (length[symbol] == each)
                table->symbols[place++] = symbol;
}

/* ---- the scan (annex F) ---- */

static Found found_late(const Finder *finder, uint32_t ahead)
{
    for (int length = LOOK_BITS + 1; length <= LONGEST_CODE; length++)
        if (ahead < finder->end[length])
            return FOUND(
                finder->symbols[(finder->first[length] + (int)(ahead >> (LONGEST_CODE - length))) & 0xFF], length);
    return 0;
}

/* Takes the next symbol and the bits that belong to it. Returns it, or -1 if there is no such code. */
static inline int take(Reader *reader, const Finder *finder, int table, Token **to)
{
    if (reader->bits < 32) {
        const uint8_t *next = reader->next;
        uint32_t more = (uint32_t)next[0] << 24 | next[1] << 16 | next[2] << 8 | next[3];
        reader->ahead |= (uint64_t)more << (32 - reader->bits);
        reader->bits += 32;
        reader->next += 4;
    }
    Found found = finder->found[reader->ahead >> (64 - LOOK_BITS)];
    if (found == 0 && (found = found_late(finder, reader->ahead >> (64 - LONGEST_CODE))) == 0)
        return -1;
    int symbol = SYMBOL_OF(found), extra = symbol & 15;
    *(*to)++ = TOKEN(reader->ahead << LENGTH_OF(found) >> 32 >> (32 - extra), table, symbol);
    reader->ahead <<= BITS_OF(found);
    reader->bits -= BITS_OF(found);
    return symbol;
}

static int is_at_its_end(const Reader *reader)
{
    Py_ssize_t left = 8 * (reader->end - reader->next) + reader->bits;
    return 0 <= left && left < 8;
}

static int make_room(Tokens *tokens)
{
    if (tokens->room - tokens->used >= MOST_UNIT_TOKENS)
        return 1;
    Py_ssize_t room = 2 * tokens->room + MOST_UNIT_TOKENS;
    Token *more = PyMem_Realloc(tokens->tokens, room * sizeof(Token));
    if (more == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    tokens->tokens = more;
    tokens->room = room;
    return 1;
}

static int read_symbols(const Picture *picture, Reader reader, const Finder *finders, Tokens *tokens)
{
    for (Py_ssize_t unit = 0; unit < picture->units; unit++) {
        if (!make_room(tokens))
            return 0;
        Token *to = tokens->tokens + tokens->used;
        for (int number = 0; number < picture->components; number++) {
            const Component *component = &picture->component[number];
            const Finder *dc = &finders[component->dc], *ac = &finders[component->ac];
            for (int block = 0; block < component->blocks; block++) {
                int symbol = take(&reader, dc, component->dc, &to);
                for (int at = 1; symbol >= 0 && at < COEFFICIENTS; at += (symbol >> 4) + 1) {
                    symbol = take(&reader, ac, component->ac, &to);
                    if (symbol == END_OF_BLOCK)
                        break;
                }
                if (symbol < 0 || reader.next > reader.end + 8)
                    return refused("the JPEG file has a scan that is broken");
            }
        }
        tokens->used = to - tokens->tokens;
    }
    return is_at_its_end(&reader) ? 1 : refused("the JPEG file has something behind its scan, or too little in it");
}

static void count(const Tokens *tokens, uint32_t *frequencies)
{
    memset(frequencies, 0, TABLES * SYMBOLS * sizeof(uint32_t));
    for (Py_ssize_t at = 0; at < tokens->used; at++)
        frequencies[TABLE_AND_SYMBOL_OF(tokens->tokens[at])]++;
}

static inline void write_bits(Writer *writer, uint32_t bits, int count)
{
    writer->held = writer->held << count | bits;
    writer->bits += count;
    uint64_t next = writer->held << (64 - writer->bits);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    next = __builtin_bswap64(next);
#endif
    memcpy(writer->next, &next, sizeof next);
    writer->next += writer->bits >> 3;
    writer->bits &= 7;
}

static void write_symbols(const Tokens *tokens, const Code *codes, uint8_t *to)
{
    Writer writer = {.next = to};

    for (Py_ssize_t at = 0; at < tokens->used; at++) {
        Token token = tokens->tokens[at];
        Code code = codes[TABLE_AND_SYMBOL_OF(token)];
        int extra = token & 15;
        write_bits(&writer, (uint32_t)code.code << extra | VALUE_OF(token), code.length + extra);
    }
    /* F.1.2.3: what is left of the last byte is ones. */
    write_bits(&writer, 0x7F, 7);
}

/* Takes the stuffed bytes out of the scan. `to` has room for it, and for BYTES_BEHIND more. */
static int read_scan(const Picture *picture, uint8_t *to, Reader *reader)
{
    const uint8_t *at = picture->file + picture->scan, *end = picture->file + picture->length - 2;

    if (end < at || end[0] != 0xFF || end[1] != EOI)
        return refused("the JPEG file does not end with its scan");
    *reader = (Reader){.next = to};
    while (at < end) {
        const uint8_t *stuffed = memchr(at, 0xFF, end - at);
        Py_ssize_t plain = (stuffed ? stuffed + 1 : end) - at;
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (stuffed && (at == end || *at++ != 0))
            return refused("the JPEG file has a mark in its scan");
    }
    memset(to, 0, BYTES_BEHIND);
    reader->end = to;
    return 1;
}

/* ---- the new file ---- */

static int64_t bits_of(const uint32_t *frequencies, const Code *codes)
{
    int64_t bits = 0;
    for (int at = 0; at < TABLES * SYMBOLS; at++)
        bits += (int64_t)frequencies[at] * (codes[at].length + (at & 15));
    return bits;
}

static int symbols_of(const Table *table)
{
    int all = 0;
    for (int length = 1; length <= LONGEST_CODE; length++)
        all += table->counts[length];
    return all;
}

static uint8_t *write_table(uint8_t *to, const Table *table, int number, int is_ac)
{
    int symbols = symbols_of(table), size = 3 + LONGEST_CODE + symbols;
    uint8_t head[] = {0xFF, DHT, size >> 8, size, is_ac << 4 | number};

    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, table->counts + 1, LONGEST_CODE);
    memcpy(to + sizeof head + LONGEST_CODE, table->symbols, symbols);
    return to + sizeof head + LONGEST_CODE + symbols;
}

/* All that stands in front of the scan, with these tables instead of those in the file, in front of its header. */
static uint8_t *write_head(uint8_t *to, const Picture *picture, const Table *tables)
{
    const uint8_t *at = picture->file, *end = picture->file + picture->scan;

    memcpy(to, at, 2);
    to += 2;
    at += 2;
    while (at < end) {
        Py_ssize_t size = 2 + read16(at + 2);
        if (at[1] == SOS)
            for (int number = 0; number < FIRST_AC; number++)
                for (int is_ac = 0; is_ac <= 1; is_ac++) {
                    const Table *table = &tables[number + (is_ac ? FIRST_AC : 0)];
                    if (table->is_known)
                        to = write_table(to, table, number, is_ac);
                }
        if (at[1] != DHT) {
            memcpy(to, at, size);
            to += size;
        }
        at += size;
    }
    return to;
}

static PyObject *new_file(
    const uint8_t *head, Py_ssize_t head_bytes, const uint8_t *scan, Py_ssize_t bytes, Py_ssize_t most)
{
    Py_ssize_t stuffed = 0;
    for (Py_ssize_t at = 0; at < bytes; at++)
        stuffed += scan[at] == 0xFF;
    Py_ssize_t size = head_bytes + bytes + stuffed + 2;
    if (size > most)
        Py_RETURN_NONE;
    PyObject *file = PyBytes_FromStringAndSize(NULL, size);
    if (file == NULL)
        return NULL;
    uint8_t *to = (uint8_t *)PyBytes_AS_STRING(file);
    memcpy(to, head, head_bytes);
    to += head_bytes;
    for (const uint8_t *end = scan + bytes; scan < end;) {
        const uint8_t *full = memchr(scan, 0xFF, end - scan);
        Py_ssize_t plain = (full ? full + 1 : end) - scan;
        memcpy(to, scan, plain);
        to += plain;
        scan += plain;
        if (full)
            *to++ = 0;
    }
    *to++ = 0xFF;
    *to++ = EOI;
    return file;
}

static PyObject *recoded_file(const Picture *picture, Py_ssize_t most)
{
    Finder finders[TABLES];
    Code codes[TABLES * SYMBOLS];
    uint32_t frequencies[TABLES * SYMBOLS];
    Table tables[TABLES] = {0};
    Tokens tokens = {0};
    Reader reader;
    Py_ssize_t old_bytes = picture->length - picture->scan;
    uint8_t *old = PyMem_Malloc(old_bytes + BYTES_BEHIND), *head = NULL, *scan = NULL;
    PyObject *file = NULL;

    tokens.room = 2 * old_bytes + MOST_UNIT_TOKENS;
    tokens.tokens = PyMem_Malloc(tokens.room * sizeof(Token));
    head = PyMem_Malloc(picture->scan + TABLES * (5 + LONGEST_CODE + SYMBOLS));
    if (old == NULL || tokens.tokens == NULL || head == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (int table = 0; table < TABLES; table++)
        find_by(&picture->table[table], &finders[table]);
    if (!read_scan(picture, old, &reader) || !read_symbols(picture, reader, finders, &tokens))
        goto done;
    count(&tokens, frequencies);
    for (int number = 0; number < picture->components; number++) {
        tables[picture->component[number].dc].is_known = 1;
        tables[picture->component[number].ac].is_known = 1;
    }
    for (int table = 0; table < TABLES; table++) {
        if (tables[table].is_known)
            best_table(frequencies + table * SYMBOLS, &tables[table]);
        codes_of(&tables[table], codes + table * SYMBOLS);
    }
    Py_ssize_t head_bytes = write_head(head, picture, tables) - head;
    Py_ssize_t bytes = (bits_of(frequencies, codes) + 7) / 8;
    if (head_bytes + bytes + 2 > most) {
        file = Py_NewRef(Py_None);
        goto done;
    }
    scan = PyMem_Malloc(bytes + 8);
    if (scan == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    write_symbols(&tokens, codes, scan);
    file = new_file(head, head_bytes, scan, bytes, most);
done:
    PyMem_Free(old);
    PyMem_Free(tokens.tokens);
    PyMem_Free(head);
    PyMem_Free(scan);
    return file;
}

static PyObject *recoded(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer jpeg;
    Py_ssize_t most;
    PyObject *file = NULL;

    if (!PyArg_ParseTuple(arguments, "y*n:recoded", &jpeg, &most))
        return NULL;
    Picture picture = {.file = jpeg.buf, .length = jpeg.len};
    if (read_picture(&picture))
        file = recoded_file(&picture, most);
    PyBuffer_Release(&jpeg);
    return file;
}

static PyMethodDef functions[] = {
    {"recoded", recoded, METH_VARARGS,
     "recoded(jpeg, most)\n--\n\n"
     "Return a baseline JPEG file with the best Huffman codes for it; None if it then has more than so many bytes.\n\n"
     "Raises `ValueError` for all other files."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "huffman_codes", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_huffman_codes(void)
{
    return PyModule_Create(&definition);
}
