/*
 * Takes the filters off the rows of a PNG file. Source: W3C, Portable Network Graphics, clause 9.
 *
 * A byte waits for the one a pixel before it. Pillow takes one byte after the other, and waits for each; here the bytes
 * of a pixel, which do not wait for each other, are taken together.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { NONE, SUB, UP, AVERAGE, PAETH };

/* Each function is compiled once for every size of a pixel, which makes loops over its bytes disappear. */
#define FOR_EACH_PIXEL_SIZE static inline __attribute__((always_inline))
#define MOST_PIXEL_BYTES 8

FOR_EACH_PIXEL_SIZE void sub(uint8_t *to, const uint8_t *from, Py_ssize_t size, int pixel)
{
    memcpy(to, from, pixel);
    for (Py_ssize_t at = pixel; at < size; at++)
        to[at] = from[at] + to[at - pixel];
}

static void up(uint8_t *to, const uint8_t *from, const uint8_t *above, Py_ssize_t size)
{
    for (Py_ssize_t at = 0; at < size; at++)
        to[at] = from[at] + above[at];
}

FOR_EACH_PIXEL_SIZE void average(uint8_t *to, const uint8_t *from, const uint8_t *above, Py_ssize_t size, int pixel)
{
    for (Py_ssize_t at = 0; at < pixel; at++)
        to[at] = from[at] + above[at] / 2;
    for (Py_ssize_t at = pixel; at < size; at++)
        to[at] = from[at] + (above[at] + to[at - pixel]) / 2;
}

/*
 * Of left, above and corner the one that is nearest to left + above - corner, the first of these if two are. That is
 * the same as comparing 3 * corner - left - above with the smaller and the larger of left and above, in fewer steps.
 */
static inline int nearest(int left, int above, int corner)
{
    int low = left < above ? left : above;
    int high = left < above ? above : left;
    int threshold = 3 * corner - left - above;
    int not_high = high <= threshold ? low : corner;
    return threshold <= low ? high : not_high;
}

FOR_EACH_PIXEL_SIZE void paeth(uint8_t *to, const uint8_t *from, const uint8_t *above, Py_ssize_t size, int pixel)
{
    int left[MOST_PIXEL_BYTES] = {0}, corner[MOST_PIXEL_BYTES] = {0};

    for (Py_ssize_t at = 0; at < size; at += pixel)
        for (int byte = 0; byte < pixel; byte++) {
            int over = above[at + byte];
            left[byte] = (from[at + byte] + nearest(left[byte], over, corner[byte])) & 0xFF;
            to[at + byte] = left[byte];
            corner[byte] = over;
        }
}

/* Returns whether all filters are known. `above` is as long as a row, and all zeros. */
FOR_EACH_PIXEL_SIZE int take_off(
    uint8_t *to, const uint8_t *from, const uint8_t *above, Py_ssize_t rows, Py_ssize_t size, int pixel)
{
    for (Py_ssize_t row = 0; row < rows; row++) {
        int filter = *from++;
        switch (filter) {
        case NONE: memcpy(to, from, size); break;
        case SUB: sub(to, from, size, pixel); break;
        case UP: up(to, from, above, size); break;
        case AVERAGE: average(to, from, above, size, pixel); break;
        case PAETH: paeth(to, from, above, size, pixel); break;
        default: return 0;
        }
        above = to;
        to += size;
        from += size;
    }
    return 1;
}

static int taken_off(
    uint8_t *to, const uint8_t *from, const uint8_t *above, Py_ssize_t rows, Py_ssize_t size, int pixel)
{
    switch (pixel) {
    case 1: return take_off(to, from, above, rows, size, 1);
    case 2: return take_off(to, from, above, rows, size, 2);
    case 3: return take_off(to, from, above, rows, size, 3);
    case 4: return take_off(to, from, above, rows, size, 4);
    case 6: return take_off(to, from, above, rows, size, 6);
    case 8: return take_off(to, from, above, rows, size, 8);
    default: return 0;
    }
}

static PyObject *unfiltered(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer rows;
    Py_ssize_t row_bytes;
    int pixel_bytes;
    PyObject *pixels = NULL;

    if (!PyArg_ParseTuple(arguments, "y*ni:unfiltered", &rows, &row_bytes, &pixel_bytes))
        return NULL;
    Py_ssize_t size = row_bytes - 1;
    if (size < 1 || pixel_bytes < 1 || size % pixel_bytes || rows.len % row_bytes) {
        PyErr_SetString(PyExc_ValueError, "these are no whole rows of a PNG file");
        goto done;
    }
    uint8_t *nothing = PyMem_Calloc(size, 1);
    if (nothing == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    Py_ssize_t count = rows.len / row_bytes;
    pixels = PyBytes_FromStringAndSize(NULL, count * size);
    if (pixels != NULL
        && !taken_off((uint8_t *)PyBytes_AS_STRING(pixels), rows.buf, nothing, count, size, pixel_bytes)) {
        PyErr_SetString(PyExc_ValueError, "the PNG file has a filter, or a size of a pixel, that does not exist");
        Py_CLEAR(pixels);
    }
    PyMem_Free(nothing);
done:
    PyBuffer_Release(&rows);
    return pixels;
}

static PyMethodDef functions[] = {
    {"unfiltered", unfiltered, METH_VARARGS,
     "unfiltered(rows, row_bytes, pixel_bytes)\n--\n\n"
     "Return the rows without their filters and the bytes that name these.\n\n"
     "Raises `ValueError` for a filter that does not exist, and for what are no whole rows."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "png_filters", NULL, 0, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_png_filters(void)
{
    return PyModule_Create(&definition);
}
