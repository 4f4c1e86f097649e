/* Imports from the bundle: what rank 0 reads once, in the memory of every node.
 * SPDX-License-Identifier: MIT
 *
 * Rank 0 starts first, as any Python does, and then knows what the others need: it gives them its
 * configuration, the answers that `site` got, and modules (bundle_make.py). They have all that before
 * they start, and look for modules there first (bundled.py).
 *
 * The bundle is a header, the configuration as strings, an index that bundled.py reads, a table of the
 * files to stage, code, and those files. */
#include "interp/bundle.h"

#include <dlfcn.h>
#include <marshal.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bundle_libraries.h"
#include "bundle_make.h"
#include "bundle_record.h"
#include "bundle_walk.h"
#include "bundled.h"
#include "interp/library.h"
#include "interp/self.h"
#include "interp/stage.h"
#include "interp/text.h"

#define MAGIC  "pympiB1"
#define PYTHON ((uint64_t)(PY_VERSION_HEX >> 16) << 8 | sizeof(void *))

typedef struct {
    char magic[8];
    uint64_t python; /* version and bits of rank 0's: others could not run its code */
    uint64_t config;
    uint64_t index;
    uint64_t table;
    uint64_t files;   /* where they begin: at a page */
    uint64_t program; /* where the program's source begins; 0: every rank reads it */
    uint64_t program_size;
} header;

static struct {
    bool owes, given;           /* rank 0, before and after the others get theirs */
    bool made;                  /* rank 0 imports from it too */
    pc_spread from;             /* on the others */
    char folder[PI_STAGE_NAME]; /* where this node's files are; empty: they are not */
    const char *unstaged;       /* on the node's first rank: why they are not */
} bundle;

static bool is_sound(const pc_spread *from)
{
    const header *head = from->bytes;
    return head && from->size >= sizeof *head &&
           memcmp(head->magic, MAGIC, sizeof head->magic) == 0 && head->python == PYTHON;
}

/* On the first rank of a node. What has been written is not needed twice. */
static void write_files(const pc_spread *spread)
{
    const header *head = spread->bytes;
    const char *start = spread->bytes;
    pi_stage_files files = {.table = start + sizeof *head + head->config + head->index,
                            .table_size = head->table,
                            .bytes = start + head->files,
                            .size = spread->size - head->files};
    bundle.unstaged = pi_stage_write(&files, bundle.folder);
    if (files.size) {
        madvise((void *)files.bytes, files.size, MADV_REMOVE);
    }
}

/* Collective over the node, like all that follows a spread. */
static void stage(const pc_spread *spread)
{
    bool wanted = !bundle.given || spread->ranks > 1;
    if (spread->first && wanted && is_sound(spread)) {
        write_files(spread);
    }
    if (pi_library_start()->tell_node(bundle.folder, sizeof bundle.folder) < 0 ||
        (bundle.folder[0] && !spread->first && pi_stage_hold(bundle.folder) < 0)) {
        bundle.folder[0] = '\0';
    }
}

void pi_bundle_join(void)
{
    const pc_entry_table *entry = pi_library_start();
    if (!entry->bundles()) {
        return;
    }
    bundle.owes = entry->rank() == 0;
    if (bundle.owes || entry->spread(NULL, 0, &bundle.from) < 0) {
        return;
    }
    stage(&bundle.from);
    if (!is_sound(&bundle.from)) {
        bundle.from.bytes = NULL;
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The copy on rank 0's node is the other ranks': rank 0 has the files. */
static void give(const void *bytes, size_t size, bool reports)
{
    pc_spread own;
    double begun = now(), spread;
    bundle.owes = false;
    bundle.given = true;
    if (pi_library_start()->spread(bytes, size, &own) < 0) {
        return;
    }
    spread = now();
    stage(&own);
    if (reports) {
        fprintf(stderr,
                "pympi: bundle: %.1f MB to the nodes in %.3f s, files in their memory in %.3f s\n",
                (double)size / 1e6, spread - begun, now() - spread);
    }
}

void pi_bundle_give_up(void)
{
    if (bundle.owes) {
        give(NULL, 0, false);
    }
}

/* The strings of the configuration stand behind the header, each with its end. */
static const char *first_string(void)
{
    return (const char *)bundle.from.bytes + sizeof(header);
}

static const char *next_string(const char *string)
{
    return string + strlen(string) + 1;
}

static const char *string_at(int number)
{
    const char *string = first_string();
    while (number-- > 0) {
        string = next_string(string);
    }
    return string;
}

bool pi_bundle_is_here(void)
{
    return bundle.from.bytes != NULL;
}

void pi_bundle_names(const char **executable_p, const char **environment_p)
{
    const char *environment = string_at(1);
    *executable_p = string_at(0);
    *environment_p = *environment ? environment : NULL;
}

/* What Python works out by looking at the file system, in the order of `configuration` in bundled.py. */
#define FIELDS 9
#define NAMES  4 /* strings before them: executable, environment, program, its entry in sys.path */
static void list_fields(PyConfig *config, wchar_t ***fields)
{
    wchar_t **const all[FIELDS] = {
        &config->home,       &config->executable,       &config->base_executable,
        &config->prefix,     &config->base_prefix,      &config->exec_prefix,
        &config->stdlib_dir, &config->base_exec_prefix, &config->platlibdir,
    };
    memcpy(fields, all, sizeof all);
}

static PyStatus read_paths(PyConfig *config, const char *string, const char *end)
{
    PyStatus status = PyStatus_Ok();
    config->module_search_paths_set = 1;
    for (; string < end && !PyStatus_Exception(status); string = next_string(string)) {
        wchar_t *wide = Py_DecodeLocale(string, NULL);
        status = wide ? PyWideStringList_Append(&config->module_search_paths, wide)
                      : PyStatus_NoMemory();
        PyMem_RawFree(wide);
    }
    return status;
}

static PyStatus read_config(PyConfig *config)
{
    wchar_t **fields[FIELDS];
    PyStatus status = PyStatus_Ok();
    const header *head = bundle.from.bytes;
    const char *string = string_at(NAMES);
    list_fields(config, fields);
#if PI_CONFIG_HAS_SYS_PATH_0 /* what messages know of a script's folder; Py_RunMain sets it */
    status = PyConfig_SetBytesString(config, &config->sys_path_0, string_at(3));
#endif
    for (int i = 0; i < FIELDS && !PyStatus_Exception(status); i++) {
        if (*string) {
            status = PyConfig_SetBytesString(config, fields[i], string);
        }
        string = next_string(string);
    }
    return PyStatus_Exception(status) ? status
                                      : read_paths(config, string, first_string() + head->config);
}

/* A module of ours, in no list of modules. Before there is a path the import system cannot make one. */
static PyObject *load(const char *name, const unsigned char *bytes, size_t size)
{
    PyObject *code = PyMarshal_ReadObjectFromString((const char *)bytes, (Py_ssize_t)size);
    PyObject *module = code ? PyModule_New(name) : NULL;
    PyObject *names = module ? PyModule_GetDict(module) : NULL;
    PyObject *done = NULL;
    if (names && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0) {
        done = PyEval_EvalCode(code, names, names);
    }
    if (!done) {
        Py_CLEAR(module);
    }
    Py_XDECREF(done);
    Py_XDECREF(code);
    return module;
}

#define LOAD(name) load("_pympi_" #name, pi_##name##_code, sizeof pi_##name##_code)

/* Opens a library that extensions need, so that the linker finds it by name. */
static PyObject *open_library(PyObject *Py_UNUSED(self), PyObject *path)
{
    const char *name = PyUnicode_AsUTF8(path);
    return name ? PyBool_FromLong(dlopen(name, RTLD_NOW) != NULL) : NULL;
}

/* self: (a function that says where a library is, the real dlopen). In Python it would be a line more in
 * the tracebacks of some ranks. */
static PyObject *lead_dlopen(PyObject *self, PyObject *args)
{
    PyObject *path = PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : Py_None;
    PyObject *there = PyObject_CallOneArg(PyTuple_GET_ITEM(self, 0), path);
    PyObject *changed = there ? PyTuple_GetSlice(args, 0, PyTuple_GET_SIZE(args)) : NULL;
    PyObject *result = NULL;
    if (changed && PyTuple_GET_SIZE(args)) {
        PyObject *first = PyTuple_Pack(1, there);
        PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
        Py_SETREF(changed, first && rest ? PySequence_Concat(first, rest) : NULL);
        Py_XDECREF(first);
        Py_XDECREF(rest);
    }
    if (changed) {
        result = PyObject_CallObject(PyTuple_GET_ITEM(self, 1), changed);
    }
    Py_XDECREF(changed);
    Py_XDECREF(there);
    return result;
}

static PyMethodDef dlopen_method = {"dlopen", lead_dlopen, METH_VARARGS,
                                    PyDoc_STR("Opens a library.")};

/* (where, real): what stands in place of _ctypes.dlopen. */
static PyObject *lead_library(PyObject *Py_UNUSED(module), PyObject *args)
{
    return PyCFunction_New(&dlopen_method, args);
}

static PyMethodDef tools_methods[] = {
    {"open_library", open_library, METH_O, PyDoc_STR("Opens a library; True if it can be.")},
    {"lead", lead_library, METH_VARARGS, PyDoc_STR("A dlopen that asks where a library is.")},
    {0},
};

/* What the finders need of C, under names of their own. */
static PyObject *make_tools(void)
{
    PyObject *tools = PyModule_New("_pympi_bundle_tools");
    if (tools && PyModule_AddFunctions(tools, tools_methods) < 0) {
        Py_CLEAR(tools);
    }
    return tools;
}

/* Shows a started, pathless interpreter the bundle. */
static PyObject *serve(const pi_options *options)
{
    bool reports = options->bundle_report && pi_library_start()->rank() == 1;
    const header *head = bundle.from.bytes;
    Py_ssize_t start = (Py_ssize_t)(sizeof *head + head->config);
    Py_ssize_t end = start + (Py_ssize_t)head->index;
    PyObject *view = PyMemoryView_FromMemory((char *)bundle.from.bytes,
                                             (Py_ssize_t)bundle.from.size, PyBUF_READ);
    PyObject *finder = view ? LOAD(bundled) : NULL;
    PyObject *served = finder ? PyObject_CallMethod(finder, "serve", "OnnnsNN", view, start, end,
                                                    end + (Py_ssize_t)head->table, bundle.folder,
                                                    make_tools(), PyBool_FromLong(reports))
                              : NULL;
    Py_XDECREF(finder);
    Py_XDECREF(view);
    return served;
}

/* names: the first strings of the configuration. */
static PyObject *make_bytes(PyObject *maker, PyObject *finder, PyObject *listener,
                            const pi_options *options, PyObject *names)
{
    static const char *const kinds[] = {"none", "stdin", "file", "command", "module", ""};
    PyObject *parts = Py_BuildValue("(ONNN)", finder, LOAD(bundle_libraries), LOAD(bundle_record),
                                    LOAD(bundle_walk));
    PyObject *bytes =
        parts ? PyObject_CallMethod(
                    maker, "make", "OOssOssNN", parts, listener, kinds[options->program],
                    options->program_name ? options->program_name : "", names,
                    options->preload ? options->preload : "", pi_self_library(),
                    PyBool_FromLong(options->bundle_report), PyBool_FromLong(options->verbose))
              : NULL;
    Py_XDECREF(parts);
    return bytes;
}

/* Makes the bundle and gives it away. */
static PyObject *make(PyObject *finder, PyObject *listener, const pi_options *options,
                      PyObject *names)
{
    PyObject *maker = LOAD(bundle_make); /* first: it removes the modules that its parts import */
    PyObject *bytes = maker ? make_bytes(maker, finder, listener, options, names) : NULL;
    Py_XDECREF(maker);
    bundle.made = bytes != NULL;
    if (bytes) {
        give(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes), options->bundle_report);
    }
    return bytes;
}

/* An exception in what is ours leaves a Python that imports the ordinary way. ^C is the program's. */
static void forgive(PyObject *result, bool verbose)
{
    if (!result && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        PyErr_SetInterruptEx(SIGINT);
    } else if (!result && verbose) {
        PyErr_Print();
    }
    PyErr_Clear();
    Py_XDECREF(result);
}

static PyStatus follow(PyConfig *config, const pi_options *options)
{
    PyStatus status = read_config(config);
    config->_init_main = 0;
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(config);
    }
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyObject *served = serve(options);
    Py_XINCREF(served);
    forgive(served, options->verbose);
    status = _Py_InitializeMain();
    if (served && !PyStatus_Exception(status)) {
        forgive(PyObject_CallMethod(served, "begin", NULL), options->verbose);
    }
    Py_XDECREF(served);
    return status;
}

/* What rank 0 imports as it starts may communicate, while the others wait for their bundle. */
static void give_up(void *Py_UNUSED(what))
{
    pi_bundle_give_up();
}

/* The strings that rank 0 knows before Python: executable, environment, home. */
static PyObject *list_names(PyConfig *config, const char *executable, const char *environment)
{
    return Py_BuildValue("[NNN]", PyUnicode_DecodeFSDefault(executable),
                         PyUnicode_DecodeFSDefault(environment ? environment : ""),
                         PyUnicode_FromWideChar(config->home ? config->home : L"", -1));
}

static PyStatus lead(PyConfig *config, const pi_options *options, const char *executable,
                     const char *environment)
{
    config->_init_main = 0;
    PyStatus status = Py_InitializeFromConfig(config);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyObject *finder = LOAD(bundled);
    PyObject *listener = finder ? PyObject_CallMethod(finder, "listen", NULL) : NULL;
    Py_XINCREF(listener);
    forgive(listener, options->verbose);
    pi_library_start()->beside_waits(give_up, &bundle);
    status = _Py_InitializeMain();
    pi_library_start()->beside_waits(NULL, &bundle);
    if (listener && bundle.owes && !PyStatus_Exception(status)) {
        PyObject *names = list_names(config, executable, environment);
        forgive(names ? make(finder, listener, options, names) : NULL, options->verbose);
        Py_XDECREF(names);
    }
    if (listener && !bundle.made && !PyStatus_Exception(status)) {
        forgive(PyObject_CallMethod(finder, "leave", "O", listener), options->verbose);
    }
    Py_XDECREF(finder);
    Py_XDECREF(listener);
    return status;
}

#undef LOAD

PyStatus pi_bundle_initialize(PyConfig *config, const pi_options *options, const char *executable,
                              const char *environment)
{
    PyStatus status = bundle.owes         ? lead(config, options, executable, environment)
                      : bundle.from.bytes ? follow(config, options)
                                          : Py_InitializeFromConfig(config);
    if (bundle.unstaged && options->verbose) {
        fprintf(stderr, "pympi: bundle: extensions are loaded from where they are: %s\n",
                bundle.unstaged);
    }
    return status;
}

bool pi_bundle_has_program(const pi_options *options)
{
    const header *head = bundle.from.bytes;
    return head && head->program && options->program == PI_PROGRAM_FILE && !options->inspect &&
           !options->skips_line && !getenv("PYTHONINSPECT");
}

/* Python's file of source text wants a descriptor. */
static FILE *open_program(void)
{
    const header *head = bundle.from.bytes;
    int fd = memfd_create("program", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r+");
    if (!file || pi_write_all(fd, (const char *)head + head->program, head->program_size) < 0) {
        return NULL;
    }
    rewind(file);
    return file;
}

static int enter_path(const char *folder)
{
    PyObject *path = PySys_GetObject("path"), *entry = PyUnicode_DecodeFSDefault(folder);
    int result = path && entry ? PyList_Insert(path, 0, entry) : -1;
    Py_XDECREF(entry);
    return result;
}

int pi_bundle_run(void)
{
    const char *name = string_at(2), *folder = string_at(3);
    FILE *file = open_program();
    if (!file) {
        return Py_RunMain();
    }
    if (*folder && enter_path(folder) < 0) {
        PyErr_Print();
        return 1;
    }
    PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
    int status = PyRun_AnyFileExFlags(file, name, 1, &flags) < 0;
    return Py_FinalizeEx() < 0 && !status ? 120 : status; /* Python's own status then */
}
